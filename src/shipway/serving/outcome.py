"""What versions say of tensors: read for them, predicted, and checked for being predictions at all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from time import perf_counter_ns
from typing import Final

import numpy as np

from shipway.core.error import ShipwayError
from shipway.core.tensor import MATRIX, Tensors
from shipway.serving.ask import Ask, round_rows
from shipway.serving.call import Call
from shipway.serving.encoding import inflate
from shipway.serving.inference import HEADER, Question, read_question
from shipway.serving.interface import Interface
from shipway.serving.refusal import RefusedError, pass_on, refuse
from shipway.serving.sent import MOST_BYTES, Sent
from shipway.serving.version import Place, Version, encode_places, find_error, infer

_ASK_OTHER: Final = "look at what was sent; another version may answer it"
_NOTHING: Final[Tensors] = {}
_SAYS_ELSE: Final = "serve it under a name of its own"


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What a version said of some rows.

    Attributes:
        rows: how many.
        outputs: what it said of them, by name; nothing where it failed altogether.
        errors: why it failed, by row; those of one that failed altogether have all one reason.
        latency_us: real time that it took for all of them; 0 where it was not asked.
        predicted_ns: when that was over.
    """

    rows: int
    outputs: Tensors
    errors: dict[int, ShipwayError]
    latency_us: int
    predicted_ns: int

    def find_error(self, first: int, last: int) -> ShipwayError | None:
        """Return why some of the rows have no prediction; None where all have one."""
        return find_error(self.errors, first, last)

    def take(self, first: int, last: int) -> Tensors:
        """Return what was said of some of the rows."""
        return take_rows(self.outputs, first, last, self.rows)


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """Requests that one version is to answer together.

    Attributes:
        asks: the requests.
        rows: how many rows they have.
        tensors: what the version reads of them, by name.
        error: why it cannot; None where it can.
    """

    asks: Sequence[Ask]
    rows: int
    tensors: Tensors
    error: ShipwayError | None = None


def read_tensors(call: Call, version: Version, rows: int | None = None) -> Sent:
    """Read what a request brings for a version that does not say one number a row; any thread may.

    Args:
        call: the request.
        version: one that was loaded.
        rows: how many it has for the version that it was read for first; None where this is the first.

    Raises:
        RefusedError: as `read_question` does, and 422 for a version that says one number a row, or reads another
            number of rows.
    """
    if version.bundle is None or version.interface is None:
        raise refuse(422, f"{version.model}@{version.variant.version} says one number a row", _SAYS_ELSE)
    question = _read_usual(call, version.interface)
    if question is None:
        body = inflate(call.body, call.headers.get("content-encoding", ""), MOST_BYTES)
        question = replace(read_question(body, call.headers, version.bundle), form=version.interface.form)
    if rows is not None and question.rows != rows:
        said = f"{version.model}@{version.variant.version} reads {question.rows} rows where {rows} were sent"
        raise refuse(422, said, _SAYS_ELSE)
    # The form of such a version is empty, and so is that of what is read for it.
    return Sent("", question.rows, [], question.id, question.parameters, question)


def _read_usual(call: Call, interface: Interface) -> Question | None:
    """Return what a usual request asks; None for one that is not usual, which `read_question` reads to the same."""
    usual, headers = interface.usual, call.headers
    sent = None
    if usual is not None and HEADER not in headers and "content-encoding" not in headers:
        sent = usual.read(call.body)
    if usual is None or sent is None:
        return None
    assert isinstance(sent.numbers, list), "what is usual is listed"
    x = round_rows(sent.numbers, len(usual.names)).astype(np.float64)
    return Question({MATRIX: x}, sent.rows, sent.id, interface.whole, sent.parameters, interface.form)


def plan_sent(version: Version, asks: Sequence[Ask]) -> list[Run]:
    """Put requests with tensors together that a version reads; those that it cannot read stand each by itself.

    Args:
        version: who is to answer.
        asks: the requests, each read for a version of this one's form, or with the reason why it cannot be.
    """
    interface, runs, alike = version.interface, list[Run](), list[Ask]()
    for ask in asks:
        assert ask.sent is not None
        question = ask.sent.question
        if interface is None or question is None or question.form != interface.form:
            error = version.fault or (ask.place if isinstance(ask.place, ShipwayError) else _deny(version))
            runs.append(Run([ask], ask.rows, _NOTHING, error))
        elif interface.matrix:
            alike.append(ask)
        else:
            runs.append(Run([ask], ask.rows, question.tensors))
    if alike:
        parts = [ask.sent.question.x for ask in alike if ask.sent is not None and ask.sent.question is not None]
        x = parts[0] if len(parts) == 1 else np.concatenate(parts)
        runs.append(Run(alike, len(x), {MATRIX: x}))
    return runs


def plan_keyed(version: Version, asks: Sequence[Ask], places: Sequence[Place | ShipwayError]) -> list[Run]:
    """Put requests by key together that have a vector; those that have none stand by themselves.

    Args:
        version: who is to answer.
        asks: the requests.
        places: of each its vector, or why there is none.
    """
    if version.bundle is None or version.bundle.encoder is None or version.interface is None:
        return [Run(asks, len(asks), _NOTHING, version.fault or _deny(version))]
    runs: list[Run] = []
    readable: list[Ask] = []
    found: list[Place] = []
    for ask, place in zip(asks, places, strict=True):
        if isinstance(place, ShipwayError):
            runs.append(Run([ask], 1, _NOTHING, place))
        else:
            readable.append(ask)
            found.append(place)
    if readable:
        runs.append(Run(readable, len(readable), {MATRIX: encode_places(version.bundle, found)}))
    return runs


def execute(version: Version, run: Run) -> list[tuple[Run, Outcome]]:
    """Predict requests together, and each by itself where that fails; any thread may.

    Args:
        version: who answers.
        run: the requests.
    """
    if run.error is not None:
        return [(run, fail(run.rows, run.error))]
    outcome = predict_tensors(version, run.tensors, run.rows)
    if outcome.outputs or len(run.asks) == 1:
        return [(run, outcome)]
    found: list[tuple[Run, Outcome]] = []
    first = 0
    for ask in run.asks:
        last = first + ask.rows
        tensors = take_rows(run.tensors, first, last, run.rows)
        found.append((Run([ask], ask.rows, tensors), predict_tensors(version, tensors, ask.rows)))
        first = last
    return found


def take_rows(tensors: Tensors, first: int, last: int, rows: int) -> Tensors:
    """Return some of the rows of tensors that have so many."""
    if first == 0 and last == rows:
        return tensors
    return {name: values[first:last] for name, values in tensors.items()}


def predict_tensors(version: Version, tensors: Tensors, rows: int) -> Outcome:
    """Predict tensors; any thread may.

    Args:
        version: what predicts.
        tensors: what its model reads, by name.
        rows: how many there are.
    """
    start = perf_counter_ns()
    if version.bundle is None:
        assert version.fault is not None
        return fail(rows, version.fault)
    interface = version.interface
    try:
        outputs = infer(version, tensors, rows)
    except RefusedError as refusal:
        now, error = perf_counter_ns(), refusal.error
        if refusal.status == 422 and (interface is None or interface.matrix):
            # The shape of a matrix was looked at when it was read, so what is wrong is not what was sent.
            error = ShipwayError("SW-801", error.fact, error.hint)
        return Outcome(rows, _NOTHING, dict.fromkeys(range(rows), error), (now - start) // 1_000, now)
    wrong = "" if interface is None else interface.find_fault(outputs, rows)
    errors: Mapping[int, str] = dict.fromkeys(range(rows), wrong)
    if not wrong:
        errors = {} if interface is None else interface.find_odd(outputs)
    now = perf_counter_ns()
    refused = {row: _explain(version, said) for row, said in errors.items()}
    return Outcome(rows, _NOTHING if wrong else outputs, refused, (now - start) // 1_000, now)


def require_predictions(version: Version, outputs: Tensors, rows: int) -> None:
    """Refuse what is no prediction where all rows are answered together; a model of no label may say any number.

    Args:
        version: who said it.
        outputs: by name.
        rows: how many there should be.

    Raises:
        RefusedError: 503 with SW-801 for outputs that are not as they are declared, and for a row that has none of the
            probabilities of classes that a label has.
    """
    interface = version.interface
    if interface is None:
        return
    wrong = interface.find_fault(outputs, rows)
    if not wrong and interface.classes:
        wrong = next(iter(interface.find_odd(outputs).values()), "")
    if wrong:
        raise pass_on(_explain(version, wrong))


def fail(rows: int, error: ShipwayError) -> Outcome:
    """Return what is said of rows that cannot be predicted."""
    return Outcome(rows, _NOTHING, dict.fromkeys(range(rows), error), 0, perf_counter_ns())


def _explain(version: Version, said: str) -> ShipwayError:
    return ShipwayError("SW-801", f"{version.model}@{version.variant.version} {said}", _ASK_OTHER)


def _deny(version: Version) -> ShipwayError:
    fact = f"{version.model}@{version.variant.version} says something else than the service"
    return ShipwayError("SW-801", fact, _SAYS_ELSE)

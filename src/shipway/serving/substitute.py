"""What a caller gets in place of an answer by vector, or of one by key that is not one number.

As in `fallback.py`, the version is seen to fail all the same: its row of the log has the code of the failure, and what
the caller got is a row of its own. The newest good answers are kept in memory, so many and so many bytes of them.
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from time import perf_counter_ns
from typing import Final

import numpy as np

from shipway.core.bundle import OUTPUTS, OutputColumn
from shipway.core.error import ShipwayError
from shipway.core.label import LabelKind
from shipway.core.record import find_odd_outputs
from shipway.core.service import spread_score
from shipway.core.tensor import MATRIX, PROBABILITIES, Tensors
from shipway.serving.ask import Ask
from shipway.serving.encoding import deflate
from shipway.serving.fallback import FALLBACK, KEPT_ANSWERS, NO_VERSION, Way
from shipway.serving.heard import count_bytes, log_outcome
from shipway.serving.inference import Question, write_outputs
from shipway.serving.interface import Interface
from shipway.serving.meter import Counts
from shipway.serving.outcome import Outcome, Run, predict_tensors, read_tensors
from shipway.serving.refusal import RefusedError, write_refusal
from shipway.serving.reply import write_keyed
from shipway.serving.request import check_row
from shipway.serving.response import Tasks
from shipway.serving.sent import INLINE_ROWS, read_sent
from shipway.serving.shadow import ROLES, log_fallback
from shipway.serving.version import Served, Version, encode_places, read_places

KEPT_BYTES: Final = 64 << 20
"""Bytes of answers of one service that are kept."""
LARGEST_BYTES: Final = 64 << 10
"""Bytes of the largest answer that is kept."""
_WHOLE: Final = ((0, False),)


@dataclass(frozen=True, slots=True, eq=False)
class StandIn:
    """What is answered in place of a prediction.

    Attributes:
        way: where it comes from.
        rows: how many it has.
        outputs: what is said of them, by name.
        version: number of the version that said it; 0 where none did.
        bundle: digest of its bundle; empty where none did.
        interface: of that version; None of one that says one number a row.
        predicts: the kind of label that this number is said of; None of any other version.
    """

    way: Way
    rows: int
    outputs: Tensors
    version: int
    bundle: str = ""
    interface: Interface | None = None
    predicts: LabelKind | None = None


@dataclass(slots=True)
class _Kept:
    answers: OrderedDict[str, tuple[int, StandIn, int]] = field(
        default_factory=OrderedDict[str, tuple[int, StandIn, int]]
    )
    bytes: int = 0


class Substitutes:
    """Answers what a version did not, and keeps what it needs to."""

    def __init__(self, counts: Counts, ways: dict[str, dict[str, int]]) -> None:
        """Start with nothing kept.

        Args:
            counts: is told of every answer.
            ways: how often each service fell back on what, by service and way.
        """
        self._counts = counts
        self._ways = ways
        self._kept: dict[str, _Kept] = {}
        self._tasks = Tasks()

    def keep(self, served: Served, version: Version, ask: Ask, outputs: Tensors) -> None:
        """Keep a good answer, if the service falls back on such and the caller named the row.

        Args:
            served: the service.
            version: what said it.
            ask: the request.
            outputs: the answer, by name.
        """
        fallback, key = served.routing.terms.fallback, name_kept(served, ask)
        if fallback is None or not fallback.last_us or key is None or version.bundle is None:
            return
        size = count_bytes(outputs)
        if size > LARGEST_BYTES:
            return
        # What is kept must not hold the batch that it was a part of.
        copied = {name: values.copy() for name, values in outputs.items()}
        digest, number = version.bundle.digest, version.variant.version
        said = StandIn("last", ask.rows, copied, number, digest, version.interface, version.predicts)
        kept = self._kept.setdefault(served.routing.service, _Kept())
        before = kept.answers.pop(key, None)
        kept.answers[key] = perf_counter_ns(), said, size
        kept.bytes += size - (0 if before is None else before[2])
        while len(kept.answers) > KEPT_ANSWERS or kept.bytes > KEPT_BYTES:
            kept.bytes -= kept.answers.popitem(last=False)[1][2]

    def answer(self, served: Served, version: Version | None, ask: Ask, refusal: RefusedError) -> None:
        """Answer a request that got no prediction: with what the service falls back on, else with the refusal.

        Args:
            served: the service.
            version: what failed; None where it was too late to ask it, and so to ask any.
            ask: the request, of a version that was assigned.
            refusal: why there is no prediction.
        """
        fallback = served.routing.terms.fallback
        found = None if fallback is None else self._find_last(served, ask)
        if fallback is not None and found is None and fallback.previous and version is not None:
            if ask.rows > INLINE_ROWS:
                self._tasks.start(ask.call, self._answer_later(served, version, ask, refusal))
                return
            found = ask_previous(served, version, ask)
        self._conclude(served, ask, refusal, found)

    async def _answer_later(self, served: Served, version: Version, ask: Ask, refusal: RefusedError) -> None:
        self._conclude(served, ask, refusal, await asyncio.to_thread(ask_previous, served, version, ask))

    def _conclude(self, served: Served, ask: Ask, refusal: RefusedError, found: StandIn | None) -> None:
        """Answer with a stand-in; without one with the score, and without that with the refusal."""
        if found is None:
            found = _find_score(served, ask)
        if found is None:
            ask.call.answer(refusal.status, write_refusal(refusal.error), headers=refusal.headers)
            return
        _write(served, ask, found)
        ways = self._ways.setdefault(served.routing.service, {})
        ways[found.way] = ways.get(found.way, 0) + 1
        self._counts.fell_back += 1
        ask.answer_us = (perf_counter_ns() - ask.call.received_ns) // 1_000
        _log(served, ask, found)

    def _find_last(self, served: Served, ask: Ask) -> StandIn | None:
        fallback, key = served.routing.terms.fallback, name_kept(served, ask)
        kept = self._kept.get(served.routing.service)
        if fallback is None or not fallback.last_us or key is None or kept is None or key not in kept.answers:
            return None
        at, said, _ = kept.answers[key]
        if perf_counter_ns() - at > fallback.last_us * 1_000 or said.rows != ask.rows:
            return None
        return said if _fits(served, said.interface, said.predicts) else None


def name_kept(served: Served, ask: Ask) -> str | None:
    """Return what an answer is kept under: the row's key or the caller's id, or else the unit that the terms name.

    Args:
        served: the service.
        ask: a request that was assigned.
    """
    if ask.key is not None:
        return ask.key
    return ask.unit if served.routing.terms.unit else None


def ask_previous(served: Served, version: Version, ask: Ask) -> StandIn | None:
    """Return what the version says that was stable before; None where it cannot answer either. Any thread may.

    Args:
        served: the service.
        version: what failed.
        ask: the request.
    """
    previous = served.previous
    if previous is None or previous is version or previous.bundle is None:
        return None
    if not _fits(served, previous.interface, previous.predicts):
        return None
    try:
        tensors = _read_for(previous, ask)
    except RefusedError:
        return None
    if tensors is None:
        return None
    outcome = predict_tensors(previous, tensors, ask.rows)
    if outcome.errors:
        return None
    number, digest = previous.variant.version, previous.bundle.digest
    return StandIn("previous", ask.rows, outcome.outputs, number, digest, previous.interface, previous.predicts)


def _read_for(version: Version, ask: Ask) -> Tensors | None:
    """Return what a version reads of a request; None where it cannot."""
    assert version.bundle is not None
    if ask.sent is None:
        if version.feed is None:
            return None
        place = ask.place
        if version.feed is not ask.feed or isinstance(place, ShipwayError):
            (place,) = read_places(version.feed, [check_row(ask.row, version.feed.layout)], [ask.at])
        return None if isinstance(place, ShipwayError) else {MATRIX: encode_places(version.bundle, [place])}
    if version.interface is None:
        sent = read_sent(ask.call, version.bundle, version.form)
    else:
        sent = read_tensors(ask.call, version, ask.rows)
    return None if sent.question is None else sent.question.tensors


def _find_score(served: Served, ask: Ask) -> StandIn | None:
    fallback, interface = served.routing.terms.fallback, served.interface
    if fallback is None or fallback.score is None:
        return None
    if interface is not None:
        if not interface.classes or isinstance(fallback.score, int | float):
            return None
        shares = np.tile(spread_score(fallback.score, interface.classes), (ask.rows, 1))
        return StandIn("score", ask.rows, {PROBABILITIES: shares}, NO_VERSION, interface=interface)
    if not isinstance(fallback.score, int | float):
        return None
    (output,) = _name_outputs(served)
    score = np.full(ask.rows, fallback.score)
    return StandIn("score", ask.rows, {output.name: score}, NO_VERSION, predicts=served.predicts)


def _fits(served: Served, interface: Interface | None, predicts: LabelKind | None) -> bool:
    """Tell whether an answer of another version is one that callers of the service can read."""
    known = served.interface
    if known is None or interface is None:
        return known is interface and predicts == served.predicts
    if known.classes and interface.classes:
        # It is marked as what it is, and names the classes that it is about: they may be those of the version before.
        return True
    return not find_odd_outputs(known.outputs, interface.outputs)


def _name_outputs(served: Served) -> tuple[OutputColumn, ...]:
    """Return what a service gives whose model says one number a row."""
    return OUTPUTS[served.predicts or "condition"]


def _write(served: Served, ask: Ask, found: StandIn) -> None:
    """Answer with what stands in, and say so in the header and in the answer."""
    routing, header = served.routing, (FALLBACK, found.way)
    if ask.sent is None:
        assert found.interface is not None
        model, outputs = routing.model, found.outputs
        body = write_keyed(ask.request, model, found.version, found.interface, outputs, 0, ask.at, found.way)
        ask.call.answer(200, body, headers=[header])
        return
    question, columns = _read_wanted(served, ask)
    if found.interface is not None and len(found.interface.outputs) == 1:
        # It is called as the service's, and its places stand for the classes of the version that said it.
        columns = found.interface.outputs
    parameters = {"bundle": found.bundle} if found.bundle else {}
    parameters["fallback"] = found.way
    body, headers = write_outputs(question, found.outputs, columns, routing.service, found.version, parameters)
    kind = "application/octet-stream" if headers else "application/json"
    body, more = deflate(body, ask.call.headers.get("accept-encoding", ""))
    ask.call.answer(200, body, kind=kind, headers=[*headers, *more, header])


def _read_wanted(served: Served, ask: Ask) -> tuple[Question, tuple[OutputColumn, ...]]:
    """Return what a request wants to be answered, and the outputs that it names the places of."""
    sent = ask.sent
    assert sent is not None
    if sent.question is None:
        return Question({}, sent.rows, sent.id, _WHOLE, sent.parameters), _name_outputs(served)
    for version in served.versions:
        if version.interface is not None and version.interface.form == sent.question.form:
            return sent.question, version.interface.outputs
    return sent.question, _name_outputs(served)


def _log(served: Served, ask: Ask, found: StandIn) -> None:
    if not ask.kept:
        return
    now = perf_counter_ns()
    if served.interface is not None:
        run, outcome = Run([ask], ask.rows, {}), Outcome(found.rows, found.outputs, {}, 0, now)
        log_outcome(served, found.version, ROLES[found.way], run, outcome, interface=found.interface)
        return
    (output,) = _name_outputs(served)
    log_fallback(served, ask, found.way, found.outputs[output.name].tolist(), found.version)

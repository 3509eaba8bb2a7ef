"""Whose explanation is asked for: a version, out of its bundle, and one row as it was known or as it was served."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from shipway.app.answered import describe_answers
from shipway.app.control.recomputation import open_recomputation
from shipway.app.instant import read_instant
from shipway.app.model import find_version, read_contents
from shipway.app.release import manifest_of
from shipway.app.workspace import Workspace
from shipway.core.bundle import DRIFT, GOLDEN, LAYOUT, MANIFEST, Golden, InputColumn, Manifest
from shipway.core.error import ShipwayError
from shipway.core.label import LabelKind
from shipway.core.prediction import join_key
from shipway.core.projection import State, VersionState
from shipway.core.reference import ColumnReference, DriftReference
from shipway.core.tensor import MATRIX
from shipway.data.column import evaluate_instant
from shipway.kit.duration import DAY
from shipway.kit.suggestion import did_you_mean
from shipway.monitoring.prediction import list_streams, read_numbers, read_predictions
from shipway.monitoring.reading import distinct_predictions, read_vectors, served
from shipway.ports.log import Log
from shipway.ports.model import Predictor, open_format
from shipway.training.frame import encode_frame
from shipway.validation.one_class import OneClass

_PREDICTED: Final = ("request", "row", "at", "version", "role", "token", "p", "error", "online")


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """A version that is explained.

    Attributes:
        bundle: digest of its bundle.
        manifest: what the bundle says of itself.
        predictor: its native form.
        background: float64[rows, columns], the golden rows: held out, and in the bundle.
        references: column to what training saw of it.
        scale: what a difference of predictions is a share of at least (`Golden.scale`).
        of: of a label of classes, the one that is explained, as a condition; empty for other labels.
    """

    bundle: str
    manifest: Manifest
    predictor: Predictor
    background: NDArray[np.float64]
    references: Mapping[str, ColumnReference]
    scale: float = 1.0
    of: str = ""

    @property
    def predicts(self) -> LabelKind:
        """Return which kind of label it predicts; one class of several is a condition."""
        if self.of:
            return "condition"
        assert self.manifest.predicts is not None, "a model that predicts no label is no subject"
        return self.manifest.predicts

    @property
    def name(self) -> str:
        """Return the version's name, such as `delay@2`."""
        return f"{self.manifest.model}@{self.manifest.version}"


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """One row that is explained.

    Attributes:
        row: its key, as the log writes it.
        at: the instant asked about, microseconds since 1970 UTC; None where nothing says.
        x: float64[columns], as the model reads it.
        request: id of the request; empty where none is meant.
        p: what the log says was predicted, float64[] or of classes float64[classes]; None where it was not served.
    """

    row: str
    at: int | None
    x: NDArray[np.float64]
    request: str = ""
    p: NDArray[np.float64] | None = None


def choose_subject(state: State, ref: str) -> VersionState:
    """Return the version that a reference names; a retired one too, for what it said may be disputed still.

    Args:
        state: what the project remembers.
        ref: a service, for the version that answers; `model@number` or `model@alias`; or a model, for the newest of its
            versions that has a bundle.

    Raises:
        ShipwayError: SW-104 if there is none of that name.
    """
    service = state.services.get(ref)
    if service is not None:
        return find_version(state, f"{service.model}@{service.stable.version}")
    name, at, _ = ref.partition("@")
    if name not in state.models:
        known = [*state.models, *state.services]
        raise ShipwayError("SW-104", f"there is no model or service {name!r}", did_you_mean(name, known))
    bundled = [each for each in state.models[name] if each.bundle is not None]
    return bundled[-1] if bundled and not at else find_version(state, ref)


def open_subject(workspace: Workspace, version: VersionState) -> Subject:
    """Read what a version is explained with out of its bundle.

    Raises:
        ShipwayError: SW-404 if it has no bundle because a gate did not pass, SW-462 if it predicts no label by a
            matrix, SW-605 for a file that is missing or damaged, SW-606 for a bundle of another layout.
    """
    digest, contents = read_contents(workspace, version)
    manifest = msgspec.json.decode(contents[MANIFEST], type=Manifest)
    if manifest.layout != LAYOUT:
        fact = f"bundle {digest[:12]} has layout {manifest.layout}, and this shipway reads layout {LAYOUT}"
        raise ShipwayError("SW-606", fact, "install the shipway that made it, or make it again: shipway run --force")
    if manifest.predicts is None:
        fact = f"{version.ref} does not say a probability, a number or classes for each row of a matrix"
        raise ShipwayError("SW-462", fact, "models of other shapes are not explained")
    unpickle = workspace.project.config.security.unpickle
    predictor = open_format(manifest.format, unpickle=unpickle).load(contents[manifest.native])
    golden = msgspec.json.decode(contents[GOLDEN], type=Golden)
    drift = msgspec.json.decode(contents[DRIFT], type=DriftReference) if DRIFT in contents else None
    references = {} if drift is None else {each.name: each for each in drift.inputs}
    background = np.asarray(golden.tensors[MATRIX], dtype=np.float64)
    return Subject(digest, manifest, predictor, background, references, golden.scale)


def choose_class(subject: Subject, name: str, asked: Asked | None = None) -> Subject:
    """Return a version as it is explained: one of classes as a model of whether it is one of them.

    Args:
        subject: the version.
        name: which class; where empty the one that was answered, or that the version finds most probable in a row.
        asked: the row; None where there is none.

    Raises:
        ShipwayError: SW-104 for a class there is not; SW-106 for a class of a label that has none, and for none where
            there is no row that would say which.
    """
    classes = subject.manifest.classes
    if not classes:
        if name:
            fact = f"{subject.name} tells no classes apart, and the explanation of class {name!r} is asked for"
            raise ShipwayError("SW-106", fact, "leave the class away")
        return subject
    if not name:
        if asked is None:
            fact = f"{subject.name} tells {len(classes)} classes apart, and what it listens to is told of one"
            raise ShipwayError("SW-106", fact, f"say which, such as --class {classes[0]!r}: {', '.join(classes)}")
        p = subject.predictor.predict(asked.x[None])[0] if asked.p is None else asked.p
        name = classes[int(p.argmax())]
    if name not in classes:
        fact = f"{subject.name} never learned class {name!r}"
        raise ShipwayError("SW-104", fact, did_you_mean(name, classes))
    return replace(subject, predictor=OneClass(subject.predictor, classes.index(name)), of=name)


def find_row(workspace: Workspace, subject: Subject, key: Sequence[str], at: int | None) -> Asked:
    """Return a row with its features as known at an instant, by the definitions that the bundle has.

    Args:
        workspace: the project's.
        subject: whose features.
        key: the row's key, one text for each of its columns.
        at: the instant, microseconds since 1970 UTC; where None, that at which the model asks about the row.

    Raises:
        ShipwayError: SW-104 for a model that is declared no longer or a key of other columns; SW-203 for a value of the
            wrong type; SW-462 if there is no such row, or nothing says when it is asked about; SW-401 if no data was
            admitted.
    """
    manifest, registry = subject.manifest, workspace.project.registry
    model = registry.models.get(manifest.model)
    if model is None:
        fact = f"model {manifest.model!r} is declared no longer, so nothing says what its rows are"
        raise ShipwayError("SW-104", fact, did_you_mean(manifest.model, registry.models))
    opened = open_recomputation(workspace, model, manifest.keyed.views)
    table = opened.work.tables[model.on.name]
    row = join_key(_read_key(table, model.on.key, key, workspace.project.config.project.timezone))
    there = table.filter(opened.rows == row)
    if not there.height:
        fact = f"{model.on.name} has no row {row!r} ({', '.join(model.on.key)})"
        raise ShipwayError("SW-462", fact, f"shipway data show {model.on.name} says what rows look like")
    if at is None:
        instant = evaluate_instant(model.at, model.on.name, {model.on.name: there})
        if not instant.valid[0]:
            fact = f"row {row!r} has no instant at which {manifest.model} asks about it"
            raise ShipwayError("SW-462", fact, "say when: --at 2013-06-01T18:30")
        at = int(instant.values[0])
    asked = pl.DataFrame({"row": [row], "at": [at]}, schema={"row": pl.String, "at": pl.Int64})
    return Asked(row, at, _encode(opened.compute(asked), manifest.inputs))


def find_request(workspace: Workspace, ref: str, request: str) -> tuple[VersionState, Asked]:
    """Return the version that answered a request, and the row with its features as they were served.

    Args:
        workspace: the project's.
        ref: a service or a model, for the version that answered; with a version, for what that one said, also in
            shadow.
        request: its id in the prediction log.

    Raises:
        ShipwayError: SW-104 for an unknown model, service or version; SW-462 if the request is not in the log, the
            version failed on it, or the log does not hold its features; SW-605 for a damaged log; of a label of classes
            also what `describe_answers` refuses.
    """
    state = workspace.peek()
    subject = choose_subject(state, ref)
    # Of classes the log is laid out over those of all versions that answered, whose bundles say them.
    classed = subject.bundle is not None and manifest_of(workspace, subject).predicts == "class"
    names = [ref] if ref in state.services else [n for n, s in state.services.items() if s.model == subject.model]
    for name in names:
        log = workspace.open_log(name)
        kind, classes = describe_answers(workspace, state.services[name]) if classed else ("condition", ())
        rows = read_request(log, request, workspace.now, kind, classes)
        if not rows.height:
            continue
        said = rows.filter(pl.col("version") == subject.number) if "@" in ref else served(rows)
        if not said.height:
            by = ", ".join(f"version {number}" for number in rows["version"].unique().sort())
            fact = f"{ref} did not predict request {request!r}; {by} did"
            raise ShipwayError("SW-462", fact, "name one of those, or the model alone")
        return _read_answer(workspace, log, subject.model, classes, said)
    where = ", ".join(names) or "no service"
    hint = "an id is what the caller sent as `id`, or what the answer says; logs are written within seconds"
    raise ShipwayError("SW-462", f"request {request!r} is not in the log of {where}", hint)


def read_request(
    log: Log, request: str, now: int, kind: LabelKind = "condition", classes: Sequence[str] = ()
) -> pl.DataFrame:
    """Return what every version said of a request, reading the log a day at a time, from its newest row back.

    Args:
        log: the prediction log.
        request: its id.
        now: where the newest rows are looked for first, microseconds since 1970 UTC.
        kind: of the label that is predicted.
        classes: those that `p` is over, of a label of classes.

    Raises:
        ShipwayError: as `distinct_predictions` does.
    """
    for since, until in _list_days(log, list_streams(log, kind), now):
        rows = read_predictions(log, kind, _PREDICTED, classes=classes, since=since, until=until)
        found = rows.filter(pl.col("request") == request)
        if found.height:
            # A caller that sent it again did so soon after, which may be on the other side of a day's edge.
            before = read_predictions(log, kind, _PREDICTED, classes=classes, since=since - DAY, until=since)
            again = before.filter(pl.col("request") == request) if before.height else before
            return distinct_predictions(pl.concat([again, found]) if again.height else found)
    return pl.DataFrame()


def _list_days(log: Log, streams: Sequence[str], now: int) -> Iterator[tuple[int, int]]:
    """Yield days in which some streams have rows, each from their newest row back, the newest day first.

    Longer and longer spans are looked at where there is nothing, and of those the instants alone.
    """
    edge, until, span = now, None, DAY
    while streams:
        since = edge - span if edge > span else None
        read = (log.read(stream, since=since, until=until, columns=("at",)) for stream in streams)
        newest = [int(rows["at"].max()) for rows in read if rows.height]  # pyright: ignore[reportArgumentType]
        if newest:
            end = max(newest) + 1
            yield end - DAY, end
            edge, until, span = end - DAY, end - DAY, DAY
        elif since is None:
            return
        else:
            edge, until, span = since, since, 2 * span


def _read_answer(
    workspace: Workspace, log: Log, model: str, classes: Sequence[str], answer: pl.DataFrame
) -> tuple[VersionState, Asked]:
    """Return the version that said something, one row of `read_request`, and the row with the features it was given."""
    said, logged = answer.row(0, named=True), read_numbers(answer["p"])[0]
    request, at = str(said["request"]), int(said["at"])
    version = workspace.peek().version(model, int(said["version"]))
    assert version is not None, "a version that predicted is in the ledger"
    _, contents = read_contents(workspace, version)
    manifest = msgspec.json.decode(contents[MANIFEST], type=Manifest)
    if np.isnan(logged).any():
        fact = f"{version.ref} failed on request {request!r}: {said['error'] or 'nothing says why'}"
        raise ShipwayError("SW-462", fact, "there is no prediction to explain")
    columns = [column.name for column in manifest.inputs]
    found = read_vectors(log, said["online"] or "", columns, at, at + 1)
    vector = found.filter(pl.col("request") == request) if found.height else found
    if not vector.height:
        fact = f"the log holds no features of request {request!r}"
        hint = "vectors that callers send themselves are not logged: explain the row by its key, with --row"
        raise ShipwayError("SW-462", fact, hint)
    # The log is read over the classes of all versions, and this one has its own, in its own order.
    p = logged[[classes.index(name) for name in manifest.classes]] if manifest.classes else np.asarray(logged)
    return version, Asked(str(said["row"]), at, _encode(vector, manifest.inputs), request, p)


def _encode(rows: pl.DataFrame, inputs: Sequence[InputColumn]) -> NDArray[np.float64]:
    """Return the first row as the model reads it; a column without any value has whatever type that is due."""
    blank = {column.name: pl.String if column.kind == "category" else pl.Float64 for column in inputs}
    typed = rows.head(1).with_columns(
        pl.col(name).cast(dtype) for name, dtype in blank.items() if rows[name].dtype == pl.Null
    )
    return encode_frame(typed, inputs)[0]


def _read_key(table: pl.DataFrame, names: Sequence[str], given: Sequence[str], zone: str) -> tuple[object, ...]:
    if len(given) != len(names):
        fact = f"a row's key has {len(names)} columns ({', '.join(names)}), and {len(given)} values are given"
        raise ShipwayError("SW-104", fact, f"write --row {' '.join(name.upper() for name in names)}")
    return tuple(_read_value(table[name].dtype, name, text, zone) for name, text in zip(names, given, strict=True))


def _read_value(dtype: pl.DataType, name: str, text: str, zone: str) -> object:
    try:
        if isinstance(dtype, pl.Datetime):
            return read_instant(text, zone)
        return int(text) if dtype.is_integer() else text
    except ValueError as error:
        raise ShipwayError("SW-203", f"{name} is {dtype}, and {text!r} is not", "write a value of that type") from error

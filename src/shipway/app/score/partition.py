"""Partitions: so many rows of what is scored, each a task of its own whose result is a file of the table.

A partition depends on the rows, the bundle and the tables that features are read from, all by digest, and on nothing
else. So what was scored before a process died is found, and is the same whoever scored it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shipway.app.asking import cast_keys
from shipway.app.score.question import Question, name_columns
from shipway.core.bundle import InputColumn, Manifest, OutputColumn
from shipway.core.error import ShipwayError
from shipway.core.label import find_no_predictions
from shipway.core.record import find_no_answers, plan_outputs
from shipway.core.score import BUNDLE, CLASS, ERROR, ROW, VERSION
from shipway.core.table import Snapshot
from shipway.core.tensor import DATATYPES, MATRIX
from shipway.data.batch import PIECE_ROWS, Parts
from shipway.data.frame import build_frame
from shipway.data.plan import AT
from shipway.data.room import Room, Stock, build_within
from shipway.data.spine import ASKED
from shipway.infra.table import TableFiles, encode_rows
from shipway.kit.suggestion import nearest
from shipway.ports.blobs import open_blobs
from shipway.ports.model import open_runtime
from shipway.training.frame import encode_frame

THREADS: Final = 1
"""Threads of one prediction. It is what the server has: more of them add up the trees of a forest in another order, and
an answer may differ in its last bit. Partitions are what work is shared by."""


@dataclass(frozen=True, slots=True)
class Span:
    """A partition: the rows from one place to before another; `rows` holds them where who scores cannot read them."""

    start: int
    stop: int
    rows: pl.DataFrame | None = None


@dataclass(frozen=True, slots=True)
class Store:
    """Where files are read from: the project's folder of state, and the address where they are kept if not there."""

    folder: Path
    files: str = ""

    def open(self) -> TableFiles:
        """Return what reads the files of tables."""
        return TableFiles(open_blobs(self.folder, self.files))


@dataclass(frozen=True, slots=True)
class Job:
    """What all partitions share.

    Attributes:
        name: what people call the rows.
        store: where files are read from.
        question: what is asked of the rows.
        snapshot: the rows.
        manifest: the bundle's.
        bundle: the bundle's name.
        model: the form that is served.
        tables: the tables that features are read from, in the columns that count.
        blank: the same without rows.
        streams: those tables in memory; None where they do not fit.
        memory_bytes: how much memory who scores may take where they do not.
        providers: what runs the model, in order of preference; the CPU where there is none.
        unpickle: whether the project lets bundles unpickle.
    """

    name: str
    store: Store
    question: Question
    snapshot: Snapshot
    manifest: Manifest
    bundle: str
    model: bytes
    tables: Mapping[str, Snapshot] = field(default_factory=dict[str, Snapshot])
    blank: Mapping[str, pl.DataFrame] = field(default_factory=dict[str, pl.DataFrame])
    streams: Mapping[str, pl.DataFrame] | None = None
    memory_bytes: int = 0
    providers: tuple[str, ...] = ()
    unpickle: bool = False


@dataclass(frozen=True, slots=True)
class Beyond:
    """Rows in which a column has what training did not see, and an example."""

    rows: int
    example: str


@dataclass(frozen=True, slots=True)
class Scored:
    """What a partition came to.

    Attributes:
        content: the file.
        columns: its columns and their types.
        rows: how many rows it has.
        failed: those without a prediction.
        beyond: column to the rows in which it has what training did not see.
    """

    content: bytes
    columns: dict[str, str]
    rows: int
    failed: int
    beyond: dict[str, Beyond]


def score_span(job: Job, span: Span) -> Scored:
    """Score a partition; a function of what it is given alone.

    Raises:
        ShipwayError: SW-301 for a value read before it is known, and what building a frame and predicting refuse.
    """
    rows = read_span(job, span) if span.rows is None else span.rows
    frame = build_rows(job, rows)
    scored, failed, beyond = predict_rows(job, frame)
    key = rows.select(job.question.key) if job.question.key else pl.DataFrame({ROW: np.arange(span.start, span.stop)})
    at = frame.select(AT) if AT in frame.columns else pl.DataFrame()
    made = pl.concat([key, at, scored], how="horizontal").with_columns(
        pl.lit(job.manifest.version, pl.Int64).alias(VERSION), pl.lit(job.bundle).alias(BUNDLE)
    )
    made = made.select(*(name for name in made.columns if name != ERROR), ERROR)
    columns = {name: str(dtype) for name, dtype in made.schema.items()}
    return Scored(encode_rows(made), columns, made.height, failed, beyond)


def score_blank(job: Job) -> None:
    """Score no rows at all, which refuses columns of the wrong type before rows are looked at.

    Raises:
        ShipwayError: SW-203 for one.
    """
    rows = job.store.open().read_span(job.snapshot, 0, 0, list(job.question.read))
    predict_rows(job, build_rows(replace(job, streams=dict(job.blank)), rows))


def read_span(job: Job, span: Span) -> pl.DataFrame:
    """Read the rows of a partition."""
    return job.store.open().read_span(job.snapshot, span.start, span.stop, list(job.question.read))


def build_rows(job: Job, rows: pl.DataFrame) -> pl.DataFrame:
    """Return what the bundle's columns are for rows: their features as known at each one's instant, or themselves."""
    plan = job.question.plan
    if plan is None:
        at = job.question.at
        return rows.with_columns(pl.col(at).alias(AT)) if at else rows
    try:
        asked = cast_keys(rows, plan, job.blank)
        if job.streams is not None:
            return build_frame(plan, {**job.streams, ASKED: asked})
        return _build_within(job, asked)
    except ShipwayError as error:
        fact = error.fact.replace(f"{ASKED}.", f"{job.name}.").replace(ASKED, job.name)
        raise ShipwayError(error.code, fact, error.hint) from error


def predict_rows(job: Job, frame: pl.DataFrame) -> tuple[pl.DataFrame, int, dict[str, Beyond]]:
    """Predict rows.

    Args:
        job: what predicts.
        frame: with the bundle's inputs.

    Returns:
        The outputs and `ERROR` by column, how many rows have no prediction, and what training did not see.
    """
    manifest = job.manifest
    if manifest.reads == "matrix":
        x = encode_frame(frame, manifest.inputs)
        tensors: dict[str, NDArray[Any]] = {MATRIX: x}
        beyond = find_beyond(frame, [(column, x[:, place]) for place, column in enumerate(manifest.inputs)])
    else:
        tensors = {column.name: write_tensor(frame[column.name], column) for column in manifest.inputs}
        beyond = find_beyond(frame, [(column, tensors[column.name]) for column in manifest.inputs])
    runtime = open_runtime(manifest.runtime, threads=THREADS, unpickle=job.unpickle, providers=job.providers)
    predictor = runtime.load(job.model)
    # A graph is not asked about nothing: some have a shape that needs a row.
    found = predictor.infer(tensors) if frame.height else {}
    said = {output.name: found[output.name] if found else _blank(output) for output in manifest.outputs}
    columns = _choose_classes(manifest, said)
    for output in manifest.outputs:
        columns += _read_output(name_columns(output), said[output.name])
    failed = _find_failed(manifest, said)
    answer, wrong = pl.DataFrame(columns), pl.lit(pl.Series(failed))
    if failed.any():
        answer = answer.select(pl.when(~wrong).then(pl.all()))
    answer = answer.with_columns(pl.when(wrong).then(pl.lit("SW-801")).alias(ERROR))
    return answer, int(failed.sum()), beyond


def find_beyond(frame: pl.DataFrame, inputs: Sequence[tuple[InputColumn, NDArray[Any]]]) -> dict[str, Beyond]:
    """Return in how many rows a column is beyond what training saw of it: its range, or its texts."""
    found: dict[str, Beyond] = {}
    for column, values in inputs:
        if column.kind == "category":
            unseen = frame[column.name].is_not_null() & ~frame[column.name].is_in(column.categories)
            if rows := int(unseen.sum()):
                text = str(frame[column.name].filter(unseen)[0])
                like = nearest(text, column.categories)
                found[column.name] = Beyond(rows, repr(text) + (f", near {like!r}" if like else ""))
        elif column.low is not None and column.high is not None:
            outside = (values < column.low) | (values > column.high)
            if rows := int(np.count_nonzero(outside)):
                example = values[int(np.argmax(outside))]
                found[column.name] = Beyond(rows, f"{example:g}, not from {column.low:g} to {column.high:g}")
    return found


def write_tensor(series: pl.Series, column: InputColumn) -> NDArray[Any]:
    """Return a column as the tensor that a model is handed.

    Raises:
        ShipwayError: SW-203 for values of another type or length, and for none where the datatype has no word for that.
    """
    dtype, inner = DATATYPES[column.datatype], series.dtype
    while isinstance(inner, pl.List | pl.Array):
        series = series.explode()
        inner = series.dtype
    texts = dtype.kind == "O"
    fits = inner == pl.String if texts else inner.is_numeric() or inner == pl.Boolean
    lost = dtype.kind not in "Of" and series.null_count() > 0
    if not fits or lost:
        said = f"{series.null_count():,} values are missing" if lost and fits else f"it is {inner}"
        hint = "give it in the type that shipway models show says"
        raise ShipwayError("SW-203", f"column {column.name!r} is read as {column.datatype}, and {said}", hint)
    if texts:
        values = np.array([*series.to_list(), None], dtype=object)[:-1]
    else:
        values = (series.fill_null(np.nan) if dtype.kind == "f" else series).to_numpy().astype(dtype)
    try:
        return values.reshape(-1, *(size for size in column.shape[1:])) if len(column.shape) > 1 else values
    except ValueError as error:
        fact = f"column {column.name!r} does not have {list(column.shape[1:])} values in each row"
        raise ShipwayError("SW-203", fact, "give lists of that length") from error


def cut_rows(rows: int, size: int) -> Iterator[Span]:
    """Yield the partitions of so many rows; one without rows where there are none."""
    for start in range(0, max(rows, 1), size):
        yield Span(start, min(start + size, rows))


def _build_within(job: Job, asked: pl.DataFrame) -> pl.DataFrame:
    """Build features whose streams are more than memory holds."""
    plan, files = job.question.plan, job.store.open()
    assert plan is not None, "only features read streams"

    def read(name: str, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        return files.read_parts(job.tables[name], columns, rows=PIECE_ROWS)

    tables = {
        name: Parts(rows.schema, lambda columns, name=name: read(name, columns)) for name, rows in job.blank.items()
    }
    tables[ASKED] = Parts(asked.schema, lambda columns: [asked.select(columns)])
    heights = {name: job.tables[name].rows for name in job.blank} | {ASKED: asked.height}
    with TemporaryDirectory(dir=job.store.folder / "scratch", prefix="score-") as folder:
        return pl.concat(list(build_within(plan, Stock(tables, heights), Room(job.memory_bytes, Path(folder)))))


def _blank(output: OutputColumn) -> NDArray[np.float64]:
    """Return an output of no rows, as wide as it is known to be."""
    sizes = [max(size, 0) for size in output.shape[1:]]
    if output.classes:
        sizes[-1:] = [len(output.classes)]
    return np.empty((0, *sizes))


def _choose_classes(manifest: Manifest, said: Mapping[str, NDArray[Any]]) -> list[pl.Series]:
    """Return the class of each row as one column; none where no output has classes."""
    records = plan_outputs(manifest.outputs)
    if not records.chosen:
        return []
    p = said[records.chosen]
    places: list[int] = p.argmax(axis=1).tolist() if len(p) else []
    return [pl.Series(CLASS, [records.classes[place] for place in places], dtype=pl.String)]


def _find_failed(manifest: Manifest, said: Mapping[str, NDArray[Any]]) -> NDArray[np.bool_]:
    """Return which rows have no prediction, as a service refuses them too."""
    if manifest.predicts is None:
        return find_no_answers(plan_outputs(manifest.outputs), said)
    return find_no_predictions(manifest.predicts, said[manifest.outputs[0].name])


def _read_output(names: Sequence[str], values: NDArray[Any]) -> list[pl.Series]:
    """Return an output by the columns that it has in the result."""
    if len(names) > 1 or (values.ndim == 2 and values.shape[1] == 1):
        return [pl.Series(name, np.ascontiguousarray(values[:, place])) for place, name in enumerate(names)]
    return [pl.Series(names[0], np.ascontiguousarray(values))]

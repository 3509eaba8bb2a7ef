"""The rows of models that do not say one number a row on their way to the log: numbers, truths and texts as columns.

What is too large for a column is digested at once, and then let go: what waits for the disk is bounded in rows and in
bytes, whatever callers send and models say.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shipway.core.prediction import FEATURE_COLUMNS, INPUTS, OUTPUT_COLUMNS, OUTPUTS
from shipway.core.record import LONGEST_TEXT, Record, Records
from shipway.core.service import Role
from shipway.core.tensor import Tensors
from shipway.core.wire import write_raw
from shipway.ports.log import Log
from shipway.serving.log import SEGMENT_ROWS, Columns, LogWriter, PredictionLog, Segment

SEGMENT_BYTES: Final = 8 << 20
"""Bytes that make a segment at once, however few rows they are."""
_ROW_BYTES: Final = 400
"""What the columns that every row has are taken to need in memory."""
_TEXT_BYTES: Final = 60
"""What a text needs beside its characters."""
_SHARED: Final = frozenset({"version", "role", "token", "online", "latency_us"})
"""Columns in which all rows of one saying have the same value."""
_WHOLE: Final = {"int": np.int64, "bool": np.bool_}


@dataclass(slots=True, eq=False)
class Held:
    """What a version said of some rows, until it is written.

    Attributes:
        plain: numbers and truths as they are, by output.
        written: what had to be written at once: texts, digests and shapes, by column.
    """

    plain: Tensors
    written: Mapping[str, Any]

    @property
    def bytes(self) -> int:
        """Return about how many bytes it takes."""
        return sum(values.nbytes for values in self.plain.values()) + weigh(self.written)


NOTHING: Final = Held({}, {})
"""What is held of rows of which a version said nothing."""


@dataclass(slots=True, eq=False)
class Saying:
    """What one version said of some rows, as columns of the log; the names are theirs.

    Attributes:
        version: the same for all rows, as are `role`, `token`, `online` and `latency_us`.
        request: one value for each row, as in what follows.
        error: codes by place, of those that have one, and so no prediction.
        held: what was said of them.
    """

    version: int
    role: Role
    token: int
    online: str
    latency_us: int
    request: list[str]
    row: list[str | None]
    at: list[int]
    unit: list[str]
    weight: list[float]
    answer_us: list[int]
    error: Mapping[int, str]
    held: Held

    def list_values(self, column: str) -> list[Any]:
        """Return a column's value for each row."""
        rows = len(self.request)
        if column == "error":
            return [self.error.get(place) for place in range(rows)] if self.error else [None] * rows
        return [getattr(self, column)] * rows if column in _SHARED else getattr(self, column)


@dataclass(slots=True)
class _Said:
    """Rows of one form on their way."""

    records: Records
    rows: int = 0
    bytes: int = 0
    parts: list[Saying] = field(default_factory=list[Saying])

    def build(self) -> Columns:
        """Return the columns of the log."""
        parts, records = self.parts, self.records
        counts = [len(part.request) for part in parts]
        columns: Columns = {}
        for name, kind in OUTPUT_COLUMNS.items():
            if name == "y":
                columns[name] = self._list_numbers(counts)
            elif name == "class":
                columns[name] = self._list_classes(counts)
            else:
                columns[name] = _join([part.list_values(name) for part in parts], counts, kind)
        for record in records.tensors:
            if not record.digest:
                columns |= _spread(record, [part.held.plain.get(record.name) for part in parts], counts)
                continue
            for name, kind in list_kinds([record]).items():
                columns[name] = _join([part.held.written.get(name) for part in parts], counts, kind)
        return columns

    def _find_failed(self, counts: Sequence[int]) -> list[int]:
        first, failed = 0, list[int]()
        for part, rows in zip(self.parts, counts, strict=True):
            failed += [first + place for place in part.error]
            first += rows
        return failed

    def _list_numbers(self, counts: Sequence[int]) -> NDArray[np.float64]:
        """Return the prediction of each row that is a number, NaN where it is none."""
        name = self.records.y
        found = [part.held.plain.get(name) for part in self.parts]
        y = _join([None if values is None else values.reshape(-1) for values in found], counts, "float")
        y[self._find_failed(counts)] = np.nan
        return y

    def _list_classes(self, counts: Sequence[int]) -> list[str | None]:
        """Return the class that is predicted for each row, None where none is."""
        name, classes = self.records.chosen, self.records.classes
        found: list[Any] = [part.held.plain.get(name) for part in self.parts]
        there = [values for values in found if values is not None]
        places: list[int] = np.concatenate(there).argmax(axis=1).tolist() if there else []
        chosen = iter(places)
        column: list[str | None] = []
        for part, values, rows in zip(self.parts, found, counts, strict=True):
            if values is not None:
                column += [classes[place] for place in islice(chosen, rows)]
            else:
                column += part.held.written.get("class") or [None] * rows
        for place in self._find_failed(counts):
            column[place] = None
        return column


@dataclass(slots=True)
class _Sent:
    kinds: dict[str, str]
    bytes: int = 0
    asked: list[tuple[str, str | None, int]] = field(default_factory=list[tuple[str, str | None, int]])
    parts: list[Mapping[str, Any]] = field(default_factory=list[Mapping[str, Any]])
    counts: list[int] = field(default_factory=list[int])

    def build(self) -> Columns:
        """Return the columns of the log."""
        requests, rows, instants = zip(*self.asked, strict=True)
        named = (list(requests), list(rows), np.array(instants, dtype=np.int64))
        columns: Columns = dict(zip(FEATURE_COLUMNS, named, strict=True))
        for name, kind in self.kinds.items():
            columns[name] = _join([part.get(name) for part in self.parts], self.counts, kind)
        return columns


class OutputLog:
    """One service's rows of outputs, gathered in the event loop until a segment is due."""

    def __init__(self, log: Log, writer: LogWriter, vectors: PredictionLog) -> None:
        """Gather rows for a log.

        Args:
            log: where they go.
            writer: takes them there.
            vectors: the service's vectors, which are handed over before the outputs that they led to.
        """
        self._log = log
        self._writer = writer
        self._vectors = vectors
        self._said: dict[str, _Said] = {}
        self._sent: dict[str, _Sent] = {}

    def add(self, records: Records, saying: Saying) -> None:
        """Take rows of a stream of outputs.

        Args:
            records: how the outputs are logged.
            saying: the rows.
        """
        said = self._said.get(records.form)
        if said is None:
            said = self._said[records.form] = _Said(records)
        said.parts.append(saying)
        said.rows += len(saying.request)
        said.bytes += len(saying.request) * _ROW_BYTES + saying.held.bytes
        if said.rows >= SEGMENT_ROWS or said.bytes >= SEGMENT_BYTES:
            self.seal()

    def add_inputs(
        self,
        form: str,
        records: Sequence[Record],
        asked: Sequence[tuple[str, str | None, int]],
        columns: Mapping[str, Any],
    ) -> None:
        """Take rows of a stream of inputs.

        Args:
            form: of the inputs.
            records: how they are logged.
            asked: request, row and instant of each row.
            columns: as many values in each, as `write_columns` returns them.
        """
        sent = self._sent.get(form)
        if sent is None:
            sent = self._sent[form] = _Sent(list_kinds(records))
        sent.asked += asked
        sent.parts.append(columns)
        sent.counts.append(len(asked))
        sent.bytes += len(asked) * _ROW_BYTES + weigh(columns)
        if len(sent.asked) >= SEGMENT_ROWS or sent.bytes >= SEGMENT_BYTES:
            self.seal()

    def seal(self) -> None:
        """Hand everything gathered to the writer; inputs first, so that what is said of one that is read is there."""
        self._vectors.seal()
        sent, self._sent = self._sent, {}
        for form, batch in sent.items():
            self._writer.put(Segment(self._log, INPUTS + form, len(batch.asked), batch.build, batch.bytes))
        said, self._said = self._said, {}
        for form, batch in said.items():
            self._writer.put(Segment(self._log, OUTPUTS + form, batch.rows, batch.build, batch.bytes))


def hold(records: Records, outputs: Tensors) -> Held:
    """Return what a version said, as it waits for the log: what has no bound of its own is digested. Any thread may.

    Args:
        records: how the outputs are logged.
        outputs: by name, of at least one row.
    """
    plain = {record.name: outputs[record.name] for record in records.tensors if not record.digest}
    if len(plain) == len(records.tensors):
        return Held(plain, {})
    written = write_columns([record for record in records.tensors if record.digest], outputs)
    if records.chosen and records.chosen not in plain:
        places: list[int] = outputs[records.chosen].argmax(axis=1).tolist()
        written["class"] = [records.classes[place] for place in places]
    return Held(plain, written)


def list_kinds(records: Sequence[Record]) -> dict[str, str]:
    """Return what each column of some tensors holds."""
    kinds: dict[str, str] = {}
    for record in records:
        kinds |= dict.fromkeys(record.columns, record.kind)
        if record.digest:
            kinds |= {record.digest: "text", record.extent: "text"}
    return kinds


def write_columns(records: Sequence[Record], tensors: Tensors) -> dict[str, Any]:
    """Return the columns of some tensors, each with a value for each row; any thread may.

    Args:
        records: how they are logged.
        tensors: by name.
    """
    columns: dict[str, Any] = {}
    for record in records:
        values = tensors[record.name]
        if not record.columns:
            shape = "x".join(map(str, values.shape[1:]))
            rows = range(len(values))
            columns[record.digest] = [_digest(write_raw(record.datatype, values[row : row + 1])) for row in rows]
            columns[record.extent] = [shape] * len(values)
        elif record.kind == "text":
            columns |= _write_texts(record, values.reshape(len(values), len(record.columns)))
        else:
            dtype = _WHOLE.get(record.kind, np.float64)
            places = np.ascontiguousarray(values.reshape(len(values), len(record.columns)).T, dtype=dtype)
            columns |= dict(zip(record.columns, places, strict=True))
    return columns


def weigh(columns: Mapping[str, Any]) -> int:
    """Return about how many bytes columns take."""
    total = 0
    for values in columns.values():
        if isinstance(values, np.ndarray):
            total += values.nbytes
        else:
            total += sum(_TEXT_BYTES + (0 if text is None else len(text)) for text in values)
    return total


def _write_texts(record: Record, values: NDArray[Any]) -> dict[str, list[str | None]]:
    rows: list[list[str | None]] = [[None if text is None else str(text) for text in row] for row in values.tolist()]
    digests: list[str | None] = [None] * len(rows)
    extents: list[str | None] = [None] * len(rows)
    for place, row in enumerate(rows):
        longest = max((len(text) for text in row if text is not None), default=0)
        if longest > LONGEST_TEXT:
            digests[place] = _digest(write_raw("BYTES", np.array(row, dtype=object)))
            extents[place] = str(sum(len(text) for text in row if text is not None))
            rows[place] = [None if text is None or len(text) > LONGEST_TEXT else text for text in row]
    columns = {name: [row[at] for row in rows] for at, name in enumerate(record.columns)}
    return columns | {record.digest: digests, record.extent: extents}


def _spread(record: Record, parts: Sequence[NDArray[Any] | None], counts: Sequence[int]) -> Columns:
    """Return the columns of a tensor of numbers or truths, NaN or null where nothing was said."""
    dtype, width = _WHOLE.get(record.kind, np.float64), len(record.columns)
    there = [values.reshape(-1, width) for values in parts if values is not None]
    if len(there) == len(parts):
        places = np.concatenate(there).T.astype(dtype, order="C")
        return dict(zip(record.columns, places, strict=True))
    columns: Columns = {}
    for at, name in enumerate(record.columns):
        column = [None if values is None else values.reshape(-1, width)[:, at] for values in parts]
        columns[name] = _join(column, counts, record.kind)
    return columns


def _digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def _join(parts: Sequence[Any], counts: Sequence[int], kind: str) -> Any:
    """Return a column of what several sayings have in it; what has nothing there has NaN or null."""
    if kind == "float":
        return np.concatenate([
            np.full(rows, np.nan) if part is None else np.asarray(part, dtype=np.float64)
            for part, rows in zip(parts, counts, strict=True)
        ])  # fmt: skip
    if kind in _WHOLE and all(part is not None for part in parts):
        return np.concatenate([np.asarray(part, dtype=_WHOLE[kind]) for part in parts])
    values: list[Any] = []
    for part, rows in zip(parts, counts, strict=True):
        values += [None] * rows if part is None else part.tolist() if isinstance(part, np.ndarray) else part
    return values

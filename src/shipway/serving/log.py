"""The prediction log's way to the disk: rows gather in memory, and one thread writes them as segments.

Callers never wait for the disk. Where it is full, rows are kept up to a bound and written once there is room; those
beyond it are dropped, and counted.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from shipway.core.bundle import InputColumn
from shipway.core.error import ShipwayError
from shipway.core.online import Layout
from shipway.core.prediction import FEATURE_COLUMNS, FEATURES, NEWEST, PREDICTION_COLUMNS, PREDICTIONS
from shipway.core.service import Role
from shipway.ports.log import Log
from shipway.serving.vector import Vectors

SEGMENT_ROWS: Final = 8_192
"""Rows that make a segment at once."""
KEPT_ROWS: Final = 65_536
"""Rows that may wait for the disk."""
KEPT_BYTES: Final = 256 << 20
"""Bytes of those rows that say how many they have."""
RETRY_S: Final = 1.0
"""Pause after a disk refused a segment."""
_TRANSIENT: Final = frozenset({"SW-601", "SW-602"})
_SHARED: Final = frozenset({"version", "role", "token", "online"})
"""Columns in which all rows of one batch have the same value."""
_NUMBERS: Final = {"int": np.int64, "float": np.float64}

logger: Final = logging.getLogger(__name__)

Columns = dict[str, Any]
Told = Callable[[ShipwayError | None], None]


class LogState(msgspec.Struct, frozen=True, kw_only=True):
    """How the log stands.

    Attributes:
        waiting_rows: not yet on the disk.
        written_rows: on the disk.
        dropped_rows: lost, because the disk stayed full too long.
        failures: attempts to write that the disk refused.
        error: why the last attempt failed; None if it did not.
    """

    waiting_rows: int
    written_rows: int
    dropped_rows: int
    failures: int
    error: str | None


@dataclass(frozen=True, slots=True)
class Segment:
    """Rows on their way to a stream.

    Attributes:
        log: the log.
        stream: its stream.
        rows: how many.
        build: makes the columns, in the writer's thread.
        bytes: what they take in memory, where a row has no bound of its own that is worth counting.
    """

    log: Log
    stream: str
    rows: int
    build: Callable[[], Columns]
    bytes: int = 0


class LogWriter:
    """One thread that writes the segments of all services in the order they came."""

    def __init__(self, *, kept_rows: int = KEPT_ROWS, retry_s: float = RETRY_S) -> None:
        """Start the thread.

        Args:
            kept_rows: rows that may wait.
            retry_s: pause after a refusal.
        """
        self._kept_rows = kept_rows
        self._retry_s = retry_s
        self._queue: deque[Segment | Told] = deque()
        self._turn = threading.Condition()
        self._stopping = False
        self._waiting_rows = self._written_rows = self._dropped_rows = self._failures = 0
        self._waiting_bytes = 0
        self._told_dropped = 0
        self._error: ShipwayError | None = None
        self._thread = threading.Thread(target=self._write_all, name="log", daemon=True)
        self._thread.start()

    @property
    def state(self) -> LogState:
        """Return how the log stands."""
        with self._turn:
            return LogState(
                waiting_rows=self._waiting_rows,
                written_rows=self._written_rows,
                dropped_rows=self._dropped_rows,
                failures=self._failures,
                error=None if self._error is None else f"{self._error.code} {self._error.fact}",
            )

    def put(self, segment: Segment) -> None:
        """Take a segment, or drop and count its rows if too many wait."""
        with self._turn:
            many = self._waiting_rows + segment.rows > self._kept_rows
            if self._waiting_rows and (many or self._waiting_bytes + segment.bytes > KEPT_BYTES):
                self._dropped_rows += segment.rows
                return
            self._waiting_rows += segment.rows
            self._waiting_bytes += segment.bytes
            self._queue.append(segment)
            self._turn.notify()

    def flush(self, told: Told) -> None:
        """Call back from the writer's thread once everything put before is on the disk, or with why it is not.

        Rows that were dropped since the last time are told of once, as SW-601.
        """
        with self._turn:
            self._queue.append(told)
            self._turn.notify()

    def stop(self, timeout_s: float) -> bool:
        """Write what waits, once more where the disk refused it, and end; tell whether nothing is lost."""
        with self._turn:
            self._stopping = True
            self._turn.notify()
        self._thread.join(timeout_s)
        return not self._thread.is_alive() and self._waiting_rows == 0

    def _write_all(self) -> None:
        refused = False
        while True:
            with self._turn:
                if refused and not self._stopping and not self._asked():
                    self._turn.wait(self._retry_s)
                while not self._queue:
                    if self._stopping:
                        return
                    self._turn.wait()
                first = self._queue[0]
                if not isinstance(first, Segment):
                    self._queue.popleft()
                    self._answer(first)
                    continue
            error = _append(first)
            with self._turn:
                refused = self._note(first, error)
                if refused and self._stopping:
                    self._dropped_rows += self._waiting_rows
                    return

    def _asked(self) -> bool:
        return any(not isinstance(item, Segment) for item in self._queue)

    def _answer(self, told: Told) -> None:
        """Tell that everything before is written, unless some of it was dropped."""
        lost, self._told_dropped = self._dropped_rows - self._told_dropped, self._dropped_rows
        hint = "free some space; the predictions themselves were answered"
        told(ShipwayError("SW-601", f"{lost:,} rows of the log were dropped", hint) if lost else None)

    def _note(self, segment: Segment, error: ShipwayError | None) -> bool:
        """Note how an attempt ended, and return whether it has to be made again."""
        self._error = error
        if error is not None:
            self._failures += 1
            if error.code in _TRANSIENT:
                for item in [item for item in self._queue if not isinstance(item, Segment)]:
                    self._queue.remove(item)
                    item(error)
                return True
            self._dropped_rows += segment.rows
        else:
            self._written_rows += segment.rows
        self._queue.popleft()
        self._waiting_rows -= segment.rows
        self._waiting_bytes -= segment.bytes
        return False


def _append(segment: Segment) -> ShipwayError | None:
    try:
        segment.log.append(segment.stream, segment.build())
    except ShipwayError as error:
        return error
    except Exception as error:
        # The thread has to live on; these rows cannot be written at all, which the counts say.
        logger.exception("%d rows of %s cannot be written", segment.rows, segment.stream)
        return ShipwayError("SW-605", f"the log failed: {type(error).__name__}: {error}", "please report it")
    return None


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """What one version said of some rows, as columns of the log; the names are theirs.

    Attributes:
        version: the same for all rows, as are `role`, `token` and `online`.
        request: one value for each row, as in what follows.
        error: codes by place, of those that have one.
    """

    version: int
    role: Role
    token: int
    online: str
    request: list[str]
    row: list[str | None]
    at: list[int]
    unit: list[str]
    weight: list[float]
    answer_us: list[int]
    p: list[float]
    error: dict[int, str]
    latency_us: list[int]

    def take(self, places: Sequence[int]) -> "Predictions":
        """Return some of the rows."""

        def of(values: list[Any]) -> list[Any]:
            return [values[place] for place in places]

        return Predictions(
            self.version,
            self.role,
            self.token,
            self.online,
            of(self.request),
            of(self.row),
            of(self.at),
            of(self.unit),
            of(self.weight),
            of(self.answer_us),
            of(self.p),
            {at: self.error[place] for at, place in enumerate(places) if place in self.error},
            of(self.latency_us),
        )

    def list_values(self, column: str) -> list[Any]:
        """Return a column's value for each row."""
        values: Any = getattr(self, column)
        rows = len(self.request)
        if column == "error":
            return [self.error.get(place) for place in range(rows)] if self.error else [None] * rows
        return values if column not in _SHARED else [values] * rows


@dataclass(slots=True)
class _Read:
    """Vectors read from one store, on their way."""

    columns: tuple[str, ...]
    texts: tuple[int, ...]
    streams: tuple[str, ...]
    asked: list[tuple[str, str, int]] = field(default_factory=list[tuple[str, str, int]])
    vectors: list[Vectors] = field(default_factory=list[Vectors])

    def build(self) -> Columns:
        """Return the columns of the log."""
        columns = _name_rows(self.asked)
        numbers = np.concatenate([vectors.numbers for vectors in self.vectors]).T.copy()
        for place, name in enumerate(self.columns):
            if place in self.texts:
                text = self.texts.index(place)
                columns[name] = [said for vectors in self.vectors for said in vectors.texts[text]]
            else:
                columns[name] = numbers[place]
        newest = zip(*(row for vectors in self.vectors for row in vectors.newest), strict=True)
        for stream, instants in zip(self.streams, newest, strict=True):
            columns[NEWEST + stream] = list(instants)
        return columns


@dataclass(slots=True)
class _Sent:
    """Vectors that callers sent to bundles of one form, on their way."""

    inputs: Sequence[InputColumn]
    asked: list[tuple[str, str | None, int]] = field(default_factory=list[tuple[str, str | None, int]])
    vectors: list[NDArray[np.float32]] = field(default_factory=list[NDArray[np.float32]])

    def build(self) -> Columns:
        """Return the columns of the log."""
        columns = _name_rows(self.asked)
        numbers = np.concatenate(self.vectors).T.astype(np.float64, order="C")
        for column, values in zip(self.inputs, numbers, strict=True):
            if column.kind == "category":
                texts = dict(enumerate(column.categories))
                columns[column.name] = [texts.get(code) for code in values.tolist()]
            else:
                columns[column.name] = values
        return columns


class PredictionLog:
    """One service's rows, gathered in the event loop until a segment is due."""

    def __init__(self, log: Log, writer: LogWriter, *, segment_rows: int = SEGMENT_ROWS) -> None:
        """Gather rows for a log.

        Args:
            log: where they go.
            writer: takes them there.
            segment_rows: rows that make a segment at once.
        """
        self._log = log
        self._writer = writer
        self._segment_rows = segment_rows
        self._predictions: list[Predictions] = []
        self._rows = 0
        self._read: dict[tuple[str, tuple[str, ...]], _Read] = {}
        self._sent: dict[str, _Sent] = {}

    def add_predictions(self, rows: Predictions) -> None:
        """Take rows of the stream of predictions."""
        self._predictions.append(rows)
        self._rows += len(rows.request)
        if self._rows >= self._segment_rows:
            self.seal()

    def add_vectors(
        self,
        online: str,
        layout: Layout,
        texts: tuple[int, ...],
        asked: Sequence[tuple[str, str, int]],
        vectors: Vectors,
    ) -> None:
        """Take vectors that were read from a store.

        Args:
            online: the store's name.
            layout: of the vectors.
            texts: places of the text columns among its columns.
            asked: request, row and instant of each vector.
            vectors: as many.
        """
        read = self._read.get((online, layout.columns))
        if read is None:
            read = self._read[online, layout.columns] = _Read(layout.columns, texts, layout.streams)
        read.asked += asked
        read.vectors.append(vectors)
        if len(read.asked) >= self._segment_rows:
            self.seal()

    def add_sent(
        self,
        form: str,
        inputs: Sequence[InputColumn],
        asked: Sequence[tuple[str, str | None, int]],
        x: NDArray[np.float32],
    ) -> None:
        """Take vectors that callers sent.

        Args:
            form: of the bundle that they were read for.
            inputs: of that bundle.
            asked: request, row and instant of each vector.
            x: as many, a category as its code.
        """
        sent = self._sent.get(form)
        if sent is None:
            sent = self._sent[form] = _Sent(inputs)
        sent.asked += asked
        sent.vectors.append(x)
        if len(sent.asked) >= self._segment_rows:
            self.seal()

    def seal(self) -> None:
        """Hand everything gathered to the writer; vectors first, so that a prediction that is read has its own."""
        read, self._read = self._read, {}
        for (online, _), batch in read.items():
            self._writer.put(Segment(self._log, FEATURES + online, len(batch.asked), batch.build))
        sent, self._sent = self._sent, {}
        for batch in sent.values():
            self._writer.put(Segment(self._log, FEATURES, len(batch.asked), batch.build))
        rows, self._predictions = self._predictions, []
        number, self._rows = self._rows, 0
        if number:
            self._writer.put(Segment(self._log, PREDICTIONS, number, lambda: _build_predictions(rows)))


def _build_predictions(rows: Sequence[Predictions]) -> Columns:
    columns: Columns = {}
    for name, kind in PREDICTION_COLUMNS.items():
        values = [value for one in rows for value in one.list_values(name)]
        columns[name] = np.array(values, dtype=_NUMBERS[kind]) if kind in _NUMBERS else values
    return columns


def _name_rows(asked: Sequence[tuple[str, str | None, int]]) -> Columns:
    requests, rows, instants = zip(*asked, strict=True)
    return dict(zip(FEATURE_COLUMNS, (list(requests), list(rows), np.array(instants, dtype=np.int64)), strict=True))

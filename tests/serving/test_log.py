import threading

import numpy as np
import pytest

from shipway.core.bundle import InputColumn
from shipway.core.error import ShipwayError
from shipway.core.feature import Entity, FeatureView, Source
from shipway.core.online import make_layout
from shipway.core.prediction import PREDICTION_COLUMNS
from shipway.core.window import newest
from shipway.serving.log import LogWriter, PredictionLog, Predictions, Segment
from shipway.serving.reader import Features
from shipway.serving.vector import pack_vectors
from shipway.testing.fake import MemoryLog

ROWS = Source("rows", ("id",), (), {"always": ("a", "word", "who")})
EVENTS = Source("events", ("no",), (), {"done": ("who", "x")})
LAYOUT = make_layout(
    "rows",
    ("id",),
    (
        FeatureView("row", None, {"a": ROWS.a, "word": ROWS.word}),
        FeatureView("who", Entity("who", ("who",)), {"x": newest(EVENTS.event("done").x)}),
    ),
    {"rows": {"id": "int", "a": "int", "word": "text", "who": "text"}, "events": {"x": "int", "who": "text"}},
)


def prediction(number, error=None):
    return (f"r{number}", str(number), number, str(number), 1, "live", 0.0, 7, 0.25, error, 11, 22, "main")


def made(*numbers, error=None):
    """Rows of the same version, as one batch of the server."""
    return Predictions(
        version=1,
        role="live",
        token=7,
        online="main",
        request=[f"r{number}" for number in numbers],
        row=[str(number) for number in numbers],
        at=list(numbers),
        unit=[str(number) for number in numbers],
        weight=[0.0] * len(numbers),
        answer_us=[22] * len(numbers),
        p=[0.25] * len(numbers),
        error={} if error is None else dict.fromkeys(range(len(numbers)), error),
        latency_us=[11] * len(numbers),
    )


class Disk(MemoryLog):
    """A log that refuses what it is told to, and says when it was asked."""

    def __init__(self):
        super().__init__()
        self.error = None
        self.asked = threading.Semaphore(0)

    def append(self, stream, columns):
        self.asked.release()
        if self.error is not None:
            raise self.error
        super().append(stream, columns)


FULL = ShipwayError("SW-601", "there is no room", "free some")


@pytest.fixture
def disk():
    return Disk()


@pytest.fixture
def writer():
    started = LogWriter(kept_rows=100, retry_s=0.01)
    yield started
    started.stop(10)


def flush(writer):
    said, done = [], threading.Event()
    writer.flush(lambda error: (said.append(error), done.set()))
    assert done.wait(30)
    return said[0]


def put(writer, disk, rows, stream="s"):
    writer.put(Segment(disk, stream, rows, lambda: {"at": np.arange(rows)}))


def test_rows_arrive_in_the_order_of_the_schema(writer, disk):
    log = PredictionLog(disk, writer)
    log.add_predictions(made(1))
    log.add_predictions(made(2, error="SW-801"))
    log.seal()
    assert flush(writer) is None
    rows = disk.read("predictions")
    assert rows.columns == list(PREDICTION_COLUMNS)
    assert rows.rows() == [prediction(1), prediction(2, "SW-801")]


def test_vectors_become_columns(writer, disk):
    log = PredictionLog(disk, writer)
    nan = float("nan")
    batches = (
        [Features([0, "a", 0.0], (None,)), Features([1, None, 1 / 3], (1,))],
        [Features([2.5, "c", 2 / 3], (2,)), Features([nan, "z", nan], (None,))],
    )
    for number, features in enumerate(batches):
        asked = [(f"r{number}", "key", number)] * len(features)
        log.add_vectors("main", LAYOUT, (1,), asked, pack_vectors(features, (1,)))
    log.seal()
    assert flush(writer) is None
    rows = disk.read("features.main")
    assert rows.columns == ["request", "row", "at", "row_a", "row_word", "who_x", "newest events.done"]
    assert rows["request"].to_list() == ["r0", "r0", "r1", "r1"]
    assert rows["at"].to_list() == [0, 0, 1, 1]
    assert rows["row_a"].to_list()[:3] == [0.0, 1.0, 2.5]
    assert rows["row_word"].to_list() == ["a", None, "c", "z"]
    assert rows["who_x"].to_list()[:3] == [0.0, 1 / 3, 2 / 3]
    assert np.isnan(rows["row_a"][3])
    assert np.isnan(rows["who_x"][3])
    assert rows["newest events.done"].to_list() == [None, 1, 2, None]


def test_a_full_segment_leaves_at_once(writer, disk):
    log = PredictionLog(disk, writer, segment_rows=10)
    log.add_predictions(made(*range(9)))
    assert flush(writer) is None
    assert disk.streams() == []
    log.add_predictions(made(9))
    assert flush(writer) is None
    assert disk.read("predictions").height == 10


def test_vectors_that_callers_sent_become_columns(writer, disk):
    log = PredictionLog(disk, writer)
    inputs = (InputColumn(name="n", kind="number"), InputColumn(name="c", kind="category", categories=("a", "b")))
    log.add_sent("form", inputs, [("r0", None, 5), ("r1/0", "mine/0", 6)], np.array([[1.5, 1.0], [np.nan, np.nan]]))
    log.seal()
    assert flush(writer) is None
    rows = disk.read("features.")
    assert rows.columns == ["request", "row", "at", "n", "c"]
    assert rows["row"].to_list() == [None, "mine/0"]
    assert rows["c"].to_list() == ["b", None]
    assert rows["n"][0] == 1.5
    assert np.isnan(rows["n"][1])


def test_some_rows_of_a_batch_may_be_taken():
    rows = made(0, 1, 2, error="SW-801").take([2, 0])
    assert (rows.request, rows.at, rows.error) == (["r2", "r0"], [2, 0], {0: "SW-801", 1: "SW-801"})
    assert rows.list_values("version") == [1, 1]


def test_nothing_gathered_is_no_segment(writer, disk):
    PredictionLog(disk, writer).seal()
    assert flush(writer) is None
    assert disk.streams() == []


@pytest.mark.parametrize("code", ["SW-601", "SW-602"])
def test_refused_rows_wait_and_are_written_in_order_later(writer, disk, code):
    disk.error = ShipwayError(code, "not now", "later")
    for rows in (3, 4):
        put(writer, disk, rows)
    assert flush(writer) is disk.error
    state = writer.state
    assert (state.waiting_rows, state.written_rows, state.dropped_rows) == (7, 0, 0)
    assert state.error == f"{code} not now"
    assert state.failures > 0
    disk.error = None
    assert flush(writer) is None
    state = writer.state
    assert (state.waiting_rows, state.written_rows, state.error) == (0, 7, None)
    assert disk.read("s")["at"].to_list() == [0, 1, 2, 0, 1, 2, 3]


def test_refused_rows_are_tried_again_without_being_asked(writer, disk):
    disk.error = FULL
    put(writer, disk, 1)
    for _ in range(3):
        assert disk.asked.acquire(timeout=30)
    disk.error = None
    assert flush(writer) is None
    assert writer.state.written_rows == 1


def test_rows_beyond_the_bound_are_dropped_counted_and_told_of_once(writer, disk):
    disk.error = FULL
    for _ in range(12):
        put(writer, disk, 10)
    assert (writer.state.waiting_rows, writer.state.dropped_rows) == (100, 20)
    disk.error = None
    told = flush(writer)
    assert told.code == "SW-601"
    assert "20 rows" in told.fact
    assert flush(writer) is None
    assert disk.read("s").height == 100


def test_one_segment_above_the_bound_is_taken_where_none_waits(writer, disk):
    put(writer, disk, 1_000)
    assert flush(writer) is None
    assert writer.state.written_rows == 1_000


def test_segment_that_cannot_be_written_at_all_does_not_block_the_others(writer, disk):
    def fail():
        raise ZeroDivisionError("no columns")

    writer.put(Segment(disk, "s", 5, fail))
    put(writer, disk, 2)
    assert "5 rows" in flush(writer).fact
    state = writer.state
    assert (state.written_rows, state.dropped_rows, state.waiting_rows) == (2, 5, 0)
    assert flush(writer) is None


def test_stop_writes_what_waits(disk):
    writer = LogWriter()
    for _ in range(5):
        put(writer, disk, 3)
    assert writer.stop(30)
    assert disk.read("s").height == 15


def test_stop_gives_up_on_a_full_disk(disk):
    writer = LogWriter(retry_s=0.01)
    disk.error = FULL
    put(writer, disk, 3)
    assert not writer.stop(30)
    assert writer.state.dropped_rows == 3

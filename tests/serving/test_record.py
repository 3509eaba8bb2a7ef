"""Outputs as columns of the log: what was said comes back, what is too large by its digest, and memory is bounded."""

import hashlib
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipway.adapters.log.parquet import ParquetLog
from shipway.core.bundle import OutputColumn
from shipway.core.prediction import OUTPUT_COLUMNS
from shipway.core.record import LONGEST_TEXT, OUTPUT, plan_outputs, plan_tensors
from shipway.core.wire import write_raw
from shipway.serving import log as log_module
from shipway.serving.log import LogWriter, PredictionLog, Segment
from shipway.serving.record import NOTHING, SEGMENT_BYTES, OutputLog, Saying, hold, write_columns

NOON = 1_700_000_000_000_000


def output(name, datatype, *rest):
    return OutputColumn(name=name, datatype=datatype, shape=(-1, *rest))


OUTPUTS = (
    output("minutes", "FP32"), output("label", "INT64"), output("sure", "BOOL"), output("text", "BYTES"),
    output("hash", "UINT64"), output("pair", "FP64", 2), output("long", "FP32", -1),
)  # fmt: skip
RECORDS = plan_outputs(OUTPUTS)


def say(rows, *, held=NOTHING, error=None, start=0, role="live"):
    return Saying(
        version=3, role=role, token=7, online="", latency_us=5, request=[f"r{start + row}" for row in range(rows)],
        row=[None] * rows, at=[NOON + start + row for row in range(rows)], unit=["u"] * rows, weight=[0.5] * rows,
        answer_us=[9] * rows, error=error or {}, held=held,
    )  # fmt: skip


@pytest.fixture
def writer():
    started = LogWriter()
    yield started
    started.stop(10)


@pytest.fixture
def log(tmp_path):
    return ParquetLog(tmp_path / "log")


def test_what_was_said_comes_back_beside_what_failed(log, writer):
    outputs = OutputLog(log, writer, PredictionLog(log, writer))
    tensors = {
        "minutes": np.array([1.5, np.nan], np.float32), "label": np.array([2**60, -1]), "sure": np.array([True, False]),
        "text": np.array(["é" * LONGEST_TEXT, "x" * (LONGEST_TEXT + 1)], dtype=object),
        "hash": np.array([2**64 - 1, 0], np.uint64), "pair": np.array([[1.0, 2.0], [3.0, 4.0]]),
        "long": np.arange(200, dtype=np.float32).reshape(2, 100),
    }  # fmt: skip
    outputs.add(RECORDS, say(2, held=hold(RECORDS, tensors), error={1: "SW-801"}))
    outputs.add(RECORDS, say(1, error={0: "SW-801"}, start=2, role="shadow"))
    outputs.seal()
    assert writer.stop(10)
    (stream,) = log.streams()
    rows = log.read(stream)
    assert stream == f"outputs.{RECORDS.form}"
    assert rows.columns[: len(OUTPUT_COLUMNS)] == list(OUTPUT_COLUMNS)
    assert rows["request"].to_list() == ["r0", "r1", "r2"]
    assert rows["role"].to_list() == ["live", "live", "shadow"]
    assert rows["error"].to_list() == [None, "SW-801", "SW-801"]
    assert str(rows["y"].to_list()) == "[1.5, nan, nan]"
    assert rows["output label"].to_list() == [2**60, -1, None]
    assert rows["output sure"].to_list() == [True, False, None]
    assert rows["output text"].to_list() == ["é" * LONGEST_TEXT, None, None]
    assert rows["output text shape"].to_list() == [None, str(LONGEST_TEXT + 1), None]
    assert rows["output hash"].to_list() == [str(2**64 - 1), "0", None]
    assert rows["output pair[1]"].to_list()[:2] == [2.0, 4.0]
    digest = hashlib.sha256(tensors["long"][1].astype("<f4").tobytes()).hexdigest()
    assert rows["output long digest"].to_list()[1:] == [digest, None]
    assert rows["output long shape"].to_list() == ["100", "100", None]


numbers = st.lists(st.floats(width=32), min_size=3, max_size=3)
texts = st.text(max_size=6) | st.none()


@given(rows=st.lists(st.tuples(numbers, st.integers(-(2**63), 2**63 - 1), texts), min_size=1, max_size=5))
@settings(max_examples=40, deadline=None)
def test_columns_hold_every_value_in_its_row(rows):
    declared = (output("a", "FP32", 3), output("b", "INT64"), output("c", "BYTES", 1))
    tensors = {
        "a": np.array([row[0] for row in rows], np.float32),
        "b": np.array([row[1] for row in rows]),
        "c": np.array([[row[2]] for row in rows] + [[None]], dtype=object)[:-1],
    }
    columns = write_columns(plan_tensors(declared, OUTPUT), tensors)
    for place, (a, b, c) in enumerate(rows):
        found = [columns[f"output a[{at}]"][place] for at in range(3)]
        assert np.array_equal(found, a, equal_nan=True)
        assert columns["output b"][place] == b
        assert columns["output c"][place] == c


def test_classes_are_chosen_of_the_greatest_probability_and_of_none_where_there_is_none(log, writer):
    """Whether the probabilities themselves have columns or are too many for that."""
    for places in (3, 100):
        classes = tuple(f"c{place}" for place in range(places))
        records = plan_outputs([OutputColumn(name="p", datatype="FP32", shape=(-1, places), classes=classes)])
        p = np.eye(places, dtype=np.float32)[[2, 0, 1]]
        outputs = OutputLog(log, writer, PredictionLog(log, writer))
        outputs.add(records, say(3, held=hold(records, {"p": p}), error={1: "SW-801"}))
        outputs.add(records, say(1, error={0: "SW-605"}, start=3))
        outputs.seal()
        told = []
        writer.flush(told.append)
        while not told:
            time.sleep(0.001)
        rows = log.read(f"outputs.{records.form}")
        assert rows["class"].to_list() == ["c2", None, "c1", None]
        assert rows["y"].is_nan().all()


def test_a_digest_is_that_of_the_row_as_it_is_sent():
    values = np.array([["a", "b" * 2_000], ["c", None]], dtype=object)
    columns = write_columns(plan_tensors([output("t", "BYTES", -1)], OUTPUT), {"t": values})
    assert columns["output t digest"][0] == hashlib.sha256(write_raw("BYTES", values[:1])).hexdigest()
    assert columns["output t shape"] == ["2", "2"]


def test_a_segment_is_due_by_bytes_as_well(log, writer):
    outputs = OutputLog(log, writer, PredictionLog(log, writer))
    records = plan_outputs([output("text", "BYTES")])
    held = hold(records, {"text": np.array(["x" * 1_000] * 500, dtype=object)})
    size = held.bytes
    for part in range(SEGMENT_BYTES // size + 1):
        outputs.add(records, say(500, held=held, start=500 * part))
    assert writer.state.written_rows + writer.state.waiting_rows > 0


def test_bytes_that_wait_are_bounded(monkeypatch):
    monkeypatch.setattr(log_module, "KEPT_BYTES", 1_000)

    class Full:
        def append(self, stream, columns):
            raise log_module.ShipwayError("SW-601", "full", "wait")

    writer = LogWriter(retry_s=60)
    for _ in range(3):
        writer.put(Segment(Full(), "s", 10, dict, 600))
    assert (writer.state.waiting_rows, writer.state.dropped_rows) == (10, 20)
    writer.stop(10)

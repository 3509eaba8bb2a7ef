"""Traffic that was logged: what was asked comes back as it was sent, whatever the model reads and says."""

from contextlib import closing

import msgspec
import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shipway.adapters.log.parquet import ParquetLog
from shipway.app.load.traffic import Traffic, read_traffic
from shipway.app.workspace import Workspace
from shipway.core.bundle import InputColumn, Manifest, OutputColumn
from shipway.core.prediction import FEATURES, INPUTS, OUTPUTS, PREDICTIONS
from shipway.core.record import INPUT, LONGEST_TEXT, name_inputs, plan_outputs, plan_tensors
from shipway.core.tensor import DATATYPES
from shipway.serving.record import write_columns
from shipway.testing.refusal import expect_refusal


@pytest.fixture
def manifest(ran_shop):
    """The manifest of a real bundle."""
    with closing(Workspace(ran_shop.project)) as workspace:
        version = workspace.peek().models["returned"][0]
        return msgspec.json.decode(workspace.blobs.get(version.bundle), type=Manifest)


@pytest.fixture
def log(tmp_path):
    return ParquetLog(tmp_path / "log")


def log_requests(log, manifest, at):
    """Log requests with vectors of a store, as a server does."""
    count = len(at)
    requests = [f"r{number}" for number in range(count)]
    rows = pl.DataFrame({
        "request": requests, "row": requests, "at": at, "unit": requests, "version": [1] * count,
        "role": ["live"] * count, "weight": [0.0] * count, "token": [1] * count, "p": [0.5] * count,
        "error": pl.Series([None] * count, dtype=pl.String), "latency_us": [1] * count, "answer_us": [1] * count,
        "online": ["main"] * count,
    })  # fmt: skip
    log.append(PREDICTIONS, rows.to_dict(as_series=False))
    values = {c.name: ["web"] * count if c.kind == "category" else [1.5] * count for c in manifest.inputs}
    log.append(f"{FEATURES}main", {"request": requests, "row": requests, "at": at, **values})


def test_traffic_is_what_was_asked_in_order_of_time(log, manifest):
    log_requests(log, manifest, [5_000_000, 1_000_000, 3_000_000])
    found = read_traffic(log, "returned", manifest)
    assert found.at_us.tolist() == [0, 2_000_000, 4_000_000]
    sent = msgspec.json.decode(found.bodies[0])["inputs"]
    assert [each["name"] for each in sent] == [column.name for column in manifest.inputs]
    assert {each["datatype"] for each in sent} == {"BYTES", "FP64"}


def test_service_that_was_never_asked_has_no_traffic(log, manifest):
    for reads in ("matrix", "tensors"):
        with expect_refusal("SW-443"):
            read_traffic(log, "returned", msgspec.structs.replace(manifest, reads=reads))


def test_model_of_classes_has_traffic_by_key_and_by_vector_each_row_once(log, manifest):
    """Its answers are logged by the form of its outputs, and not as one number a row."""
    classes = (OutputColumn(name="p", datatype="FP32", shape=(-1, 2), classes=("a", "b")),)
    stream = f"{OUTPUTS}{plan_outputs(classes).form}"
    for number, online in enumerate(("main", "")):
        request = [f"r{number}"] * 2
        log.append(
            stream, {"request": request, "at": [number] * 2, "role": ["live", "shadow"], "online": [online, "other"]}
        )
        values = {c.name: ["web"] if c.kind == "category" else [1.5] for c in manifest.inputs}
        for store in (online, "other"):
            log.append(f"{FEATURES}{store}", {"request": [f"r{number}"], "row": ["k"], "at": [number], **values})
    found = read_traffic(log, "returned", msgspec.structs.replace(manifest, outputs=classes))
    assert found.at_us.tolist() == [0, 1]
    assert found.lack == ""


def test_replay_keeps_its_gaps_or_is_stretched_to_a_rate():
    traffic = Traffic([b"{}"] * 3, np.array([0, 1_000_000, 4_000_000]))
    own = traffic.make_pattern(None)
    assert (own.seconds, own.arrivals, own.expected) == (4.0, "logged", pytest.approx(3))
    assert np.concatenate(list(traffic.draw(own))).tolist() == [0, 10**9, 4 * 10**9]
    quick = traffic.make_pattern(30.0)
    assert quick.seconds == pytest.approx(0.1)
    assert np.concatenate(list(traffic.draw(quick))).tolist() == [0, 25_000_000, 100_000_000]


TENSORS = {"BOOL": st.booleans(), "INT64": st.integers(-(2**63), 2**63 - 1), "UINT64": st.integers(0, 2**64 - 1),
           "FP32": st.floats(width=32, allow_infinity=False), "FP64": st.floats(allow_infinity=False),
           "BYTES": st.none() | st.text(max_size=6)}  # fmt: skip
DECLARED = tuple(
    InputColumn(name=f"in {name}", kind="tensor", datatype=name, shape=(-1, 2) if name == "FP32" else (-1,))
    for name in TENSORS
)


def read_tensors(manifest, inputs):
    """Return the manifest of a model that reads tensors by name."""
    return msgspec.structs.replace(manifest, reads="tensors", inputs=inputs)


def log_tensors(log, manifest, tensors, at):
    """Log what callers sent, as a server does."""
    columns = write_columns(plan_tensors(manifest.inputs, INPUT), tensors)
    names = [f"t{number}" for number in range(len(at))]
    stream = f"{INPUTS}{name_inputs('tensors', manifest.inputs)}"
    log.append(stream, {"request": names, "row": [None] * len(at), "at": at, **columns})


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(*TENSORS.values(), TENSORS["FP32"]), min_size=1, max_size=4))
def test_tensors_come_back_as_they_were_sent(tmp_path_factory, manifest, rows):
    log, model = ParquetLog(tmp_path_factory.mktemp("log")), read_tensors(manifest, DECLARED)
    tensors = {}
    for place, column in enumerate(DECLARED):
        values = [(row[place], row[-1]) if len(column.shape) > 1 else row[place] for row in rows]
        dtype = DATATYPES[column.datatype]
        # The trailing None keeps NumPy from making texts of one length a type of their own.
        held = np.array([*values, None], dtype=object)[:-1] if dtype.kind == "O" else np.array(values, dtype=dtype)
        tensors[column.name] = held
    log_tensors(log, model, tensors, list(range(len(rows))))
    found = read_traffic(log, "returned", model)
    assert (len(found.bodies), found.left_out) == (len(rows), 0)
    for number, body in enumerate(found.bodies):
        for column, sent in zip(DECLARED, msgspec.json.decode(body)["inputs"], strict=True):
            expected = tensors[column.name][number]
            assert (sent["name"], sent["datatype"]) == (column.name, column.datatype)
            assert sent["shape"] == [1, *column.shape[1:]]
            dtype = DATATYPES[column.datatype]
            if dtype.kind == "f":
                given_back = np.array([np.nan if value is None else value for value in sent["data"]], dtype=dtype)
                assert np.array_equal(given_back, np.ravel(expected), equal_nan=True)
            else:
                assert sent["data"] == [expected]


def test_what_the_log_does_not_hold_is_left_out_and_told(log, manifest):
    inputs = (
        InputColumn(name="text", kind="tensor", datatype="BYTES"),
        InputColumn(name="far", kind="tensor", datatype="FP64"),
    )
    model, long = read_tensors(manifest, inputs), "x" * (LONGEST_TEXT + 1)
    texts = np.array(["a", long, "b", None], dtype=object)
    log_tensors(log, model, {"text": texts, "far": np.array([1.0, 2.0, np.inf, np.nan])}, [30, 0, 10, 20])
    found = read_traffic(log, "returned", model)
    sent = [[each["data"] for each in msgspec.json.decode(body)["inputs"]] for body in found.bodies]
    assert sent == [[[None], [None]], [["a"], [1.0]]]
    assert (found.left_out, found.lack) == (2, ", less 2 whose values the log does not hold")


def test_nothing_but_long_texts_and_digests_is_no_traffic(log, manifest):
    text = (InputColumn(name="text", kind="tensor", datatype="BYTES"),)
    model = read_tensors(manifest, text)
    log_tensors(log, model, {"text": np.array(["x" * (LONGEST_TEXT + 1), None], dtype=object)[:1]}, [0])
    with expect_refusal("SW-443") as refused:
        read_traffic(log, "returned", model)
    assert "but for 1 whose values" in refused[0].fact
    wide = (InputColumn(name="embedding", kind="tensor", datatype="FP32", shape=(-1, 384)),)
    with expect_refusal("SW-443") as refused:
        read_traffic(log, "returned", read_tensors(manifest, wide))
    assert "'embedding' nothing but its digest" in refused[0].fact

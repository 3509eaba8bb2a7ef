"""What a load sends: files, golden rows, and traffic that was logged."""

from contextlib import closing

import msgspec
import numpy as np
import polars as pl
import pytest

from shipway.app.load.question import Traffic, read_bodies, read_body, read_traffic, write_questions
from shipway.app.workspace import Workspace
from shipway.core.bundle import InputColumn, Manifest, OutputColumn, make_golden
from shipway.core.prediction import FEATURES, PREDICTIONS
from shipway.testing.refusal import expect_refusal

X = np.array([[0.0, np.nan], [1.0, 10.0], [2.0, 20.0]])
GOLDEN = make_golden({"x": X}, {"probability": np.array([0.1, 0.2, 0.3])})


@pytest.fixture
def manifest(ran_shop):
    """The manifest of a real bundle, and the project it is of."""
    with closing(Workspace(ran_shop.project)) as workspace:
        version = workspace.peek().models["returned"][0]
        return msgspec.json.decode(workspace.blobs.get(version.bundle), type=Manifest)


def tensors(body):
    (tensor,) = msgspec.json.decode(body)["inputs"]
    return tensor["shape"], tensor["data"]


def test_golden_rows_are_asked_about_in_turn_and_begin_anew_at_their_end(manifest):
    found = [tensors(body) for body in write_questions(manifest, GOLDEN, 2)]
    assert found == [([2, 2], [0, None, 1, 10]), ([2, 2], [1, 10, 2, 20]), ([2, 2], [2, 20, 0, None])]
    assert tensors(write_questions(manifest, GOLDEN, 5)[0]) == ([5, 2], [0, None, 1, 10, 2, 20, 0, None, 1, 10])


def test_model_of_a_fixed_number_of_rows_is_asked_about_as_many(manifest):
    column = InputColumn(name="a", kind="number", shape=(3,))
    fixed = msgspec.structs.replace(manifest, inputs=(column,), outputs=manifest.outputs)
    assert [tensors(body)[0] for body in write_questions(fixed, GOLDEN, 1)] == [[3, 2]]
    assert isinstance(fixed.outputs[0], OutputColumn)


def test_files_are_bodies(tmp_path):
    path = tmp_path / "bodies.jsonl"
    path.write_bytes(b'{"a": 1}\n\n{"a": 2}\n')
    assert read_bodies(path) == [b'{"a": 1}', b'{"a": 2}']
    assert read_body(path) == path.read_bytes()
    path.write_bytes(b"\n \n")
    with expect_refusal("SW-204"):
        read_bodies(path)
    with expect_refusal("SW-201"):
        read_body(tmp_path / "missing")


def log_requests(workspace, manifest, at):
    """Log requests with vectors of a store, as a server does."""
    log = workspace.open_log("returned")
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


def test_traffic_is_what_was_asked_in_order_of_time(shop, manifest):
    with closing(Workspace(shop.project)) as workspace:
        log_requests(workspace, manifest, [5_000_000, 1_000_000, 3_000_000])
        found = read_traffic(workspace, "returned", manifest)
    assert found.at_us.tolist() == [0, 2_000_000, 4_000_000]
    sent = msgspec.json.decode(found.bodies[0])["inputs"]
    assert [each["name"] for each in sent] == [column.name for column in manifest.inputs]
    assert {each["datatype"] for each in sent} == {"BYTES", "FP64"}


def test_service_that_was_never_asked_has_no_traffic(shop, manifest):
    with closing(Workspace(shop.project)) as workspace, expect_refusal("SW-443"):
        read_traffic(workspace, "returned", manifest)


def test_replay_keeps_its_gaps_or_is_stretched_to_a_rate():
    traffic = Traffic([b"{}"] * 3, np.array([0, 1_000_000, 4_000_000]))
    own = traffic.make_pattern(None)
    assert (own.seconds, own.arrivals, own.expected) == (4.0, "logged", pytest.approx(3))
    assert np.concatenate(list(traffic.draw(own))).tolist() == [0, 10**9, 4 * 10**9]
    quick = traffic.make_pattern(30.0)
    assert quick.seconds == pytest.approx(0.1)
    assert np.concatenate(list(traffic.draw(quick))).tolist() == [0, 25_000_000, 100_000_000]

"""Partitions of a bundle without features: tensors by their names, outputs of any shape, what training never saw."""

from contextlib import closing

import numpy as np
import onnx
import polars as pl
import pytest
from onnx import TensorProto, helper, numpy_helper

from shipway.app.project import find_project
from shipway.app.score import score
from shipway.app.score.partition import cut_rows, write_tensor
from shipway.app.workspace import Workspace
from shipway.core.body import VersionOpened, VersionRegistered
from shipway.core.bundle import NUMBER, InputColumn, OutputColumn
from shipway.core.error import ShipwayError
from shipway.delivery.bundle import Form, build_bundle
from shipway.ports.model import open_runtime

INPUTS = (
    InputColumn(name="amount", kind="tensor", datatype="FP32", low=0.0, high=10.0),
    InputColumn(name="topic", kind="tensor", datatype="FP32", shape=(-1, 3)),
)
OUTPUTS = (
    OutputColumn(name="total", datatype="FP32"),
    OutputColumn(name="mood", datatype="FP32", shape=(-1, 2), classes=("good", "bad")),
    OutputColumn(name="vector", datatype="FP32", shape=(-1, 3)),
)


def make_graph():
    """A graph of two inputs: their sum, the halves of it for two classes, and a vector."""
    nodes = [
        helper.make_node("ReduceSum", ["topic", "axes"], ["sum"], keepdims=0),
        helper.make_node("Add", ["amount", "sum"], ["total"]),
        helper.make_node("Unsqueeze", ["total", "axes"], ["tall"]),
        helper.make_node("Mul", ["tall", "halves"], ["mood"]),
        helper.make_node("Neg", ["topic"], ["vector"]),
    ]
    constants = {"axes": np.array([1]), "halves": np.array([[0.5, -0.5]], np.float32)}
    graph = helper.make_graph(
        nodes,
        "moody",
        [
            helper.make_tensor_value_info("amount", TensorProto.FLOAT, ["n"]),
            helper.make_tensor_value_info("topic", TensorProto.FLOAT, ["n", 3]),
        ],
        [
            helper.make_tensor_value_info("total", TensorProto.FLOAT, ["n"]),
            helper.make_tensor_value_info("mood", TensorProto.FLOAT, ["n", 2]),
            helper.make_tensor_value_info("vector", TensorProto.FLOAT, ["n", 3]),
        ],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model.SerializeToString()


@pytest.fixture(scope="module")
def moody(tmp_path_factory):
    """Return a project without any data, in which a bundle without features is registered."""
    root = tmp_path_factory.mktemp("moody")
    (root / "shipway.toml").write_text('[project]\nname = "moody"\n')
    (root / "project.py").write_text("")
    graph, random = make_graph(), np.random.default_rng(1)
    sample = {
        "amount": random.random(50).astype(np.float32),
        "topic": random.random((50, 3)).astype(np.float32),
    }
    form = Form("onnx", graph, open_runtime("onnx").load(graph))
    manifest, files = build_bundle(
        model="moody", version=1, cut=0, ending="onnx", native=form, portable=form, reads="tensors", inputs=INPUTS,
        outputs=OUTPUTS, features=None, sample=sample, training={"rows": 50, "rate": 0.5}, metrics={}, verdict={},
        lock="", card="# Moody",
    )  # fmt: skip
    project = find_project(root)
    with closing(Workspace(project)) as workspace:
        workspace.folder.mkdir()
        for content in files.values():
            workspace.blobs.put(content)
        workspace.remember(
            ("model:moody@1", VersionOpened(model="moody", number=1, key="k", cut=0)),
            ("model:moody@1", VersionRegistered(model="moody", number=1, bundle=manifest.digest)),
        )
    return project


@pytest.fixture
def rows(tmp_path):
    """Return rows of the bundle's inputs, and the file they are in."""
    random = np.random.default_rng(2)
    made = pl.DataFrame(
        {
            "name": [f"row {place}" for place in range(20)],
            "amount": [*np.round(random.random(18), 3), 11.5, -1.0],
            "topic": pl.Series(random.random((20, 3)).astype(np.float32)),
        }
    )
    made.write_parquet(tmp_path / "rows.parquet")
    return made, tmp_path / "rows.parquet"


def test_a_bundle_without_features_is_given_its_inputs_by_name(moody, rows, tmp_path):
    made, path = rows
    found = score(moody, "moody", str(path), key=["name"], to=tmp_path / "out.parquet")
    out = pl.read_parquet(tmp_path / "out.parquet")
    columns = ["name", "total", "mood_good", "mood_bad", "vector", "_version", "_bundle", "_error"]
    assert out.columns == columns
    assert out["name"].equals(made["name"])
    topic = made["topic"].to_numpy()
    total = made["amount"].to_numpy().astype(np.float32) + topic.sum(axis=1)
    assert np.allclose(out["total"].to_numpy(), total, atol=1e-5)
    assert np.array_equal(out["mood_good"].to_numpy(), -out["mood_bad"].to_numpy())
    assert np.array_equal(out["vector"].to_numpy(), -topic)
    assert [(each.column, each.rows, each.example) for each in found.unseen] == [
        ("amount", 2, "11.5, not from 0 to 10")
    ]


@pytest.fixture(scope="module")
def counted(tmp_path_factory):
    """Return a project in which a model of a number is registered: ten to the tenth of one input, and the other."""
    root = tmp_path_factory.mktemp("counted")
    (root / "shipway.toml").write_text('[project]\nname = "counted"\n')
    (root / "project.py").write_text("")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["prediction"])],
        "eta",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2])],
        [helper.make_tensor_value_info("prediction", TensorProto.FLOAT, ["n", 1])],
        [numpy_helper.from_array(np.array([[1e10], [1.0]], np.float32), "w")],
    )
    data = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString()
    form = Form("onnx", data, open_runtime("onnx").load(data))
    x = np.random.default_rng(1).random((200, 2)).astype(np.float32).astype(np.float64)
    manifest, files = build_bundle(
        model="eta", version=1, cut=0, ending="onnx", native=form, portable=form, outputs=NUMBER, features=None,
        inputs=[InputColumn(name=name, kind="number") for name in ("many", "few")], sample={"x": x},
        training={"rows": 200, "mean": 5e9}, metrics={}, verdict={}, lock="", card="# Eta",
    )  # fmt: skip
    project = find_project(root)
    with closing(Workspace(project)) as workspace:
        workspace.folder.mkdir()
        for content in files.values():
            workspace.blobs.put(content)
        workspace.remember(
            ("model:eta@1", VersionOpened(model="eta", number=1, key="k", cut=0)),
            ("model:eta@1", VersionRegistered(model="eta", number=1, bundle=manifest.digest)),
        )
    return project


def test_a_number_is_scored_and_one_that_is_not_finite_is_a_failure(counted, tmp_path):
    rows = pl.DataFrame({"many": [0.5, 1e30, -2.0, None], "few": [-7.0, 1.0, 0.25, 1.0]})
    rows.write_parquet(tmp_path / "rows.parquet")
    found = score(counted, "eta", str(tmp_path / "rows.parquet"), to=tmp_path / "out.parquet")
    out = pl.read_parquet(tmp_path / "out.parquet")
    assert out.columns == ["_row", "prediction", "_version", "_bundle", "_error"]
    assert out["prediction"].to_list()[::2] == pytest.approx([5e9 - 7, -2e10 + 0.25], rel=1e-6)
    assert out["prediction"].to_list()[1::2] == [None, None]
    assert out["_error"].to_list() == [None, "SW-801", None, "SW-801"]
    assert (found.rows, found.failed) == (4, 2)


def test_its_result_may_be_the_first_table_of_a_branch(moody, rows):
    made = score(moody, "moody", str(rows[1]), branch="scores")
    assert (made.moved, made.into, made.rows) == (True, "moody_scores", 20)
    with closing(Workspace(moody)) as workspace:
        commit = workspace.tables.get(workspace.tables.head("scores"))
        assert workspace.tables.read(commit.tables["moody_scores"])["_row"].to_list() == list(range(20))


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        (lambda rows: rows.rename({"amount": "amuont"}), "SW-202", "no column 'amount', which is an input"),
        (lambda rows: rows.with_columns(amount=pl.lit("much")), "SW-203", "'amount' is read as FP32, and it is String"),
        (lambda rows: rows.with_columns(pl.col("topic").arr.to_list().list.head(2)), "SW-203", "[3] values in each"),
    ],
)  # fmt: skip
def test_inputs_of_another_kind_are_refused(moody, rows, tmp_path, change, code, said):
    change(rows[0]).write_parquet(tmp_path / "other.parquet")
    with pytest.raises(ShipwayError) as refused:
        score(moody, "moody", str(tmp_path / "other.parquet"), to=tmp_path / "out.parquet")
    assert refused.value.code == code
    assert said in refused.value.fact
    assert not (tmp_path / "out.parquet").exists()


def test_main_cannot_begin_with_a_result(moody, rows):
    with pytest.raises(ShipwayError, match="SW-401"):
        score(moody, "moody", str(rows[1]))


def test_what_is_missing_has_a_word_in_numbers_and_texts_alone():
    some = pl.Series("n", [1, None], dtype=pl.Int64)
    assert np.isnan(write_tensor(some, InputColumn(name="n", kind="tensor", datatype="FP64"))[1])
    texts = write_tensor(pl.Series("n", ["a", None]), InputColumn(name="n", kind="tensor", datatype="BYTES"))
    assert texts.tolist() == ["a", None]
    with pytest.raises(ShipwayError, match="1 values are missing"):
        write_tensor(some, InputColumn(name="n", kind="tensor", datatype="INT64"))


@pytest.mark.parametrize(("rows", "size"), [(0, 5), (1, 5), (5, 5), (11, 5)])
def test_partitions_are_all_rows_once_and_in_order(rows, size):
    spans = list(cut_rows(rows, size))
    assert [place for span in spans for place in range(span.start, span.stop)] == list(range(rows))
    assert spans
    assert all(span.stop - span.start <= size for span in spans)

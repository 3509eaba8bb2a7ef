"""Partitions of a bundle without features: tensors by their names, outputs of any shape, what training never saw."""

from contextlib import closing

import numpy as np
import onnx
import polars as pl
import pytest
from onnx import TensorProto, helper, numpy_helper

from shipway.app.model import show_model
from shipway.app.project import find_project
from shipway.app.score import score
from shipway.app.score.partition import cut_rows, write_tensor
from shipway.app.workspace import Workspace
from shipway.core.body import VersionOpened, VersionRegistered
from shipway.core.bundle import NUMBER, InputColumn, OutputColumn, declare_outputs
from shipway.core.error import ShipwayError
from shipway.core.record import plan_outputs
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
    """A graph of two inputs: their sum, how probable it makes each of two classes, and a vector."""
    nodes = [
        helper.make_node("ReduceSum", ["topic", "axes"], ["sum"], keepdims=0),
        helper.make_node("Add", ["amount", "sum"], ["total"]),
        helper.make_node("Unsqueeze", ["total", "axes"], ["tall"]),
        helper.make_node("Mul", ["tall", "halves"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["mood"], axis=1),
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
    columns = ["name", "class", "total", "mood[good]", "mood[bad]", "vector", "_version", "_bundle", "_error"]
    assert out.columns == columns
    assert out["name"].equals(made["name"])
    topic = made["topic"].to_numpy()
    total = made["amount"].to_numpy().astype(np.float32) + topic.sum(axis=1)
    assert np.allclose(out["total"].to_numpy(), total, atol=1e-5)
    assert np.allclose(out["mood[good]"].to_numpy(), 1 / (1 + np.exp(-total)), atol=1e-5)
    assert np.allclose(out["mood[bad]"].to_numpy(), 1 / (1 + np.exp(total)), atol=1e-5)
    assert out["class"].to_list() == ["good" if value > 0 else "bad" for value in total]
    assert np.array_equal(out["vector"].to_numpy(), -topic)
    assert [(each.column, each.rows, each.example) for each in found.unseen] == [
        ("amount", 2, "11.5, not from 0 to 10")
    ]


def register(root, name, nodes, constants, outputs, training):
    """Return a project in which a model of two columns is registered, and nothing else is there."""
    (root / "shipway.toml").write_text(f'[project]\nname = "{name}"\n')
    (root / "project.py").write_text("")
    (output,) = outputs
    width = 1 if len(output.shape) == 1 else output.shape[1]
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2])],
        [helper.make_tensor_value_info(output.name, TensorProto.FLOAT, ["n", width])],
        [numpy_helper.from_array(value, each) for each, value in constants.items()],
    )
    data = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString()
    form = Form("onnx", data, open_runtime("onnx").load(data))
    x = np.random.default_rng(1).random((200, 2)).astype(np.float32).astype(np.float64)
    manifest, files = build_bundle(
        model=name, version=1, cut=0, ending="onnx", native=form, portable=form, outputs=outputs, features=None,
        inputs=[InputColumn(name=each, kind="number") for each in ("many", "few")], sample={"x": x},
        training=training, metrics={}, verdict={}, lock="", card="# Card",
    )  # fmt: skip
    project = find_project(root)
    with closing(Workspace(project)) as workspace:
        workspace.folder.mkdir()
        for content in files.values():
            workspace.blobs.put(content)
        workspace.remember(
            (f"model:{name}@1", VersionOpened(model=name, number=1, key="k", cut=0)),
            (f"model:{name}@1", VersionRegistered(model=name, number=1, bundle=manifest.digest)),
        )
    return project


@pytest.fixture(scope="module")
def counted(tmp_path_factory):
    """Return a project in which a model of a number is registered: ten to the tenth of one input, and the other."""
    nodes = [helper.make_node("MatMul", ["x", "w"], ["prediction"])]
    weights = {"w": np.array([[1e10], [1.0]], np.float32)}
    return register(tmp_path_factory.mktemp("counted"), "eta", nodes, weights, NUMBER, {"rows": 200, "mean": 5e9})


CLASSES = ("early", "late", "on the way")


@pytest.fixture(scope="module")
def parcels(tmp_path_factory):
    """Return a project in which a model of three classes is registered: a softmax of two columns and zero."""
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["probabilities"], axis=1),
    ]
    weights = {"w": np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], np.float32)}
    training = {"rows": 200, "label": "class", "classes": list(CLASSES), "shares": [0.5, 0.3, 0.2]}
    outputs = declare_outputs("class", CLASSES)
    return register(tmp_path_factory.mktemp("parcels"), "parcel", nodes, weights, outputs, training)


def test_each_class_has_a_column_called_as_in_the_log(parcels, tmp_path):
    rows = pl.DataFrame({"many": [2.0, 0.5, -3.0, None, 0.0], "few": [1.0, 4.0, -2.0, 1.0, 0.0]})
    rows.write_parquet(tmp_path / "rows.parquet")
    found = score(parcels, "parcel", str(tmp_path / "rows.parquet"), to=tmp_path / "out.parquet")
    out = pl.read_parquet(tmp_path / "out.parquet")
    manifest = show_model(parcels, "parcel").bundle
    assert manifest is not None
    places = [f"probabilities[{name}]" for name in CLASSES]
    logged = plan_outputs(manifest.outputs).tensors[0].columns
    assert [f"output {place}" for place in places] == list(logged)
    assert out.columns == ["_row", "class", *places, "_version", "_bundle", "_error"]
    # Where nobody knows, it is no class; of equal ones it is the first.
    assert out["class"].to_list() == ["early", "late", "on the way", None, "early"]
    assert out["_error"].to_list() == [None, None, None, "SW-801", None]
    assert (found.rows, found.failed) == (5, 1)
    p = out.select(places).drop_nulls().to_numpy()
    assert p.shape == (4, 3)
    z = np.column_stack([rows.drop_nulls().to_numpy(), np.zeros(4)])
    np.testing.assert_allclose(p, np.exp(z) / np.exp(z).sum(axis=1, keepdims=True), atol=1e-6)
    score(parcels, "parcel", str(tmp_path / "rows.parquet"), to=tmp_path / "again.csv")
    assert pl.read_csv(tmp_path / "again.csv")["class"].equals(out["class"])


@pytest.mark.parametrize("shares", [False, True], ids=["a number", "classes"])
def test_a_row_that_a_service_would_refuse_is_a_failure_without_a_label_too(tmp_path, shares):
    nodes = [helper.make_node("Softmax", ["x"], ["said"], axis=1)]
    output = OutputColumn(name="said", datatype="FP32", shape=(-1, 2), classes=CLASSES[:2])
    if not shares:
        nodes = [helper.make_node("Gemm", ["x", "w"], ["said"])]
        output = OutputColumn(name="said", datatype="FP32", shape=(-1, 1))
    weights = {} if shares else {"w": np.ones((2, 1), np.float32)}
    project = register(tmp_path, "free", nodes, weights, [output], {"rows": 200})
    pl.DataFrame({"many": [2.0, None, 0.5], "few": [1.0, 1.0, 0.5]}).write_parquet(tmp_path / "rows.parquet")
    found = score(project, "free", str(tmp_path / "rows.parquet"), to=tmp_path / "out.parquet")
    out = pl.read_parquet(tmp_path / "out.parquet")
    assert out["_error"].to_list() == [None, "SW-801", None]
    assert (found.rows, found.failed) == (3, 1)
    said = out.select(pl.exclude("_row", "_version", "_bundle", "_error"))
    assert said[1].null_count().sum_horizontal().item() == said.width
    assert not any(None in row for row in said[::2].rows())
    if shares:
        assert said["class"].to_list() == ["early", None, "early"]


def test_no_rows_have_the_columns_of_classes_too(parcels, tmp_path):
    pl.DataFrame({"many": [], "few": []}, schema={"many": pl.Float64, "few": pl.Float64}).write_parquet(
        tmp_path / "none.parquet"
    )
    score(parcels, "parcel", str(tmp_path / "none.parquet"), to=tmp_path / "out.parquet")
    out = pl.read_parquet(tmp_path / "out.parquet")
    assert (out.height, out.columns[1], out["class"].dtype) == (0, "class", pl.String)


def test_a_column_of_the_rows_cannot_be_called_as_one_of_the_result(parcels, tmp_path):
    rows = pl.DataFrame({"many": [2.0], "few": [1.0], "class": ["late"]})
    rows.write_parquet(tmp_path / "rows.parquet")
    with pytest.raises(ShipwayError, match="'class' of the rows is one that the result has") as refused:
        score(parcels, "parcel", str(tmp_path / "rows.parquet"), key=["class"], to=tmp_path / "out.parquet")
    assert refused.value.code == "SW-105"


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

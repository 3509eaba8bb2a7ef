"""Models that were made elsewhere become versions that are exported, signed and served like any other."""

import json
import re
import shutil
import subprocess
import sys
import urllib.request
from contextlib import closing

import lightgbm
import msgspec
import numpy as np
import onnx
import pytest
import skl2onnx
import skops.io
import xgboost
from onnx import TensorProto, helper
from skl2onnx.common.data_types import FloatTensorType
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB

from shipway.app.arrival import import_model
from shipway.app.bundle import build_version
from shipway.app.exchange import export_version
from shipway.app.model import list_models, show_model
from shipway.app.project import find_project
from shipway.app.workspace import Workspace
from shipway.core.bundle import Manifest
from shipway.core.label import MOST_CLASSES
from shipway.delivery.verification import verify_bundle
from shipway.ports.model import open_runtime
from shipway.serving.model import load_bundle
from shipway.testing.model import make_labelled, make_rows
from shipway.testing.refusal import expect_refusal


def make_graph(factor=2.0, *, fixed=None):
    """A graph of two inputs and two outputs: scores FP32 of shape (rows, 2), and a text for each row."""
    rows = fixed or "rows"
    nodes = [
        helper.make_node("Cast", ["place"], ["cast"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["cast", "one"], ["tall"]),
        helper.make_node("Mul", ["x", "factor"], ["scaled"]),
        helper.make_node("Add", ["scaled", "tall"], ["scores"]),
        helper.make_node("Identity", ["name"], ["said"]),
    ]
    constants = [
        helper.make_tensor("one", TensorProto.INT64, [1], [1]),
        helper.make_tensor("factor", TensorProto.FLOAT, [], [factor]),
    ]
    inputs = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, [rows, 2]),
        helper.make_tensor_value_info("place", TensorProto.INT64, [rows]),
        helper.make_tensor_value_info("name", TensorProto.STRING, [rows]),
    ]
    outputs = [
        helper.make_tensor_value_info("scores", TensorProto.FLOAT, [rows, 2]),
        helper.make_tensor_value_info("said", TensorProto.STRING, [rows]),
    ]
    graph = helper.make_graph(nodes, "scorer", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model.SerializeToString()


@pytest.fixture
def project(fresh):
    return find_project(fresh)


def manifest_of(project, ref):
    manifest = show_model(project, ref).bundle
    assert isinstance(manifest, Manifest)
    return manifest


def test_bare_graph_becomes_a_version_that_is_served_and_exported(project, tmp_path):
    source = tmp_path / "scorer.onnx"
    source.write_bytes(make_graph())
    made = import_model(project, source, "scorer", cut=1_000_000)
    assert (made.version, made.kind, made.unchanged) == ("scorer@1", "onnx", False)
    assert (made.inputs, made.outputs) == (("x", "place", "name"), ("scores", "said"))
    latency = show_model(project, "scorer").latency
    assert latency is not None
    assert [batch.rows for batch in latency.batches] == [1, 16, 256]
    manifest = manifest_of(project, "scorer")
    assert manifest.features is None
    assert manifest.reads == "tensors"
    assert [(each.datatype, each.shape) for each in manifest.inputs] == [
        ("FP32", (-1, 2)), ("INT64", (-1,)), ("BYTES", (-1,)),
    ]  # fmt: skip
    with closing(Workspace(project)) as workspace:
        kinds = [entry.kind for entry in workspace.ledger.read()]
        assert kinds == ["run-started", "run-finished", "version-opened", "version-registered"]
        loaded = load_bundle(made.bundle, workspace.blobs, open_runtime)
        assert workspace.state().digest == workspace.rebuild_state().digest
    inputs = {"x": np.ones((2, 2), np.float32), "place": np.array([1, 2]), "name": np.array(["a", "b"], object)}
    found = loaded.predictor.infer(inputs)
    assert found["scores"].tolist() == [[3, 3], [4, 4]]
    assert found["said"].tolist() == ["a", "b"]
    export_version(project, "scorer@1", tmp_path / "out", "folder")
    assert verify_bundle(tmp_path / "out", open_runtime, digest=made.bundle) == []
    export_version(project, "scorer@1", tmp_path / "ml", "mlflow")
    again = import_model(project, tmp_path / "ml", "again", cut=1_000_000)
    assert again.inputs == made.inputs


def test_import_is_done_once_and_the_next_model_is_the_next_version(project, tmp_path):
    source = tmp_path / "scorer.onnx"
    source.write_bytes(make_graph())
    first = import_model(project, source, "scorer")
    assert import_model(project, source, "scorer") == msgspec.structs.replace(first, unchanged=True)
    source.write_bytes(make_graph(3.0))
    assert import_model(project, source, "scorer").version == "scorer@2"
    assert [line.ref for line in list_models(project)] == ["scorer@1", "scorer@2"]
    with expect_refusal("SW-501") as refusals:
        build_version(project, "scorer")
    assert "imported as onnx" in refusals[0].fact


def test_same_model_gives_the_same_bundle_elsewhere(project, new_shop, tmp_path):
    source = tmp_path / "scorer.onnx"
    source.write_bytes(make_graph())
    other = find_project(shutil.copytree(new_shop, tmp_path / "other"))
    bundles = {import_model(each, source, "scorer", cut=5).bundle for each in (project, other)}
    assert len(bundles) == 1


def test_golden_rows_are_those_that_are_given(project, tmp_path):
    (tmp_path / "scorer.onnx").write_bytes(make_graph())
    sample = tmp_path / "rows.json"
    sample.write_text(json.dumps({"x": [[1, 2], [3, 4]], "place": [5, 6], "name": ["a", "b"]}))
    made = import_model(project, tmp_path / "scorer.onnx", "scorer", sample=sample)
    export_version(project, "scorer", tmp_path / "out", "folder")
    golden = json.loads((tmp_path / "out" / "golden.json").read_bytes())
    assert golden["outputs"][0]["data"] == [7, 9, 12, 14]
    assert made.bundle in str(show_model(project, "scorer").version)


def test_graph_of_a_fixed_number_of_rows_is_taken_over(project, tmp_path):
    (tmp_path / "scorer.onnx").write_bytes(make_graph(fixed=4))
    import_model(project, tmp_path / "scorer.onnx", "scorer")
    assert manifest_of(project, "scorer").inputs[0].shape == (4, 2)
    latency = show_model(project, "scorer").latency
    assert latency is not None
    assert [batch.rows for batch in latency.batches] == [4]


@pytest.mark.parametrize("strange", [b"", b"no graph", make_graph()[:200]])
def test_what_is_no_graph_is_refused_before_anything_is_remembered(project, tmp_path, strange):
    (tmp_path / "scorer.onnx").write_bytes(strange)
    with expect_refusal("SW-502"):
        import_model(project, tmp_path / "scorer.onnx", "scorer")
    with expect_refusal("SW-201"):
        import_model(project, tmp_path / "none.onnx", "scorer")
    assert list_models(project) == []


@pytest.mark.parametrize(("name", "code"), [("returned", "SW-105"), ("a-b", "SW-106"), ("", "SW-106"), ("ä", "SW-106")])
def test_names_that_cannot_be_are_refused(project, tmp_path, name, code):
    (tmp_path / "scorer.onnx").write_bytes(make_graph())
    with expect_refusal(code):
        import_model(project, tmp_path / "scorer.onnx", name)


def test_model_that_does_not_predict_what_was_drawn_asks_for_rows(project, tmp_path):
    nodes = [helper.make_node("Gather", ["table", "place"], ["found"])]
    table = helper.make_tensor("table", TensorProto.FLOAT, [2], [1.0, 2.0])
    inputs = [helper.make_tensor_value_info("place", TensorProto.INT64, ["n"])]
    outputs = [helper.make_tensor_value_info("found", TensorProto.FLOAT, ["n"])]
    graph = helper.make_graph(nodes, "table", inputs, outputs, [table])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    (tmp_path / "table.onnx").write_bytes(model.SerializeToString())
    with expect_refusal("SW-516") as refusals:
        import_model(project, tmp_path / "table.onnx", "table")
    assert "--sample" in refusals[0].hint
    (tmp_path / "rows.json").write_text('{"place": [0, 1]}')
    assert import_model(project, tmp_path / "table.onnx", "table", sample=tmp_path / "rows.json").version == "table@1"


def write_mlflow_folder(folder, flavor, data, **said):
    """A folder as MLflow writes one, with a signature of three columns."""
    columns = json.dumps([{"type": "double", "name": name} for name in ("a", "b", "c")])
    document = {"flavors": {flavor: {**data, **said}}, "signature": {"inputs": columns}}
    (folder / "MLmodel").write_text(json.dumps(document))
    return folder


@pytest.mark.parametrize("flavor", ["lightgbm", "xgboost", "sklearn"])
def test_flavors_are_converted_and_predict_what_the_library_says(project, tmp_path, flavor):
    x, y = make_rows(1, 600)
    x = np.nan_to_num(x)
    probe = np.nan_to_num(make_rows(2, 50)[0])
    folder = tmp_path / "model"
    folder.mkdir()
    match flavor:
        case "lightgbm":
            params = {"objective": "binary", "verbosity": -1, "num_threads": 1}
            booster = lightgbm.train(params, lightgbm.Dataset(x, y), 5)
            booster.save_model(folder / "model.lgb")
            write_mlflow_folder(folder, flavor, {"data": "model.lgb"})
            due = booster.predict(probe)
        case "xgboost":
            booster = xgboost.train({"objective": "binary:logistic", "nthread": 1}, xgboost.DMatrix(x, y), 5)
            booster.save_model(folder / "model.ubj")
            write_mlflow_folder(folder, flavor, {"data": "model.ubj"})
            due = booster.predict(xgboost.DMatrix(probe))
        case _:
            estimator = LogisticRegression().fit(x, y)
            skops.io.dump(estimator, folder / "model.skops")
            write_mlflow_folder(folder, flavor, {"pickled_model": "model.skops"}, serialization_format="skops")
            due = estimator.predict_proba(probe)[:, 1]
    made = import_model(project, folder, "scorer")
    assert (made.kind, made.inputs) == (f"mlflow/{flavor}", ("a", "b", "c"))
    with closing(Workspace(project)) as workspace:
        loaded = load_bundle(made.bundle, workspace.blobs, open_runtime)
    np.testing.assert_allclose(loaded.predictor.predict(probe), due, atol=1e-5)


def test_python_function_is_refused_with_a_way_out(project, tmp_path):
    (tmp_path / "MLmodel").write_text("flavors: {python_function: {loader_module: mlflow.pyfunc.model}}")
    with expect_refusal("SW-516") as refusals:
        import_model(project, tmp_path, "scorer")
    assert "ONNX" in refusals[0].hint


def test_ranker_of_a_flavor_is_refused_with_a_way_out(project, tmp_path):
    x, y = make_rows(1, 200)
    rows = lightgbm.Dataset(x, y.astype(int), group=[100, 100])
    lightgbm.train({"objective": "lambdarank", "verbosity": -1}, rows, 2).save_model(tmp_path / "model.lgb")
    write_mlflow_folder(tmp_path, "lightgbm", {"data": "model.lgb"})
    with expect_refusal("SW-516") as refusals:
        import_model(project, tmp_path, "scorer")
    assert "ONNX" in refusals[0].hint


@pytest.mark.parametrize("flavor", ["lightgbm", "xgboost", "sklearn", "wrapper"])
def test_regressors_of_flavors_become_models_of_a_number(project, tmp_path, flavor):
    x, y = make_labelled(1, "number", 600)
    x = np.nan_to_num(x)
    probe = np.nan_to_num(make_rows(2, 50)[0])
    folder = tmp_path / "model"
    folder.mkdir()
    match flavor:
        case "lightgbm":
            booster = lightgbm.train({"objective": "poisson", "verbosity": -1}, lightgbm.Dataset(x, y), 5)
            booster.save_model(folder / "model.lgb")
            write_mlflow_folder(folder, flavor, {"data": "model.lgb"})
            due = booster.predict(probe)
        case "xgboost":
            booster = xgboost.train({"objective": "reg:squarederror", "nthread": 1}, xgboost.DMatrix(x, y), 5)
            booster.save_model(folder / "model.ubj")
            write_mlflow_folder(folder, flavor, {"data": "model.ubj"})
            due = booster.predict(xgboost.DMatrix(probe))
        case _:
            wrapped = flavor == "wrapper"
            estimator = lightgbm.LGBMRegressor(n_estimators=5, verbosity=-1) if wrapped else Ridge()
            skops.io.dump(estimator.fit(x, y), folder / "model.skops")
            name = "lightgbm" if wrapped else "sklearn"
            field = "data" if wrapped else "pickled_model"
            write_mlflow_folder(folder, name, {field: "model.skops"}, serialization_format="skops")
            due = (estimator.booster_ if wrapped else estimator).predict(probe)
    made = import_model(project, folder, "scorer")
    assert (made.inputs, made.outputs) == (("a", "b", "c"), ("prediction",))
    assert manifest_of(project, "scorer").predicts == "number"
    with closing(Workspace(project)) as workspace:
        loaded = load_bundle(made.bundle, workspace.blobs, open_runtime)
    np.testing.assert_allclose(loaded.predictor.predict(probe), due, rtol=1e-5)
    assert export_version(project, "scorer", tmp_path / "ml", "mlflow").bundle == made.bundle
    again = import_model(project, tmp_path / "ml", "again")
    assert (again.kind, again.inputs, again.outputs) == ("mlflow/onnx", ("a", "b", "c"), ("prediction",))


@pytest.mark.parametrize("flavor", ["lightgbm", "xgboost", "sklearn", "wrapper"])
def test_classifiers_of_flavors_become_models_of_classes(project, tmp_path, flavor):
    x, y = make_labelled(1, "class", 600)
    x = np.nan_to_num(x)
    probe = np.nan_to_num(make_rows(2, 50)[0])
    texts = np.array(["early", "late", "lost"])
    classes = ("0", "1", "2") if flavor in ("lightgbm", "xgboost") else tuple(texts)
    folder = tmp_path / "model"
    folder.mkdir()
    match flavor:
        case "lightgbm":
            params = {"objective": "multiclass", "num_class": 3, "verbosity": -1}
            booster = lightgbm.train(params, lightgbm.Dataset(x, y), 5)
            booster.save_model(folder / "model.lgb")
            write_mlflow_folder(folder, flavor, {"data": "model.lgb"})
            due = booster.predict(probe)
        case "xgboost":
            params = {"objective": "multi:softprob", "num_class": 3, "nthread": 1}
            booster = xgboost.train(params, xgboost.DMatrix(x, y), 5)
            booster.save_model(folder / "model.ubj")
            write_mlflow_folder(folder, flavor, {"data": "model.ubj"})
            due = booster.predict(xgboost.DMatrix(probe))
        case _:
            wrapped = flavor == "wrapper"
            estimator = lightgbm.LGBMClassifier(n_estimators=5, verbosity=-1) if wrapped else LogisticRegression()
            skops.io.dump(estimator.fit(x, texts[y]), folder / "model.skops")
            name = "lightgbm" if wrapped else "sklearn"
            field = "data" if wrapped else "pickled_model"
            write_mlflow_folder(folder, name, {field: "model.skops"}, serialization_format="skops")
            due = estimator.predict_proba(probe)
    made = import_model(project, folder, "scorer")
    assert (made.inputs, made.outputs) == (("a", "b", "c"), ("probabilities",))
    manifest = manifest_of(project, "scorer")
    assert (manifest.predicts, manifest.classes) == ("class", classes)
    with closing(Workspace(project)) as workspace:
        loaded = load_bundle(made.bundle, workspace.blobs, open_runtime)
    np.testing.assert_allclose(loaded.predictor.predict(probe), due, atol=1e-5)


@pytest.mark.parametrize("flavor", ["lightgbm", "sklearn"])
def test_flavors_of_more_classes_than_a_label_can_have_are_refused(project, tmp_path, flavor):
    count = MOST_CLASSES + 1
    y = np.arange(10 * count) % count
    x = np.random.default_rng(1).normal(size=(len(y), 3)) + y[:, None] / count
    if flavor == "lightgbm":
        params = {"objective": "multiclass", "num_class": count, "verbosity": -1, "num_leaves": 4, "num_threads": 1}
        lightgbm.train(params, lightgbm.Dataset(x, y), 1).save_model(tmp_path / "model.lgb")
        write_mlflow_folder(tmp_path, flavor, {"data": "model.lgb"})
    else:
        skops.io.dump(GaussianNB().fit(x, y), tmp_path / "model.skops")
        write_mlflow_folder(tmp_path, flavor, {"pickled_model": "model.skops"}, serialization_format="skops")
    with expect_refusal("SW-516") as refusals:
        import_model(project, tmp_path, "scorer")
    assert "tells 65 classes apart, and a label has at most 64" in refusals[0].fact
    assert "ONNX" in refusals[0].hint
    assert list_models(project) == []


def test_exported_classes_come_back_as_they_were(project, tmp_path, shipway):
    x, y = make_labelled(1, "class", 600)
    x = np.nan_to_num(x)
    estimator = LogisticRegression().fit(x, np.array(["early", "late", "on the way"])[y])
    graph = skl2onnx.convert_sklearn(estimator, initial_types=[("X", FloatTensorType([None, 3]))])
    (tmp_path / "parcel.onnx").write_bytes(graph.SerializeToString())
    made = import_model(project, tmp_path / "parcel.onnx", "parcel")
    first = manifest_of(project, "parcel")
    assert (first.reads, first.predicts, first.classes) == ("matrix", "class", ("early", "late", "on the way"))
    assert export_version(project, "parcel", tmp_path / "ml", "mlflow").bundle == made.bundle
    again = import_model(project, tmp_path / "ml", "again")
    assert (again.kind, again.outputs) == ("mlflow/onnx", ("probabilities",))
    second = manifest_of(project, "again")
    assert second.outputs == first.outputs
    assert [column.name for column in second.inputs] == [column.name for column in first.inputs]
    assert second.files["model.onnx"] == first.files["model.onnx"]
    export_version(project, "again", tmp_path / "out", "folder")
    assert verify_bundle(tmp_path / "out", open_runtime, digest=again.bundle) == []
    with closing(Workspace(project)) as workspace:
        loaded = load_bundle(again.bundle, workspace.blobs, open_runtime)
    np.testing.assert_allclose(loaded.predictor.predict(x), estimator.predict_proba(x), atol=1e-5)
    for words in (("models", "show", "again"), ("bundle", "inspect", "again@1")):
        said = " ".join(shipway(*words, cwd=project.root).out.split())
        assert "classes 'early', 'late', 'on the way'" in said


def test_classes_are_called_as_is_said(project, tmp_path, shipway):
    x, y = make_labelled(1, "class", 300)
    params = {"objective": "multi:softprob", "num_class": 3, "nthread": 1}
    xgboost.train(params, xgboost.DMatrix(x, y), 3).save_model(tmp_path / "model.ubj")
    write_mlflow_folder(tmp_path, "xgboost", {"data": "model.ubj"})
    plain = import_model(project, tmp_path, "scorer", cut=5)
    names = ("early", "late", "on the way")
    options = [word for name in names for word in ("--class", name)]
    words = ["bundle", "import", tmp_path, "--as", "scorer", "--cut", "2024-01-01", *options, "--json"]
    told = json.loads(shipway(*words, cwd=project.root).out)
    assert (plain.version, told["version"]) == ("scorer@1", "scorer@2")
    assert manifest_of(project, "scorer@1").classes == ("0", "1", "2")
    assert manifest_of(project, "scorer@2").classes == names
    assert import_model(project, tmp_path, "scorer", classes=names).unchanged
    for wrong in (names[:2], (*names, "lost"), ("early", "late", "late")):
        with expect_refusal("SW-516") as refusals:
            import_model(project, tmp_path, "scorer", classes=wrong)
        assert "tells 3 classes apart: '0', '1', '2'" in refusals[0].fact
    (tmp_path / "scorer.onnx").write_bytes(make_graph())
    with expect_refusal("SW-516") as refusals:
        import_model(project, tmp_path / "scorer.onnx", "other", classes=names)
    assert "gives 'scores', 'said', which has no classes" in refusals[0].fact


def test_a_classifier_of_labels_that_do_not_exclude_each_other_is_refused(project, tmp_path):
    x, y = make_labelled(1, "class", 300)
    params = {"objective": "multiclassova", "num_class": 3, "verbosity": -1}
    booster = lightgbm.train(params, lightgbm.Dataset(np.nan_to_num(x), y), 5)
    booster.save_model(tmp_path / "model.lgb")
    write_mlflow_folder(tmp_path, "lightgbm", {"data": "model.lgb"})
    with expect_refusal("SW-516") as refusals:
        import_model(project, tmp_path, "scorer")
    assert "multiclassova" in refusals[0].fact
    types = [("input", FloatTensorType([None, 3]))]
    both = OneVsRestClassifier(LogisticRegression()).fit(np.nan_to_num(x), np.column_stack([y > 0, y > 1, y == 1]))
    graph = skl2onnx.convert_sklearn(both, initial_types=types, options={"zipmap": False})
    (tmp_path / "both.onnx").write_bytes(graph.SerializeToString())
    made = import_model(project, tmp_path / "both.onnx", "both")
    assert manifest_of(project, "both").predicts is None
    assert len(made.outputs) == 2
    nodes = [
        helper.make_node("Sigmoid", ["x"], ["said"]),
        helper.make_node("ArgMax", ["said"], ["label"], axis=1, keepdims=0),
    ]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3])]
    outputs = [
        helper.make_tensor_value_info("label", TensorProto.INT64, ["n"]),
        helper.make_tensor_value_info("said", TensorProto.FLOAT, ["n", 3]),
    ]
    model = helper.make_model(helper.make_graph(nodes, "each", inputs, outputs), ir_version=9)
    (tmp_path / "each.onnx").write_bytes(model.SerializeToString())
    with expect_refusal("SW-516") as refusals:
        import_model(project, tmp_path / "each.onnx", "each")
    assert "tells 3 classes apart, and their probabilities do not sum to one" in refusals[0].fact


def make_shares(given="float_input", *, inner=3, declared=3):
    """A graph of one output `probabilities`: of each row so many numbers that make one together."""
    graph = helper.make_graph(
        [helper.make_node("Softmax", [given], ["probabilities"], axis=1)],
        "shares",
        [helper.make_tensor_value_info(given, TensorProto.FLOAT, ["n", inner])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", declared])],
    )
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opset, ir_version=9).SerializeToString()


@pytest.mark.parametrize("declared", [3, "classes"])
@pytest.mark.parametrize("given", ["float_input", "x"])
def test_a_graph_of_probabilities_becomes_a_model_of_classes_by_their_places(project, tmp_path, given, declared):
    (tmp_path / "shares.onnx").write_bytes(make_shares(given, declared=declared))
    made = import_model(project, tmp_path / "shares.onnx", "shares")
    manifest = manifest_of(project, "shares")
    assert (manifest.predicts, manifest.classes) == ("class", ("0", "1", "2"))
    with closing(Workspace(project)) as workspace:
        loaded = load_bundle(made.bundle, workspace.blobs, open_runtime)
    np.testing.assert_allclose(loaded.predictor.predict(np.zeros((2, 3))), 1 / 3, rtol=1e-6)


@pytest.mark.parametrize("declared", [65, "many"])
def test_a_graph_of_more_probabilities_than_classes_becomes_a_model_of_tensors(project, tmp_path, declared):
    (tmp_path / "shares.onnx").write_bytes(make_shares(inner=65, declared=declared))
    made = import_model(project, tmp_path / "shares.onnx", "shares")
    manifest = manifest_of(project, "shares")
    assert (manifest.reads, manifest.predicts) == ("tensors", None)
    assert manifest.outputs[0].shape == (-1, 65)
    with closing(Workspace(project)) as workspace:
        loaded = load_bundle(made.bundle, workspace.blobs, open_runtime)
    said = loaded.predictor.infer({"float_input": np.zeros((2, 65), dtype=np.float32)})
    np.testing.assert_allclose(said["probabilities"], 1 / 65, rtol=1e-6)


def test_a_bare_regressor_of_a_matrix_becomes_a_model_of_a_number(project, tmp_path):
    x, y = make_labelled(1, "number", 300)
    x = np.nan_to_num(x)
    estimator = Ridge().fit(x, y)
    types = [("X", FloatTensorType([None, 3]))]
    graph = skl2onnx.convert_sklearn(estimator, initial_types=types)
    (tmp_path / "line.onnx").write_bytes(graph.SerializeToString())
    made = import_model(project, tmp_path / "line.onnx", "line")
    assert (made.inputs, made.outputs) == (("column_0", "column_1", "column_2"), ("prediction",))
    manifest = manifest_of(project, "line")
    assert (manifest.reads, manifest.predicts, manifest.runtime) == ("matrix", "number", "onnx")
    with closing(Workspace(project)) as workspace:
        loaded = load_bundle(made.bundle, workspace.blobs, open_runtime)
    np.testing.assert_allclose(loaded.predictor.infer({"x": x})["prediction"], estimator.predict(x), rtol=1e-4)


def test_an_exported_condition_comes_back_as_one(project, tmp_path):
    x, y = make_rows(1, 600)
    booster = lightgbm.train({"objective": "binary", "verbosity": -1}, lightgbm.Dataset(x, y), 5)
    booster.save_model(tmp_path / "model.lgb")
    write_mlflow_folder(tmp_path, "lightgbm", {"data": "model.lgb"})
    import_model(project, tmp_path, "scorer")
    export_version(project, "scorer", tmp_path / "ml", "mlflow")
    again = import_model(project, tmp_path / "ml", "again")
    assert (again.inputs, again.outputs) == (("a", "b", "c"), ("probability",))
    assert manifest_of(project, "again").predicts == "condition"


def test_command_imports(project, tmp_path, shipway):
    (tmp_path / "scorer.onnx").write_bytes(make_graph())
    words = ["bundle", "import", tmp_path / "scorer.onnx", "--as", "scorer", "--cut", "2024-01-01", "--json"]
    told = json.loads(shipway(*words, cwd=project.root).out)
    assert told["version"] == "scorer@1"
    assert shipway("models", "show", "scorer", cwd=project.root).code == 0
    assert "imported as onnx" in shipway("ledger", cwd=project.root).out
    assert shipway("status", cwd=project.root).code == 0


def test_imported_version_is_served_by_what_its_dockerfile_starts(project, tmp_path):
    (tmp_path / "scorer.onnx").write_bytes(make_graph())
    import_model(project, tmp_path / "scorer.onnx", "scorer")
    export_version(project, "scorer@1", tmp_path / "image", "docker")
    (line,) = re.findall(r"^ENTRYPOINT (.*)$", (tmp_path / "image" / "Dockerfile").read_text(), re.MULTILINE)
    entry = [word.replace("/app/", f"{tmp_path}/image/").replace("0.0.0.0", "127.0.0.1") for word in json.loads(line)]
    words = [sys.executable, *entry[1:-1], "0", "--watch-stdin"]
    inputs = [
        {"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]},
        {"name": "place", "shape": [1], "datatype": "INT64", "data": [5]},
        {"name": "name", "shape": [1], "datatype": "BYTES", "data": ["a"]},
    ]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = server.stdout.readline().split()[-1]
        body = json.dumps({"inputs": inputs}).encode()
        request = urllib.request.Request(f"{url}/v2/models/scorer/infer", body, {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            outputs = {each["name"]: each["data"] for each in json.load(answer)["outputs"]}
        server.terminate()
    assert outputs == {"scores": [7, 9], "said": ["a"]}

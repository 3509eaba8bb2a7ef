"""MLflow models: their structure, and what MLflow itself makes of them where it is installed."""

import json
import shutil
import subprocess
from pathlib import Path

import msgspec
import numpy as np
import onnxruntime
import pytest
import yaml

from shipway.adapters.onnx.classifier import split_classes
from shipway.adapters.onnx.single import take_true
from shipway.core.bundle import GOLDEN, Golden
from shipway.core.record import name_places
from shipway.delivery.export.mlflow import EXAMPLE_ROWS, write_mlflow
from shipway.testing.refusal import expect_refusal

MLFLOW = shutil.which("mlflow")


def test_everything_that_is_named_is_there(parcel):
    files = write_mlflow(parcel, take_true, split_classes)
    document = yaml.safe_load(files["MLmodel"])
    for flavor in document["flavors"].values():
        assert flavor["data"] in files
    assert document["flavors"]["python_function"]["loader_module"] == "mlflow.onnx"
    assert document["flavors"]["python_function"]["env"]["conda"] in files
    example = document["saved_input_example_info"]
    assert {example["artifact_path"], example["serving_input_path"]} <= files.keys()
    assert document["metadata"]["shipway_bundle"] == parcel.digest
    assert json.loads(document["metadata"]["shipway_categories"]) == {"row_carrier": list("ABCDEFGH")}
    inputs = json.loads(document["signature"]["inputs"])
    assert [column["name"] for column in inputs] == [column.name for column in parcel.manifest.inputs]
    assert yaml.safe_load(files["conda.yaml"])["dependencies"][0] == "python=3.11.7"
    assert b"onnxruntime==1.32.0\n" in files["requirements.txt"]


def test_equal_bundles_give_equal_models(parcel):
    assert write_mlflow(parcel, take_true, split_classes) == write_mlflow(parcel, take_true, split_classes)


def test_example_is_predicted_as_the_golden_rows_are(parcel):
    files = write_mlflow(parcel, take_true, split_classes)
    example = json.loads(files["input_example.json"])
    x = np.array(example["data"], dtype=np.float64).astype(np.float32)
    assert x.shape == (EXAMPLE_ROWS, len(parcel.manifest.inputs))
    session = onnxruntime.InferenceSession(files["model.onnx"])
    (found,) = session.run(None, {session.get_inputs()[0].name: x})
    golden = msgspec.json.decode(parcel.contents[GOLDEN], type=Golden)
    np.testing.assert_allclose(found, golden.outputs[0].array[:EXAMPLE_ROWS], rtol=1e-5)


def test_a_number_is_one_column_of_the_signature(number_parcel):
    files = write_mlflow(number_parcel, take_true, split_classes)
    signature = yaml.safe_load(files["MLmodel"])["signature"]
    assert json.loads(signature["outputs"]) == [{"type": "float", "name": "prediction", "required": True}]
    assert files["model.onnx"] == number_parcel.contents["model.onnx"]
    x = np.array(json.loads(files["input_example.json"])["data"], dtype=np.float64).astype(np.float32)
    session = onnxruntime.InferenceSession(files["model.onnx"])
    assert [output.name for output in session.get_outputs()] == ["prediction"]
    (found,) = session.run(None, {session.get_inputs()[0].name: x})
    golden = msgspec.json.decode(number_parcel.contents[GOLDEN], type=Golden)
    np.testing.assert_allclose(found.reshape(-1), golden.outputs[0].array[:EXAMPLE_ROWS], rtol=1e-5)


def test_each_class_is_one_column_of_the_signature(class_parcel):
    files = write_mlflow(class_parcel, take_true, split_classes)
    names = ["probabilities[early]", "probabilities[late]", "probabilities[on the way]"]
    signature = yaml.safe_load(files["MLmodel"])["signature"]
    assert json.loads(signature["outputs"]) == [{"type": "float", "name": name, "required": True} for name in names]
    x = np.array(json.loads(files["input_example.json"])["data"], dtype=np.float64).astype(np.float32)
    session = onnxruntime.InferenceSession(files["model.onnx"])
    assert [output.name for output in session.get_outputs()] == names
    found = np.column_stack(session.run(None, {session.get_inputs()[0].name: x}))
    golden = msgspec.json.decode(class_parcel.contents[GOLDEN], type=Golden)
    np.testing.assert_allclose(found, golden.outputs[0].array[:EXAMPLE_ROWS], rtol=1e-5)


def test_native_form_is_refused(native_only):
    with expect_refusal("SW-501"):
        write_mlflow(native_only, take_true, split_classes)


@pytest.mark.skipif(MLFLOW is None, reason="needs the command mlflow, which is not installed (pip install mlflow)")
@pytest.mark.parametrize("which", ["parcel", "number_parcel", "class_parcel"])
def test_mlflow_loads_and_predicts_it(which, request, write, tmp_path):
    parcel = request.getfixturevalue(which)
    names = list(name_places(parcel.manifest.outputs[0], ""))
    folder = write(write_mlflow(parcel, take_true, split_classes), tmp_path / "model")
    code = (
        "import sys, mlflow.pyfunc; m = mlflow.pyfunc.load_model(sys.argv[1]);"
        "e = m.metadata.load_input_example(sys.argv[1]);"
        f"print(m.predict(e.astype(float))[{names!r}].values.tolist())"
    )
    words = [Path(MLFLOW or "").parent / "python", "-c", code, folder]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()[-1]
    golden = msgspec.json.decode(parcel.contents[GOLDEN], type=Golden)
    due = golden.outputs[0].array[:EXAMPLE_ROWS].reshape(EXAMPLE_ROWS, -1)
    np.testing.assert_allclose(json.loads(said), due, rtol=1e-5)
    words = [MLFLOW, "models", "predict", "-m", folder, "-i", folder / "serving_input_example.json", "-t", "json"]
    done = subprocess.run([*words, "--env-manager", "local"], capture_output=True, text=True, check=True)
    predictions = json.loads(done.stdout.splitlines()[-1])["predictions"]
    found = [[row[name] for name in names] for row in predictions]
    np.testing.assert_allclose(found, due, rtol=1e-5)

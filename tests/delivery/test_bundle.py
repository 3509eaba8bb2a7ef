import hashlib
import subprocess
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from tests.delivery.conftest import make_forms

from shipway.core.bundle import BINARY, Golden, InputColumn, Manifest, declare_outputs
from shipway.core.error import ShipwayError
from shipway.core.feature import FeatureView
from shipway.delivery.bundle import build_bundle
from shipway.delivery.verification import verify_bundle
from shipway.ports.model import open_runtime


def test_a_bundle_has_its_files(bundle):
    _, files = bundle
    written = "manifest.json native.txt model.onnx features.json golden.json lock.txt CARD.md SHA256SUMS"
    assert set(files) == set(written.split())


def test_the_manifest_names_every_file_and_is_named_by_its_digest(bundle):
    manifest, files = bundle
    assert manifest.digest == hashlib.sha256(files["manifest.json"]).hexdigest()
    assert msgspec.json.decode(files["manifest.json"], type=Manifest) == manifest
    contents = {path: hashlib.sha256(content).hexdigest() for path, content in files.items()}
    assert manifest.files == {p: d for p, d in contents.items() if p not in ("manifest.json", "SHA256SUMS")}


def test_the_manifest_says_what_was_given(bundle, bundle_arguments):
    manifest, _ = bundle
    for name in ("model", "version", "cut", "inputs", "features", "training", "metrics", "verdict"):
        assert getattr(manifest, name) == bundle_arguments[name]
    assert (manifest.format, manifest.native) == ("lightgbm", "native.txt")
    assert (manifest.runtime, manifest.served, manifest.because) == ("onnx", "model.onnx", "")
    assert manifest.parity.rows == 6_000
    assert manifest.parity.largest < 1e-6


def test_features_travel_as_expressions(bundle, bundle_arguments):
    class Features(msgspec.Struct):
        at: str
        views: tuple[FeatureView, ...]
        inputs: tuple[InputColumn, ...]

    features = msgspec.json.decode(bundle[1]["features.json"], type=Features)
    due = bundle_arguments["features"]
    assert (features.at, features.views, features.inputs) == (due.at, due.views, bundle_arguments["inputs"])


def test_equal_input_gives_an_equal_bundle(bundle, bundle_arguments):
    manifest, files = build_bundle(
        **{**bundle_arguments, "metrics": dict(reversed(bundle_arguments["metrics"].items()))}
    )
    assert manifest.digest == bundle[0].digest
    assert files == bundle[1]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("version", 4),
        ("cut", 0),
        ("lock", "numpy==1\n"),
        ("card", "other"),
        ("features", None),
        ("training", {"rows": 1}),
    ],
)
def test_other_input_gives_another_bundle(bundle, bundle_arguments, name, value):
    assert build_bundle(**{**bundle_arguments, name: value})[0].digest != bundle[0].digest


def test_checksums_are_what_sha256sum_reads(bundle, tmp_path):
    for path, content in bundle[1].items():
        (tmp_path / path).write_bytes(content)
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=tmp_path, check=True)


def test_the_card_says_how_the_forms_compare(bundle):
    card = bundle[1]["CARD.md"].decode()
    assert card.startswith("# delay@3\n\nWill it be late?\n\n## Portable form\n")
    assert "6,000 rows" in card


def test_the_native_form_never_hides_the_portable_one(bundle_arguments):
    files = build_bundle(**{**bundle_arguments, "ending": "onnx"})[1]
    assert {"model.onnx", "native.onnx"} <= set(files)


@pytest.mark.parametrize("values", [(np.nan, 0.0, 1.0), (0.5, -np.inf, 1.0), (0.5, 0.0, np.inf)])
def test_metrics_without_numbers_are_refused(bundle_arguments, values):
    with pytest.raises(ShipwayError, match="log_loss is") as refused:
        build_bundle(**{**bundle_arguments, "metrics": {"log_loss": values}})
    assert refused.value.code == "SW-501"


def test_forms_that_differ_are_refused(bundle_arguments, noise):
    portable = bundle_arguments["portable"]
    other = replace(portable, predictor=noise(portable.predictor, 0.01, [5]))
    with pytest.raises(ShipwayError, match="row 5") as refused:
        build_bundle(**{**bundle_arguments, "portable": other})
    assert refused.value.code == "SW-501"


def test_a_model_that_does_not_convert_is_served_natively_and_says_why(bundle_arguments):
    why = "the model has a part that ONNX has no word for"
    manifest, files = build_bundle(**{**bundle_arguments, "portable": None, "because": why})
    assert "model.onnx" not in files
    assert (manifest.parity, manifest.because) == (None, why)
    assert (manifest.runtime, manifest.served) == ("lightgbm", "native.txt")
    assert manifest.compared == f"native form only, because {why}"
    assert why in files["CARD.md"].decode()
    assert verify_bundle(files, open_runtime) == []


def test_a_form_that_nobody_explains_is_refused(bundle_arguments):
    for changed in ({"portable": None}, {"because": "of a whim"}):
        with pytest.raises(ShipwayError, match="nobody explains"):
            build_bundle(**{**bundle_arguments, **changed})


def test_a_model_of_a_number_says_one(number_arguments):
    manifest, files = build_bundle(**number_arguments)
    assert (manifest.predicts, manifest.binary, manifest.told_apart) == ("number", False, "")
    assert [(each.name, each.datatype, each.shape) for each in manifest.outputs] == [("prediction", "FP64", (-1,))]
    golden = msgspec.json.decode(files["golden.json"], type=Golden)
    assert [tensor.name for tensor in golden.outputs] == ["prediction"]
    assert golden.outputs[0].array.max() > 1
    assert verify_bundle(files, open_runtime, digest=manifest.digest) == []
    with pytest.raises(ShipwayError, match="'prediction', not 'probability'"):
        build_bundle(**{**number_arguments, "outputs": BINARY})


def test_a_model_of_classes_says_how_probable_each_is(class_arguments, noise):
    manifest, files = build_bundle(**class_arguments)
    assert (manifest.predicts, manifest.scalar) == ("class", None)
    assert manifest.classes == ("early", "late", "on the way")
    assert manifest.told_apart == "'early' 50.0%, 'late' 30.0%, 'on the way' 20.0%"
    assert msgspec.structs.replace(manifest, training={}).told_apart == "'early', 'late', 'on the way'"
    assert manifest.parity.largest < 1e-6
    golden = msgspec.json.decode(files["golden.json"], type=Golden)
    (said,) = golden.outputs
    assert (said.name, said.shape, said.datatype) == ("probabilities", (100, 3), "FP64")
    np.testing.assert_allclose(said.array.sum(axis=1), 1.0, atol=1e-6)
    assert verify_bundle(files, open_runtime, digest=manifest.digest) == []
    with pytest.raises(ShipwayError, match="'probabilities', not 'probability'"):
        build_bundle(**{**class_arguments, "outputs": BINARY})
    with pytest.raises(ShipwayError, match=r"FP64 of shape \[100, 3\] as 'probabilities', not FP64 \[-1, 2\]"):
        build_bundle(**{**class_arguments, "outputs": declare_outputs("class", ("early", "late"))})
    # One class that is off is enough, whatever the others are.
    portable = class_arguments["portable"]
    off = replace(portable, predictor=noise(portable.predictor, 1e-3, (slice(10, 11), 2)))
    with pytest.raises(ShipwayError, match=r"off by 0\.001 in row 10, and by more than 0\.0001 in 1 of"):
        build_bundle(**{**class_arguments, "portable": off})


@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e9])
def test_a_number_is_compared_in_its_own_unit(number_arguments, noise, unit):
    native, portable = make_forms("regression", "number", unit)
    arguments = {**number_arguments, "native": native, "portable": portable}
    manifest, files = build_bundle(**arguments)
    assert manifest.parity.largest < 2e-6
    size = float(np.median(native.predictor.predict(arguments["sample"]["x"])))
    off = replace(portable, predictor=noise(portable.predictor, 1e-3 * size))
    with pytest.raises(ShipwayError, match="the portable model is off"):
        build_bundle(**{**arguments, "portable": off})
    golden = msgspec.json.decode(files["golden.json"], type=Golden)
    assert golden.compare(portable.predictor.infer(golden.tensors), manifest.tolerance) == ""
    assert "golden rows otherwise" in golden.compare(off.predictor.infer(golden.tensors), manifest.tolerance)

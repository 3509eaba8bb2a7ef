import msgspec
import numpy as np
import pytest
from onnx import TensorProto, helper

from shipway.adapters.file.blob import FileBlobs
from shipway.core.bundle import GOLDEN, LAYOUT, PORTABLE, Golden
from shipway.core.error import ShipwayError
from shipway.delivery.bundle import Form, build_bundle
from shipway.kit.canonical import canonical_json
from shipway.ports.model import open_runtime
from shipway.serving.model import load_bundle


@pytest.fixture
def blobs(shop):
    return FileBlobs(shop.state / "blobs")


@pytest.fixture
def manifest(shop):
    return shop.add(1, -0.5)


def refuse(blobs, manifest, code, said):
    """Store a manifest and see it refused."""
    digest = blobs.put(canonical_json(manifest) if isinstance(manifest, msgspec.Struct) else manifest)
    with pytest.raises(ShipwayError) as caught:
        load_bundle(digest, blobs, open_runtime)
    assert caught.value.code == code
    assert said in caught.value.fact


def change(manifest, **changes):
    return msgspec.structs.replace(manifest, **changes)


def with_file(blobs, manifest, path, content):
    return change(manifest, files={**manifest.files, path: blobs.put(content)})


def golden_of(blobs, manifest):
    return msgspec.json.decode(blobs.get(manifest.files[GOLDEN]), type=Golden)


def test_whole_bundle_is_loaded(shop, blobs, manifest):
    bundle = load_bundle(shop.bundles[1], blobs, open_runtime)
    assert bundle.digest == shop.bundles[1]
    assert bundle.manifest == manifest
    assert bundle.texts == (1,)
    assert bundle.layout.columns[1] == "row_country"


def test_a_model_of_tensors_that_is_called_as_one_of_classes_is_loaded(shop):
    # A graph of this form was taken over as one of tensors before a label could be a class.
    given = "float_input"
    graph = helper.make_graph(
        [helper.make_node("Softmax", [given], ["probabilities"], axis=1)],
        "shares",
        [helper.make_tensor_value_info(given, TensorProto.FLOAT, ["n", 3])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 3])],
    )
    data = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString()
    predictor = open_runtime("onnx").load(data)
    form = Form("onnx", data, predictor)
    x = np.random.default_rng(1).normal(size=(20, 3)).astype(np.float32)
    manifest, files = build_bundle(
        model="shares", version=1, cut=0, ending="onnx", native=form, portable=form, reads="tensors",
        inputs=predictor.inputs, outputs=predictor.outputs, features=None, sample={given: x}, training={}, metrics={},
        verdict={}, lock="# none\n", card="# shares\n",
    )  # fmt: skip
    blobs = FileBlobs(shop.state / "blobs")
    for content in files.values():
        blobs.put(content)
    loaded = load_bundle(manifest.digest, blobs, open_runtime)
    np.testing.assert_allclose(loaded.predictor.infer({given: x})["probabilities"].sum(axis=1), 1, rtol=1e-6)


def test_what_is_no_manifest_is_refused(blobs):
    for content in (b"", b"{}", b"\xff", b"[]"):
        refuse(blobs, content, "SW-502", "manifest that cannot be read")


def test_other_layouts_are_refused(blobs, manifest):
    refuse(blobs, change(manifest, layout=LAYOUT + 1), "SW-606", f"layout {LAYOUT + 1}")
    refuse(blobs, change(manifest, layout=LAYOUT - 1), "SW-502", f"layout {LAYOUT - 1}")


@pytest.mark.parametrize("path", [PORTABLE, GOLDEN])
def test_missing_files_are_refused(blobs, manifest, path):
    refuse(blobs, change(manifest, files={k: v for k, v in manifest.files.items() if k != path}), "SW-502", path)
    refuse(blobs, change(manifest, files={**manifest.files, path: "ab" * 32}), "SW-605", "ab" * 32)


def test_what_is_no_model_is_refused(blobs, manifest):
    refuse(blobs, with_file(blobs, manifest, PORTABLE, b"no model"), "SW-502", "portable model")


def test_inputs_have_to_be_the_features(blobs, manifest):
    refuse(blobs, change(manifest, inputs=manifest.inputs[:-1]), "SW-502", "customer_total")
    refuse(blobs, change(manifest, inputs=(*manifest.inputs, manifest.inputs[0])), "SW-502", "used twice")


def test_golden_rows_have_to_be_predicted(blobs, manifest):
    golden = golden_of(blobs, manifest)
    (given,), (said,) = golden.inputs, golden.outputs
    off = (*said.data[:-1], said.data[-1] + 2 * manifest.tolerance)
    less = change(said, data=said.data[:-1], shape=(len(said.data) - 1,))
    for broken, why in (
        (canonical_json(change(golden, outputs=(change(said, data=off),))), "golden rows otherwise"),
        (canonical_json(change(golden, outputs=(less,))), "golden rows with FP64 of shape"),
        (canonical_json(change(golden, outputs=(change(said, data=(), shape=(0,)),))), "golden rows with no rows"),
        (canonical_json(change(golden, inputs=(change(given, name="y"),))), "tensors 'y', not 'x'"),
        (canonical_json(change(golden, inputs=(change(given, data=given.data[:2]),))), "cannot be read"),
        (canonical_json(change(golden, inputs=(change(given, data=("a", *given.data[1:])),))), "cannot be read"),
        (b"{", "cannot be read"),
    ):
        refuse(blobs, with_file(blobs, manifest, GOLDEN, broken), "SW-502", why)


def test_golden_rows_may_be_off_by_the_tolerance(shop, blobs, manifest):
    golden = golden_of(blobs, manifest)
    (said,) = golden.outputs
    near = change(said, data=tuple(p + 0.9 * manifest.tolerance for p in said.data))
    changed = with_file(blobs, manifest, GOLDEN, canonical_json(change(golden, outputs=(near,))))
    assert load_bundle(blobs.put(canonical_json(changed)), blobs, open_runtime).manifest == changed


def test_a_bundle_without_features_answers_by_vector(blobs, manifest):
    bundle = load_bundle(blobs.put(canonical_json(change(manifest, features=None))), blobs, open_runtime)
    assert bundle.layout is None
    assert bundle.encoder is None
    golden = golden_of(blobs, manifest)
    assert golden.compare(bundle.predictor.infer(golden.tensors), 0.0) == ""


def test_a_runtime_that_is_not_here_is_named(blobs, manifest):
    refuse(blobs, change(manifest, runtime="abacus"), "SW-702", "runtime.abacus")

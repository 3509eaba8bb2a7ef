import msgspec
import pytest

from shipway.adapters.file.blob import FileBlobs
from shipway.adapters.onnx.runtime import OnnxRuntime
from shipway.core.bundle import GOLDEN, LAYOUT, PORTABLE, Golden
from shipway.core.error import ShipwayError
from shipway.kit.canonical import canonical_json
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
        load_bundle(digest, blobs, OnnxRuntime())
    assert caught.value.code == code
    assert said in caught.value.fact


def change(manifest, **changes):
    return msgspec.structs.replace(manifest, **changes)


def with_file(blobs, manifest, path, content):
    return change(manifest, files={**manifest.files, path: blobs.put(content)})


def golden_of(blobs, manifest):
    return msgspec.json.decode(blobs.get(manifest.files[GOLDEN]), type=Golden)


def test_whole_bundle_is_loaded(shop, blobs, manifest):
    bundle = load_bundle(shop.bundles[1], blobs, OnnxRuntime())
    assert bundle.digest == shop.bundles[1]
    assert bundle.manifest == manifest
    assert bundle.texts == (1,)
    assert bundle.layout.columns[1] == "row_country"


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
    off = (*golden.predictions[:-1], golden.predictions[-1] + 2 * manifest.parity.tolerance)
    for broken, said in (
        (canonical_json(change(golden, predictions=off)), "golden rows otherwise"),
        (canonical_json(change(golden, predictions=golden.predictions[:-1])), "golden rows"),
        (canonical_json(change(golden, predictions=(), rows=())), "0 predictions"),
        (canonical_json(change(golden, columns=golden.columns[::-1])), "other columns"),
        (canonical_json(change(golden, rows=(golden.rows[0][:2], *golden.rows[1:]))), "cannot be read"),
        (b"{", "cannot be read"),
    ):
        refuse(blobs, with_file(blobs, manifest, GOLDEN, broken), "SW-502", said)


def test_golden_rows_may_be_off_by_the_tolerance(shop, blobs, manifest):
    golden = golden_of(blobs, manifest)
    near = tuple(p + 0.9 * manifest.parity.tolerance for p in golden.predictions)
    changed = with_file(blobs, manifest, GOLDEN, canonical_json(change(golden, predictions=near)))
    assert load_bundle(blobs.put(canonical_json(changed)), blobs, OnnxRuntime()).manifest == changed

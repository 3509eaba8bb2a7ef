import os

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipway.core.attestation import Attestation
from shipway.core.bundle import LAYOUT
from shipway.core.error import ShipwayError
from shipway.delivery.verification import verify_bundle
from shipway.kit.canonical import canonical_json, digest_bytes
from shipway.ports.model import open_runtime


def reseal(manifest, files, **changed):
    """A bundle whose checksums and manifest were made to fit other contents, as someone with intent would."""
    contents = {**files, **{name.replace("__", "."): content for name, content in changed.items()}}
    for name in ("manifest.json", "SHA256SUMS"):
        del contents[name]
    digests = {path: digest_bytes(content) for path, content in contents.items()}
    contents["manifest.json"] = canonical_json(msgspec.structs.replace(manifest, files=digests))
    digests["manifest.json"] = digest_bytes(contents["manifest.json"])
    contents["SHA256SUMS"] = "".join(f"{d}  {p}\n" for p, d in sorted(digests.items())).encode()
    return contents


@pytest.fixture
def folder(bundle, tmp_path):
    for path, content in bundle[1].items():
        (tmp_path / path).write_bytes(content)
    return tmp_path


def test_a_whole_bundle_has_no_damage(bundle, folder):
    manifest, files = bundle
    assert verify_bundle(files, open_runtime) == []
    assert verify_bundle(folder, open_runtime) == []
    assert verify_bundle(folder, open_runtime, digest=manifest.digest) == []


@settings(max_examples=150)
@given(st.data())
def test_any_flipped_bit_is_found_and_named(bundle, data):
    files = dict(bundle[1])
    path = data.draw(st.sampled_from(sorted(files)))
    place = data.draw(st.integers(0, len(files[path]) - 1))
    bit = data.draw(st.integers(0, 7))
    spoiled = bytearray(files[path])
    spoiled[place] ^= 1 << bit
    damage = verify_bundle({**files, path: bytes(spoiled)}, open_runtime)
    assert damage
    # A damaged path in the checksums shows as a file that is not named there.
    assert any(path in sentence for sentence in damage)


@given(st.data())
def test_any_cut_or_longer_file_is_found(bundle, data):
    files = dict(bundle[1])
    path = data.draw(st.sampled_from(sorted(files)))
    length = data.draw(st.integers(0, len(files[path]) - 1))
    assert verify_bundle({**files, path: files[path][:length]}, open_runtime)
    assert verify_bundle({**files, path: files[path] + b"\n"}, open_runtime)


def test_a_flipped_byte_in_a_folder_is_found(folder):
    path = folder / "model.onnx"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert verify_bundle(folder, open_runtime) == [
        "model.onnx is not what SHA256SUMS says it is",
        "model.onnx is not what manifest.json says it is",
    ]


def test_every_damage_is_named(folder):
    (folder / "lock.txt").unlink()
    (folder / "CARD.md").write_text("better")
    (folder / "sub").mkdir()
    (folder / "sub" / "extra.py").write_text("import os")
    assert verify_bundle(folder, open_runtime) == [
        "lock.txt is missing or cannot be read",
        "sub/extra.py does not belong to the bundle",
        "CARD.md is not what SHA256SUMS says it is",
        "CARD.md is not what manifest.json says it is",
    ]


@pytest.mark.parametrize("path", ["manifest.json", "SHA256SUMS", "model.onnx", "golden.json"])
def test_a_missing_file_is_named(bundle, path):
    files = {p: content for p, content in bundle[1].items() if p != path}
    assert f"{path} is missing or cannot be read" in verify_bundle(files, open_runtime)


def test_links_and_pipes_are_never_followed(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "CARD.md").write_bytes((folder / "CARD.md").read_bytes())
    (folder / "CARD.md").unlink()
    (folder / "CARD.md").symlink_to(elsewhere / "CARD.md")
    (folder / "more").symlink_to(elsewhere)
    os.mkfifo(folder / "pipe")
    assert verify_bundle(folder, open_runtime) == [
        "CARD.md is a link, and is not followed",
        "more is a link, and is not followed",
        "pipe is no file, and is not followed",
        "CARD.md is missing or cannot be read",
    ]


def test_statements_beside_a_bundle_change_nothing_but_must_be_about_it(bundle, folder):
    manifest, _ = bundle
    (folder / "attestations").mkdir()
    (folder / "attestations" / "signature.json").write_bytes(b"of another kind")
    for about, damage in (
        (manifest.digest, []),
        ("ab" * 32, ["attestations/latency.json is about bundle abababababab, not this one"]),
    ):
        attestation = Attestation(kind="latency", bundle=about, body={})
        (folder / "attestations" / "latency.json").write_bytes(canonical_json(attestation))
        assert verify_bundle(folder, open_runtime, digest=manifest.digest) == damage


def test_a_manifest_that_cannot_be_read_is_damage(bundle):
    damage = verify_bundle({**bundle[1], "manifest.json": b"{}"}, open_runtime)
    assert any("manifest.json cannot be read" in sentence for sentence in damage)
    assert "manifest.json is not what SHA256SUMS says it is" in damage


def test_a_manifest_of_a_newer_layout_is_said_to_be_one(bundle):
    manifest, files = bundle
    newer = reseal(msgspec.structs.replace(manifest, layout=LAYOUT + 1), files)
    assert verify_bundle(newer, open_runtime) == [
        f"manifest.json has layout {LAYOUT + 1}, and this version reads layout {LAYOUT}"
    ]


def test_a_manifest_written_otherwise_is_damage(bundle):
    _, files = bundle
    spaced = files["manifest.json"].replace(b'"layout":', b'"layout": ', 1)
    assert "manifest.json is not as it was written" in verify_bundle({**files, "manifest.json": spaced}, open_runtime)


def test_a_model_that_predicts_otherwise_fails_its_golden_rows(bundle):
    manifest, files = bundle
    golden = msgspec.json.decode(files["golden.json"])
    golden["outputs"][0]["data"][7] += 0.25
    damage = verify_bundle(reseal(manifest, files, golden__json=canonical_json(golden)), open_runtime)
    assert len(damage) == 1
    assert damage[0].startswith("model.onnx predicts 1 of 100 golden rows otherwise: ")
    assert "in row 7" in damage[0]


def test_a_resealed_bundle_is_found_out_by_its_digest(bundle):
    manifest, files = bundle
    resealed = reseal(manifest, files, CARD__md=b"# trust me\n")
    assert verify_bundle(resealed, open_runtime) == []
    assert verify_bundle(resealed, open_runtime, digest=manifest.digest) == [
        f"manifest.json is not that of bundle {manifest.digest}"
    ]


def test_models_and_golden_rows_that_cannot_be_read_are_damage(bundle):
    manifest, files = bundle
    assert "model.onnx cannot replay" in verify_bundle(reseal(manifest, files, model__onnx=b"junk"), open_runtime)[0]
    assert "golden.json cannot be read" in verify_bundle(reseal(manifest, files, golden__json=b"{}"), open_runtime)[0]
    none = canonical_json({"inputs": [], "outputs": []})
    assert verify_bundle(reseal(manifest, files, golden__json=none), open_runtime) == ["golden.json has no rows"]
    golden = msgspec.json.decode(files["golden.json"])
    golden["inputs"][0]["data"].pop()
    ragged = reseal(manifest, files, golden__json=canonical_json(golden))
    assert "golden.json cannot be read" in verify_bundle(ragged, open_runtime)[0]


@pytest.mark.parametrize("name", ["empty", "absent"])
def test_what_is_no_bundle_is_refused(tmp_path, name):
    place = tmp_path / name
    if name == "empty":
        place.mkdir()
    for read in (place, {"README.md": b""}):
        with pytest.raises(ShipwayError) as refused:
            verify_bundle(read, open_runtime)
        assert refused.value.code == "SW-502"

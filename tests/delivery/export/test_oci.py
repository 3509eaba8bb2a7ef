"""Image layouts: what stands in them by the specification, and what a stranger's tool reads."""

import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile

import msgspec
import pytest

from shipway.delivery.export.oci import write_oci
from shipway.delivery.export.parcel import Parcel


def blob(files, described):
    content = files[f"blobs/sha256/{described['digest'].removeprefix('sha256:')}"]
    assert hashlib.sha256(content).hexdigest() == described["digest"].removeprefix("sha256:")
    assert len(content) == described["size"]
    return content


def unpack(files):
    """Return the image's manifest, its config, and its files by layer."""
    assert json.loads(files["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    (described,) = json.loads(files["index.json"])["manifests"]
    image = json.loads(blob(files, described))
    config = json.loads(blob(files, image["config"]))
    layers = []
    for layer, diff_id in zip(image["layers"], config["rootfs"]["diff_ids"], strict=True):
        tar = gzip.decompress(blob(files, layer))
        assert hashlib.sha256(tar).hexdigest() == diff_id.removeprefix("sha256:")
        with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
            members = archive.getmembers()
            layers.append({m.name: archive.extractfile(m).read() for m in members if m.isfile()})
            assert {(m.mtime, m.uid, m.gid, m.uname, m.gname) for m in members} == {(0, 0, 0, "", "")}
    return image, config, layers


def test_image_holds_the_bundle(parcel):
    image, config, layers = unpack(write_oci(parcel))
    assert set(layers[0]) == {"bundle/native.txt", "bundle/model.onnx"}
    merged = {path.removeprefix("bundle/"): content for layer in layers for path, content in layer.items()}
    assert merged == dict(parcel.contents)
    assert config["config"]["Labels"] == image["annotations"]
    assert image["annotations"]["dev.shipway.bundle.digest"] == parcel.digest
    assert image["annotations"]["org.opencontainers.image.title"] == "delay@3"


def test_signature_is_a_layer_above_the_same_ones(parcel):
    plain, _, _ = unpack(write_oci(parcel))
    signed, _, layers = unpack(write_oci(Parcel(parcel.digest, parcel.manifest, parcel.contents, b"signature")))
    assert signed["layers"][:2] == plain["layers"]
    assert layers[2] == {"bundle/model.sig": b"signature"}


def test_layout_is_the_same_in_another_process_at_another_time(parcel, tmp_path):
    contents = {path: content.hex() for path, content in parcel.contents.items()}
    (tmp_path / "parcel.json").write_bytes(msgspec.json.encode(contents))
    code = """
import sys, json, hashlib, msgspec
from shipway.core.bundle import Manifest
from shipway.delivery.export.oci import write_oci
from shipway.delivery.export.parcel import Parcel
contents = {path: bytes.fromhex(content) for path, content in reversed(json.load(open(sys.argv[1])).items())}
manifest = msgspec.json.decode(contents["manifest.json"], type=Manifest)
print(hashlib.sha256(write_oci(Parcel(manifest.digest, manifest, contents))["index.json"]).hexdigest())
"""
    environment = {**os.environ, "TZ": "Asia/Tokyo", "PYTHONHASHSEED": "7", "SOURCE_DATE_EPOCH": "1"}
    words = [sys.executable, "-c", code, str(tmp_path / "parcel.json")]
    said = subprocess.run(words, capture_output=True, text=True, check=True, env=environment).stdout
    assert said.strip() == hashlib.sha256(write_oci(parcel)["index.json"]).hexdigest()


@pytest.mark.skipif(shutil.which("skopeo") is None, reason="needs skopeo (Debian package skopeo), not installed")
def test_skopeo_inspects_it_and_copies_it_with_its_digest(parcel, write, tmp_path):
    folder = write(write_oci(parcel), tmp_path / "image")
    said = subprocess.run(["skopeo", "inspect", f"oci:{folder}"], capture_output=True, text=True, check=True).stdout
    told = json.loads(said)
    (described,) = json.loads((folder / "index.json").read_bytes())["manifests"]
    assert told["Digest"] == described["digest"]
    assert told["Labels"]["dev.shipway.bundle.digest"] == parcel.digest
    copied = tmp_path / "copied"
    words = ["skopeo", "--insecure-policy", "copy", f"oci:{folder}:3", f"dir:{copied}"]
    subprocess.run(words, capture_output=True, check=True)
    assert f"sha256:{hashlib.sha256((copied / 'manifest.json').read_bytes()).hexdigest()}" == described["digest"]

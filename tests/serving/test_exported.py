"""Bundles in a folder, found by digest and verified."""

import pytest

from shipway.adapters.file.blob import FileBlobs
from shipway.core.error import ShipwayError
from shipway.serving.exported import Exported


@pytest.fixture
def store(tmp_path):
    return FileBlobs(tmp_path / "blobs")


def test_every_file_of_every_bundle(store, mirrors, tmp_path):
    mirrors(tmp_path / "out", 1, 2)
    found = Exported(tmp_path / "out", store)
    assert sorted(manifest.version for manifest in found.manifests.values()) == [1, 2]
    for digest, manifest in found.manifests.items():
        assert found.get(digest)
        for file in manifest.files.values():
            assert found.get(file)


def test_folder_of_one_bundle(store, mirrors, tmp_path):
    (place,) = mirrors(tmp_path / "out", 1)
    assert len(Exported(place, store).manifests) == 1


def test_other_files_are_the_stores(store, tmp_path):
    digest = store.put(b"content")
    assert Exported(None, store).get(digest) == b"content"
    with pytest.raises(ShipwayError, match="SW-605"):
        Exported(None, store).get("0" * 64)


def test_flipped_byte_and_missing_file_are_found(store, mirrors, tmp_path):
    (place,) = mirrors(tmp_path / "out", 1)
    found = Exported(place, store)
    (manifest,) = found.manifests.values()
    path = place / "golden.json"
    content = bytearray(path.read_bytes())
    content[9] ^= 1
    path.write_bytes(content)
    with pytest.raises(ShipwayError, match=r"SW-605.*damaged"):
        found.get(manifest.files["golden.json"])
    path.unlink()
    with pytest.raises(ShipwayError, match=r"SW-605.*cannot be read"):
        found.get(manifest.files["golden.json"])


def test_folders_that_make_no_sense_are_refused(store, mirrors, tmp_path):
    with pytest.raises(ShipwayError, match="SW-201"):
        Exported(tmp_path / "nowhere", store)
    (place,) = mirrors(tmp_path / "out", 1)
    place.rename(tmp_path / "out" / "other")
    mirrors(tmp_path / "out", 1)
    with pytest.raises(ShipwayError, match="SW-105"):
        Exported(tmp_path / "out", store)
    (tmp_path / "out" / "other" / "manifest.json").write_bytes(b"{}")
    with pytest.raises(ShipwayError, match="SW-502"):
        Exported(tmp_path / "out", store)

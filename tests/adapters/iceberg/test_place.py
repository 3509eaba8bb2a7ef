from concurrent.futures import ThreadPoolExecutor

import pytest

from shipway.adapters.iceberg.bucket import BucketPlace
from shipway.adapters.iceberg.place import FolderPlace, open_place, path_of, read_file
from shipway.core.error import ShipwayError


def test_a_location_is_a_path_or_an_address(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for location in ("open", f"{tmp_path}/open", (tmp_path / "open").as_uri()):
        assert open_place(location, "t").uri == (tmp_path / "open" / "t").as_uri()
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    place = open_place("s3://bucket/prefix/", "t")
    assert isinstance(place, BucketPlace)
    assert place.uri == "s3://bucket/prefix/t"


def test_names_that_an_address_must_escape_are_found_again(tmp_path):
    place = FolderPlace(tmp_path / "a folder #1" / "t")
    place.write("metadata/x", b"1")
    assert read_file(f"{place.uri}/metadata/x") == b"1"
    assert path_of(f"{place.uri}/metadata/x").exists()


def test_files_are_written_read_listed_and_removed(tmp_path):
    place = FolderPlace(tmp_path / "t")
    assert place.read("metadata/x") is None
    assert place.names("metadata") == []
    place.write("metadata/x", b"1")
    place.write("metadata/x", b"2")
    assert place.read("metadata/x") == b"2"
    assert place.names("metadata") == ["metadata/x"]
    place.remove(["metadata/none", "metadata/x"])
    assert place.names("metadata") == []


def test_one_of_many_claims_wins(tmp_path):
    place = FolderPlace(tmp_path / "t")
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda number: place.claim("metadata/v1", b"%d" % number), range(16)))
    assert sum(won) == 1
    assert place.read("metadata/v1") == b"%d" % won.index(True)
    assert place.names("metadata") == ["metadata/v1"]


def test_the_end_of_a_file_is_read_alone(tmp_path):
    (tmp_path / "x").write_bytes(b"0123456789")
    uri = (tmp_path / "x").as_uri()
    assert read_file(uri, last_bytes=3) == b"789"
    assert read_file(uri, last_bytes=30) == read_file(uri) == b"0123456789"


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "t").write_bytes(b"a file")
    place = FolderPlace(tmp_path / "t")
    for attempt in (lambda: place.write("metadata/x", b""), lambda: place.claim("metadata/x", b"")):
        with pytest.raises(ShipwayError) as refusal:
            attempt()
        assert refusal.value.code == "SW-602"


@pytest.mark.slow
def test_a_full_disk_is_refused_and_leaves_the_version_before(run, small_disk):
    folder, prefix = small_disk
    source = """
import os, sys
from pathlib import Path
from shipway.adapters.iceberg.place import FolderPlace
from shipway.core.error import ShipwayError
place = FolderPlace(Path(sys.argv[1]) / "t")
place.write("metadata/x", b"old")
for attempt in (place.write, place.claim):
    try:
        attempt("metadata/x" if attempt == place.write else "metadata/y", os.urandom(2 << 20))
    except ShipwayError as refusal:
        print(refusal.code)
print(place.read("metadata/x").decode(), place.names("metadata"))
"""
    assert run(source, folder, prefix=prefix) == ["SW-601", "SW-601", "old ['metadata/x']"]

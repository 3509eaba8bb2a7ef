import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyiceberg.io.pyarrow import PyArrowFileIO
from pyiceberg.manifest import read_manifest_list
from pyiceberg.schema import Schema
from pyiceberg.types import LongType, NestedField

from shipway.adapters.iceberg.manifest import (
    FILES,
    MANIFESTS,
    WIDTH,
    Listed,
    Manifest,
    decode_list,
    decode_manifest,
    encode_list,
    encode_manifest,
    fold,
    keep_entry,
    make_entry,
    read_header,
)
from shipway.adapters.iceberg.statistic import Figures

SCHEMA = Schema(NestedField(1, "id", LongType()), schema_id=3)


def entry(name, rows=5):
    figures = Figures(
        rows=rows, sizes={1: 40}, values={1: rows}, nulls={1: 0}, lower={1: b"\0" * 8}, upper={1: b"\1" * 8}
    )
    return make_entry(name, 100, figures, snapshot_id=7)


@pytest.fixture
def written(tmp_path):
    """Write a manifest of two files and its list, and return their paths."""
    uri = (tmp_path / "m.avro").as_uri()
    manifest = Manifest(
        listed=[Listed(key="a"), Listed(key="b", uri="file:///b", types={1: "long"})],
        entries=[entry("a"), entry("b", 6)],
    )
    data, file = encode_manifest(manifest, SCHEMA, uri, 7)
    (tmp_path / "m.avro").write_bytes(data)
    (tmp_path / "list.avro").write_bytes(encode_list([file], (tmp_path / "list.avro").as_uri(), 7, None, 4))
    return tmp_path / "m.avro", tmp_path / "list.avro"


def test_pyiceberg_reads_what_is_written(written):
    io = PyArrowFileIO()
    (manifest,) = read_manifest_list(io.new_input(str(written[1])))
    assert (manifest.sequence_number, manifest.min_sequence_number, manifest.added_snapshot_id) == (4, 4, 7)
    assert (manifest.added_files_count, manifest.added_rows_count, manifest.deleted_files_count) == (2, 11, 0)
    assert manifest.manifest_length == written[0].stat().st_size
    entries = manifest.fetch_manifest_entry(io)
    assert [each.data_file.file_path for each in entries] == ["a", "b"]
    assert [each.sequence_number for each in entries] == [4, 4]
    assert entries[0].data_file.lower_bounds == {1: b"\0" * 8}


def test_what_is_written_comes_back(written):
    (file,) = decode_list(written[1].read_bytes())
    entries = decode_manifest(written[0].read_bytes(), file)
    assert [(each.data_file.file_path, each.snapshot_id, each.sequence_number) for each in entries] == [
        ("a", 7, 4),
        ("b", 7, 4),
    ]
    kept = Manifest(listed=[Listed(key="a")], entries=[keep_entry(entries[0], {})])
    data, again = encode_manifest(kept, SCHEMA, "file:///n", 8)
    encode_list([again], "file:///l", 8, 7, 5)
    assert (again.sequence_number, again.min_sequence_number, again.existing_rows_count) == (5, 4, 5)
    (found,) = decode_manifest(data, again)
    assert (found.snapshot_id, found.sequence_number, found.file_sequence_number) == (7, 4, 4)


def test_the_heads_name_what_is_inside(written):
    assert read_header(written[0].read_bytes())[FILES] == '[["a",null,{}],["b","file:///b",{"1":"long"}]]'
    assert read_header(written[1].read_bytes())[MANIFESTS] == f'["{written[0].as_uri()}"]'


@given(st.lists(st.integers(1, 30), max_size=120))
def test_folding_keeps_every_file_in_order_and_few_manifests(sizes):
    manifests, number = [], 0
    for size in sizes:
        listed = [Listed(key=str(number + at)) for at in range(size)]
        number += size
        groups = fold([*manifests, Manifest(listed=listed)])
        manifests = [Manifest(listed=[each for manifest in group for each in manifest.listed]) for group in groups]
    assert [each.key for manifest in manifests for each in manifest.listed] == [str(at) for at in range(number)]
    assert len(manifests) <= 4 * WIDTH

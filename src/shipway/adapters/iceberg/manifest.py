"""Manifests: the files of a table with their figures, as Avro that pyiceberg encodes and decodes.

Two things differ from how pyiceberg itself writes them. A manifest is one block of entries in place of one block for
each, which is faster by an order of magnitude. And its header names, under a key of ours that others pass over, what
each entry stands for, so that publishing need not decode the figures of files that stay.
"""

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from pyiceberg.avro.decoder import new_decoder
from pyiceberg.avro.file import META_SCHEMA, AvroFile, AvroFileHeader, AvroOutputFile
from pyiceberg.avro.reader import Reader
from pyiceberg.avro.resolver import construct_reader
from pyiceberg.manifest import (
    MANIFEST_ENTRY_SCHEMAS,
    MANIFEST_LIST_FILE_SCHEMAS,
    DataFile,
    DataFileContent,
    FileFormat,
    ManifestContent,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestFile,
    PartitionFieldSummary,
    data_file_with_partition,
    manifest_entry_schema_with_data_file,
)
from pyiceberg.schema import Schema
from pyiceberg.typedef import Record
from pyiceberg.types import StructType

from shipway.adapters.iceberg.statistic import Figures, widen_bounds

FILES: Final = "shipway.files"
"""Key of a manifest's header: what its live entries stand for, in their order."""

MANIFESTS: Final = "shipway.manifests"
"""Key of a manifest list's header: addresses of its manifests."""

WIDTH: Final = 8
"""How many manifests of one size class become one."""

_FULL: Final = 4
"""How many classes there are below manifests that are left as they are, from 4,096 files on."""

_VERSION: Final = 2
_ENTRY: Final = manifest_entry_schema_with_data_file(
    format_version=_VERSION, data_file=data_file_with_partition(partition_type=StructType(), format_version=_VERSION)
)
_HEADER: Final[Reader] = construct_reader(META_SCHEMA, {-1: AvroFileHeader})
_CODEC: Final = {"format-version": "2", "avro.codec": "null"}


class Listed(msgspec.Struct, frozen=True, array_like=True):
    """What an entry of a manifest stands for.

    Attributes:
        key: names the file of a snapshot and what its columns are.
        uri: the address of what was written anew for publication; None where the file itself is published.
        types: column id to the type it was written with there.
    """

    key: str
    uri: str | None = None
    types: dict[int, str] = {}


@dataclass(slots=True)
class Manifest:
    """One manifest of a version of a table, decoded or not.

    Attributes:
        listed: what its live entries stand for, in their order.
        file: as the version's list of manifests has it; None for one that is not written yet.
        entries: its live entries, in their order; None for one that is not decoded.
        gone: entries whose files this version took away.
    """

    listed: list[Listed]
    file: ManifestFile | None = None
    entries: list[ManifestEntry] | None = None
    gone: list[ManifestEntry] = field(default_factory=list[ManifestEntry])


def make_entry(uri: str, size_bytes: int, figures: Figures, snapshot_id: int) -> ManifestEntry:
    """Return the entry of a file that a version adds; the version's number is inherited from its manifest."""
    file = DataFile.from_args(
        content=DataFileContent.DATA,
        file_path=uri,
        file_format=FileFormat.PARQUET,
        partition=Record(),
        record_count=figures.rows,
        file_size_in_bytes=size_bytes,
        column_sizes=figures.sizes,
        value_counts=figures.values,
        null_value_counts=figures.nulls,
        nan_value_counts={},
        lower_bounds=figures.lower,
        upper_bounds=figures.upper,
        split_offsets=figures.offsets,
        sort_order_id=0,
    )
    return ManifestEntry.from_args(
        status=ManifestEntryStatus.ADDED,
        snapshot_id=snapshot_id,
        sequence_number=None,
        file_sequence_number=None,
        data_file=file,
    )


def keep_entry(entry: ManifestEntry, widened: Mapping[int, tuple[Any, Any]]) -> ManifestEntry:
    """Return the entry of a file that stays, for another manifest; bounds of widened columns are written anew."""
    file = entry.data_file
    if widened:
        for place in (10, 11):
            file[place] = widen_bounds(file[place], widened)
    return _restate(entry, ManifestEntryStatus.EXISTING, entry.snapshot_id)


def drop_entry(entry: ManifestEntry, snapshot_id: int) -> ManifestEntry:
    """Return the entry of a file that a version takes away."""
    return _restate(entry, ManifestEntryStatus.DELETED, snapshot_id)


def fold(manifests: Sequence[Manifest]) -> list[list[Manifest]]:
    """Say which manifests become one: neighbours at the end, once there are `WIDTH` of one size class.

    Returns:
        The manifests in groups, in order; a group of one stays as it is.
    """
    groups: list[list[Manifest]] = []
    for manifest in manifests:
        groups.append([manifest])
        while many := _count_due(groups):
            groups[-many:] = [[each for group in groups[-many:] for each in group]]
    return groups


def encode_manifest(manifest: Manifest, schema: Schema, uri: str, snapshot_id: int) -> tuple[bytes, ManifestFile]:
    """Return a manifest's bytes, and how the list of manifests has it.

    Args:
        manifest: a decoded one.
        schema: the table's.
        uri: where it will lie.
        snapshot_id: the version that writes it.
    """
    live, gone = manifest.entries or [], manifest.gone
    header = {
        **_CODEC,
        "schema": schema.model_dump_json(),
        "schema-id": str(schema.schema_id),
        "partition-spec": "[]",
        "partition-spec-id": "0",
        "content": "data",
        FILES: msgspec.json.encode(manifest.listed).decode(),
    }
    data = _encode(uri, "manifest_entry", _ENTRY, header, [*live, *gone])
    added = [entry for entry in live if entry.status == ManifestEntryStatus.ADDED]
    kept = [entry for entry in live if entry.status == ManifestEntryStatus.EXISTING]
    numbers = [entry.sequence_number or 0 for entry in kept]
    rows = [sum(entry.data_file.record_count for entry in entries) for entries in (added, kept, gone)]
    return data, ManifestFile.from_args(
        manifest_path=uri,
        manifest_length=len(data),
        partition_spec_id=0,
        content=ManifestContent.DATA,
        sequence_number=-1,
        min_sequence_number=min(numbers) if numbers else -1,
        added_snapshot_id=snapshot_id,
        added_files_count=len(added),
        existing_files_count=len(kept),
        deleted_files_count=len(gone),
        added_rows_count=rows[0],
        existing_rows_count=rows[1],
        deleted_rows_count=rows[2],
        partitions=[],
        key_metadata=None,
    )


def encode_list(files: Sequence[ManifestFile], uri: str, snapshot_id: int, parent: int | None, number: int) -> bytes:
    """Return the bytes of a version's list of manifests.

    Args:
        files: the manifests; those that are new take the version's number.
        uri: where it will lie.
        snapshot_id: the version's id.
        parent: the id of the one before, if there is one.
        number: the version's sequence number.
    """
    for file in files:
        if file.sequence_number == -1:
            file.sequence_number = number
            file.min_sequence_number = number if file.min_sequence_number == -1 else file.min_sequence_number
    header = {
        **_CODEC,
        "snapshot-id": str(snapshot_id),
        "parent-snapshot-id": "null" if parent is None else str(parent),
        "sequence-number": str(number),
        MANIFESTS: msgspec.json.encode([file.manifest_path for file in files]).decode(),
    }
    return _encode(uri, "manifest_file", MANIFEST_LIST_FILE_SCHEMAS[_VERSION], header, files)


def decode_list(data: bytes) -> list[ManifestFile]:
    """Return the manifests of a list."""
    types: Any = {-1: ManifestFile, 508: PartitionFieldSummary}
    enums: Any = {517: ManifestContent}
    with AvroFile[ManifestFile](_open(data), MANIFEST_LIST_FILE_SCHEMAS[_VERSION], types, enums) as decoded:
        return list(decoded)


def decode_manifest(data: bytes, file: ManifestFile) -> list[ManifestEntry]:
    """Return a manifest's live entries in their order, with the numbers they inherit from the list that has it."""
    types: Any = {-1: ManifestEntry, 2: DataFile}
    enums: Any = {0: ManifestEntryStatus, 101: FileFormat, 134: DataFileContent}
    with AvroFile[ManifestEntry](_open(data), MANIFEST_ENTRY_SCHEMAS[_VERSION], types, enums) as decoded:
        live = [entry for entry in decoded if entry.status != ManifestEntryStatus.DELETED]
    for entry in live:
        if entry.sequence_number is None:
            entry.sequence_number = entry.file_sequence_number = file.sequence_number
        if entry.snapshot_id is None:
            entry[1] = file.added_snapshot_id
    return live


def read_header(data: bytes) -> Mapping[str, str]:
    """Return the key-value pairs at the head of an Avro file."""
    return _HEADER.read(new_decoder(data)).meta


class _Bytes:
    """Bytes as pyiceberg asks for a file to read."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def open(self, seekable: bool = True) -> io.BytesIO:
        del seekable
        return io.BytesIO(self._data)


class _Buffer(io.BytesIO):
    """A file in memory whose bytes outlast its closing, as pyiceberg asks for a file to write.

    Attributes:
        location: where the bytes will lie.
        written: the bytes, once it is closed.
    """

    def __init__(self, location: str) -> None:
        super().__init__()
        self.location = location
        self.written = b""

    def create(self, overwrite: bool = False) -> "_Buffer":
        del overwrite
        return self

    def close(self) -> None:
        self.written = self.getvalue()
        super().close()


def _open(data: bytes) -> Any:
    return _Bytes(data)


def _encode(uri: str, name: str, schema: Schema, header: dict[str, str], records: Iterable[Any]) -> bytes:
    buffer: Any = _Buffer(uri)
    with AvroOutputFile[Any](buffer, schema, name, record_schema=schema, metadata=header) as file:
        if rows := list(records):
            file.write_block(rows)
    return buffer.written


def _restate(entry: ManifestEntry, status: ManifestEntryStatus, snapshot_id: int | None) -> ManifestEntry:
    return ManifestEntry.from_args(
        status=status,
        snapshot_id=snapshot_id,
        sequence_number=entry.sequence_number,
        file_sequence_number=entry.file_sequence_number,
        data_file=entry.data_file,
    )


def _count_due(groups: Sequence[Sequence[Manifest]]) -> int:
    """Return how many groups at the end are to become one now: back to the last of `WIDTH` of one class."""
    counts = [0] * _FULL
    lowest = 0
    for place, group in enumerate(reversed(groups), start=1):
        lowest = max(lowest, _class_of(sum(len(manifest.listed) for manifest in group)))
        if lowest == _FULL:
            break
        counts[lowest] += _class_of(sum(len(manifest.listed) for manifest in group)) == lowest
        if counts[lowest] == WIDTH:
            return place
    return 0


def _class_of(files: int) -> int:
    """Return the size class of a manifest; `_FULL` for one that is full."""
    level = 0
    while files >= WIDTH and level < _FULL:
        files, level = files // WIDTH, level + 1
    return level

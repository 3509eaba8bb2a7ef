"""A table's metadata by the specification of Iceberg, version 2: what it holds at first, and each version after."""

import uuid
from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any, Final

import msgspec
from pyiceberg.schema import Schema
from pyiceberg.types import IcebergType, NestedField

from shipway.adapters.iceberg.column import leaves, map_names, may_widen

MAPPING: Final = "schema.name-mapping.default"
"""The property that says which names columns have in files without ids (specification, "Column Projection")."""

COMMIT: Final = "shipway.commit"
LAYOUT: Final = "shipway.layout"
ROWS: Final = "shipway.rows"

Metadata = dict[str, Any]
"""A table's metadata as its JSON has it."""

Widened = dict[int, tuple[IcebergType, IcebergType]]
"""Columns that took a wider type, by id: the type before and the one now."""


def start_metadata(location: str) -> Metadata:
    """Return the metadata of a table that was never published."""
    return {
        "format-version": 2,
        "table-uuid": str(uuid.uuid4()),
        "location": location,
        "last-sequence-number": 0,
        "last-updated-ms": 0,
        "last-column-id": 0,
        "schemas": [],
        "current-schema-id": -1,
        "partition-specs": [{"spec-id": 0, "fields": []}],
        "default-spec-id": 0,
        "last-partition-id": 999,
        "sort-orders": [{"order-id": 0, "fields": []}],
        "default-sort-order-id": 0,
        "properties": {},
        "current-snapshot-id": -1,
        "snapshots": [],
        "snapshot-log": [],
        "metadata-log": [],
        "refs": {},
    }


def current_snapshot(metadata: Metadata) -> dict[str, Any] | None:
    """Return the version that the metadata says is the table's, if there is one."""
    present = metadata["current-snapshot-id"]
    return next((each for each in metadata["snapshots"] if each["snapshot-id"] == present), None)


def current_schema(metadata: Metadata) -> Schema | None:
    """Return the table's present schema, if there is one."""
    present = metadata["current-schema-id"]
    found = next((each for each in metadata["schemas"] if each["schema-id"] == present), None)
    return None if found is None else Schema.model_validate(found)


def copy_metadata(metadata: Metadata) -> Metadata:
    """Return metadata that can be changed; what a list or an object in it holds is shared, and never changed."""
    return {name: copy(value) for name, value in metadata.items()}


def write_mapping(names: Mapping[str, int], columns: Mapping[int, NestedField]) -> str:
    """Return the name mapping of a table as JSON."""
    called: dict[int, list[str]] = {}
    for name, at in names.items():
        called.setdefault(at, []).append(name)
    return msgspec.json.encode(map_names([columns[at] for at in called], called)).decode()


def read_mapping(metadata: Metadata) -> dict[str, int]:
    """Return which column a name means in files without ids, as the metadata has it."""
    mapping = msgspec.json.decode(metadata["properties"].get(MAPPING, "[]"))
    return {name: entry["field-id"] for entry in mapping for name in entry["names"]}


def find_widened(before: Schema | None, after: Sequence[NestedField]) -> Widened | None:
    """Return the columns that took a wider type, by id, with both types; None if one took a type it may not take."""
    if before is None:
        return {}
    old = {column.field_id: column.field_type for column in before.fields}
    if not all(may_widen(old.get(each.field_id, each.field_type), each.field_type) for each in after):
        return None
    plain = {leaf.field_id: leaf.field_type for leaf in leaves(before.fields)}
    return {
        leaf.field_id: (plain[leaf.field_id], leaf.field_type)
        for leaf in leaves(after)
        if leaf.field_id in plain and plain[leaf.field_id] != leaf.field_type
    }


def put_schema(metadata: Metadata, columns: Sequence[NestedField]) -> Schema:
    """Make columns the present ones, under a number of their own unless they are those there are."""
    for each in metadata["schemas"]:
        known = Schema.model_validate(each)
        if known.fields == tuple(columns):
            metadata["current-schema-id"] = known.schema_id
            return known
    number = 1 + max((each["schema-id"] for each in metadata["schemas"]), default=-1)
    schema = Schema(*columns, schema_id=number)
    metadata["schemas"].append(msgspec.json.decode(schema.model_dump_json()))
    metadata["current-schema-id"] = number
    metadata["last-column-id"] = max(metadata["last-column-id"], schema.highest_field_id)
    return schema


def put_snapshot(metadata: Metadata, snapshot: dict[str, Any], *, keep: int, readable_ms: int) -> None:
    """Make a snapshot the table's; forget those that are more than are kept and were replaced long enough ago."""
    snapshots = [*metadata["snapshots"], snapshot]
    since_ms = snapshot["timestamp-ms"] - readable_ms
    fresh = 1 + sum(each["timestamp-ms"] > since_ms for each in snapshots[1:])
    metadata["snapshots"] = snapshots[-max(keep, fresh) :]
    kept = {each["snapshot-id"] for each in metadata["snapshots"]}
    log = {"snapshot-id": snapshot["snapshot-id"], "timestamp-ms": snapshot["timestamp-ms"]}
    metadata["snapshot-log"] = [each for each in metadata["snapshot-log"] if each["snapshot-id"] in kept] + [log]
    metadata["current-snapshot-id"] = snapshot["snapshot-id"]
    metadata["refs"] = {"main": {"snapshot-id": snapshot["snapshot-id"], "type": "branch"}}
    metadata["last-sequence-number"] = snapshot["sequence-number"]
    metadata["last-updated-ms"] = snapshot["timestamp-ms"]
    used = {each["schema-id"] for each in metadata["snapshots"]}
    metadata["schemas"] = [each for each in metadata["schemas"] if each["schema-id"] in used]


def forget_history(metadata: Metadata) -> None:
    """Forget every snapshot, where files could not be read right any more under what columns mean now."""
    metadata["snapshots"], metadata["snapshot-log"], metadata["refs"] = [], [], {}

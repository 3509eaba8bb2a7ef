"""What a snapshot comes to as an Iceberg table: its columns, the names they have in files, and which files stay."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from pyiceberg.types import NestedField

from shipway.adapters.iceberg.column import lies_ready, may_widen, translate_columns
from shipway.adapters.iceberg.manifest import Listed
from shipway.core.error import ShipwayError
from shipway.core.table import Field, Part, Snapshot
from shipway.kit.canonical import digest_value

_TYPE: Final = {"id": 1, "name": "_", "required": False}


@dataclass(frozen=True, slots=True)
class Needed:
    """One file that a table needs.

    Attributes:
        part: the stored file.
        ready: whether it can be published where it lies; otherwise it is written anew.
        columns: the present columns that it has, by the names they have in it.
    """

    part: Part
    ready: bool
    columns: tuple[tuple[str, NestedField], ...]


@dataclass(frozen=True, slots=True)
class Design:
    """A snapshot in Iceberg's words.

    Attributes:
        columns: the present columns.
        known: every column there was, by id.
        names: which column a name means in files that have no ids.
        needed: the files with rows, by what names the file and the meaning of its columns.
    """

    columns: tuple[NestedField, ...]
    known: dict[int, NestedField]
    names: dict[str, int]
    needed: dict[str, Needed]

    def keeps(self, listed: Listed) -> bool:
        """Tell whether what was published for a file still stands for it."""
        needed = self.needed.get(listed.key)
        if needed is None:
            return False
        if listed.uri is None:
            return needed.ready
        present = {column.field_id: column for column in self.columns}
        return all(
            written == str(present[at].field_type) or _may_widen(written, present[at])
            for at, written in listed.types.items()
            if at in present
        )


def design_table(snapshot: Snapshot, *, table: str) -> Design:
    """Say what a snapshot comes to as an Iceberg table.

    Raises:
        ShipwayError: SW-212 for a type that Iceberg has no word for.
    """
    columns = translate_columns(snapshot.fields, table=table)
    known: dict[int, NestedField] = {}
    for schema in snapshot.schemas[:-1]:
        known.update(_translate_former(schema, table))
    known.update({column.field_id: column for column in columns})
    names = _name_columns(snapshot.schemas, known)
    present = {column.field_id: column for column in columns}
    used = {part.schema for part in snapshot.parts}
    kinds = {place: _judge_schema(snapshot.schemas[place], names, present, table) for place in used}
    seen: dict[str, int] = {}
    needed: dict[str, Needed] = {}
    for part in snapshot.parts:
        if part.rows == 0:
            continue
        # The same rows may have been stored twice, which is one file: some engines would read it once.
        time = seen[part.digest] = seen.get(part.digest, -1) + 1
        kind = kinds[part.schema]
        key = f"{part.digest}-{kind.mark}-{time}"
        needed[key] = Needed(part=part, ready=time == 0 and kind.ready, columns=kind.columns)
    return Design(columns=columns, known=known, names=names, needed=needed)


class _Kind(NamedTuple):
    """What all files of one schema have in common: a mark of what their columns mean, and as in `Needed`."""

    mark: str
    ready: bool
    columns: tuple[tuple[str, NestedField], ...]


def _judge_schema(schema: Sequence[Field], names: dict[str, int], present: dict[int, NestedField], table: str) -> _Kind:
    there = [(field.name, present[field.id]) for field in schema if field.id in present and field.type != "Null"]
    return _Kind(
        mark=digest_value([[field.id, field.name] for field in schema])[:16],
        ready=all(_is_ready(field, names, present, table) for field in schema),
        columns=tuple(there),
    )


def _name_columns(schemas: Sequence[Sequence[Field]], known: dict[int, NestedField]) -> dict[str, int]:
    """Say which column a name means: columns keep former names, and a name that two had is the later schema's."""
    names: dict[str, int] = {}
    for schema in reversed(schemas):
        for field in schema:
            if field.id in known:
                names.setdefault(field.name, field.id)
    return names


def _is_ready(field: Field, names: dict[str, int], present: dict[int, NestedField], table: str) -> bool:
    """Tell whether a file with this column can be read as it is; readers look at columns that went, too."""
    if names.get(field.name) != field.id or not lies_ready(field.type):
        return False
    if field.id not in present:
        return True
    (was,) = translate_columns([field], table=table)
    return may_widen(was.field_type, present[field.id].field_type)


def _translate_former(schema: Sequence[Field], table: str) -> dict[int, NestedField]:
    """Return a former schema's columns, less those that Iceberg has no word for: nobody reads them any more."""
    found: dict[int, NestedField] = {}
    for field in schema:
        try:
            (column,) = translate_columns([field], table=table)
        except ShipwayError:
            continue
        found[field.id] = column
    return found


def _may_widen(written: str, now: NestedField) -> bool:
    if not now.field_type.is_primitive or "<" in written:
        return False
    return may_widen(NestedField.model_validate({**_TYPE, "type": written}).field_type, now.field_type)

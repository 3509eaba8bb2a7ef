"""Changing a table's schema by Iceberg's rules: what a column is outlasts its name, and no value changes its sense."""

from collections.abc import Iterable, Mapping, Sequence

import polars as pl

from shipway.core.error import ShipwayError
from shipway.core.table import Field, Snapshot, may_promote
from shipway.infra.table import TableFiles
from shipway.kit.suggestion import did_you_mean


def evolve(
    files: TableFiles,
    snapshot: Snapshot,
    *,
    add: Mapping[str, pl.DataType | type[pl.DataType]] | None = None,
    rename: Mapping[str, str] | None = None,
    drop: Sequence[str] = (),
    promote: Mapping[str, pl.DataType | type[pl.DataType]] | None = None,
) -> Snapshot:
    """Change a table's columns without writing its rows again.

    Drops come first, then renames, promotions and additions, so that a name that was dropped can be used by another
    column. A column that is added is null in all rows there are, also where one of its name was dropped before.

    Args:
        files: where the table's files are.
        snapshot: the table before.
        add: new columns and their types.
        rename: present names to new ones.
        drop: columns that go.
        promote: columns to wider types, as `may_promote` allows.

    Returns:
        The table with its new schema; the same snapshot where nothing changes.

    Raises:
        ShipwayError: SW-202 for a column that is not there, SW-211 for one that would be there twice, a type that
            would lose values, or a table that would be left without columns.
    """
    types = dict(files.types_of(snapshot))
    fields = {field.name: field for field in snapshot.fields}
    _check_names(drop, fields)
    for name in dict.fromkeys(drop):
        del fields[name], types[name]
    _check_names([*(rename or {}), *(promote or {})], fields)
    fields, types = _rename(fields, types, rename or {})
    for name, dtype in (promote or {}).items():
        name = (rename or {}).get(name, name)
        kind = str(pl.Series(dtype=dtype).dtype)
        if not may_promote(fields[name].type, kind):
            fact = f"column {name!r} of type {fields[name].type} cannot become {kind}: values could be lost"
            raise ShipwayError("SW-211", fact, "add a column of that type, fill it, and drop this one")
        fields[name] = Field(id=fields[name].id, name=name, type=kind)
        types[name] = pl.Series(dtype=dtype).dtype
    taken = max(field.id for schema in snapshot.schemas for field in schema)
    for number, (name, dtype) in enumerate((add or {}).items(), start=taken + 1):
        if name in fields:
            raise _twice(name)
        types[name] = pl.Series(dtype=dtype).dtype
        fields[name] = Field(id=number, name=name, type=str(types[name]))
    if not fields:
        raise ShipwayError("SW-211", "the table would be left without columns", "drop the table instead")
    new = tuple(fields.values())
    return snapshot if new == snapshot.fields else files.restate(snapshot, new, pl.Schema(types))


def _check_names(names: Iterable[str], fields: Mapping[str, Field]) -> None:
    for name in names:
        if name not in fields:
            raise ShipwayError("SW-202", f"there is no column {name!r}", did_you_mean(name, fields))


def _rename(
    fields: Mapping[str, Field], types: Mapping[str, pl.DataType], rename: Mapping[str, str]
) -> tuple[dict[str, Field], dict[str, pl.DataType]]:
    renamed: dict[str, Field] = {}
    for name, field in fields.items():
        new = rename.get(name, name)
        if new in renamed:
            raise _twice(new)
        renamed[new] = Field(id=field.id, name=new, type=field.type)
    return renamed, {rename.get(name, name): dtype for name, dtype in types.items()}


def _twice(name: str) -> ShipwayError:
    fact = f"the table would have two columns {name!r}"
    return ShipwayError("SW-211", fact, "choose another name, or drop one first")

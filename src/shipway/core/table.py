"""Versions of data: immutable snapshots of tables, commits over several tables, and the refs that point at them.

What is stored is a tree of small objects, each named by the digest of its canonical JSON: a commit names a layout for
each table, a layout names runs of parts, and a part names a file. Layouts that share most of their parts share runs, so
a commit costs what it changes, however long the table's history is.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Final

import msgspec

from shipway.kit.canonical import canonical_json, digest_bytes, digest_value

MAIN = "main"
"""The branch that training and serving read; only a passing data gate moves it."""

_BITS: Final = re.compile(r"(Int|UInt|Float)(\d+)")
_DECIMAL: Final = re.compile(r"Decimal\(precision=(\d+), scale=(\d+)\)")

RUN_PARTS: Final = 128
"""Parts of one stored run; a layout names its full runs and holds the parts after them itself."""


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One column of a schema.

    Attributes:
        id: what identifies the column over renames, from 1; never used again in this table (Iceberg's field id).
        name: its present name.
        type: its type as Polars writes it, such as `Int64` or `String`.
    """

    id: int
    name: str
    type: str


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One immutable Parquet file of a snapshot, named by its content.

    Attributes:
        digest: the file's SHA-256.
        rows: how many rows it holds; none where it only states a schema.
        size_bytes: its size.
        schema: place of the schema it was written with among those of its snapshot.
    """

    digest: str
    rows: int
    size_bytes: int
    schema: int = 0


class Snapshot(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """One version of one table: its rows as files in order, and its columns with their types.

    Attributes:
        digest: names the rows. Snapshots of one digest have the same rows in the same order under the same schema,
            however they lie in files, so rewriting files changes nothing that depends on the data.
        schemas: every schema that files of it were written with, oldest first; the last is the table's.
        parts: the files, in the order their rows are read; at least one was written with the last schema.
    """

    digest: str
    schemas: tuple[tuple[Field, ...], ...]
    parts: tuple[Part, ...]

    @property
    def fields(self) -> tuple[Field, ...]:
        """Return the table's present columns in order."""
        return self.schemas[-1]

    @property
    def columns(self) -> dict[str, str]:
        """Return the table's present columns and their types, in order."""
        return {field.name: field.type for field in self.fields}

    @property
    def rows(self) -> int:
        """Return how many rows the snapshot has."""
        return sum(part.rows for part in self.parts)

    def reading(self, part: Part) -> tuple[str, tuple[tuple[str | None, str, str], ...]]:
        """Return what a file's rows are in this table: its digest, and where its columns come from.

        Each present column has its name in the file, None where the file lacks it, its name in the table and its type.
        """
        names = {field.id: field.name for field in self.schemas[part.schema]}
        return part.digest, tuple((names.get(field.id), field.name, field.type) for field in self.fields)

    @cached_property
    def stored(self) -> "tuple[str, dict[str, bytes]]":
        """Return the id of the snapshot's layout and the objects it is stored as, by digest."""
        full = len(self.parts) - len(self.parts) % RUN_PARTS
        objects: dict[str, bytes] = {}
        runs: list[str] = []
        for start in range(0, full, RUN_PARTS):
            body = canonical_json(self.parts[start : start + RUN_PARTS])
            runs.append(digest_bytes(body))
            objects[runs[-1]] = body
        layout = Layout(digest=self.digest, schemas=self.schemas, runs=tuple(runs), rest=self.parts[full:])
        body = canonical_json(layout)
        name = digest_bytes(body)
        objects[name] = body
        return name, objects


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot as it is stored.

    Attributes:
        digest: as the snapshot's.
        schemas: as the snapshot's.
        runs: digests of its full runs of parts, in order.
        rest: the parts after them.
    """

    digest: str
    schemas: tuple[tuple[Field, ...], ...]
    runs: tuple[str, ...]
    rest: tuple[Part, ...]


class CommitRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A commit as it is stored: the digest of its canonical JSON is the commit's id.

    Attributes:
        parents: as the commit's.
        tables: table name to the id of its snapshot's layout.
        message: as the commit's.
        depth: as the commit's.
    """

    parents: tuple[str, ...]
    tables: dict[str, str]
    message: str
    depth: int


class Commit(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """One version of several tables at once.

    Attributes:
        parents: commits this one follows: none for the first, two for a merge, the branch merged into before the other.
        tables: table name to snapshot, all tables of the project, not only those that changed.
        message: what was done, for people.
        depth: length of the longest way from it to a first commit, so that a search for an ancestor knows when to stop.
    """

    parents: tuple[str, ...]
    tables: dict[str, Snapshot]
    message: str
    depth: int = 0

    @cached_property
    def record(self) -> bytes:
        """Return the commit as it is stored, without its snapshots."""
        tables = {name: snapshot.stored[0] for name, snapshot in self.tables.items()}
        record = CommitRecord(parents=self.parents, tables=tables, message=self.message, depth=self.depth)
        return canonical_json(record)

    @cached_property
    def id(self) -> str:
        """Return the commit's name, the digest of what is stored of it: equal commits are one commit."""
        return digest_bytes(self.record)

    @cached_property
    def data(self) -> str:
        """Return the digest of all rows of all tables, whatever files they lie in and whatever came before."""
        return digest_value({name: snapshot.digest for name, snapshot in self.tables.items()})

    def objects(self, *, beside: "Commit") -> dict[str, bytes]:
        """Return what is stored of this commit, by digest, less what is stored of another one already."""
        there = {name for snapshot in beside.tables.values() for name in snapshot.stored[1]}
        mine = {name: body for snapshot in self.tables.values() for name, body in snapshot.stored[1].items()}
        return {self.id: self.record} | {name: body for name, body in mine.items() if name not in there}

    def follow(
        self, changes: "Mapping[str, Snapshot | None]", message: str, *, also: "Sequence[Commit]" = ()
    ) -> "Commit":
        """Return the commit that puts changes over this one's tables.

        Args:
            changes: the tables that change, None for one that goes.
            message: what was done, for people.
            also: further parents, for a merge.
        """
        merged = {name: snapshot for name, snapshot in {**self.tables, **changes}.items() if snapshot is not None}
        parents = (*([] if self == EMPTY else [self.id]), *(commit.id for commit in also))
        depth = 1 + max(self.depth, *(commit.depth for commit in also)) if also else 1 + self.depth
        return Commit(parents=parents, tables=merged, message=message, depth=depth)


EMPTY: Final = Commit(parents=(), tables={}, message="", depth=-1)
"""What comes before the first commit; it is never stored."""


def start_snapshot(columns: Mapping[str, str], parts: Sequence[Part]) -> Snapshot:
    """Return a new table's first snapshot, its columns numbered in order.

    Args:
        columns: column name to type.
        parts: its files, all written with these columns.
    """
    fields = tuple(Field(id=place, name=name, type=kind) for place, (name, kind) in enumerate(columns.items(), start=1))
    digest = digest_value(["rows", columns_of(fields), [part.digest for part in parts]])
    return Snapshot(digest=digest, schemas=(fields,), parts=tuple(parts))


def follow_snapshot(
    before: Snapshot, how: str, parts: Sequence[Part], *, said: Iterable[str], fields: tuple[Field, ...] | None = None
) -> Snapshot:
    """Return the snapshot that a change leads to; its digest follows from the one before and the change alone.

    Args:
        before: the snapshot that was changed.
        how: the kind of change.
        parts: all files of the new snapshot.
        said: digests of what the change brought, in order.
        fields: the new schema; the one before where None.
    """
    schemas = before.schemas if fields is None or fields == before.fields else (*before.schemas, fields)
    # Which column of the table before each one is: columns of one name may be new, or have been another.
    names = {field.id: field.name for field in before.fields}
    columns = [[field.name, field.type, names.get(field.id)] for field in schemas[-1]]
    digest = digest_value([how, before.digest, columns, list(said)])
    return Snapshot(digest=digest, schemas=schemas, parts=tuple(parts))


def may_promote(old: str, new: str) -> bool:
    """Tell whether every value of one type is kept by another, so that a column may take it and stay itself.

    Within the words of Polars these are Iceberg's promotions (specification, "Schema Evolution"): integers and floats
    of one kind to more bits, decimals of one scale to more digits, and a column of nothing but nulls to anything.
    """
    if old == new or old == "Null":
        return True
    narrow, wide = _BITS.fullmatch(old), _BITS.fullmatch(new)
    if narrow and wide and narrow[1] == wide[1]:
        return int(narrow[2]) < int(wide[2])
    digits, wider = _DECIMAL.fullmatch(old), _DECIMAL.fullmatch(new)
    return bool(digits and wider and digits[2] == wider[2] and int(digits[1]) < int(wider[1]))


def columns_of(fields: Sequence[Field]) -> list[list[str]]:
    """Return the names and types of a schema, in order."""
    return [[field.name, field.type] for field in fields]

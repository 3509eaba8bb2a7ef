"""Versions of data: immutable snapshots of tables, commits over several tables, and the branches that point at them."""

import msgspec

from shipway.kit.canonical import digest_value

MAIN = "main"
"""The branch that training and serving read; only a passing data gate moves it."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One immutable Parquet file of a snapshot, named by its content."""

    digest: str
    rows: int
    size_bytes: int


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """One version of one table: its files in order, and its columns with their types.

    Attributes:
        columns: column name to type as Polars writes it, such as `Int64` or `String`.
        parts: the files, in the order their rows are read.
    """

    columns: dict[str, str]
    parts: tuple[Part, ...]

    @property
    def rows(self) -> int:
        """Return how many rows the snapshot has."""
        return sum(part.rows for part in self.parts)

    @property
    def digest(self) -> str:
        """Return the digest of the snapshot, equal for equal content."""
        return digest_value(self)


class Commit(msgspec.Struct, frozen=True, kw_only=True):
    """One version of several tables at once.

    Attributes:
        parents: commits this one follows; none for the first.
        tables: table name to snapshot, all tables of the project, not only those that changed.
        message: what was done, for people.
    """

    parents: tuple[str, ...]
    tables: dict[str, Snapshot]
    message: str

    @property
    def id(self) -> str:
        """Return the commit's name, the digest of its content: equal commits are one commit."""
        return digest_value(self)

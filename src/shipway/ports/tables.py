"""The port of the lakehouse: snapshots of tables under branches that move by compare-and-swap."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from shipway.core.table import Commit, Part, Snapshot

if TYPE_CHECKING:
    import polars as pl


class Tables(Protocol):
    """Versioned tables. A reader sees a whole commit or none of it.

    Contract (the conformance suite `shipway.testing.tables` checks it):
        * What makes a snapshot stores its rows durably and shows them to nobody; `commit` makes them visible, all
          tables at once.
        * A branch moves only from where the caller saw it; otherwise SW-208 and nothing changed.
        * Changing a snapshot gives another one and leaves the first as it is; a change of nothing gives the same.
        * Snapshots and commits are named by content: the same rows written twice are one snapshot.
        * `read` returns the rows in the order they were written, with the types they had.
    """

    def write(self, frame: "pl.DataFrame") -> Snapshot:
        """Store a frame's rows as a new snapshot that no branch shows yet.

        Raises:
            ShipwayError: SW-203 for a type that cannot be stored, SW-601 disk full, SW-602 not writable.
        """
        ...

    def read(self, snapshot: Snapshot, columns: Sequence[str] | None = None) -> "pl.DataFrame":
        """Return a snapshot's rows, all columns or those named in the order named.

        Raises:
            ShipwayError: SW-605 if a file is missing or damaged, SW-202 for a column it lacks.
        """
        ...

    def read_parts(
        self,
        snapshot: Snapshot,
        columns: Sequence[str] | None = None,
        *,
        rows: int | None = None,
        parts: Sequence[Part] | None = None,
    ) -> "Iterator[pl.DataFrame]":
        """Yield a snapshot's rows in pieces that fit into memory, in order; errors as for `read`.

        Args:
            snapshot: which version of the table.
            columns: these columns in this order; all where None.
            rows: at most so many in a piece; None leaves it to how they are stored.
            parts: only these of its files; a file without rows is a piece too.
        """
        ...

    def append(self, snapshot: Snapshot, frame: "pl.DataFrame") -> Snapshot:
        """Store further rows of a table.

        Raises:
            ShipwayError: SW-202 for a column that one of the two lacks, SW-203 for one of a type that does not fit,
                SW-601 disk full, SW-602 not writable.
        """
        ...

    def upsert(
        self, snapshot: Snapshot, rows: "pl.DataFrame", *, key: Sequence[str], deleted: "pl.DataFrame | None" = None
    ) -> Snapshot:
        """Put rows in the place of those with their keys, add those with new keys at the end, and remove others.

        Args:
            snapshot: the table before.
            rows: whole rows, one for a key.
            key: the columns that identify a row.
            deleted: keys whose rows go; a key that is among `rows` too stays.

        Raises:
            ShipwayError: SW-205 for a key that is null or repeated in `rows`, and as for `append`.
        """
        ...

    def head(self, branch: str) -> str | None:
        """Return the id of the commit a branch points at, or None if there is no such branch."""
        ...

    def get(self, commit: str) -> Commit:
        """Return a commit by id; SW-209 if there is none."""
        ...

    def commit(self, branch: str, tables: Mapping[str, Snapshot | None], *, expect: str | None, message: str) -> Commit:
        """Put new snapshots over the branch's present tables and move the branch there.

        Args:
            branch: which branch moves; it is created when `expect` is None.
            tables: the tables that change, None for one that goes; the others stay.
            expect: the commit the caller saw the branch at.
            message: what was done, for people.

        Returns:
            The new commit, or the present one if nothing differs from it.

        Raises:
            ShipwayError: SW-208 if the branch is not at `expect`.
        """
        ...

    def fork(self, branch: str, *, at: str) -> None:
        """Create a branch at a commit; SW-208 if the branch exists at another commit, nothing if at this one."""
        ...

    def merge(
        self, source: str, into: str, *, expect: str | None, keys: Mapping[str, Sequence[str]] | None = None
    ) -> Commit:
        """Bring what one branch has into another.

        A branch that has not moved since they parted is moved to the source's commit. Otherwise what changed on both
        sides is put together in a commit with two parents: per table the side that changed it, rows appended on both
        sides, or rows by key.

        Args:
            source: the branch whose commit is taken.
            into: the branch that moves; created when `expect` is None.
            expect: the commit the caller saw `into` at.
            keys: table name to the columns that identify a row.

        Returns:
            The commit `into` now points at.

        Raises:
            ShipwayError: SW-208 if `into` is not at `expect`, SW-209 if there is no `source`, SW-210 if both changed
                the same rows differently; nothing was changed.
        """
        ...

    def branches(self) -> dict[str, str]:
        """Return every branch with the commit it points at."""
        ...

    def log(self, branch: str) -> Iterator[Commit]:
        """Yield a branch's commits, newest first, first parents only."""
        ...

    def drop(self, branch: str) -> None:
        """Forget a branch; its commits and files stay until they are collected."""
        ...

    def close(self) -> None:
        """Release files and connections; closing twice does no harm."""
        ...

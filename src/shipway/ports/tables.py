"""The port of the lakehouse: snapshots of tables under branches that move by compare-and-swap."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from shipway.core.table import Commit, Snapshot

if TYPE_CHECKING:
    import polars as pl


class Tables(Protocol):
    """Versioned tables. A reader sees a whole commit or none of it.

    Contract (the conformance suite `shipway.testing.tables` checks it):
        * `write` stores rows durably and shows them to nobody; `commit` makes them visible, all tables at once.
        * A branch moves only from where the caller saw it; otherwise SW-208 and nothing changed.
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

    def head(self, branch: str) -> str | None:
        """Return the id of the commit a branch points at, or None if there is no such branch."""
        ...

    def get(self, commit: str) -> Commit:
        """Return a commit by id; SW-209 if there is none."""
        ...

    def commit(self, branch: str, tables: Mapping[str, Snapshot], *, expect: str | None, message: str) -> Commit:
        """Put new snapshots over the branch's present tables and move the branch there.

        Args:
            branch: which branch moves; it is created when `expect` is None.
            tables: the tables that change; the others stay.
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

    def merge(self, source: str, into: str, *, expect: str | None) -> Commit:
        """Fast-forward one branch to another's commit.

        Args:
            source: the branch whose commit is taken.
            into: the branch that moves; created when `expect` is None.
            expect: the commit the caller saw `into` at.

        Returns:
            The commit `into` now points at.

        Raises:
            ShipwayError: SW-208 if `into` is not at `expect`, or its commit is no ancestor of the source's;
                SW-209 if there is no branch `source`.
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

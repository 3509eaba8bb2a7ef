"""The lakehouse of a project: tables as files in a blob store, under branches in a catalog."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import polars as pl

from shipway.core.error import ShipwayError
from shipway.core.ref import check_place
from shipway.core.table import Commit, Part, Snapshot
from shipway.infra.branch import BRANCH, Branches
from shipway.infra.compaction import compact
from shipway.infra.difference import Difference, compare
from shipway.infra.merge import MergePlan, plan_merge, refuse_conflicts
from shipway.infra.table import TableFiles
from shipway.infra.turn import await_turn, hold_turn
from shipway.ports.blobs import Blobs
from shipway.ports.catalog import Catalog

_TRIES: Final = 3
"""How often somebody else may be quicker before whoever delivers takes the turn."""


class Lake:
    """Versioned tables; it answers the port `Tables`.

    Attributes:
        blobs: where files are kept.
        files: reads and writes the files of snapshots.
        refs: branches, tags and commits.
    """

    def __init__(self, blobs: Blobs, catalog: Catalog) -> None:
        """Work on a blob store and a catalog."""
        self.blobs = blobs
        self.files = TableFiles(blobs)
        self.refs = Branches(catalog)

    def write(self, frame: pl.DataFrame) -> Snapshot:
        """Store a frame's rows as a snapshot of a new table, as `TableFiles.write` does."""
        return self.files.write(frame)

    def read(self, snapshot: Snapshot, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """Return a snapshot's rows, all columns or those named, as `TableFiles.read` does."""
        return self.files.read(snapshot, columns)

    def read_parts(
        self,
        snapshot: Snapshot,
        columns: Sequence[str] | None = None,
        *,
        rows: int | None = None,
        parts: Sequence[Part] | None = None,
    ) -> Iterator[pl.DataFrame]:
        """Yield a snapshot's rows file by file or in smaller pieces, as `TableFiles.read_parts` does."""
        return self.files.read_parts(snapshot, columns, rows=rows, parts=parts)

    def append(self, snapshot: Snapshot, frame: pl.DataFrame) -> Snapshot:
        """Store further rows of a table, as `TableFiles.append` does."""
        return self.files.append(snapshot, frame)

    def upsert(
        self, snapshot: Snapshot, rows: pl.DataFrame, *, key: Sequence[str], deleted: pl.DataFrame | None = None
    ) -> Snapshot:
        """Put rows in the place of those with their keys, as `TableFiles.upsert` does."""
        return self.files.upsert(snapshot, rows, key=key, deleted=deleted)

    def compact(self, snapshot: Snapshot) -> Snapshot:
        """Return the same rows in fewer files, or the same snapshot where there is nothing to gain."""
        return compact(self.files, snapshot)

    def compare(self, before: Snapshot, after: Snapshot, *, key: Sequence[str] = ()) -> Difference:
        """Compare two versions of a table row by row, as `compare` does."""
        return compare(self.files, before, after, key=key)

    def head(self, branch: str) -> str | None:
        """Return the id of the commit a branch points at, or None if there is no such branch."""
        return self.refs.head(branch)

    def get(self, commit: str) -> Commit:
        """Return a commit by id; SW-209 if there is none, SW-605 if it is lost or damaged."""
        return self.refs.get(commit)

    def commit(self, branch: str, tables: Mapping[str, Snapshot | None], *, expect: str | None, message: str) -> Commit:
        """Put new snapshots over the branch's present tables and move the branch there, as `Branches.commit` does."""
        return self.refs.commit(branch, tables, expect=expect, message=message)

    def fork(self, branch: str, *, at: str) -> None:
        """Create a branch at a commit; SW-208 if the branch exists at another commit, nothing if at this one."""
        self.refs.fork(branch, at=at)

    def plan_merge(self, source: str, into: str, *, keys: Mapping[str, Sequence[str]]) -> MergePlan:
        """Say what merging a branch, tag or commit into a branch would do; nothing is moved.

        Raises:
            ShipwayError: SW-209 if there is no such branch, SW-605 if a file is missing or damaged.
        """
        theirs, ours = self.refs.find(source), self.refs.head(into)
        if ours is None:
            return MergePlan(tables=dict(self.get(theirs).tables))
        return self._plan(theirs, ours, keys)

    def merge(
        self, source: str, into: str, *, expect: str | None, keys: Mapping[str, Sequence[str]] | None = None
    ) -> Commit:
        """Bring what a branch, tag or commit has into a branch.

        Where the branch has not moved since they parted it is moved to the source's commit. Otherwise what changed on
        both is put together in a new commit with two parents, or refused.

        Args:
            source: what is merged.
            into: the branch that moves; created when `expect` is None.
            expect: the commit the caller saw `into` at.
            keys: table name to the columns that identify a row.

        Returns:
            The commit `into` now points at.

        Raises:
            ShipwayError: SW-208 if `into` is not at `expect`, SW-209 if there is no `source`, SW-210 if the two changed
                the same rows; nothing was changed.
        """
        theirs = self.refs.find(source)
        check_place(BRANCH + into, expect=expect, found=self.refs.head(into))
        if expect is None or self.refs.history.contains(theirs, expect):
            return self.refs.forward(into, to=theirs, expect=expect)
        if self.refs.history.contains(expect, theirs):
            return self.get(expect)
        plan = self._plan(theirs, expect, keys or {})
        refuse_conflicts(plan, source, into)
        return self.refs.commit(into, plan.tables, expect=expect, message=f"merge {source}", also=[theirs])

    def deliver(self, branch: str, into: str, *, keys: Mapping[str, Sequence[str]] | None = None) -> Commit:
        """Bring a branch of one's own into one that others move too, however often they are quicker.

        What is new there is first merged into the branch, which nobody else moves, and then the other is moved to it: a
        try that comes too late costs only what the others did since the last one.

        Args:
            branch: whose commits are brought.
            into: the branch that moves; it must exist.
            keys: table name to the columns that identify a row.

        Returns:
            The commit that both branches now point at.

        Raises:
            ShipwayError: SW-209 if one of the two is not there, SW-210 if both changed the same rows, SW-208 if others
                move the branch itself.
        """
        await_turn(self.refs.catalog, into)
        for _ in range(_TRIES):
            delivered = self._deliver(branch, into, keys or {})
            if delivered is not None:
                return delivered
        with hold_turn(self.refs.catalog, into, self.refs.find(branch)):
            while True:
                delivered = self._deliver(branch, into, keys or {})
                if delivered is not None:
                    return delivered

    def branches(self) -> dict[str, str]:
        """Return every branch with the commit it points at."""
        return self.refs.branches()

    def log(self, branch: str) -> Iterator[Commit]:
        """Yield a branch's commits, newest first, first parents only; SW-209 if there is no such branch."""
        return self.refs.log(branch)

    def drop(self, branch: str) -> None:
        """Forget a branch; its commits and files stay until they are collected."""
        self.refs.drop(branch)

    def close(self) -> None:
        """Release the catalog; closing twice does no harm."""
        self.refs.close()

    def _deliver(self, branch: str, into: str, keys: Mapping[str, Sequence[str]]) -> Commit | None:
        """Try once to bring a branch into another one; None if somebody else was quicker."""
        theirs = self.refs.find(into)
        mine = self.merge(theirs, branch, expect=self.refs.head(branch), keys=keys)
        try:
            return self.refs.forward(into, to=mine.id, expect=theirs)
        except ShipwayError as refusal:
            if refusal.code != "SW-208" or self.refs.head(into) == theirs:
                raise
            return None

    def _plan(self, theirs: str, ours: str, keys: Mapping[str, Sequence[str]]) -> MergePlan:
        base, contested = self._base([ours], [theirs], keys)
        return plan_merge(self.files, base, self.get(ours), self.get(theirs), keys=keys, contested=contested)

    def _base(
        self, ours: Sequence[str], theirs: Sequence[str], keys: Mapping[str, Sequence[str]]
    ) -> tuple[Commit | None, set[str]]:
        """Return what two sides began from, and tables of which there is no telling.

        Where merges crossed there are several common ancestors. Of one alone it would not be seen that a side undid
        what came from another, so they are merged, as Git's recursive strategy does.
        """
        found, contested = None, set[str]()
        bases = self.refs.history.find_bases(ours, theirs)
        for place, name in enumerate(bases):
            other = self.get(name)
            if found is None:
                found = other
                continue
            before, unsure = self._base(bases[:place], [name], keys)
            plan = plan_merge(self.files, before, found, other, keys=keys, contested=unsure)
            contested |= {conflict.table for conflict in plan.conflicts}
            found = found.follow(plan.tables, "common ancestors", also=[other])
        return found, contested

"""Branches in SQLite and the commits they point at; no table is read here, so this loads without a frame library.

A commit is the canonical JSON of its fields in the blob store: its id is the blob's digest. A branch is a row. A commit
is stored before a branch is moved to it, so what a branch names exists; a commit that no branch names does no harm.
"""

import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from shipway.adapters.file.fault import translate_fault
from shipway.adapters.sqlite.database import open_database, transaction
from shipway.core.error import ShipwayError
from shipway.core.table import Commit, Snapshot
from shipway.kit.canonical import canonical_json
from shipway.kit.suggestion import did_you_mean
from shipway.ports.blobs import Blobs

_VERSION: Final = 1
_SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS ref (branch TEXT PRIMARY KEY, target TEXT NOT NULL) STRICT, WITHOUT ROWID",
)


class RefStore:
    """The branches and commits of a lakehouse: all of the port `Tables` except rows.

    Any number of processes may have it open, and the threads of a process may share one instance.
    """

    def __init__(self, blobs: Blobs, path: Path) -> None:
        """Open the branches, creating their database if it is new.

        Args:
            blobs: where commits are kept.
            path: the database; its folder must exist.

        Raises:
            ShipwayError: SW-601 disk full, SW-602 if the folder is missing or cannot be written, SW-605 if the database
                is damaged, SW-606 if a newer shipway wrote it.
        """
        self._blobs = blobs
        self._path = path
        self._guard = threading.RLock()
        self._connection = open_database(path, schema=_SCHEMA, version=_VERSION)

    def head(self, branch: str) -> str | None:
        """Return the id of the commit a branch points at, or None if there is no such branch."""
        rows = self._fetch("SELECT target FROM ref WHERE branch = ?", branch)
        return rows[0][0] if rows else None

    def branches(self) -> dict[str, str]:
        """Return every branch with the commit it points at, by name."""
        rows: list[tuple[str, str]] = self._fetch("SELECT branch, target FROM ref ORDER BY branch")
        return dict(rows)

    def get(self, commit: str) -> Commit:
        """Return a commit by id.

        Raises:
            ShipwayError: SW-209 if there is none, SW-605 if it is damaged, or missing although a branch points at it.
        """
        if not self._blobs.has(commit):
            if commit in self.branches().values():
                raise _lost_commit(commit)
            raise _unknown_commit(commit)
        try:
            found = msgspec.json.decode(self._blobs.get(commit), type=Commit)
        except msgspec.DecodeError as fault:
            raise _unknown_commit(commit) from fault
        # Another object's JSON may happen to decode; only a commit has its own digest for an id.
        if found.id != commit:
            raise _unknown_commit(commit)
        return found

    def commit(self, branch: str, tables: Mapping[str, Snapshot], *, expect: str | None, message: str) -> Commit:
        """Put new snapshots over the branch's present tables and move the branch there.

        Returns:
            The new commit, or the present one if no table differs from it.

        Raises:
            ShipwayError: SW-208 if the branch is not at `expect`, SW-601 disk full, SW-602 not writable.
        """
        self._expect(branch, expect)
        present = None if expect is None else self.get(expect)
        merged = {**(present.tables if present else {}), **tables}
        if present is not None and merged == present.tables:
            return present
        new = Commit(parents=() if expect is None else (expect,), tables=merged, message=message)
        self._move(branch, expect, self._blobs.put(canonical_json(new)))
        return new

    def fork(self, branch: str, *, at: str) -> None:
        """Create a branch at a commit; nothing happens if it is there already.

        Raises:
            ShipwayError: SW-208 if the branch is at another commit, SW-209 if there is no such commit.
        """
        self.get(at)
        with translate_fault(self._path), self._guard, transaction(self._connection):
            self._connection.execute("INSERT OR IGNORE INTO ref (branch, target) VALUES (?, ?)", (branch, at))
            self._expect(branch, at)

    def merge(self, source: str, into: str, *, expect: str | None) -> Commit:
        """Fast-forward the branch `into` from `expect` to the commit of the branch `source` and return that commit.

        Raises:
            ShipwayError: SW-208 if `into` is not at `expect`, or `expect` is no ancestor of the source's commit; SW-209
                if there is no branch `source`.
        """
        target = self._target(source)
        self._expect(into, expect)
        if expect is not None and not self._descends(target, expect):
            fact = f"{source!r} does not contain commit {expect[:12]} of {into!r}, so it cannot be fast-forwarded"
            raise ShipwayError("SW-208", fact, f"commit the changes again on a branch forked from {into!r}")
        if target != expect:
            self._move(into, expect, target)
        return self.get(target)

    def log(self, branch: str) -> Iterator[Commit]:
        """Yield a branch's commits, newest first, first parents only.

        Raises:
            ShipwayError: SW-209 if there is no such branch.
        """
        return self._ancestry(self._target(branch))

    def drop(self, branch: str) -> None:
        """Forget a branch, if there is one of that name; its commits stay."""
        with translate_fault(self._path), self._guard, transaction(self._connection):
            self._connection.execute("DELETE FROM ref WHERE branch = ?", (branch,))

    def close(self) -> None:
        """Release the database; closing twice does no harm."""
        with self._guard:
            self._connection.close()

    def _move(self, branch: str, expect: str | None, target: str) -> None:
        """Compare and swap: the one place where a branch that exists moves."""
        with translate_fault(self._path), self._guard, transaction(self._connection):
            self._expect(branch, expect)
            self._connection.execute("INSERT OR REPLACE INTO ref (branch, target) VALUES (?, ?)", (branch, target))

    def _expect(self, branch: str, expect: str | None) -> None:
        found = self.head(branch)
        if found != expect:
            seen, there = (f"at {name[:12]}" if name else "absent" for name in (expect, found))
            fact = f"branch {branch!r} was expected {seen} and is {there}"
            raise ShipwayError("SW-208", fact, "look at the branch again and repeat the change on top of it")

    def _target(self, branch: str) -> str:
        found = self.head(branch)
        if found is None:
            raise ShipwayError("SW-209", f"there is no branch {branch!r}", did_you_mean(branch, self.branches()))
        return found

    def _ancestry(self, commit: str) -> Iterator[Commit]:
        following: str | None = commit
        while following is not None:
            found = self._known(following)
            yield found
            following = found.parents[0] if found.parents else None

    def _descends(self, commit: str, ancestor: str) -> bool:
        seen, waiting = set[str](), [commit]
        while waiting:
            name = waiting.pop()
            if name == ancestor:
                return True
            if name not in seen:
                seen.add(name)
                waiting.extend(self._known(name).parents)
        return False

    def _known(self, commit: str) -> Commit:
        """Return a commit that a branch or another commit names: where it is gone, it was lost."""
        if not self._blobs.has(commit):
            raise _lost_commit(commit)
        return self.get(commit)

    def _fetch(self, query: str, *values: str) -> list[Any]:
        with translate_fault(self._path), self._guard:
            return self._connection.execute(query, values).fetchall()


def _lost_commit(commit: str) -> ShipwayError:
    fact = f"commit {commit} was made and is missing from the blob store"
    return ShipwayError("SW-605", fact, "shipway run --force makes it again, or restore .shipway/blobs from a backup")


def _unknown_commit(commit: str) -> ShipwayError:
    return ShipwayError("SW-209", f"there is no commit {commit!r}", "the log of a branch names its commits")

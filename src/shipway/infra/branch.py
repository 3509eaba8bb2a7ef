"""Branches and tags: the refs that point at commits. No table is read here, so this loads without a frame library.

A branch is a ref that moves, a tag one that does not. Both move by compare-and-swap, and a commit is stored in the same
step in which its branch moves to it: a reader sees a whole commit or none of it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Final

import msgspec

from shipway.core.error import ShipwayError
from shipway.core.ref import check_place
from shipway.core.table import EMPTY, Commit, Snapshot, may_promote
from shipway.infra.history import CUT, History
from shipway.kit.suggestion import did_you_mean
from shipway.ports.catalog import Catalog

BRANCH: Final = "branch/"
"""What the ref of a branch begins with."""

TAG: Final = "tag/"
"""What the ref of a tag begins with."""

PUBLICATION: Final = "publication/"
"""What the ref begins with that keeps what outside readers are shown."""

SHORT: Final = 7
"""Fewest digits of a commit's id that may stand for it."""

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*")


class Branches:
    """The branches, tags and commits of a lakehouse.

    Any number of processes may use one catalog, and the threads of a process may share one instance.
    """

    def __init__(self, catalog: Catalog) -> None:
        """Work on a catalog."""
        self.catalog = catalog
        self.history = History(catalog)

    def head(self, branch: str) -> str | None:
        """Return the id of the commit a branch points at, or None if there is no such branch."""
        return self.catalog.head(BRANCH + branch)

    def branches(self) -> dict[str, str]:
        """Return every branch with the commit it points at, by name."""
        return self.named(BRANCH)

    def tags(self) -> dict[str, str]:
        """Return every tag with the commit it points at, by name."""
        return self.named(TAG)

    def named(self, kind: str) -> dict[str, str]:
        """Return the refs of one kind with what they point at, by the rest of their names."""
        return {ref.removeprefix(kind): at for ref, at in self.catalog.refs().items() if ref.startswith(kind)}

    def find(self, name: str) -> str:
        """Return the id of the commit that a person means: a branch, a tag, a commit's id or the beginning of one.

        Raises:
            ShipwayError: SW-209 if nothing is called so, or more than one commit's id begins so.
        """
        refs = self.catalog.refs()
        for kind in (BRANCH, TAG, PUBLICATION):
            if kind + name in refs:
                return refs[kind + name]
        if re.fullmatch(rf"[0-9a-f]{{{SHORT},64}}", name):
            found = [digest for digest in self.history.reachable(self._targets(refs)) if digest.startswith(name)]
            if len(found) == 1:
                return found[0]
            if found:
                raise ShipwayError("SW-209", f"{len(found)} commits begin with {name!r}", "write more of the id")
        known = [ref.partition("/")[2] for ref in refs if ref.startswith((BRANCH, TAG))]
        raise ShipwayError("SW-209", f"there is no branch, tag or commit {name!r}", did_you_mean(name, known))

    def get(self, commit: str) -> Commit:
        """Return a commit by id; SW-209 if there is none, SW-605 if it, or what it names, is damaged or lost."""
        return self.history.get(commit)

    def commit(
        self,
        branch: str,
        tables: Mapping[str, Snapshot | None],
        *,
        expect: str | None,
        message: str,
        also: Sequence[str] = (),
    ) -> Commit:
        """Put new snapshots over the branch's present tables and move the branch there.

        A snapshot that was written by itself takes over the column ids of the table it replaces, by name.

        Args:
            branch: which branch moves; it is created when `expect` is None.
            tables: the tables that change, None for one that goes; the others stay.
            expect: the commit the caller saw the branch at.
            message: what was done, for people.
            also: further parents, for a merge.

        Returns:
            The new commit, or the present one if no table differs from it and there is no further parent.

        Raises:
            ShipwayError: SW-106 for a name that no branch may have, SW-208 if the branch is not at `expect`, SW-601
                disk full, SW-602 not writable.
        """
        check_name(branch, "a branch")
        self._expect(branch, expect)
        present = EMPTY if expect is None else self.get(expect)
        changes = {
            name: adopt(present.tables[name], snapshot) if snapshot and name in present.tables else snapshot
            for name, snapshot in tables.items()
        }
        new = present.follow(changes, message, also=[self.get(parent) for parent in also])
        if expect is not None and not also and new.tables == present.tables:
            return present
        self.catalog.move(BRANCH + branch, expect=expect, target=new.id, objects=new.objects(beside=present))
        return self.history.add(new)

    def fork(self, branch: str, *, at: str) -> None:
        """Create a branch at a commit; nothing happens if it is there already.

        Raises:
            ShipwayError: SW-106 for a name that no branch may have, SW-208 if the branch is at another commit, SW-209
                if there is no such commit.
        """
        check_name(branch, "a branch")
        self._point(BRANCH, branch, at)

    def tag(self, name: str, *, at: str) -> None:
        """Give a commit a name that never moves; nothing happens if it has it already.

        Raises:
            ShipwayError: as for `fork`.
        """
        check_name(name, "a tag")
        self._point(TAG, name, at)

    def drop(self, branch: str) -> None:
        """Forget a branch, if there is one of that name; its commits stay until they are collected."""
        self._forget(BRANCH + branch)

    def untag(self, name: str) -> None:
        """Forget a tag, if there is one of that name; its commit stays until it is collected."""
        self._forget(TAG + name)

    def show(self, name: str, *, at: str) -> None:
        """Keep a commit from collection because readers outside are shown it; twice is once.

        Raises:
            ShipwayError: SW-208 if the name is given to another commit, SW-209 if there is no such commit.
        """
        self._point(PUBLICATION, name, at)

    def hide(self, name: str) -> None:
        """Keep a commit for readers outside no longer; nothing if it was not kept."""
        self._forget(PUBLICATION + name)

    def forward(self, into: str, *, to: str, expect: str | None) -> Commit:
        """Move a branch to a commit that follows the one it is at, or is it, and return that commit.

        Raises:
            ShipwayError: SW-208 if the branch is not at `expect`, or the commit does not follow it; SW-209 if there is
                no such commit.
        """
        check_name(into, "a branch")
        self._expect(into, expect)
        target = self.get(to)
        if expect is not None and not self.history.contains(to, expect):
            fact = f"commit {to[:12]} does not contain commit {expect[:12]} of {into!r}, so it cannot be fast-forwarded"
            raise ShipwayError("SW-208", fact, f"merge {into!r} into it first")
        if to != expect:
            self.catalog.move(BRANCH + into, expect=expect, target=to)
            self._confirm(BRANCH + into, was=expect, now=to, needs=to)
        return target

    def rollback(self, branch: str, *, to: str, expect: str) -> Commit:
        """Put the tables of an earlier commit on top of a branch, as a new commit: no history is lost.

        Raises:
            ShipwayError: SW-208 if the branch is not at `expect`, SW-209 if there is no such commit.
        """
        present, earlier = self.get(expect), self.get(to)
        gone = {name: None for name in present.tables if name not in earlier.tables}
        message = f"roll back to {to[:12]}: {earlier.message}"
        new = self.commit(branch, {**earlier.tables, **gone}, expect=expect, message=message)
        if new.id != expect:
            self._confirm(BRANCH + branch, was=expect, now=new.id, needs=to)
        return new

    def log(self, name: str) -> Iterator[Commit]:
        """Yield a branch's or tag's commits, newest first, first parents only, as far back as they are kept.

        Raises:
            ShipwayError: SW-209 if nothing is called so, SW-605 if a commit was lost.
        """
        return self._ancestry(self.find(name))

    def close(self) -> None:
        """Release the catalog; closing twice does no harm."""
        self.catalog.close()

    def _ancestry(self, commit: str) -> Iterator[Commit]:
        following: str | None = commit
        while following is not None:
            found = self.get(following)
            yield found
            kept = self.history.parents_of(following)
            following = found.parents[0] if found.parents and found.parents[0] in kept else None

    def _targets(self, refs: Mapping[str, str]) -> list[str]:
        return [at for ref, at in refs.items() if not ref.startswith(CUT)]

    def _point(self, kind: str, name: str, at: str) -> None:
        self.get(at)
        there = self.catalog.head(kind + name)
        if there is None:
            try:
                self.catalog.move(kind + name, expect=None, target=at)
            except ShipwayError as refusal:
                # Somebody else may have made just this ref in between.
                if refusal.code != "SW-208" or self.catalog.head(kind + name) != at:
                    raise
            self._confirm(kind + name, was=None, now=at, needs=at)
        elif there != at:
            fact = f"{kind[:-1]} {name!r} is at {there[:12]}, not at {at[:12]}"
            raise ShipwayError("SW-208", fact, f"drop that {kind[:-1]} first, or choose another name")

    def _confirm(self, ref: str, *, was: str | None, now: str, needs: str) -> None:
        """Undo a move if a collection had let go the commit that it needs; one that ends later minds the move.

        The commit may have been seen before, and have gone since: what is in memory is there no longer for sure.
        """
        if not self.catalog.stored_at([needs]):
            self.catalog.move(ref, expect=now, target=was)
            self.history.drop(needs)
            self.get(needs)

    def _forget(self, ref: str) -> None:
        there = self.catalog.head(ref)
        if there is not None:
            self.catalog.move(ref, expect=there, target=None)

    def _expect(self, branch: str, expect: str | None) -> None:
        check_place(BRANCH + branch, expect=expect, found=self.head(branch))


def adopt(before: Snapshot, after: Snapshot) -> Snapshot:
    """Return a snapshot as the next one of a table: columns of one name keep their id, new ones get ids never used.

    An earlier version of the table keeps the ids it has. Otherwise a column whose type changed otherwise than by
    `may_promote` is a new column of the old name.
    """
    if after.schemas[: len(before.schemas)] == before.schemas:
        return after
    if before.schemas[: len(after.schemas)] == after.schemas:
        numbers = {field.id: field.id for schema in after.schemas for field in schema}
    else:
        there = {field.name: field for field in before.fields}
        numbers = {
            field.id: there[field.name].id
            for field in after.fields
            if field.name in there and may_promote(there[field.name].type, field.type)
        }
    free = count(1 + max((field.id for schema in before.schemas for field in schema), default=0))
    schemas = list(before.schemas)
    places: list[int] = []
    for schema in after.schemas:
        for field in schema:
            if field.id not in numbers:
                numbers[field.id] = next(free)
        renumbered = tuple(msgspec.structs.replace(field, id=numbers[field.id]) for field in schema)
        if renumbered not in schemas:
            schemas.append(renumbered)
        places.append(schemas.index(renumbered))
    if schemas[places[-1]] != schemas[-1]:
        # What is known already was not the last one: it is stated again, since the last one is the table's.
        schemas.append(schemas[places[-1]])
    places[-1] = len(schemas) - 1
    parts = tuple(msgspec.structs.replace(part, schema=places[part.schema]) for part in after.parts)
    return Snapshot(digest=after.digest, schemas=tuple(schemas), parts=parts)


def check_name(name: str, what: str) -> None:
    """Refuse a name that a ref cannot have; SW-106."""
    if not _NAME.fullmatch(name) or len(name) > 200:
        hint = "use letters, digits, '.', '_', '-' and '/' between them"
        raise ShipwayError("SW-106", f"{name!r} cannot be the name of {what}", hint)

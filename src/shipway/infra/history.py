"""The commits of a lakehouse and how they follow one another, read from a catalog.

No table is read here, so this loads without a frame library.
"""

import heapq
import sys
from collections.abc import Collection, Container, Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from shipway.core.error import ShipwayError
from shipway.core.table import Commit, CommitRecord, Layout, Part, Snapshot
from shipway.ports.catalog import Catalog

CUT: Final = "cut/"
"""What the ref begins with that says of a commit that it was let go with the history before it."""

_PARTS: Final[msgspec.json.Decoder[tuple[Part, ...]]] = msgspec.json.Decoder(tuple[Part, ...])
_RECORD: Final = msgspec.json.Decoder(CommitRecord)
_LAYOUT: Final = msgspec.json.Decoder(Layout)
_KEPT: Final = 256
"""How many snapshots and commits stay in memory: what is named by its content never changes."""

_RECORDS: Final = 65_536
"""How many commits' records stay in memory, without their snapshots."""

_HOLDINGS: Final = 4_096
"""Of how many layouts, and of how many runs, it stays in memory which files they name."""

_OURS, _THEIRS, _BEHIND = 1, 2, 4
"""From which sides a commit was met, and that it is behind one that was met from both."""

_BOTH: Final = _OURS | _THEIRS

_Found = TypeVar("_Found")


class Holding(NamedTuple):
    """What a stored snapshot needs to be there.

    Attributes:
        rows: the digest of its rows.
        runs: the runs of parts that its layout names.
        files: the digests of the parts after them.
    """

    rows: str
    runs: tuple[str, ...]
    files: tuple[str, ...]


class History:
    """The commits of a catalog; threads may share one instance."""

    def __init__(self, catalog: Catalog) -> None:
        """Read from a catalog."""
        self._catalog = catalog
        self._snapshots: dict[str, Snapshot] = {}
        self._commits: dict[str, Commit] = {}
        self._records: dict[str, CommitRecord] = {}
        self._holdings: dict[str, Holding] = {}
        self._runs: dict[str, tuple[str, ...]] = {}

    def get(self, commit: str) -> Commit:
        """Return a commit by id.

        Raises:
            ShipwayError: SW-209 if there is none, SW-605 if it, or what it names, is damaged or lost.
        """
        if commit in self._commits:
            return self._commits[commit]
        body = self._catalog.get([commit]).get(commit)
        if body is None:
            refs = self._catalog.refs()
            if commit in refs.values():
                raise _lost(f"commit {commit}")
            raise _unknown(commit, expired=CUT + commit in refs)
        try:
            record = _RECORD.decode(body)
        except msgspec.DecodeError as fault:
            raise _unknown(commit, expired=False) from fault
        snapshots = self._load(record.tables.values())
        tables = {name: snapshots[layout] for name, layout in record.tables.items()}
        found = Commit(parents=record.parents, tables=tables, message=record.message, depth=record.depth)
        return _keep(self._commits, commit, found)

    def add(self, commit: Commit) -> Commit:
        """Keep a commit that was just stored in memory."""
        tables = {name: snapshot.stored[0] for name, snapshot in commit.tables.items()}
        record = CommitRecord(parents=commit.parents, tables=tables, message=commit.message, depth=commit.depth)
        _keep(self._records, commit.id, record, most=_RECORDS)
        return _keep(self._commits, commit.id, commit)

    def drop(self, commit: str) -> None:
        """Keep a commit in memory no longer, because it was let go."""
        self._commits.pop(commit, None)
        self._records.pop(commit, None)

    def record(self, commit: str) -> CommitRecord:
        """Return a commit that something names as it is stored, without its tables; SW-605 where it is gone."""
        known = self._records.get(commit)
        if known is None:
            body = self._catalog.get([commit]).get(commit)
            if body is None:
                raise _lost(f"commit {commit}")
            known = _keep(self._records, commit, _decode(_RECORD, body, commit), most=_RECORDS)
        return known

    def holdings(self, layouts: Iterable[str]) -> dict[str, Holding]:
        """Return what snapshots need, by the ids of their layouts; SW-605 where a layout is gone."""
        found = {name: kept for name in layouts if (kept := self._holdings.get(name)) is not None}
        missing = [name for name in layouts if name not in found]
        for name, body in self._bodies(missing).items():
            layout: Layout = _decode(_LAYOUT, body, name)
            holding = Holding(layout.digest, layout.runs, _name_files(layout.rest))
            found[name] = _keep(self._holdings, name, holding, most=_HOLDINGS)
        return found

    def files_of(self, runs: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """Return the digests of the parts that runs consist of, by run; SW-605 where a run is gone."""
        found = {name: kept for name in runs if (kept := self._runs.get(name)) is not None}
        for name, body in self._bodies([name for name in runs if name not in found]).items():
            found[name] = _keep(self._runs, name, _name_files(_decode(_PARTS, body, name)), most=_HOLDINGS)
        return found

    def contains(self, commit: str, ancestor: str) -> bool:
        """Tell whether a commit is an ancestor of another one, or the same."""
        floor = self.record(ancestor).depth
        return any(name == ancestor for name, _ in self._walk([(commit, _OURS)], floor))

    def find_bases(self, ours: Iterable[str], theirs: Iterable[str]) -> list[str]:
        """Return the best common ancestors of two sides, farthest from the beginning first; none contains another.

        There are several where two sides took in one another's commits by merges that crossed.
        """
        starts = [*((name, _OURS) for name in ours), *((name, _THEIRS) for name in theirs)]
        return [name for name, sides in self._walk(starts, 0) if sides == _BOTH]

    def parents_of(self, commit: str, there: Container[str] | None = None) -> tuple[str, ...]:
        """Return the parents of a commit that are kept; SW-605 for one that is neither kept nor known to be let go.

        Args:
            commit: whose parents.
            there: every object of the catalog, where that is known.
        """
        parents = self.record(commit).parents
        if there is None:
            there = self._catalog.stored_at(parents) if parents else ()
        for parent in parents:
            if parent not in there and self._catalog.head(CUT + parent) is None:
                raise _lost(f"commit {parent}")
        return tuple(parent for parent in parents if parent in there)

    def commits_among(self, objects: Collection[str]) -> list[str]:
        """Return those objects of the catalog that are commits, in the order given."""
        others = [self._holdings, self._runs]
        unknown = [name for name in objects if name not in self._records and not any(name in each for each in others)]
        for name, body in self._catalog.get(unknown).items() if unknown else ():
            if (record := _read_record(body)) is not None:
                _keep(self._records, name, record, most=_RECORDS)
        return [name for name in objects if name in self._records]

    def reachable(self, starts: Iterable[str], there: Container[str] | None = None) -> Iterator[str]:
        """Yield commits and all that they follow, each once, those after others before those they follow.

        Args:
            starts: where to begin.
            there: every object of the catalog, where that is known: no parent is asked for then.
        """
        return (name for name, _ in self._walk([(start, _OURS) for start in dict.fromkeys(starts)], 0, there))

    def _walk(
        self, starts: Iterable[tuple[str, int]], floor: int, there: Container[str] | None = None
    ) -> Iterator[tuple[str, int]]:
        """Yield ancestors down to a depth, deepest first, each with the sides it was met from.

        Whatever follows a commit is deeper than it, so its sides are whole when it is yielded. What a common ancestor
        follows is `_BEHIND`, and where nothing else is left the walk ends.
        """
        sides: dict[str, int] = {}
        waiting: list[tuple[int, str]] = []
        ahead: set[str] = set()

        def meet(name: str, side: int) -> None:
            if name not in sides:
                heapq.heappush(waiting, (-self.record(name).depth, name))
                ahead.add(name)
            sides[name] = sides.get(name, 0) | side
            if sides[name] & _BEHIND:
                ahead.discard(name)

        for name, side in starts:
            meet(name, side)
        while ahead and -waiting[0][0] >= floor:
            _, name = heapq.heappop(waiting)
            ahead.discard(name)
            yield name, sides[name]
            onward = sides[name] if sides[name] & _BOTH != _BOTH else sides[name] | _BEHIND
            if ahead or not onward & _BEHIND:
                for parent in self.parents_of(name, there):
                    meet(parent, onward)

    def _load(self, layouts: Iterable[str]) -> dict[str, Snapshot]:
        """Return snapshots by the ids of their layouts: two reads of the catalog, however many there are."""
        wanted = set(layouts)
        # Looked up once: another thread may drop what is kept at any moment.
        loaded = {name: kept for name in wanted if (kept := self._snapshots.get(name)) is not None}
        missing = [name for name in wanted if name not in loaded]
        if missing:
            bodies = self._bodies(missing)
            found = {name: _decode(_LAYOUT, bodies[name], name) for name in missing}
            runs = self._bodies(list(dict.fromkeys(run for layout in found.values() for run in layout.runs)))
            for name, layout in found.items():
                parts = [part for run in layout.runs for part in _decode(_PARTS, runs[run], run)]
                snapshot = Snapshot(digest=layout.digest, schemas=layout.schemas, parts=(*parts, *layout.rest))
                loaded[name] = _keep(self._snapshots, name, snapshot)
        return loaded

    def _bodies(self, digests: Sequence[str]) -> dict[str, bytes]:
        bodies = self._catalog.get(digests) if digests else {}
        for digest in digests:
            if digest not in bodies:
                raise _lost(f"object {digest} of a commit")
        return bodies


def _keep(memory: dict[str, _Found], name: str, value: _Found, *, most: int = _KEPT) -> _Found:
    if len(memory) >= most:
        memory.pop(next(iter(memory), ""), None)
    memory[name] = value
    return value


def _decode(decoder: Any, body: bytes, name: str) -> Any:
    try:
        return decoder.decode(body)
    except msgspec.DecodeError as fault:
        fact = f"object {name} of the catalog is not what a commit names it for"
        raise ShipwayError("SW-605", fact, "restore the catalog from a backup") from fault


def _read_record(body: bytes) -> CommitRecord | None:
    try:
        return _RECORD.decode(body)
    except msgspec.DecodeError:
        return None


def _name_files(parts: Iterable[Part]) -> tuple[str, ...]:
    """Return the digests of parts; versions of a table share most of theirs, and here the texts too."""
    return tuple(sys.intern(part.digest) for part in parts)


def _lost(what: str) -> ShipwayError:
    fact = f"{what} was made and is missing from the catalog"
    return ShipwayError("SW-605", fact, "shipway run --force makes it again, or restore the catalog from a backup")


def _unknown(commit: str, *, expired: bool) -> ShipwayError:
    if expired:
        fact = f"commit {commit[:12]} was let go with its history by shipway data gc"
        return ShipwayError("SW-209", fact, "tag a commit that must stay")
    return ShipwayError("SW-209", f"there is no commit {commit!r}", "the log of a branch names its commits")

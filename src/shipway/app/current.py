"""The online store of a project while streams write to it, and the sinks through which they do.

Which store counts is said in a file, and `shipway features materialise` may put another one in its place at any time.
Whoever follows a stream looks at that file after every reading. Where it has changed, what was read is committed to the
lake, the store that it names is opened and brought up to the lake (`app/handover.py`), and the stream goes on there:
nothing falls between two stores.

One process writes at a time. Whoever does holds a lock for each write, and goes on from what the store says if somebody
else has written since.
"""

import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final, TypeVar

import polars as pl

from shipway.app.handover import (
    apply_lacking,
    code_of,
    find_followed,
    hand_over,
    hold_online,
    lateness_of,
)
from shipway.app.known import blank_tables, refuse_early
from shipway.app.online import list_sources, merge_plans, plan_sets, read_sets
from shipway.app.project import STATE_FOLDER, Project, find_project
from shipway.app.workspace import Workspace
from shipway.core.error import ShipwayError
from shipway.core.feature_set import FILE, FeatureSets
from shipway.core.online import Layout
from shipway.core.raw import Raw
from shipway.data.feeding import OnlineSink
from shipway.data.pack import PackedOnline
from shipway.data.sink import Load
from shipway.data.standing import Standing
from shipway.data.upkeep import Upkeep
from shipway.ports.online import Online, open_online

TRIM_S: Final = 600.0
"""How often what no read needs any more is dropped."""
Mark = tuple[int, int]
"""Which version there is of the file that says what is served."""
_Made = TypeVar("_Made")


class OpenStore:
    """The store that counts, open for writing; threads share it, and other processes take turns with them.

    Attributes:
        mark: of the file that named it.
        project: as its file was when the store was opened.
        users: how many threads write to it.
    """

    def __init__(self, project: Project, mark: Mark, sets: FeatureSets, workspace: Workspace) -> None:
        """Open the store that is served from.

        Args:
            project: whose.
            mark: of the file that names it.
            sets: what that says.
            workspace: of the project.

        Raises:
            ShipwayError: SW-104 for a source that is declared no more, SW-401 if no data was admitted; what opening the
                store refuses.
        """
        self.mark = mark
        self.project = project
        self.users = 0
        self.name = sets.online
        self._sets = sets.sets
        self._uri = sets.uri
        self._folder = project.root / STATE_FOLDER
        views = tuple(view for one in sets.sets.values() for view in one.views)
        self.layout = Layout(spine=sets.spine, key=(), views=views, schema=sets.schema, series=sets.series)
        self._plans = plan_sets(workspace, sets.sets)
        self._blank = blank_tables(workspace, workspace.main_commit(), self._plans)
        self._lateness_us = lateness_of(find_followed(workspace, list_sources(self.layout)))
        self._guard = threading.RLock()
        self._trimmed_s = time.monotonic()
        self._online: Online | None = None
        with self._guard, hold_online(self._folder):
            self._upkeep = self._resume()

    def standing(self, source: str) -> Standing:
        """Return how far a source's stream is."""
        with self._guard:
            return self._upkeep.standing(source)

    def apply(
        self,
        source: str,
        changes: pl.DataFrame,
        position: bytes,
        *,
        watermark_us: int | None = None,
        anew: bool = False,
    ) -> Standing:
        """Apply changes of a source's rows, as `Upkeep.apply` does."""

        def write(upkeep: Upkeep) -> Standing:
            standing = upkeep.apply(source, changes, position, watermark_us=watermark_us, anew=anew)
            if time.monotonic() - self._trimmed_s >= TRIM_S:
                self._trimmed_s = time.monotonic()
                upkeep.trim(lasting=False)
            return standing

        return self.take_turn(write)

    def catch_up(self, workspace: Workspace, raw: Raw, source: str) -> bool:
        """Bring a source up to what its stream has committed, and tell whether the store can still be the same.

        Raises:
            ShipwayError: as `hand_over`, and SW-301 for a view that reads a value before it is known.
        """

        def write(upkeep: Upkeep) -> bool:
            before = upkeep.standing(source)
            lacking = hand_over(workspace, raw, source, before.position)
            if lacking is None or before.late:
                return False
            if lacking.position == before.position:
                return True
            self.check(source, lacking.present)
            return not apply_lacking(upkeep, source, lacking).late

        return self.take_turn(write)

    def check(self, source: str, rows: pl.DataFrame) -> None:
        """Refuse rows of a source of which some feature reads a value before it is known; SW-301."""
        refuse_early(self._sets, self._plans, self._blank, {source: rows})

    def sync(self) -> None:
        """Force what was applied to the disk."""
        with self._guard:
            self._upkeep.sync()

    def close(self) -> None:
        """Close the store."""
        with self._guard:
            if self._online is not None:
                self._online.close()

    def take_turn(self, write: Callable[[Upkeep], _Made]) -> _Made:
        """Write as the only one, going on from what whoever wrote last has left."""
        with self._guard, hold_online(self._folder):
            assert self._online is not None
            if self._upkeep.written != self._online.position():
                self._upkeep = self._resume()
            try:
                return write(self._upkeep)
            except ShipwayError as error:
                if error.code != "SW-603":
                    raise
            # Some servers take only the writes of who opened the store last.
            self._upkeep = self._resume()
            return write(self._upkeep)

    def _resume(self) -> Upkeep:
        if self._online is not None:
            self._online.close()
        self._online = open_online(self._folder, self._uri, self.name)
        store = PackedOnline(self.layout, self._online)
        return Upkeep(self.layout, merge_plans(self._plans), store, lateness_us=self._lateness_us)


class CurrentStore:
    """Whichever store counts, for all threads that follow a stream of one project.

    Attributes:
        root: the project's folder.
        refilling: held by the thread that builds another store.
    """

    def __init__(self, root: Path) -> None:
        """Take note of a project's folder; nothing is opened yet."""
        self.root = root
        self.refilling = threading.Lock()
        self._guard = threading.Lock()
        self._open: OpenStore | None = None

    @property
    def mark(self) -> Mark | None:
        """Return which version there is of the file that says what is served; None where nothing is."""
        try:
            found = (self.root / STATE_FOLDER / FILE).stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns

    def take(self, mark: Mark) -> OpenStore | None:
        """Return the store of a version of the file, for a thread that will give it back; None if it cannot be read.

        Raises:
            ShipwayError: as opening it refuses, and what loading the project does.
        """
        with self._guard:
            if self._open is None or self._open.mark != mark:
                project = find_project(self.root, upward=False)
                sets = read_sets(project)
                if sets is None:
                    return None
                with closing(Workspace(project)) as workspace:
                    opened = OpenStore(project, mark, sets, workspace)
                if self._open is not None and not self._open.users:
                    self._open.close()
                self._open = opened
            self._open.users += 1
            return self._open

    def is_fed_by(self, raw: Raw) -> bool:
        """Tell whether some source of what is served follows a stream.

        Raises:
            ShipwayError: as loading the project does.
        """
        project = find_project(self.root, upward=False)
        sets = read_sets(project)
        with closing(Workspace(project)) as workspace:
            sources = [] if sets is None else list(dict.fromkeys(series.table for series in sets.series))
            there = [source for source in sources if source in project.registry.sources]
            return any(found.name == raw.name for found in find_followed(workspace, there).values())

    def give(self, store: OpenStore) -> None:
        """Give a store back; the last thread that leaves one that no longer counts closes it."""
        with self._guard:
            store.users -= 1
            if not store.users and store is not self._open:
                store.close()

    def close(self) -> None:
        """Close what is open."""
        with self._guard:
            if self._open is not None:
                self._open.close()
                self._open = None


class SteadySink:
    """A sink of an online store that never holds the lake up; it answers `Sink`.

    Once the store refuses something, or something came that changes of rows do not say, loads are passed over, so that
    the position stays where it is: the store is brought up to the lake when it is joined again.

    Attributes:
        source: which source it feeds.
        stuck: whether it takes nothing in any more.
    """

    def __init__(self, sink: OnlineSink, source: str, store: OpenStore) -> None:
        """Stand before the sink of a source."""
        self.source = source
        self.stuck = False
        self._sink = sink
        self._store = store
        self._late = store.standing(source).late

    @property
    def late(self) -> int:
        """Return how many changes the store has refused since this began, for reaching further back than it does."""
        return self._store.standing(self.source).late - self._late

    def position(self) -> bytes | None:
        """Return how far the stream is in the store."""
        return self._sink.position()

    def apply(self, load: Load, position: bytes) -> None:
        """Apply a load, unless something stands in the way."""
        self.stuck = self.stuck or load.anew or any(changes.emptied for changes in load.changes)
        if self.stuck:
            return
        try:
            self._sink.apply(load, position)
        except ShipwayError:
            # It is met again, and told, when the store is brought up to the lake.
            self.stuck = True

    def sync(self) -> None:
        """Force the store to the disk."""
        self._sink.sync()


def join_store(store: OpenStore, raw: Raw) -> list[SteadySink] | None:
    """Bring what a store has of a stream up to the lake, and return a sink for each source that follows it.

    None where the store has to be built anew.

    Raises:
        ShipwayError: as `OpenStore.catch_up`.
    """
    workspace = Workspace(store.project)
    sinks: list[SteadySink] = []
    try:
        for name, found in find_followed(workspace, list_sources(store.layout)).items():
            if found.name != raw.name:
                continue
            if not store.catch_up(workspace, found, name):
                return None
            registry = workspace.project.registry
            source, function = registry.sources[name], registry.function("source", name)
            code = code_of(workspace, source)
            sink = OnlineSink(store, raw, source, function, code=code, check=store.check)
            sinks.append(SteadySink(sink, name, store))
        return sinks
    finally:
        workspace.close()

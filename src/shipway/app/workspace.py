"""A project's state on disk, opened through adapters; what is heavy is opened on first use."""

import getpass
import os
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from shipway.app.project import STATE_FOLDER, Project
from shipway.core.body import Body, make_draft
from shipway.core.error import ShipwayError
from shipway.core.projection import LAYOUT, State, fold
from shipway.core.raw import Raw
from shipway.core.table import MAIN, Commit, Snapshot
from shipway.kit.canonical import canonical_json, digest_bytes
from shipway.kit.file import hold_lock, lock_holder, write_atomic
from shipway.kit.suggestion import did_you_mean
from shipway.ports.adapter import BUILT_IN, load_adapter
from shipway.ports.blobs import Blobs, open_blobs
from shipway.ports.catalog import Catalog
from shipway.ports.clock import Clock, Stopwatch
from shipway.ports.ledger import Ledger

if TYPE_CHECKING:
    from shipway.infra.lake import Lake
    from shipway.ports.log import Log
    from shipway.ports.reader import Reader

_HINT = "shipway run ingests, checks and admits it"


class Workspace:
    """Everything a use case needs of the world for one project.

    Attributes:
        project: whose state it is.
        folder: where it is kept, `.shipway` in the project's folder.
        clock: real time, for entries of the ledger.
        stopwatch: real time, for durations.
    """

    def __init__(self, project: Project) -> None:
        """Open the state of a project; nothing is written before something is remembered."""
        self.project = project
        self.folder = project.root / STATE_FOLDER
        self.clock: Clock = load_adapter("clock.system")()
        self.stopwatch: Stopwatch = load_adapter("stopwatch.system")()
        self._state: State | None = None

    @property
    def exists(self) -> bool:
        """Tell whether anything was ever remembered."""
        return (self.folder / "ledger.db").exists()

    @property
    def has_data(self) -> bool:
        """Tell whether any data was ever committed, without making a place for it."""
        return bool(self.project.config.storage.catalog) or (self.folder / "catalog.db").exists()

    @cached_property
    def ledger(self) -> Ledger:
        """Return the project's ledger."""
        anchor = self.folder / "ledger.anchor"
        return load_adapter("ledger.sqlite")(self.folder / "ledger.db", clock=self.clock, anchor=anchor)

    @cached_property
    def blobs(self) -> Blobs:
        """Return the store of everything that was made."""
        return open_blobs(self.folder, self.project.config.storage.files)

    @cached_property
    def catalog(self) -> Catalog:
        """Return the history of the project's data: commits and the refs that point at them."""
        if address := self.project.config.storage.catalog:
            return load_adapter("catalog.postgres")(address, clock=self.clock)
        return load_adapter("catalog.sqlite")(self.folder / "catalog.db", clock=self.clock)

    @cached_property
    def tables(self) -> "Lake":
        """Return the project's tables and branches."""
        from shipway.infra.lake import Lake

        return Lake(self.blobs, self.catalog)

    def reader(self, raw: Raw) -> "Reader":
        """Return what reads a raw input.

        Raises:
            ShipwayError: SW-201 for a kind of address nobody reads, SW-701 if the library it needs is not installed.
        """
        try:
            kind = load_adapter(f"reader.{raw.scheme}")
        except ShipwayError as error:
            if error.code != "SW-702":
                raise
            kinds = [name.removeprefix("reader.") for name in BUILT_IN if name.startswith("reader.")]
            fact = f"raw input {raw.name!r} is at an address of kind {raw.scheme!r}, which nothing reads"
            raise ShipwayError("SW-201", fact, did_you_mean(raw.scheme, kinds, most=len(kinds))) from error
        return kind(self.project.root, inbox=self.folder / "inbox")

    def open_log(self, service: str) -> "Log":
        """Return the prediction log of a service."""
        return load_adapter("log.parquet")(self.folder / "log" / service)

    @cached_property
    def actor(self) -> str:
        """Return who acts, for the ledger."""
        try:
            return getpass.getuser()
        except (KeyError, OSError):
            return f"uid {os.getuid()}"

    @property
    def now(self) -> int:
        """Return the domain time of a run: the project's own, or the clock's."""
        at = self.project.config.project.at
        return self.clock.now() if at is None else self.project.instant(at)

    def state(self) -> State:
        """Return the projection of the ledger as it stands, folding only what is new since the last time.

        The folded state is kept beside the ledger. It is verified by its digest, and by that of the last entry folded
        into it; a missing, damaged or older one, and one of another history, is rebuilt.
        """
        if self._state is None:
            self._state = self._stored_state()
        before = self._state.seq
        fold(self._state, self.ledger.read(after=before))
        return self._state

    def peek(self) -> State:
        """Return the state for a reader: an empty one where nothing was ever remembered, and nothing is created."""
        return self.state() if self.exists else State()

    def main_commit(self) -> Commit:
        """Return the data of the main branch; SW-401 if no verdict has let any onto it yet."""
        head = self.tables.head(MAIN) if self.exists else None
        if head is None:
            raise ShipwayError("SW-401", "no data has passed its gate yet", _HINT)
        return self.tables.get(head)

    def admitted(self, tables: Iterable[str], commit: Commit | None = None) -> dict[str, Snapshot]:
        """Return the snapshots of these tables in a commit, by default that of main; SW-401 if one is not there.

        To read data is not to train on it: that asks for a verdict (`app.ingest.open_data`).
        """
        there = (commit or self.main_commit()).tables
        wanted = list(tables)
        for table in wanted:
            if table not in there:
                raise ShipwayError("SW-401", f"no data of source {table!r} has passed its gate yet", _HINT)
        return {table: there[table] for table in wanted}

    def remember(self, *bodies: tuple[str, Body]) -> State:
        """Append bodies, each with its subject, as one step, and return the state they lead to."""
        drafts = [make_draft(body, subject=subject, actor=self.actor) for subject, body in bodies]
        self.ledger.append(drafts)
        return self.state()

    def store_state(self) -> None:
        """Keep the folded state for the next process; losing it costs time, nothing else."""
        if self._state is not None:
            content = canonical_json(self._state)
            write_atomic(self._projection, digest_bytes(content).encode() + b"\n" + content)

    def rebuild_state(self) -> State:
        """Drop the projection and fold the whole ledger again."""
        self._state = State()
        return self.state()

    @contextmanager
    def hold(self, name: str = "run.lock") -> Generator[None]:
        """Keep other runs of the project out for the time of the block.

        Args:
            name: the file that is locked; work that does not get in the way of runs has one of its own.

        Raises:
            ShipwayError: SW-603 if another process runs, naming it; SW-602 if the folder cannot be written.
        """
        lock = self.folder / name
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            holding = hold_lock(lock, wait=False)
            holding.__enter__()
        except BlockingIOError as error:
            holder = lock_holder(lock)
            who = f"process {holder}" if holder else "another process"
            raise ShipwayError(
                "SW-603", f"{who} is running {self.project.config.project.name}", "wait for it to end, or stop it"
            ) from error
        except OSError as error:
            raise ShipwayError(
                "SW-602",
                f"{self.folder} cannot be written: {error.strerror}",
                "give this user the right to write there",
            ) from error
        try:
            yield
        finally:
            holding.__exit__(None, None, None)

    def scratch(self, name: str) -> Path:
        """Return a path for a file that is on its way into the blob store."""
        folder = self.folder / "scratch"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{os.getpid()}-{name}"

    def close(self) -> None:
        """Release what was opened."""
        if "ledger" in self.__dict__:
            self.ledger.close()
        if "catalog" in self.__dict__:
            self.catalog.close()

    @property
    def _projection(self) -> Path:
        return self.folder / "projection.json"

    def _stored_state(self) -> State:
        try:
            digest, _, content = self._projection.read_bytes().partition(b"\n")
            if digest_bytes(content).encode() != digest:
                return State()
            state = msgspec.json.decode(content, type=State)
        except (OSError, msgspec.MsgspecError):
            return State()
        return state if state.layout == LAYOUT and self._remembers(state) else State()

    def _remembers(self, state: State) -> bool:
        """Tell whether the ledger has the history folded into a state: it may have been put back to another."""
        last = next(iter(self.ledger.read(after=state.seq - 1)), None) if state.seq else None
        return state.seq == 0 or (last is not None and (last.seq, last.digest) == (state.seq, state.head))

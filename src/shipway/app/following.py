"""Following streams: what changes in raw inputs goes into the lake and the online store until somebody stops it."""

import signal
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from types import FrameType
from typing import Final

from shipway.app.count import write_plural
from shipway.app.current import CurrentStore
from shipway.app.intake import load_contract, store_contract
from shipway.app.joining import Joined
from shipway.app.progress import Event, Watch, ignore
from shipway.app.project import Project
from shipway.app.stream import find_streams
from shipway.app.workspace import Workspace
from shipway.core.contract import Contract, write_contract
from shipway.core.error import ShipwayError
from shipway.core.raw import STREAMS, Raw
from shipway.data.consumer import Consumer, Outlet
from shipway.data.polling import Polling
from shipway.data.sink import LakeSink, Tally, branch_of
from shipway.kit.file import hold_lock, lock_holder, make_folder
from shipway.kit.suggestion import did_you_mean
from shipway.ports.adapter import BUILT_IN, load_adapter
from shipway.ports.changes import Changes

LOCK: Final = "stream.lock"
ONLINE_S: Final = 0.2
"""How long changes may wait until they are in the online store."""
LAKE_S: Final = 1.0
"""How long changes may wait until they are committed to the lake."""
WAIT_S: Final = 0.25
"""How long one look at a source may take where nothing comes."""
TELL_S: Final = 10.0
"""How often a stream says where it stands."""
PATIENCE_S: Final = (0.5, 30.0)
"""How long after a source was not reached it is tried again, first and at most."""


def run_streams(
    project: Project, names: Sequence[str] = (), *, once: bool = False, anew: bool = False, watch: Watch = ignore
) -> None:
    """Follow a project's streams, each in a thread of its own, until SIGTERM or SIGINT, or until one of them fails.

    What was read is committed before this returns. A source that cannot be reached is tried again.

    Args:
        project: whose.
        names: only these streams; all where empty.
        once: end once every source has nothing more.
        anew: forget what was taken, and begin with everything the source has.
        watch: told what happens.

    Raises:
        ShipwayError: SW-104 if there is no such stream, SW-603 if another process follows them, SW-225 if too many
            records were put aside; what a source, a contract or the lake refuses.
    """
    raws = find_streams(project, names)
    stop, failures = threading.Event(), list[BaseException]()
    with hold_streams(project), _stopped_by_signals(stop), closing(CurrentStore(project.root)) as current:
        each = [_Following(raw, once, stop, watch, current) for raw in raws]
        threads = [
            threading.Thread(target=partial(_run, project, one, anew, failures), name=one.raw.name) for one in each
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            # A wait without an end would keep signals from being seen.
            while thread.is_alive():
                thread.join(0.2)
    if failures:
        raise failures[0]


def open_changes(workspace: Workspace, raw: Raw) -> Changes:
    """Return what follows the source of a raw input: by its watermark where it has one and can be read, or as it comes.

    Raises:
        ShipwayError: SW-201 for a kind of address that nothing follows, SW-701 if the library it needs is not
            installed.
    """
    if raw.watermark and raw.scheme not in (*STREAMS, "file"):
        return Polling(raw, workspace.reader(raw))
    try:
        kind = load_adapter(f"changes.{raw.scheme}")
    except ShipwayError as error:
        if error.code != "SW-702":
            raise
        kinds = [name.removeprefix("changes.") for name in BUILT_IN if name.startswith("changes.")]
        fact = f"raw input {raw.name!r} is at an address of kind {raw.scheme!r}, which nothing follows"
        raise ShipwayError("SW-201", fact, did_you_mean(raw.scheme, kinds, most=len(kinds))) from error
    return kind(raw, workspace.project.root)


@contextmanager
def hold_streams(project: Project) -> Generator[None]:
    """Be the only process that follows a project's streams for the time of the block; SW-603 if another one is."""
    folder = Workspace(project).folder
    make_folder(folder)
    with ExitStack() as held:
        try:
            held.enter_context(hold_lock(folder / LOCK, wait=False))
        except BlockingIOError as error:
            who = f"process {holder}" if (holder := lock_holder(folder / LOCK)) else "another process"
            fact = f"{who} follows the streams of {project.config.project.name}"
            raise ShipwayError("SW-603", fact, "wait for it to end, or stop it") from error
        yield


@dataclass(frozen=True, slots=True)
class _Following:
    """One stream on its way, and what its thread shares with the others.

    Attributes:
        raw: the stream.
        once: whether it ends once its source has nothing more.
        stop: set when it is to end.
        watch: told what happens.
        current: the online store.
    """

    raw: Raw
    once: bool
    stop: threading.Event
    watch: Watch
    current: CurrentStore

    def tell(self, said: str) -> None:
        """Tell who watches."""
        self.watch(Event(stage="note", step=f"stream {self.raw.name}", said=said))


def _run(project: Project, one: _Following, anew: bool, failures: list[BaseException]) -> None:
    """Follow one stream; what goes wrong is kept, and stops the others."""
    wait_s = PATIENCE_S[0]
    try:
        with closing(Workspace(project)) as workspace:
            if anew:
                workspace.tables.drop(branch_of(one.raw.name))
            while True:
                try:
                    return _follow(workspace, one)
                except ShipwayError as error:
                    if error.code != "SW-607" or one.once or one.stop.is_set():
                        raise
                    one.tell(f"{error.fact}; it is tried again")
                    one.stop.wait(wait_s)
                    wait_s = min(2 * wait_s, PATIENCE_S[1])
    except BaseException as error:  # noqa: BLE001 - it is raised again where somebody waits for it
        failures.append(error)
        one.stop.set()


def _follow(workspace: Workspace, one: _Following) -> None:
    """Follow a stream into the lake and whatever store counts, until it is to end."""
    lake, joined = LakeSink(workspace.tables, one.raw), Joined(one.current, one.raw, one.tell)
    told_s = time.monotonic()
    with closing(open_changes(workspace, one.raw)) as source, closing(joined):
        while True:
            joined.begin(lake)
            consumer = _consume(workspace.project, one.raw, source, lake, joined)
            drained = False
            while not (one.stop.is_set() or drained or joined.is_over(consumer, lake)):
                came = consumer.step(wait_s=0 if one.once else WAIT_S)
                drained = one.once and not came and consumer.drained
                if time.monotonic() - told_s >= TELL_S:
                    told_s = time.monotonic()
                    one.tell(say_tally(consumer.tally))
            consumer.flush()
            if one.stop.is_set() or (drained and not joined.is_over(consumer, lake, ending=True)):
                break
        one.tell(say_tally(consumer.tally))
        if one.once:
            joined.refuse()


def _consume(project: Project, raw: Raw, source: Changes, lake: LakeSink, joined: Joined) -> Consumer:
    outlets = [Outlet(lake, LAKE_S), *(Outlet(sink, ONLINE_S) for sink in joined.sinks)]
    contract = load_contract(project, raw)
    return Consumer(raw, source, outlets, contract=contract, tally=lake.tally, learned=_store(project, raw))


def say_tally(tally: Tally) -> str:
    """Return what a stream came to, in words."""
    said = write_plural(tally.changes, "change")
    said += f", {write_plural(tally.late, 'late event')}" if tally.late else ""
    return said + (f", {write_plural(tally.dead, 'dead letter')}" if tally.dead else "")


def _store(project: Project, raw: Raw) -> Callable[[Contract], None]:
    def store(contract: Contract) -> None:
        store_contract(project, raw, write_contract(raw.name, contract, head=f"the first records of {raw.uri}"))

    return store


@contextmanager
def _stopped_by_signals(stop: threading.Event) -> Generator[None]:
    """Let SIGTERM and SIGINT stop what goes on, once it is committed; only the main thread may say so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        del number, frame
        stop.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

"""Replays: a service lives through recorded history, request by request, as it would have been lived."""

import sys
import time
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import msgspec

from shipway.app.progress import Watch, ignore
from shipway.app.project import Project
from shipway.app.replay.clock import (
    ReplayClock,
    last_tick,
    list_ticks,
    read_clock,
    read_reconciled,
    replay_folder,
    write_clock,
)
from shipway.app.replay.driver import Driver
from shipway.app.replay.history import History
from shipway.app.replay.process import Child
from shipway.app.replay.report import Latency, ReplayReport, read_report, write_report
from shipway.app.replay.server import Server
from shipway.app.replay.store import Stores
from shipway.app.run import refuse_damage
from shipway.app.workspace import Workspace
from shipway.core.config import ReplaySection
from shipway.core.error import ShipwayError
from shipway.kit.file import hold_lock, lock_holder, make_folder

__all__ = ["Latency", "ReplayReport", "run_replay"]

LOCK: Final = "driver.lock"
ORPHAN_S: Final = 20.0
"""How long the server of a driver that was killed may take to end."""
_POLL_S: Final = 0.02
_PYTHON: Final = (sys.executable, "-P", "-m")
"""How a module of ours is run; without the working folder, whose files may be called like somebody's modules."""
_AFRESH: Final = "the ledger forgets nothing: copy the project without .shipway, and replay the copy"


def run_replay(
    project: Project,
    *,
    watch: Watch = ignore,
    server: Sequence[str] | None = None,
    controller: Sequence[str] | None = None,
) -> ReplayReport:
    """Let a service live through the history that [replay] names, or go on where that was stopped.

    Killing this process, the server or the controller at any point changes nothing in what is predicted and decided:
    the same call continues from the last tick. A replay that is over is only reported.

    Args:
        project: whose service.
        watch: told how it goes.
        server: the command that answers; shipway's own where None.
        controller: the command that decides at ticks; shipway's own where None.

    Raises:
        ShipwayError: SW-603 while another process drives it or serves the project, SW-805 if it cannot go on, SW-401
            without data, SW-604 for a damaged ledger, SW-605 for a damaged position.
    """
    section = project.config.replay
    if section is None:
        raise ShipwayError(
            "SW-102",
            "shipway.toml has no [replay]",
            "add one with service and period, such as [2013-07-01, 2014-01-01]",
        )
    with closing(Workspace(project)) as workspace:
        folder = replay_folder(workspace)
        with _hold(workspace, folder):
            refuse_damage(workspace)
            report = read_report(folder)
            if report is not None:
                return report
            clock = _take_clock(workspace, section, folder)
            children = (
                Child("server", server or _serve(workspace), folder / "server.txt"),
                Child("controller", controller or _control(project), folder / "controller.txt"),
            )
            return _drive(workspace, section, folder, clock, watch, *children)


def _drive(
    workspace: Workspace,
    section: ReplaySection,
    folder: Path,
    clock: ReplayClock,
    watch: Watch,
    server: Child,
    controller: Child,
) -> ReplayReport:
    project = workspace.project
    service, zone = project.config.services[section.service], project.config.project.timezone
    history = History(workspace, project.registry.models[service.model], (clock.start, clock.end))
    ticks = list_ticks(clock.start, clock.end, service.tick_us, zone)
    ticks.append(last_tick(clock.end, history.find_last_label(), zone))
    _await_orphan(workspace, workspace.folder / "serving" / "server.lock")
    driver = Driver(
        workspace,
        section.service,
        folder=folder,
        history=history,
        stores=Stores(workspace.folder, history.make_feed, uri=project.config.online.uri),
        server=Server(server, workspace.folder),
        controller=controller,
        ticks=ticks,
        clock=clock,
        watch=watch,
    )
    report = driver.run()
    write_report(folder, report)
    write_clock(folder, driver.clock(done=True))
    return report


def _serve(workspace: Workspace) -> list[str]:
    config = workspace.project.config
    files, online = config.storage.files, config.online.uri
    return [
        sys.executable,
        "-P",
        "-m",
        "shipway.serving",
        "--state",
        str(workspace.folder),
        "--replay",
        "--watch-stdin",
        *(("--files", files) if files else ()),
        *(("--online", online) if online else ()),
        *(("--unpickle",) if config.security.unpickle else ()),
        *(word for key in workspace.project.signers for word in ("--signer", str(key))),
    ]


def _control(project: Project) -> list[str]:
    return [sys.executable, "-P", "-m", "shipway.app.control", "--project", str(project.root), "--watch-stdin"]


def _take_clock(workspace: Workspace, section: ReplaySection, folder: Path) -> ReplayClock:
    """Return where a replay stands, at the start of its period if it is new; SW-805 for one that cannot go on."""
    project = workspace.project
    start, end = (project.instant(moment) for moment in section.period)
    clock = read_clock(folder)
    if clock is None:
        _refuse_beginning(workspace, section, start)
        clock = ReplayClock(position=start, start=start, end=end)
    elif (clock.start, clock.end) != (start, end):
        raise ShipwayError("SW-805", "shipway.toml names another period than the replay that has begun", _AFRESH)
    elif (read_reconciled(folder) or start) > clock.position:
        raise ShipwayError("SW-805", "the controller has decided about later days than were replayed", _AFRESH)
    elif not clock.done:
        restarts = {**clock.tally.restarts, "driver": clock.tally.restarts.get("driver", 0) + 1}
        clock = msgspec.structs.replace(clock, tally=msgspec.structs.replace(clock.tally, restarts=restarts))
    write_clock(folder, clock)
    return clock


def _refuse_beginning(workspace: Workspace, section: ReplaySection, start: int) -> None:
    """Refuse to begin a replay of a service that has lived already, or of a model that nothing answers with yet."""
    state, model = workspace.state(), workspace.project.config.services[section.service].model
    if section.service in state.services:
        raise ShipwayError("SW-805", f"service {section.service!r} was opened before, and not by this replay", _AFRESH)
    if not any(version.bundle is not None and version.cut <= start for version in state.models.get(model, [])):
        raise ShipwayError(
            "SW-805",
            f"{model!r} has no registered version that learned from nothing later than the replay's first day",
            "give it a cut no later than that, and run it: shipway run",
        )


@contextmanager
def _hold(workspace: Workspace, folder: Path) -> Generator[None]:
    """Be the only driver of a project for the time of the block; SW-603 if another process is."""
    path = folder / LOCK
    try:
        make_folder(folder)
        holding = hold_lock(path, wait=False)
        holding.__enter__()
    except BlockingIOError as error:
        raise _in_use(workspace, path, "replays") from error
    except OSError as error:
        hint = "give this user the right to write there"
        raise ShipwayError("SW-602", f"{folder} cannot be written: {error.strerror}", hint) from error
    try:
        yield
    finally:
        holding.__exit__(None, None, None)


def _await_orphan(workspace: Workspace, path: Path) -> None:
    """Wait for the server of a driver that was killed to end; SW-603 if it is somebody else's, and does not."""
    make_folder(path.parent)
    until = time.monotonic() + ORPHAN_S
    while True:
        try:
            with hold_lock(path, wait=False):
                return
        except BlockingIOError as error:
            if time.monotonic() > until:
                raise _in_use(workspace, path, "serves") from error
        time.sleep(_POLL_S)


def _in_use(workspace: Workspace, lock: Path, what: str) -> ShipwayError:
    holder = lock_holder(lock)
    who = f"process {holder}" if holder else "another process"
    return ShipwayError(
        "SW-603", f"{who} {what} {workspace.project.config.project.name}", "wait for it to end, or stop it"
    )

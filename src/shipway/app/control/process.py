"""The controller as a process: it holds the lease, follows the domain time, and ends when it is asked to."""

import os
import threading
from collections.abc import Generator
from contextlib import ExitStack, closing, contextmanager
from typing import Final

from shipway.app.control.clock import domain_now, replay_clock
from shipway.app.control.controller import reconcile
from shipway.app.control.instrument import Controller, Retrain
from shipway.app.control.measurement import LogInstruments
from shipway.app.progress import Event, Watch, ignore
from shipway.app.project import Project
from shipway.app.replay.clock import replay_folder, write_reconciled
from shipway.app.run import refuse_damage
from shipway.app.workspace import Workspace
from shipway.core.error import ShipwayError
from shipway.core.projection import RetrainState, ServiceState
from shipway.kit.duration import SECOND
from shipway.kit.file import hold_lock, lock_holder, make_folder
from shipway.ports.adapter import load_adapter

LOCK: Final = "control.lock"
POLL_S: Final = 0.005
"""How often a replay's position is looked at."""
LEASE_S: Final = 0.05
"""How often a lease that another process holds is asked for."""
PATIENCE_S: Final = 0.2
"""How long after nobody answered for the traffic it is tried again."""


def run_controller(
    project: Project,
    *,
    retrain: Retrain | None = None,
    once: bool = False,
    wait: bool = False,
    stop: threading.Event | None = None,
    watch: Watch = ignore,
) -> None:
    """Reconcile a project's services until it is stopped, at every tick of the domain time.

    Args:
        project: whose services.
        retrain: makes a new version where one is asked for; `retrain_service` where None.
        once: only at the present instant, then end.
        wait: whether to wait for another controller to end.
        stop: ends it, after the step that it is in.
        watch: told what happens.

    Raises:
        ShipwayError: SW-104 for a project without a service, SW-604 for a damaged ledger, SW-603 while another
            controller runs and nobody waits; what `reconcile` raises, but for a server that does not answer, which is
            waited for.
    """
    if not project.config.services:
        hint = "add a [services.NAME] section with the model that answers"
        raise ShipwayError("SW-104", "shipway.toml configures no service", hint)
    stop = stop or threading.Event()
    with closing(Workspace(project)) as workspace, hold_lease(workspace, wait=wait, stop=stop):
        if not stop.is_set():
            refuse_damage(workspace)
            _follow(workspace, retrain or retrain_service, watch, stop, once=once)


def retrain_service(workspace: Workspace, service: ServiceState, asked: RetrainState, watch: Watch) -> None:
    """Make a new version as `shipway.app.retrain` does; loaded now and not before, because it brings training along."""
    from shipway.app.retrain import retrain

    retrain(workspace, service, asked, watch)


@contextmanager
def hold_lease(workspace: Workspace, *, wait: bool, stop: threading.Event) -> Generator[None]:
    """Be the only controller of a project for the time of the block; where it is stopped first, the block runs without.

    Raises:
        ShipwayError: SW-603 if another process is, and nobody waits for its end.
    """
    make_folder(workspace.folder)
    path = workspace.folder / LOCK
    with ExitStack() as held:
        while not stop.is_set():
            try:
                held.enter_context(hold_lock(path, wait=False))
                break
            except BlockingIOError as error:
                if not wait:
                    holder = lock_holder(path)
                    who = f"process {holder}" if holder else "another process"
                    name = workspace.project.config.project.name
                    raise ShipwayError("SW-603", f"{who} controls {name}", "wait for it to end, or stop it") from error
                stop.wait(LEASE_S)
        yield


def watch_input(stop: threading.Event) -> None:
    """Stop when standard input ends: whoever started this process is gone, or lets it go."""

    def read() -> None:
        while os.read(0, 4096):
            pass
        stop.set()

    threading.Thread(target=read, name="input", daemon=True).start()


def _follow(workspace: Workspace, retrain: Retrain, watch: Watch, stop: threading.Event, *, once: bool) -> None:
    """Reconcile at each position of a replay that has begun, otherwise at each tick of the clock."""
    config = workspace.project.config
    tick_s = min(section.tick_us for section in config.services.values()) / SECOND
    replaying = replay_clock(workspace) is not None
    controller = Controller(
        workspace=workspace,
        traffic=load_adapter("traffic.http")(workspace.folder),
        instruments=LogInstruments(workspace),
        retrain=retrain,
        replaying=replaying,
        watch=watch,
    )
    reconciled, stored, told = None, 0, False
    while not stop.is_set():
        now, wait_s = domain_now(workspace) if replaying else workspace.clock.now(), POLL_S if replaying else tick_s
        if now != reconciled:
            try:
                reconcile(controller, now)
            except ShipwayError as error:
                if error.code != "SW-801" or once:
                    raise
                if not told:
                    watch(Event(stage="note", step="traffic", said=f"{error.fact}; it is tried again"))
                told, wait_s = True, PATIENCE_S
            else:
                reconciled, told = now, False
                if workspace.peek().seq != stored:
                    workspace.store_state()
                    stored = workspace.peek().seq
                if replaying:
                    write_reconciled(replay_folder(workspace), now)
                if once:
                    return
        stop.wait(wait_s)

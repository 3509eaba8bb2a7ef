"""What begins where nothing walks: a service, the next release, and the drill of a replay."""

from collections.abc import Callable, Sequence

from shipway.app.control.instrument import Controller, tell, tell_once
from shipway.app.promise import find_missing
from shipway.app.release import (
    is_ready,
    model_section_of,
    next_versions,
    open_service,
    release_feed,
    say_odd,
    section_of,
    start_release,
)
from shipway.core.caller import ODD_HINT
from shipway.core.error import ShipwayError
from shipway.core.projection import ServiceState, State, VersionState


def _carry_out(controller: Controller, decision: Callable[[], object], seq: int) -> bool:
    """Do what was decided on a state, and tell whether it was done.

    A person may have decided in the same instant: let another version walk, or retired this one. What is refused for
    that is no failure of a controller, whose next look at the state decides anew.

    Args:
        controller: what it needs of the world.
        decision: what to do.
        seq: the place in the ledger up to which the state was known.
    """
    try:
        decision()
    except ShipwayError:
        if controller.workspace.peek().seq == seq:
            raise
        return False
    return True


def begin_service(controller: Controller, state: State, name: str, now: int) -> bool:
    """Open a service with a version of its model, if there is one yet that learned from nothing later than now."""
    seq, model = state.seq, section_of(controller.workspace, name).model
    asked = model_section_of(controller.workspace, model)
    ready = [v for v in state.models.get(model, []) if is_ready(v, asked) and v.cut <= now]
    ready = _pass_gates(controller, state, name, ready)
    if not ready:
        return False
    version = ready[0 if controller.replaying else -1]
    if _carry_out(controller, lambda: open_service(controller.workspace, name, version.number, now), seq):
        tell(controller, name, f"opened with version {version.number}")
    return True


def begin_release(controller: Controller, state: State, service: ServiceState, now: int) -> bool:
    """Release the newest version never tried that callers can read and that the gates before traffic let pass."""
    seq = state.seq
    versions = next_versions(state, service, now, model_section_of(controller.workspace, service.model))
    readable = [version for version in versions if not _is_odd(controller, state, service, version)]
    ready = _pass_gates(controller, state, service.name, readable)
    if not ready:
        return False
    version = ready[-1]
    if _carry_out(controller, lambda: start_release(controller.workspace, service.name, version.number, now), seq):
        tell(controller, service.name, f"version {version.number} begins its walk")
    return True


def _is_odd(controller: Controller, state: State, service: ServiceState, version: VersionState) -> bool:
    """Tell whether a version says less than callers of a service know; such a one is passed over, and told of once."""
    odd = say_odd(controller.workspace, state, service, version)
    if odd:
        said = f"version {version.number} is passed over: it {odd}; {ODD_HINT}"
        tell_once(controller, service.name, version.ref, odd, said)
    return bool(odd)


def _pass_gates(
    controller: Controller, state: State, name: str, versions: Sequence[VersionState]
) -> list[VersionState]:
    """Return the versions that the gates before traffic let pass; what the newest waits for is told once."""
    found = [(version, find_missing(controller.workspace, state, version)) for version in versions]
    if found and (missing := found[-1][1]) is not None:
        version = found[-1][0]
        asks = f"shipway load gate {version.ref} puts it under load and asks it"
        said = f"version {version.number} waits for gate {missing.gate!r} before traffic: {missing.reason}; {asks}"
        tell_once(controller, name, version.ref, missing.gate, said)
    return [version for version, missing in found if missing is None]


def begin_drill(controller: Controller, service: ServiceState, now: int) -> bool:
    """Release the stable version on a feed that runs late, once, where the replay asks for it.

    Nothing but the feed is arranged: what becomes of it is left to the gates.
    """
    replay = controller.workspace.project.config.replay
    promoted = any(release.outcome == "promoted" for release in service.releases)
    if not controller.replaying or replay is None or replay.service != service.name or not (replay.stale and promoted):
        return False
    ending = f"~{replay.stale}"
    if any(release.candidate.online.endswith(ending) for release in service.releases):
        return False
    feed, seq = f"{service.stable.online}{ending}", controller.workspace.peek().seq
    try:
        if not _carry_out(controller, lambda: release_feed(controller.workspace, service.name, now, feed), seq):
            return True
    except ShipwayError as error:
        if error.code not in ("SW-603", "SW-406"):
            raise
        tell(controller, service.name, f"the release on a late feed waits: {error.fact}")
        return False
    tell(controller, service.name, f"the stable version begins a walk on a feed that is {replay.stale} late")
    return True

"""The reconciler: from the state of the ledger and a domain time to the one next step, until there is none.

Each step is one append, chosen from the state alone and in a fixed order, so that a controller that was killed at any
point comes to the same steps as one that was not. What moves traffic is read from the ledger afterwards: a routing is
the consequence of an entry, never the other way round.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import msgspec

from shipway.app.control.decision import is_due, judge_live, judge_step, live_gates, step_gates
from shipway.app.progress import Event, Watch, ignore
from shipway.app.promise import find_missing
from shipway.app.release import (
    Remembered,
    deciding,
    is_ready,
    manifest_of,
    model_section_of,
    next_versions,
    open_service,
    release_feed,
    say_odd,
    section_of,
    start_release,
    take_back,
)
from shipway.app.workspace import Workspace
from shipway.core.body import ReleaseMoved, RetrainAsked, VerdictGiven
from shipway.core.bundle import Manifest
from shipway.core.caller import ODD_HINT, find_odd_score
from shipway.core.check import Check, Evidence
from shipway.core.conclusion import hold_walk
from shipway.core.error import ShipwayError
from shipway.core.gate import checks_of
from shipway.core.label import LabelKind
from shipway.core.projection import RetrainState, ServiceState, State, VersionState
from shipway.core.release import Release
from shipway.core.service import Terms
from shipway.core.trial import Trial
from shipway.ports.traffic import Traffic

UNSERVABLE: Final = ("SW-502", "SW-605", "SW-606", "SW-802")
"""What a server says of a version that it cannot load, or that it will not put beside the stable one."""


class Instruments(Protocol):
    """What measures a service; all of it is a function of the log, the labels and the domain time."""

    def measure_step(
        self, service: ServiceState, release: Release, checks: Sequence[Check], now: int
    ) -> dict[str, Evidence]:
        """Measure checks on the present step of a release; the evidence is about `release.subject`."""
        ...

    def measure_live(self, service: ServiceState, checks: Sequence[Check], now: int) -> dict[str, Evidence]:
        """Measure checks on what a service answered lately; the evidence is about `service.subject`."""
        ...


class Retrain(Protocol):
    """What follows where a retrain is asked for."""

    def __call__(self, workspace: Workspace, service: ServiceState, asked: RetrainState, watch: Watch) -> None:
        """Make a version as of `asked.asked_at`, let its gates decide, and remember `RetrainEnded` as the last entry.

        It may be called again for the same one after a crash, and continues then. Releasing the version is not its
        business.
        """
        ...


@dataclass(frozen=True, slots=True)
class Controller:
    """What reconciling needs of the world.

    Attributes:
        workspace: the project's state.
        traffic: routes requests.
        instruments: measures services.
        retrain: makes a new version.
        replaying: whether domain time is a replay's: a service begins with its model's oldest version, not the newest,
            and the drill that `[replay]` asks for takes place.
        watch: told what happens.
        told: what was told once and is enough so: of a service, about a version or setting, and what is wrong with it.
    """

    workspace: Workspace
    traffic: Traffic
    instruments: Instruments
    retrain: Retrain
    replaying: bool
    watch: Watch = ignore
    told: set[tuple[str, str, str]] = field(default_factory=set[tuple[str, str, str]])


def reconcile(controller: Controller, now: int) -> None:
    """Do everything that is due for every service, and put the routing that follows in force.

    Calling it again at the same instant changes nothing, whether or not it came to its end before.

    Args:
        controller: what it needs of the world.
        now: domain time, microseconds since 1970 UTC; everything asked before it is in the log.

    Raises:
        ShipwayError: SW-801 if nobody answers for the traffic, SW-803 if it was routed by a newer decision than the
            ledger knows of; what measuring and loading the project refuse.
    """
    for name in controller.workspace.project.config.services:
        apply_routing(controller, name, now)
        settled = False
        while not settled:
            while _take_step(controller, name, now):
                pass
            settled = apply_routing(controller, name, now)


def apply_routing(controller: Controller, name: str, now: int) -> bool:
    """Put the routing that the ledger asks for in force, and tell whether it is.

    A version on trial that cannot be loaded, or that callers of the stable one could not read, is taken back: nothing
    else could ever be measured of it. It is at fault where the stable version alone can be put in force.

    Args:
        controller: what it needs of the world.
        name: the service; before it is open there is nothing to route.
        now: domain time, microseconds since 1970 UTC.

    Raises:
        ShipwayError: as `Traffic`, also where it is the stable version that cannot be loaded.
    """
    state = controller.workspace.peek()
    service = state.services.get(name)
    if service is None:
        return True
    wanted, release = msgspec.structs.replace(service.routing, terms=_fit_terms(controller, service)), service.walking
    try:
        if controller.traffic.current(name) != wanted:
            controller.traffic.apply(wanted)
    except ShipwayError as error:
        if release is None or error.code not in UNSERVABLE:
            raise
        controller.traffic.apply(msgspec.structs.replace(wanted, candidate=None, weight=0.0))
        entries = take_back(release, now, "traffic", "can be served", f"{error.code} {error.fact}", by="server")
        _append(controller, name, _token(state, name), entries)
        return False
    return True


def _fit_terms(controller: Controller, service: ServiceState) -> Terms:
    """Return how a service answers, without a fixed answer that its stable version could not give; that is told once.

    Which answers a model gives is known of its versions and not of shipway.toml, and a version may come that knows a
    class which the one before did not.
    """
    terms = controller.workspace.project.config.services[service.name].terms
    fallback = terms.fallback
    if fallback is None or fallback.score is None:
        return terms
    odd = find_odd_score(fallback.score, _manifest_of_stable(controller, service))
    if odd is None:
        return terms
    said, hint = odd
    place = f"services.{service.name}.fallback.score"
    _tell_once(controller, service.name, place, said, f"{place} {said}: it is left out; in shipway.toml, {hint}")
    rest = msgspec.structs.replace(fallback, score=None)
    return msgspec.structs.replace(terms, fallback=rest if rest.last_us or rest.previous else None)


def _take_step(controller: Controller, name: str, now: int) -> bool:
    """Do the first thing that is due for a service and tell whether anything was."""
    state = controller.workspace.peek()
    service = state.services.get(name)
    if service is None:
        return _open(controller, state, name, now)
    token = _token(state, name)
    asked = next((retrain for retrain in service.retrains if retrain.outcome is None), None)
    if asked is not None:
        controller.retrain(controller.workspace, service, asked, controller.watch)
        remembered = controller.workspace.peek().services[name].retrains
        assert all(retrain.outcome is not None for retrain in remembered)
        return True
    trials = [run for runs in state.experiments.values() for run in runs]
    entries = _look_live(controller, service, now) or _look_at_step(controller, service, trials, now)
    if entries:
        _append(controller, name, token, entries)
        return True
    if service.walking is not None:
        return False
    return _start(controller, state, service, now) or _drill(controller, service, now)


def _decide(controller: Controller, decide: Callable[[], object], seq: int) -> bool:
    """Do what was decided on a state, and tell whether it was done.

    A person may have decided in the same instant: let another version walk, or retired this one. What is refused for
    that is no failure of a controller, whose next look at the state decides anew.

    Args:
        controller: what it needs of the world.
        decide: what to do.
        seq: the place in the ledger up to which the state was known.
    """
    try:
        decide()
    except ShipwayError:
        if controller.workspace.peek().seq == seq:
            raise
        return False
    return True


def _open(controller: Controller, state: State, name: str, now: int) -> bool:
    """Open a service with a version of its model, if there is one yet that learned from nothing later than now."""
    seq, model = state.seq, section_of(controller.workspace, name).model
    asked = model_section_of(controller.workspace, model)
    ready = [v for v in state.models.get(model, []) if is_ready(v, asked) and v.cut <= now]
    ready = _pass_gates(controller, state, name, ready)
    if not ready:
        return False
    version = ready[0 if controller.replaying else -1]
    if _decide(controller, lambda: open_service(controller.workspace, name, version.number, now), seq):
        _tell(controller, name, f"opened with version {version.number}")
    return True


def _look_live(controller: Controller, service: ServiceState, now: int) -> list[Remembered]:
    gates = live_gates(controller.workspace.project.registry, service.model)
    due = [gate for gate in gates if is_due(gate, service, now)]
    if not due:
        return []
    evidence = controller.instruments.measure_live(service, checks_of(due), now)
    section = section_of(controller.workspace, service.name)
    stable = controller.workspace.state().version(service.model, service.stable.version)
    learned = stable is not None and now - section.rehearsal_us > stable.cut
    return judge_live(gates, due, service, evidence, now, rest_us=section.rest_us, learned=learned)


def _look_at_step(controller: Controller, service: ServiceState, trials: Sequence[Trial], now: int) -> list[Remembered]:
    release = service.walking
    # What has just begun has nothing to show, and what was judged as of now would be judged alike.
    if release is None or now <= release.since or any(j.at == now for j in service.judgements.get(release.subject, [])):
        return []
    predicts = _predicts(controller, service)
    gates = step_gates(controller.workspace.project.registry, service.model, predicts)
    evidence = controller.instruments.measure_step(service, release, checks_of(gates), now)
    return judge_step(gates, service, release, evidence, now, hold_walk(trials, release))


def _predicts(controller: Controller, service: ServiceState) -> LabelKind:
    """Return which kind of label a service predicts, as the bundle of its stable version says."""
    return _manifest_of_stable(controller, service).predicts or "condition"


def _manifest_of_stable(controller: Controller, service: ServiceState) -> Manifest:
    stable = controller.workspace.peek().version(service.model, service.stable.version)
    assert stable is not None, "a version that is in service is in the ledger"
    return manifest_of(controller.workspace, stable)


def _start(controller: Controller, state: State, service: ServiceState, now: int) -> bool:
    """Release the newest version never tried that callers can read and that the gates before traffic let pass."""
    seq = state.seq
    versions = next_versions(state, service, now, model_section_of(controller.workspace, service.model))
    readable = [version for version in versions if not _is_odd(controller, state, service, version)]
    ready = _pass_gates(controller, state, service.name, readable)
    if not ready:
        return False
    version = ready[-1]
    if _decide(controller, lambda: start_release(controller.workspace, service.name, version.number, now), seq):
        _tell(controller, service.name, f"version {version.number} begins its walk")
    return True


def _is_odd(controller: Controller, state: State, service: ServiceState, version: VersionState) -> bool:
    """Tell whether a version says less than callers of a service know; such a one is passed over, and told of once."""
    odd = say_odd(controller.workspace, state, service, version)
    if odd:
        said = f"version {version.number} is passed over: it {odd}; {ODD_HINT}"
        _tell_once(controller, service.name, version.ref, odd, said)
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
        _tell_once(controller, name, version.ref, missing.gate, said)
    return [version for version, missing in found if missing is None]


def _drill(controller: Controller, service: ServiceState, now: int) -> bool:
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
    try:
        release_feed(controller.workspace, service.name, now, f"{service.stable.online}{ending}")
    except ShipwayError as error:
        if error.code not in ("SW-603", "SW-406"):
            raise
        _tell(controller, service.name, f"the release on a late feed waits: {error.fact}")
        return False
    _tell(controller, service.name, f"the stable version begins a walk on a feed that is {replay.stale} late")
    return True


def _token(state: State, name: str) -> tuple[int, int]:
    """Return what changes with every entry about a service, and about the experiments on its split."""
    trials = [run for runs in state.experiments.values() for run in runs]
    mine = [run.seq for run in trials if run.plan.versions is not None and run.plan.versions.service == name]
    return state.services[name].token, max(mine, default=0)


def _append(controller: Controller, name: str, token: tuple[int, int], entries: Sequence[Remembered]) -> None:
    """Append what follows from a state of a service, unless somebody has decided about it since."""
    with deciding(controller.workspace) as state:
        if _token(state, name) != token:
            return
        controller.workspace.remember(*entries)
    for _, body in entries:
        match body:
            case VerdictGiven(verdict=verdict):
                said, step = verdict.reason, f"gate {verdict.gate} on {name}"
                controller.watch(Event(stage="verdict", step=step, said=said, outcome=verdict.outcome))
            case ReleaseMoved():
                to = f"{body.outcome}, {body.weight * 100:.4g} %" if body.outcome == "walking" else body.outcome
                _tell(controller, f"release {body.release}", f"{to}: {body.reason}")
            case RetrainAsked():
                _tell(controller, name, f"a retrain is asked for: {body.reason}")
            case _:
                pass


def _tell_once(controller: Controller, name: str, about: str, why: str, said: str) -> None:
    if (name, about, why) not in controller.told:
        controller.told.add((name, about, why))
        _tell(controller, name, said)


def _tell(controller: Controller, name: str, said: str) -> None:
    controller.watch(Event(stage="note", step=name, said=said))

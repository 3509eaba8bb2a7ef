"""The reconciler: from the state of the ledger and a domain time to the one next step, until there is none.

Each step is one append, chosen from the state alone and in a fixed order, so that a controller that was killed at any
point comes to the same steps as one that was not. What moves traffic is read from the ledger afterwards: a routing is
the consequence of an entry, never the other way round.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from shipway.app.control.beginning import begin_drill, begin_release, begin_service
from shipway.app.control.decision import is_due, judge_live, judge_step, live_gates, step_gates
from shipway.app.control.instrument import Controller, tell, tell_once
from shipway.app.progress import Event
from shipway.app.release import Remembered, deciding, manifest_of, section_of, take_back
from shipway.core.body import ReleaseMoved, RetrainAsked, VerdictGiven
from shipway.core.bundle import Manifest
from shipway.core.caller import find_odd_score
from shipway.core.conclusion import hold_walk
from shipway.core.error import ShipwayError
from shipway.core.gate import checks_of
from shipway.core.label import LabelKind
from shipway.core.projection import ServiceState, State
from shipway.core.service import Terms
from shipway.core.trial import Trial

UNSERVABLE: Final = ("SW-502", "SW-605", "SW-606", "SW-802")
"""What a server says of a version that it cannot load, or that it will not put beside the stable one."""


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
    tell_once(controller, service.name, place, said, f"{place} {said}: it is left out; in shipway.toml, {hint}")
    rest = msgspec.structs.replace(fallback, score=None)
    return msgspec.structs.replace(terms, fallback=rest if rest.last_us or rest.previous else None)


def _take_step(controller: Controller, name: str, now: int) -> bool:
    """Do the first thing that is due for a service and tell whether anything was."""
    state = controller.workspace.peek()
    service = state.services.get(name)
    if service is None:
        return begin_service(controller, state, name, now)
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
    return begin_release(controller, state, service, now) or begin_drill(controller, service, now)


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
                tell(controller, f"release {body.release}", f"{to}: {body.reason}")
            case RetrainAsked():
                tell(controller, name, f"a retrain is asked for: {body.reason}")
            case _:
                pass

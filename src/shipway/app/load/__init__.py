"""Loads as use cases: put one on something, find what it takes, say how to run it, and ask the gates before traffic."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import replace

import msgspec

from shipway.app.load.aim import Aim, Target, open_parcel, open_target
from shipway.app.load.evidence import give_evidence, plan_loads
from shipway.app.model import find_version
from shipway.app.project import Project
from shipway.app.promise import name_subject, traffic_gates
from shipway.app.workspace import Workspace
from shipway.core.body import Body, EvidenceRecorded, VerdictGiven
from shipway.core.capacity import Advice, Capacity, Objective, Probe, Setting, Trial
from shipway.core.check import Evidence
from shipway.core.error import ShipwayError
from shipway.core.gate import Verdict, checks_of, decide
from shipway.core.load import Load, Pattern, make_pattern
from shipway.core.measure import LoadFailures, LoadLatency
from shipway.delivery.latency import describe_machine
from shipway.kit.duration import parse_duration
from shipway.maths.arrival import draw_arrivals
from shipway.validation.advice import advise, price_trial
from shipway.validation.capacity import PRECISION, Tried, find_capacity, judge_rate
from shipway.validation.load import Conditions, Recorder

WARM_SHARE = 0.1
MOST_WARM_S = 5.0
PROBE_S = 5.0
PROBE_WARM_S = 1.0
ENOUGH = 600
"""Requests that a probe has at least, however low its rate, so that a share of failures can be told."""
LONGEST_PROBE_S = 60.0
MOST_RATE = 50_000.0

Tell = Callable[[str], None]


def ignore_probe(_probe: Probe) -> None:
    """Tell nobody of a rate that was tried."""


def ignore_word(_said: str) -> None:
    """Tell nobody how it goes."""


class Ran(msgspec.Struct, frozen=True, kw_only=True):
    """A load, and whether an objective held under it.

    Attributes:
        load: what it came to.
        judged: the objective's share of late requests and what is concluded; None where no objective was given.
    """

    load: Load
    judged: Probe | None


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """What the gates before traffic said of a version.

    Attributes:
        version: which.
        verdicts: of each gate.
        evidence: what they rest on.
        loads: what was put on it.
    """

    version: str
    verdicts: tuple[Verdict, ...]
    evidence: tuple[Evidence, ...]
    loads: tuple[Load, ...]


def run_load(
    project: Project | None,
    aim: Aim,
    pattern: Pattern | None,
    *,
    rate: float | None = None,
    warm_s: float | None = None,
    objective: Objective | None = None,
) -> Ran:
    """Put a load on something and return what it came to; what is measured of a version is remembered.

    Args:
        project: whose version is meant; None where there is none.
        aim: what is put under load.
        pattern: of the load; None for that of the traffic that is replayed.
        rate: to which a replay is stretched, requests a second on average; its own time where None.
        warm_s: how much of the begin does not count; a tenth of it, at most 5 s, where None.
        objective: what has to hold, if that is to be judged.

    Raises:
        ShipwayError: as `open_target`, and SW-442 where nothing answers.
    """
    with open_target(project, aim) as target:
        if target.traffic is not None:
            pattern = target.traffic.make_pattern(rate)
        assert pattern is not None, "a load has a pattern, or replays one"
        load, recorder = put_load(target, aim, pattern, _warm(pattern, warm_s))
        if target.subject and project is not None and pattern.name in ("steady", "soak"):
            measures = (
                LoadLatency(pattern.stretches[0].start, round(load.seconds * 1e6), 0.95, aim.rows),
                LoadFailures(pattern.stretches[0].start, round(load.seconds * 1e6), aim.rows),
            )
            given = [give_evidence(each, target.subject, load, recorder, aim.setting) for each in measures]
            _remember(project, given)
    if objective is None:
        return Ran(load=load, judged=None)
    tried = Tried(load, recorder.share_slow(objective.limit_ms), recorder.count_failed())
    return Ran(load=load, judged=judge_rate(objective, load.intended, [tried]))


def search_capacity(
    project: Project | None,
    aim: Aim,
    objective: Objective,
    *,
    start: float = 100.0,
    most: float = MOST_RATE,
    probe_s: float = PROBE_S,
    precision: float = PRECISION,
    arrivals: str = "poisson",
    tell: Callable[[Probe], None] = ignore_probe,
) -> Capacity:
    """Find the largest rate at which an objective holds.

    Args:
        project: whose version is meant; None where there is none.
        aim: what is put under load.
        objective: what has to hold.
        start: the rate that is tried first, requests a second.
        most: the largest that is tried.
        probe_s: how long each is tried at least, after a warm-up of a second.
        precision: how closely the limit is looked for, as a share.
        arrivals: `poisson` or `constant`.
        tell: told of each rate once it is decided.

    Raises:
        ShipwayError: as `run_load`, and SW-441 for rates and times that nothing can be measured at.
    """
    make_pattern("steady", start, probe_s, arrivals=arrivals)
    make_pattern("steady", most, probe_s, arrivals=arrivals)
    with open_target(project, aim) as target:
        if target.traffic is not None:
            raise ShipwayError("SW-441", "a search makes its own rates, and traffic has one", "leave --log away")
        attempt = make_attempt(target, aim, objective, probe_s, arrivals)
        return find_capacity(attempt, objective, start=start, most=most, precision=precision, tell=tell)


def recommend(
    project: Project | None,
    aim: Aim,
    objective: Objective,
    settings: Sequence[Setting],
    *,
    rate: float,
    spare: float = 0.2,
    price: float = 1.0,
    probe_s: float = PROBE_S,
    tell: Tell = ignore_word,
) -> Advice:
    """Measure what servers can take in several settings, and say which holds an objective at the least cost.

    Args:
        project: whose version is meant; None where there is none.
        aim: a version, or the folder of a bundle.
        objective: what has to hold.
        settings: how servers are run, one after the other.
        rate: requests a second that have to be answered.
        spare: which share of what servers can take is left free.
        price: of a core an hour, in any currency.
        probe_s: how long each rate is tried at least.
        tell: told how it goes.

    Raises:
        ShipwayError: as `search_capacity`; SW-441 for an address, whose servers are not ours to run.
    """
    if aim.is_address or aim.process:
        raise ShipwayError("SW-441", f"{aim.what!r} is not run here", "name a version, or the folder of a bundle")
    if not settings or rate <= 0 or price < 0 or not 0 <= spare < 1:
        raise ShipwayError(
            "SW-441", "nothing to recommend for", "give settings, a rate above 0, and a spare share below 1"
        )
    trials: list[Trial] = []
    machine = describe_machine()
    for setting in settings:
        one = replace(aim, setting=setting)
        with open_target(project, one) as target:
            attempt = make_attempt(target, one, objective, probe_s, "poisson")
            target.tell_batch()
            found = find_capacity(attempt, objective, start=min(rate, 200.0), most=MOST_RATE, tell=ignore_probe)
            together = target.tell_batch()
        trial = price_trial(
            setting, found.rate, rate=rate, spare=spare, price=price, together=together, short=found.short
        )
        trials.append(trial)
        tell(f"{setting.said}: {found.rate:,.4g} requests/s")
    name = f"{aim.what}" + (f", {aim.rows} rows a request" if aim.rows > 1 else "")
    return advise(name, objective, trials, rate=rate, spare=spare, price=price, machine=machine)


def ask_gates(project: Project, ref: str, *, tell: Tell = ignore_word) -> Judged:
    """Put a version under the loads that the gates before traffic ask for, let them decide, and remember all of it.

    Checks of one rate, one number of rows and one time share a load. The servers answer as the project says: with its
    threads, and with the longest wait of the services of the model.

    Args:
        project: whose.
        ref: the version, as `model@number`; a model's name alone is its newest version.
        tell: told how it goes.

    Raises:
        ShipwayError: as `run_load`; SW-104 where the project declares no gate before traffic.
    """
    hint = 'declare one: sw.gate("promise", sw.load_latency_ms(rate=200) <= 20, before="traffic")'
    if not project.registry.gates_before("traffic"):
        raise ShipwayError("SW-104", "the project has no gate before traffic", hint)
    with closing(Workspace(project)) as workspace:
        version = find_version(workspace.peek(), ref)
    gates = traffic_gates(project.registry, version.model)
    if not gates:
        raise ShipwayError("SW-104", f"no gate before traffic decides for model {version.model!r}", hint)
    subject, evidence, loads = name_subject(version), list[Evidence](), list[Load]()
    setting = Setting(threads=project.config.serving.threads, wait=_longest_wait(project, version.model))
    with open_parcel(project, version.ref):
        pass  # a version without a bundle is refused before anything is put under load
    for plan in plan_loads(checks_of(gates)):
        aim = Aim(what=version.ref, rows=plan.rows, setting=setting)
        pattern = make_pattern("steady", plan.rate, plan.seconds + PROBE_WARM_S)
        tell(pattern.said)
        with open_target(project, aim) as target:
            load, recorder = put_load(target, aim, pattern, PROBE_WARM_S)
        loads.append(load)
        evidence += [give_evidence(measure, subject, load, recorder, setting) for measure in plan.measures]
    found = {each.check: each for each in evidence}
    verdicts = [decide(gate, subject, found) for gate in gates]
    _remember(project, evidence, verdicts)
    return Judged(version=version.ref, verdicts=tuple(verdicts), evidence=tuple(evidence), loads=tuple(loads))


def put_load(target: Target, aim: Aim, pattern: Pattern, warm_s: float) -> tuple[Load, Recorder]:
    """Put a load on a target that is ready, and return what it came to."""
    conditions = Conditions(
        target=target.name,
        pattern=pattern,
        machine=describe_machine(),
        local=target.local,
        connections=target.generator.connections,
        timeout_s=aim.timeout_s,
        warm_s=warm_s,
    )
    recorder = Recorder(conditions)
    if pattern.arrivals == "logged":
        assert target.traffic is not None
        due = target.traffic.draw(pattern)
    else:
        due = draw_arrivals(pattern.stretches, pattern.arrivals, pattern.seed)
    target.generator.run(due, recorder)
    return recorder.finish(), recorder


def make_attempt(
    target: Target, aim: Aim, objective: Objective, probe_s: float, arrivals: str
) -> Callable[[float, float], Tried]:
    """Return what puts a rate on a target; each time requests are due at other instants."""
    times = 0

    def attempt(rate: float, longer: float) -> Tried:
        nonlocal times
        times += 1
        seconds = longer * max(probe_s, min(ENOUGH / rate, LONGEST_PROBE_S))
        pattern = make_pattern("steady", rate, seconds + PROBE_WARM_S, arrivals=arrivals, seed=times)
        load, recorder = put_load(target, aim, pattern, PROBE_WARM_S)
        return Tried(load, recorder.share_slow(objective.limit_ms), recorder.count_failed())

    return attempt


def _longest_wait(project: Project, model: str) -> str:
    """Return the longest time that a service of a model lets requests wait to be predicted together."""
    waits = [section.wait for section in project.config.services.values() if section.model == model]
    return max(waits, key=parse_duration, default="0s")


def _warm(pattern: Pattern, warm_s: float | None) -> float:
    usual = min(WARM_SHARE * pattern.seconds, MOST_WARM_S)
    warm = usual if warm_s is None else warm_s
    if not 0 <= warm < pattern.seconds:
        raise ShipwayError("SW-441", f"a warm-up of {warm:g} s in {pattern.seconds:g} s", "leave something to measure")
    return warm


def _remember(project: Project, evidence: Iterable[Evidence], verdicts: Sequence[Verdict] = ()) -> None:
    entries: list[tuple[str, Body]] = [(each.subject, EvidenceRecorded(evidence=each)) for each in evidence]
    gates = tuple(each.gate for each in verdicts)
    entries += [(each.subject, VerdictGiven(verdict=each, gates=gates)) for each in verdicts]
    with closing(Workspace(project)) as workspace:
        workspace.remember(*entries)

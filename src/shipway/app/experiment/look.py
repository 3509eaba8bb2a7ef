"""A look at an experiment: what is in so far, what it shows, and what that spends, remembered before it is told.

Everything about a look is one append to the ledger. Killed before it, nobody has seen anything and nothing is spent;
killed after it, the same command answers with the look that is remembered.
"""

import math
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Final

import msgspec
import numpy as np

from shipway.app.experiment.answer import end_of
from shipway.app.experiment.question import find_running, write_split
from shipway.app.experiment.statistic import (
    Statistics,
    capped_effects,
    gather_statistics,
    load_statistics,
    load_summaries,
    load_values,
    store_statistics,
)
from shipway.app.experiment.unit import REST
from shipway.app.project import Project
from shipway.app.release import Remembered, deciding
from shipway.app.workspace import Workspace
from shipway.core.body import EvidenceRecorded, VerdictGiven
from shipway.core.check import Evidence, Rule
from shipway.core.effect import Effect
from shipway.core.error import ShipwayError
from shipway.core.experiment import FEW_CROSSED, MOST_CROSSED, RATIO_ALPHA, Experiment
from shipway.core.look import choose, give_verdict, read_interval, say_broken, say_crossed, say_look
from shipway.core.trial import Diluted, ExperimentLooked, Look, LookEffect, Role, Trial, TrialPlan, Unbiased
from shipway.kit.canonical import digest_value
from shipway.maths.imbalance import imbalance_sequential_p
from shipway.validation.look import (
    LEAST_CLUSTERS,
    LEAST_INFORMATION,
    LEAST_UNITS,
    Measured,
    bound,
    choose_variants,
    interval_of,
    measure,
    measure_clusters,
    measure_diluted,
    measure_quantile,
    share_alpha,
    unbias,
)

_FEW: Final = 10.0
"""How few clusters the test of their split is made for (`imbalance_log_e`); it holds whatever their number."""


class LookReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a look came to.

    Attributes:
        trial: the run, this look among its looks if it is remembered.
        look: the look; None where there is too little to look at, so that nothing is spent.
        repeated: whether the look was taken before, so that nothing was spent by asking again.
        said: why there is no look, or why it is an earlier one; empty where there is nothing to say.
        units: variant to the units that met the experiment.
        misassigned: units left out because they met another variant than the one assigned.
        outside: units left out because they were exposed and should not have been.
        crossed: units left out because they met several variants.
        crossing: some of them, by name.
        ruled: units left out because a rule of the service chose their version.
    """

    trial: Trial
    look: Look | None
    repeated: bool
    said: str
    units: dict[str, int]
    misassigned: int
    outside: int
    crossed: int
    crossing: tuple[str, ...]
    ruled: int


class _Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """One metric of one variant that is measured, with the looks before."""

    rule: Rule
    role: Role
    variant: str
    effect: Effect
    measured: Measured
    information: float
    before: tuple[LookEffect, ...]

    @property
    def fractions(self) -> list[float]:
        """Return the information at each look, this one the last."""
        return [*(each.information for each in self.before), self.information]

    @property
    def shown(self) -> LookEffect | None:
        """Return the earlier look that showed it better or worse, which stays shown."""
        return next((each for each in self.before if each.shown in ("better", "worse")), None)


def look_at(project: Project, name: str, at: int | None = None) -> LookReport:
    """Look at an experiment that runs.

    Args:
        project: whose.
        name: the experiment.
        at: domain time as of which is looked; the project's present where None.

    Raises:
        ShipwayError: SW-104 for an experiment that is not declared, SW-451 for one that does not run, SW-454 where the
            declaration has changed since it began, SW-456 for a look before the last one, SW-403 for an effect that
            has no size; what reading data refuses.
    """
    with closing(Workspace(project)) as workspace, deciding(workspace) as state:
        experiment, trial = find_running(state, project, name)
        write_split(workspace, state)
        as_of = workspace.now if at is None else at
        last = trial.looks[-1] if trial.looks else None
        if as_of < trial.plan.at or (last is not None and as_of < last.at):
            fact = f"{trial.plan.ref} {'was looked at' if last is not None else 'began'} later than that"
            raise ShipwayError("SW-456", fact, "look as of an instant after it")
        kept = load_statistics(workspace, last.statistics) if last is not None else None
        ended = None if trial.plan.versions is None else end_of(state, trial.plan.versions)
        statistics = gather_statistics(workspace, experiment, trial.plan, as_of, kept, ended)
        return _look(workspace, experiment, trial, statistics, as_of)


def _look(workspace: Workspace, experiment: Experiment, trial: Trial, statistics: Statistics, at: int) -> LookReport:
    last = trial.looks[-1] if trial.looks else None
    digest = digest_value(statistics)
    if last is not None and last.statistics == digest:
        return _report(trial, last, statistics, "nothing is new since that look, so nothing was spent", repeated=True)
    if last is not None and last.final:
        said = "all planned units were in at that look, and nothing is left to spend"
        return _report(trial, last, statistics, said, repeated=True)
    units = {variant: statistics.units.get(variant, 0) for variant in trial.plan.variants}
    shares = np.array(list(trial.plan.variants.values()))
    # What was assigned is what has the declared shares: units of clusters come as many as live there.
    drawn = statistics.clusters if trial.plan.clustered else units
    p = imbalance_sequential_p(np.array(list(drawn.values())), shares, *((_FEW,) if trial.plan.clustered else ()))
    if p < RATIO_ALPHA:
        said = say_broken(trial.plan, drawn, p)
        return _remember(workspace, trial, statistics, _broken(trial, statistics, digest, units, p, at, said), [])
    if statistics.crossed > max(FEW_CROSSED, MOST_CROSSED * (sum(units.values()) + statistics.crossed)):
        said = say_crossed(statistics.crossed, sum(units.values()), statistics.crossing)
        return _remember(workspace, trial, statistics, _broken(trial, statistics, digest, units, p, at, said), [])
    lag = statistics.say_lag(at, workspace.project.config.project.timezone)
    because = f"; {lag}" if lag else ""
    compared = _compare(workspace, experiment, trial, statistics)
    if compared is None:
        least = f"{LEAST_CLUSTERS} clusters" if trial.plan.clustered else f"{LEAST_UNITS} units"
        said = f"too early: fewer than {least} of a variant have had their time{because}"
        return _report(trial, None, statistics, said, repeated=False)
    if min(each.information for each in compared if each.role == "metric") < LEAST_INFORMATION:
        least = math.ceil(LEAST_INFORMATION * trial.plan.units)
        said = f"too early: fewer than {least:,} of the {trial.plan.units:,} planned units have had their time{because}"
        return _report(trial, None, statistics, said, repeated=False)
    if last is not None and not any(_gains(trial.plan, each) for each in compared):
        said = "no unit has had its time since that look, so nothing was spent"
        return _report(trial, last, statistics, said, repeated=True)
    effects, evidence = _judge(trial.plan, compared, digest, len(trial.looks) + 1)
    rules = {rule.check.name: rule for rule in experiment.rules}
    outcome, variant = choose(effects, rules)
    final = trial.plan.spending != "always_valid" and all(each.information >= 1 for each in effects)
    verdict = give_verdict(trial.plan, experiment.gate.asked, effects, rules, outcome)
    look = Look(
        number=len(trial.looks) + 1,
        at=at,
        known=statistics.known,
        statistics=digest,
        units=units,
        ratio_p=p,
        effects=tuple(effects),
        outcome=outcome,
        variant=variant,
        said=say_look(trial.plan, effects, rules, outcome, variant, final=final),
        verdict=digest_value(verdict),
        final=final,
    )
    bodies: list[Remembered] = [(trial.plan.subject, EvidenceRecorded(evidence=each, at=at)) for each in evidence]
    bodies.append((trial.plan.subject, VerdictGiven(verdict=verdict, at=at)))
    return _remember(workspace, trial, statistics, look, bodies)


def _remember(
    workspace: Workspace, trial: Trial, statistics: Statistics, look: Look, bodies: Sequence[Remembered]
) -> LookReport:
    """Keep the statistics, then append all of a look as one step: from then on it is taken."""
    store_statistics(workspace, statistics)
    body = ExperimentLooked(experiment=trial.plan.experiment, number=trial.plan.number, look=look)
    state = workspace.remember(*bodies, (trial.plan.subject, body))
    workspace.store_state()
    return _report(
        state.experiments[trial.plan.experiment][trial.plan.number - 1], look, statistics, "", repeated=False
    )


def _report(trial: Trial, look: Look | None, statistics: Statistics, said: str, *, repeated: bool) -> LookReport:
    return LookReport(
        trial=trial,
        look=look,
        repeated=repeated,
        said=said,
        units={variant: statistics.units.get(variant, 0) for variant in trial.plan.variants},
        misassigned=statistics.misassigned,
        outside=statistics.outside,
        crossed=statistics.crossed,
        crossing=statistics.crossing,
        ruled=statistics.ruled,
    )


def _broken(
    trial: Trial, statistics: Statistics, digest: str, units: dict[str, int], p: float, at: int, said: str
) -> Look:
    return Look(
        number=len(trial.looks) + 1,
        at=at,
        known=statistics.known,
        statistics=digest,
        units=units,
        ratio_p=p,
        effects=(),
        outcome="hold",
        variant="",
        said=said,
        verdict="",
        final=False,
    )


def _compare(
    workspace: Workspace, experiment: Experiment, trial: Trial, statistics: Statistics
) -> list[_Comparison] | None:
    """Measure every metric of every variant; None where one has too few units."""
    found: list[_Comparison] = []
    effects = capped_effects(experiment, trial.plan)
    metrics = {rule.check.name for rule in experiment.metrics}
    for rule in experiment.rules:
        name = rule.check.name
        measured = _measure(workspace, trial.plan, name, effects[name], statistics)
        if measured is None:
            return None
        units, by_variant = measured
        information = units / trial.plan.units
        found += [
            _Comparison(
                rule=rule,
                role="metric" if name in metrics else "guardrail",
                variant=variant,
                effect=effects[name],
                measured=each,
                information=information,
                before=_before(trial, name, variant),
            )
            for variant, each in by_variant.items()
        ]
    return found


def _measure(
    workspace: Workspace, plan: TrialPlan, name: str, effect: Effect, statistics: Statistics
) -> tuple[int, dict[str, Measured]] | None:
    """Return the units whose time is over and each variant's effect; None where one has too few units."""
    control, *treatments = plan.variants
    if effect.kind == "quantile":
        values = load_values(workspace, statistics, name)
        if any(variant not in values or values[variant].size < LEAST_UNITS for variant in plan.variants):
            return None
        units = sum(each.size for each in values.values())
        return units, {each: measure_quantile(name, effect, values[control], values[each]) for each in treatments}
    merged = load_summaries(workspace, statistics, name, clustered=plan.clustered)
    least = LEAST_CLUSTERS if plan.clustered else LEAST_UNITS
    chosen = choose_variants(merged, list(plan.variants), least=least)
    if chosen is None:
        return None
    compare = measure_clusters if plan.clustered else measure
    found = {each: compare(name, effect, chosen[control], chosen[each]) for each in treatments}
    rest = merged.get((REST, ""))
    if rest is not None and rest.n >= LEAST_UNITS and effect.kind == "mean" and not plan.clustered:
        found = {
            each: replace(one, diluted=measure_diluted(effect, chosen[control], chosen[each], rest))
            for each, one in found.items()
        }
    first = next(iter(found.values()))
    return first.n[0] + sum(each.n[1] for each in found.values()), found


def _before(trial: Trial, name: str, variant: str) -> tuple[LookEffect, ...]:
    """Return what earlier looks said of a metric and a variant, those at which units had come."""
    found: list[LookEffect] = []
    for look in trial.looks:
        for each in look.effects:
            if (each.name, each.variant) == (name, variant) and (not found or each.information > found[-1].information):
                found.append(each)
    return tuple(found)


def _gains(plan: TrialPlan, each: _Comparison) -> bool:
    """Tell whether an effect has something to be looked at: new units, and alpha that is not spent yet."""
    if not each.before:
        return True
    done = plan.spending != "always_valid" and each.before[-1].information >= 1
    return not done and each.information > each.before[-1].information


def _judge(
    plan: TrialPlan, compared: Sequence[_Comparison], digest: str, look: int
) -> tuple[list[LookEffect], list[Evidence]]:
    """Give every effect its interval; metrics share alpha by Holm, each guardrail has all of it."""
    metrics = [each for each in compared if each.role == "metric"]
    done: dict[int, LookEffect] = {}
    shown = sum(each.shown is not None for each in metrics)
    while True:
        alpha = share_alpha(plan.alpha, len(metrics), shown)
        done |= {
            place: _interval(plan, each, plan.alpha if each.role == "guardrail" else alpha)
            for place, each in enumerate(compared)
            if place not in done or done[place].shown not in ("better", "worse")
        }
        now = sum(effect.role == "metric" and effect.shown in ("better", "worse") for effect in done.values())
        if now == shown:
            break
        shown = now
    evidence = [_evidence(plan, done[place], each, digest, look) for place, each in enumerate(compared)]
    effects = [msgspec.structs.replace(done[place], evidence=evidence[place].id) for place in range(len(compared))]
    return effects, evidence


def _interval(plan: TrialPlan, each: _Comparison, alpha: float) -> LookEffect:
    """Return an effect with the interval of its newest look.

    One that was shown before stays shown, unless the interval of now shows the contrary.
    """
    if not _gains(plan, each):
        return each.before[-1]
    boundary = bound(plan.spending, each.fractions, alpha)
    interval = interval_of(each.effect, each.measured, boundary.z)
    low, high = interval if all(map(math.isfinite, interval)) else (None, None)
    shown, earlier = read_interval(each.rule, each.role, low, high), each.shown
    ended = shown in ("better", "worse") or each.information >= 1
    if earlier is not None:
        contrary = {"better": ("worse", "ruled out"), "worse": ("better", "safe")}[earlier.shown]
        shown = "open" if shown in contrary else earlier.shown
    return LookEffect(
        name=each.rule.check.name,
        role=each.role,
        variant=each.variant,
        n=each.measured.n,
        clusters=each.measured.clusters,
        diluted=_dilute(each, boundary.z),
        unbiased=earlier.unbiased if earlier is not None else _unbias(plan, each, boundary.z) if ended else None,
        information=each.information,
        alpha=boundary.alpha,
        spent=boundary.spent,
        control=each.measured.control,
        estimate=each.measured.estimate,
        error=each.measured.error,
        boundary=boundary.z,
        low=low,
        high=high,
        sharpened=each.measured.sharpened,
        shown=shown,
        evidence="",
    )


def _dilute(each: _Comparison, reach: float) -> Diluted | None:
    """Return the effect on all units, with an interval as wide as the look's."""
    if each.measured.diluted is None or not all(map(math.isfinite, each.measured.diluted)):
        return None
    estimate, error, share = each.measured.diluted
    return Diluted(estimate=estimate, low=estimate - reach * error, high=estimate + reach * error, share=share)


def _unbias(plan: TrialPlan, each: _Comparison, boundary: float) -> Unbiased | None:
    """Return an effect with its looks allowed for; None where the design has no end, or for a guardrail."""
    if plan.spending == "always_valid" or each.role == "guardrail":
        return None
    boundaries = [*(look.boundary for look in each.before), boundary]
    found = unbias(each.effect, each.measured, each.rule.bound, each.fractions, boundaries, plan.alpha)
    if found is None or not all(map(math.isfinite, found)):
        return None
    return Unbiased(estimate=found[0], low=found[1], high=found[2], p=found[3])


def _evidence(plan: TrialPlan, effect: LookEffect, each: _Comparison, digest: str, look: int) -> Evidence:
    several = len(plan.variants) > 2
    facts: Mapping[str, object] = {
        "control": plan.control,
        "variant": effect.variant,
        "control_value": effect.control,
        "standard_error": effect.error,
        "boundary": effect.boundary,
        "information": effect.information,
        "alpha": effect.alpha,
        "spent": effect.spent,
        "sharpened": effect.sharpened,
        "relative": each.effect.relative,
        "look": look,
        **({"said": "nothing bounds the effect yet"} if effect.low is None else {}),
    }
    return Evidence(
        check=f"{effect.name} of {effect.variant}" if several else effect.name,
        subject=plan.subject,
        value=effect.estimate,
        low=effect.estimate if effect.low is None else effect.low,
        high=effect.estimate if effect.high is None else effect.high,
        n=0 if effect.low is None else sum(effect.n),
        facts=dict(facts),
        log_digest=digest,
        needs=0,
    )

"""What the effects of a look are, and what is shown of each: measured, bounded by the alpha there is, as evidence."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import msgspec

from shipway.app.experiment.statistic import Statistics, capped_effects, load_summaries, load_values
from shipway.app.experiment.unit import REST
from shipway.app.workspace import Workspace
from shipway.core.bound import UNBOUNDED
from shipway.core.check import Evidence, Rule
from shipway.core.conclusion import read_interval
from shipway.core.effect import Effect, Role
from shipway.core.experiment import Experiment
from shipway.core.look import Diluted, LookEffect, Unbiased
from shipway.core.trial import Trial, TrialPlan
from shipway.maths.effect import Term
from shipway.maths.stratum import stratify
from shipway.maths.summary import Summary
from shipway.validation.look import (
    LEAST_CLUSTERS,
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
from shipway.validation.rare import Happened, bound_events, count_events, unbias_events


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """One metric of one variant that is measured, with the looks before."""

    rule: Rule
    role: Role
    variant: str
    effect: Effect
    measured: Measured | Happened
    units: int
    information: float
    before: tuple[LookEffect, ...]

    @property
    def spending(self) -> list[LookEffect]:
        """Return the earlier looks that spent something which this one does not."""
        return [each for each in self.before if 0 < each.information < self.information]

    @property
    def fractions(self) -> list[float]:
        """Return the information at each look, this one the last."""
        return [*(each.information for each in self.spending), self.information]

    @property
    def shown(self) -> LookEffect | None:
        """Return the earlier look that showed it better or worse, which stays shown."""
        return next((each for each in self.before if each.shown in ("better", "worse")), None)


def compare_variants(
    workspace: Workspace, experiment: Experiment, trial: Trial, statistics: Statistics
) -> list[Comparison] | None:
    """Measure every metric of every variant; None where one has too few units."""
    found: list[Comparison] = []
    effects = capped_effects(experiment, trial.plan)
    metrics = {rule.check.name for rule in experiment.metrics}
    for rule in experiment.rules:
        name = rule.check.name
        measured = _measure(workspace, trial.plan, name, effects[name], statistics)
        if measured is None:
            return None
        units, by_variant = measured
        found += [
            Comparison(
                rule=rule,
                role="metric" if name in metrics else "guardrail",
                variant=variant,
                effect=effects[name],
                measured=each,
                units=units,
                information=_information(units / trial.plan.units, each),
                before=_before(trial, name, variant),
            )
            for variant, each in by_variant.items()
        ]
    return found


def _information(units: float, measured: Measured | Happened) -> float:
    """Return how much of what is planned is in: units, or events of a rare event, unless units end before events do."""
    if isinstance(measured, Measured):
        return units
    events = measured.total / measured.planned
    return max(events, 1.0) if units >= 1 else events


def _measure(
    workspace: Workspace, plan: TrialPlan, name: str, effect: Effect, statistics: Statistics
) -> tuple[int, Mapping[str, Measured | Happened]] | None:
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
    if effect.kind == "rare":
        planned = next(rule.events for rule in plan.rules if rule.name == name)
        counted = {each: _count(plan, chosen, each, planned) for each in treatments}
        return sum(arm.n for arm in chosen.values()), counted
    if plan.clustered:
        found = {each: measure_clusters(name, effect, chosen[control], chosen[each]) for each in treatments}
    else:
        arms = {each: _pair(workspace, plan, name, each, chosen, statistics) for each in treatments}
        found = {each: measure(name, effect, *arms[each]) for each in treatments}
        rest = merged.get((REST, ""))
        if rest is not None and rest.n >= LEAST_UNITS and effect.kind == "mean":
            found = {
                each: replace(one, diluted=measure_diluted(effect, *arms[each][:2], rest, arms[each][2]))
                for each, one in found.items()
            }
    first = next(iter(found.values()))
    return first.n[0] + sum(each.n[1] for each in found.values()), found


def _pair(
    workspace: Workspace,
    plan: TrialPlan,
    name: str,
    variant: str,
    chosen: Mapping[str, Summary],
    statistics: Statistics,
) -> tuple[Summary, Summary, list[Term]]:
    """Return the control and a variant, with the columns that say in which stratum a unit is, if there are strata."""
    if not plan.strata:
        return chosen[plan.control], chosen[variant], []
    merged = load_summaries(workspace, statistics, name, plan.strata)
    by_value = [
        {value: each for (arm, value), each in merged.items() if arm == which} for which in (plan.control, variant)
    ]
    arms, columns = stratify(by_value)
    return arms[0], arms[1], columns


def _count(plan: TrialPlan, chosen: Mapping[str, Summary], variant: str, planned: int) -> Happened:
    """Return the events of the control and a variant, of whose units a share was to meet the variant."""
    return count_events(chosen[plan.control], chosen[variant], plan.share_of(variant), planned)


def _before(trial: Trial, name: str, variant: str) -> tuple[LookEffect, ...]:
    """Return what earlier looks said of a metric and a variant, those at which information had come.

    Of looks at the same information the last counts: those at a rare event may have come to know of more units.
    """
    found: list[LookEffect] = []
    for look in trial.looks:
        for each in look.effects:
            if (each.name, each.variant) != (name, variant):
                continue
            if found and each.information == found[-1].information:
                found[-1] = each
            elif not found or each.information > found[-1].information:
                found.append(each)
    return tuple(found)


def gains(plan: TrialPlan, each: Comparison) -> bool:
    """Tell whether an effect has something to be looked at: new units, and alpha that is not spent yet."""
    if not each.before:
        return True
    last = each.before[-1]
    done = plan.spending != "always_valid" and last.information >= 1
    if isinstance(each.measured, Happened) and sum(each.measured.n) > sum(last.n):
        # Units to which nothing happened tell something too, and spend nothing.
        return not done and each.information >= last.information
    return not done and each.information > last.information


def judge_effects(
    plan: TrialPlan, compared: Sequence[Comparison], digest: str, look: int
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


def _interval(plan: TrialPlan, each: Comparison, alpha: float) -> LookEffect:
    """Return an effect with the interval of its newest look.

    One that was shown before stays shown, unless the interval of now shows the contrary.
    """
    if not gains(plan, each):
        return each.before[-1]
    measured = each.measured
    rare = isinstance(measured, Happened)
    found = _see_events(plan, each, measured, alpha) if rare else _see(plan, each, measured, alpha)
    shown, earlier = read_interval(each.rule, each.role, found.low, found.high), each.shown
    ended = shown in ("better", "worse") or each.information >= 1
    if earlier is not None:
        contrary = {"better": ("worse", "ruled out"), "worse": ("better", "safe")}[earlier.shown]
        shown = "open" if shown in contrary else earlier.shown
    unbiased = earlier.unbiased if earlier is not None else _unbias(plan, each, found) if ended else None
    return msgspec.structs.replace(found, shown=shown, unbiased=unbiased)


def _see(plan: TrialPlan, each: Comparison, measured: Measured, alpha: float) -> LookEffect:
    """Return an effect with the interval that the looks so far allow; what it shows is open yet."""
    boundary = bound(plan.spending, each.fractions, alpha)
    interval = interval_of(each.effect, measured, boundary.z)
    low, high = interval if all(map(math.isfinite, interval)) else (None, None)
    return LookEffect(
        name=each.rule.check.name,
        role=each.role,
        variant=each.variant,
        n=measured.n,
        clusters=measured.clusters,
        diluted=_dilute(measured, boundary.z),
        information=each.information,
        alpha=boundary.alpha,
        spent=boundary.spent,
        control=measured.control,
        estimate=measured.estimate,
        error=measured.error,
        boundary=boundary.z,
        low=low,
        high=high,
        sharpened=measured.sharpened,
        shown="open",
        evidence="",
    )


def _see_events(plan: TrialPlan, each: Comparison, happened: Happened, alpha: float) -> LookEffect:
    """Return an effect on a rare event, likewise."""
    before = [look.events.total for look in each.spending if look.events is not None]
    seen = bound_events(plan.spending, happened, before, each.fractions, alpha, each.rule.bound)
    return LookEffect(
        name=each.rule.check.name,
        role=each.role,
        variant=each.variant,
        n=happened.n,
        information=each.information,
        alpha=alpha,
        spent=seen.spent,
        control=happened.control / happened.n[0],
        estimate=happened.estimate,
        error=0.0,
        boundary=0.0,
        low=seen.low,
        high=seen.high,
        sharpened=0.0,
        shown="open",
        evidence="",
        events=seen.events,
    )


def _dilute(measured: Measured, reach: float) -> Diluted | None:
    """Return the effect on all units, with an interval as wide as the look's."""
    if measured.diluted is None or not all(map(math.isfinite, measured.diluted)):
        return None
    estimate, error, share = measured.diluted
    return Diluted(estimate=estimate, low=estimate - reach * error, high=estimate + reach * error, share=share)


def _unbias(plan: TrialPlan, each: Comparison, seen: LookEffect) -> Unbiased | None:
    """Return an effect with its looks allowed for; None where the design has no end, or for a guardrail."""
    if plan.spending == "always_valid" or each.role == "guardrail":
        return None
    if isinstance(each.measured, Happened):
        looks = [look.events for look in (*each.spending, seen) if look.events is not None]
        found = unbias_events(each.measured, looks, each.rule.bound, plan.alpha)
    else:
        boundaries = [look.boundary for look in (*each.spending, seen)]
        found = unbias(each.effect, each.measured, each.rule.bound, each.fractions, boundaries, plan.alpha)
        found = found if found is not None and all(map(math.isfinite, found)) else None
    return None if found is None else Unbiased(estimate=found[0], low=found[1], high=found[2], p=found[3])


def _evidence(plan: TrialPlan, effect: LookEffect, each: Comparison, digest: str, look: int) -> Evidence:
    several = len(plan.variants) > 2
    low, high = effect.estimate, effect.estimate
    if effect.bounded:
        # Only how often a rare event happens has one open end: it may be never, or without any bound.
        low = -1.0 if effect.low is None else effect.low
        high = UNBOUNDED if effect.high is None else effect.high
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
        **({"said": "nothing bounds the effect yet"} if not effect.bounded else {}),
        **(msgspec.structs.asdict(effect.events) if effect.events is not None else {}),
    }
    return Evidence(
        check=f"{effect.name} of {effect.variant}" if several else effect.name,
        subject=plan.subject,
        value=effect.estimate,
        low=low,
        high=high,
        n=sum(effect.n) if effect.bounded else 0,
        facts=dict(facts),
        log_digest=digest,
        needs=0,
    )

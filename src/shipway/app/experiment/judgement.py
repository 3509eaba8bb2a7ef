"""What the effects of a look are, and what is shown of each: measured, bounded by the alpha there is, as evidence."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import msgspec

from shipway.app.experiment.statistic import Statistics, capped_effects, load_summaries, load_values
from shipway.app.experiment.unit import REST
from shipway.app.workspace import Workspace
from shipway.core.check import Evidence, Rule
from shipway.core.conclusion import read_interval
from shipway.core.effect import Effect
from shipway.core.experiment import Experiment
from shipway.core.look import Diluted, LookEffect, Role, Unbiased
from shipway.core.trial import Trial, TrialPlan
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


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
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
        information = units / trial.plan.units
        found += [
            Comparison(
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


def gains(plan: TrialPlan, each: Comparison) -> bool:
    """Tell whether an effect has something to be looked at: new units, and alpha that is not spent yet."""
    if not each.before:
        return True
    done = plan.spending != "always_valid" and each.before[-1].information >= 1
    return not done and each.information > each.before[-1].information


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


def _dilute(each: Comparison, reach: float) -> Diluted | None:
    """Return the effect on all units, with an interval as wide as the look's."""
    if each.measured.diluted is None or not all(map(math.isfinite, each.measured.diluted)):
        return None
    estimate, error, share = each.measured.diluted
    return Diluted(estimate=estimate, low=estimate - reach * error, high=estimate + reach * error, share=share)


def _unbias(plan: TrialPlan, each: Comparison, boundary: float) -> Unbiased | None:
    """Return an effect with its looks allowed for; None where the design has no end, or for a guardrail."""
    if plan.spending == "always_valid" or each.role == "guardrail":
        return None
    boundaries = [*(look.boundary for look in each.before), boundary]
    found = unbias(each.effect, each.measured, each.rule.bound, each.fractions, boundaries, plan.alpha)
    if found is None or not all(map(math.isfinite, found)):
        return None
    return Unbiased(estimate=found[0], low=found[1], high=found[2], p=found[3])


def _evidence(plan: TrialPlan, effect: LookEffect, each: Comparison, digest: str, look: int) -> Evidence:
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

"""What a metric of an experiment takes: how it varies in the past, what covariates explain, how clusters are alike."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from shipway.app.experiment.unit import CLUSTER, Floats, measure_units
from shipway.app.workspace import Workspace
from shipway.core.effect import Effect
from shipway.core.error import ShipwayError
from shipway.core.experiment import Experiment, effect_of
from shipway.core.look import Role
from shipway.maths.cap import apply_cap, choose_cap
from shipway.maths.cluster import Clusters, clustered_units, clustered_variance, measure_clusters
from shipway.maths.effect import estimate_term, explained_share, residual_weights, unit_variance
from shipway.maths.power import Aim, detectable_effect, power_of, units_needed
from shipway.maths.quantile import estimate_quantile
from shipway.maths.summary import summarise
from shipway.validation.look import covariates_of, term_of

_LOOKS: Final = 10
"""Looks that a plan reckons with; more of them cost next to nothing."""
_ALWAYS: Final = 1.75
"""How many times the units of a fixed test an always-valid interval takes for the same power (reference/stats 2.3)."""


class PlannedMetric(msgspec.Struct, frozen=True, kw_only=True):
    """What one metric takes.

    Attributes:
        name: the metric's.
        role: whether it is what the experiment is for, or a guardrail.
        text: the rule as it was written.
        value: what it was in the past.
        deviation: how far one unit's part in it is from that, a standard deviation.
        sharpened: by which share the covariates make the variance less.
        cap: what its values are set to where they are above; None where they are not.
        detect: the effect to be found, or for a guardrail its margin; 0 where nobody said.
        relative: whether effects are in parts of the control's value.
        units: units of all variants together that it takes; None where `detect` is 0.
        smallest: the smallest effect that the units of the plan find; infinite for too few clusters to tell any.
        correlation: of two units of one cluster, where clusters are assigned; else 0.
        variation: coefficient of variation of the clusters' sizes, likewise.
        power: probability that the units of the plan show it, where the effect is as great as `detect`, or for a
            guardrail where there is none; None where `detect` is 0.
        unreachable: whether the clusters there are do not find the effect, however many units they have.
    """

    name: str
    role: Role
    text: str
    value: float
    deviation: float
    sharpened: float
    cap: float | None
    detect: float
    relative: bool
    units: int | None
    smallest: float
    correlation: float = 0.0
    variation: float = 0.0
    unreachable: bool = False
    power: float | None = None


def measure_past(workspace: Workspace, experiment: Experiment, units: pl.DataFrame) -> list[PlannedMetric]:
    """Return what each metric takes, given what became of the units of a past; errors as for `plan_experiment`."""
    effects = {rule.check.name: effect_of(rule) for rule in experiment.rules}
    found: dict[str, PlannedMetric] = {}
    for width in dict.fromkeys(each.width_us for each in effects.values()):
        mine = {name: each for name, each in effects.items() if each.width_us == width}
        values = measure_units(workspace, experiment, units, list(mine.values()))
        codes = None if experiment.cluster is None else units[CLUSTER].rank("dense").to_numpy().astype(np.int64)
        for place, rule in enumerate(experiment.rules):
            name = rule.check.name
            if name in mine:
                role: Role = "metric" if place < len(experiment.metrics) else "guardrail"
                columns = values[list(mine).index(name)]
                past = _Past(rule.text, name, role, mine[name], abs(rule.bound), columns, codes)
                found[name] = _plan_metric(experiment, past)
    return [found[rule.check.name] for rule in experiment.rules]


@dataclass(frozen=True, slots=True, eq=False)
class _Past:
    """A metric with its values in the past: columns as `measure_units` gives them, and the cluster of each unit."""

    text: str
    name: str
    role: Role
    effect: Effect
    margin: float
    columns: Floats
    clusters: NDArray[np.int64] | None


def _plan_metric(experiment: Experiment, past: _Past) -> PlannedMetric:
    effect, name, columns = past.effect, past.name, past.columns
    cap = effect.cap
    if effect.winsorise:
        chosen = choose_cap(columns[:, 0], high=effect.winsorise)
        cap, columns = chosen.high, np.column_stack([apply_cap(columns[:, 0], chosen), columns[:, 1:]])
    value, variance, sharpened = _past_of(name, effect, columns)
    detect = effect.detect if past.role == "metric" else past.margin
    if effect.relative and value == 0:
        fact = f"{name} was 0 for all {len(columns):,} units of the past, so an effect in parts of it has no size"
        raise ShipwayError("SW-403", fact, "write relative=False, or measure something that happens")
    absolute = detect * abs(value) if effect.relative else detect
    alike = None if past.clusters is None else _likeness(experiment, effect, columns, past.clusters)
    needed = _needed(experiment, past.role, absolute, variance, alike) if absolute and variance else 0.0
    return PlannedMetric(
        name=name,
        role=past.role,
        text=past.text,
        value=value,
        deviation=math.sqrt(variance),
        sharpened=sharpened,
        cap=cap,
        detect=detect,
        relative=effect.relative,
        units=math.ceil(needed) if needed and math.isfinite(needed) else None,
        smallest=0.0,
        correlation=0.0 if alike is None else alike.correlation,
        variation=0.0 if alike is None else alike.variation,
        unreachable=not math.isfinite(needed),
    )


def _likeness(experiment: Experiment, effect: Effect, columns: Floats, clusters: NDArray[np.int64]) -> Clusters:
    """Return how units of one cluster are alike in their part in a metric, for the clusters of the rarest pair."""
    summary = summarise(columns)
    weights = residual_weights(summary, term_of(effect), covariates_of(effect))
    alike = measure_clusters((columns - summary.mean) @ weights, clusters)
    taken = (1 - experiment.holdout) * experiment.share * _pair_share(experiment)
    return replace(alike, count=alike.count * taken)


def _past_of(name: str, effect: Effect, columns: Floats) -> tuple[float, float, float]:
    """Return a metric's value in the past, the variance of a unit's part in it, and what covariates explain."""
    if effect.kind == "quantile":
        found = estimate_quantile(columns[:, 0], effect.share)
        if not math.isfinite(found.standard_error):
            raise ShipwayError(
                "SW-453", f"{len(columns):,} units are too few for this quantile of {name}", "plan later"
            )
        return found.value, found.standard_error**2 * len(columns), 0.0
    summary, term, covariates = summarise(columns), term_of(effect), covariates_of(effect)
    try:
        value = estimate_term(summary, term).value
    except ValueError as error:
        raise ShipwayError("SW-403", f"{name} cannot be measured: {error}", "measure it over something") from error
    sharpened = explained_share(summary, term, covariates) if covariates else 0.0
    return value, unit_variance(summary, term, covariates), sharpened


def with_smallest(metric: PlannedMetric, experiment: Experiment, units: int, clusters: int) -> PlannedMetric:
    """Return a metric with the smallest effect that a number of units finds."""
    pair = units * _pair_share(experiment)
    if metric.deviation == 0 or pair < 2:
        return metric
    aim, variance = _aim(experiment, metric.role), metric.deviation**2
    if clusters:
        count = clusters * (1 - experiment.holdout) * experiment.share * _pair_share(experiment)
        variance = clustered_variance(pair, aim, variance, Clusters(count, metric.correlation, metric.variation))
    fixed = pair / _factor(experiment)
    smallest = detectable_effect(fixed, aim, variance)
    effect = metric.detect * abs(metric.value) if metric.relative else metric.detect
    shown = power_of(effect, fixed, aim, variance) if effect and math.isfinite(variance) else 0.0
    return msgspec.structs.replace(
        metric,
        smallest=smallest / abs(metric.value) if metric.relative else smallest,
        power=shown if metric.detect else None,
    )


def launch_power(metrics: Sequence[PlannedMetric]) -> float | None:
    """Return how likely a variant is at least to be launched that is as good as planned and does no harm.

    It takes a metric that is shown better and all guardrails shown safe, each of which may fail to be shown by itself:
    one less the sum of those probabilities (Bonferroni), however metrics depend on each other. That each has a power of
    80 % is not 80 % for all (Schultzberg, Ankargren and Frånberg 2024, "Risk-aware product decisions in A/B tests with
    multiple metrics").

    Returns:
        None where no metric says what is worth finding.
    """
    found = [each.power for each in metrics if each.role == "metric" and each.power is not None]
    guarded = [0.0 if each.power is None else each.power for each in metrics if each.role == "guardrail"]
    return max(0.0, max(found) - sum(1 - power for power in guarded)) if found else None


def _needed(experiment: Experiment, role: Role, effect: float, variance: float, alike: Clusters | None) -> float:
    aim = _aim(experiment, role)
    if alike is None:
        return units_needed(effect, aim, variance) * _factor(experiment) / _pair_share(experiment)
    # More units of the same clusters add ever less, so what a design takes more is asked of the effect.
    return clustered_units(effect / math.sqrt(_factor(experiment)), aim, variance, alike) / _pair_share(experiment)


def _aim(experiment: Experiment, role: Role) -> Aim:
    """Return what a comparison of the control with the rarest variant is to achieve."""
    design, weights = experiment.design, list(experiment.variants.values())
    alpha = design.alpha / (len(experiment.metrics) * len(experiment.treatments) if role == "metric" else 1)
    rarest = min(weights[1:])
    looks = 1 if design.spending == "always_valid" else _LOOKS
    spending = "pocock" if design.spending == "pocock" else "obrien-fleming"
    return Aim(alpha, design.power, share=rarest / (weights[0] + rarest), looks=looks, spending=spending)


def _pair_share(experiment: Experiment) -> float:
    """Return the share of all units that are in the control or the rarest variant."""
    weights = list(experiment.variants.values())
    return (weights[0] + min(weights[1:])) / sum(weights)


def _factor(experiment: Experiment) -> float:
    return _ALWAYS if experiment.design.spending == "always_valid" else 1.0

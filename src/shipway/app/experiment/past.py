"""What a metric of an experiment takes: how it varies in the past, what covariates explain, how clusters are alike."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from shipway.app.experiment.aim import aim_of, pair_share, price_of
from shipway.app.experiment.event import plan_event, with_smallest_event
from shipway.app.experiment.planned import PlannedMetric
from shipway.app.experiment.unit import CLUSTER, Floats, measure_units
from shipway.app.workspace import Workspace
from shipway.core.check import Rule
from shipway.core.effect import Effect, Role
from shipway.core.error import ShipwayError
from shipway.core.experiment import Experiment, effect_of
from shipway.maths.cap import apply_cap, choose_cap
from shipway.maths.cluster import Clusters, clustered_units, clustered_variance, measure_clusters
from shipway.maths.effect import estimate_term, explained_share, residual_weights, unit_variance
from shipway.maths.power import detectable_effect, power_of, units_needed
from shipway.maths.quantile import estimate_quantile
from shipway.maths.stratum import stratify
from shipway.maths.summary import summarise
from shipway.validation.experiment import name_slices
from shipway.validation.look import covariates_of, term_of


def measure_past(workspace: Workspace, experiment: Experiment, units: pl.DataFrame) -> list[PlannedMetric]:
    """Return what each metric takes, given what became of the units of a past; errors as for `plan_experiment`."""
    effects = {rule.check.name: effect_of(rule) for rule in experiment.rules}
    strata = _strata_of(experiment, units)
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
                past = _Past(rule, name, role, mine[name], abs(rule.bound), columns, codes, strata)
                found[name] = _plan_metric(experiment, past)
    return [found[rule.check.name] for rule in experiment.rules]


@dataclass(frozen=True, slots=True, eq=False)
class _Past:
    """A metric with its values in the past: columns as `measure_units` gives them, cluster and stratum of each unit."""

    rule: Rule
    name: str
    role: Role
    effect: Effect
    margin: float
    columns: Floats
    clusters: NDArray[np.int64] | None
    strata: NDArray[np.str_] | None


def _plan_metric(experiment: Experiment, past: _Past) -> PlannedMetric:
    effect, name, columns = past.effect, past.name, past.columns
    if effect.kind == "rare":
        return plan_event(experiment, past.rule, past.role, columns[:, 0])
    cap = effect.cap
    if effect.winsorise:
        chosen = choose_cap(columns[:, 0], high=effect.winsorise)
        cap, columns = chosen.high, np.column_stack([apply_cap(columns[:, 0], chosen), columns[:, 1:]])
    value, variance, sharpened = _past_of(name, effect, columns, past.strata)
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
        text=past.rule.text,
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
    taken = experiment.taken * pair_share(experiment)
    return replace(alike, count=alike.count * taken)


def _strata_of(experiment: Experiment, units: pl.DataFrame) -> NDArray[np.str_] | None:
    """Return the stratum of each unit; None where there are none, or what plays the exposures does not tell them."""
    if not experiment.strata or experiment.strata not in units.columns:
        return None
    return name_slices(units, experiment.strata)


def _past_of(name: str, effect: Effect, columns: Floats, strata: NDArray[np.str_] | None) -> tuple[float, float, float]:
    """Return a metric's value in the past, the variance of a unit's part in it, and what covariates explain."""
    if effect.kind == "quantile":
        found = estimate_quantile(columns[:, 0], effect.share)
        if not math.isfinite(found.standard_error):
            raise ShipwayError(
                "SW-453", f"{len(columns):,} units are too few for this quantile of {name}", "plan later"
            )
        return found.value, found.standard_error**2 * len(columns), 0.0
    summary, term, covariates = summarise(columns), term_of(effect), covariates_of(effect)
    if strata is not None:
        each = {str(value): summarise(columns[strata == value]) for value in np.unique(strata)}
        [summary], told = stratify((each,))
        covariates = [*covariates, *told]
    try:
        value = estimate_term(summary, term).value
    except ValueError as error:
        raise ShipwayError("SW-403", f"{name} cannot be measured: {error}", "measure it over something") from error
    sharpened = explained_share(summary, term, covariates) if covariates else 0.0
    return value, unit_variance(summary, term, covariates), sharpened


def with_smallest(metric: PlannedMetric, experiment: Experiment, units: int, clusters: int) -> PlannedMetric:
    """Return a metric with the smallest effect that a number of units finds."""
    if metric.events:
        rule = next(rule for rule in experiment.rules if rule.check.name == metric.name)
        return with_smallest_event(metric, experiment, rule, units)
    pair = units * pair_share(experiment)
    if metric.deviation == 0 or pair < 2:
        return metric
    aim, variance = aim_of(experiment, metric.role), metric.deviation**2
    if clusters:
        count = clusters * experiment.taken * pair_share(experiment)
        variance = clustered_variance(pair, aim, variance, Clusters(count, metric.correlation, metric.variation))
    fixed = pair / price_of(experiment)
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
    aim = aim_of(experiment, role)
    if alike is None:
        return units_needed(effect, aim, variance) * price_of(experiment) / pair_share(experiment)
    # More units of the same clusters add ever less, so what a design takes more is asked of the effect.
    return clustered_units(effect / math.sqrt(price_of(experiment)), aim, variance, alike) / pair_share(experiment)

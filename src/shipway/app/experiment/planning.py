"""What an experiment would take, before it begins: measured on the past, as if it had begun then.

Units that met the exposures' stream in a period that is over play the experiment's; their metrics, how much of them the
covariates foretell, and how many units came each day are what the plan rests on.
"""

import math
from contextlib import closing
from typing import Final

import msgspec
import numpy as np
import polars as pl

from shipway.app.experiment.question import find_experiment
from shipway.app.experiment.unit import MET, find_units, measure_units, read_exposures
from shipway.app.project import Project
from shipway.app.workspace import Workspace
from shipway.core.effect import Effect
from shipway.core.error import ShipwayError
from shipway.core.experiment import Experiment, effect_of
from shipway.core.trial import PlannedRule, Role
from shipway.kit.duration import DAY as DAY_US
from shipway.kit.duration import format_duration
from shipway.maths.cap import apply_cap, choose_cap
from shipway.maths.effect import estimate_term, explained_share, unit_variance
from shipway.maths.power import Aim, detectable_effect, units_needed
from shipway.maths.quantile import estimate_quantile
from shipway.maths.summary import summarise
from shipway.validation.experiment import DAY
from shipway.validation.look import covariates_of, term_of

LEAST_PAST: Final = 100
"""Units of the past below which nothing is planned from them."""
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
        smallest: the smallest effect that the units of the plan find.
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


class ExperimentPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What an experiment would take.

    Attributes:
        experiment: its name.
        since: begin of the past that it was measured on, microseconds since 1970 UTC.
        until: its end.
        past: units that met the stream in it.
        metrics: what each metric takes.
        units: the largest number of units, of all variants together, that the design looks at.
        days: how many days it takes them in; None where it would not get so many.
        most_days: how many days the design allows.
        reachable: units that come in those.
        watched_us: how long each unit is watched, by the slowest metric.
        arrivals: units that come until the end of each day, from the first on.
        reason: why it would not find its effect; empty where it would.
    """

    experiment: str
    since: int
    until: int
    past: int
    metrics: tuple[PlannedMetric, ...]
    units: int
    days: int | None
    most_days: int
    reachable: int
    watched_us: int
    arrivals: tuple[int, ...]
    reason: str

    @property
    def enough(self) -> bool:
        """Tell whether the experiment would find what it is for."""
        return not self.reason


def plan_experiment(project: Project, name: str, at: int | None = None) -> ExperimentPlan:
    """Plan an experiment on what is known at an instant.

    Args:
        project: whose.
        name: the experiment.
        at: domain time it would begin; the project's present where None.

    Raises:
        ShipwayError: SW-104 for an experiment that is not declared, SW-401 if no data was admitted, SW-453 where the
            past has too few units to plan with; what building frames refuses.
    """
    experiment = find_experiment(project, name)
    with closing(Workspace(project)) as workspace:
        return make_plan(workspace, experiment, workspace.now if at is None else at)


def make_plan(workspace: Workspace, experiment: Experiment, at: int) -> ExperimentPlan:
    """Plan an experiment; errors as for `plan_experiment`."""
    stream = experiment.history or experiment.exposed
    until = at - experiment.width_us
    since = until - experiment.design.most_us
    exposures = read_exposures(workspace, experiment, stream, since, until)
    units = find_units(exposures, experiment, workspace.project.config.project.timezone)
    if units.height < LEAST_PAST:
        span = format_duration(experiment.design.most_us)
        fact = f"{units.height:,} units met {stream.name} in the {span} that are over, too few to plan with"
        hint = "name a stream that has a past, history=..., or begin with --units"
        raise ShipwayError("SW-453", fact, hint)
    first = int(exposures[MET].min())  # pyright: ignore[reportArgumentType]
    most_days = max(1, experiment.design.most_us // DAY_US)
    arrivals = _arrivals(units, experiment, most_days)
    measured = _measure(workspace, experiment, units)
    wanted = [each for each in measured if each.units is not None]
    needed = max((each.units or 0 for each in wanted), default=0)
    reachable = arrivals[-1]
    days = next((day + 1 for day, n in enumerate(arrivals) if n >= needed), None) if needed else None
    total = needed or reachable
    return ExperimentPlan(
        experiment=experiment.name,
        since=max(since, first),
        until=until,
        past=units.height,
        metrics=tuple(_with_smallest(each, experiment, total) for each in measured),
        units=total,
        days=days,
        most_days=most_days,
        reachable=reachable,
        watched_us=experiment.width_us,
        arrivals=tuple(arrivals),
        reason=_reason(needed, days, reachable, most_days),
    )


def plan_rules(experiment: Experiment, plan: ExperimentPlan | None) -> tuple[PlannedRule, ...]:
    """Return the rules of an experiment as they are registered, with the caps that the past gave.

    Raises:
        ShipwayError: SW-453 for a metric that is winsorised at a share of a past that there is not.
    """
    caps = {each.name: each.cap for each in plan.metrics} if plan is not None else {}
    rules: list[PlannedRule] = []
    for place, rule in enumerate(experiment.rules):
        effect, name = effect_of(rule), rule.check.name
        if effect.winsorise and name not in caps:
            fact = f"{name} is winsorised at a share of the past, and there is none"
            raise ShipwayError("SW-453", fact, "write cap= in place of winsorise=")
        rules.append(
            PlannedRule(
                name=name,
                role="metric" if place < len(experiment.metrics) else "guardrail",
                text=rule.text,
                cap=caps.get(name, effect.cap),
                detect=effect.detect,
                relative=effect.relative,
            )
        )
    return tuple(rules)


def _arrivals(units: pl.DataFrame, experiment: Experiment, most_days: int) -> list[int]:
    """Return how many units an experiment would have taken in by the end of each day.

    Days that the past does not have go on as the last week of it went.
    """
    share = (1 - experiment.holdout) * experiment.share
    first = int(units[DAY].min())  # pyright: ignore[reportArgumentType]
    counts = np.bincount(units[DAY].to_numpy() - first)
    if counts.size < most_days:
        counts = np.concatenate([counts, np.full(most_days - counts.size, counts[-7:].mean())])
    return [int(n) for n in np.floor(np.cumsum(counts[:most_days]) * share)]


def _measure(workspace: Workspace, experiment: Experiment, units: pl.DataFrame) -> list[PlannedMetric]:
    effects = {rule.check.name: effect_of(rule) for rule in experiment.rules}
    found: dict[str, PlannedMetric] = {}
    for width in dict.fromkeys(each.width_us for each in effects.values()):
        mine = {name: each for name, each in effects.items() if each.width_us == width}
        values = measure_units(workspace, experiment, units, list(mine.values()))
        for place, rule in enumerate(experiment.rules):
            name = rule.check.name
            if name in mine:
                role: Role = "metric" if place < len(experiment.metrics) else "guardrail"
                columns = values[list(mine).index(name)]
                found[name] = _plan_metric(experiment, rule.text, name, role, mine[name], columns, abs(rule.bound))
    return [found[rule.check.name] for rule in experiment.rules]


def _plan_metric(
    experiment: Experiment,
    text: str,
    name: str,
    role: Role,
    effect: Effect,
    columns: np.ndarray[tuple[int, int], np.dtype[np.float64]],
    margin: float,
) -> PlannedMetric:
    cap = effect.cap
    if effect.winsorise:
        chosen = choose_cap(columns[:, 0], high=effect.winsorise)
        cap, columns = chosen.high, np.column_stack([apply_cap(columns[:, 0], chosen), columns[:, 1:]])
    value, variance, sharpened = _past_of(name, effect, columns)
    detect = effect.detect if role == "metric" else margin
    if effect.relative and value == 0:
        fact = f"{name} was 0 for all {len(columns):,} units of the past, so an effect in parts of it has no size"
        raise ShipwayError("SW-403", fact, "write relative=False, or measure something that happens")
    absolute = detect * abs(value) if effect.relative else detect
    return PlannedMetric(
        name=name,
        role=role,
        text=text,
        value=value,
        deviation=math.sqrt(variance),
        sharpened=sharpened,
        cap=cap,
        detect=detect,
        relative=effect.relative,
        units=math.ceil(_needed(experiment, role, absolute, variance)) if absolute and variance else None,
        smallest=0.0,
    )


def _past_of(
    name: str, effect: Effect, columns: np.ndarray[tuple[int, int], np.dtype[np.float64]]
) -> tuple[float, float, float]:
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


def _with_smallest(metric: PlannedMetric, experiment: Experiment, units: int) -> PlannedMetric:
    """Return a metric with the smallest effect that a number of units finds."""
    pair = units * _pair_share(experiment)
    if metric.deviation == 0 or pair < 2:
        return metric
    smallest = detectable_effect(pair / _factor(experiment), _aim(experiment, metric.role), metric.deviation**2)
    return msgspec.structs.replace(metric, smallest=smallest / abs(metric.value) if metric.relative else smallest)


def _needed(experiment: Experiment, role: Role, effect: float, variance: float) -> float:
    pair = units_needed(effect, _aim(experiment, role), variance) * _factor(experiment)
    return pair / _pair_share(experiment)


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


def _reason(needed: int, days: int | None, reachable: int, most_days: int) -> str:
    if not needed:
        return ""
    if days is None:
        longer = f", about {math.ceil(most_days * needed / reachable):,} days" if reachable else ""
        return f"{needed:,} units are needed{longer}, and {reachable:,} come in the {most_days} days that it may take"
    return ""

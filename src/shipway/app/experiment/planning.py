"""What an experiment would take, before it begins: measured on the past, as if it had begun then.

Units that met the exposures' stream in a period that is over play the experiment's; their metrics, how much of them the
covariates foretell, and how many units came each day are what the plan rests on.
"""

import math
from collections.abc import Sequence
from contextlib import closing
from typing import Final

import msgspec
import numpy as np
import polars as pl

from shipway.app.experiment.answer import find_service, say_short
from shipway.app.experiment.event import plan_events
from shipway.app.experiment.meeting import past_units
from shipway.app.experiment.past import launch_power, measure_past, with_smallest
from shipway.app.experiment.planned import PlannedMetric
from shipway.app.experiment.question import find_experiment
from shipway.app.experiment.unit import CLUSTER, MET
from shipway.app.project import Project
from shipway.app.workspace import Workspace
from shipway.core.check import Rule
from shipway.core.effect import Role
from shipway.core.error import ShipwayError
from shipway.core.experiment import Answers, Experiment, effect_of
from shipway.core.trial import PlannedRule
from shipway.kit.duration import DAY as DAY_US
from shipway.kit.duration import format_duration
from shipway.validation.experiment import DAY

LEAST_PAST: Final = 100
"""Units of the past below which nothing is planned from them."""


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
        clusters: clusters that there are; 0 where units are assigned one by one.
        launch: how likely a variant that is as good as planned, and harms no guardrail, is launched at least; None
            where no metric says what is worth finding, or nothing tells how many units one takes.
        without: the column of the strata, where what plays the exposures does not have it, so that nothing tells what
            its groups explain; empty where it does, or there are no strata.
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
    clusters: int = 0
    launch: float | None = None
    without: str = ""

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
    exposed = experiment.exposed
    service = find_service(workspace, workspace.peek(), experiment, exposed) if isinstance(exposed, Answers) else None
    units = past_units(workspace, experiment, since, until)
    if units.height < LEAST_PAST:
        span = format_duration(experiment.design.most_us)
        fact = f"{units.height:,} units met {stream.name} in the {span} that are over, too few to plan with"
        hint = "name a stream that has a past, history=..., or begin with --units"
        raise ShipwayError("SW-453", fact, hint)
    first = int(units[MET].min())  # pyright: ignore[reportArgumentType]
    most_days = max(1, experiment.design.most_us // DAY_US)
    arrivals = _arrivals(units, experiment, most_days)
    measured = measure_past(workspace, experiment, units)
    clusters = 0 if experiment.cluster is None else units[CLUSTER].n_unique()
    needed = max((each.units or 0 for each in measured), default=0)
    reachable = arrivals[-1]
    days = next((day + 1 for day, n in enumerate(arrivals) if n >= needed), None) if needed else None
    lost = [each for each in measured if each.unreachable]
    total = reachable if lost else needed or reachable
    found = [with_smallest(each, experiment, total, clusters) for each in measured]
    taken = most_days if days is None else days
    untold = next((each.untold for each in measured if each.untold), "")
    # A step that the experiment holds lasts as long as that takes.
    goes_on = service is not None and isinstance(exposed, Answers) and not exposed.holds
    short = say_short(service, at, taken * DAY_US + experiment.width_us) if service is not None and goes_on else ""
    return ExperimentPlan(
        experiment=experiment.name,
        since=max(since, first),
        until=until,
        past=units.height,
        metrics=tuple(found),
        units=total,
        days=days,
        most_days=most_days,
        reachable=reachable,
        watched_us=experiment.width_us,
        arrivals=tuple(arrivals),
        reason=_say_lost(lost, found, clusters) or _reason(needed, days, reachable, most_days) or untold or short,
        clusters=clusters,
        launch=None if untold else launch_power(found),
        without=experiment.strata if experiment.strata not in units.columns else "",
    )


def plan_rules(experiment: Experiment, plan: ExperimentPlan | None) -> tuple[PlannedRule, ...]:
    """Return the rules of an experiment as they are registered, with the caps that the past gave.

    Raises:
        ShipwayError: SW-453 for a metric that is winsorised at a share of a past that there is not.
    """
    caps = {each.name: each.cap for each in plan.metrics} if plan is not None else {}
    rules: list[PlannedRule] = []
    asked: list[tuple[Rule, Role]] = [
        *((rule, "metric") for rule in experiment.metrics),
        *((rule, "guardrail") for rule in experiment.guardrails),
    ]
    # What takes too many events has no plan at all, so that is said before anything that rests on one.
    events = {
        rule.check.name: plan_events(experiment, rule, role) for rule, role in asked if effect_of(rule).kind == "rare"
    }
    for rule, role in asked:
        effect, name = effect_of(rule), rule.check.name
        if effect.winsorise and name not in caps:
            fact = f"{name} is winsorised at a share of the past, which is none that can be planned with"
            raise ShipwayError("SW-453", fact, "write cap= in place of winsorise=")
        rules.append(
            PlannedRule(
                name=name,
                role=role,
                text=rule.text,
                cap=caps.get(name, effect.cap),
                detect=effect.detect,
                relative=effect.relative,
                events=events.get(name, 0),
            )
        )
    return tuple(rules)


def _arrivals(units: pl.DataFrame, experiment: Experiment, most_days: int) -> list[int]:
    """Return how many units an experiment would have taken in by the end of each day.

    Days that the past does not have go on as the last week of it went.
    """
    share = experiment.taken
    first = int(units[DAY].min())  # pyright: ignore[reportArgumentType]
    counts = np.bincount(units[DAY].to_numpy() - first)
    if counts.size < most_days:
        counts = np.concatenate([counts, np.full(most_days - counts.size, counts[-7:].mean())])
    return [int(n) for n in np.floor(np.cumsum(counts[:most_days]) * share)]


def _say_lost(lost: Sequence[PlannedMetric], found: Sequence[PlannedMetric], clusters: int) -> str:
    """Return that the clusters there are do not find an effect; empty where they do."""
    if not lost:
        return ""
    smallest = {each.name: each.smallest for each in found}
    first = lost[0]
    of = "" if not math.isfinite(smallest[first.name]) else f"; they find {_write(smallest[first.name], first)} or more"
    return (
        f"{clusters:,} clusters do not find {_write(first.detect, first)} of {first.name}, however many units"
        f" they have{of}"
    )


def _write(size: float, metric: PlannedMetric) -> str:
    return f"{size:.1%}" if metric.relative else f"{size:.3g}"


def _reason(needed: int, days: int | None, reachable: int, most_days: int) -> str:
    if not needed:
        return ""
    if days is None:
        longer = f", about {math.ceil(most_days * needed / reachable):,} days" if reachable else ""
        return f"{needed:,} units are needed{longer}, and {reachable:,} come in the {most_days} days that it may take"
    return ""

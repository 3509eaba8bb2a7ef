"""What a rare event of an experiment takes: events by its design alone, and units by how often it happened before."""

import math

import msgspec
import numpy as np

from shipway.app.experiment.aim import aim_of, pair_share, price_of
from shipway.app.experiment.planned import PlannedMetric
from shipway.app.experiment.unit import Floats
from shipway.core.check import Rule
from shipway.core.effect import Role
from shipway.core.error import ShipwayError
from shipway.core.experiment import Experiment, effect_of
from shipway.maths.power import MOST_EVENTS, detectable_ratio, events_needed, events_power, expected_events


def plan_events(experiment: Experiment, rule: Rule, role: Role) -> int:
    """Return how many events of the control and the rarest variant show what a rule asks, however rare they are.

    Args:
        experiment: whose.
        rule: what is asked of a rare event.
        role: whether it is what the experiment is for, or a guardrail.

    Raises:
        ShipwayError: SW-453 where it takes so many events that they are not rare.
    """
    aim = aim_of(experiment, role)
    try:
        events = math.ceil(events_needed(_truth(rule, role), aim, 1 + rule.bound) * price_of(experiment))
    except ValueError:
        events = MOST_EVENTS + 1
    if events > MOST_EVENTS:
        fact = f"{rule.text} takes more than {MOST_EVENTS:,} events, which are not rare"
        raise ShipwayError("SW-453", fact, "drop rare=True, and give a condition its mean")
    return events


def plan_event(experiment: Experiment, rule: Rule, role: Role, happened: Floats) -> PlannedMetric:
    """Return what a rare event takes, given to which units of a past it happened.

    Units are as many as bring the events with the probability of the design's power; events end it where they come
    sooner. Where it happened to none of the past, nothing tells how many units that is.

    Args:
        experiment: whose.
        rule: what is asked of it.
        role: as for `plan_events`.
        happened: float64[units], 1 for a unit to which it happened, else 0.

    Raises:
        ShipwayError: SW-453 where it takes too many events.
    """
    name, events = rule.check.name, plan_events(experiment, rule, role)
    rate = float(np.mean(happened))
    units, untold = None, ""
    if rate:
        expected = expected_events(events, experiment.design.power)
        units = math.ceil(expected / (rate * _mix(experiment, rule, role)) / pair_share(experiment))
    else:
        untold = (
            f"{name} happened to none of {happened.size:,} units of the past, so nothing tells how long events take"
        )
    return PlannedMetric(
        name=name,
        role=role,
        text=rule.text,
        value=rate,
        deviation=math.sqrt(rate * (1 - rate)),
        sharpened=0.0,
        cap=None,
        detect=effect_of(rule).detect if role == "metric" else abs(rule.bound),
        relative=True,
        units=units,
        smallest=0.0,
        events=events,
        untold=untold,
    )


def with_smallest_event(metric: PlannedMetric, experiment: Experiment, rule: Rule, pair: float) -> PlannedMetric:
    """Return a rare event with the smallest effect that a number of units finds, and how likely they find the planned.

    Args:
        metric: as `plan_event` gives it.
        experiment: whose.
        rule: what is asked of it.
        pair: units of the control and the rarest variant.
    """
    aim, price = aim_of(experiment, metric.role), price_of(experiment)
    events = round(min(metric.events, pair * metric.value * _mix(experiment, rule, metric.role)) / price)
    if not events:
        return msgspec.structs.replace(metric, smallest=math.inf, power=0.0)
    truth, null = _truth(rule, metric.role), 1 + rule.bound
    up = (truth > null) if metric.role == "metric" else null > 1
    margin = metric.role == "guardrail"
    smallest = detectable_ratio(events, aim, up=up, null=null, margin=margin)
    return msgspec.structs.replace(
        metric,
        smallest=math.inf if smallest is None else abs(smallest - (1 if margin else null)),
        power=events_power(events, truth, aim, null),
    )


def _truth(rule: Rule, role: Role) -> float:
    """Return how many times as often it happens where a rule holds: as planned, or as often for a guardrail."""
    if role == "guardrail":
        return 1.0
    detect = effect_of(rule).detect
    return 1 + rule.bound + (detect if rule.op in (">", ">=") else -detect)


def _mix(experiment: Experiment, rule: Rule, role: Role) -> float:
    """Return how many times as often it then happens to the units of the control and the rarest variant together."""
    share = aim_of(experiment, role).share
    return 1 - share + share * _truth(rule, role)

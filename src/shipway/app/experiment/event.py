"""What a rare event of an experiment takes: events by its design alone, and units by how often it happened before."""

import math

import msgspec
import numpy as np

from shipway.app.experiment.aim import aim_of, aims_of, pair_share, price_of
from shipway.app.experiment.planned import PlannedMetric
from shipway.app.experiment.unit import Floats
from shipway.core.check import Rule
from shipway.core.effect import Role
from shipway.core.error import ShipwayError
from shipway.core.experiment import Experiment, effect_of
from shipway.maths.power import MOST_EVENTS, detectable_ratio, events_needed, events_power, expected_events


def plan_events(experiment: Experiment, rule: Rule, role: Role) -> int:
    """Return how many events of the control and a variant, whichever it is, show what a rule asks, however rare.

    Args:
        experiment: whose.
        rule: what is asked of a rare event.
        role: whether it is what the experiment is for, or a guardrail.

    Raises:
        ShipwayError: SW-453 where it takes so many events that they are not rare.
    """
    truth, null = _truth(rule, role), 1 + rule.bound
    try:
        needed = max(events_needed(truth, aim, null) for aim, _ in aims_of(experiment, role))
        events = math.ceil(needed * price_of(experiment))
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
        # The control and the rarest variant have the fewest units of all pairs, so that they bring the events last.
        aim, truth = aim_of(experiment, role), _truth(rule, role)
        often = rate * (1 - aim.share + aim.share * truth) * pair_share(experiment)
        units = math.ceil(expected_events(events, experiment.design.power) / often)
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


def with_smallest_event(metric: PlannedMetric, experiment: Experiment, rule: Rule, units: float) -> PlannedMetric:
    """Return a rare event with the smallest effect that a number of units finds, and how likely they find the planned.

    Of several variants it is what is told of the one of which least is.

    Args:
        metric: as `plan_event` gives it.
        experiment: whose.
        rule: what is asked of it.
        units: of all variants together.
    """
    truth, null, price = _truth(rule, metric.role), 1 + rule.bound, price_of(experiment)
    margin = metric.role == "guardrail"
    up = null > 1 if margin else truth > null
    smallest, power = 0.0, 1.0
    for aim, part in aims_of(experiment, metric.role):
        come = units * part * metric.value * (1 - aim.share + aim.share * truth)
        events = round(min(metric.events, come) / price)
        found = detectable_ratio(events, aim, up=up, null=null, margin=margin) if events else None
        smallest = max(smallest, math.inf if found is None else abs(found - (1 if margin else null)))
        power = min(power, events_power(events, truth, aim, null) if events else 0.0)
    return msgspec.structs.replace(metric, smallest=smallest, power=power)


def _truth(rule: Rule, role: Role) -> float:
    """Return how many times as often it happens where a rule holds: as planned, or as often for a guardrail."""
    if role == "guardrail":
        return 1.0
    detect = effect_of(rule).detect
    return 1 + rule.bound + (detect if rule.op in (">", ">=") else -detect)

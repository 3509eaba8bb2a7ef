"""Which setting of servers holds an objective at the least cost, of those whose capacity was measured."""

import math
from collections.abc import Sequence

from shipway.core.capacity import Advice, Objective, Setting, Trial
from shipway.core.latency import Machine


def price_trial(
    setting: Setting,
    capacity: float,
    *,
    rate: float,
    spare: float,
    price: float,
    together: float | None = None,
    short: bool = False,
) -> Trial:
    """Return what a setting costs that has to answer a rate.

    Args:
        setting: how a group of servers is run.
        capacity: the largest rate at which the objective holds for one group.
        rate: what has to be answered, requests a second.
        spare: which share of the capacity is left free, for a rate that is not steady.
        price: of a core an hour.
        together: requests that were predicted together, as it was measured.
        short: whether there is no capacity for nothing but want of requests.
    """
    copies = math.ceil(rate / (capacity * (1 - spare)) - 1e-9) if capacity > 0 else 0
    cores = copies * setting.cores
    cost = cores * price if copies else math.inf
    return Trial(setting=setting, rate=capacity, together=together, copies=copies, cores=cores, cost=cost, short=short)


def advise(
    target: str,
    objective: Objective,
    trials: Sequence[Trial],
    *,
    rate: float,
    spare: float,
    price: float,
    machine: Machine,
) -> Advice:
    """Return which setting to take: of those that hold the objective the cheapest, of equals that with the most room.

    Args:
        target: what was asked.
        objective: what has to hold.
        trials: of every setting.
        rate: as for `price_trial`.
        spare: as for `price_trial`.
        price: as for `price_trial`.
        machine: where the capacities were measured.
    """
    ranked = sorted(trials, key=lambda each: (each.cost, each.cores, -each.rate * max(each.copies, 1)))
    return Advice(
        target=target,
        objective=objective,
        rate=rate,
        spare=spare,
        price=price,
        trials=tuple(ranked),
        said=_say(objective, ranked, rate, spare),
        machine=machine,
    )


def _say(objective: Objective, ranked: Sequence[Trial], rate: float, spare: float) -> str:
    best = ranked[0]
    if not best.copies and any(each.short for each in ranked):
        return f"{objective.said} is not shown of any setting for want of requests: try each rate for longer."
    if not best.copies:
        return f"No setting that was tried holds {objective.said} at any rate."
    times = "once" if best.copies == 1 else f"{best.copies} times"
    said = (
        f"Run {best.setting.said}, {times}: {best.cores} core{'s' if best.cores > 1 else ''} "
        f"for {best.cost:,.4g} an hour hold {objective.said} at {rate:,.6g} requests/s, with {spare:.0%} to spare."
    )
    worst = next((each for each in reversed(ranked) if each.copies and each.cost > best.cost), None)
    if worst is None:
        return said
    return f"{said} The dearest, {worst.setting.said}, would cost {worst.cost / best.cost:.3g} times as much."

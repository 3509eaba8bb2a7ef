"""What decisions cost that are taken on predicted probabilities, for every threshold and for several actions.

`y` is bool[n], `p` is float64[n] of 0 to 1. The unit is that of the costs throughout.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shipway.maths.metric import Costs

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class CostCurve:
    """What a row costs on average if one acts above each of some thresholds.

    Attributes:
        cost: float64[k], the mean cost of a row.
        share_acted: float64[k], the share of rows acted on.
    """

    cost: Floats
    share_acted: Floats


def cost_curve(y: Bools, p: Floats, costs: Costs, thresholds: Floats) -> CostCurve:
    """Return what acting above each threshold costs; one sort and running sums give all of them.

    Args:
        y: what happened.
        p: what was predicted; one equal to a threshold is not acted on.
        costs: what each outcome costs.
        thresholds: float64[k], in any order.

    Raises:
        ValueError: if there are no rows or the columns differ in length.
    """
    if y.ndim != 1 or y.shape != p.shape or not y.size:
        raise ValueError(f"y {y.shape} and p {p.shape} are not two columns of one length with rows")
    order = np.argsort(p, kind="stable")
    ordered, happened = p[order], np.r_[0, np.cumsum(y[order])]
    skipped: Ints = np.asarray(np.searchsorted(ordered, thresholds, side="right"), dtype=np.int64)
    skipped_true = happened[skipped]
    acted_true, acted = happened[-1] - skipped_true, p.size - skipped
    total = (
        costs.skip_if_true * skipped_true
        + costs.skip_if_false * (skipped - skipped_true)
        + costs.act_if_true * acted_true
        + costs.act_if_false * (acted - acted_true)
    )
    return CostCurve(total / p.size, acted / p.size)


def choose_actions(p: Floats, costs: Floats) -> Ints:
    """Return the action of least expected cost for each row, the first of equal ones.

    The rule of Bayes for a matrix of costs (Elkan 2001, "The Foundations of Cost-Sensitive Learning", section 1).

    Args:
        p: float64[n], the probability that it happens.
        costs: float64[a, 2], what each action costs where it does not happen and where it does.

    Returns:
        int64[n], places in `costs`.
    """
    expected = costs[:, 0] + p[:, None] * (costs[:, 1] - costs[:, 0])
    return expected.argmin(axis=1).astype(np.int64, copy=False)


def choose_by_class(p: Floats, costs: Floats) -> Ints:
    """Return the action of least expected cost over classes for each row, the first of equal ones.

    Args:
        p: float64[n, k], the probability of each class.
        costs: float64[a, k], what each action costs where each class happens.

    Returns:
        int64[n], places in `costs`.
    """
    # Sums of a row, not a matrix product, so that no number of threads decides between equal actions.
    expected = np.stack([(p * row).sum(axis=1) for row in costs], axis=1)
    return expected.argmin(axis=1).astype(np.int64, copy=False)


def cost_of_actions(y: Bools | Ints, action: Ints, costs: Floats) -> Floats:
    """Return what each row cost, float64[n], given the action taken on it and the condition, or class, that came."""
    return costs[action, y.astype(np.intp)]


def find_bounds(costs: Floats) -> list[tuple[float, int]]:
    """Return from which probability on each action is the cheapest, ascending, without those that never are.

    The expected costs are lines over the probability; the cheapest is their lower envelope, from 0 to 1.

    Returns:
        `(probability, place in costs)`; the first stands at 0.
    """
    found, at = list[tuple[float, int]](), 0.0
    slope = costs[:, 1] - costs[:, 0]
    here = int(np.lexsort((slope, costs[:, 0]))[0])
    while True:
        found.append((at, here))
        steeper = np.flatnonzero(slope < slope[here])
        if not steeper.size:
            return found
        crossing = (costs[steeper, 0] - costs[here, 0]) / (slope[here] - slope[steeper])
        nearest = np.lexsort((slope[steeper], crossing))[0]
        at, here = float(crossing[nearest]), int(steeper[nearest])
        if at >= 1:
            return found

"""Metrics as a number and how much each row moves it, so that one clustered interval serves all of them.

A smooth statistic moves, to first order, by the sum of the influence of its rows (Hampel 1974, "The Influence Curve and
Its Role in Robust Estimation", JASA 69). Here the influence of a row is what it adds to the estimate, so the influences
of all rows sum to 0, and sums per cluster, squared and summed, estimate the variance. Two models on the same rows are
compared by the difference of their influences, which is what makes the comparison a paired one.

How much is known follows from the rows that a statistic rests on, not from all there are: a recall rests on the rows
in which it happened, however many others stand beside them. So do the number of clusters and the degrees of freedom.
"""

import math
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shipway.maths.code import compact
from shipway.maths.interval import Estimate, least_variance, linearise_ratio

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Codes = NDArray[np.integer[Any]]

_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Influence:
    """A statistic of some rows.

    Attributes:
        value: the statistic.
        rows: float64[n], how much each row moves it, in its unit; they sum to 0.
        over: bool[n] each, the rows it rests on, such as those of a denominator, or each of two classes that are told
            apart, of which the scarcer then decides; empty where it rests on all rows.
        least: its variance is taken to be no less: a perfect score has influences of 0 and is not perfectly known.
    """

    value: float
    rows: Floats
    over: tuple[Bools, ...] = ()
    least: float = 0.0

    @property
    def n(self) -> int:
        """How many rows it rests on."""
        return min((int(np.count_nonzero(each)) for each in self.over), default=self.rows.size)


def influence_of_mean(values: Floats, *, share: bool = False) -> Influence:
    """Return the mean of one value a row.

    Args:
        values: float64[n], finite.
        share: as of `influence_of_ratio`.

    Raises:
        ValueError: if there are no rows or a value is not finite.
    """
    return influence_of_ratio(values, np.ones_like(values), share=share)


def influence_of_ratio(numerator: Floats, denominator: Floats, *, share: bool = False) -> Influence:
    """Return the ratio of two sums; a row moves it by (numerator - ratio denominator) / sum(denominator).

    Args:
        numerator: float64[n], finite.
        denominator: float64[n], finite, such as 1 for the rows that count and 0 for the others, on which the ratio
            then does not rest.
        share: whether it is a share of the rows that count; its variance is then at least that of as many independent
            rows with one more of each kind (`shipway.maths.interval.least_variance`).

    Raises:
        ValueError: if there are no rows, the columns differ in length, a value is not finite or the denominator sums
            to 0.
    """
    value, rows = linearise_ratio(numerator, denominator)
    counts = (denominator != 0) | (numerator != 0)
    least = least_variance(int(np.count_nonzero(counts)), value) if share else 0.0
    return Influence(value, rows, () if counts.all() else (counts,), least)


def combine(value: float, parts: list[tuple[float, Influence]]) -> Influence:
    """Return a smooth function of statistics by the delta method; it rests on all rows.

    Args:
        value: the function at the statistics.
        parts: each statistic with the derivative of the function by it.
    """
    return Influence(value, np.sum([slope * part.rows for slope, part in parts], axis=0))


def subtract(a: Influence, b: Influence) -> Influence:
    """Return by how much one statistic is greater than another of the same rows.

    Where no row moves the difference of two shares, none of the rows they rest on told them apart. That is known no
    better than that a share is 0, and has the variance of one.
    """
    moved = Influence(a.value - b.value, a.rows - b.rows, a.over + b.over)
    alike = a.least > 0 and b.least > 0 and bool((np.abs(moved.rows) * moved.n < _ROUNDING).all())
    return replace(moved, least=least_variance(moved.n)) if alike else moved


def negate(a: Influence) -> Influence:
    """Return a statistic with the other sign."""
    return replace(a, value=-a.value, rows=-a.rows)


def clustered(influence: Influence, clusters: Codes) -> Estimate:
    """Estimate a statistic with its cluster-robust standard error (CR1, as in `shipway.maths.interval`).

    Args:
        influence: the statistic.
        clusters: integer[n], the cluster of each row, 0 or more.

    Returns:
        The statistic with the rows and clusters that it rests on; its standard error is infinite if these rows lie in
        fewer than two clusters.

    Raises:
        ValueError: if the columns differ in length or a cluster is negative.
    """
    if influence.rows.shape != clusters.shape:
        raise ValueError(f"columns differ in length: {influence.rows.shape}, {clusters.shape}")
    levels, index = compact(clusters)
    count = min((int(np.count_nonzero(np.bincount(index[each]))) for each in influence.over), default=levels.size)
    if count < 2:
        return Estimate(influence.value, math.inf, influence.n, count)
    moved = np.bincount(index, weights=influence.rows)
    variance = max(count / (count - 1) * float(np.sum(moved * moved)), influence.least)
    return Estimate(influence.value, math.sqrt(variance), influence.n, count)

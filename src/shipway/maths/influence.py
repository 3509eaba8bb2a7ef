"""Metrics as a number and how much each row moves it, so that one clustered interval serves all of them.

A smooth statistic moves, to first order, by the sum of the influence of its rows (Hampel 1974, "The Influence Curve and
Its Role in Robust Estimation", JASA 69). Here the influence of a row is what it adds to the estimate, so the influences
of all rows sum to 0, and sums per cluster, squared and summed, estimate the variance. Two models on the same rows are
compared by the difference of their influences, which is what makes the comparison a paired one.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shipway.maths.code import compact
from shipway.maths.interval import Estimate

Floats = NDArray[np.float64]
Codes = NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Influence:
    """A statistic of some rows.

    Attributes:
        value: the statistic.
        rows: float64[n], how much each row moves it, in its unit; they sum to 0.
    """

    value: float
    rows: Floats


def influence_of_mean(values: Floats) -> Influence:
    """Return the mean of one value a row.

    Args:
        values: float64[n], finite.

    Raises:
        ValueError: if there are no rows or a value is not finite.
    """
    return influence_of_ratio(values, np.ones_like(values))


def influence_of_ratio(numerator: Floats, denominator: Floats) -> Influence:
    """Return the ratio of two sums; a row moves it by (numerator - ratio denominator) / sum(denominator).

    Args:
        numerator: float64[n], finite.
        denominator: float64[n], finite, such as 1 for the rows that count and 0 for the others.

    Raises:
        ValueError: if there are no rows, the columns differ in length, a value is not finite or the denominator sums
            to 0.
    """
    if numerator.shape != denominator.shape or numerator.ndim != 1:
        raise ValueError(f"numerator {numerator.shape} and denominator {denominator.shape} are not two equal columns")
    if not numerator.size:
        raise ValueError("there are no rows")
    if not (np.isfinite(numerator).all() and np.isfinite(denominator).all()):
        raise ValueError("a value is not finite")
    total = float(denominator.sum())
    if total == 0:
        raise ValueError("the denominator sums to 0: the ratio is not defined")
    value = float(numerator.sum()) / total
    return Influence(value, (numerator - value * denominator) / total)


def combine(value: float, parts: list[tuple[float, Influence]]) -> Influence:
    """Return a smooth function of statistics by the delta method.

    Args:
        value: the function at the statistics.
        parts: each statistic with the derivative of the function by it.
    """
    return Influence(value, np.sum([slope * part.rows for slope, part in parts], axis=0))


def subtract(a: Influence, b: Influence) -> Influence:
    """Return by how much one statistic is greater than another of the same rows."""
    return Influence(a.value - b.value, a.rows - b.rows)


def negate(a: Influence) -> Influence:
    """Return a statistic with the other sign."""
    return Influence(-a.value, -a.rows)


def clustered(influence: Influence, clusters: Codes) -> Estimate:
    """Estimate a statistic with its cluster-robust standard error (CR1, as in `shipway.maths.interval`).

    Args:
        influence: the statistic.
        clusters: integer[n], the cluster of each row, 0 or more.

    Returns:
        The statistic; its standard error is infinite if the rows that move it lie in fewer than two clusters and there
        is one cluster in all.

    Raises:
        ValueError: if the columns differ in length or a cluster is negative.
    """
    if influence.rows.shape != clusters.shape:
        raise ValueError(f"columns differ in length: {influence.rows.shape}, {clusters.shape}")
    levels, index = compact(clusters)
    count = levels.size
    if count < 2:
        return Estimate(influence.value, math.inf, clusters.size, count)
    moved = np.bincount(index, weights=influence.rows)
    return Estimate(influence.value, math.sqrt(count / (count - 1) * float(moved @ moved)), clusters.size, count)

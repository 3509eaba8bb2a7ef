"""How far rates of groups are apart, with an interval that counts every comparison made.

The greatest of many differences is great by chance alone, and its own interval knows nothing of it. So all differences
between two groups get intervals that hold together (the greatest studentised difference: Tukey 1953; by draws from the
estimated covariance as in Hothorn, Bretz and Westfall 2008, "Simultaneous Inference in General Parametric Models",
section 3). The greatest true difference then lies between the greatest of their lower ends and the greatest of their
upper ends.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shipway.maths.code import compact
from shipway.maths.interval import Codes, least_variance

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

DRAWS: Final = 4_000
"""Draws from the joint distribution of the differences: the level of the interval is then within a third of a point."""


@dataclass(frozen=True, slots=True, eq=False)
class Rates:
    """A rate of each group, with what the rates share.

    Attributes:
        value: float64[k], the rate; NaN for a group without rows to tell.
        n: int64[k], the rows that each is over.
        clusters: int64[k], the clusters these come from.
        variance: float64[k], of the rate, cluster-robust (CR1).
        cells: what the rows of each group and cluster that occur together move the rate by, (group, cluster, sum), each
            float64[m] or int64[m]; None where rows are independent.
    """

    value: Floats
    n: Ints
    clusters: Ints
    variance: Floats
    cells: tuple[Ints, Ints, Floats] | None


@dataclass(frozen=True, slots=True)
class Spread:
    """The greatest difference between two groups: value, 95 % interval, and the groups of both rates."""

    value: float
    low: float
    high: float
    most: int
    least: int


def estimate_rates(
    group: Codes, groups: int, numerator: Floats, inside: Bools, clusters: Codes | None, *, share: bool = False
) -> Rates:
    """Estimate the mean of a value in each group, over the rows that count for it.

    Args:
        group: integer[n], the group of each row.
        groups: how many groups there are.
        numerator: float64[n], such as 1 where one acts.
        inside: bool[n], the rows that the rates are over.
        clusters: integer[n], the cluster of each row, 0 or more; None where rows are independent.
        share: whether the value is 0 or 1. The variance of a share is then taken to be at least that of as many
            independent rows with one more of each kind (Agresti and Coull 1998), for none of a hundred is not surely
            none.
    """
    group, numerator = group[inside], numerator[inside]
    n = np.bincount(group, minlength=groups)
    rows = np.maximum(n, 1)
    value = np.bincount(group, weights=numerator, minlength=groups) / rows
    known = np.where(n > 0, value, np.nan)
    moved = (numerator - value[group]) / rows[group]
    least = least_variance(rows, value) if share else np.zeros(groups)
    if clusters is None:
        variance = np.bincount(group, weights=np.square(moved), minlength=groups) * _small_sample(rows)
        return Rates(known, n, n, np.maximum(variance, least), None)
    levels, cluster = compact(clusters[inside])
    count = max(levels.size, 1)
    pairs, pair = compact(group * count + cluster)
    sums = np.bincount(pair, weights=moved, minlength=pairs.size).astype(np.float64, copy=False)
    cells = (pairs // count, pairs % count, sums)
    of_group = np.bincount(cells[0], minlength=groups)
    variance = np.bincount(cells[0], weights=np.square(sums), minlength=groups) * _small_sample(of_group)
    return Rates(known, n, of_group, np.maximum(variance, least), cells)


def covariance_of(rates: Rates, chosen: Ints) -> Floats:
    """Return the covariance of the rates of some groups, float64[c, c]; there may be many more that no one compares.

    Args:
        rates: of all groups.
        chosen: int64[c], which ones, in rising order.
    """
    if rates.cells is None:
        return np.diag(rates.variance[chosen])
    group, cluster, moved = rates.cells
    place = np.full(rates.n.size, -1)
    place[chosen] = np.arange(chosen.size)
    kept = place[group] >= 0
    levels, column = compact(cluster[kept])
    sums = np.zeros((chosen.size, levels.size))
    sums[place[group[kept]], column] = moved[kept]
    small = np.sqrt(_small_sample(rates.clusters[chosen]))
    covariance: Floats = np.einsum("gc,hc->gh", sums, sums) * np.outer(small, small)
    np.fill_diagonal(covariance, rates.variance[chosen])
    return covariance


def _small_sample(count: Ints) -> Floats:
    """Return G / (G - 1) for G clusters; of one its own sum is 0 already."""
    return count / np.maximum(count - 1, 1)


def spread_of(value: Floats, covariance: Floats, degrees: int, pairs: NDArray[np.int64], seed: int = 0) -> Spread:
    """Return the greatest absolute difference among pairs of rates, with its simultaneous 95 % interval.

    Args:
        value: float64[k], the rates.
        covariance: float64[k, k].
        degrees: degrees of freedom of Student's t: clusters - 1.
        pairs: int64[m, 2], what is compared; m is at least 1.
        seed: of the draws; the same one gives the same interval.
    """
    first, second = pairs.T
    difference = value[first] - value[second]
    variance = np.diag(covariance)[first] + np.diag(covariance)[second] - 2 * covariance[first, second]
    error = np.sqrt(np.maximum(variance, 0.0))
    half = _quantile(covariance, error, first, second, degrees, seed) * error
    size = np.abs(difference)
    worst = int(size.argmax())
    low, high = float(np.maximum(size - half, 0.0).max()), float((size + half).max())
    up = difference[worst] >= 0
    most, least = (first[worst], second[worst]) if up else (second[worst], first[worst])
    return Spread(float(size[worst]), low, high, int(most), int(least))


def _quantile(covariance: Floats, error: Floats, first: Ints, second: Ints, degrees: int, seed: int) -> float:
    """Return what the greatest studentised difference exceeds in one of twenty draws."""
    from scipy.special import stdtrit

    alone = float(stdtrit(degrees, 0.975))
    varies = error > 0
    if varies.sum() < 2:
        return alone
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    random = np.random.default_rng(seed)
    drawn = np.einsum("gk,kd->gd", root, random.standard_normal((covariance.shape[0], DRAWS)))
    greatest = np.zeros(DRAWS)
    for one, other, scale in zip(first[varies], second[varies], error[varies], strict=True):
        np.maximum(greatest, np.abs(drawn[one] - drawn[other]) / scale, out=greatest)
    greatest /= np.sqrt(random.chisquare(degrees, DRAWS) / degrees)
    return max(alone, float(np.quantile(greatest, 0.95, method="higher")))


def spread_of_ratio(value: Floats, n: Ints, covariance: Floats, degrees: int, pairs: NDArray[np.int64]) -> Spread:
    """Return the least rate over the greatest with its simultaneous 95 % interval, by the logarithms of the rates.

    A rate of 0 has no logarithm. Its interval is that of the rate with one more row of each kind (Agresti and Coull
    1998), as its variance is, and goes down to 0. Where all rates are 0 the ratio may be anything up to 1.

    Args:
        value: float64[k], the rates, 0 to 1.
        n: int64[k], the rows that each is over.
        covariance: float64[k, k], with variances above 0 (`estimate_rates` of a share).
        degrees: as of `spread_of`.
        pairs: as of `spread_of`.
    """
    most, least = int(value.argmax()), int(value.argmin())
    if value[most] <= 0:
        return Spread(0.0, 0.0, 1.0, most, least)
    near = np.where(value > 0, value, 1 / (n + 2))
    logs = spread_of(np.log(near), covariance / np.outer(near, near), degrees, pairs)
    high = math.exp(-logs.low)
    if value[least] <= 0:
        return Spread(0.0, 0.0, high, most, least)
    return Spread(math.exp(-logs.value), math.exp(-logs.high), high, logs.most, logs.least)

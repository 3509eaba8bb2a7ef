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
from shipway.maths.interval import Codes

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
        covariance: float64[k, k], cluster-robust (CR1); of groups with a value.
    """

    value: Floats
    n: Ints
    clusters: Ints
    covariance: Floats


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
    moved = (numerator - value[group]) / rows[group]
    if clusters is None:
        small = rows / np.maximum(rows - 1, 1)
        variance = np.bincount(group, weights=np.square(moved), minlength=groups) * small
        return Rates(np.where(n > 0, value, np.nan), n, n, _floor(np.diag(variance), value, n, share=share))
    levels, cluster = compact(clusters[inside])
    count = max(levels.size, 1)
    cells, cell = compact(group * count + cluster)
    of_group = np.bincount(cells // count, minlength=groups)
    sums = np.zeros((groups, count))
    sums.ravel()[cells] = np.bincount(cell, weights=moved, minlength=cells.size)
    small = np.sqrt(of_group / np.maximum(of_group - 1, 1))
    covariance = np.einsum("gc,hc->gh", sums, sums) * np.outer(small, small)
    return Rates(np.where(n > 0, value, np.nan), n, of_group, _floor(covariance, value, n, share=share))


def _floor(covariance: Floats, value: Floats, n: Ints, *, share: bool) -> Floats:
    """Return a covariance whose variances are no less than a share's can be."""
    if not share:
        return covariance
    near = (value * n + 1) / (n + 2)
    least = near * (1 - near) / np.maximum(n, 1)
    return covariance + np.diag(np.maximum(least - np.diag(covariance), 0.0))


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


def spread_of_ratio(value: Floats, covariance: Floats, degrees: int, pairs: NDArray[np.int64]) -> Spread:
    """Return the least rate over the greatest with its simultaneous 95 % interval, by the logarithms of the rates.

    Where a rate is 0 its logarithm has no error to go by: the value is then 0 and may be anything up to 1.
    """
    if (value <= 0).any():
        return Spread(0.0, 0.0, 1.0, int(value.argmax()), int(value.argmin()))
    logs = spread_of(np.log(value), covariance / np.outer(value, value), degrees, pairs)
    return Spread(math.exp(-logs.value), math.exp(-logs.high), math.exp(-logs.low), logs.most, logs.least)

"""Estimates with their standard error when rows come in clusters, and intervals around them.

Rows of one cluster (a day, a user) may depend on each other in any way; clusters are taken as independent. The
standard error is then that of sums per cluster: the sandwich of Liang and Zeger 1986 with the small-sample factor
G / (G - 1), known as CR1 (Cameron and Miller 2015, "A Practitioner's Guide to Cluster-Robust Inference", section II.C).
With one row per cluster it is the textbook standard error.
"""

import math
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from shipway.maths.code import compact
from shipway.maths.metric import Labels, auc, auc_influence

Floats = NDArray[np.float64]
Codes = NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its standard error.

    Attributes:
        value: the estimate.
        standard_error: its standard error in the same unit; infinite where there are too few clusters to tell.
        n: the rows it rests on, such as those of a denominator.
        clusters: the clusters those rows came from; of a statistic that tells two classes apart those of the scarcer.
    """

    value: float
    standard_error: float
    n: int
    clusters: int


def clustered_mean(values: Floats, clusters: Codes) -> Estimate:
    """Estimate a mean with its cluster-robust standard error.

    Args:
        values: float64[n], finite.
        clusters: integer[n], the cluster of each row, 0 or more.

    Returns:
        The mean; its standard error is infinite if there is one cluster.

    Raises:
        ValueError: if there are no rows, the arrays differ in length, a value is not finite or a cluster is negative.
    """
    return clustered_ratio(values, np.ones_like(values), clusters)


def clustered_ratio(numerator: Floats, denominator: Floats, clusters: Codes) -> Estimate:
    """Estimate the ratio of two sums with its cluster-robust standard error, by the delta method.

    A row moves the ratio r = sum(numerator) / sum(denominator) by (numerator - r denominator) / sum(denominator) to
    first order (Deng, Knoblich and Lu 2018, "Applying the Delta Method in Metric Analytics", section 3).

    Args:
        numerator: float64[n], finite.
        denominator: float64[n], finite, such as the trials of each row or its weight.
        clusters: integer[n], the cluster of each row, 0 or more.

    Returns:
        The ratio; its standard error is infinite if there is one cluster.

    Raises:
        ValueError: if there are no rows, the arrays differ in length, a value is not finite, the denominator sums to 0
            or a cluster is negative.
    """
    value, rows = linearise_ratio(numerator, denominator)
    if rows.shape != clusters.shape:
        raise ValueError(f"columns differ in length: {rows.shape}, {clusters.shape}")
    levels, index = compact(clusters)
    moved = np.bincount(index, weights=rows)
    variance = _small_sample(levels.size) * float(np.sum(moved * moved)) if levels.size > 1 else math.inf
    return Estimate(value, math.sqrt(variance), numerator.size, levels.size)


def linearise_ratio(numerator: Floats, denominator: Floats) -> tuple[float, Floats]:
    """Return the ratio of two sums, and by how much each row moves it to first order, float64[n].

    Args:
        numerator: float64[n], finite.
        denominator: float64[n], finite.

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
    return value, (numerator - value * denominator) / total


def clustered_auc(y: Labels, p: Floats, clusters: Codes) -> Estimate:
    """Estimate the area under the ROC curve with the standard error of clustered data.

    Obuchowski 1997, "Nonparametric Analysis of Clustered ROC Curve Data", Biometrics 53: positives and negatives of one
    cluster may depend on each other, and a cluster may hold either or both. With one row per cluster it is nearly the
    estimate of DeLong, DeLong and Clarke-Pearson 1988.

    Args:
        y: bool[n] or integer[n] of 0 and 1, both present.
        p: float64[n], any score that rises with the chance of a positive.
        clusters: integer[n], the cluster of each row, 0 or more.

    Returns:
        The area, with the clusters of the class that comes from fewer, which give the degrees of freedom; its standard
        error is infinite if that is one cluster, and otherwise at least that of a share of 0 among the rows of the
        rarer class, for two positives ranked first are no proof.

    Raises:
        ValueError: if the arrays are empty or differ in length, y is not 0 or 1, one class is absent, p holds NaN or a
            cluster is negative.
    """
    return _clustered_auc(auc(y, p), y, auc_influence(y, p), clusters, _least_of_auc(y))


def clustered_auc_difference(y: Labels, p_a: Floats, p_b: Floats, clusters: Codes) -> Estimate:
    """Estimate how much greater the area under the ROC curve is for scores a than for scores b of the same rows.

    Obuchowski 1997 as for `clustered_auc`; her covariance of two areas is the cross term of the same sums, so it enters
    by taking the difference of the influence of each row. Where no row moves the difference of scores that are not the
    same, as of two perfect ones, its variance is that of a share of 0 among the rows of the rarer class.

    Returns:
        Area of a minus area of b; its standard error is infinite if the positives or the negatives come from one
        cluster.

    Raises:
        ValueError: for the reasons of `clustered_auc`.
    """
    influence = auc_influence(y, p_a) - auc_influence(y, p_b)
    least = 0.0 if influence.any() or np.array_equal(p_a, p_b) else _least_of_auc(y)
    return _clustered_auc(auc(y, p_a) - auc(y, p_b), y, influence, clusters, least)


def interval(estimate: Estimate, confidence: float = 0.95) -> tuple[float, float]:
    """Return the two-sided confidence interval of an estimate, by Student's t with clusters - 1 degrees of freedom.

    Returns:
        `(low, high)`; the whole line if the standard error is infinite.

    Raises:
        ValueError: if the confidence is not between 0 and 1.
    """
    _check_confidence(confidence)
    if not math.isfinite(estimate.standard_error):
        return -math.inf, math.inf
    from scipy.special import stdtrit

    half = float(stdtrit(estimate.clusters - 1, 0.5 + confidence / 2)) * estimate.standard_error
    return estimate.value - half, estimate.value + half


def wilson(successes: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the score interval of a proportion of independent trials (Wilson 1927), without continuity correction.

    Returns:
        `(low, high)` inside [0, 1]; all of it if there are no trials.

    Raises:
        ValueError: if there are more successes than trials, either is negative, or the confidence is not between 0 and
            1.
    """
    _check_confidence(confidence)
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} successes in {n} trials is not possible")
    if n == 0:
        return 0.0, 1.0
    from scipy.special import ndtri

    z = float(ndtri(0.5 + confidence / 2))
    share, spread = successes / n, z * z / n
    centre = (share + spread / 2) / (1 + spread)
    half = math.sqrt(spread * (share * (1 - share) + spread / 4)) / (1 + spread)
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == n else min(1.0, centre + half)
    return low, high


@overload
def least_variance(n: int, share: float = 0.0) -> float: ...
@overload
def least_variance(n: NDArray[np.integer[Any]], share: Floats) -> Floats: ...
def least_variance(n: Any, share: Any = 0.0) -> Any:
    """Return the variance of a share of independent rows with one more of each kind (Agresti and Coull 1998).

    It is above 0 also for none or all of the rows, where the usual one is 0 though the share is not surely that, and it
    is least there.

    Args:
        n: the rows, 1 or more; one number or one a group.
        share: 0 to 1, of these rows.
    """
    near = (share * n + 1) / (n + 2)
    return near * (1 - near) / n


def _least_of_auc(y: Labels) -> float:
    positives = int(np.count_nonzero(y == 1))
    return least_variance(min(positives, y.size - positives))


def _clustered_auc(value: float, y: Labels, influence: Floats, clusters: Codes, least: float) -> Estimate:
    """Combine the influence of each row on an area, or on a difference of two, into an estimate."""
    if clusters.shape != y.shape:
        raise ValueError(f"columns differ in length: y {y.shape}, clusters {clusters.shape}")
    levels, index = compact(clusters)
    positive = y == 1
    above = np.bincount(index, weights=np.where(positive, influence, 0.0))
    below = np.bincount(index, weights=np.where(positive, 0.0, influence))
    with_positive, with_negative = np.unique(index[positive]).size, np.unique(index[~positive]).size
    scarcer = min(with_positive, with_negative)
    if scarcer < 2:
        return Estimate(value, math.inf, y.size, scarcer)
    variance = (
        _small_sample(with_positive) * float(np.sum(above * above))
        + _small_sample(with_negative) * float(np.sum(below * below))
        + 2 * _small_sample(levels.size) * float(np.sum(above * below))
    )
    # The three factors differ, so a strongly negative cross term can take the sum below 0.
    return Estimate(value, math.sqrt(max(variance, least)), y.size, scarcer)


def _small_sample(clusters: int) -> float:
    """Return G / (G - 1) for G clusters."""
    return clusters / (clusters - 1)


def _check_confidence(confidence: float) -> None:
    """Refuse a confidence that is no probability short of certainty."""
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence of {confidence} is not between 0 and 1")

"""From estimates to p-values: how likely a mean this great would be if the true one were not above 0."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.integer[Any]]


def one_sided_p(mean: Floats, standard_error: Floats, clusters: NDArray[np.integer[Any]]) -> Floats:
    """Return the p-value of "the true mean is above 0" for each estimate, by Student's t with clusters - 1 degrees.

    The reference distribution for cluster-robust errors of Cameron and Miller 2015, "A Practitioner's Guide to
    Cluster-Robust Inference", section VI.D; the test belongs to the interval of `shipway.maths.interval.interval`.

    Args:
        mean: float64[m], the estimates.
        standard_error: float64[m], 0 or more; infinite where there are too few clusters to tell.
        clusters: integer[m], the clusters behind each, at least 1.

    Returns:
        float64[m]: small where the mean is surely above 0; 1 where the standard error is infinite, since nothing can be
        told; where it is 0, 0 for a mean above 0 and 1 for any other.

    Raises:
        ValueError: if the arrays differ in length, a mean is not finite, a standard error is negative or not a number,
            or an estimate has no cluster.
    """
    if mean.ndim != 1 or not mean.shape == standard_error.shape == clusters.shape:
        raise ValueError(f"columns differ in length: {mean.shape}, {standard_error.shape}, {clusters.shape}")
    if not (np.isfinite(mean).all() and (standard_error >= 0).all() and (clusters >= 1).all()):
        raise ValueError("a mean is not finite, a standard error is not 0 or more, or an estimate has no cluster")
    from scipy.special import stdtr

    p = np.where((standard_error == 0) & (mean > 0), 0.0, 1.0)
    known = (standard_error > 0) & np.isfinite(standard_error) & (clusters > 1)
    p[known] = stdtr(clusters[known] - 1, -mean[known] / standard_error[known])
    return p


def mcnemar_p(worse: Counts, better: Counts) -> Floats:
    """Return the exact one-sided p-value of "more rows became worse than better" for each pair of counts.

    Of the rows on which two models differ each is worse with probability 1/2 if neither is the better one, so p is
    P(Bin(worse + better, 1/2) >= worse) (McNemar 1947, Psychometrika 12; the exact form).

    Args:
        worse: integer[m], rows that only the first model gets wrong.
        better: integer[m], rows that only the second gets wrong.

    Returns:
        float64[m]; 1 where no row became worse.

    Raises:
        ValueError: if the arrays differ in length or a count is negative.
    """
    _check_counts(worse, better)
    from scipy.special import betainc

    p = np.ones(worse.size)
    some = worse > 0
    p[some] = betainc(worse[some].astype(np.float64), better[some] + 1.0, 0.5)
    return p


def _check_counts(worse: Counts, better: Counts) -> None:
    if worse.ndim != 1 or worse.shape != better.shape:
        raise ValueError(f"columns differ in length: {worse.shape}, {better.shape}")
    if (worse < 0).any() or (better < 0).any():
        raise ValueError("a count is negative")


def mcnemar_chance(worse: Counts, better: Counts) -> Floats:
    """Return how likely it is that more rows became worse than better where neither model is the better one.

    Args:
        worse: integer[m], rows that only the first model gets wrong.
        better: integer[m], rows that only the second gets wrong.

    Returns:
        float64[m]: P(Bin(worse + better, 1/2) > (worse + better) / 2), which is 1/2 less half the chance of a tie; 0
        where no row differs.

    Raises:
        ValueError: if the arrays differ in length or a count is negative.
    """
    _check_counts(worse, better)
    n = worse + better
    # The least number of rows that is more than half of them, and what is left of them.
    most = n // 2 + 1
    return np.where(n > 0, mcnemar_p(most, np.maximum(n - most, 0)), 0.0)


def condition_p(p: Floats, chance: Floats) -> Floats:
    """Return p-values given that estimates lie on the side that is asked about; those that do not are set aside.

    Most slices of a better candidate are truly better, and their p-values lie near 1: a procedure that counts them as
    tests asks more of the others than it needs to. Where what is tested is a whole side ("not worse") and likelihood
    ratios are monotone, p / chance given p <= chance is a p-value as well (Ellis, Pecanka and Goeman 2020, "Gaining
    Power in Multiple Testing of Interval Hypotheses via Conditionalization", section 3).

    Args:
        p: float64[m], one-sided p-values.
        chance: float64[m], how likely an estimate on that side is where the truth lies on the border of the two.

    Returns:
        float64[m]: p / chance, at most 1; not a number where the estimate lies on the other side.

    Raises:
        ValueError: if the arrays differ in length.
    """
    if p.shape != chance.shape or p.ndim != 1:
        raise ValueError(f"columns differ in length: {p.shape}, {chance.shape}")
    # An estimate that is just on the side has p = chance up to a rounding.
    there = (p <= chance * (1 + 1e-9)) & (chance > 0)
    return np.where(there, np.minimum(p / np.where(there, chance, 1.0), 1.0), np.nan)

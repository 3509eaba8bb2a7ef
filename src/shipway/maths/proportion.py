"""Intervals of a share when the trials come in clusters.

The design effect is how many times larger the variance of the share is than that of as many independent trials (Kish
1965, "Survey Sampling", section 8.2). Dividing the trials by it gives the effective number, and the score interval of
Wilson 1927 at that number is the interval: the method of Korn and Graubard 1998, "Confidence intervals for proportions
with small expected number of positive counts estimated from survey data", with Wilson's interval for the exact one.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shipway.maths.interval import clustered_mean


def clustered_wilson(
    failed: NDArray[np.bool_], clusters: NDArray[np.integer[Any]] | None = None, confidence: float = 0.95
) -> tuple[float, float]:
    """Return the score interval of a share of trials that come in clusters.

    The effective number is between that of the clusters, where all trials of one are alike, and that of the trials. It
    is lowered for the few clusters the variance rests on, by the ratio of the squared quantiles of the normal
    distribution and Student's, whose degrees of freedom are one less than the clusters that hold the rarer outcome.
    Where no trial or every trial failed nothing can be learned of how alike the trials of a cluster are, so they are
    taken as all alike: as many trials as clusters.

    Args:
        failed: bool[n].
        clusters: integer[n], the cluster of each trial, 0 or more; each trial by itself where None.
        confidence: of the interval.

    Returns:
        `(low, high)` inside [0, 1]; all of it for no trials, or for fewer than two clusters.

    Raises:
        ValueError: if the arrays differ in length, a cluster is negative, or the confidence is not between 0 and 1.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence of {confidence} is not between 0 and 1")
    n = failed.size
    if clusters is None:
        return _score(float(failed.mean()) if n else 0.0, n, confidence)
    if clusters.shape != failed.shape:
        raise ValueError(f"columns differ in length: {failed.shape}, {clusters.shape}")
    if n == 0:
        return 0.0, 1.0
    estimate = clustered_mean(failed.astype(np.float64), clusters)
    if estimate.clusters < 2:
        return 0.0, 1.0
    share = estimate.value
    if share in (0.0, 1.0):
        return _score(share, estimate.clusters, confidence)
    from scipy.special import ndtri, stdtrit

    rarer = failed if share <= 0.5 else ~failed
    freedom = max(1, np.unique(clusters[rarer]).size - 1)
    ratio = float(ndtri(0.5 + confidence / 2) / stdtrit(freedom, 0.5 + confidence / 2)) ** 2
    independent = share * (1 - share) / n
    effective = n * independent / max(estimate.standard_error**2, independent) * ratio
    effective = min(float(n), max(float(estimate.clusters), effective))
    return _score(share, effective, confidence)


def _score(share: float, n: float, confidence: float) -> tuple[float, float]:
    """Return Wilson's interval of a share of n trials, where n need not be whole."""
    if n == 0:
        return 0.0, 1.0
    from scipy.special import ndtri

    z = float(ndtri(0.5 + confidence / 2))
    spread = z * z / n
    centre = (share + spread / 2) / (1 + spread)
    half = math.sqrt(spread * (share * (1 - share) + spread / 4)) / (1 + spread)
    low = 0.0 if share == 0 else max(0.0, centre - half)
    return low, 1.0 if share == 1 else min(1.0, centre + half)

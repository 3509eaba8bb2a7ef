"""Sums of pairs of values, cluster by cluster, and the correlation they give."""

import math

import numpy as np
from numpy.typing import NDArray

from shipway.maths.interval import Estimate

Floats = NDArray[np.float64]


def correlation(sums: Floats) -> float:
    """Return Pearson's correlation from sums over the pairs.

    Args:
        sums: float64[6]: how many pairs, the sums of x, y, x x, y y and x y.

    Returns:
        The correlation; not a number where one of the two does not vary.
    """
    n, x, y, xx, yy, xy = (float(one) for one in sums)
    if n < 2:
        return math.nan
    spread_x, spread_y = xx - x * x / n, yy - y * y / n
    # What is left of a constant after rounding is no spread.
    if spread_x <= 1e-12 * abs(xx) or spread_y <= 1e-12 * abs(yy):
        return math.nan
    return max(-1.0, min(1.0, (xy - x * y / n) / math.sqrt(spread_x * spread_y)))


def clustered_correlation(sums: Floats) -> Estimate:
    """Estimate a correlation with the standard error of clusters, leaving one out at a time.

    The delete-one-group jackknife (Efron and Stein 1981, "The Jackknife Estimate of Variance").

    Args:
        sums: float64[g, 6], as for `correlation`, of each cluster.

    Returns:
        The correlation; its standard error is infinite if there is one cluster or one left out leaves nothing.
    """
    whole, clusters = sums.sum(axis=0), len(sums)
    value, n = correlation(whole), int(whole[0])
    if clusters < 2:
        return Estimate(value, math.inf, n, clusters)
    without = np.array([correlation(whole - one) for one in sums])
    if not np.isfinite(without).all():
        return Estimate(value, math.inf, n, clusters)
    variance = (clusters - 1) / clusters * float(((without - without.mean()) ** 2).sum())
    return Estimate(value, math.sqrt(variance), n, clusters)


def pool_moments(parts: Floats) -> Floats:
    """Put together the moments of parts.

    The pairwise formula of Chan, Golub and LeVeque (1979, "Updating Formulae and a Pairwise Algorithm for Computing
    Sample Variances"), for all parts at once: nothing is taken from sums of squares, so nothing is lost where the
    spread is small beside the mean.

    Args:
        parts: float64[g, 6]: how many pairs, the sums of x and y, and the means of (x - mean x)^2, (y - mean y)^2 and
            (x - mean x) (y - mean y); what a part without pairs has is not read.

    Returns:
        float64[6]: how many pairs, the means of x and y, and the means of the products, over all parts; not numbers
        where there are no pairs.
    """
    held = parts[parts[:, 0] > 0]
    n = held[:, :1]
    rows = float(n.sum())
    if not rows:
        return np.array([0.0, *[math.nan] * 5])
    means = held[:, 1:3].sum(axis=0) / rows
    apart = held[:, 1:3] / n - means
    products = held[:, 3:] + np.column_stack([apart[:, 0] ** 2, apart[:, 1] ** 2, apart[:, 0] * apart[:, 1]])
    return np.concatenate([[rows], means, (n / rows * products).sum(axis=0)])


def pooled_correlation(moments: Floats) -> float:
    """Return Pearson's correlation from moments as `pool_moments` gives them; not a number where one does not vary."""
    n, x, y, xx, yy, xy = (float(one) for one in moments)
    # A constant's mean is off by some units in the last place.
    if n < 2 or not (xx > 1e-28 * x * x and yy > 1e-28 * y * y):
        return math.nan
    return xy / math.sqrt(xx * yy)

"""Quantiles of independent values or of values in clusters: estimates to compare arms by, and a test for every look.

A quantile has no sufficient statistics of fixed size, so these read the values themselves.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shipway.maths.confidence_sequence import beta_binomial_r
from shipway.maths.interval import Estimate, clustered_mean
from shipway.maths.root import find_root

Floats = NDArray[np.float64]
Codes = NDArray[np.integer[Any]]


def estimate_quantile(values: Floats, p: float, clusters: Codes | None = None, *, confidence: float = 0.95) -> Estimate:
    """Estimate a quantile with its standard error, for `effect.compare`.

    The share of values at or below the quantile has a standard error, clustered if there are clusters; the quantiles at
    the ends of that share's interval, apart by twice z standard errors, give the quantile's (Woodruff 1952, "Confidence
    Intervals for Medians and Other Position Measures"; Deng, Knoblich and Lu 2018, section 4, for clusters). No density
    is estimated.

    Args:
        values: float64[n], finite.
        p: the quantile's level, between 0 and 1.
        clusters: integer[n], the cluster of each value, 0 or more; none if values are independent.
        confidence: of the interval whose width is taken.

    Returns:
        The quantile; its standard error is infinite if there is one cluster, or an end of the interval lies beyond the
        values.

    Raises:
        ValueError: if there are no values, one is not finite, p or the confidence is not between 0 and 1, or the arrays
            differ in length.
    """
    if not values.size or not np.isfinite(values).all() or not 0 < p < 1 or not 0 < confidence < 1:
        raise ValueError("there are no values, one is not finite, or the quantile is not between 0 and 1")
    ordered = np.sort(values)
    value = _quantile_of(ordered, p)
    groups = np.arange(values.size) if clusters is None else clusters
    share = clustered_mean((values <= value).astype(np.float64), groups)
    from scipy.special import ndtri

    z = float(ndtri(0.5 + confidence / 2))
    half = z * _share_error(share, p, values.size, clusters is None)
    if not math.isfinite(half) or not 0 < p - half < p + half < 1:
        return Estimate(value, math.inf, values.size, share.clusters)
    spread = _quantile_of(ordered, p + half) - _quantile_of(ordered, p - half)
    return Estimate(value, spread / (2 * z), values.size, share.clusters)


def is_tied(values: Floats, p: float, confidence: float = 0.95) -> bool:
    """Tell whether so many values are equal to the quantile that its error says nothing.

    Woodruff's interval is as wide as the values between two shares of them. Where more are equal than lie between, it
    has no width, or that of one step, and the quantile moves by steps.

    Args:
        values: float64[n], finite.
        p: the quantile's level, between 0 and 1.
        confidence: of the interval.
    """
    from scipy.special import ndtri

    ordered = np.sort(values)
    value = _quantile_of(ordered, p)
    equal = np.searchsorted(ordered, value, "right") - np.searchsorted(ordered, value, "left")
    half = float(ndtri(0.5 + confidence / 2)) * math.sqrt(p * (1 - p) / values.size)
    return bool(equal > 1 and equal / values.size > half)


def quantile_test(a: Floats, b: Floats, p: float, *, n_opt: float, alpha_opt: float = 0.05) -> float:
    """Return a p-value, valid at every look, of "both arms have the same p-quantile".

    Howard and Ramdas 2022, section 5: each arm has a beta-binomial mixture against "the quantile is x"; the least
    product of the two over x bounds the evidence against there being a common x.

    Args:
        a: float64[n], the values of one arm.
        b: float64[m], those of the other.
        p: the quantile's level, between 0 and 1.
        n_opt: the number of values of an arm it is to be tightest at.
        alpha_opt: the alpha it is to be tightest for.

    Raises:
        ValueError: if an arm has no values, or p is not between 0 and 1.
    """
    if not a.size or not b.size or not 0 < p < 1:
        raise ValueError("an arm has no values, or the quantile is not between 0 and 1")
    r = beta_binomial_r(n_opt * p * (1 - p), p, 1 - p, alpha_opt)
    values = np.unique(np.concatenate([a, b]))
    # Between two values the counts do not change, so the values and the gaps after them are all there is to try.
    candidates = np.concatenate([values, (values[:-1] + values[1:]) / 2, [values[-1] + 1.0]])
    total = _quantile_evidence(a, candidates, p, r) + _quantile_evidence(b, candidates, p, r)
    return min(1.0, math.exp(-float(total.min())))


def _quantile_of(ordered: Floats, p: float) -> float:
    """Return the quantile between order statistics, linear as `numpy.quantile` is."""
    place = p * (ordered.size - 1)
    low = math.floor(place)
    high = min(low + 1, ordered.size - 1)
    return float(ordered[low] + (place - low) * (ordered[high] - ordered[low]))


def _share_error(share: Estimate, p: float, n: int, independent: bool) -> float:
    """Return the standard error of the share below the quantile: that of the level itself if values are independent."""
    return math.sqrt(p * (1 - p) / n) if independent else share.standard_error


def _quantile_evidence(values: Floats, x: Floats, p: float, r: float) -> Floats:
    """Return float64[k], the log of an arm's evidence against "the p-quantile is x".

    Where x is one of the values, the share below it may be anything from that of lesser values to that of values at
    most x; the least evidence among these counts.
    """
    ordered, n = np.sort(values), values.size
    low = np.searchsorted(ordered, x, side="left") / n
    high = np.searchsorted(ordered, x, side="right") / n
    least = find_root(lambda share: _share_slope(share, n, p, r), 0.0, 1.0)
    share = np.clip(least, low, high)
    from scipy.special import betaln

    return (
        -share * n * math.log(p)
        - (1 - share) * n * math.log(1 - p)
        + betaln(r / p + (1 - share) * n, r / (1 - p) + share * n)
        - float(betaln(r / p, r / (1 - p)))
    )


def _share_slope(share: float, n: int, p: float, r: float) -> float:
    """Return by how much the evidence of `_quantile_evidence` grows with the share below x."""
    from scipy.special import psi

    above, below = r / p + (1 - share) * n, r / (1 - p) + share * n
    return math.log((1 - p) / p) + float(psi(below) - psi(above))

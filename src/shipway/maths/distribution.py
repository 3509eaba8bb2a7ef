"""Distributions as counts of values, cluster by cluster: quantiles, distances, and how far chance moves either.

A distribution is a matrix of counts, one row a cluster (a day) and one column a value, so that distributions of parts
are merged by adding them. Clusters are taken as independent, rows of one cluster are not.
"""

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shipway.maths.interval import Estimate, clustered_ratio, interval

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

DRAWS: Final = 400
"""Draws of whole clusters that the spread of a distance is taken from."""

_BINS: Final = 256
"""Values that a spread is computed on at most; neighbours share one beyond that."""


def place_values(values: NDArray[Any]) -> tuple[NDArray[Any], Counts]:
    """Return the different values in order, and of each value its place among them.

    As `numpy.unique` does, without its masked arrays, which take longer to load than a small table to measure.
    """
    points = np.sort(values)
    points = points[np.concatenate([np.ones(min(len(points), 1), np.bool_), points[1:] != points[:-1]])]
    return points, np.searchsorted(points, values)


@dataclass(frozen=True, slots=True)
class Distribution:
    """Counts of values by cluster.

    Attributes:
        points: float64[k], ascending and different; for texts their places in an order both sides share.
        counts: int64[g, k], how often each occurs in each cluster.
    """

    points: Floats
    counts: Counts

    @property
    def pooled(self) -> Counts:
        """Return int64[k], the counts of all clusters together."""
        return self.counts.sum(axis=0)

    @property
    def n(self) -> int:
        """Return how many values there are."""
        return int(self.counts.sum())


def deviation(distribution: Distribution) -> float:
    """Return the standard deviation of the values, of the population; 0 where there are none."""
    if not distribution.n:
        return 0.0
    weights = distribution.pooled / distribution.n
    mean = float(weights @ distribution.points)
    return math.sqrt(float(weights @ (distribution.points - mean) ** 2))


def quantile(distribution: Distribution, at: float) -> float:
    """Return the least value with at least a share of the values at or below it (the inverse distribution function).

    Raises:
        ValueError: if there are no values, or the share does not lie between 0 and 1.
    """
    if not distribution.n:
        raise ValueError("there are no values")
    if not 0 <= at <= 1:
        raise ValueError(f"a quantile at {at} is none")
    reached = distribution.pooled.cumsum()
    place = int(np.searchsorted(reached, at * float(reached[-1])))
    return float(distribution.points[min(place, len(reached) - 1)])


def quantile_interval(distribution: Distribution, at: float, confidence: float = 0.95) -> tuple[float, float]:
    """Return the interval of a quantile: where the distribution function cannot be told from the share.

    Woodruff 1952, "Confidence Intervals for Medians and Other Position Measures", with the cluster-robust standard
    error of the share of values at or below the quantile.

    Returns:
        `(low, high)`; the whole line if there is one cluster.
    """
    value = quantile(distribution, at)
    totals = distribution.counts.sum(axis=1).astype(np.float64)
    below = distribution.counts[:, distribution.points <= value].sum(axis=1).astype(np.float64)
    share = clustered_ratio(below, totals, np.arange(len(totals)))
    if not math.isfinite(share.standard_error):
        return -math.inf, math.inf
    # The error is of the share reached, which ties make greater than the one asked for; it is put around the latter.
    low, high = interval(Estimate(at, share.standard_error, share.n, share.clusters), confidence)
    return quantile(distribution, max(low, 0.0)), quantile(distribution, min(high, 1.0))


def transport(reference: Distribution, live: Distribution, *, ordered: bool) -> float:
    """Return how far mass must be moved to make one distribution of the other (Wasserstein-1; Villani 2009, def. 6.1).

    Args:
        reference: one distribution.
        live: another on the same points.
        ordered: whether points are numbers, a distance apart; otherwise any two are at a distance of 1, which makes it
            the total variation.

    Returns:
        The distance in the values' unit; 0 if either side has no values.
    """
    if not (reference.n and live.n):
        return 0.0
    p, q = reference.pooled / reference.n, live.pooled / live.n
    return float(_move(p[None], q[None], reference.points if ordered else None)[0])


def transport_spread(reference: Distribution, live: Distribution, *, ordered: bool, confidence: float = 0.95) -> float:
    """Return how far chance may have moved `transport`, drawing whole clusters of either side.

    The distance of the two samples differs from that of what they were drawn from by at most what each sample is away
    from its own (the triangle inequality); that is estimated by how far a sample of its clusters, drawn with
    replacement, is away from it. So an interval of the distance, plus and minus this, covers at least the confidence.

    Returns:
        A half width in the values' unit; infinite if either side has one cluster.
    """
    if min(len(reference.counts), len(live.counts)) < 2 or not (reference.n and live.n):
        return math.inf
    apart = np.zeros(DRAWS)
    for place, side in enumerate((reference, live)):
        binned = _coarsen(side)
        random = np.random.default_rng([7, place])
        clusters = len(binned.counts)
        drawn = random.multinomial(clusters, np.full(clusters, 1 / clusters), size=DRAWS).astype(np.float64)
        sums = drawn @ binned.counts.astype(np.float64)
        totals = np.maximum(sums.sum(axis=1, keepdims=True), 1.0)
        whole = binned.pooled / binned.n
        # Draws of g clusters vary by (g - 1) / g less than g clusters do.
        apart += _move(whole[None], sums / totals, binned.points if ordered else None) * math.sqrt(
            clusters / (clusters - 1)
        )
    return float(np.quantile(apart, confidence, method="higher"))


def _move(p: Floats, q: Floats, points: Floats | None) -> Floats:
    if points is None:
        return np.minimum(np.abs(p - q).sum(axis=1) / 2, 1.0)
    return np.abs(np.cumsum(p - q, axis=1))[:, :-1] @ np.diff(points)


def _coarsen(distribution: Distribution) -> Distribution:
    """Return a distribution on fewer points: neighbours with about equally many values share the mean of them."""
    if len(distribution.points) <= _BINS:
        return distribution
    pooled = distribution.pooled.astype(np.float64)
    bins = np.minimum(np.cumsum(pooled) / pooled.sum() * _BINS, _BINS - 1).astype(np.int64)
    starts = np.flatnonzero(np.diff(bins, prepend=-1))
    weights = np.maximum(np.add.reduceat(pooled, starts), 1.0)
    points = np.add.reduceat(pooled * distribution.points, starts) / weights
    return Distribution(points, np.add.reduceat(distribution.counts, starts, axis=1))

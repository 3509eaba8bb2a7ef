"""Where a share that rises with what it is measured at crosses a level, from noisy shares at some places."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def fit_rising(values: Floats, weights: Floats) -> Floats:
    """Return the closest sequence that never falls, by weighted least squares.

    Neighbours that fall are replaced by their mean until none does (pool adjacent violators: Barlow, Bartholomew,
    Bremner and Brunk 1972, "Statistical Inference under Order Restrictions", section 1.2).

    Args:
        values: float64[n], in the order of what they are measured at.
        weights: float64[n], above 0.
    """
    pools: list[tuple[float, float, int]] = []
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        mean, total, count = value, weight, 1
        while pools and pools[-1][0] > mean:
            before, weight_before, count_before = pools.pop()
            mean = (mean * total + before * weight_before) / (total + weight_before)
            total, count = total + weight_before, count + count_before
        pools.append((mean, total, count))
    return np.repeat(np.array([mean for mean, _, _ in pools]), [count for _, _, count in pools])


def find_crossing(places: Floats, shares: Floats, weights: NDArray[Any], level: float) -> float | None:
    """Return where a rising share crosses a level; None where it lies on one side of it everywhere.

    Between the two places about the level it is read from a straight line over the logarithm of the place. Where pooled
    shares lie on the level itself, it is the middle of their places.

    Args:
        places: float64[n], above 0, in any order.
        shares: float64[n], of what was measured at each.
        weights: of each, such as events.
        level: between the shares.
    """
    order = np.argsort(places, kind="stable")
    x, y = np.log(places[order]), fit_rising(shares[order], weights[order].astype(np.float64))
    under, over = np.flatnonzero(y <= level), np.flatnonzero(y > level)
    if not under.size or not over.size:
        return None
    left, right = int(under[-1]), int(over[0])
    part = (level - y[left]) / (y[right] - y[left])
    return float(np.exp(x[left] + part * (x[right] - x[left])))

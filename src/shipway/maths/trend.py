"""How a value changes over time: the slope of a line through rows that come in clusters."""

import math

import numpy as np

from shipway.maths.code import compact
from shipway.maths.interval import Codes, Estimate, Floats


def clustered_slope(values: Floats, at: Floats, clusters: Codes) -> Estimate:
    """Estimate the slope of a value over time by least squares, with its cluster-robust (CR1) standard error.

    The factor for few clusters is G / (G - 1) (n - 1) / (n - 2), as for any regression on two coefficients (Cameron and
    Miller 2015, "A Practitioner's Guide to Cluster-Robust Inference", section II.C).

    Args:
        values: float64[n], finite.
        at: float64[n], the instant of each row in some unit.
        clusters: integer[n], the cluster of each row, 0 or more.

    Returns:
        The slope per unit of time; its standard error is infinite for fewer than three clusters.

    Raises:
        ValueError: if the arrays differ in length, there are no rows, or all rows are of one instant.
    """
    if not values.shape == at.shape == clusters.shape or not values.size:
        raise ValueError(f"columns differ in length or are empty: {values.shape}, {at.shape}, {clusters.shape}")
    moved = at - at.mean()
    squares = float(np.sum(moved * moved))
    if squares == 0:
        raise ValueError("all rows are of one instant: there is no slope")
    slope = float(np.sum(moved * values)) / squares
    levels, index = compact(clusters)
    if levels.size < 3:
        return Estimate(slope, math.inf, values.size, levels.size)
    left = values - values.mean() - slope * moved
    scores = np.bincount(index, weights=moved * left)
    few = levels.size / (levels.size - 1) * (values.size - 1) / (values.size - 2)
    return Estimate(slope, math.sqrt(few * float(np.sum(scores * scores))) / squares, values.size, levels.size)

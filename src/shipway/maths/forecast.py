"""Metrics of forecasts that are distributions of a number, each with the influence of its rows.

Throughout, `y` is float64[n], what happened. A forecast is samples, float64[n, m]; quantiles at known levels,
float64[n, q]; or a normal distribution by its mean and deviation. Every function raises ValueError for no rows, shapes
that do not fit and what is not finite.
"""

import numpy as np
from numpy.typing import NDArray

from shipway.maths.influence import Influence, influence_of_mean

Floats = NDArray[np.float64]


def crps_of_samples(y: Floats, samples: Floats) -> Influence:
    """Return the mean continuous ranked probability score of samples, in the unit of y.

    E|X - y| - E|X - X'| / 2 with the unbiased mean over pairs (Zamo and Naveau 2018, "Estimation of the CRPS with
    Limited Information", the fair estimator), from sorted samples in m log m.

    Raises:
        ValueError: also for fewer than 2 samples of a row.
    """
    ordered = np.sort(_matrix(y, samples), axis=1)
    m: int = ordered.shape[1]
    if m < 2:
        raise ValueError("one sample of a row says nothing of its spread")
    weights: Floats = (2.0 * np.arange(1, m + 1) - m - 1) / (m * (m - 1))
    return influence_of_mean(np.abs(ordered - y[:, None]).mean(axis=1) - ordered @ weights)


def crps_of_quantiles(y: Floats, quantiles: Floats, levels: Floats) -> Influence:
    """Return twice the mean pinball loss over the levels: the score, as far as the quantiles tell, in the unit of y.

    Laio and Tamea 2007, "Verification tools for probabilistic forecasts of continuous hydrological variables": the
    score is the integral of twice the pinball loss over all levels; here each level stands for those nearest to it.

    Args:
        y: what happened.
        quantiles: float64[n, q], the quantile at each level.
        levels: float64[q], ascending, between 0 and 1.
    """
    matrix = _matrix(y, quantiles)
    if levels.shape != matrix.shape[1:] or not ((levels > 0) & (levels < 1)).all() or (np.diff(levels) <= 0).any():
        raise ValueError(f"levels {levels} do not ascend between 0 and 1, one for each of {matrix.shape[1]} columns")
    edges = np.r_[0.0, (levels[1:] + levels[:-1]) / 2, 1.0]
    error = y[:, None] - matrix
    return influence_of_mean(2 * np.maximum(levels * error, (levels - 1) * error) @ np.diff(edges))


def crps_of_normal(y: Floats, mean: Floats, deviation: Floats) -> Influence:
    """Return the mean score of normal forecasts in closed form, in the unit of y (Gneiting et al. 2005, equation 5).

    Args:
        y: what happened.
        mean: float64[n].
        deviation: float64[n], above 0.
    """
    from scipy.special import ndtr

    if not y.shape == mean.shape == deviation.shape or not (deviation > 0).all():
        raise ValueError("mean and deviation are one number a row, and the deviation is above 0")
    z = (y - mean) / deviation
    density = np.exp(-z * z / 2) / np.sqrt(2 * np.pi)
    return influence_of_mean(deviation * (z * (2 * ndtr(z) - 1) + 2 * density - 1 / np.sqrt(np.pi)))


def interval_coverage(y: Floats, low: Floats, high: Floats) -> Influence:
    """Return the share of outcomes that lie in their interval, its ends included."""
    if not y.shape == low.shape == high.shape or (low > high).any():
        raise ValueError("an interval has two ends a row, the low one first")
    return influence_of_mean(((y >= low) & (y <= high)).astype(np.float64), share=True)


def interval_score(y: Floats, low: Floats, high: Floats, coverage: float) -> Influence:
    """Return the mean of width plus penalty of central intervals, in the unit of y; the true one has the least.

    An outcome outside costs 2 / (1 - coverage) times its distance (Gneiting and Raftery 2007, "Strictly Proper Scoring
    Rules, Prediction, and Estimation", section 6.2).

    Args:
        y: what happened.
        low: float64[n].
        high: float64[n].
        coverage: the share of outcomes that the intervals are to hold, between 0 and 1.
    """
    if not 0 < coverage < 1:
        raise ValueError(f"coverage {coverage} is not between 0 and 1")
    if not y.shape == low.shape == high.shape or (low > high).any():
        raise ValueError("an interval has two ends a row, the low one first")
    outside = np.maximum(low - y, 0.0) + np.maximum(y - high, 0.0)
    return influence_of_mean(high - low + 2 / (1 - coverage) * outside)


def probability_transform(y: Floats, samples: Floats) -> Floats:
    """Return where each outcome lies in its forecast, float64[n] of 0 to 1: uniform if the forecasts are calibrated.

    Half of the samples that equal the outcome count as below it (Dawid 1984; Gneiting, Balabdaoui and Raftery 2007).
    """
    matrix = _matrix(y, samples)
    return ((matrix < y[:, None]).mean(axis=1) + (matrix <= y[:, None]).mean(axis=1)) / 2


def _matrix(y: Floats, forecast: Floats) -> Floats:
    if y.ndim != 1 or forecast.ndim != 2 or len(forecast) != y.size:
        raise ValueError(f"y {y.shape} and the forecast {forecast.shape} are not a column and a matrix of equal rows")
    return forecast

"""How far predicted probabilities are from what happens: by bins, by a line, and as parts of the Brier score.

`y` is bool[n], `p` is float64[n] of 0 to 1.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shipway.maths.code import compact
from shipway.maths.influence import Influence
from shipway.maths.metric import Labels, calibration_bins

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Codes = NDArray[np.integer[Any]]

_CLIP: Final = 1e-15
_DRAWS: Final = 4_000
_STEPS: Final = 50


@dataclass(frozen=True, slots=True)
class BinnedError:
    """The expected calibration error with an interval that holds whatever the true error is.

    Attributes:
        value: the mean over bins, weighted by their rows, of the distance of prediction and rate.
        low: lower end of its interval.
        high: upper end.
        chance: what the value would be on average if the predictions were perfectly calibrated.
        clusters: how many clusters the rows came from.
    """

    value: float
    low: float
    high: float
    chance: float
    clusters: int


@dataclass(frozen=True, slots=True)
class Decomposition:
    """The Brier score of binned predictions as reliability - resolution + uncertainty (Murphy 1973).

    Attributes:
        reliability: mean squared distance of prediction and rate over the bins; 0 is calibrated.
        resolution: variance of the rate between bins; more is better.
        uncertainty: variance of the label, what no model changes.
    """

    reliability: float
    resolution: float
    uncertainty: float


def expected_calibration_error(
    y: Bools, p: Floats, clusters: Codes, *, bins: int = 10, confidence: float = 0.95
) -> BinnedError:
    """Return the expected calibration error over bins of equal count, with a clustered interval.

    The value is a sum of absolute values, so noise alone makes it greater than 0 and no delta method holds where a bin
    is calibrated. But it differs from the true one by at most the sum of the absolute errors of the bins (triangle
    inequality), and that sum's distribution is drawn from sums per cluster with normal weights (the wild cluster
    bootstrap: Cameron, Gelbach and Miller 2008, Rev. Econ. Stat. 90). Normal weights make normal sums, so these are
    drawn from their covariance, which costs the same for any number of clusters. The interval therefore holds the true
    value of these bins at least as often as it says, also at 0; the draws are the same each time.

    Args:
        y: what happened.
        p: what was predicted.
        clusters: integer[n], the cluster of each row.
        bins: how many bins to aim at.
        confidence: how often the interval is to hold the true value.

    Returns:
        The error; the interval is 0 to 1 if there is one cluster.

    Raises:
        ValueError: if there are no rows, the columns differ in length or p is not in [0, 1].
    """
    calibration_bins(y, p, bins)  # refuses what is no calibration problem
    if y.shape != clusters.shape:
        raise ValueError(f"columns differ in length: y {y.shape}, clusters {clusters.shape}")
    place = _bin_of(p, bins)
    levels, index = compact(clusters)
    signed = (p - y) / y.size
    gaps = np.bincount(place, weights=signed, minlength=bins)
    value = float(np.abs(gaps).sum())
    if levels.size < 2:
        return BinnedError(value, 0.0, 1.0, 0.0, levels.size)
    rows = np.bincount(place, minlength=bins)
    share = np.divide(gaps, rows, out=np.zeros(bins), where=rows > 0)
    moved = np.bincount(index * bins + place, weights=signed - share[place], minlength=levels.size * bins)
    sums = moved.reshape(levels.size, bins)
    values, vectors = np.linalg.eigh(sums.T @ sums * (levels.size / (levels.size - 1)))
    root = np.sqrt(np.maximum(values, 0.0))[:, None] * vectors.T
    noise = np.abs(np.random.default_rng(0).standard_normal((_DRAWS, bins)) @ root).sum(axis=1)
    reach = float(np.quantile(noise, confidence))
    return BinnedError(value, max(value - reach, 0.0), min(value + reach, 1.0), float(noise.mean()), levels.size)


def calibration_line(y: Bools, p: Floats) -> tuple[Influence, Influence]:
    """Return slope and intercept of the logistic regression of what happened on the log-odds predicted.

    A calibrated model has slope 1 and intercept 0; a slope below 1 says that it is too sure of itself (Cox 1958, "Two
    Further Applications of a Model for Binary Regression", Biometrika 45). Fitted by Newton's method; a row moves the
    two by the inverse information times its score, which gives the sandwich errors of clustered data.

    Returns:
        `(slope, intercept)`.

    Raises:
        ValueError: if it always or never happened, all predictions are equal, or the two are separated so that there is
            no finite line.
    """
    if y.all() or not y.any():
        raise ValueError("all outcomes are equal: there is no line")
    inside = np.clip(p, _CLIP, 1 - _CLIP)
    odds = np.log(inside) - np.log1p(-inside)
    if np.ptp(odds) == 0:
        raise ValueError("all predictions are equal: there is no slope")
    line: Floats = np.array([0.0, np.log(y.mean() / (1 - y.mean()))])
    for _ in range(_STEPS):
        fitted = _logistic(_along(odds, line))
        information = _moments(fitted * (1 - fitted), odds)
        if not np.isfinite(information).all() or np.linalg.cond(information) > 1e14:
            break
        left = y - fitted
        score = np.array([np.sum(odds * left), np.sum(left)])
        step = np.linalg.solve(information, score).astype(np.float64)
        if np.abs(step).max() < 1e-9:
            both = y, ~y
            slope, intercept = np.linalg.inv(information).astype(np.float64)
            return (
                Influence(float(line[0]), left * _along(odds, slope), both),
                Influence(float(line[1]), left * _along(odds, intercept), both),
            )
        loss = _loss(_along(odds, line), y)
        while _loss(_along(odds, line + step), y) > loss and np.abs(step).max() > 1e-9:
            step = step / 2  # a full step may go past the least loss
        line += step
    raise ValueError("the predictions separate the outcomes: there is no finite line")


def _along(odds: Floats, line: Floats) -> Floats:
    return odds * line[0] + line[1]


def _moments(weight: Floats, odds: Floats) -> Floats:
    """Return the weighted sums of products of slope and intercept; no matrix product, whose sums threads share."""
    mixed = np.sum(weight * odds)
    return np.array([[np.sum(weight * odds * odds), mixed], [mixed, np.sum(weight)]])


def decompose_brier(y: Labels, p: Floats, bins: int = 10) -> Decomposition:
    """Split the Brier score of predictions, each taken as the mean of its bin, into its three parts.

    Raises:
        ValueError: as `calibration_bins`.
    """
    table = calibration_bins(y, p, bins)
    share = table.n / table.n.sum()
    rate = float(share @ table.rate)
    reliability = float(share @ np.square(table.mean_p - table.rate))
    return Decomposition(reliability, float(share @ np.square(table.rate - rate)), rate * (1 - rate))


def _bin_of(p: Floats, bins: int) -> NDArray[np.int64]:
    """Return the bin of each prediction by the middle of its ranks, as `calibration_bins` cuts them."""
    ordered = np.sort(p)
    twice = np.searchsorted(ordered, p, "left") + np.searchsorted(ordered, p, "right")
    return (twice * bins // (2 * p.size)).astype(np.int64, copy=False)


def _logistic(odds: Floats) -> Floats:
    from scipy.special import expit

    return expit(odds)


def _loss(odds: Floats, y: Bools) -> float:
    return float((np.logaddexp(0.0, odds) - y * odds).sum())

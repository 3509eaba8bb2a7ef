"""Metrics of a binary classifier: what it predicted against what happened, as one number or one number per row.

Throughout, `y` is bool[n] or integer[n] of 0 and 1 (1: it happened) and `p` is float[n], the predicted probability.
"""

from dataclasses import dataclass
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.bool_] | NDArray[np.integer[Any]]
Floats = NDArray[np.float64]

_CLIP: Final = 1e-15


@dataclass(frozen=True, slots=True)
class Costs:
    """What each of the four outcomes of acting or not on a prediction costs, in one unit; a gain is negative."""

    act_if_true: float
    act_if_false: float
    skip_if_true: float
    skip_if_false: float


@dataclass(frozen=True, slots=True, eq=False)
class CalibrationBins:
    """Predicted against observed frequency, or mean, in bins of ascending prediction.

    Attributes:
        mean_p: float64[k], the mean prediction of each bin.
        rate: float64[k], the share of each bin's rows where it happened, or the mean of their numbers.
        n: int64[k], the rows of each bin, at least 1.
    """

    mean_p: Floats
    rate: Floats
    n: NDArray[np.int64]


def per_row_log_loss(y: Labels, p: Floats) -> Floats:
    """Return minus the logarithm of the probability given to what happened, per row.

    Probabilities are clipped to [1e-15, 1 - 1e-15], so one certain mistake costs at most 34.5 nats.

    Returns:
        float64[n], nats.

    Raises:
        ValueError: if the arrays are empty or differ in length, y is not 0 or 1, or p is not in [0, 1].
    """
    happened = _labels(y, p)
    _check_probabilities(p)
    clipped = np.clip(p, _CLIP, 1 - _CLIP)
    return -np.where(happened, np.log(clipped), np.log1p(-clipped))


def log_loss(y: Labels, p: Floats) -> float:
    """Return the mean of `per_row_log_loss`, nats; raises ValueError for the same reasons."""
    return float(per_row_log_loss(y, p).mean())


def brier(y: Labels, p: Floats) -> float:
    """Return the mean squared difference between prediction and outcome (Brier 1950), 0 to 1.

    Raises:
        ValueError: if the arrays are empty or differ in length, y is not 0 or 1, or p is not in [0, 1].
    """
    happened = _labels(y, p)
    _check_probabilities(p)
    return float(np.square(p - happened).mean())


def calibration_gap(y: Labels, p: Floats) -> float:
    """Return the mean prediction minus the rate of what happened: above 0 the model promises too much.

    Raises:
        ValueError: if the arrays are empty or differ in length, y is not 0 or 1, or p is not in [0, 1].
    """
    happened = _labels(y, p)
    _check_probabilities(p)
    return float(p.mean() - happened.mean())


def calibration_bins(y: Labels | Floats, p: Floats, bins: int = 10) -> CalibrationBins:
    """Compare predicted and observed frequency in bins of equal count.

    A row's bin comes from the middle rank of its prediction, so equal predictions are never split by the order of the
    rows; where there are many, bins are unequal and some fall away.

    Args:
        y: what happened.
        p: what was predicted.
        bins: how many bins to aim at, at least 1.

    Returns:
        The bins that hold rows, at most `bins`.

    Raises:
        ValueError: if there is no bin, the arrays are empty or differ in length, y is neither 0 or 1 nor finite
            numbers, or p is not in [0, 1] or, beside numbers, not finite.
    """
    happened = _outcomes(y, p)
    if bins < 1:
        raise ValueError(f"{bins} bins cannot hold a row: ask for at least 1")
    order = np.argsort(p, kind="stable")
    ordered = p[order]
    twice_rank = np.searchsorted(ordered, ordered, "left") + np.searchsorted(ordered, ordered, "right")
    index = twice_rank * bins // (2 * p.size)
    n = np.bincount(index, minlength=bins)
    held = n > 0
    mean_p = np.bincount(index, weights=ordered, minlength=bins)[held] / n[held]
    rate = np.bincount(index, weights=happened[order], minlength=bins)[held] / n[held]
    return CalibrationBins(mean_p=mean_p, rate=rate, n=n[held].astype(np.int64, copy=False))


def auc(y: Labels, p: Floats) -> float:
    """Return the area under the ROC curve: how often a positive is ranked above a negative, a tie being half.

    The Mann-Whitney count is an integer, so the result is exact to the last rounding, ties included.

    Args:
        y: what happened, both classes present.
        p: any score that rises with the chance of a positive; infinities are allowed.

    Returns:
        The area, 0 to 1.

    Raises:
        ValueError: if the arrays are empty or differ in length, y is not 0 or 1, one class is absent, or p holds NaN.
    """
    positive, negative = _split_scores(y, p)
    return int(_twice_wins(positive, negative).sum()) / (2 * positive.size * negative.size)


def auc_influence(y: Labels, p: Floats) -> Floats:
    """Return how much each row moves the area under the ROC curve.

    For a positive this is its placement value (the share of negatives it is ranked above) less the area, over the
    number of positives; for a negative the mirror image: the structural components of DeLong, DeLong and
    Clarke-Pearson 1988. Both classes sum to 0. Sums per cluster, squared and summed, estimate the variance of the area
    when rows of one cluster depend on each other (Obuchowski 1997; `shipway.maths.interval.clustered_auc`).

    Returns:
        float64[n].

    Raises:
        ValueError: for the reasons of `auc`.
    """
    positive, negative = _split_scores(y, p)
    wins, losses = _twice_wins(positive, negative), 2 * positive.size - _twice_wins(negative, positive)
    area = int(wins.sum()) / (2 * positive.size * negative.size)
    influence = np.empty(p.size, dtype=np.float64)
    influence[y == 1] = (wins / (2 * negative.size) - area) / positive.size
    influence[y == 0] = (losses / (2 * positive.size) - area) / negative.size
    return influence


def decision_cost(y: Labels, p: Floats, threshold: float, costs: Costs) -> Floats:
    """Return what each row cost when one acts exactly where the prediction is above the threshold.

    Args:
        y: what happened.
        p: what was predicted; a prediction equal to the threshold is not acted on.
        threshold: the prediction above which one acts.
        costs: the cost of each outcome.

    Returns:
        float64[n], in the unit of `costs`.

    Raises:
        ValueError: if the arrays are empty or differ in length, y is not 0 or 1, p is not in [0, 1], or the threshold
            or a cost is not finite.
    """
    happened = _labels(y, p)
    _check_probabilities(p)
    table = np.array([[costs.skip_if_false, costs.skip_if_true], [costs.act_if_false, costs.act_if_true]], np.float64)
    if not (np.isfinite(threshold) and np.isfinite(table).all()):
        raise ValueError(f"threshold {threshold} and {costs} must be finite")
    return table[(p > threshold).astype(np.intp), happened.astype(np.intp)]


def _labels(y: Labels, p: Floats) -> NDArray[np.bool_]:
    """Check that labels are 0 or 1 and as many as the predictions; return them as bool."""
    if y.ndim != 1 or y.shape != p.shape:
        raise ValueError(f"y {y.shape} and p {p.shape} are not two columns of one length")
    if not y.size:
        raise ValueError("there are no rows")
    happened = y == 1
    if not (happened | (y == 0)).all():
        raise ValueError("y holds something other than 0 and 1")
    return happened


def _outcomes(y: Labels | Floats, p: Floats) -> NDArray[Any]:
    """Return labels that are 0 or 1 as bool, beside probabilities, or finite numbers as they are."""
    if y.dtype != np.float64:
        happened = _labels(cast("Labels", y), p)
        _check_probabilities(p)
        return happened
    if y.ndim != 1 or y.shape != p.shape or not y.size:
        raise ValueError(f"y {y.shape} and p {p.shape} are not two columns of one length with rows")
    if not (np.isfinite(y).all() and np.isfinite(p).all()):
        raise ValueError("y or p holds a number that is not finite")
    return y


def _check_probabilities(p: Floats) -> None:
    """Refuse predictions that are no probabilities."""
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError("p holds something outside [0, 1]")


def _split_scores(y: Labels, p: Floats) -> tuple[Floats, Floats]:
    """Return the scores of the positives and of the negatives, neither empty."""
    happened = _labels(y, p)
    if np.isnan(p).any():
        raise ValueError("p holds NaN, which has no rank")
    positive, negative = p[happened], p[~happened]
    if not (positive.size and negative.size):
        raise ValueError("y holds one class only: the area under the ROC curve is not defined")
    return positive, negative


def _twice_wins(scores: Floats, others: Floats) -> NDArray[np.int64]:
    """Return, per score, twice the number of others below it plus the number equal to it."""
    ordered = np.sort(others)
    wins = np.searchsorted(ordered, scores, side="left") + np.searchsorted(ordered, scores, side="right")
    return wins.astype(np.int64, copy=False)

"""Metrics of predictions of a number, each with the influence of its rows.

Throughout, `y` is float64[n], what happened, and `p` is float64[n], what was predicted, both finite and in one unit.
Every function raises ValueError for no rows, columns of different length and what is not finite.
"""

import numpy as np
from numpy.typing import NDArray

from shipway.maths.influence import Influence, combine, influence_of_mean, influence_of_ratio

Floats = NDArray[np.float64]


def mean_error(y: Floats, p: Floats) -> Influence:
    """Return the mean of prediction minus outcome, in the unit of both: above 0 the model promises too much."""
    return influence_of_mean(_errors(y, p))


def mean_absolute_error(y: Floats, p: Floats) -> Influence:
    """Return the mean distance of prediction and outcome, in the unit of both."""
    return influence_of_mean(np.abs(_errors(y, p)))


def root_mean_squared_error(y: Floats, p: Floats) -> Influence:
    """Return the root of the mean squared error, in the unit of both; where there is no error no row moves it."""
    squared = influence_of_mean(np.square(_errors(y, p)))
    root = float(np.sqrt(squared.value))
    return combine(root, [(0.5 / root if root else 0.0, squared)])


def r_squared(y: Floats, p: Floats) -> Influence:
    """Return the share of the variance of the outcome that is explained: 1 less squared error over variance.

    0 is as good as the mean of these outcomes, and there is no least value. The mean that the variance is taken around
    moves it in second order only, so that influence is that of the ratio of two means.

    Raises:
        ValueError: also if all outcomes are equal.
    """
    errors = np.square(_errors(y, p))
    spread = np.square(y - y.mean())
    if not spread.any():
        raise ValueError("all outcomes are equal: there is nothing to explain")
    unexplained = influence_of_ratio(errors, spread)
    return Influence(1 - unexplained.value, -unexplained.rows)


def mean_absolute_percentage_error(y: Floats, p: Floats) -> Influence:
    """Return the mean of the distance over the size of the outcome, as a share.

    Raises:
        ValueError: also if an outcome is 0, of which no distance is a share; `weighted_percentage_error` can be taken.
    """
    errors = np.abs(_errors(y, p))
    if not y.all():
        raise ValueError("an outcome is 0, and no error is a share of that")
    return influence_of_mean(errors / np.abs(y))


def symmetric_percentage_error(y: Floats, p: Floats) -> Influence:
    """Return the mean of the distance over the mean size of prediction and outcome, 0 to 2; 0 where both are 0.

    Makridakis 1993, "Accuracy measures: theoretical and practical concerns", without the factor 100.
    """
    errors, size = np.abs(_errors(y, p)), (np.abs(y) + np.abs(p)) / 2
    return influence_of_mean(np.divide(errors, size, out=np.zeros_like(errors), where=size > 0))


def weighted_percentage_error(y: Floats, p: Floats) -> Influence:
    """Return the sum of the distances over the sum of the sizes of the outcomes, as a share.

    Raises:
        ValueError: also if all outcomes are 0.
    """
    return influence_of_ratio(np.abs(_errors(y, p)), np.abs(y))


def pinball_loss(y: Floats, p: Floats, quantile: float) -> Influence:
    """Return the mean loss of a predicted quantile, in the unit of both; the true quantile has the least.

    Too low a prediction costs `quantile` of its distance and too high a one the rest (Koenker and Bassett 1978,
    "Regression Quantiles", Econometrica 46).

    Args:
        y: what happened.
        p: the predicted quantile.
        quantile: which one, between 0 and 1.
    """
    if not 0 < quantile < 1:
        raise ValueError(f"quantile {quantile} is not between 0 and 1")
    errors = _errors(y, p)
    return influence_of_mean(np.maximum(-quantile * errors, (1 - quantile) * errors))


def share_below(y: Floats, p: Floats) -> Influence:
    """Return the share of outcomes that are not above what was predicted, which is the level of a true quantile.

    A quantile forecast is calibrated if its level is this share (Gneiting, Balabdaoui and Raftery 2007, "Probabilistic
    forecasts, calibration and sharpness", section 2).
    """
    return influence_of_mean((_errors(y, p) >= 0).astype(np.float64), share=True)


def _errors(y: Floats, p: Floats) -> Floats:
    if y.ndim != 1 or y.shape != p.shape:
        raise ValueError(f"y {y.shape} and p {p.shape} are not two columns of one length")
    return p - y

"""Metrics of a binary classifier that acts above a threshold, and of how it ranks, with the influence of each row.

`y` is bool[n], `p` is float64[n]. A row is acted on where its prediction is above the threshold, as for
`shipway.maths.metric.decision_cost`: a prediction equal to it is not acted on.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from shipway.maths.influence import Influence, influence_of_mean, influence_of_ratio
from shipway.maths.interval import least_variance

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


def accuracy(y: Bools, p: Floats, threshold: float) -> Influence:
    """Return the share of rows that were acted on exactly where it happened."""
    return influence_of_mean((_acted(y, p, threshold) == y).astype(np.float64), share=True)


def precision(y: Bools, p: Floats, threshold: float) -> Influence:
    """Return the share of the rows acted on in which it happened.

    Raises:
        ValueError: if no row is acted on.
    """
    acted = _acted(y, p, threshold)
    return influence_of_ratio((acted & y).astype(np.float64), acted.astype(np.float64), share=True)


def recall(y: Bools, p: Floats, threshold: float) -> Influence:
    """Return the share of the rows in which it happened that were acted on.

    Raises:
        ValueError: if it never happened.
    """
    return influence_of_ratio((_acted(y, p, threshold) & y).astype(np.float64), y.astype(np.float64), share=True)


def specificity(y: Bools, p: Floats, threshold: float) -> Influence:
    """Return the share of the rows in which it did not happen that were left alone.

    Raises:
        ValueError: if it always happened.
    """
    return influence_of_ratio((~_acted(y, p, threshold) & ~y).astype(np.float64), (~y).astype(np.float64), share=True)


def f_score(y: Bools, p: Floats, threshold: float, beta: float = 1.0) -> Influence:
    """Return the weighted harmonic mean of precision and recall (van Rijsbergen 1979, "Information Retrieval", ch. 7).

    Args:
        y: what happened.
        p: what was predicted.
        threshold: above which one acts.
        beta: how many times as much recall counts as precision.

    Raises:
        ValueError: if it never happened and no row is acted on, or beta is not above 0.
    """
    if not beta > 0:
        raise ValueError(f"beta {beta} is not above 0")
    acted, weight = _acted(y, p, threshold), beta * beta
    found: Floats = (1 + weight) * (acted & y).astype(np.float64)
    return influence_of_ratio(found, found + weight * (y & ~acted) + (acted & ~y), share=True)


def matthews_correlation(y: Bools, p: Floats, threshold: float) -> Influence:
    """Return the correlation of acting and happening, -1 to 1 (Matthews 1975, Biochim. Biophys. Acta 405).

    The influence on a correlation is u v - r (u^2 + v^2) / 2 over n, u and v being the standardised columns (Devlin,
    Gnanadesikan and Kettenring 1975, Biometrika 62).

    Raises:
        ValueError: if it always or never happened, or one always or never acts.
    """
    acted = _acted(y, p, threshold)
    if y.all() or not y.any() or acted.all() or not acted.any():
        raise ValueError("one of the two columns is the same in all rows: there is no correlation")
    u, v = ((column - column.mean()) / column.std() for column in (acted, y))
    value = float((u * v).mean())
    rarer = tuple(column if 2 * np.count_nonzero(column) <= y.size else ~column for column in (acted, y))
    moved = Influence(value, (u * v - value * (u * u + v * v) / 2) / y.size, rarer)
    return replace(moved, least=least_variance(moved.n))


def average_precision(y: Bools, p: Floats) -> Influence:
    """Return the mean, over the rows in which it happened, of the precision at their own score.

    Equal scores are one step, as in scikit-learn. A row moves it in three ways: as one of those averaged, as one that
    happened, and as one that is counted, at its own score and at every lower one; the sum of the derivatives by the two
    counts at each score is a pair of running sums.

    Raises:
        ValueError: if it never happened or p holds NaN.
    """
    _check(y, p)
    if not y.any():
        raise ValueError("y is never true: there is no precision to average")
    if np.isnan(p).any():
        raise ValueError("p holds NaN, which has no rank")
    _, step = np.unique(p, return_inverse=True)
    rows, true = np.bincount(step), np.bincount(step, weights=y)
    counted, happened = (np.cumsum(each[::-1])[::-1] for each in (rows, true))
    ratio, total = happened / counted, float(y.sum())
    value = float(np.sum(true * ratio)) / total
    by_happened, by_counted = np.cumsum(true / counted), np.cumsum(true * ratio / counted)
    moved = np.where(y, ratio[step] - value + by_happened[step], 0.0) - by_counted[step]
    return Influence(value, moved / total, (y,), least_variance(int(total)))


def _acted(y: Bools, p: Floats, threshold: float) -> Bools:
    _check(y, p)
    return p > threshold


def _check(y: Bools, p: Floats) -> None:
    if y.ndim != 1 or y.shape != p.shape:
        raise ValueError(f"y {y.shape} and p {p.shape} are not two columns of one length")
    if not y.size:
        raise ValueError("there are no rows")

"""Metrics by name, so that what is measured offline and on a live window is one thing.

Of a condition `y` is bool[n] and `p` is float64[n] of 0 to 1; of a number both are float64[n], finite and in one unit;
of k classes `y` is int64[n], 0 to k - 1, and `p` is float64[n, k]. A metric of one class against the rest is that of a
condition, `shipway.maths.multiclass.read_class`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shipway.maths import multiclass, ranking, regression, threshold
from shipway.maths.calibration import calibration_line
from shipway.maths.influence import Influence, influence_of_mean
from shipway.maths.metric import per_row_log_loss

Bools = NDArray[np.bool_]
Labels = NDArray[np.bool_] | NDArray[np.float64] | NDArray[np.int64]
Floats = NDArray[np.float64]

_BOTH = frozenset({"auc", "mcc", "calibration_slope"})
_TRUE = frozenset({"recall", "average_precision", "f_score"})
_NUMBER: Final[dict[str, Callable[[NDArray[np.float64], NDArray[np.float64]], Influence]]] = {
    "mean_absolute_error": regression.mean_absolute_error,
    "root_mean_squared_error": regression.root_mean_squared_error,
    "r_squared": regression.r_squared,
    "mean_absolute_percentage_error": regression.mean_absolute_percentage_error,
    "weighted_percentage_error": regression.weighted_percentage_error,
    "share_below": regression.share_below,
}
"""Metrics of predictions of a number that need nothing but label and prediction."""
_CLASS: Final[dict[str, Callable[[NDArray[np.int64], NDArray[np.float64]], Influence]]] = {
    "log_loss": multiclass.log_loss,
    "brier": multiclass.brier,
    "accuracy": multiclass.accuracy,
    "calibration_gap": multiclass.confidence_gap,
    "macro_auc": multiclass.macro_auc,
    "macro_f1": multiclass.macro_f1,
    "weighted_f1": multiclass.weighted_f1,
}
"""Metrics of predictions of classes that need nothing but the two."""
_RANKED = frozenset({"ndcg", "top_recall", "mean_reciprocal_rank", "mean_average_precision"})


@dataclass(frozen=True, slots=True, eq=False)
class Scoring:
    """A metric with what it is taken at.

    Attributes:
        metric: its name, of `shipway.core.metric`.
        at: the threshold of one that acts, how many places of one that ranks, how many classes of one that looks at
            the most probable, or the level of a predicted quantile.
        beta: how many times as much recall counts as precision.
        query: integer[n], which rows are ranked among each other; None where all are one matter.
    """

    metric: str
    at: float = 0.5
    beta: float = 1.0
    query: NDArray[np.integer[Any]] | None = None


def why_undefined(scoring: Scoring, y: Labels, p: Floats) -> str | None:
    """Return why a metric has no value on these rows, as a clause for a person; None where it has one."""
    if p.ndim == 2:
        return _why_no_class(scoring, y, p)
    return _why_no_number(scoring.metric, y) if y.dtype == np.float64 else _why_undefined(scoring, y, p)


def _why_no_class(scoring: Scoring, y: Labels, p: Floats) -> str | None:
    if scoring.metric == "macro_auc" and (y == y[0]).all():
        return f"all {y.size:,} labels are one class, so there is nothing to rank"
    if scoring.metric == "top_accuracy" and scoring.at >= p.shape[1]:
        return f"there are {p.shape[1]} classes, so one of the first {scoring.at:g} is always right"
    return None


def _why_no_number(name: str, y: Labels) -> str | None:
    match name:
        case "r_squared" if (y == y[0]).all():
            return f"all {y.size:,} labels are {y[0]:g}, so there is nothing to explain"
        case "mean_absolute_percentage_error" if not y.all():
            return "a label is 0, and no error is a share of that: take weighted_percentage_error"
        case "weighted_percentage_error" if not y.any():
            return f"all {y.size:,} labels are 0, and no error is a share of that"
        case "ndcg" if (y < 0).any():
            return "a label is below 0, and a gain is not"
        case "ndcg" if not y.any():
            return f"all {y.size:,} labels are 0, so there is nothing to find"
        case _:
            return None


def _why_undefined(scoring: Scoring, y: Labels, p: Floats) -> str | None:
    name = scoring.metric
    one = f"all {y.size:,} labels are {'true' if y[0] else 'false'}"
    if name in _BOTH and (y.all() or not y.any()):
        return f"{one}, so there is nothing to {'rank' if name == 'auc' else 'tell apart'}"
    if name in _TRUE | _RANKED and not y.any():
        return f"{one}, so there is nothing to find"
    if name == "specificity" and y.all():
        return f"{one}, so there is nothing to leave alone"
    if name in ("precision", "mcc"):
        acted = p > scoring.at
        if not acted.any():
            return f"no prediction is above {scoring.at:g}"
        if name == "mcc" and acted.all():
            return f"all predictions are above {scoring.at:g}"
    return None


def influence_of_score(scoring: Scoring, y: Labels, p: Floats) -> Influence:
    """Return a metric with the influence of each row.

    Args:
        scoring: which one. `auc` has its own estimator, `shipway.maths.interval.clustered_auc`, and
            `expected_calibration_error` none of this kind.
        y: what happened.
        p: what was predicted.

    Raises:
        ValueError: if it has no value on these rows, or for a name that is none of these.
    """
    if p.ndim == 2:
        return _influence_of_class(scoring, y.astype(np.int64), p)
    if scoring.metric == "calibration_gap":
        return influence_of_mean(p - y)
    if scoring.metric == "ndcg":
        return _influence_of_ranking(scoring, y, p)
    return _influence_of_number(scoring, y, p) if y.dtype == np.float64 else _influence_of_condition(scoring, y == 1, p)


def _influence_of_class(scoring: Scoring, y: NDArray[np.int64], p: Floats) -> Influence:
    if scoring.metric == "top_accuracy":
        return multiclass.top_accuracy(y, p, int(scoring.at))
    if scoring.metric not in _CLASS:
        raise ValueError(f"{scoring.metric!r} is no metric of classes with an influence of its rows")
    return _CLASS[scoring.metric](y, p)


def _influence_of_number(scoring: Scoring, y: Labels, p: Floats) -> Influence:
    happened = y.astype(np.float64)
    if scoring.metric == "pinball_loss":
        return regression.pinball_loss(happened, p, scoring.at)
    if scoring.metric not in _NUMBER:
        raise ValueError(f"{scoring.metric!r} is no metric of a number with an influence of its rows")
    return _NUMBER[scoring.metric](happened, p)


def _influence_of_condition(scoring: Scoring, y: Bools, p: Floats) -> Influence:
    match scoring.metric:
        case "log_loss":
            return influence_of_mean(per_row_log_loss(y, p))
        case "brier":
            return influence_of_mean(np.square(p - y))
        case "calibration_slope":
            return calibration_line(y, p)[0]
        case "average_precision":
            return threshold.average_precision(y, p)
        case "top_recall" | "mean_reciprocal_rank" | "mean_average_precision":
            return _influence_of_ranking(scoring, y, p)
        case _:
            return _influence_of_acting(scoring, y, p)


def _influence_of_acting(scoring: Scoring, y: Bools, p: Floats) -> Influence:
    match scoring.metric:
        case "accuracy":
            return threshold.accuracy(y, p, scoring.at)
        case "precision":
            return threshold.precision(y, p, scoring.at)
        case "recall":
            return threshold.recall(y, p, scoring.at)
        case "specificity":
            return threshold.specificity(y, p, scoring.at)
        case "f_score":
            return threshold.f_score(y, p, scoring.at, scoring.beta)
        case "mcc":
            return threshold.matthews_correlation(y, p, scoring.at)
        case _:
            raise ValueError(f"{scoring.metric!r} is no metric with an influence of its rows")


def _influence_of_ranking(scoring: Scoring, y: Labels, p: Floats) -> Influence:
    query = np.zeros(y.size, np.int64) if scoring.query is None else scoring.query
    gain, first = y.astype(np.float64), int(scoring.at)
    match scoring.metric:
        case "ndcg":
            return ranking.ndcg(gain, p, query, first)
        case "top_recall":
            return ranking.recall_at(gain, p, query, first)
        case "mean_average_precision":
            return ranking.mean_average_precision(gain, p, query, first)
        case _:
            return ranking.mean_reciprocal_rank(gain, p, query)

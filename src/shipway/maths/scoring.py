"""Metrics of a binary model by name, so that what is measured offline and on a live window is one thing.

`y` is bool[n], `p` is float64[n] of 0 to 1.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shipway.maths import ranking, threshold
from shipway.maths.calibration import calibration_line
from shipway.maths.influence import Influence, influence_of_mean
from shipway.maths.metric import per_row_log_loss

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

_BOTH = frozenset({"auc", "mcc", "calibration_slope"})
_TRUE = frozenset({"recall", "average_precision", "f_score"})
_RANKED = frozenset({"ndcg", "top_recall", "mean_reciprocal_rank", "mean_average_precision"})


@dataclass(frozen=True, slots=True, eq=False)
class Scoring:
    """A metric with what it is taken at.

    Attributes:
        metric: its name, of `shipway.core.metric`.
        at: the threshold of one that acts, or how many places of one that ranks.
        beta: how many times as much recall counts as precision.
        query: integer[n], which rows are ranked among each other; None where all are one matter.
    """

    metric: str
    at: float = 0.5
    beta: float = 1.0
    query: NDArray[np.integer[Any]] | None = None


def why_undefined(scoring: Scoring, y: Bools, p: Floats) -> str | None:
    """Return why a metric has no value on these rows, as a clause for a person; None where it has one."""
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


def influence_of_score(scoring: Scoring, y: Bools, p: Floats) -> Influence:
    """Return a metric with the influence of each row.

    Args:
        scoring: which one. `auc` has its own estimator, `shipway.maths.interval.clustered_auc`, and
            `expected_calibration_error` none of this kind.
        y: what happened.
        p: what was predicted.

    Raises:
        ValueError: if it has no value on these rows, or for a name that is none of these.
    """
    match scoring.metric:
        case "log_loss":
            return influence_of_mean(per_row_log_loss(y, p))
        case "brier":
            return influence_of_mean(np.square(p - y))
        case "calibration_gap":
            return influence_of_mean(p - y)
        case "calibration_slope":
            return calibration_line(y, p)[0]
        case "average_precision":
            return threshold.average_precision(y, p)
        case "ndcg" | "top_recall" | "mean_reciprocal_rank" | "mean_average_precision":
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


def _influence_of_ranking(scoring: Scoring, y: Bools, p: Floats) -> Influence:
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

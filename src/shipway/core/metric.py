"""What each metric of a candidate is: what it can be, and which way is better."""

import math
from typing import Final, Literal, TypeAlias

import msgspec

from shipway.core.label import LabelKind

Name: TypeAlias = Literal[
    "auc",
    "log_loss",
    "brier",
    "calibration_gap",
    "accuracy",
    "average_precision",
    "calibration_slope",
    "expected_calibration_error",
    "precision",
    "recall",
    "specificity",
    "f_score",
    "mcc",
    "ndcg",
    "top_recall",
    "mean_reciprocal_rank",
    "mean_average_precision",
    "mean_absolute_error",
    "root_mean_squared_error",
    "r_squared",
    "mean_absolute_percentage_error",
    "weighted_percentage_error",
    "pinball_loss",
    "share_below",
    "macro_auc",
    "macro_f1",
    "weighted_f1",
    "top_accuracy",
]


class Metric(msgspec.Struct, frozen=True):
    """What is known of a metric before it is measured.

    Attributes:
        better: `more` or `less`; `none` where two versions are not compared by it, because neither is.
        low: the least it can be; None where nothing holds it.
        high: the greatest it can be.
        example: a rule on it, as a bound.
        of: the kinds of labels that it measures predictions of.
    """

    better: Literal["more", "less", "none"]
    low: float | None = 0.0
    high: float | None = 1.0
    example: str = ">= 0.7"
    of: frozenset[LabelKind] = frozenset({"condition"})


_NUMBER: Final[frozenset[LabelKind]] = frozenset({"number"})
_BOTH: Final[frozenset[LabelKind]] = frozenset({"condition", "number"})
_CLASS: Final[frozenset[LabelKind]] = frozenset({"class"})
_SAID: Final[frozenset[LabelKind]] = frozenset({"condition", "class"})
"""Labels of which probabilities are said."""
_ALL: Final[frozenset[LabelKind]] = frozenset({"condition", "number", "class"})
LARGEST_LOSS: Final = 34.538776394910684
"""Log loss of a certain prediction that is wrong: minus the logarithm of 1e-15, at which predictions are cut."""
METRICS: Final[dict[Name, Metric]] = {
    "auc": Metric("more"),
    "log_loss": Metric("less", high=LARGEST_LOSS, example="<= 0.5", of=_SAID),
    "brier": Metric("less", example="<= 0.5", of=_SAID),
    "calibration_gap": Metric("none", high=None, example="<= 0.5", of=_ALL),
    "accuracy": Metric("more", of=_SAID),
    "average_precision": Metric("more"),
    "calibration_slope": Metric("none", None, None, ">= 0.8"),
    "expected_calibration_error": Metric("none", example="<= 0.05", of=_SAID),
    "precision": Metric("more"),
    "recall": Metric("more"),
    "specificity": Metric("more"),
    "f_score": Metric("more"),
    "mcc": Metric("more", -1.0, 1.0, ">= 0.3"),
    "ndcg": Metric("more", of=_BOTH),
    "top_recall": Metric("more"),
    "mean_reciprocal_rank": Metric("more"),
    "mean_average_precision": Metric("more"),
    "mean_absolute_error": Metric("less", high=None, example="<= 10", of=_NUMBER),
    "root_mean_squared_error": Metric("less", high=None, example="<= 20", of=_NUMBER),
    "r_squared": Metric("more", None, 1.0, ">= 0.3", of=_NUMBER),
    "mean_absolute_percentage_error": Metric("less", high=None, example="<= 0.2", of=_NUMBER),
    "weighted_percentage_error": Metric("less", high=None, example="<= 0.2", of=_NUMBER),
    "pinball_loss": Metric("less", high=None, example="<= 5", of=_NUMBER),
    "share_below": Metric("none", example=">= 0.85", of=_NUMBER),
    "macro_auc": Metric("more", of=_CLASS),
    "macro_f1": Metric("more", of=_CLASS),
    "weighted_f1": Metric("more", of=_CLASS),
    "top_accuracy": Metric("more", of=_CLASS),
}
LEADING: Final[dict[LabelKind, tuple[Name, Name]]] = {
    "condition": ("auc", "log_loss"),
    "number": ("r_squared", "mean_absolute_error"),
    "class": ("macro_auc", "log_loss"),
}
"""What a version is told by first, of a label of each kind: its skill, of which more is better, and its mean loss."""
IN_UNIT: Final = frozenset({"mean_absolute_error", "root_mean_squared_error", "pinball_loss"})
"""Those that are in the unit of the label."""
LED: Final = tuple(dict.fromkeys(name for names in LEADING.values() for name in names))
"""Those that versions are told by first, of labels of every kind."""
SKILLS: Final = tuple(skill for skill, _ in LEADING.values())
"""The skills among them."""
RANKED: Final = frozenset({"ndcg", "top_recall", "mean_reciprocal_rank", "mean_average_precision"})
"""Those that rank the rows of a query among each other."""
ACTING: Final = frozenset({"precision", "recall", "specificity", "f_score", "mcc"})
"""Those that act above a threshold; of one class also where it is the most probable one."""
EVERYWHERE: Final = frozenset(METRICS) - RANKED - {"expected_calibration_error", "calibration_slope"}
"""Those that are measured on a live window too, where answers have no column that names a query."""


def range_of(name: Name, kind: LabelKind) -> tuple[float, float]:
    """Return the least and the greatest that a metric of a kind of label can be; infinite where nothing holds it."""
    if name == "brier" and kind == "class":
        return 0.0, 2.0  # the squares of all classes of a row are summed
    metric = METRICS[name]
    return (-math.inf if metric.low is None else metric.low), (math.inf if metric.high is None else metric.high)

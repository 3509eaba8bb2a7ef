"""What each metric of a candidate is: what it can be, and which way is better."""

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
_SORTED: Final[frozenset[LabelKind]] = frozenset({"condition", "class"})
LARGEST_LOSS: Final = 34.538776394910684
"""Log loss of a certain prediction that is wrong: minus the logarithm of 1e-15, at which predictions are cut."""
METRICS: Final[dict[Name, Metric]] = {
    "auc": Metric("more"),
    "log_loss": Metric("less", high=LARGEST_LOSS, example="<= 0.5", of=_SORTED),
    "brier": Metric("less", example="<= 0.5"),
    "calibration_gap": Metric("none", high=None, example="<= 0.5", of=_BOTH),
    "accuracy": Metric("more", of=_SORTED),
    "average_precision": Metric("more"),
    "calibration_slope": Metric("none", None, None, ">= 0.8"),
    "expected_calibration_error": Metric("none", example="<= 0.05"),
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
}
LEADING: Final[dict[LabelKind, tuple[Name, Name]]] = {
    "condition": ("auc", "log_loss"),
    "number": ("r_squared", "mean_absolute_error"),
    "class": ("accuracy", "log_loss"),
}
"""What a version is told by first, of a label of each kind: its skill, of which more is better, and its mean loss."""
IN_UNIT: Final = frozenset({"mean_absolute_error", "root_mean_squared_error", "pinball_loss"})
"""Those that are in the unit of the label."""
LED: Final = tuple(name for names in LEADING.values() for name in names)
"""Those that versions are told by first, of labels of every kind."""
SKILLS: Final = tuple(skill for skill, _ in LEADING.values())
"""The skills among them."""
RANKED: Final = frozenset({"ndcg", "top_recall", "mean_reciprocal_rank", "mean_average_precision"})
"""Those that rank the rows of a query among each other."""
EVERYWHERE: Final = frozenset(METRICS) - RANKED - {"expected_calibration_error", "calibration_slope"}
"""Those that are measured on a live window too, where answers have no column that names a query."""

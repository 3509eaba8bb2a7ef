"""What each metric of a candidate is: what it can be, and which way is better."""

from typing import Final, Literal, TypeAlias

import msgspec

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
]


class Metric(msgspec.Struct, frozen=True):
    """What is known of a metric before it is measured.

    Attributes:
        better: `more` or `less`; `none` where two versions are not compared by it, because neither is.
        low: the least it can be; None where nothing holds it.
        high: the greatest it can be.
        example: a rule on it, as a bound.
    """

    better: Literal["more", "less", "none"]
    low: float | None = 0.0
    high: float | None = 1.0
    example: str = ">= 0.7"


LARGEST_LOSS: Final = 34.538776394910684
"""Log loss of a certain prediction that is wrong: minus the logarithm of 1e-15, at which predictions are cut."""
METRICS: Final[dict[Name, Metric]] = {
    "auc": Metric("more"),
    "log_loss": Metric("less", high=LARGEST_LOSS, example="<= 0.5"),
    "brier": Metric("less", example="<= 0.5"),
    "calibration_gap": Metric("none", example="<= 0.5"),
    "accuracy": Metric("more"),
    "average_precision": Metric("more"),
    "calibration_slope": Metric("none", None, None, ">= 0.8"),
    "expected_calibration_error": Metric("none", example="<= 0.05"),
    "precision": Metric("more"),
    "recall": Metric("more"),
    "specificity": Metric("more"),
    "f_score": Metric("more"),
    "mcc": Metric("more", -1.0, 1.0, ">= 0.3"),
    "ndcg": Metric("more"),
    "top_recall": Metric("more"),
    "mean_reciprocal_rank": Metric("more"),
    "mean_average_precision": Metric("more"),
}
RANKED: Final = frozenset({"ndcg", "top_recall", "mean_reciprocal_rank", "mean_average_precision"})
"""Those that rank the rows of a query among each other."""
EVERYWHERE: Final = frozenset(METRICS) - RANKED - {"expected_calibration_error", "calibration_slope"}
"""Those that are measured on a live window too, where answers have no column that names a query."""

"""How a candidate does along one cut of its rows, and how well its predictions hold: the tables of a report."""

from typing import Any

import numpy as np

from shipway.core.label import MEAN
from shipway.core.measure import DecisionValue
from shipway.maths.metric import auc, calibration_bins
from shipway.maths.multiclass import macro_auc
from shipway.maths.regression import r_squared
from shipway.validation.contrast import contrast_chosen, contrast_class
from shipway.validation.reading import Row
from shipway.validation.sample import Floats, Ints, Labels, Sample, group_of, split_rows
from shipway.validation.value import saved_per_row


def profile_by(sample: Sample, group: str, value: DecisionValue | None = None) -> list[Row]:
    """Measure a candidate in every part of one group, such as by month.

    Args:
        sample: the rows.
        group: name of the group.
        value: what acting on the predictions costs, if it is to be told as well.

    Returns:
        One row per label of the group that occurs, in their order: `label`, `n`, `mean` (of the label; of a condition
        how often it came true, of classes how often the chosen one did), `mean_p` (of classes that of the chosen one),
        `skill` (area under the ROC curve, of classes the mean of theirs, of a number R squared; None where all labels
        are equal), `loss` (mean log loss in nats, or of a number the mean absolute error) and `value` (what acting
        saves a row against never acting; None without costs). Rows without a label of the group are in no part.

    Raises:
        ShipwayError: SW-104 if the sample is not grouped that way.
    """
    parts = split_rows(group_of(sample, group))
    losses = sample.lose(sample.p) if sample.n else sample.p
    seen = contrast_chosen(sample) if sample.kind == "class" else sample
    acted = sample if value is None or not value.of else contrast_class(sample, value.of)
    saved = None if value is None or acted is None or not sample.n else saved_per_row(acted.happened, acted.p, value)
    return [{"label": label, **_measure_part(sample, seen, rows, losses, saved)} for label, rows in parts]


def describe_labels(sample: Sample) -> dict[str, Any]:
    """Return the mean of labels and of predictions, as the facts of a metric.

    Of classes that is how often the chosen one was `right` and how probable it was said to be, and the share of each.
    """
    if sample.kind != "class":
        return {MEAN[sample.kind]: float(sample.y.mean()), "mean_p": float(sample.p.mean())}
    seen = contrast_chosen(sample)
    shares = np.bincount(sample.y, minlength=len(sample.classes)) / sample.n
    named = dict(zip(sample.classes, shares.tolist(), strict=True))
    return {"right": float(seen.y.mean()), "mean_p": float(seen.p.mean()), MEAN["class"]: named}


def calibration_of(sample: Sample, bins: int = 10) -> list[Row]:
    """Compare predictions with what happened as `calibration_table` does; of classes those of the chosen one."""
    seen = contrast_chosen(sample) if sample.kind == "class" else sample
    return calibration_table(seen.p, seen.y, bins)


def calibration_table(p: Floats, y: Labels, bins: int = 10) -> list[Row]:
    """Compare predictions with what happened in bins of equal count, ascending.

    Args:
        p: float64[n], probabilities, or numbers.
        y: what happened, bool[n] or float64[n].
        bins: how many bins to aim at; equal predictions share one, so there may be fewer.

    Returns:
        One row per bin: `mean_p`, `mean` (of the label) and `n`; none for no rows.
    """
    if not y.size:
        return []
    table = calibration_bins(y, p, bins)
    columns = zip(table.mean_p.tolist(), table.rate.tolist(), table.n.tolist(), strict=True)
    return [{"mean_p": mean_p, "mean": mean, "n": n} for mean_p, mean, n in columns]


def skill_or_none(y: Labels, p: Floats) -> float | None:
    """Return how well predictions tell rows apart: the area under the ROC curve, of a number R squared.

    Of classes it is the mean of the areas of those that occur.

    None where all labels are equal and there is nothing to tell apart.
    """
    if (y == y[0]).all():
        return None
    if p.ndim == 2:
        return macro_auc(y.astype(np.int64), p).value
    return r_squared(y.astype(np.float64), p).value if y.dtype == np.float64 else auc(y == 1, p)


def _measure_part(sample: Sample, seen: Sample, rows: Ints, losses: Floats, saved: Floats | None) -> Row:
    y, p = sample.y[rows], sample.p[rows]
    return {
        "n": y.size,
        "mean": float(seen.y[rows].mean()),
        "mean_p": float(seen.p[rows].mean()),
        "skill": skill_or_none(y, p),
        "loss": float(losses[rows].mean()),
        "value": None if saved is None else float(saved[rows].mean()),
    }

"""How a candidate does along one cut of its rows, and how well its predictions hold: the tables of a report."""

import numpy as np

from shipway.core.measure import DecisionValue
from shipway.maths.metric import auc, calibration_bins
from shipway.maths.regression import r_squared
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
        how often it came true), `mean_p`, `skill` (area under the ROC curve, or of a number R squared; None where all
        labels are equal), `loss` (mean log loss in nats, or of a number the mean absolute error) and `value` (what
        acting saves a row against never acting; None without costs). Rows without a label of the group are in no part.

    Raises:
        ShipwayError: SW-104 if the sample is not grouped that way.
    """
    parts = split_rows(group_of(sample, group))
    losses = sample.lose(sample.p) if sample.n else sample.p
    return [{"label": label, **_measure_part(sample, rows, losses, value)} for label, rows in parts]


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
    """Return how well predictions tell rows apart: the area under the ROC curve, or of a number R squared.

    None where all labels are equal and there is nothing to tell apart.
    """
    if (y == y[0]).all():
        return None
    return r_squared(y.astype(np.float64), p).value if y.dtype == np.float64 else auc(y == 1, p)


def _measure_part(sample: Sample, rows: Ints, losses: Floats, value: DecisionValue | None) -> Row:
    y, p = sample.y[rows], sample.p[rows]
    return {
        "n": y.size,
        "mean": float(y.mean()),
        "mean_p": float(p.mean()),
        "skill": skill_or_none(y, p),
        "loss": float(losses[rows].mean()),
        "value": None if value is None else float(saved_per_row(sample.happened[rows], p, value).mean()),
    }

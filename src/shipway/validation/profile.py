"""How a candidate does along one cut of its rows, and how well its probabilities hold: the tables of a report."""

from shipway.core.measure import DecisionValue
from shipway.maths.metric import auc, calibration_bins, log_loss
from shipway.validation.reading import Row
from shipway.validation.sample import Bools, Floats, Sample, group_of, split_rows
from shipway.validation.value import saved_per_row


def profile_by(sample: Sample, group: str, value: DecisionValue | None = None) -> list[Row]:
    """Measure a candidate in every part of one group, such as by month.

    Args:
        sample: the rows.
        group: name of the group.
        value: what acting on the predictions costs, if it is to be told as well.

    Returns:
        One row per label of the group that occurs, in their order: `label`, `n`, `rate` (how often it happened),
        `mean_p`, `auc` (None where it always or never happened), `log_loss` (nats) and `value` (what acting saves a row
        against never acting; None without costs). Rows without a label of the group are in no part.

    Raises:
        ShipwayError: SW-104 if the sample is not grouped that way.
    """
    parts = split_rows(group_of(sample, group))
    return [{"label": label, **_measure_part(sample.y[rows], sample.p[rows], value)} for label, rows in parts]


def calibration_table(p: Floats, y: Bools, bins: int = 10) -> list[Row]:
    """Compare predicted with observed frequency in bins of equal count, ascending.

    Args:
        p: float64[n], probabilities.
        y: bool[n], what happened.
        bins: how many bins to aim at; equal predictions share one, so there may be fewer.

    Returns:
        One row per bin: `mean_p`, `rate` and `n`; none for no rows.
    """
    if not y.size:
        return []
    table = calibration_bins(y, p, bins)
    columns = zip(table.mean_p.tolist(), table.rate.tolist(), table.n.tolist(), strict=True)
    return [{"mean_p": mean_p, "rate": rate, "n": n} for mean_p, rate, n in columns]


def auc_or_none(y: Bools, p: Floats) -> float | None:
    """Return the area under the ROC curve, or None where it always or never happened and there is nothing to rank."""
    return None if y.all() or not y.any() else auc(y, p)


def _measure_part(y: Bools, p: Floats, value: DecisionValue | None) -> Row:
    return {
        "n": y.size,
        "rate": float(y.mean()),
        "mean_p": float(p.mean()),
        "auc": auc_or_none(y, p),
        "log_loss": log_loss(y, p),
        "value": None if value is None else float(saved_per_row(y, p, value).mean()),
    }

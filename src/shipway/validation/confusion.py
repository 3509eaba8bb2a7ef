"""Which classes a candidate takes for which, and how good it is at each: the tables of a label of classes."""

from typing import Any

from shipway.core.measure import Score
from shipway.maths.multiclass import confusion
from shipway.validation.contrast import contrast_class
from shipway.validation.performance import measure_score
from shipway.validation.reading import Reading, Row
from shipway.validation.sample import Sample

_CHOSEN: tuple[tuple[str, Score], ...] = (
    ("precision", Score("precision", at=0.5)),
    ("recall", Score("recall", at=0.5)),
    ("f1", Score("f_score", at=0.5)),
)


def profile_classes(sample: Sample, cluster: str = "day") -> dict[str, Any] | None:
    """Tell how good a candidate is at each class, and what it takes it for.

    Args:
        sample: the rows.
        cluster: what rows are grouped by for intervals.

    Returns:
        None where the label is of another kind; else `classes`, a row for each in order: `label`, `n` (rows of the
        class), `chosen` (rows in which it is the most probable one), `mean_p`, and `precision`, `recall`, `f1`, `auc`
        and `gap` (mean probability less share observed), each a value with both ends of its 95 % interval, or None
        where it has no value; and `confusion`, how many rows of each class (first place) had which class as the most
        probable one (second place).

    Raises:
        ShipwayError: SW-104 if the cluster is unknown.
    """
    if sample.kind != "class":
        return None
    if not sample.n:
        return {"classes": [], "confusion": []}
    return {
        "classes": [_measure_class(sample, name, cluster) for name in sample.classes],
        "confusion": confusion(sample.codes, sample.p).tolist(),
    }


def _measure_class(sample: Sample, name: str, cluster: str) -> Row:
    said, chosen = contrast_class(sample, name), contrast_class(sample, name, chosen=True)
    assert said is not None
    assert chosen is not None
    gap = measure_score(Score("calibration_gap", cluster), said)
    row: Row = {
        "label": name,
        "n": int(said.y.sum()),
        "chosen": int(chosen.p.sum()),
        "mean_p": float(said.p.mean()),
        "auc": _figure(measure_score(Score("auc", cluster), said)),
        "gap": [float(gap.facts[end]) for end in ("gap", "gap_low", "gap_high")] if gap.n else None,
    }
    for key, score in _CHOSEN:
        row[key] = _figure(measure_score(Score(score.metric, cluster, score.at), chosen))
    return row


def _figure(reading: Reading) -> list[float] | None:
    return [reading.value, reading.low, reading.high] if reading.n else None

"""How many of the labels of what a service was asked have come, by what is known of how long they take."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shipway.core.label import LabelKind
from shipway.core.maturity import NEVER, Asked, Maturity, measure_maturity
from shipway.maths.loss import loss_of
from shipway.monitoring.measurement import day_of
from shipway.monitoring.prediction import read_happened, read_numbers, widen
from shipway.monitoring.reading import join_labels, kind_of


def read_window(
    rows: pl.DataFrame, labels: pl.DataFrame, asked: pl.DataFrame, now: int, zone: str, classes: Sequence[str] = ()
) -> Maturity:
    """Measure the maturity of the labels of what was asked in a window.

    Args:
        rows: columns row, at and p, asked by now; a prediction that failed counts for its label, and not for the loss.
        labels: columns row, label (Boolean, a number or text) and known_at.
        asked: columns at and known_at of rows asked about before, which delays are learned from; empty for the window.
        now: the moment of judging, microseconds since 1970 UTC.
        zone: time zone that days are of.
        classes: of a label of classes those that predictions are over.
    """
    if not rows.height:
        return measure_maturity(_asked(pl.DataFrame(schema={"at": pl.Int64(), "known_at": pl.Int64()}), zone), now)
    found = join_labels(rows.select("row", "at", "p"), labels, now)
    kind = kind_of(labels)
    absent: dict[LabelKind, Any] = {"condition": False, "number": 0.0, "class": classes[0] if classes else ""}
    y, every = read_happened(found["label"].fill_null(absent[kind]), classes)
    p = read_numbers(found["p"])
    told = bool(np.isfinite(p).all())
    if every and told:
        p = widen(p, len(every))
    return measure_maturity(
        _asked(found, zone),
        now,
        before=_asked(asked, zone) if asked.height else None,
        y=y,
        loss=loss_of(kind, y, p) if told else None,
        classes=every,
    )


def _asked(rows: pl.DataFrame, zone: str) -> Asked:
    dated = rows.select("at", known_at=pl.col("known_at").fill_null(NEVER), day=day_of(zone).to_physical())
    at, known_at, day = (_whole(dated[name]) for name in ("at", "known_at", "day"))
    return Asked(at=at, known_at=known_at, day=day)


def _whole(values: pl.Series) -> NDArray[np.int64]:
    return values.cast(pl.Int64).to_numpy()

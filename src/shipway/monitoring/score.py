"""A metric of what a service answered in a live window, on the labels that have landed, with its clustered interval."""

import math
from functools import partial
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shipway.core.error import ShipwayError
from shipway.core.label import LabelKind
from shipway.core.measure import Score
from shipway.core.metric import ACTING, range_of
from shipway.maths.influence import clustered
from shipway.maths.interval import Estimate, clustered_auc, interval
from shipway.maths.multiclass import read_class
from shipway.maths.scoring import Scoring, influence_of_score, why_undefined
from shipway.monitoring.measurement import Measurement, day_of, write_amount
from shipway.monitoring.prediction import (
    describe_labels,
    describe_predictions,
    is_told,
    read_happened,
    read_numbers,
    widen,
)
from shipway.monitoring.reading import join_labels
from shipway.monitoring.window import ORDER, LiveWindow

Floats = NDArray[np.float64]

_COLUMNS: Final = ("request", "version", "p", "label")


def label_answers(answers: pl.DataFrame, labels: pl.DataFrame, known_by: int) -> pl.DataFrame:
    """Return answers in order with their labels as known by an instant, as `reading.join_labels` does."""
    return join_labels(answers.select("request", "row", "at", "version", "p").sort(ORDER), labels, known_by)


def read_score(score: Score, window: LiveWindow, answers: pl.DataFrame) -> Measurement:
    """Measure a metric on answers whose labels are known by now, with its 95 % interval, clustered by day.

    Args:
        score: the metric, one of the kind of label that the version predicts.
        window: what is known of the service.
        answers: those of its answers that count.

    Raises:
        ShipwayError: SW-104 if it clusters by something else than days.
    """
    if score.cluster != "day":
        raise ShipwayError("SW-104", f"answers are not clustered by {score.cluster!r}", "cluster them by day")
    kind = window.predicts
    known = label_answers(answers, window.labels, window.now)
    rows = known.filter(pl.col("label").is_not_null(), is_told("p", kind)).with_columns(day=day_of(window.zone))
    p = read_numbers(rows["p"])
    y, classes = read_happened(rows["label"], window.classes)
    p = widen(p, len(classes)) if classes else p
    told = {**describe_labels(y, window.classes, classes), **describe_predictions(p, classes)} if y.size else {}
    unknown = ""
    if score.of and score.of in classes:
        chosen = score.metric in ACTING and score.at is None
        y, p = read_class(y, p, classes.index(score.of), chosen=chosen)
    elif score.of:
        unknown = f"no version tells of class {score.of!r}, and no label is"
    kind = "condition" if score.of else kind
    scoring = Scoring(score.metric, 0.5 if score.at is None else score.at, score.beta)
    facts: dict[str, Any] = {"answered": answers.height, "labelled": rows.height}
    make = partial(Measurement, rows=rows, columns=_COLUMNS)
    possible = _possible(score, kind)
    if missing := unknown or (why_undefined(scoring, y, p) if y.size else "no answer has a label yet"):
        low, high = _close(score, possible)
        return make(value=0.0, low=low, high=high, n=0, said=missing, facts=facts)
    estimate = _estimate(scoring, y, p, rows["day"].to_physical().to_numpy().astype(np.int64))
    low, high = (min(max(end, possible[0]), possible[1]) for end in interval(estimate))
    value = estimate.value
    facts |= told
    landed = _describe(rows, answers, estimate)
    if not (math.isfinite(low) and math.isfinite(high)):
        said = f"{write_amount(kind, value)} {landed}, which is too little for an interval"
        return make(value=0.0, low=0.0, high=0.0, n=0, said=said, facts=facts)
    before = ""
    if score.metric == "calibration_gap":
        facts |= {"gap": value, "gap_low": low, "gap_high": high}
        before = f"{_say_gap(kind, value)} on average, by "
        value, (low, high) = abs(value), _fold(low, high)
    said = f"{before}{write_amount(kind, value)} [{write_amount(kind, low)}, {write_amount(kind, high)}] {landed}"
    return make(value=value, low=low, high=high, n=estimate.n, clusters=estimate.clusters, said=said, facts=facts)


def _possible(score: Score, kind: LabelKind) -> tuple[float, float]:
    """Return from what to what a metric can be; a gap is signed until it is folded."""
    if score.metric == "calibration_gap":
        return (-math.inf, math.inf) if kind == "number" else (-1.0, 1.0)
    return range_of(score.metric, kind)


def _close(score: Score, possible: tuple[float, float]) -> tuple[float, float]:
    """Return a range that can be stored: nothing at all where an end is open, which a rule holds on all the same."""
    if not all(map(math.isfinite, possible)):
        return 0.0, 0.0
    return (0.0, possible[1]) if score.metric == "calibration_gap" else possible


def _estimate(scoring: Scoring, y: NDArray[Any], p: Floats, days: NDArray[np.int64]) -> Estimate:
    if scoring.metric == "auc" and p.ndim == 1:
        return clustered_auc(y.astype(np.bool_), p, days)
    return clustered(influence_of_score(scoring, y, p), days)


def _describe(rows: pl.DataFrame, answers: pl.DataFrame, estimate: Estimate) -> str:
    of_all = rows["day"].n_unique()
    days = f"{of_all:,} day{'' if of_all == 1 else 's'}"
    if estimate.clusters < of_all:
        days += f", {estimate.clusters:,} of them with what it rests on"
    return f"over {rows.height:,} of {answers.height:,} answers with a label, in {days}"


def _say_gap(kind: LabelKind, value: float) -> str:
    if kind == "class":
        return "is too sure" if value > 0 else "is not sure enough"
    return "predicts too much" if value > 0 else "predicts too little"


def _fold(low: float, high: float) -> tuple[float, float]:
    """Return the interval of a distance from that of a signed difference, which never makes it narrower."""
    near, far = sorted((abs(low), abs(high)))
    return (0.0 if low <= 0 <= high else near), far

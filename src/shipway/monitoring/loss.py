"""What a canary loses more than the stable version, on the same requests once their labels have landed."""

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shipway.core.error import ShipwayError
from shipway.core.label import LabelKind
from shipway.core.measure import PairedLoss
from shipway.core.metric import LARGEST_LOSS
from shipway.maths.interval import clustered_ratio
from shipway.maths.loss import loss_of
from shipway.maths.multiclass import per_row_known_loss
from shipway.maths.sequential import confidence_sequence_mean
from shipway.monitoring.measurement import Measurement, day_of, write_amount
from shipway.monitoring.prediction import describe_labels, is_told, read_happened, read_numbers, widen
from shipway.monitoring.reading import join_labels
from shipway.monitoring.window import ORDER, CanaryWindow

Floats = NDArray[np.float64]

_COLUMNS: Final = ("request", "at", "p_stable", "p_candidate", "label")
_SETTLED: Final = 0.99
_WORST: Final[dict[LabelKind, dict[str, float]]] = {
    "condition": {"log_loss": LARGEST_LOSS, "brier": 1.0},
    "class": {"log_loss": LARGEST_LOSS, "brier": 2.0},
}
"""By how much losses can differ at most; a loss that is not here can be any number."""


@dataclass(frozen=True, slots=True, eq=False)
class _Losses:
    """What both versions lost, of the requests that are compared: float64[n] each, with their days and what is said."""

    ours: Floats
    theirs: Floats
    day: NDArray[np.int64]
    facts: dict[str, Any]
    said: str = ""


def read_loss(measure: PairedLoss, window: CanaryWindow) -> Measurement:
    """Measure by how much the loss of a canary is greater than the stable version's.

    It is over all requests since the release began that have a label; both versions predicted each, so all steps count.
    It may be told as a share of the stable version's loss. Only days that are over and whose labels have landed enter,
    because labels that land early are not like the others: a request counts once it is older than 99 % of the labels
    took to land, and a day once requests of a later one count. `n` is requests; `needs` is as many as the plan's days
    hold at the rate so far.

    Two versions may know different classes. Labels of those that the stable version never tells of do not enter, and by
    the log loss the canary is compared at the others (`maths.multiclass.per_row_known_loss`). By the Brier score it
    pays for what it gives to classes that the stable version does not know.

    Raises:
        ShipwayError: SW-104 if the check clusters by something else than days.
    """
    if measure.cluster != "day":
        raise ShipwayError("SW-104", f"requests are not clustered by {measure.cluster!r}", "cluster them by day")
    rows = _settle(window)
    make = partial(Measurement, rows=rows, columns=_COLUMNS)
    worst = math.inf if measure.relative else _WORST.get(window.predicts, {}).get(measure.metric, math.inf)
    ends = (-worst, worst) if math.isfinite(worst) else (0.0, 0.0)
    if not rows.height:
        return make(value=0.0, low=ends[0], high=ends[1], n=0, said="no day is over with its labels landed")
    found = _lose(measure.metric, window, rows)
    if not found.day.size:
        said = f"no label is of a class that {window.stable} tells of"
        return make(value=0.0, low=ends[0], high=ends[1], n=0, said=said, facts=found.facts)
    facts = {
        "candidate_value": float(found.ours.mean()),
        "stable_value": float(found.theirs.mean()),
        **found.facts,
        "asked": window.pairs.height,
    }
    losses = [write_amount(window.predicts, float(loss.mean())) for loss in (found.ours, found.theirs)]
    said = f"{measure.metric} {losses[0]} against {losses[1]} of {window.stable}{found.said}"
    if measure.relative and not found.theirs.any():
        said = f"{said}, which errs nowhere, so nothing is a share of that"
        return make(value=0.0, low=0.0, high=0.0, n=0, said=said, facts=facts)
    base = found.theirs if measure.relative else np.ones_like(found.theirs)
    estimate = clustered_ratio(found.ours - found.theirs, base, found.day)
    full = _full_days(found.day)
    shown = confidence_sequence_mean(replace(estimate, clusters=full), measure.alpha)
    over = f"over {estimate.n:,} requests in {estimate.clusters:,} day{'' if estimate.clusters == 1 else 's'}"
    if math.isinf(shown[0]) and math.isinf(worst):
        said = f"{said}, too few days for an interval, {over}"
        return make(value=0.0, low=0.0, high=0.0, n=0, said=said, facts=facts)
    low, high = (min(max(end, -worst), worst) for end in shown)
    write = partial(_write_difference, window.predicts, measure.relative)
    greater = f"greater by {write(estimate.value)} [{write(low)}, {write(high)}]"
    difference = "too few days for an interval" if math.isinf(shown[0]) else greater
    value = estimate.value
    if measure.shown:
        value = high = low
        difference += "" if math.isinf(shown[0]) else f", of which {write(max(value, 0.0)).lstrip('+')} is shown"
    return make(
        value=value,
        low=low,
        high=high,
        n=estimate.n,
        said=f"{said}, {difference}, {over}",
        facts=facts,
        clusters=estimate.clusters,
        needs=math.ceil(estimate.n * measure.clusters / full),
    )


def _lose(metric: str, window: CanaryWindow, rows: pl.DataFrame) -> _Losses:
    """Return what both versions lost of some rows, of a label of classes of those that the stable version tells of."""
    y, classes = read_happened(rows["label"], window.classes)
    facts = describe_labels(y, window.classes, classes)
    day = rows["day"].to_physical().to_numpy().astype(np.int64)
    candidate, stable = (read_numbers(rows[name]) for name in ("p_candidate", "p_stable"))
    if window.predicts != "class":
        ours, theirs = (_loss(metric, window.predicts, y, p) for p in (candidate, stable))
        return _Losses(ours, theirs, day, facts)
    asked = pl.col("at") <= window.now
    every = window.pairs.filter(asked, is_told("p_stable", "class"), is_told("p_candidate", "class"))
    tells: NDArray[np.bool_] = np.asarray(read_numbers(every["p_stable"]).max(axis=0) > 0)
    elsewhere = float(read_numbers(every["p_candidate"])[:, ~tells].sum(axis=1).mean())
    tells = np.pad(tells, (0, len(classes) - tells.size))
    known = tells[y]
    left = int(np.count_nonzero(~known))
    facts |= {"unknown_to_stable": left, "given_to_unknown": elsewhere}
    y, day = y[known], day[known]
    candidate, stable = (widen(p, len(classes))[known] for p in (candidate, stable))
    if not y.size:
        return _Losses(np.empty(0), np.empty(0), day, facts)
    theirs = _loss(metric, "class", y, stable)
    if metric == "log_loss":
        ours = per_row_known_loss(y, candidate, tells, elsewhere)
    else:
        ours = _loss(metric, "class", y, candidate)
    said = f", {left:,} label{'' if left == 1 else 's'} of classes that it never tells of left out" if left else ""
    if elsewhere:
        said += f", {elsewhere:.1%} given to {'these' if left else 'classes that it never tells of'}"
    return _Losses(ours, theirs, day, facts, said)


def _write_difference(kind: LabelKind, relative: bool, value: float) -> str:
    return f"{value:+.2%}" if relative else write_amount(kind, value, sign=True)


def _settle(window: CanaryWindow) -> pl.DataFrame:
    """Return the labelled pairs of the days that are over and whose labels have landed, with their day."""
    finite = is_told("p_stable", window.predicts) & is_told("p_candidate", window.predicts)
    labelled = join_labels(window.pairs.filter(finite), window.labels, window.now).filter(pl.col("label").is_not_null())
    if not labelled.height:
        return labelled
    took = (labelled["known_at"] - labelled["at"]).to_numpy()
    settled = pl.col("at") <= window.now - math.ceil(np.quantile(took, _SETTLED))
    dated = labelled.filter(settled).sort(ORDER).with_columns(day=day_of(window.zone))
    return dated.filter(pl.col("day") < pl.col("day").max())


def _full_days(day: NDArray[np.int64]) -> int:
    """Return as how many days of one size they count (Kish 1965, section 8.2): an evening alone is not a day."""
    sizes = np.unique(day, return_counts=True)[1]
    return round(float(sizes.sum() ** 2 / (sizes**2).sum()))


def _loss(metric: str, kind: LabelKind, y: NDArray[Any], p: Floats) -> Floats:
    if metric != "brier":
        return loss_of(kind, y, p)
    return np.square(p - np.eye(p.shape[1])[y]).sum(axis=1) if kind == "class" else np.square(p - y)

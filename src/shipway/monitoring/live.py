"""Measure a live window: what a service answered, on the labels that have landed, and what its vectors were made of."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shipway.core.check import Check, Evidence
from shipway.core.error import ShipwayError
from shipway.core.label import LabelKind
from shipway.core.maturity import give_maturity, mark_maturity
from shipway.core.measure import Drift, FeatureSkew, LabelMaturity, NewestSeen, Skew, Windowed
from shipway.core.prediction import NEWEST
from shipway.core.suitability import refuse_other_kind
from shipway.kit.suggestion import did_you_mean
from shipway.maths.loss import loss_of
from shipway.maths.metric import auc
from shipway.monitoring.drift import ColumnDrift, measure_drift
from shipway.monitoring.maturity import read_window
from shipway.monitoring.measurement import Measurement, day_of, give_evidence, write_duration
from shipway.monitoring.prediction import is_told, read_happened, read_numbers, widen
from shipway.monitoring.reading import digest_rows, kind_of
from shipway.monitoring.score import label_answers, read_score
from shipway.monitoring.skew import SkewReport, compare_vectors, estimate_share, take_sample
from shipway.monitoring.window import LiveWindow

Floats = NDArray[np.float64]

_SHOWN: Final = 5
_WEEKLY: Final[dict[LabelKind, tuple[str, ...]]] = {
    "condition": ("rate", "mean_p", "auc", "log_loss", "brier", "gap"),
    "number": ("mean", "mean_p", "mean_absolute_error", "root_mean_squared_error", "gap"),
    "class": ("accuracy", "log_loss", "brier", "gap"),
}


@dataclass(frozen=True, slots=True)
class MeasuredWindow:
    """Evidence, and the rows of its part table; None where it has no parts.

    The evidence does not cite the table yet: whoever stores it puts the blob's digest into `Evidence.detail`.
    """

    evidence: Evidence
    detail: list[dict[str, Any]] | None


def measure_live(check: Check, window: LiveWindow, *, subject: str) -> MeasuredWindow:
    """Measure one check on a live window.

    * `Windowed`: the metric on the answers of the window whose labels are known by now, with its 95 % interval,
      clustered by day. `calibration_gap` is how far predictions are off on average, either way. A metric that can be
      any number has no interval over one day, and is then not measured.
    * `LabelMaturity`: which share of the labels of the window that ever come has come. It is among the facts of
      `Windowed` too.
    * `Drift`: the greatest effect among the features, or of those that are named, which is the population stability
      index less what it comes to by chance; the part table holds each of them.
    * `NewestSeen`: at worst, how old the newest event of a stream was when a vector was read, in microseconds. A vector
      for which none was read has no age; facts hold how many those are.
    * `Skew`: vectors that differ from the offline ones in any bit, or have none there.
    * `FeatureSkew`: the share of a sample of the vectors that differ from those recomputed at their own instants, with
      its 95 % interval; what cannot be recomputed, because the row is not on the main branch yet, is told beside it.

    Args:
        check: what to measure.
        window: what is known.
        subject: the service, as `kind:name@version`.

    Returns:
        Evidence with finite numbers only; `n` is 0 where there was nothing to measure. It depends on the window alone.
        `log_digest` is that of the rows that were measured; facts hold `said`, one clause for a person.

    Raises:
        ShipwayError: SW-403 if the check is not one on live windows, or measures another kind of label than the version
            predicts; SW-202 for a stream or feature that is not there; SW-104 if it clusters by something else than
            days.
    """
    match check.measure:
        case Windowed() as measure:
            refuse_other_kind(check, window.predicts, "the service predicts")
            answers = window.take(window.answers, measure.last_us)
            found = read_score(measure.score, window, answers)
            maturity = read_window(answers, window.labels, window.asked, window.now, window.zone, window.classes)
            return MeasuredWindow(mark_maturity(give_evidence(found, check, subject), maturity), found.detail)
        case LabelMaturity() as measure:
            answers = window.take(window.answers, measure.last_us)
            maturity = read_window(answers, window.labels, window.asked, window.now, window.zone, window.classes)
            digest = digest_rows(answers, ("request", "version", "p"))
            found = give_maturity(maturity, subject=subject, log_digest=digest, check=check.name)
            return MeasuredWindow(found, None)
        case Drift() as measure:
            found = _read_drift(window, window.take(window.vectors, measure.last_us), measure.features)
        case NewestSeen() as measure:
            found = _read_newest(measure.stream, window.take(window.vectors, measure.last_us))
        case Skew() as measure:
            found = _read_skew(window, measure.last_us)
        case FeatureSkew() as measure:
            found = _read_feature_skew(window, measure)
        case _:
            fact = f"{check.text} measures {check.subject}, not a live window"
            raise ShipwayError("SW-403", fact, "put it into a gate that guards a moment")
    return MeasuredWindow(give_evidence(found, check, subject), found.detail)


def performance_by_week(
    answers: pl.DataFrame, labels: pl.DataFrame, *, known_by: int, zone: str, classes: Sequence[str] = ()
) -> pl.DataFrame:
    """Measure what a service answered week by week, on the labels known by an instant.

    Args:
        answers: rows of `reading.served`.
        labels: columns row, label (Boolean, a number or text) and known_at.
        known_by: microseconds since 1970 UTC.
        zone: time zone that weeks are of; they begin on Monday.
        classes: of a label of classes those that predictions are over.

    Returns:
        One row for each week with answers, ascending: `week` (the date it begins), `answered`, `labelled`, and of those
        labelled, where the label is a condition, `rate`, `mean_p`, `auc`, `log_loss` (nats), `brier` and `gap` (mean
        prediction less rate); where it is a number, in its unit, `mean`, `mean_p`, `mean_absolute_error`,
        `root_mean_squared_error` and `gap` (mean prediction less mean); where it is a class, `accuracy`, `log_loss`
        (nats), `brier` (0 to 2) and `gap`: by how much the mean probability of the class that is furthest off is more
        than its share. Null where there is nothing to measure.
    """
    kind = kind_of(labels)
    rows = label_answers(answers, labels, known_by).with_columns(week=day_of(zone).dt.truncate("1w"))
    weeks = [_measure_week(part, kind, classes) for _, part in rows.group_by("week", maintain_order=True)]
    numbers = _WEEKLY[kind]
    schema = {
        "week": pl.Date(),
        "answered": pl.Int64(),
        "labelled": pl.Int64(),
        **{name: pl.Float64() for name in numbers},
    }
    return pl.DataFrame(weeks, schema=schema).sort("week")


def _measure_week(rows: pl.DataFrame, kind: LabelKind, classes: Sequence[str]) -> dict[str, Any]:
    labelled = rows.filter(pl.col("label").is_not_null(), is_told("p", kind))
    week: dict[str, Any] = {"week": rows["week"][0], "answered": rows.height, "labelled": labelled.height}
    if not labelled.height:
        return week
    p = read_numbers(labelled["p"])
    y, every = read_happened(labelled["label"], classes)
    if kind == "class":
        return week | _measure_classes(y, widen(p, len(every)))
    mean, loss, squared = float(y.mean()), float(loss_of(kind, y, p).mean()), float(np.square(p - y).mean())
    week |= {"mean_p": float(p.mean()), "gap": float(p.mean()) - mean}
    if kind == "number":
        return week | {"mean": mean, "mean_absolute_error": loss, "root_mean_squared_error": math.sqrt(squared)}
    happened = y.astype(np.bool_)
    ranked = None if happened.all() or not happened.any() else auc(happened, p)
    return week | {"rate": mean, "auc": ranked, "log_loss": loss, "brier": squared}


def _measure_classes(y: NDArray[np.int64], p: Floats) -> dict[str, float]:
    happened = np.eye(p.shape[1])[y]
    gaps = p.mean(axis=0) - happened.mean(axis=0)
    return {
        "accuracy": float((p.argmax(axis=1) == y).mean()),
        "log_loss": float(loss_of("class", y, p).mean()),
        "brier": float(np.square(p - happened).sum(axis=1).mean()),
        "gap": float(gaps[np.abs(gaps).argmax()]),
    }


def _read_drift(window: LiveWindow, vectors: pl.DataFrame, chosen: Sequence[str]) -> Measurement:
    for name in chosen:
        if name not in window.features:
            raise ShipwayError("SW-202", f"the version has no feature {name!r}", did_you_mean(name, window.features))
    features = tuple(chosen or window.features)
    columns = ("request", *features)
    found = measure_drift(window.reference, vectors, features)
    facts: dict[str, Any] = {"reference": window.reference.height}
    if not found:
        said = "no vector was served yet" if not vectors.height else "there are no reference rows or features"
        return Measurement(value=0.0, low=0.0, high=0.0, n=0, said=said, facts=facts, rows=vectors, columns=columns)
    top = found[0]
    facts["top"] = [_summarise(drift) for drift in found[:_SHOWN]]
    detail = [{**asdict(drift), "effect": drift.effect} for drift in found]
    value = top.effect
    return Measurement(
        value=value,
        low=value,
        high=value,
        n=vectors.height,
        said=_explain_drift(top, vectors.height),
        facts=facts,
        rows=vectors,
        columns=columns,
        detail=detail,
    )


def _summarise(drift: ColumnDrift) -> dict[str, Any]:
    return {"column": drift.column, "effect": drift.effect, "distance": drift.distance, "missing": drift.missing}


def _explain_drift(top: ColumnDrift, n: int) -> str:
    moved = "" if top.distance is None else f" ({top.distance:.2f} standard deviations)"
    return f"{top.column} moved most, by {top.effect:.3f}{moved}, over {n:,} vectors"


def _read_newest(stream: str, vectors: pl.DataFrame) -> Measurement:
    name = f"{NEWEST}{stream}"
    if name not in vectors.columns:
        fact = f"no vector tells the newest event of {stream!r}"
        raise ShipwayError("SW-202", fact, "name a stream that the version reads")
    read = vectors.drop_nulls(name)
    columns, without = ("request", "at", name), vectors.height - read.height
    facts: dict[str, Any] = {"without": without}
    if not read.height:
        said = f"none of {vectors.height:,} vectors read an event of {stream}"
        return Measurement(value=0.0, low=0.0, high=0.0, n=0, said=said, facts=facts, rows=vectors, columns=columns)
    ages = (read["at"] - read[name]).to_numpy()
    value, median = float(ages.max()), float(np.median(ages))
    facts |= {"median_us": median, "row": str(read["row"][int(ages.argmax())])}
    none = f", {without:,} read none" if without else ""
    ages_said = f"at worst {write_duration(value)} old, {write_duration(median)} at the median"
    return Measurement(
        value=value,
        low=value,
        high=value,
        n=read.height,
        said=f"{ages_said}, over {read.height:,} vectors{none}",
        facts=facts,
        rows=vectors,
        columns=columns,
    )


def _read_skew(window: LiveWindow, last_us: int) -> Measurement:
    vectors, offline = (window.take(rows, last_us) for rows in (window.vectors, window.offline))
    report = compare_vectors(vectors, offline, window.features)
    value = float(report.differing + report.online_only)
    facts = {
        "compared": report.compared,
        "differing": report.differing,
        "online_only": report.online_only,
        "offline_only": report.offline_only,
        "online_only_rows": list(report.online_only_rows),
    }
    return Measurement(
        value=value,
        low=value,
        high=value,
        n=vectors.height,
        said=_explain_skew(report),
        facts=facts,
        rows=vectors,
        columns=("request", "row", "at", *window.features),
        detail=[asdict(column) for column in report.columns],
    )


def _read_feature_skew(window: LiveWindow, measure: FeatureSkew) -> Measurement:
    vectors = window.take(window.vectors, measure.last_us)
    sample = take_sample(vectors, measure.sample, measure.seed)
    columns = ("request", "row", "at", *window.features)
    drawn = window.recomputed if window.recomputed.width else sample.select(columns[1:]).clear()
    report = compare_vectors(sample, drawn, window.features)
    share, low, high = estimate_share(report)
    facts = {"served": vectors.height, "differing": report.differing, "unmatched": report.online_only}
    said = f"{share:.4%} of {report.compared:,} vectors drawn from {vectors.height:,} differ from the offline ones"
    if report.columns:
        first = report.columns[0]
        said += f", first in {first.column} of row {first.row}: {first.online!r} served, {first.offline!r} offline"
    if report.online_only:
        said += f"; {report.online_only:,} are about rows that are not on the main branch"
    return Measurement(
        value=share,
        low=low,
        high=high,
        n=report.compared,
        said=said,
        facts=facts,
        rows=sample,
        columns=columns,
        detail=[asdict(column) for column in report.columns],
    )


def _explain_skew(report: SkewReport) -> str:
    said = f"{report.differing:,} of {report.compared:,} vectors differ from the offline frame"
    if report.columns:
        first = report.columns[0]
        said += f", first in {first.column} of row {first.row}: {first.online!r} served, {first.offline!r} offline"
    if report.online_only:
        named = ", ".join(report.online_only_rows)
        said += f"; {report.online_only:,} are not in it, such as {named}"
    return said

"""Metrics of a candidate, and by how much it is better than its baseline on the same rows."""

import math
from dataclasses import replace
from typing import Any, Final

import numpy as np

from shipway.core.error import ShipwayError
from shipway.core.label import LabelKind
from shipway.core.measure import Improvement, Score
from shipway.core.metric import LEADING, METRICS, RANKED, range_of
from shipway.maths.calibration import expected_calibration_error
from shipway.maths.expression import quote
from shipway.maths.influence import Influence, clustered, negate, subtract
from shipway.maths.interval import Estimate, clustered_auc, clustered_auc_difference
from shipway.maths.metric import auc
from shipway.maths.scoring import Scoring, influence_of_score, why_undefined
from shipway.validation.contrast import contrast_chosen
from shipway.validation.profile import describe_labels
from shipway.validation.reading import (
    NO_ROWS,
    Range,
    Reading,
    describe_estimate,
    describe_rows,
    read_estimate,
    read_nothing,
)
from shipway.validation.sample import Baseline, Floats, Ints, Sample, baseline_of, clusters_of, group_of

_OPEN: Final[Range] = (-math.inf, math.inf)
_ONE_SIDED: Final = ("recall", "specificity")
"""Metrics of which a prediction that is the same for every row has the least or the greatest there is."""
_PASSED: Final = "no version has passed yet"


def measure_score(measure: Score, sample: Sample) -> Reading:
    """Measure a metric with its clustered 95 % interval.

    Raises:
        ShipwayError: SW-104 if the cluster or the column of queries is unknown, SW-403 if the metric is not one of
            labels of this kind.
    """
    _require_kind(measure, sample)
    clusters = clusters_of(sample, measure.cluster)
    possible = range_of(measure.metric, sample.kind)
    scoring = _scoring(measure, sample)
    if missing := _why_undefined(scoring, sample, sample.p):
        return read_nothing(missing, _closed(possible), {})
    facts = describe_labels(sample)
    if measure.metric == "expected_calibration_error":
        seen = contrast_chosen(sample) if sample.kind == "class" else sample
        return _read_binned(seen, clusters, facts, f" {describe_rows(sample, measure.cluster, clusters)}")
    try:
        estimate = _estimate(scoring, sample, sample.p, clusters)
    except ValueError as error:
        return read_nothing(str(error), _closed(possible), {})
    after = f" {_describe(measure, sample, clusters, estimate)}"
    if measure.metric == "calibration_gap":
        ends = _OPEN if sample.kind == "number" else (-1.0, 1.0)
        signed = read_estimate(estimate, ends, facts, after=after)
        if not math.isfinite(signed.low):
            return read_nothing(f"{abs(estimate.value):.4f}{after}", _closed(possible), facts)
        return _fold_gap(signed, after, sample.kind)
    if _is_open(possible) and not math.isfinite(estimate.standard_error):
        return read_nothing(f"{estimate.value:.4f}{after}", _closed(possible), facts)
    return read_estimate(estimate, possible, facts, after=after)


def measure_improvement(measure: Improvement, sample: Sample) -> Reading:
    """Measure by how much a candidate's metric is better than its baseline's, row by row, with its clustered interval.

    While no version has passed, the baseline says the same of every row. The precision is then compared with that of
    acting on every row, which is the rate, and the correlation with 0, that of whatever tells nothing apart. Recall and
    specificity are not compared: of a constant one of them is 0 and the other 1, whichever way its threshold lies.

    Raises:
        ShipwayError: as `measure_score`, and SW-104 if the baseline is unknown.
    """
    _require_kind(measure, sample)
    clusters, baseline = clusters_of(sample, measure.cluster), baseline_of(sample, measure.baseline)
    low, high = range_of(measure.metric, sample.kind)
    possible = (low - high, high - low)
    scoring = _scoring(measure, sample)
    rival = _stand_in(scoring, baseline, sample.n)
    named: dict[str, Any] = {"metric": measure.metric, "baseline": rival.name, "fallback": rival.fallback}
    if missing := _why_incomparable(measure, scoring, sample, rival):
        return read_nothing(missing, _closed(possible), named)
    y, p = sample.y, sample.p
    if measure.metric == "auc":
        happened = sample.happened
        estimate = clustered_auc_difference(happened, p, rival.p, clusters)
        ours, theirs = auc(happened, p), auc(happened, rival.p)
    else:
        a = influence_of_score(scoring, y, p)
        b = (
            Influence(0.0, np.zeros(sample.n))
            if _is_chance(scoring, rival)
            else influence_of_score(scoring, y, rival.p)
        )
        gain = subtract(a, b)
        estimate = clustered(gain if METRICS[measure.metric].better == "more" else negate(gain), clusters)
        ours, theirs = a.value, b.value
    why = f" ({_PASSED})" if rival.fallback else ""
    said = f"{measure.metric} {ours:.4f} against {theirs:.4f} of {rival.name}{why}, better by "
    facts = {**named, "candidate_value": ours, "baseline_value": theirs}
    after = f" {_describe(measure, sample, clusters, estimate)}"
    if _is_open(possible) and not math.isfinite(estimate.standard_error):
        return read_nothing(f"{said}{estimate.value:.4f}{after}", _closed(possible), facts)
    return read_estimate(estimate, possible, facts, before=said, after=after)


def _require_kind(measure: Score | Improvement, sample: Sample) -> None:
    if sample.kind not in METRICS[measure.metric].of:
        fact = f"{measure.metric} measures no predictions of a label that is a {sample.kind}"
        raise ShipwayError("SW-403", fact, f"take {' or '.join(LEADING[sample.kind])}")


def _stand_in(scoring: Scoring, baseline: Baseline, n: int) -> Baseline:
    """Return what a candidate is compared with by a metric of acting, where there is no version to compare with."""
    if not baseline.fallback:
        return baseline
    if scoring.metric == "precision":
        return replace(baseline, name="acting on every row", p=np.ones(n))
    return replace(baseline, name="chance") if scoring.metric == "mcc" else baseline


def _is_chance(scoring: Scoring, rival: Baseline) -> bool:
    return rival.fallback and scoring.metric == "mcc"


def _why_incomparable(measure: Improvement, scoring: Scoring, sample: Sample, rival: Baseline) -> str | None:
    """Return why a candidate has no advantage by a metric, and in whose predictions that lies."""
    if missing := _why_undefined(scoring, sample, sample.p):
        return missing
    if rival.fallback and scoring.metric in _ONE_SIDED:
        words = [] if measure.at is None else [f"at={scoring.at:.6g}"]
        words += [f"of={quote(measure.of)}"] if measure.of else []
        bound = f"{scoring.metric}({', '.join(words)}) >= ..."
        return f"{_PASSED}, and a base rate has no {scoring.metric} to beat: ask for {bound} until one has"
    missing = None if _is_chance(scoring, rival) else _why_undefined(scoring, sample, rival.p)
    return None if missing is None else f"{rival.name}: {missing}"


def _scoring(measure: Score | Improvement, sample: Sample) -> Scoring:
    query = group_of(sample, measure.query).codes if measure.query else None
    return Scoring(measure.metric, 0.5 if measure.at is None else measure.at, measure.beta, query)


def _why_undefined(scoring: Scoring, sample: Sample, p: Floats) -> str | None:
    return why_undefined(scoring, sample.y, p) if sample.n else NO_ROWS


def _estimate(scoring: Scoring, sample: Sample, p: Floats, clusters: Ints) -> Estimate:
    if scoring.metric == "auc":
        return clustered_auc(sample.happened, p, clusters)
    return clustered(influence_of_score(scoring, sample.y, p), clusters)


def _describe(measure: Score | Improvement, sample: Sample, clusters: Ints, estimate: Estimate) -> str:
    return describe_estimate(sample, measure.cluster, clusters, estimate, queries=measure.metric in RANKED)


def _closed(possible: Range) -> Range:
    """Return a range that can be stored: nothing at all where an end is open, which a rule holds on all the same."""
    return (0.0, 0.0) if _is_open(possible) else possible


def _is_open(possible: Range) -> bool:
    return not (math.isfinite(possible[0]) and math.isfinite(possible[1]))


def _read_binned(sample: Sample, clusters: Ints, facts: dict[str, Any], after: str) -> Reading:
    found = expected_calibration_error(sample.happened, sample.p, clusters)
    said = f"{found.value:.4f} [{found.low:.4f}, {found.high:.4f}], {found.chance:.4f} of it by chance,{after}"
    return Reading(
        value=found.value,
        low=found.low,
        high=found.high,
        n=sample.n,
        clusters=found.clusters,
        facts={"said": said, **facts, "chance": found.chance},
    )


def _fold_gap(signed: Reading, after: str, kind: LabelKind) -> Reading:
    """Return how far predictions are off on average, whichever way; a bound on it must hold on both sides.

    The interval of a distance is the signed one folded at zero, which never makes it narrower than it was.
    """
    ends = sorted((abs(signed.low), abs(signed.high)))
    low = 0.0 if signed.low <= 0.0 <= signed.high else ends[0]
    verb, many, few = ("is", "sure of its class", "unsure") if kind == "class" else ("predicts", "much", "little")
    way = many if signed.value > 0 else few
    said = f"{verb} {abs(signed.value):.4f} [{low:.4f}, {ends[1]:.4f}] too {way} on average{after}"
    gap = {"gap": signed.value, "gap_low": signed.low, "gap_high": signed.high}
    return replace(signed, value=abs(signed.value), low=low, high=ends[1], facts={**signed.facts, "said": said, **gap})

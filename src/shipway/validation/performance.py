"""Metrics of a candidate, and by how much it is better than its baseline on the same rows."""

import math
from dataclasses import replace
from typing import Any, Final

from shipway.core.measure import Improvement, Score
from shipway.core.metric import METRICS, RANKED
from shipway.maths.calibration import expected_calibration_error
from shipway.maths.influence import clustered, negate, subtract
from shipway.maths.interval import Estimate, clustered_auc, clustered_auc_difference
from shipway.maths.metric import auc
from shipway.maths.scoring import Scoring, influence_of_score, why_undefined
from shipway.validation.reading import (
    NO_ROWS,
    Range,
    Reading,
    describe_estimate,
    describe_rows,
    read_estimate,
    read_nothing,
)
from shipway.validation.sample import Floats, Ints, Sample, baseline_of, clusters_of, group_of

_OPEN: Final[Range] = (-math.inf, math.inf)


def measure_score(measure: Score, sample: Sample) -> Reading:
    """Measure a metric with its clustered 95 % interval.

    Raises:
        ShipwayError: SW-104 if the cluster or the column of queries is unknown.
    """
    clusters = clusters_of(sample, measure.cluster)
    possible = _possible(measure)
    scoring = _scoring(measure, sample)
    if missing := _why_undefined(scoring, sample, sample.p):
        return read_nothing(missing, _closed(possible), {})
    facts: dict[str, Any] = {"rate": float(sample.y.mean()), "mean_p": float(sample.p.mean())}
    if measure.metric == "expected_calibration_error":
        return _read_binned(sample, clusters, facts, f" {describe_rows(sample, measure.cluster, clusters)}")
    try:
        estimate = _estimate(scoring, sample, sample.p, clusters)
    except ValueError as error:
        return read_nothing(str(error), _closed(possible), {})
    after = f" {_describe(measure, sample, clusters, estimate)}"
    if measure.metric == "calibration_gap":
        return _fold_gap(read_estimate(estimate, (-1.0, 1.0), facts, after=after), after)
    if possible == _OPEN and not math.isfinite(estimate.standard_error):
        return read_nothing(f"{estimate.value:.4f}{after}", _closed(possible), facts)
    return read_estimate(estimate, possible, facts, after=after)


def measure_improvement(measure: Improvement, sample: Sample) -> Reading:
    """Measure by how much a candidate's metric is better than its baseline's, row by row, with its clustered interval.

    Raises:
        ShipwayError: SW-104 if the cluster, the baseline or the column of queries is unknown.
    """
    clusters, baseline = clusters_of(sample, measure.cluster), baseline_of(sample, measure.baseline)
    low, high = _possible(measure)
    possible = (low - high, high - low)
    named: dict[str, Any] = {"metric": measure.metric, "baseline": baseline.name, "fallback": baseline.fallback}
    scoring = _scoring(measure, sample)
    missing = _why_undefined(scoring, sample, sample.p) or _why_undefined(scoring, sample, baseline.p)
    if missing:
        return read_nothing(missing, possible, named)
    y, p = sample.y, sample.p
    if measure.metric == "auc":
        estimate = clustered_auc_difference(y, p, baseline.p, clusters)
        ours, theirs = auc(y, p), auc(y, baseline.p)
    else:
        a, b = influence_of_score(scoring, y, p), influence_of_score(scoring, y, baseline.p)
        gain = subtract(a, b)
        estimate = clustered(gain if METRICS[measure.metric].better == "more" else negate(gain), clusters)
        ours, theirs = a.value, b.value
    why = " (no version has passed yet)" if baseline.fallback else ""
    said = f"{measure.metric} {ours:.4f} against {theirs:.4f} of {baseline.name}{why}, better by "
    facts = {**named, "candidate_value": ours, "baseline_value": theirs}
    after = f" {_describe(measure, sample, clusters, estimate)}"
    return read_estimate(estimate, possible, facts, before=said, after=after)


def _scoring(measure: Score | Improvement, sample: Sample) -> Scoring:
    query = group_of(sample, measure.query).codes if measure.query else None
    return Scoring(measure.metric, 0.5 if measure.at is None else measure.at, measure.beta, query)


def _why_undefined(scoring: Scoring, sample: Sample, p: Floats) -> str | None:
    return why_undefined(scoring, sample.y, p) if sample.n else NO_ROWS


def _estimate(scoring: Scoring, sample: Sample, p: Floats, clusters: Ints) -> Estimate:
    if scoring.metric == "auc":
        return clustered_auc(sample.y, p, clusters)
    return clustered(influence_of_score(scoring, sample.y, p), clusters)


def _describe(measure: Score | Improvement, sample: Sample, clusters: Ints, estimate: Estimate) -> str:
    return describe_estimate(sample, measure.cluster, clusters, estimate, queries=measure.metric in RANKED)


def _possible(measure: Score | Improvement) -> Range:
    metric = METRICS[measure.metric]
    return _OPEN if metric.low is None or metric.high is None else (metric.low, metric.high)


def _closed(possible: Range) -> Range:
    """Return a range that can be stored: nothing at all where it has no ends, which a rule holds on all the same."""
    return (0.0, 0.0) if possible == _OPEN else possible


def _read_binned(sample: Sample, clusters: Ints, facts: dict[str, Any], after: str) -> Reading:
    found = expected_calibration_error(sample.y, sample.p, clusters)
    said = f"{found.value:.4f} [{found.low:.4f}, {found.high:.4f}], {found.chance:.4f} of it by chance,{after}"
    return Reading(
        value=found.value,
        low=found.low,
        high=found.high,
        n=sample.n,
        clusters=found.clusters,
        facts={"said": said, **facts, "chance": found.chance},
    )


def _fold_gap(signed: Reading, after: str) -> Reading:
    """Return how far predictions are off on average, whichever way; a bound on it must hold on both sides.

    The interval of a distance is the signed one folded at zero, which never makes it narrower than it was.
    """
    ends = sorted((abs(signed.low), abs(signed.high)))
    low = 0.0 if signed.low <= 0.0 <= signed.high else ends[0]
    way = "much" if signed.value > 0 else "little"
    said = f"predicts {abs(signed.value):.4f} [{low:.4f}, {ends[1]:.4f}] too {way} on average{after}"
    gap = {"gap": signed.value, "gap_low": signed.low, "gap_high": signed.high}
    return replace(signed, value=abs(signed.value), low=low, high=ends[1], facts={**signed.facts, "said": said, **gap})

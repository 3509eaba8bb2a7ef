"""Measure a candidate: one function that turns a check and a sample into evidence, and the metrics behind it."""

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from shipway.core.check import Check, Evidence
from shipway.core.error import ShipwayError
from shipway.core.measure import DecisionValue, Directional, Improvement, Invariance, Score, SliceRegression
from shipway.core.probe import Probe
from shipway.maths.interval import clustered_auc, clustered_auc_difference, clustered_mean
from shipway.maths.metric import auc, per_row_log_loss
from shipway.validation.behaviour import measure_behaviour
from shipway.validation.probe import measure_probe
from shipway.validation.reading import NO_ROWS, Range, Reading, Row, describe_rows, read_estimate, read_nothing
from shipway.validation.sample import Bools, Floats, Sample, baseline_of, clusters_of
from shipway.validation.slices import find_regressions
from shipway.validation.value import measure_value

_WORST_LOSS: Final = float(per_row_log_loss(np.array([True]), np.array([0.0]))[0])
_POSSIBLE: Final[dict[str, Range]] = {
    "auc": (0.0, 1.0),
    "log_loss": (0.0, _WORST_LOSS),
    "brier": (0.0, 1.0),
    "calibration_gap": (0.0, 1.0),
}


@dataclass(frozen=True, slots=True)
class Measured:
    """Evidence, and the rows of its part table (slices, tests); None where it has no parts.

    The evidence does not cite the table yet: whoever stores it puts the blob's digest into `Evidence.detail`.
    """

    evidence: Evidence
    detail: list[Row] | None


def measure_candidate(check: Check, sample: Sample, *, subject: str, log_digest: str) -> Measured:
    """Measure one check on a candidate.

    Args:
        check: what to measure.
        sample: the rows to measure it on.
        subject: the candidate, as `kind:name@version`.
        log_digest: digest of the data behind the sample.

    Returns:
        Evidence with finite numbers only; `n` is 0 where there was nothing to measure. Facts hold `scored`, `evaluated`
        and `said`, one clause for a person.

    Raises:
        ShipwayError: SW-104 if the check names a cluster, group, baseline or column that the sample has not; SW-403 if
            the check is not one on candidates or the candidate predicts something that is no probability.
    """
    reading = _read(check, sample)
    evidence = Evidence(
        check=check.name,
        subject=subject,
        value=reading.value,
        low=reading.low,
        high=reading.high,
        n=reading.n,
        clusters=reading.clusters,
        facts={**reading.facts, "scored": sample.scored, "evaluated": sample.n},
        log_digest=log_digest,
        needs=check.measure.needs if isinstance(check.measure, Probe) else 0,
    )
    return Measured(evidence, reading.detail)


def _read(check: Check, sample: Sample) -> Reading:
    match check.measure:
        case Score() as score:
            return _score(score, sample)
        case Improvement() as improvement:
            return _improvement(improvement, sample)
        case DecisionValue() as value:
            return measure_value(value, sample)
        case SliceRegression() as regression:
            return find_regressions(regression, sample)
        case Directional() | Invariance() as behaviour:
            return measure_behaviour(behaviour, sample)
        case Probe() as probe:
            return measure_probe(check.name, probe, sample)
        case _:
            raise ShipwayError(
                "SW-403", f"{check.text} measures {check.subject}, not a candidate", "put it into a gate on data"
            )


def _score(measure: Score, sample: Sample) -> Reading:
    clusters = clusters_of(sample, measure.cluster)
    possible = _POSSIBLE[measure.metric]
    if missing := _why_undefined(measure.metric, sample.y):
        return read_nothing(missing, possible, {})
    if measure.metric == "auc":
        estimate = clustered_auc(sample.y, sample.p, clusters)
    else:
        estimate = clustered_mean(_per_row(measure.metric, sample.y, sample.p), clusters)
    facts: dict[str, Any] = {"rate": float(sample.y.mean()), "mean_p": float(sample.p.mean())}
    after = f" {describe_rows(sample, measure.cluster, clusters)}"
    if measure.metric == "calibration_gap":
        return _fold_gap(read_estimate(estimate, (-1.0, 1.0), facts, after=after), after)
    return read_estimate(estimate, possible, facts, after=after)


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


def _improvement(measure: Improvement, sample: Sample) -> Reading:
    clusters, baseline = clusters_of(sample, measure.cluster), baseline_of(sample, measure.baseline)
    most = _POSSIBLE[measure.metric][1]
    named: dict[str, Any] = {"metric": measure.metric, "baseline": baseline.name, "fallback": baseline.fallback}
    if missing := _why_undefined(measure.metric, sample.y):
        return read_nothing(missing, (-most, most), named)
    y, p = sample.y, sample.p
    if measure.metric == "auc":
        estimate = clustered_auc_difference(y, p, baseline.p, clusters)
        ours, theirs = auc(y, p), auc(y, baseline.p)
    else:
        loss, baseline_loss = _per_row(measure.metric, y, p), _per_row(measure.metric, y, baseline.p)
        estimate = clustered_mean(baseline_loss - loss, clusters)
        ours, theirs = float(loss.mean()), float(baseline_loss.mean())
    why = " (no version has passed yet)" if baseline.fallback else ""
    said = f"{measure.metric} {ours:.4f} against {theirs:.4f} of {baseline.name}{why}, better by "
    facts = {**named, "candidate_value": ours, "baseline_value": theirs}
    after = f" {describe_rows(sample, measure.cluster, clusters)}"
    return read_estimate(estimate, (-most, most), facts, before=said, after=after)


def _why_undefined(metric: str, y: Bools) -> str | None:
    """Return why a metric has no value on these labels, or None where it has one."""
    if not y.size:
        return NO_ROWS
    if metric == "auc" and (y.all() or not y.any()):
        return f"all {y.size:,} labels are {'true' if y[0] else 'false'}, so there is nothing to rank"
    return None


def _per_row(metric: str, y: Bools, p: Floats) -> Floats:
    """Return a metric that is a mean over rows, row by row."""
    match metric:
        case "log_loss":
            return per_row_log_loss(y, p)
        case "brier":
            return np.square(p - y)
        case _:
            return p - y

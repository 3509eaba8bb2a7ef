"""Measure a candidate: one function that turns a check and a sample into evidence."""

from dataclasses import dataclass

from shipway.core.check import Check, Evidence
from shipway.core.error import ShipwayError
from shipway.core.measure import (
    ActionValue,
    DecisionValue,
    Improvement,
    Score,
    SliceRegression,
    ValueImprovement,
)
from shipway.core.probe import Behaviour, Probe
from shipway.core.slice_measure import AdvantageTrend, Fairness, FoundRegression
from shipway.validation.behaviour import measure_behaviour
from shipway.validation.fairness import measure_fairness
from shipway.validation.found import search_regressions
from shipway.validation.performance import measure_improvement, measure_score
from shipway.validation.probe import measure_probe
from shipway.validation.reading import Reading, Row, make_evidence
from shipway.validation.sample import Sample
from shipway.validation.slices import find_regressions
from shipway.validation.trend import measure_trend
from shipway.validation.value import measure_actions, measure_value, measure_value_improvement


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
    also = {"scored": sample.scored, "evaluated": sample.n}
    evidence = make_evidence(check, reading, subject=subject, log_digest=log_digest, also=also)
    return Measured(evidence, reading.detail)


def _read(check: Check, sample: Sample) -> Reading:
    match check.measure:
        case Score() as score:
            return measure_score(score, sample)
        case Improvement() as improvement:
            return measure_improvement(improvement, sample)
        case DecisionValue() as value:
            return measure_value(value, sample)
        case ActionValue() as value:
            return measure_actions(value, sample)
        case ValueImprovement() as value:
            return measure_value_improvement(value, sample)
        case SliceRegression() as regression:
            return find_regressions(regression, sample)
        case FoundRegression() as regression:
            return search_regressions(regression, sample)
        case Fairness() as fairness:
            return measure_fairness(fairness, sample)
        case AdvantageTrend() as trend:
            return measure_trend(trend, sample)
        case Behaviour() as behaviour:
            return measure_behaviour(check.name, behaviour, sample)
        case Probe() as probe:
            return measure_probe(check.name, probe, sample)
        case _:
            raise ShipwayError(
                "SW-403", f"{check.text} measures {check.subject}, not a candidate", "put it into a gate on data"
            )

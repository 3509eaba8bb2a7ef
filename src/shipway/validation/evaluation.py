"""Measure a candidate: one function that turns a check and a sample into evidence."""

from dataclasses import dataclass
from typing import Any

import msgspec

from shipway.core.check import Check, Evidence
from shipway.core.error import ShipwayError
from shipway.core.measure import (
    ActionValue,
    ClassValue,
    DecisionValue,
    Improvement,
    Measure,
    Score,
    SliceRegression,
    ValueImprovement,
    class_of,
)
from shipway.core.metric import ACTING
from shipway.core.probe import Behaviour, Probe
from shipway.core.slice_measure import AdvantageTrend, Fairness, FoundRegression
from shipway.validation.behaviour import measure_behaviour
from shipway.validation.contrast import contrast_class
from shipway.validation.fairness import measure_fairness
from shipway.validation.found import search_regressions
from shipway.validation.performance import measure_improvement, measure_score
from shipway.validation.probe import measure_probe
from shipway.validation.reading import Reading, Row, make_evidence, read_nothing
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
        and `said`, one clause for a person, and where labels are read that the candidate never learned, how many.

    Raises:
        ShipwayError: SW-104 if the check names a cluster, group, baseline or column that the sample has not; SW-403 if
            the check is not one on candidates or the candidate predicts something that is no probability.
    """
    reading = _read(check, check.measure, sample)
    also: dict[str, Any] = {"scored": sample.scored, "evaluated": sample.n}
    if reading.n and _reads_label(check.measure) and (unseen := sample.unseen):
        also |= {"unseen": unseen, "said": f"{reading.facts['said']}; {_say_unseen(unseen)}"}
    evidence = make_evidence(check, reading, subject=subject, log_digest=log_digest, also=also)
    return Measured(evidence, reading.detail)


def _reads_label(measure: Measure) -> bool:
    """Tell whether a measure looks at what happened, and not at predictions alone."""
    if isinstance(measure, Fairness):
        return measure.metric not in ("demographic_parity", "demographic_parity_ratio")
    return not isinstance(measure, Behaviour | Probe)


def _say_unseen(rows: int) -> str:
    return f"{rows:,} row{' is of a class' if rows == 1 else 's are of classes'} that it never learned"


def _read(check: Check, measure: Measure, sample: Sample) -> Reading:
    if name := class_of(measure):
        return _read_class(check, measure, name, sample)
    match measure:
        case Score() as score:
            return measure_score(score, sample)
        case Improvement() as improvement:
            return measure_improvement(improvement, sample)
        case DecisionValue() as value:
            return measure_value(value, sample)
        case ActionValue() | ClassValue() as value:
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


def _read_class(check: Check, measure: Measure, name: str, sample: Sample) -> Reading:
    """Read a check of one class against the rest as that of a condition."""
    if sample.kind != "class":
        hint = "measure it on a model whose label is a text"
        raise ShipwayError("SW-403", f"{check.text} is of a class, and the label is a {sample.kind}", hint)
    acts = isinstance(measure, Score | Improvement) and measure.metric in ACTING and measure.at is None
    contrast = contrast_class(sample, name, chosen=acts or isinstance(measure, Fairness))
    if contrast is None:
        return read_nothing(f"no row is {name!r}, and no version learned it", (0.0, 0.0), {})
    if isinstance(measure, Improvement):
        return measure_improvement(measure, contrast)  # what it advises names the class
    return _read(check, _drop_class(measure), contrast)


def _drop_class(measure: Any) -> Measure:
    if isinstance(measure, ValueImprovement):
        return msgspec.structs.replace(measure, value=_drop_class(measure.value))
    if isinstance(measure, Behaviour):
        return Behaviour(tuple(msgspec.structs.replace(probe, of="") for probe in measure.probes))
    return msgspec.structs.replace(measure, of="")

"""The task of an assessment: checks measured on a version and on each of its baselines, and the tables of its page."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import msgspec

from shipway.app.assessment.data import (
    Beside,
    BinLine,
    Costs,
    CurvePoint,
    Cut,
    Figure,
    PartLine,
    ScoreLine,
    Side,
    Taken,
)
from shipway.app.attribution import list_rival
from shipway.app.confusion import Confusion
from shipway.app.evaluation import STANDARD, measure_version, value_of
from shipway.app.runner import Made, Outputs, Runner
from shipway.app.sample import Predicted
from shipway.core.artifact import Artifact
from shipway.core.body import Body, EvidenceRecorded
from shipway.core.check import Check, Evidence
from shipway.core.gate import Gate, checks_of
from shipway.core.label import LabelKind
from shipway.core.measure import DecisionValue, Score, Value, class_of
from shipway.core.metric import IN_UNIT, METRICS
from shipway.core.performance import (
    accuracy,
    average_precision,
    calibration_slope,
    expected_calibration_error,
    macro_f1,
    precision,
    recall,
    top_accuracy,
    weighted_f1,
    weighted_percentage_error,
)
from shipway.core.projection import VersionState
from shipway.kit.canonical import canonical_json
from shipway.maths.expression import quote
from shipway.validation.confusion import profile_classes
from shipway.validation.contrast import contrast_chosen, contrast_class
from shipway.validation.evaluation import measure_candidate
from shipway.validation.profile import calibration_of, profile_by
from shipway.validation.sample import Sample
from shipway.validation.value import value_curve

MORE: Final[dict[LabelKind, tuple[Check, ...]]] = {
    "condition": (average_precision, accuracy, expected_calibration_error, calibration_slope),
    "number": (weighted_percentage_error,),
    "class": (macro_f1, weighted_f1, top_accuracy(first=2), expected_calibration_error),
}
"""What is measured beside `STANDARD` when somebody asks."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is measured.

    Attributes:
        version: which one.
        checks: what is measured.
        against: the baselines that are shown, of those there are predictions of, and the base rate.
        by: columns and parts of the calendar that cut the rows.
        cluster: what rows are grouped by.
        suffix: what the names of the evidence end with, where it is on other rows than a run's.
    """

    version: VersionState
    checks: Sequence[Check]
    against: tuple[str, ...]
    by: tuple[str, ...]
    cluster: str
    suffix: str


def ask_checks(gates: Sequence[Gate], against: Sequence[str], cluster: str, kind: LabelKind) -> list[Check]:
    """Return what is measured of a version: the standard metrics, what its gates ask, and both against each baseline.

    Args:
        gates: those before release, whose rules are asked as well.
        against: the baselines.
        cluster: what rows are grouped by in place of the day; what has other clusters, or none, is then left out.
        kind: of the label.
    """
    asked = checks_of(gates, also=[*STANDARD[kind], *MORE[kind]])
    value = next((check for check in asked if isinstance(check.measure, DecisionValue)), None)
    acting = [word(at=value, of=of) for word in (precision, recall) for of in _class_acted_on(value)]
    asked += [check for check in acting if check.name not in {each.name for each in asked}]
    if cluster != "day":
        asked = [each.clustered(cluster) for each in asked if _is_by_day(each)]
    paired = [each.better_than(baseline).check for each in asked if _is_compared(each) for baseline in against]
    return list({check.name: check for check in (*asked, *paired)}.values())


def measure_again(runner: Runner, asked: Asked, predicted: Predicted, *, name: str) -> dict[str, Artifact]:
    """Measure, or find it measured.

    Args:
        runner: runs and remembers.
        asked: what is measured.
        predicted: what the version predicted of the period.
        name: what people read.

    Returns:
        Two artifacts: `evidence`, and `assessment` with a `Taken`.
    """
    how = {"against": list(asked.against), "by": list(asked.by), "cluster": asked.cluster, "suffix": asked.suffix}
    return runner.make(
        name,
        partial(_measure, runner, asked, predicted),
        inputs={**predicted.list_inputs(runner), **list_rival(asked.checks, predicted.rival)},
        params={**predicted.list_params(runner, asked.checks), **how},
    )


def _measure(runner: Runner, asked: Asked, predicted: Predicted, report: Callable[[int, int], None]) -> Made:
    subject = predicted.subject
    sample, evidence = measure_version(runner, predicted, asked.checks, report, also=asked.by)
    found = {each.check: each for each in evidence}
    others = asked.against
    value = value_of(asked.checks)
    taken = Taken(
        scored=sample.scored,
        rows=sample.n,
        mean=_mean_of(sample),
        scores=tuple(_score_lines(asked, sample, found, others)),
        costs=_costs(asked.checks, found),
        sides=tuple(
            _side(replace(sample, p=p), name, asked, value)
            for name, p in [
                (f"version {asked.version.number}", sample.p),
                *((sample.baseline_names.get(each, each), sample.baselines[each]) for each in others),
            ]
        ),
    )
    named = [msgspec.structs.replace(each, check=each.check + asked.suffix) for each in evidence]
    records: list[tuple[str, Body]] = [(subject, EvidenceRecorded(evidence=each)) for each in named]
    outputs: Outputs = {
        "evidence": ("evidence", canonical_json(named), {"checks": len(named)}),
        "assessment": ("assessment", canonical_json(taken), {}),
    }
    return Made(outputs, records, said=f"{sample.n:,} of {sample.scored:,} rows have a label")


def _class_acted_on(value: Check | None) -> tuple[str, ...]:
    """Return the class that a value is of, empty where the label is a condition; nothing where there is no value."""
    return (value.measure.of,) if value is not None and isinstance(value.measure, DecisionValue) else ()


def _mean_of(sample: Sample) -> float:
    seen = contrast_chosen(sample) if sample.kind == "class" else sample
    return float(seen.y.mean()) if sample.n else 0.0


def _score_lines(asked: Asked, sample: Sample, found: Mapping[str, Evidence], others: Sequence[str]) -> list[ScoreLine]:
    lines: list[ScoreLine] = []
    for check in asked.checks:
        if not _is_figure(check):
            continue
        ours = found[check.name]
        beside: list[Beside] = []
        for name in others:
            as_candidate = replace(sample, p=sample.baselines[name])
            theirs = measure_candidate(check, as_candidate, subject="", log_digest="").evidence
            better = found.get(check.better_than(name).check.name) if _is_compared(check) else None
            beside.append(
                Beside(
                    baseline=sample.baseline_names.get(name, name),
                    figure=_figure(theirs),
                    better=None if better is None else _figure(better),
                )
            )
        text, unit = check.text.removesuffix(f".clustered({quote(asked.cluster)})"), _unit_of(check, sample.kind)
        lines.append(
            ScoreLine(
                check=text,
                name=_name_cost(check) if unit == "cost" else text,
                unit=unit,
                figure=_figure(ours),
                n=ours.n,
                clusters=ours.clusters,
                said=str(ours.facts["said"]),
                beside=tuple(beside),
            )
        )
    return lines


def _name_cost(check: Check) -> str:
    """Return what a value is called beside its numbers: what acting costs is spelled out elsewhere."""
    word, of = check.text.partition("(")[0], class_of(check.measure)
    return f"{word}.of({quote(of)})" if of else word


def _unit_of(check: Check, kind: LabelKind) -> str:
    """Return how a check's numbers are written: as costs, in the unit of the label, or as scores."""
    if isinstance(check.measure, Value):
        return "cost"
    metric = check.measure.metric if isinstance(check.measure, Score) else ""
    return "label" if metric in IN_UNIT or (metric == "calibration_gap" and kind == "number") else "score"


def _is_figure(check: Check) -> bool:
    """Tell whether a check is a number of one model that has an interval."""
    return isinstance(check.measure, Score | Value)


def _is_by_day(check: Check) -> bool:
    measure = check.measure
    return isinstance(measure, Score | Value) and measure.cluster == "day"


def _is_compared(check: Check) -> bool:
    measure = check.measure
    return isinstance(measure, Value) or (isinstance(measure, Score) and METRICS[measure.metric].better != "none")


def _figure(evidence: Evidence) -> Figure | None:
    return (evidence.value, evidence.low, evidence.high) if evidence.n else None


def _costs(checks: Sequence[Check], found: Mapping[str, Evidence]) -> Costs | None:
    check = next((each for each in checks if isinstance(each.measure, DecisionValue)), None)
    if check is None or not found[check.name].n:
        return None
    facts = found[check.name].facts
    return Costs(
        check=check.text,
        threshold=facts["threshold"],
        model=facts["cost"],
        nothing=facts["cost_of_nothing"],
        always=facts["cost_of_always"],
        oracle=facts["cost_of_oracle"],
        share_acted=facts["share_acted"],
    )


def _side(sample: Sample, name: str, asked: Asked, value: DecisionValue | None) -> Side:
    acted = sample if value is None or not value.of else contrast_class(sample, value.of)
    curve = [] if value is None or acted is None else value_curve(acted.happened, acted.p, value)
    classes = profile_classes(sample, asked.cluster)
    return Side(
        name=name,
        cuts=tuple(
            Cut(
                by=group,
                parts=tuple(PartLine(**row) for row in profile_by(sample, group, value)),
                ordered=sample.groups[group].ordered,
            )
            for group in asked.by
        ),
        calibration=tuple(BinLine(**row) for row in calibration_of(sample)),
        curve=tuple(CurvePoint(**row) for row in curve),
        confusion=None if classes is None else msgspec.convert(classes, Confusion),
    )

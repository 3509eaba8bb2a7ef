"""Measuring a version on the predictions of its test period and letting the gates before release decide."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import msgspec
import polars as pl

from shipway.app.attribution import explain_sample, list_asked, list_rival, measure_reasons
from shipway.app.classes import list_told, read_predictions
from shipway.app.frame import kind_of_frame, read_rows, read_table
from shipway.app.ingest import keep_rows, read_evidence, remember_verdicts
from shipway.app.runner import Made, Outputs, Runner
from shipway.app.sample import Predicted, assemble_sample, period_of, take_features
from shipway.core.artifact import Artifact
from shipway.core.body import Body, EvidenceRecorded
from shipway.core.candidate import auc, brier, calibration_gap, label_maturity, log_loss
from shipway.core.check import Check, Evidence
from shipway.core.gate import Gate, Verdict, checks_of, decide
from shipway.core.label import LabelKind
from shipway.core.maturity import NEVER, Asked, Maturity, give_maturity, mark_maturity, measure_maturity
from shipway.core.measure import (
    Attribution,
    DecisionValue,
    Labelled,
    LabelMaturity,
    ReasonAgreement,
    class_of,
)
from shipway.core.model import Model
from shipway.core.performance import accuracy, macro_auc, mean_absolute_error, r_squared, root_mean_squared_error
from shipway.core.probe import Behaviour, Probe
from shipway.core.suitability import refuse_unfit, refuse_unknown_classes
from shipway.data.plan import AT, LABEL, LABEL_KNOWN_AT
from shipway.kit.canonical import canonical_json
from shipway.maths.loss import loss_of
from shipway.training.frame import kind_of_labels, list_classes, read_labels
from shipway.validation.confusion import profile_classes
from shipway.validation.evaluation import measure_candidate
from shipway.validation.profile import calibration_of, profile_by
from shipway.validation.sample import Sample

STANDARD: Final[dict[LabelKind, tuple[Check, ...]]] = {
    "condition": (auc, log_loss, brier, calibration_gap, label_maturity),
    "number": (r_squared, mean_absolute_error, root_mean_squared_error, calibration_gap, label_maturity),
    "class": (macro_auc, log_loss, brier, accuracy, calibration_gap, label_maturity),
}
"""What is measured of every version of a label of each kind, whether a gate asks for it or not."""


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What is known about a version.

    Attributes:
        evidence: check name to evidence.
        profile: artifact with the metrics by month, calibration bins and baselines.
        verdicts: what the gates before release said; empty where none is declared.
    """

    evidence: dict[str, Evidence]
    profile: Artifact
    verdicts: list[Verdict]

    @property
    def passed(self) -> bool:
        """Tell whether there was a gate and every gate passed."""
        return bool(self.verdicts) and all(verdict.outcome == "pass" for verdict in self.verdicts)


def release_gates(runner: Runner, model: str) -> list[Gate]:
    """Return the gates before release that decide for a model."""
    return runner.workspace.project.registry.gates_before("release", model)


def refuse_unfit_gates(runner: Runner, model: Model, frame: Artifact) -> None:
    """Refuse a model of which a gate measures another kind of label than its frame has, or a class that it never is.

    Gates that are asked later, on a walk or of a live window, are looked at too: who trains finds it out now.

    Raises:
        ShipwayError: SW-403 for another kind or a class without a cost, SW-104 for a class there is not.
    """
    kind = kind_of_frame(runner, frame)
    gates = runner.workspace.project.registry.gates.values()
    asked = [gate for gate in gates if gate.before != "training" and gate.covers(model.name)]
    checks = [rule.check for gate in asked for rule in gate.rules]
    refuse_unfit(checks, model.label.name, kind)
    if kind == "class":
        refuse_unknown_classes(checks, model.label.name, list_classes(read_rows(runner, frame, [LABEL])[LABEL]))


def evaluate(runner: Runner, predicted: Predicted) -> Evaluated:
    """Measure a version on what it predicted in its test period, and let its gates decide."""
    subject = predicted.subject
    gates = release_gates(runner, predicted.model.name)
    checks = checks_of(gates, also=STANDARD[predicted.trained.kind])
    refuse_unfit(checks, predicted.model.label.name, predicted.trained.kind)
    outputs = runner.make(
        f"evaluate {subject.removeprefix('model:')}",
        partial(_evaluate, runner, predicted, checks),
        inputs={**predicted.list_inputs(runner), **list_rival(checks, predicted.rival)},
        params=predicted.list_params(runner, checks),
    )
    evidence = read_evidence(runner, outputs["evidence"])
    verdicts = [decide(gate, subject, evidence) for gate in gates]
    remember_verdicts(runner, verdicts)
    return Evaluated(evidence, outputs["profile"], verdicts)


def _evaluate(
    runner: Runner, predicted: Predicted, checks: Sequence[Check], report: Callable[[int, int], None]
) -> Made:
    subject = predicted.subject
    sample, evidence = measure_version(runner, predicted, checks, report)
    value = value_of(checks)
    profile: dict[str, Any] = {
        "month": profile_by(sample, "month", value),
        "calibration": calibration_of(sample),
        "baselines": {name: profile_by(replace(sample, p=p), "month", value) for name, p in sample.baselines.items()},
        "classes": profile_classes(sample),
    }
    records: list[tuple[str, Body]] = [(subject, EvidenceRecorded(evidence=each)) for each in evidence]
    outputs: Outputs = {
        "evidence": ("evidence", canonical_json(evidence), {"checks": len(evidence)}),
        "profile": ("profile", canonical_json(profile), {}),
    }
    said = f"{sample.n:,} of {sample.scored:,} rows have a label"
    return Made(outputs, records, said=said)


def measure_version(
    runner: Runner,
    predicted: Predicted,
    checks: Sequence[Check],
    report: Callable[[int, int], None],
    *,
    also: Sequence[str] = (),
) -> tuple[Sample, list[Evidence]]:
    """Measure checks on the predictions of a version; nothing of it is remembered, only the parts are kept.

    Args:
        runner: reads what it is measured on.
        predicted: what it predicted.
        checks: what is measured.
        report: told how much is done.
        also: columns of the source and parts of the calendar that cut the rows further.

    Returns:
        The rows with a label, and the evidence of each check in order.
    """
    frame, trained, subject = predicted.frame, predicted.trained, predicted.subject
    log_digest = predicted.predictions.digest
    scored = read_table(runner, predicted.predictions)
    maturity = _measure_maturity(runner, predicted, scored)
    labelled = scored[LABEL].is_not_null()
    sample = assemble_sample(runner, predicted, checks, scored, also)
    perturbed = take_features(runner, sample, frame, trained, scored, labelled)
    period, rival = period_of(scored), predicted.rival
    reasons = {
        of: explain_sample(runner, checks, sample, frame, trained, rival, period, labelled, of)
        for of in list_asked(checks)
    }
    evidence: list[Evidence] = []
    for done, check in enumerate(checks):
        if isinstance(check.measure, LabelMaturity):
            evidence.append(give_maturity(maturity, subject=subject, log_digest=log_digest))
            continue
        if isinstance(check.measure, Attribution | ReasonAgreement):
            found = measure_reasons(check, reasons[class_of(check.measure)], subject=subject, log_digest=log_digest)
        else:
            behaves = isinstance(check.measure, Behaviour | Probe)
            rows = perturbed if behaves else sample
            found = measure_candidate(check, rows, subject=subject, log_digest=log_digest)
        detail = None if found.detail is None else keep_rows(runner, found.detail)
        measured = msgspec.structs.replace(found.evidence, detail=detail)
        evidence.append(mark_maturity(measured, maturity) if isinstance(check.measure, Labelled) else measured)
        report(done + 1, len(checks) + 1)
    return sample, evidence


def value_of(checks: Sequence[Check]) -> DecisionValue | None:
    """Return what acting costs, of the first check that says so."""
    return next((check.measure for check in checks if isinstance(check.measure, DecisionValue)), None)


def _measure_maturity(runner: Runner, predicted: Predicted, scored: pl.DataFrame) -> Maturity:
    """Measure how many labels of the test period had come; delays are learned from all rows of the frame.

    Where runs are in real time the moment of judging is that of the newest label in the data: nothing later is in it.
    """
    zone, limit = runner.workspace.project.config.project.timezone, predicted.limit
    rows = read_rows(runner, predicted.frame, [AT, LABEL, LABEL_KNOWN_AT])
    known = pl.when(pl.col(LABEL).is_not_null()).then(pl.col(LABEL_KNOWN_AT).to_physical()).fill_null(NEVER)
    instants = rows.select(
        at=pl.col(AT).to_physical(),
        known=known,
        day=pl.col(AT).dt.convert_time_zone(zone).dt.date().to_physical().cast(pl.Int64),
    ).filter(pl.col("at").is_not_null())
    at, known_at, day = (instants[name].to_numpy() for name in ("at", "known", "day"))
    start, end = period_of(scored)
    within = (at >= start) & (at < end)
    classes = list_told(predicted.trained, predicted.baselines, scored)
    kind = kind_of_labels(scored[LABEL].dtype)
    unknown: dict[LabelKind, Any] = {"condition": False, "number": 0.0, "class": (*classes, "")[0]}
    y = read_labels(scored[LABEL].fill_null(unknown[kind]), classes)
    p = read_predictions(scored, predicted.trained.classes, classes)
    judged_at = limit if limit is not None else int(known_at.max(initial=NEVER))
    return measure_maturity(
        Asked(at=at[within], known_at=known_at[within], day=day[within]),
        judged_at,
        before=Asked(at=at, known_at=known_at, day=day),
        y=y,
        classes=classes,
        loss=loss_of(kind, y, p) if scored.height else None,
    )

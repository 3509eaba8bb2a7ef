"""Collecting what a report shows from a run, the state behind it and the blobs it cites."""

from collections.abc import Mapping

from shipway.app.control.decision import STANDARDS
from shipway.app.project import build_digest
from shipway.app.report.data import ModelData, OriginData, ReportData, StageData, TaskData
from shipway.app.report.gate import GateData, Measured, RuleData, Unit
from shipway.app.report.measurement import collect_model
from shipway.app.report.number import write_instant
from shipway.app.report.override import OverrideData, collect_override
from shipway.app.run import RunReport
from shipway.app.workspace import Workspace
from shipway.core.check import Evidence, Rule
from shipway.core.data_measure import (
    Correlation,
    Custom,
    DataMeasure,
    DayRows,
    Distinct,
    Fresh,
    Gaps,
    HasColumns,
    HasRows,
    Holds,
    Mean,
    Past,
    Present,
    Quantile,
    Refers,
    Shift,
    Timely,
    Unique,
    Unseen,
    Vanished,
)
from shipway.core.effect import Effect
from shipway.core.gate import Outcome, Verdict
from shipway.core.measure import (
    ActionValue,
    Attribution,
    ClassValue,
    DecisionValue,
    Drift,
    FailedAnswers,
    FeatureLag,
    FeatureSkew,
    Improvement,
    LabelMaturity,
    LoadFailures,
    LoadLatency,
    Measure,
    NewestSeen,
    PairedLoss,
    PredictionShift,
    ReasonAgreement,
    Score,
    Skew,
    SliceRegression,
    SlowAnswers,
    ValueImprovement,
    Windowed,
)
from shipway.core.metric import IN_UNIT
from shipway.core.probe import Behaviour, Probe
from shipway.core.slice_measure import AdvantageTrend, Fairness, FoundRegression

STAGES = {
    "ingest": "Ingest",
    "check": "Check data",
    "frame": "Build frame",
    "train": "Train",
    "score": "Score",
    "evaluate": "Evaluate",
    "bundle": "Bundle",
    "leak": "Price leaks",
}
"""First word of a task's name to the stage it belongs to, in the order of the path; a leak's tasks are the last."""


def collect_report(workspace: Workspace, run: RunReport) -> ReportData:
    """Collect everything a report shows of a run.

    Args:
        workspace: the project's state.
        run: what the run came to.

    Raises:
        ShipwayError: SW-605 if a blob that the run cites is missing or damaged; what loading the project refuses.
    """
    config = workspace.project.config.project
    return ReportData(
        project=run.project,
        owner=config.owner,
        outcome=run.outcome,
        stages=_stages(run),
        gates=_gates(workspace, run),
        models=_models(workspace, run),
        origin=_origin(workspace, run),
        overrides=_overrides(run),
    )


def unit_of(measure: Measure) -> Unit:
    """Return what the number of a measure is."""
    match measure:
        case Score(metric="auc" | "macro_auc") | Improvement(metric="auc" | "macro_auc"):
            return "auc"
        case Windowed(score=score):
            return unit_of(score)
        case PairedLoss(relative=True):
            return "share"
        case Score(metric=metric) | Improvement(metric=metric) | PairedLoss(metric=metric) if metric in IN_UNIT:
            return "number"
        case Score() | Improvement() | PairedLoss() | AdvantageTrend():
            return "loss"
        case DecisionValue() | ActionValue() | ClassValue() | ValueImprovement():
            return "cost"
        case NewestSeen():
            return "duration"
        case SliceRegression() | FoundRegression() | Skew():
            return "count"
        case Fairness(metric="demographic_parity_ratio" | "group_calibration"):
            return "number"
        case Behaviour() | Probe() | Fairness() | FeatureLag() | FeatureSkew() | LabelMaturity():
            return "share"
        case Attribution() | ReasonAgreement() | LoadFailures():
            return "share"
        case FailedAnswers() | SlowAnswers() | PredictionShift() | Drift() | LoadLatency() | Effect():
            return "number"
        case _:
            return _unit_of_data(measure)


def _unit_of_data(measure: DataMeasure) -> Unit:
    match measure:
        case HasRows(against=None) | Distinct(against=None) | HasColumns() | Unique() | Gaps() | Vanished():
            return "count"
        case Fresh():
            return "duration"
        case Holds() | Custom() | Present() | Refers() | Past() | Timely() | Unseen():
            return "share"
        case HasRows() | Distinct() | DayRows() | Mean() | Quantile() | Correlation() | Shift():
            return "number"


def _overrides(run: RunReport) -> tuple[OverrideData, ...]:
    given = {each.override.id: each for each in run.overrides}
    trained: dict[str, list[str]] = {}
    for version in run.versions:
        for each in version.overrides:
            given.setdefault(each.override.id, each)
            trained.setdefault(each.override.id, []).append(f"{version.model}@{version.number}")
    return tuple(collect_override(each, tuple(trained.get(name, ()))) for name, each in given.items())


def _models(workspace: Workspace, run: RunReport) -> tuple[ModelData, ...]:
    names = dict.fromkeys(version.model for version in run.versions)
    return tuple(collect_model(workspace, run, name) for name in names)


def _gates(workspace: Workspace, run: RunReport) -> tuple[GateData, ...]:
    state = workspace.state()
    judged = [(verdict, state.evidence.get(verdict.subject, {})) for verdict in run.data]
    for version in run.versions:
        judged.extend((verdict, version.evidence) for verdict in version.verdicts)
    return tuple(collect_gate(workspace, verdict, evidence) for verdict, evidence in judged)


def collect_gate(workspace: Workspace, verdict: Verdict, evidence: Mapping[str, Evidence]) -> GateData:
    """Collect what a report shows of a verdict.

    Args:
        workspace: the project's state, for the rules as they are declared now.
        verdict: what was decided.
        evidence: check name to what it may have been decided on; what the verdict does not cite is left out.
    """
    standard = {gate.name: gate for gate in STANDARDS.values()}
    declared = {**standard, **workspace.project.registry.gates}.get(verdict.gate)
    rules = {rule.text: rule for rule in declared.rules} if declared else {}
    found = {each.id: each for each in evidence.values()}
    return GateData(
        name=verdict.gate,
        subject=verdict.subject,
        outcome=verdict.outcome,
        by=verdict.by,
        rules=tuple(
            collect_rule(
                finding.rule,
                finding.outcome,
                finding.reason,
                rules.get(finding.rule),
                found.get(finding.evidence or ""),
            )
            for finding in verdict.findings
        ),
    )


def collect_rule(text: str, outcome: Outcome, reason: str, rule: Rule | None, evidence: Evidence | None) -> RuleData:
    """Return what a page shows of a rule and of the evidence it was decided on.

    Args:
        text: the rule as written.
        outcome: what it came to.
        reason: why.
        rule: the rule as it is declared now; None where it is no longer.
        evidence: what was measured.
    """
    measured = evidence is not None and evidence.n > 0
    return RuleData(
        text=text,
        outcome=outcome,
        reason=reason,
        unit="number" if rule is None else unit_of(rule.check.measure),
        measured=Measured(evidence.value, evidence.low, evidence.high) if evidence is not None and measured else None,
        op=None if rule is None else rule.op,
        bound=0.0 if rule is None else rule.bound,
    )


def _stages(run: RunReport) -> tuple[StageData, ...]:
    leaks = {price.leak for price in run.leaks}
    tasks: dict[str, list[TaskData]] = {stage: [] for stage in STAGES}
    seen: set[str] = set()
    for task in run.tasks:
        if task.key not in seen:  # a version and the next one's baseline are scored by one task
            seen.add(task.key)
            data = TaskData(name=task.name, seconds=task.seconds, peak_mb=task.peak_mb, unchanged=task.unchanged)
            tasks[_stage_of(task.name, leaks)].append(data)
    outcomes = {"check": run.data, "evaluate": _newest_verdicts(run)}
    return tuple(
        StageData(
            name=STAGES[stage],
            tasks=tuple(of_stage),
            outcomes=tuple((verdict.gate, verdict.outcome) for verdict in outcomes.get(stage, [])),
        )
        for stage, of_stage in tasks.items()
        if of_stage
    )


def _stage_of(task: str, leaks: set[str]) -> str:
    """Return the stage of a task by the first word of its name, or by the leak it is about."""
    first, _, rest = task.partition(" ")
    if first in ("refuse", "price") or rest.partition(" ")[0] in leaks:
        return "leak"
    return "frame" if first == "describe" else first


def _newest_verdicts(run: RunReport) -> list[Verdict]:
    newest = {version.model: version for version in run.versions}
    return [verdict for version in newest.values() for verdict in version.verdicts]


def _origin(workspace: Workspace, run: RunReport) -> OriginData:
    head = workspace.ledger.head()
    ended = [state.ended_at for state in workspace.state().runs.values() if state.ended_at is not None]
    commit = workspace.tables.get(run.commit)
    return OriginData(
        entries=head.seq,
        head=head.digest,
        data=run.commit,
        tables={name: snapshot.rows for name, snapshot in commit.tables.items()},
        code=build_digest(),
        project_code=workspace.project.sources_digest,
        at=write_instant(max(ended), "UTC") if ended else "",
        seconds=run.seconds,
        peak_mb=run.peak_mb,
        made=run.made,
        unchanged=run.unchanged,
    )

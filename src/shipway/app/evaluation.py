"""Measuring a version on the predictions of its test period and letting the gates before release decide."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any, Final

import msgspec
import numpy as np
import polars as pl

from shipway.app.attribution import Rival, explain_sample, list_asked, list_rival, measure_reasons
from shipway.app.classes import list_told, name_constant, read_predictions
from shipway.app.frame import admitted, read_columns, read_rows, read_table
from shipway.app.ingest import keep_rows, read_evidence, remember_verdicts
from shipway.app.runner import Made, Outputs, Runner
from shipway.app.training import Trained, load_predictor, read_inputs
from shipway.core.artifact import Artifact
from shipway.core.body import Body, EvidenceRecorded
from shipway.core.candidate import auc, brier, calibration_gap, label_maturity, log_loss
from shipway.core.check import Check, Evidence
from shipway.core.error import ShipwayError
from shipway.core.feature import flatten
from shipway.core.gate import Gate, Verdict, checks_of, decide
from shipway.core.label import LabelKind, read_classes
from shipway.core.maturity import NEVER, Asked, Maturity, give_maturity, mark_maturity, measure_maturity
from shipway.core.measure import (
    Attribution,
    DecisionValue,
    Improvement,
    Labelled,
    LabelMaturity,
    ReasonAgreement,
    Score,
    SliceRegression,
    Value,
    ValueImprovement,
    class_of,
)
from shipway.core.model import Model
from shipway.core.performance import accuracy, macro_auc, mean_absolute_error, r_squared, root_mean_squared_error
from shipway.core.probe import MOST_CASES, Behaviour, Probe
from shipway.core.slice_measure import ROW, AdvantageTrend, Fairness, FoundRegression
from shipway.core.suitability import refuse_unfit, refuse_unknown_classes
from shipway.data.plan import AT, LABEL, LABEL_KNOWN_AT
from shipway.kit.canonical import canonical_json
from shipway.kit.suggestion import did_you_mean
from shipway.maths.loss import loss_of
from shipway.maths.multiclass import spread_classes
from shipway.training.frame import encode_frame, kind_of_labels, list_classes, read_labels
from shipway.validation.confusion import profile_classes
from shipway.validation.cut import NOTHING, cut_column, cut_name
from shipway.validation.evaluation import measure_candidate
from shipway.validation.profile import calibration_of, profile_by
from shipway.validation.sample import BASE_RATE, Group, Predict, Sample, make_sample, spread_rows, take_rows

PERTURBED_ROWS: Final = MOST_CASES
"""Rows a behavioural test changes; they are spread evenly over the evaluated ones."""
CALENDAR: Final = ("day", "week", "month", "weekday", "hour_band")
"""Parts of the prediction instant, in the project's time zone, that rows can be sliced and clustered by."""
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


@dataclass(frozen=True, slots=True)
class Predicted:
    """What a version predicted of some rows, and all that is needed to measure it.

    Attributes:
        model: the declaration.
        subject: the version, as `model:name@number`.
        frame: the frame that it reads.
        trained: its model.
        predictions: of the rows.
        baselines: baseline to the name it goes by and its predictions of the same rows.
        limit: the moment of judging, after which no label is seen, microseconds since 1970 UTC; that of the newest
            label where None.
        rival: the version that reasons are compared with; None where there is none.
    """

    model: Model
    subject: str
    frame: Artifact
    trained: Trained
    predictions: Artifact
    baselines: Mapping[str, tuple[str, Artifact]]
    limit: int | None
    rival: Rival | None = None

    def list_inputs(self, runner: Runner) -> dict[str, str]:
        """Return the digests of what a measurement of it depends on, by name."""
        return {
            "frame": self.frame.digest,
            "spine": admitted(runner, (self.model.on.name,))[self.model.on.name].digest,
            "model": self.trained.model.digest,
            "inputs": self.trained.inputs.digest,
            "predictions": self.predictions.digest,
            **{f"baseline {name}": artifact.digest for name, (_, artifact) in self.baselines.items()},
        }

    def list_params(self, runner: Runner, checks: Sequence[Check]) -> dict[str, Any]:
        """Return the parameters that a measurement of checks on it depends on, by name."""
        return {
            "subject": self.subject,
            "checks": msgspec.to_builtins(checks),
            "names": {name: said for name, (said, _) in self.baselines.items()},
            "typical": self.trained.typical,
            "timezone": runner.workspace.project.config.project.timezone,
            "known_by": self.limit,
        }


def refuse_unfit_gates(runner: Runner, model: Model, frame: Artifact) -> None:
    """Refuse a model of which a gate measures another kind of label than its frame has, or a class that it never is.

    Gates that are asked later, on a walk or of a live window, are looked at too: who trains finds it out now.

    Raises:
        ShipwayError: SW-403 for another kind or a class without a cost, SW-104 for a class there is not.
    """
    kind = kind_of_labels(read_rows(runner, frame, [LABEL], period=(0, 0)).schema[LABEL])
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


def calendar_part(at: pl.Series, part: str) -> pl.Series:
    """Return a part of local instants as text: day, ISO week, month, weekday 1 (Monday) to 7, or 4-hour band."""
    match part:
        case "day":
            return at.dt.strftime("%Y-%m-%d")
        case "week":
            return at.dt.strftime("%G-W%V")
        case "month":
            return at.dt.strftime("%Y-%m")
        case "weekday":
            return at.dt.weekday().cast(pl.String)
        case _:
            return (at.dt.hour() // 4 * 4).cast(pl.String).str.zfill(2) + "h"


def code_labels(values: pl.Series, *, ordered: bool = False) -> Group:
    """Number the distinct values of a column in order, numbers by their size; a null is a label of its own.

    Args:
        values: texts, numbers, conditions or instants.
        ordered: whether texts follow one another too, as those of the calendar do.
    """
    texts = values.cast(pl.String).fill_null(NOTHING)
    found: list[str] = values.drop_nulls().unique().sort().cast(pl.String).to_list()
    labels = tuple(dict.fromkeys([NOTHING] * bool(values.null_count()) + found))
    # Nothing to replace leaves an empty column's type as it was.
    codes = (
        texts.replace_strict(list(labels), list(range(len(labels))), return_dtype=pl.Int64).cast(pl.Int64).to_numpy()
    )
    follows = ordered or values.dtype.is_numeric() or values.dtype.is_temporal()
    return Group(codes=codes, labels=labels, ordered=follows)


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
    sample = _sample(runner, predicted, checks, scored, also)
    perturbed = _perturbed(runner, sample, frame, trained, scored, labelled)
    period, rival = _period(scored), predicted.rival
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
    start, end = _period(scored)
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
        y=None if kind == "class" else y,  # a class has no mean that could lean
        loss=loss_of(kind, y, p) if scored.height else None,
    )


def _sample(
    runner: Runner, predicted: Predicted, checks: Sequence[Check], scored: pl.DataFrame, also: Sequence[str] = ()
) -> Sample:
    """Assemble the evaluated rows: those of the test period whose label is known."""
    model, trained, baselines = predicted.model, predicted.trained, predicted.baselines
    zone = runner.workspace.project.config.project.timezone
    rows = scored.filter(pl.col(LABEL).is_not_null())
    classes, learned = list_told(predicted.trained, predicted.baselines, scored), trained.classes
    typical = np.full((rows.height, *np.shape(trained.typical)), trained.typical)
    known = {BASE_RATE: spread_classes(typical, learned, classes) if classes else typical}
    for name, (_, artifact) in baselines.items():
        other = read_table(runner, artifact)
        if not other.select(model.on.key).equals(scored.select(model.on.key)):
            raise ShipwayError(
                "SW-403", f"baseline {name!r} was scored on other rows", "shipway run --force scores anew"
            )
        labelled = other.filter(scored[LABEL].is_not_null())
        known[name] = read_predictions(labelled, read_classes(artifact.facts), classes)
    at = rows[AT].dt.convert_time_zone(zone)
    measures = [check.measure for check in checks]
    wanted = {"month", *also} | {by for m in measures if isinstance(m, SliceRegression) for by in m.by}
    wanted |= {m.query for m in measures if isinstance(m, Score | Improvement) and m.query}
    wanted |= {"day"} if any(isinstance(m, AdvantageTrend) for m in measures) else set()
    searches = [m for m in measures if isinstance(m, FoundRegression | Fairness)]
    features = {by for m in searches for by in m.by if "." in by}
    cut = {by for m in searches for by in m.by} - features
    clusters = {"day"} | {
        m.cluster
        for m in measures
        if isinstance(m, Score | Improvement | Value | SliceRegression | FoundRegression | Fairness)
    }
    clusters |= {m.value.cluster for m in measures if isinstance(m, ValueImprovement)}
    clusters -= {ROW}
    columns = _columns(runner, model, rows, sorted((wanted | clusters | cut) - set(CALENDAR)))
    parts = {name: calendar_part(at, name) if name in CALENDAR else columns[name] for name in wanted | clusters | cut}
    read = _features(runner, predicted.frame, scored, sorted(features))
    cuts = {cut_name(by, m.bins): cut_column((read | parts)[by], m.bins) for m in searches for by in m.by}
    return make_sample(
        y=read_labels(rows[LABEL], classes),
        p=read_predictions(rows, learned, classes),
        baselines=known,
        baseline_names={name: said for name, (said, _) in baselines.items()} | name_constant(trained.kind),
        clusters={name: code_labels(parts[name]).codes for name in clusters},
        groups={name: code_labels(parts[name], ordered=name in CALENDAR) for name in wanted} | cuts,
        scored=scored.height,
        x=np.empty((rows.height, 0), dtype=np.float64),
        columns=(),
        predict=_predict_with(runner, trained, classes),
        classes=classes,
        unseen=int((~rows[LABEL].is_in(list(learned))).sum()) if classes else 0,
    )


def _predict_with(runner: Runner, trained: Trained, classes: Sequence[str]) -> Predict:
    """Return what predicts rows by a version; its library is loaded when somebody asks, which most checks never do."""
    load = cache(partial(load_predictor, runner, trained))
    if classes:
        return lambda x: spread_classes(load().predict(x), trained.classes, classes)
    return lambda x: load().predict(x)


def _columns(runner: Runner, model: Model, rows: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """Return columns of the model's source for the evaluated rows, in their order."""
    if not names:
        return pl.DataFrame()
    source = model.on
    for name in names:
        source[name]  # refuses a column the source does not declare
    snapshot = admitted(runner, (source.name,))[source.name]
    table = runner.workspace.tables.read(snapshot, [*source.key, *(n for n in names if n not in source.key)])
    joined = rows.select(source.key).join(table, on=list(source.key), how="left", maintain_order="left")
    return joined.select(names)


def _features(runner: Runner, frame: Artifact, scored: pl.DataFrame, names: Sequence[str]) -> dict[str, pl.Series]:
    """Return features named `view.name`, of the evaluated rows in their order; SW-104 for one the frame lacks."""
    if not names:
        return {}
    columns = {name: flatten(*name.split(".", maxsplit=1)) for name in names}
    there = read_columns(runner, frame)
    for name, column in columns.items():
        if column not in there:
            raise ShipwayError("SW-104", f"the model has no feature {name}", did_you_mean(column, there))
    rows = read_rows(runner, frame, list(columns.values()), period=_period(scored))
    kept = rows.filter(scored[LABEL].is_not_null())
    return {name: kept[column] for name, column in columns.items()}


def _perturbed(
    runner: Runner, sample: Sample, frame: Artifact, trained: Trained, scored: pl.DataFrame, labelled: pl.Series
) -> Sample:
    """Return an evenly spread part of the sample with its features, for tests that change them."""
    period = _period(scored)
    inputs = read_inputs(runner, trained)
    names = [column.name for column in inputs]
    chosen = spread_rows(sample.n, PERTURBED_ROWS)
    positions = np.flatnonzero(labelled.to_numpy())[chosen] if sample.n else chosen
    rows = read_rows(runner, frame, names, period=period)[positions]
    return take_rows(sample, chosen, encode_frame(rows, inputs), tuple(names), support=inputs)


def _period(scored: pl.DataFrame) -> tuple[int, int]:
    asked = scored[AT].to_physical().to_numpy()
    return (int(asked.min()), int(asked.max()) + 1) if len(asked) else (0, 0)

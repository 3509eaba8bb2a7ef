"""Candidates: a version trained at a cut, measured on rows it has not seen, judged, and packaged if it passes."""

from collections.abc import Mapping
from typing import Any

import msgspec

from shipway.app.attribution import Rival
from shipway.app.evaluation import Evaluated, evaluate, refuse_unfit_gates
from shipway.app.instant import write_instant
from shipway.app.packaging import gather, package, register
from shipway.app.progress import Watch, ignore
from shipway.app.project import build_digest
from shipway.app.runner import Runner
from shipway.app.sample import Predicted
from shipway.app.training import Trained, known_by, score, train
from shipway.app.version import current_of, frame_of_version, is_alike, open_version, trained_of
from shipway.app.workspace import Workspace
from shipway.core.artifact import Artifact
from shipway.core.check import Evidence
from shipway.core.gate import Verdict
from shipway.core.model import Model, columns_of
from shipway.core.projection import OverrideState, VersionState
from shipway.delivery.lock import lock_environment
from shipway.kit.canonical import digest_value


class VersionReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a run made of one cut.

    Attributes:
        model: the model's name.
        number: the version's number.
        cut: nothing known later was learned from, microseconds since 1970 UTC.
        training: rows, rate and format.
        prediction: rows scored and rows with a label.
        evidence: check name to evidence.
        verdicts: what the gates before release said.
        bundle: digest of the bundle; None if the version may not be released.
        profile: digest of the metrics by month, calibration and baselines.
        overrides: by right of which it was trained on data that a gate did not pass.
    """

    model: str
    number: int
    cut: int
    training: dict[str, Any]
    prediction: dict[str, Any]
    evidence: dict[str, Evidence]
    verdicts: list[Verdict]
    bundle: str | None
    profile: str
    overrides: list[OverrideState] = []


def code_digest() -> str:
    """Return the digest of the shipway that runs and of the versions of what it runs on."""
    return digest_value([build_digest(), lock_environment()])


def make_runner(workspace: Workspace, watch: Watch = ignore, *, force: bool = False) -> Runner:
    """Return a runner of this shipway: what was made by the same code is found, not made again."""
    return Runner(workspace, watch, code=code_digest(), force=force)


def make_candidate(
    runner: Runner,
    model: Model,
    frame: Artifact,
    cut: int,
    period: tuple[int, int],
    *,
    current: VersionState | None = None,
    known: int | None = None,
) -> VersionReport:
    """Train, score, evaluate and judge one version, and package and register it if it passes.

    Args:
        runner: runs and remembers.
        model: the declaration.
        frame: its frame.
        cut: nothing known later is learned from, microseconds since 1970 UTC.
        period: from and to (exclusive): the rows it is judged on.
        current: the version it is compared with as the current one; the registered one it would replace where None.
        known: no label known later is seen; the domain time of runs where None.
    """
    day = write_instant(cut, runner.workspace.project.config.project.timezone)
    refuse_unfit_gates(runner, model, frame)
    trained = train(runner, model, frame, cut, name=f"train {model.name} {day}")
    version = open_version(runner, model, trained, cut)
    predictions, evaluated = judge(runner, model, version, frame, trained, period, current=current, known=known)
    bundle = None
    if evaluated.passed:
        bundle = package(runner, gather(runner, model, version, frame, trained, evaluated, period))
        register(runner, version, bundle)
    given = runner.workspace.state().overrides
    overrides = [given[name] for name in version.overrides]
    return _report(model, version, trained.facts, predictions, evaluated, bundle, overrides)


def judge(
    runner: Runner,
    model: Model,
    version: VersionState,
    frame: Artifact,
    trained: Trained,
    period: tuple[int, int],
    *,
    current: VersionState | None = None,
    known: int | None = None,
) -> tuple[Artifact, Evaluated]:
    """Score and evaluate a version beside what it is compared with, and let its gates decide.

    Args:
        runner: runs and remembers.
        model: the declaration.
        version: which one.
        frame: the model's frame.
        trained: what was trained.
        period: from and to (exclusive): the rows it is judged on.
        current: the version it is compared with as the current one; the registered one it would replace where None or
            where that predicts another kind of label.
        known: no label known later is seen; the domain time of runs where None.

    Returns:
        Its predictions, and what is known of it.
    """
    day = write_instant(version.cut, runner.workspace.project.config.project.timezone)
    label = f"{model.name}@{version.number}"
    predictions = score(runner, frame, trained, period, name=f"score {label}", known=known)
    baselines: dict[str, tuple[str, Artifact]] = {}
    for name, views in model.baselines.items():
        fewer = train(runner, model, frame, version.cut, name=f"train {name} {day}", columns=columns_of(views))
        baselines[name] = (name, score(runner, frame, fewer, period, name=f"score {name} {day}", known=known))
    if current is None or not is_alike(runner, current, version, trained.kind):
        current = current_of(runner, version, trained.kind)
    rival = None
    if current is not None:
        theirs = frame_of_version(runner, model, current, frame)
        rival = Rival(f"version {current.number}", trained_of(runner, current), theirs)
        name = f"score {model.name}@{current.number}"
        scored = score(runner, theirs, rival.trained, period, name=name, known=known)
        baselines["current"] = (rival.name, scored)
    limit = known_by(runner) if known is None else known
    predicted = Predicted(model, version.subject, frame, trained, predictions, baselines, limit, rival)
    return predictions, evaluate(runner, predicted)


def _report(
    model: Model,
    version: VersionState,
    training: Mapping[str, Any],
    predictions: Artifact,
    evaluated: Evaluated,
    bundle: Artifact | None,
    overrides: list[OverrideState],
) -> VersionReport:
    return VersionReport(
        model=model.name,
        number=version.number,
        cut=version.cut,
        training=dict(training),
        prediction=predictions.facts,
        evidence=evaluated.evidence,
        verdicts=evaluated.verdicts,
        bundle=None if bundle is None else bundle.digest,
        profile=evaluated.profile.digest,
        overrides=overrides,
    )

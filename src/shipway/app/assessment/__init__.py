"""Measuring a version when somebody asks: beside its baselines, on its test period or another, by other clusters."""

from collections.abc import Collection, Sequence
from contextlib import closing

import msgspec

from shipway.app.assessment.data import Assessment, Taken
from shipway.app.assessment.measurement import Asked, ask_checks, measure_again
from shipway.app.attribution import Rival
from shipway.app.basis import Basis, find_basis
from shipway.app.candidate import make_runner
from shipway.app.detail import collect_details
from shipway.app.evaluation import release_gates
from shipway.app.frame import frame_of, kind_of_frame
from shipway.app.ingest import open_data, read_evidence
from shipway.app.instant import write_instant
from shipway.app.model import find_version
from shipway.app.progress import Watch, ignore
from shipway.app.project import Project
from shipway.app.run import period_of
from shipway.app.runner import Runner
from shipway.app.sample import Predicted
from shipway.app.training import Trained, known_by, score, train
from shipway.app.version import current_of, frame_of_version, trained_of
from shipway.app.workspace import Workspace
from shipway.core.artifact import Artifact
from shipway.core.error import ShipwayError
from shipway.core.gate import decide
from shipway.core.label import LabelKind
from shipway.core.model import Model, columns_of
from shipway.core.projection import VersionState
from shipway.kit.suggestion import did_you_mean
from shipway.maths.expression import render
from shipway.validation.sample import BASE_RATE, CURRENT

__all__ = ["Assessment", "Wanted", "assess_version"]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """How a version is to be assessed.

    Attributes:
        against: baselines, of `current`, `base rate` and those of the model; empty for all there are, and for the base
            rate where there is none.
        since: from when, microseconds since 1970 UTC; the begin of the period it was judged on where None.
        until: to when (exclusive); the end of that period where None.
        cluster: what rows are grouped by for intervals: a column of the source, or a part of the calendar.
        by: columns and parts of the calendar that the rows are cut by for tables, beside the month.
    """

    against: tuple[str, ...] = ()
    since: int | None = None
    until: int | None = None
    cluster: str = "day"
    by: tuple[str, ...] = ()


def assess_version(project: Project, ref: str, wanted: Wanted | None = None, *, watch: Watch = ignore) -> Assessment:
    """Measure a version beside its baselines on the same rows, and remember the evidence.

    Where no period is asked for, it is the one that the version was judged on, and the test period of shipway.toml for
    one that never was. Evidence on the rows that it was judged on is what was measured then; on others or by other
    clusters it has names of its own, so that it stands beside and never in place of that. What the gates before release
    say on these rows is told and not remembered: a version is released by the verdict of its run.

    Args:
        project: whose.
        ref: the version, as `model@number` or `model@alias`; a model's name alone is its newest version.
        wanted: on which rows, beside what.
        watch: told what happens.

    Raises:
        ShipwayError: SW-104 for a version, a baseline or a column there is not, SW-106 for a period that is none,
            SW-401 if its data may not be used, SW-411 if it cannot be made again to be measured, SW-603 if another
            process runs the project.
    """
    wanted = wanted or Wanted()
    with closing(Workspace(project)) as workspace, workspace.hold():
        version = find_version(workspace.state(), ref)
        runner = make_runner(workspace, watch)
        basis = find_basis(runner, version)
        model, period = _period(project, version, wanted, basis)
        open_data(runner)
        frame, trained = _trained(runner, model, version)
        limit = known_by(runner)
        label = f"{version.ref} {_say_period(project, period)}"
        predictions = score(runner, frame, trained, period, name=f"score {label}")
        rival = _rival(runner, model, version, frame, trained.kind)
        baselines = _baselines(runner, model, version, frame, period, rival)
        against = _choose(version, wanted.against, baselines)
        named = period[0] < version.cut or not _is_judged_on(project, version, basis, period, predictions)
        gates = release_gates(runner, model.name)
        asked = Asked(
            version=version,
            checks=ask_checks(gates, against, wanted.cluster, trained.kind),
            against=against,
            by=("month", *(each for each in wanted.by if each != "month")),
            cluster=wanted.cluster,
            suffix=f", {_say_period(project, period)}" if named else "",
        )
        predicted = Predicted(model, version.subject, frame, trained, predictions, baselines, limit, rival)
        outputs = measure_again(runner, asked, predicted, name=f"assess {label}")
        evidence = read_evidence(runner, outputs["evidence"])
        taken = msgspec.json.decode(workspace.blobs.get(outputs["assessment"].digest), type=Taken)
        workspace.store_state()
        plain = {name.removesuffix(asked.suffix): each for name, each in evidence.items()}
        config = project.config.project
        return Assessment(
            project=config.name,
            owner=config.owner,
            timezone=config.timezone,
            version=version.ref,
            label=render(model.label.value),
            kind=trained.kind,
            cut=version.cut,
            period=period,
            cluster=wanted.cluster,
            scored=taken.scored,
            rows=taken.rows,
            mean=taken.mean,
            against=tuple(side.name for side in taken.sides[1:]),
            scores=taken.scores,
            costs=taken.costs,
            sides=taken.sides,
            details=collect_details(asked.checks, plain, workspace.blobs.get),
            verdicts=tuple(decide(gate, version.subject, plain) for gate in gates if wanted.cluster == "day"),
            notes=_note(project, version, period),
            checks={name: each.id for name, each in evidence.items()},
        )


def _period(
    project: Project, version: VersionState, wanted: Wanted, basis: Basis | None
) -> tuple[Model, tuple[int, int]]:
    """Return the declaration of a version's model and the period it is measured on."""
    model = project.registry.models.get(version.model)
    if model is None or version.model not in project.config.models or version.imported:
        why = f"was made elsewhere and imported as {version.imported}" if version.imported else "is declared no longer"
        hint = "declare a model that is trained here, in the project's file and in shipway.toml"
        raise ShipwayError("SW-411", f"{version.ref} cannot be measured: it {why}", hint)
    start, end = _test_period(project, version.model) if basis is None else basis.period
    since, until = wanted.since, wanted.until
    period = (start if since is None else since, end if until is None else until)
    if period[0] >= period[1]:
        raise ShipwayError("SW-106", f"{_say_period(project, period)} is no period", "let it end after it begins")
    return model, period


def _test_period(project: Project, model: str) -> tuple[int, int]:
    return period_of(project, project.config.models[model])


def _is_judged_on(
    project: Project, version: VersionState, basis: Basis | None, period: tuple[int, int], predictions: Artifact
) -> bool:
    """Tell whether predictions are those that a version was judged on, and not the same ones with newer labels."""
    if basis is None:
        return period == _test_period(project, version.model)
    return predictions.digest == basis.predictions


def _trained(runner: Runner, model: Model, version: VersionState) -> tuple[Artifact, Trained]:
    """Return a version's model and the frame it reads: out of its bundle, or trained again to the bit."""
    frame, _ = frame_of(runner, model)
    if version.bundle is not None:
        trained = trained_of(runner, version)
        kind = kind_of_frame(runner, frame)
        if kind != trained.kind:
            hint = f"give the {kind} a name of its own, or measure a version that shipway run makes now"
            fact = f"{version.ref} cannot be measured: it predicts a {trained.kind}, and the label is a {kind} by now"
            raise ShipwayError("SW-411", fact, hint)
        return frame_of_version(runner, model, version, frame), trained
    day = write_instant(version.cut, runner.workspace.project.config.project.timezone)
    trained = train(runner, model, frame, version.cut, name=f"train {model.name} {day}")
    if trained.key != version.key:
        hint = "shipway run makes a new version of what the project is now"
        fact = f"{version.ref} has no bundle, and the project trains another model by now"
        raise ShipwayError("SW-411", fact, hint)
    return frame, trained


def _rival(runner: Runner, model: Model, version: VersionState, frame: Artifact, kind: LabelKind) -> Rival | None:
    """Return the version that a version would have replaced, ready to be asked; None where there was none."""
    current = current_of(runner, version, kind)
    if current is None:
        return None
    theirs = frame_of_version(runner, model, current, frame)
    return Rival(f"version {current.number}", trained_of(runner, current), theirs)


def _baselines(
    runner: Runner,
    model: Model,
    version: VersionState,
    frame: Artifact,
    period: tuple[int, int],
    rival: Rival | None,
) -> dict[str, tuple[str, Artifact]]:
    """Return the predictions of what the version is compared with, all of which its gates may ask about."""
    project = runner.workspace.project
    day, when = write_instant(version.cut, project.config.project.timezone), _say_period(project, period)
    found: dict[str, tuple[str, Artifact]] = {}
    if rival is not None:
        said = f"{version.model}@{rival.name.removeprefix('version ')}"
        found[CURRENT] = (
            rival.name,
            score(runner, rival.frame, rival.trained, period, name=f"score {said} {when}"),
        )
    for name, views in model.baselines.items():
        fewer = train(runner, model, frame, version.cut, name=f"train {name} {day}", columns=columns_of(views))
        found[name] = (name, score(runner, frame, fewer, period, name=f"score {name} {day} {when}"))
    return found


def _choose(version: VersionState, wanted: Sequence[str], there: Collection[str]) -> tuple[str, ...]:
    """Return the baselines that are shown; SW-104 for one there is not."""
    for name in wanted:
        if name == CURRENT and CURRENT not in there:
            hint = f"leave it away, or compare with: {', '.join([BASE_RATE, *there])}"
            raise ShipwayError("SW-104", f"no version of {version.model} was current before {version.ref}", hint)
        if name not in (*there, BASE_RATE):
            raise ShipwayError("SW-104", f"there is no baseline {name!r}", did_you_mean(name, [*there, BASE_RATE]))
    return tuple(wanted) or tuple(there) or (BASE_RATE,)


def _note(project: Project, version: VersionState, period: tuple[int, int]) -> tuple[str, ...]:
    if period[0] >= version.cut:
        return ()
    cut = write_instant(version.cut, project.config.project.timezone)
    return (f"rows before {cut} were learned from: on them every number is better than it will be",)


def _say_period(project: Project, period: tuple[int, int]) -> str:
    start, end = (write_instant(at, project.config.project.timezone) for at in period)
    return f"{start} to {end}"

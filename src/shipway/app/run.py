"""The path from raw data to bundles that may be released, as one use case that continues wherever it was stopped."""

from contextlib import closing

import msgspec

from shipway.app.candidate import VersionReport, make_candidate, make_runner
from shipway.app.catalog.statistic import describe_frame
from shipway.app.catalog.use import refuse_changed_kinds, tell_gone
from shipway.app.count import write_plural
from shipway.app.frame import frame_of, read_rows
from shipway.app.ingest import admit, make_tables
from shipway.app.instant import write_instant
from shipway.app.ledger import find_loss
from shipway.app.pricing import Honest, Price, price
from shipway.app.progress import Event, Watch, ignore
from shipway.app.project import Project
from shipway.app.runner import Runner, TaskReport, peak_mb
from shipway.app.workspace import Workspace
from shipway.core.admission import Admission
from shipway.core.artifact import Artifact
from shipway.core.config import ModelSection
from shipway.core.error import ShipwayError
from shipway.core.gate import Outcome, Verdict, worst_of
from shipway.core.model import Model
from shipway.core.projection import OverrideState
from shipway.data.plan import AT
from shipway.kit.suggestion import did_you_mean


class RunReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a run came to.

    Attributes:
        project: the project's name.
        outcome: `fail` if a gate failed for data or for a model's newest version, else `hold` likewise, else `pass`; a
            gate on data that a person overrode counts as passed.
        commit: the data judged.
        data: the verdicts on it.
        overrides: what people let through that the gates on data did not.
        versions: what was made of each cut, in order.
        leaks: the prices of declared leaks.
        seconds: real time the run took.
        peak_mb: the process's peak memory, in 10^6 bytes.
        tasks: every task asked for, in order.
        made: how many of them were run.
        unchanged: how many had their result already.
    """

    project: str
    outcome: Outcome
    commit: str
    data: list[Verdict]
    overrides: list[OverrideState]
    versions: list[VersionReport]
    leaks: list[Price]
    seconds: float
    peak_mb: float
    tasks: list[TaskReport]
    made: int
    unchanged: int


def run_project(
    project: Project, *, model: str | None = None, force: bool = False, leaks: bool = True, watch: Watch = ignore
) -> RunReport:
    """Run a project's whole path: ingest, data gate, frame, train, evaluate, quality gate, bundle, register.

    Killing the process at any point loses nothing that was finished; the same call continues from there.

    Args:
        project: what to run.
        model: only this model; all that shipway.toml configures where None.
        force: run every task, also where its result is there already.
        leaks: whether declared leaks are refused and priced.
        watch: told what happens.

    Raises:
        ShipwayError: SW-603 if another process runs the project; whatever a step refuses.
    """
    workspace = Workspace(project)
    registry = project.registry
    if model is not None and model not in project.config.models:
        fact = f"shipway.toml configures no model {model!r}"
        raise ShipwayError("SW-104", fact, did_you_mean(model, project.config.models))
    with closing(workspace), workspace.hold():
        begun = workspace.stopwatch.seconds()
        refuse_damage(workspace)
        runner = make_runner(workspace, watch, force=force)
        snapshots = make_tables(runner)
        refuse_changed_kinds(workspace, snapshots, redefined=True)
        tell_gone(workspace, runner.watch)
        commit, admission = admit(runner, snapshots)
        versions: list[VersionReport] = []
        prices: list[Price] = []
        if admission.granted:
            refuse_changed_kinds(workspace, snapshots)
            for name, section in project.config.models.items():
                if model in (None, name):
                    made, frame = run_model(runner, registry.models[name], section)
                    versions.extend(made)
                    if leaks:
                        prices.extend(_price_leaks(runner, registry.models[name], section, frame))
        overrides = [workspace.state().overrides[override.id] for override in admission.overrides]
        workspace.store_state()
        seconds = workspace.stopwatch.seconds() - begun
    return RunReport(
        project=project.config.project.name,
        outcome=_outcome(admission, versions),
        commit=commit,
        data=list(admission.verdicts),
        overrides=overrides,
        versions=versions,
        leaks=prices,
        seconds=round(seconds, 3),
        peak_mb=round(peak_mb(), 1),
        tasks=runner.tasks,
        made=sum(not task.unchanged for task in runner.tasks),
        unchanged=sum(task.unchanged for task in runner.tasks),
    )


def refuse_damage(workspace: Workspace) -> None:
    """Verify the whole ledger before anything is built on it; SW-604 with the first damaged place.

    A ledger that is gone is refused before another one is begun in its place.
    """
    lost = find_loss(workspace)
    if lost:
        raise ShipwayError("SW-604", lost, "restore .shipway from a copy you trust; without it everything begins anew")
    damage = workspace.ledger.verify()
    if damage:
        more = f", and {write_plural(len(damage) - 1, 'more place')}" if len(damage) > 1 else ""
        raise ShipwayError(
            "SW-604",
            f"entry {damage[0].seq} of the ledger: {damage[0].fact}{more}",
            "shipway ledger --verify names every place; restore .shipway from a copy you trust",
        )


def run_model(runner: Runner, model: Model, section: ModelSection) -> tuple[list[VersionReport], Artifact]:
    """Make a version of a model for each of its cuts, and return them with the frame they share."""
    project = runner.workspace.project
    frame, _ = frame_of(runner, model)
    describe_frame(runner, model, frame)
    period = period_of(project, section)
    _note_empty_period(runner, model, frame, period)
    cuts = [project.instant(cut) for cut in section.cuts]
    return [make_candidate(runner, model, frame, cut, period) for cut in cuts], frame


def period_of(project: Project, section: ModelSection) -> tuple[int, int]:
    """Return a model's test period in microseconds since 1970 UTC."""
    start, end = section.test
    return project.instant(start), project.instant(end)


def _price_leaks(runner: Runner, model: Model, section: ModelSection, frame: Artifact) -> list[Price]:
    project = runner.workspace.project
    honest = Honest(frame, project.instant(section.cuts[-1]), period_of(project, section))
    declared = [leak for leak in project.registry.leaks.values() if leak.model.name == model.name]
    return [price(runner, leak, honest) for leak in declared]


def _outcome(admission: Admission, versions: list[VersionReport]) -> Outcome:
    newest = {version.model: version for version in versions}
    return worst_of(
        [admission.outcome, *(verdict.outcome for version in newest.values() for verdict in version.verdicts)]
    )


def _note_empty_period(runner: Runner, model: Model, frame: Artifact, period: tuple[int, int]) -> None:
    """Tell who watches that nothing can be measured, before it is, where a model asks about no row of its period."""
    asked = read_rows(runner, frame, [AT])[AT].to_physical().drop_nulls()
    first, last = asked.min(), asked.max()
    if asked.is_between(*period, closed="left").any() or not isinstance(first, int) or not isinstance(last, int):
        return
    zone = runner.workspace.project.config.project.timezone
    start, end, low, high = (write_instant(instant, zone) for instant in (*period, first, last))
    said = f"no row of {model.on.name} is asked about from {start} to {end}; they run from {low} to {high}"
    runner.watch(Event(stage="note", step=f"test period of {model.name}", said=said))

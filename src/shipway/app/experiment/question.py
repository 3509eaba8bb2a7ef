"""What there is of experiments: those declared, those that run, and those that ended."""

from contextlib import closing
from pathlib import Path

import msgspec

from shipway.app.project import STATE_FOLDER, Project
from shipway.app.workspace import Workspace
from shipway.core.conclusion import say_walk
from shipway.core.error import ShipwayError
from shipway.core.experiment import PLACES, Experiment
from shipway.core.projection import State
from shipway.core.split import FILE, Assignment, Split, assign, free_places
from shipway.core.trial import Trial, split_of, taken_places
from shipway.kit.canonical import canonical_json
from shipway.kit.file import hold_lock, write_atomic
from shipway.kit.suggestion import did_you_mean


class ExperimentLine(msgspec.Struct, frozen=True, kw_only=True):
    """One experiment in a list.

    Attributes:
        name: its name.
        ref: its newest run, as `experiment@number`; empty for one that never began.
        state: `declared`, `runs`, `decided` or `stopped`.
        layer: its layer.
        share: of the layer's units, how many meet it.
        looks: how often the newest run was looked at.
        information: share of the planned units that were in at the last look.
        said: what was decided, or what the last look came to.
        since: when the newest run began, domain time.
    """

    name: str
    ref: str
    state: str
    layer: str
    share: float
    looks: int
    information: float
    said: str
    since: int | None


class LayerLine(msgspec.Struct, frozen=True, kw_only=True):
    """A layer: its unit, the share held out, and the share that no running experiment has."""

    name: str
    unit: str
    holdout: float
    free: float


def list_experiments(project: Project) -> list[ExperimentLine]:
    """Return every experiment that is declared or ever began, and bring what assigns up to date."""
    with closing(Workspace(project)) as workspace:
        state = workspace.peek()
        declared = project.registry.experiments
        write_split(workspace, state)
    names = [*declared, *(name for name in state.experiments if name not in declared)]
    return [_line(name, declared.get(name), state.experiments.get(name, [])) for name in names]


def list_layers(project: Project) -> list[LayerLine]:
    """Return every layer that is declared, with the share that is free."""
    with closing(Workspace(project)) as workspace:
        state = workspace.peek()
    trials = [runs[-1] for runs in state.experiments.values()]
    return [
        LayerLine(
            name=layer.name,
            unit=layer.unit.name,
            holdout=layer.holdout,
            free=free_places(taken_places(trials, layer.name)) / PLACES,
        )
        for layer in project.registry.layers.values()
    ]


def show_trial(project: Project, ref: str) -> Trial:
    """Return one run of an experiment.

    Args:
        project: whose.
        ref: `experiment@number`, or the experiment for its newest run.

    Raises:
        ShipwayError: SW-104 for an experiment or a run there is not, SW-451 for one that never began.
    """
    with closing(Workspace(project)) as workspace:
        return find_trial(workspace.peek(), project, ref)


def tell_walk(project: Project, trial: Trial) -> str:
    """Return what the decision of a run does to the walk of a service, or what has become of it; empty for no walk."""
    split, decided = trial.plan.versions, trial.decided
    if split is None or decided is None:
        return ""
    with closing(Workspace(project)) as workspace:
        releases = workspace.peek().services[split.service].releases
    return next(say_walk(split, decided.variant, each) for each in releases if each.id == split.release)


def find_trial(state: State, project: Project, ref: str) -> Trial:
    """Return one run; errors as for `show_trial`."""
    name, _, number = ref.partition("@")
    runs = state.experiments.get(name, [])
    if not runs:
        find_experiment(project, name)
        raise ShipwayError("SW-451", f"experiment {name!r} never began", f"begin it: shipway experiment start {name}")
    if not number:
        return runs[-1]
    if not number.isdigit() or not 1 <= int(number) <= len(runs):
        raise ShipwayError("SW-104", f"{name!r} has no run {number!r}", f"there are {name}@1 to {runs[-1].plan.ref}")
    return runs[int(number) - 1]


def find_experiment(project: Project, name: str) -> Experiment:
    """Return a declared experiment; SW-104 with the nearest name."""
    declared = project.registry.experiments
    if name not in declared:
        hint = did_you_mean(name, declared) if declared else "declare one: sw.experiment(...) in project.py"
        raise ShipwayError("SW-104", f"there is no experiment {name!r}", hint)
    return declared[name]


def find_running(state: State, project: Project, name: str) -> tuple[Experiment, Trial]:
    """Return an experiment and its run that goes on, as it was registered.

    Raises:
        ShipwayError: SW-104 for one that is not declared, SW-451 for one that does not run, SW-454 where the
            declaration is not what was registered.
    """
    experiment = find_experiment(project, name)
    trial = find_trial(state, project, name)
    if not trial.runs:
        # Whoever ended it may have been killed before those who assign were told.
        _write_split(project.root / STATE_FOLDER, state)
        fact = f"{trial.plan.ref} does not run: it was {trial.state}"
        raise ShipwayError("SW-451", fact, f"shipway experiment show {name} says what came of it")
    if experiment.definition != trial.plan.definition:
        fact = f"experiment {name!r} is another than {trial.plan.ref}, which was registered when it began"
        hint = "put project.py back as it was, or stop this run and start another"
        raise ShipwayError("SW-454", fact, hint)
    return experiment, trial


def assign_unit(project: Project, name: str, unit: str, at: int | None = None) -> Assignment:
    """Return what a unit of an experiment meets, and why.

    Args:
        project: whose.
        name: the experiment.
        unit: the unit's key, its values joined with /.
        at: when, the project's present where None; only a switchback looks at it.

    Raises:
        ShipwayError: SW-104 for an experiment that never began, SW-802 for a unit that is none, SW-457 for an
            experiment whose units a service assigns.
    """
    with closing(Workspace(project)) as workspace:
        split = split_of(workspace.peek().experiments.values())
        when = workspace.now if at is None else at
    keys = split.layer_of(name).keys if name in split.experiments else ()
    return assign(split, name, unit.split("/") if len(keys) > 1 else unit, when)


def write_split(workspace: Workspace, state: State) -> None:
    """Write what those read who assign; it is a projection of the ledger, whole or not at all, and never goes back.

    Args:
        workspace: the project's state on disk.
        state: as it stands, or stood; nothing is written where the file tells of something newer already, or of the
            same, and nothing where no experiment ever began.
    """
    _write_split(workspace.folder, state)


def _write_split(folder: Path, state: State) -> None:
    if not state.experiments:
        return
    split = split_of(state.experiments.values())
    data = canonical_json(split)
    path = folder / FILE
    if _read_written(path) == data:
        return
    # A lock of its own: whoever lists experiments does not wait for a look, which holds that of decisions to its end.
    with hold_lock(folder / "split.lock", wait=True):
        if _token_of(_read_written(path)) <= split.token:
            write_atomic(path, data)


def _read_written(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def _token_of(written: bytes) -> int:
    """Return the token of a split that was written; -1 for what is missing or damaged."""
    try:
        return msgspec.json.decode(written, type=Split).token
    except msgspec.MsgspecError:
        return -1


def _line(name: str, declared: Experiment | None, runs: list[Trial]) -> ExperimentLine:
    if not runs:
        assert declared is not None
        return ExperimentLine(
            name=name,
            ref="",
            state="declared",
            layer=declared.layer_name,
            share=declared.share,
            looks=0,
            information=0.0,
            said=declared.doc,
            since=None,
        )
    trial = runs[-1]
    plan, last = trial.plan, trial.looks[-1] if trial.looks else None
    said = "nobody looked yet" if last is None else last.said
    if trial.decided is not None:
        said = f"{trial.decided.variant}, by {trial.decided.by}: {trial.decided.reason}"
    elif trial.stopped is not None:
        said = f"by {trial.stopped.by}: {trial.stopped.reason}"
    return ExperimentLine(
        name=name,
        ref=plan.ref,
        state=trial.state,
        layer=f"holdout of {plan.layer}" if plan.against_holdout else plan.layer,
        share=plan.holdout / PLACES if plan.against_holdout else sum(high - low for low, high in plan.places) / PLACES,
        looks=len(trial.looks),
        information=information_of(trial),
        said=said,
        since=plan.at,
    )


def information_of(trial: Trial) -> float:
    """Return the share of the planned units that were in at the last look, by the slowest metric."""
    effects = next((look.effects for look in reversed(trial.looks) if look.effects), ())
    return min((each.information for each in effects if each.role == "metric"), default=0.0)

"""Beginning and ending an experiment: each is one append to the ledger, and what is registered does not change."""

from collections.abc import Sequence
from contextlib import closing

from shipway.app.experiment.answer import find_split
from shipway.app.experiment.planning import ExperimentPlan, make_plan, plan_rules
from shipway.app.experiment.question import find_experiment, find_running, write_split
from shipway.app.project import Project
from shipway.app.release import deciding
from shipway.app.workspace import Workspace
from shipway.core.error import ShipwayError
from shipway.core.experiment import PLACES, Experiment
from shipway.core.look import Look
from shipway.core.projection import State
from shipway.core.split import free_places, take_places
from shipway.core.trial import (
    ExperimentDecided,
    ExperimentStarted,
    ExperimentStopped,
    Trial,
    TrialPlan,
    VersionSplit,
    decided_run,
    taken_places,
)
from shipway.kit.suggestion import did_you_mean

DESIGN = "design"
"""Who decides where no person does."""


def start_experiment(
    project: Project, name: str, *, at: int | None = None, units: int | None = None, anyway: bool = False
) -> Trial:
    """Begin an experiment: register its plan, take its places, and let those who assign know.

    Args:
        project: whose.
        name: the experiment; one that runs goes on as it was registered.
        at: domain time it begins; the project's present where None.
        units: the largest number of units, in place of what the plan comes to.
        anyway: whether it begins although it would not find its effect.

    Raises:
        ShipwayError: SW-104 for an experiment that is not declared, SW-452 if its layer has no room, SW-453 if it would
            not find what it is for, SW-454 if its layer is another than that of experiments that run in it, or if it
            runs and has changed, or if an earlier run was decided for another unit, SW-457 if the service that is to
            assign does not split as declared; what planning refuses.
    """
    experiment = find_experiment(project, name)
    with closing(Workspace(project)) as workspace, deciding(workspace) as state:
        write_split(workspace, state)
        runs = state.experiments.get(name, [])
        if runs and runs[-1].runs:
            _, trial = find_running(state, project, name)
            return trial
        _refuse_unit(runs, experiment)
        begin = workspace.now if at is None else at
        versions = find_split(workspace, state, experiment, begin)
        plan = _plan(workspace, experiment, begin, units)
        if plan is not None and not plan.enough and units is None and not anyway:
            hint = "detect a greater effect, take in more units, or begin with --anyway or --units"
            raise ShipwayError("SW-453", f"{name} would not find its effect: {plan.reason}", hint)
        body = ExperimentStarted(plan=_register(state, experiment, begin, units, plan, versions), by=workspace.actor)
        state = workspace.remember((body.plan.subject, body))
        write_split(workspace, state)
        workspace.store_state()
        return state.experiments[name][-1]


def decide_experiment(
    project: Project, name: str, variant: str | None = None, *, by: str = "", reason: str = "", at: int | None = None
) -> Trial:
    """Come to a decision: what everyone meets from now on, by the design or by a person.

    Args:
        project: whose.
        name: the experiment that runs.
        variant: what a person decides for; what the design says at the last look where None.
        by: who decides otherwise than the design, or where it says nothing yet.
        reason: why.
        at: domain time; the project's present where None.

    Raises:
        ShipwayError: SW-104 for an experiment or a variant there is not, SW-451 for one that does not run, SW-455 where
            the design says nothing yet, or for a person without a name or a reason.
    """
    with closing(Workspace(project)) as workspace, deciding(workspace) as state:
        write_split(workspace, state)  # whoever ended it may have been killed before those who assign were told
        trial = _running(state, project, name)
        plan, look = trial.plan, trial.looks[-1] if trial.looks else None
        said = _said(plan, look)
        if variant is not None and variant not in plan.variants:
            raise ShipwayError("SW-104", f"{name} has no variant {variant!r}", did_you_mean(variant, plan.variants))
        if variant is None and said is None:
            why = "nobody looked at it yet" if look is None else look.said
            hint = f"look again: shipway experiment look {name}; or decide: {name} VARIANT --by NAME --reason TEXT"
            raise ShipwayError("SW-455", f"{plan.ref} is not decided: {why}", hint)
        against = variant is not None and variant != said
        if against and not (by.strip() and reason.strip()):
            hint = "write --by NAME --reason TEXT: both stay beside what the design said"
            raise ShipwayError("SW-455", f"the design does not say {variant}, and no person does", hint)
        body = ExperimentDecided(
            experiment=name,
            number=plan.number,
            variant=variant if variant is not None else said or plan.control,
            outcome=look.outcome if look is not None else "hold",
            by=by.strip() if against else by.strip() or DESIGN,
            reason=reason.strip() or (look.said if look is not None else ""),
            against=against,
            at=workspace.now if at is None else at,
        )
        state = workspace.remember((plan.subject, body))
        write_split(workspace, state)
        workspace.store_state()
        return state.experiments[name][-1]


def stop_experiment(project: Project, name: str, *, by: str = "", reason: str, at: int | None = None) -> Trial:
    """End an experiment without a decision: its places are free.

    Its units meet what was decided by a run before it, or what was there before.

    Args:
        project: whose.
        name: the experiment that runs.
        by: who ends it; whoever runs the process where empty.
        reason: why.
        at: domain time; the project's present where None.

    Raises:
        ShipwayError: SW-104 for an experiment there is not, SW-451 for one that does not run, SW-455 without a reason.
    """
    with closing(Workspace(project)) as workspace, deciding(workspace) as state:
        write_split(workspace, state)
        trial = _running(state, project, name)
        if not reason.strip():
            raise ShipwayError("SW-455", "the reason is empty", "write --because TEXT: it is remembered")
        body = ExperimentStopped(
            experiment=name,
            number=trial.plan.number,
            by=by.strip() or workspace.actor,
            reason=reason.strip(),
            at=workspace.now if at is None else at,
        )
        state = workspace.remember((trial.plan.subject, body))
        write_split(workspace, state)
        workspace.store_state()
        return state.experiments[name][-1]


def _running(state: State, project: Project, name: str) -> Trial:
    """Return the run that goes on, whatever became of its declaration; SW-451 where none does."""
    runs = state.experiments.get(name, [])
    if runs and runs[-1].runs:
        return runs[-1]
    find_experiment(project, name)
    why = f"it was {runs[-1].state}" if runs else "it never began"
    raise ShipwayError("SW-451", f"experiment {name!r} does not run: {why}", f"shipway experiment start {name}")


def _said(plan: TrialPlan, look: Look | None) -> str | None:
    """Return the variant that the design decides for; None where it says nothing yet."""
    if look is None or look.outcome == "hold":
        return None
    return look.variant if look.outcome == "pass" else plan.control


def _plan(workspace: Workspace, experiment: Experiment, at: int, units: int | None) -> ExperimentPlan | None:
    """Return the plan; None where the past cannot be planned with and the number of units is said."""
    try:
        return make_plan(workspace, experiment, at)
    except ShipwayError as error:
        if units is None or error.code not in ("SW-403", "SW-453"):
            raise
        return None


def _refuse_unit(runs: Sequence[Trial], experiment: Experiment) -> None:
    """Refuse another unit than that of a decision, which lies beneath the run that is to begin; SW-454."""
    decided = decided_run(runs)
    if decided is not None and decided.plan.keys != experiment.assigned.keys:
        then, now = " and ".join(decided.plan.keys), " and ".join(experiment.assigned.keys)
        fact = f"{decided.plan.ref} was decided for each {then}, and {experiment.name} would assign each {now}"
        raise ShipwayError("SW-454", fact, "put its unit back, or give the experiment another name")


def _refuse_met(state: State, experiment: Experiment, holdout: int) -> None:
    """Refuse a holdout of which some met what is launched: a run in its layer that held out fewer; SW-454."""
    stands = [run for runs in state.experiments.values() for run in runs if run.runs or run.decided is not None]
    for plan in (run.plan for run in stands if run.plan.layer == experiment.layer_name):
        if not plan.against_holdout and (plan.keys != experiment.assigned.keys or plan.holdout < holdout):
            held, wanted = f"{plan.holdout / PLACES:.1%}", f"{holdout / PLACES:.1%}"
            fact = f"{plan.ref} held out {held} of each {' and '.join(plan.keys)}, and {wanted} are to be compared"
            raise ShipwayError("SW-454", fact, "give the layer the holdout that all of its runs had")


def _register(
    state: State,
    experiment: Experiment,
    at: int,
    units: int | None,
    plan: ExperimentPlan | None,
    versions: VersionSplit | None,
) -> TrialPlan:
    trials = [runs[-1] for runs in state.experiments.values()]
    layer, holdout = experiment.layer_name, round(experiment.holdout * PLACES)
    for trial in trials:
        if (
            trial.runs
            and trial.plan.layer == layer
            and ((trial.plan.holdout, trial.plan.keys) != (holdout, experiment.assigned.keys))
        ):
            fact = f"layer {layer!r} is another than the one that {trial.plan.ref} runs in"
            raise ShipwayError("SW-454", fact, "put its unit and holdout back, or wait for that experiment to end")
    if experiment.against_holdout:
        _refuse_met(state, experiment, holdout)
    taken = [] if experiment.against_holdout else taken_places(trials, layer)
    wanted = round(experiment.share * PLACES)
    places = take_places(taken, wanted)
    if not places:
        free = free_places(taken) / PLACES
        fact = f"layer {layer!r} has {free:.1%} free, and {experiment.name} takes {wanted / PLACES:.1%}"
        runs = ", ".join(trial.plan.ref for trial in trials if trial.runs and trial.plan.layer == layer)
        raise ShipwayError("SW-452", fact, f"take less (share=), or wait for {runs} to end")
    most = units if units is not None else plan.units if plan is not None else 0
    if most < 2 * len(experiment.variants):
        raise ShipwayError("SW-453", f"{most} units find nothing", "write --units with the largest number")
    return TrialPlan(
        experiment=experiment.name,
        number=len(state.experiments.get(experiment.name, [])) + 1,
        definition=experiment.definition,
        keys=experiment.assigned.keys,
        weights=tuple(experiment.variants.items()),
        layer=layer,
        holdout=holdout,
        places=places,
        rules=plan_rules(experiment, plan),
        slices=experiment.slices,
        spending=experiment.design.spending,
        alpha=experiment.design.alpha,
        power=experiment.design.power,
        units=most,
        days=(plan.days or 0) if plan is not None else 0,
        at=at,
        doc=experiment.doc,
        versions=versions,
        slot_us=0 if experiment.switchback is None else experiment.switchback.every_us,
        clustered=experiment.cluster is not None,
        strata=experiment.strata,
        against_holdout=experiment.against_holdout,
    )

"""Who met an experiment, however it assigns: from a table of exposures, from a service's log, or slot by slot."""

import polars as pl

from shipway.app.experiment.answer import assign_answered, first_answers, read_answers
from shipway.app.experiment.slot import assign_slots, find_slots
from shipway.app.experiment.unit import Units, assign_units, find_units, leave_rest, read_exposures
from shipway.app.workspace import Workspace
from shipway.core.experiment import Answers, Experiment
from shipway.core.release import Release
from shipway.core.trial import TrialPlan

_BEGINNING = 0
"""Since ever: a switchback has to know the units that there were before it began."""


def meet_units(workspace: Workspace, experiment: Experiment, plan: TrialPlan, known: int) -> Units:
    """Return the units that met a run until an instant, each once, with their variants.

    Args:
        workspace: the project's state.
        experiment: as it was registered.
        plan: of the run.
        known: domain time up to which everything is known.

    Raises:
        ShipwayError: what reading exposures refuses; SW-605 for a damaged segment of the log.
    """
    timezone = workspace.project.config.project.timezone
    exposed = experiment.exposed
    if isinstance(exposed, Answers):
        assert plan.versions is not None
        release = _release(workspace, exposed.service, plan.versions.release)
        answered = read_answers(workspace, exposed, plan.at, known, release)
        met = assign_answered(answered, experiment, plan.versions, timezone)
        if not exposed.differ:
            return met
        everything = read_answers(workspace, Answers(exposed.service), plan.at, known, release)
        return leave_rest(assign_answered(everything, experiment, plan.versions, timezone), met)
    run, layer = plan.salted, plan.split_layer
    if experiment.switchback is not None:
        exposures = read_exposures(workspace, experiment, exposed, _BEGINNING, known)
        return assign_slots(exposures, experiment, experiment.switchback, run, layer, plan.at, known, timezone)
    exposures = read_exposures(workspace, experiment, exposed, plan.at, known)
    met = assign_units(exposures, experiment, run, layer, timezone)
    if experiment.where is None:
        return met
    everything = read_exposures(workspace, experiment, exposed, plan.at, known, triggered=False)
    return leave_rest(assign_units(everything, experiment, run, layer, timezone), met)


def past_units(workspace: Workspace, experiment: Experiment, since: int, until: int) -> pl.DataFrame:
    """Return the units of a past that play the experiment's, with `_unit`, `_met` and `_day`.

    Args:
        workspace: the project's state.
        experiment: whose.
        since: begin of the past, microseconds since 1970 UTC.
        until: its end.

    Raises:
        ShipwayError: as for `meet_units`.
    """
    timezone = workspace.project.config.project.timezone
    stream = experiment.history or experiment.exposed
    if isinstance(stream, Answers):
        walking = workspace.peek().services[stream.service].walking
        return first_answers(read_answers(workspace, stream, since, until, walking), experiment, timezone)
    if experiment.switchback is not None:
        exposures = read_exposures(workspace, experiment, stream, _BEGINNING, until)
        return find_slots(exposures, experiment, experiment.switchback, since, until, timezone)
    return find_units(read_exposures(workspace, experiment, stream, since, until), experiment, timezone)


def _release(workspace: Workspace, service: str, name: str) -> Release | None:
    releases = workspace.peek().services[service].releases
    return next((release for release in releases if release.id == name), None)

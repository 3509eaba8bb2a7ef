"""`shipway experiment`."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from cyclopts.validators import Number

from shipway.app.experiment.question import (
    assign_unit,
    list_experiments,
    list_layers,
    show_trial,
    tell_walk,
)
from shipway.cli.door import Flag, Given, read_time
from shipway.cli.failure import DONE, HELD, OUTCOMES
from shipway.cli.render import Cell, show_facts
from shipway.cli.trial import show_decided, show_lines, show_plan, show_registered, show_report, show_run

app = App(
    name="experiment",
    help_epilogue="""\
A look spends some of the error that the design allows, and what is spent stays spent

Examples:
  shipway experiment
  shipway experiment plan fares
  shipway experiment start fares
  shipway experiment look fares
  shipway experiment look fares --page fares.html
  shipway experiment decide fares
  shipway experiment decide fares control --by ana --reason "support cannot take the calls\"""",
)
Moment = Annotated[str | None, Parameter(name="--at")]


@app.default
def show_all(*, door: Given) -> None:
    """Show the experiments and where each stands."""
    _list(door)


@app.command(name="list", help="Show the experiments and where each stands")
def show_list(*, door: Given) -> None:
    """Show the experiments and where each stands."""
    _list(door)


@app.command(name="plan", help="Measure on the past what an experiment would take")
def plan(name: str, /, *, at: Moment = None, door: Given) -> int:
    """Measure on the past what an experiment would take.

    Args:
        name: the experiment
        at: when it would begin; the project's present where not given
        door: how to answer
    """
    from shipway.app.experiment.planning import plan_experiment

    project = door.project()
    made = plan_experiment(project, name, read_time(at, "--at", project))
    timezone = project.config.project.timezone
    door.answer(made, lambda console, found: show_plan(console, found, timezone))
    return DONE if made.enough else HELD


@app.command(name="start", help="Register the plan, and begin to assign units")
def start(
    name: str,
    /,
    *,
    at: Moment = None,
    units: Annotated[int | None, Parameter(validator=Number(gte=4))] = None,
    anyway: Flag = False,
    door: Given,
) -> None:
    """Register the plan, and begin to assign units.

    Args:
        name: the experiment
        at: when it begins; the project's present where not given
        units: the largest number of units, in place of what the plan comes to
        anyway: also where it would not find its effect
        door: how to answer
    """
    from shipway.app.experiment.conduct import start_experiment

    project = door.project()
    made = start_experiment(project, name, at=read_time(at, "--at", project), units=units, anyway=anyway)
    timezone = project.config.project.timezone
    door.answer(made, lambda console, trial: show_registered(console, trial, timezone))


@app.command(name="look", help="See what is in so far; this spends some of alpha")
def look(name: str, /, *, at: Moment = None, page: Path | None = None, door: Given) -> int:
    """See what is in so far; this spends some of alpha.

    Args:
        name: the experiment
        at: as of when; the project's present where not given
        page: write a page with charts to this file as well
        door: how to answer
    """
    from shipway.app.experiment.look import look_at

    project = door.project()
    made = look_at(project, name, read_time(at, "--at", project))
    timezone = project.config.project.timezone
    door.answer(made, lambda console, report: show_report(console, report, timezone))
    _write_page(door, name, page)
    return OUTCOMES["hold" if made.look is None else made.look.outcome]


@app.command(name="show", help="Show one run: its plan, its looks and what was decided")
def show(ref: str, /, *, page: Path | None = None, door: Given) -> None:
    """Show one run: its plan, its looks and what was decided.

    Args:
        ref: the experiment for its newest run, or such as fares@1
        page: write a page with charts to this file as well
        door: how to answer
    """
    project = door.project()
    timezone = project.config.project.timezone
    found = show_trial(project, ref)
    walk = tell_walk(project, found)
    door.answer(found, lambda console, trial: show_run(console, trial, timezone, walk))
    _write_page(door, ref, page)


@app.command(name="decide", help="End an experiment by what the design says, or by a person's word")
def decide(
    name: str,
    variant: str | None = None,
    /,
    *,
    by: str = "",
    reason: str = "",
    at: Moment = None,
    door: Given,
) -> None:
    """End an experiment by what the design says, or by a person's word.

    Args:
        name: the experiment
        variant: what everyone meets from now on; what the design says where not given
        by: who decides otherwise than the design, or where it says nothing yet
        reason: why
        at: when; the project's present where not given
        door: how to answer
    """
    from shipway.app.experiment.conduct import decide_experiment

    project = door.project()
    made = decide_experiment(project, name, variant, by=by, reason=reason, at=read_time(at, "--at", project))
    walk = tell_walk(project, made)
    door.answer(made, lambda console, trial: show_decided(console, trial, walk))


@app.command(name="stop", help="End an experiment without a decision")
def stop(
    name: str, /, *, because: Annotated[str, Parameter(required=True)], by: str = "", at: Moment = None, door: Given
) -> None:
    """End an experiment without a decision.

    Args:
        name: the experiment
        because: why, which is remembered with who said so
        by: who says so; whoever runs this where not given
        at: when; the project's present where not given
        door: how to answer
    """
    from shipway.app.experiment.conduct import stop_experiment

    project = door.project()
    made = stop_experiment(project, name, by=by, reason=because, at=read_time(at, "--at", project))
    door.answer(made, show_decided)


@app.command(name="assign", help="Show what a unit meets, and why")
def assign(name: str, unit: str, /, *, at: Moment = None, door: Given) -> None:
    """Show what a unit meets, and why.

    Args:
        name: the experiment
        unit: the unit's key, several values joined with /
        at: when; the project's present where not given, and only a switchback looks at it
        door: how to answer
    """
    project = door.project()
    found = assign_unit(project, name, unit, read_time(at, "--at", project))
    facts: dict[str, Cell] = {"unit": found.unit, "meets": found.variant or "what was there before", "why": found.why}
    door.answer(found, lambda console, _: show_facts(console, facts))


def _write_page(door: Given, ref: str, page: Path | None) -> None:
    if page is not None:
        from shipway.app.report.experiment import write_experiment

        door.note("page", str(write_experiment(door.project(), ref, page)))


def _list(door: Given) -> None:
    project = door.project()
    timezone = project.config.project.timezone
    experiments, layers = list_experiments(project), list_layers(project)
    found: dict[str, object] = {"experiments": experiments, "layers": layers}
    door.answer(found, lambda console, _: show_lines(console, experiments, layers, timezone))

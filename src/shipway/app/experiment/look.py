"""A look at an experiment: what is in so far, what it shows, and what that spends, remembered before it is told.

Everything about a look is one append to the ledger. Killed before it, nobody has seen anything and nothing is spent;
killed after it, the same command answers with the look that is remembered.
"""

import math
from collections.abc import Sequence
from contextlib import closing
from typing import Final

import msgspec
import numpy as np

from shipway.app.experiment.answer import end_of
from shipway.app.experiment.judgement import compare_variants, gains, judge_effects
from shipway.app.experiment.question import find_running, write_split
from shipway.app.experiment.statistic import (
    Statistics,
    gather_statistics,
    load_statistics,
    store_statistics,
)
from shipway.app.project import Project
from shipway.app.release import Remembered, deciding
from shipway.app.workspace import Workspace
from shipway.core.body import EvidenceRecorded, VerdictGiven
from shipway.core.conclusion import choose, give_verdict, say_all_in, say_broken, say_crossed, say_look
from shipway.core.error import ShipwayError
from shipway.core.experiment import FEW_CROSSED, MOST_CROSSED, RATIO_ALPHA, Experiment
from shipway.core.look import Look
from shipway.core.trial import ExperimentLooked, Trial
from shipway.kit.canonical import digest_value
from shipway.maths.imbalance import imbalance_sequential_p
from shipway.validation.look import (
    LEAST_CLUSTERS,
    LEAST_INFORMATION,
    LEAST_UNITS,
)

_FEW: Final = 10.0
"""How few clusters the test of their split is made for (`imbalance_log_e`); it holds whatever their number."""


class LookReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a look came to.

    Attributes:
        trial: the run, this look among its looks if it is remembered.
        look: the look; None where there is too little to look at, so that nothing is spent.
        repeated: whether the look was taken before, so that nothing was spent by asking again.
        said: why there is no look, or why it is an earlier one; empty where there is nothing to say.
        units: variant to the units that met the experiment.
        misassigned: units left out because they met another variant than the one assigned.
        outside: units left out because they were exposed and should not have been.
        crossed: units left out because they met several variants.
        crossing: some of them, by name.
        ruled: units left out because a rule of the service chose their version.
    """

    trial: Trial
    look: Look | None
    repeated: bool
    said: str
    units: dict[str, int]
    misassigned: int
    outside: int
    crossed: int
    crossing: tuple[str, ...]
    ruled: int


def look_at(project: Project, name: str, at: int | None = None) -> LookReport:
    """Look at an experiment that runs.

    Args:
        project: whose.
        name: the experiment.
        at: domain time as of which is looked; the project's present where None.

    Raises:
        ShipwayError: SW-104 for an experiment that is not declared, SW-451 for one that does not run, SW-454 where the
            declaration has changed since it began, SW-456 for a look before the last one, SW-403 for an effect that
            has no size; what reading data refuses.
    """
    with closing(Workspace(project)) as workspace, deciding(workspace) as state:
        experiment, trial = find_running(state, project, name)
        write_split(workspace, state)
        as_of = workspace.now if at is None else at
        last = trial.looks[-1] if trial.looks else None
        if as_of < trial.plan.at or (last is not None and as_of < last.at):
            fact = f"{trial.plan.ref} {'was looked at' if last is not None else 'began'} later than that"
            raise ShipwayError("SW-456", fact, "look as of an instant after it")
        kept = load_statistics(workspace, last.statistics) if last is not None else None
        ended = None if trial.plan.versions is None else end_of(state, trial.plan.versions)
        statistics = gather_statistics(workspace, experiment, trial.plan, as_of, kept, ended)
        return _look(workspace, experiment, trial, statistics, as_of)


def _look(workspace: Workspace, experiment: Experiment, trial: Trial, statistics: Statistics, at: int) -> LookReport:
    last = trial.looks[-1] if trial.looks else None
    digest = digest_value(statistics)
    if last is not None and last.statistics == digest:
        return _report(trial, last, statistics, "nothing is new since that look, so nothing was spent", repeated=True)
    if last is not None and last.final:
        said = f"{say_all_in(last.effects)} were in at that look, and nothing is left to spend"
        return _report(trial, last, statistics, said, repeated=True)
    units = {variant: statistics.units.get(variant, 0) for variant in trial.plan.variants}
    shares = np.array(list(trial.plan.variants.values()))
    # What was assigned is what has the declared shares: units of clusters come as many as live there.
    drawn = statistics.clusters if trial.plan.clustered else units
    p = imbalance_sequential_p(np.array(list(drawn.values())), shares, *((_FEW,) if trial.plan.clustered else ()))
    if p < RATIO_ALPHA:
        said = say_broken(trial.plan, drawn, p)
        return _remember(workspace, trial, statistics, _broken(trial, statistics, digest, units, p, at, said), [])
    if statistics.crossed > max(FEW_CROSSED, MOST_CROSSED * (sum(units.values()) + statistics.crossed)):
        said = say_crossed(statistics.crossed, sum(units.values()), statistics.crossing)
        return _remember(workspace, trial, statistics, _broken(trial, statistics, digest, units, p, at, said), [])
    lag = statistics.say_lag(at, workspace.project.config.project.timezone)
    because = f"; {lag}" if lag else ""
    compared = compare_variants(workspace, experiment, trial, statistics)
    if compared is None:
        least = f"{LEAST_CLUSTERS} clusters" if trial.plan.clustered else f"{LEAST_UNITS} units"
        said = f"too early: fewer than {least} of a variant have had their time{because}"
        return _report(trial, None, statistics, said, repeated=False)
    if min(each.units for each in compared if each.role == "metric") < LEAST_INFORMATION * trial.plan.units:
        least = math.ceil(LEAST_INFORMATION * trial.plan.units)
        said = f"too early: fewer than {least:,} of the {trial.plan.units:,} planned units have had their time{because}"
        return _report(trial, None, statistics, said, repeated=False)
    if last is not None and not any(gains(trial.plan, each) for each in compared):
        said = "no unit has had its time since that look, so nothing was spent"
        return _report(trial, last, statistics, said, repeated=True)
    effects, evidence = judge_effects(trial.plan, compared, digest, len(trial.looks) + 1)
    rules = {rule.check.name: rule for rule in experiment.rules}
    outcome, variant = choose(effects, rules)
    final = trial.plan.spending != "always_valid" and all(each.information >= 1 for each in effects)
    verdict = give_verdict(trial.plan, experiment.gate.asked, effects, rules, outcome)
    look = Look(
        number=len(trial.looks) + 1,
        at=at,
        known=statistics.known,
        statistics=digest,
        units=units,
        ratio_p=p,
        effects=tuple(effects),
        outcome=outcome,
        variant=variant,
        said=say_look(trial.plan, effects, rules, outcome, variant, final=final),
        verdict=digest_value(verdict),
        final=final,
    )
    bodies: list[Remembered] = [(trial.plan.subject, EvidenceRecorded(evidence=each, at=at)) for each in evidence]
    bodies.append((trial.plan.subject, VerdictGiven(verdict=verdict, at=at)))
    return _remember(workspace, trial, statistics, look, bodies)


def _remember(
    workspace: Workspace, trial: Trial, statistics: Statistics, look: Look, bodies: Sequence[Remembered]
) -> LookReport:
    """Keep the statistics, then append all of a look as one step: from then on it is taken."""
    store_statistics(workspace, statistics)
    body = ExperimentLooked(experiment=trial.plan.experiment, number=trial.plan.number, look=look)
    state = workspace.remember(*bodies, (trial.plan.subject, body))
    workspace.store_state()
    return _report(
        state.experiments[trial.plan.experiment][trial.plan.number - 1], look, statistics, "", repeated=False
    )


def _report(trial: Trial, look: Look | None, statistics: Statistics, said: str, *, repeated: bool) -> LookReport:
    return LookReport(
        trial=trial,
        look=look,
        repeated=repeated,
        said=said,
        units={variant: statistics.units.get(variant, 0) for variant in trial.plan.variants},
        misassigned=statistics.misassigned,
        outside=statistics.outside,
        crossed=statistics.crossed,
        crossing=statistics.crossing,
        ruled=statistics.ruled,
    )


def _broken(
    trial: Trial, statistics: Statistics, digest: str, units: dict[str, int], p: float, at: int, said: str
) -> Look:
    return Look(
        number=len(trial.looks) + 1,
        at=at,
        known=statistics.known,
        statistics=digest,
        units=units,
        ratio_p=p,
        effects=(),
        outcome="hold",
        variant="",
        said=said,
        verdict="",
        final=False,
    )

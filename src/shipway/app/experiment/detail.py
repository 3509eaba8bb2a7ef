"""One run of an experiment in full: its days, its slices, and how its evidence grew; nothing of it is spent."""

import math
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Final, TypeAlias

import msgspec
import numpy as np

from shipway.app.experiment.question import find_trial
from shipway.app.experiment.statistic import load_statistics, load_summaries
from shipway.app.project import Project
from shipway.app.workspace import Workspace
from shipway.core.effect import Effect
from shipway.core.error import ShipwayError
from shipway.core.experiment import effect_of
from shipway.core.trial import Trial, TrialPlan
from shipway.maths import effect as formulas
from shipway.maths.multiplicity import benjamini_hochberg
from shipway.maths.stratum import heterogeneity
from shipway.maths.summary import Summary
from shipway.validation.look import (
    LEAST_CLUSTERS,
    LEAST_UNITS,
    as_effect,
    chance_of,
    interval_of,
    measure,
    measure_clusters,
)
from shipway.validation.rare import as_log_ratio, count_events, slice_events

Summaries: TypeAlias = dict[tuple[str, str], Summary]
"""Variant and slice to what its units come to."""
_FALSE: Final = 0.05
"""The share of slices that are marked which may be marked by chance."""
_Z95: Final = 1.959963984540054


class SliceEffect(msgspec.Struct, frozen=True, kw_only=True):
    """An effect in one slice.

    Attributes:
        column: what is sliced by.
        value: the slice.
        n: its units, of the control and the variant.
        estimate: the effect.
        low: lower end of its 95 % interval at this look alone; None where nothing bounds it from below.
        high: upper end; None where nothing bounds it from above.
        marked: whether it differs from 0 with the false discoveries of all slices held at 5 %.
    """

    column: str
    value: str
    n: tuple[int, int]
    estimate: float
    low: float | None
    high: float | None
    marked: bool


class SlicedEffect(msgspec.Struct, frozen=True, kw_only=True):
    """A metric by the slices of one column.

    Attributes:
        name: the metric's.
        variant: which is compared with the control.
        column: what is sliced by.
        differs_p: probability of slices as different as these where the effect is one and the same (Cochran's Q).
        slices: the effects.
    """

    name: str
    variant: str
    column: str
    differs_p: float
    slices: tuple[SliceEffect, ...]


class ExperimentDetail(msgspec.Struct, frozen=True, kw_only=True):
    """One run in full.

    Attributes:
        trial: the run.
        met: day to variant to the units that met the experiment on it, as of the last look.
        sliced: metrics by slices, as of the last look; they decide nothing.
        misassigned: units left out because they met another variant than the one assigned.
        outside: units left out because they were exposed and should not have been.
        lag: which source held the last look back, in words; empty where none did.
        crossed: units left out because they met several variants.
        crossing: some of them, by name.
        ruled: units left out because a rule of the service chose their version.
        clusters: variant to the clusters that met it, where clusters are assigned; None where units are.
    """

    trial: Trial
    met: dict[str, dict[str, int]]
    sliced: tuple[SlicedEffect, ...]
    misassigned: int
    outside: int
    lag: str = ""
    crossed: int = 0
    crossing: tuple[str, ...] = ()
    ruled: int = 0
    clusters: dict[str, int] | None = None


def detail_trial(project: Project, ref: str) -> ExperimentDetail:
    """Return one run in full, as of its last look.

    Args:
        project: whose.
        ref: `experiment@number`, or the experiment for its newest run.

    Raises:
        ShipwayError: SW-104 for an experiment or a run there is not, SW-451 for one that never began, SW-605 if its
            statistics are lost or damaged.
    """
    with closing(Workspace(project)) as workspace:
        trial = find_trial(workspace.peek(), project, ref)
        if not trial.looks:
            return ExperimentDetail(trial=trial, met={}, sliced=(), misassigned=0, outside=0)
        statistics = load_statistics(workspace, trial.looks[-1].statistics)
        experiment = project.registry.experiments.get(trial.plan.experiment)
        same = experiment is not None and experiment.definition == trial.plan.definition
        rules = experiment.rules if experiment is not None and same else ()
        effects = {rule.check.name: effect_of(rule) for rule in rules}

        def summaries(name: str, column: str) -> Summaries:
            return load_summaries(workspace, statistics, name, column, clustered=trial.plan.clustered)

        sliced = _slice_effects(trial, effects, summaries)
    return ExperimentDetail(
        trial=trial,
        met=statistics.met,
        sliced=sliced,
        misassigned=statistics.misassigned,
        outside=statistics.outside,
        lag=statistics.say_lag(trial.looks[-1].at, project.config.project.timezone),
        crossed=statistics.crossed,
        crossing=statistics.crossing,
        ruled=statistics.ruled,
        clusters=statistics.clusters or None,
    )


@dataclass(frozen=True, slots=True)
class _Sliced:
    """An effect in one slice, before all slices say what stands out; `found` is what they are compared by."""

    n: tuple[int, int]
    estimate: float
    low: float | None
    high: float | None
    p: float
    found: formulas.Effect


def _slice_effects(
    trial: Trial, effects: dict[str, Effect], summaries: Callable[[str, str], Summaries]
) -> tuple[SlicedEffect, ...]:
    """Measure every metric in every slice, and mark what differs from 0 over all of them together."""
    control, *treatments = trial.plan.variants
    least = LEAST_CLUSTERS if trial.plan.clustered else LEAST_UNITS
    found: list[tuple[str, str, str, list[tuple[str, _Sliced]]]] = []
    for name, effect in effects.items():
        for column in trial.plan.slices if effect.kind != "quantile" else ():
            merged = summaries(name, column)
            for variant in treatments:
                slices: list[tuple[str, _Sliced]] = []
                for value in sorted({value for _, value in merged}):
                    arms = merged.get((control, value)), merged.get((variant, value))
                    if arms[0] is None or arms[1] is None or min(arms[0].n, arms[1].n) < least:
                        continue
                    each = _measure_slice(trial.plan, name, effect, variant, (arms[0], arms[1]))
                    if each is not None:
                        slices.append((value, each))
                found.append((name, variant, column, slices))
    p = [each.p for *_, slices in found for _, each in slices]
    marks = iter(benjamini_hochberg(np.array(p), _FALSE).tolist() if p else [])
    return tuple(
        SlicedEffect(
            name=name,
            variant=variant,
            column=column,
            differs_p=heterogeneity([each.found for _, each in slices]).p,
            slices=tuple(_mark(column, value, each, marked=next(marks)) for value, each in slices),
        )
        for name, variant, column, slices in found
        if slices
    )


def _measure_slice(
    plan: TrialPlan, name: str, effect: Effect, variant: str, arms: tuple[Summary, Summary]
) -> _Sliced | None:
    """Return an effect in one slice; None where nothing bounds it."""
    if effect.kind == "rare":
        happened = count_events(*arms, plan.share_of(variant))
        if not happened.total:
            return None
        estimate, low, high, p = slice_events(happened)
        return _Sliced(happened.n, estimate, low, high, p, as_log_ratio(happened))
    compare = measure_clusters if plan.clustered else measure
    try:
        measured = compare(name, effect, *arms)
    except ShipwayError:  # a slice in which nothing happened has no effect of any size
        return None
    low, high = interval_of(effect, measured, _Z95)
    if not (math.isfinite(low) and math.isfinite(high)):
        return None
    return _Sliced(measured.n, measured.estimate, low, high, chance_of(measured), as_effect(measured))


def _mark(column: str, value: str, each: _Sliced, *, marked: bool) -> SliceEffect:
    return SliceEffect(
        column=column, value=value, n=each.n, estimate=each.estimate, low=each.low, high=each.high, marked=marked
    )

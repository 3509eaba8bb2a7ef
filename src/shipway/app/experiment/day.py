"""A complete day of a metric: summarised once, and named by what it was made from.

A day is complete when its last unit's time is over and everything of it is known. It is named by what it was made from:
the metric, the day's units, and the rows of the streams that its windows reach. A row that comes late gives its days
other names, and they are summarised again; all others are taken over.
"""

from collections.abc import Mapping, Sequence

import msgspec
import polars as pl

from shipway.app.experiment.fingerprint import (
    columns_read,
    end_of_day,
    fingerprint,
    fingerprint_rows,
    keys_of,
    reaches_of,
    sum_reach,
    write_date,
)
from shipway.app.experiment.unit import CLUSTER, MET, REST, UNIT, Floats, measure_units
from shipway.app.workspace import Workspace
from shipway.core.effect import Effect
from shipway.core.experiment import Experiment
from shipway.core.feature import Event
from shipway.core.trial import TrialPlan
from shipway.kit.canonical import canonical_json, digest_value
from shipway.validation.cluster import ClusterSums, sum_days
from shipway.validation.experiment import DAY, VARIANT, DayGroup, split_days, summarise_days


class Day(msgspec.Struct, frozen=True):
    """One day of one metric: the name of what it was made from, and what its units come to."""

    name: str
    groups: list[DayGroup]


def summarise_complete(
    workspace: Workspace,
    experiment: Experiment,
    plan: TrialPlan,
    effects: Mapping[str, Effect],
    events: Sequence[Event],
    units: pl.DataFrame,
    known: int,
    kept: Mapping[str, Mapping[str, Day]],
) -> dict[str, dict[str, Day]]:
    """Summarise the complete days of each metric, but for those that were summarised before from the same rows.

    Args:
        workspace: the project's state.
        experiment: as it was registered.
        plan: of the run.
        effects: by metric, with the caps that were registered.
        events: the streams that they and the exposures read.
        units: that are measured.
        known: up to when everything is known; days that are not over by then wait.
        kept: metric to the days of an earlier look.

    Returns:
        Metric to its days in order.
    """
    timezone = workspace.project.config.project.timezone
    prints = {
        event.name: fingerprint(workspace, event, keys_of(experiment, event) + columns, timezone)
        for event in events
        if (columns := columns_read(effects.values(), event.name))
    }
    beside = () if experiment.cluster is None else (CLUSTER,)
    own = fingerprint_rows(units.select(UNIT, MET, VARIANT, *experiment.grouped, *beside, DAY), DAY)
    burn_in_us = 0 if experiment.switchback is None else experiment.switchback.burn_in_us
    last = dict(units.group_by(DAY).agg(pl.col(MET).max()).iter_rows())
    found: dict[str, dict[str, Day]] = {name: {} for name in effects}
    fresh: dict[tuple[int, int], list[str]] = {}
    names: dict[tuple[str, int], str] = {}
    for name, effect in effects.items():
        reaches = reaches_of(effect, prints)
        for day in sorted(own):
            over = end_of_day(day, timezone)
            # All slots that begin on a day are known before it is over; other units may still come until then.
            over = max(over, last[day] + effect.width_us) if experiment.switchback else over + effect.width_us
            if over > known:
                continue
            reached = sum_reach(reaches, day, effect.width_us + burn_in_us, timezone)
            made_from = digest_value([effect, experiment.grouped, day, str(own[day]), reached])
            before = kept.get(name, {}).get(write_date(day))
            if before is not None and before.name == made_from:
                found[name][write_date(day)] = before
            else:
                names[name, day] = made_from
                fresh.setdefault((effect.width_us, day), []).append(name)
    for width in dict.fromkeys(width for width, _ in fresh):
        _summarise_fresh(workspace, experiment, plan, effects, units, width, fresh, names, found)
    return {name: dict(sorted(days.items())) for name, days in found.items()}


def _summarise_fresh(
    workspace: Workspace,
    experiment: Experiment,
    plan: TrialPlan,
    effects: Mapping[str, Effect],
    units: pl.DataFrame,
    width: int,
    fresh: Mapping[tuple[int, int], Sequence[str]],
    names: Mapping[tuple[str, int], str],
    found: dict[str, dict[str, Day]],
) -> None:
    """Measure the units of all new days of one width at once, and summarise each day."""
    days = {day: several for (each, day), several in fresh.items() if each == width}
    wanted = list(dict.fromkeys(name for several in days.values() for name in several))
    rows = units.filter(pl.col(DAY).is_in(list(days)))
    measured = measure_units(workspace, experiment, rows, [effects[name] for name in wanted])
    for name, values in zip(wanted, measured, strict=True):
        mine = rows[DAY].is_in([day for day, several in days.items() if name in several])
        kept, columns = rows.filter(mine), experiment.grouped
        summarised = _summarise(workspace, plan, columns, effects[name], kept, values[mine.to_numpy()])
        found[name] |= {write_date(day): Day(names[name, day], groups) for day, groups in summarised.items()}


def _summarise(
    workspace: Workspace, plan: TrialPlan, columns: Sequence[str], effect: Effect, units: pl.DataFrame, values: Floats
) -> dict[int, list[DayGroup]]:
    """Return what the units of each day come to; the values of a quantile are kept, for nothing smaller tells it."""
    variants = list(plan.variants)
    if CLUSTER in units.columns:
        return {
            day: [_store_sums(workspace, each) for each in several]
            for day, several in sum_days(units, units[CLUSTER].to_list(), values, variants, columns).items()
        }
    rest = units[VARIANT] == REST
    if effect.kind != "quantile":
        groups = [*variants, REST] if rest.any() else variants
        return summarise_days(units, values, groups, columns)
    units, values = units.filter(~rest), values[~rest.to_numpy()]
    return {
        day: [
            DayGroup(variant, "", "", each.size, [], [], workspace.blobs.put(each.tobytes()))
            for variant, each in by_variant.items()
        ]
        for day, by_variant in split_days(units, values[:, 0], variants).items()
    }


def _store_sums(workspace: Workspace, each: ClusterSums) -> DayGroup:
    """Keep what a day's clusters come to: a cluster goes on for many days, so its sums are put together at a look."""
    kept = workspace.blobs.put(canonical_json([each.names, each.sums.tolist()]))
    return DayGroup(each.variant, each.column, each.value, each.n, [], [], kept)

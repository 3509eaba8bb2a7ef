"""The statistics that a look rests on: a document of days, each kept as long as what it was made from is the same.

A day of a metric is complete when its last unit's time is over and everything of it is known. It is named by what it
was made from: the metric, the day's units, and the rows of the streams that its windows reach. A row that comes late
gives its days other names, and they are summarised again; all others are taken over.
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import polars as pl

from shipway.app.experiment.unit import (
    MET,
    UNIT,
    Floats,
    Units,
    assign_units,
    day_of,
    measure_units,
    read_exposures,
    streams_of_effects,
)
from shipway.app.workspace import Workspace
from shipway.core.effect import Effect
from shipway.core.experiment import Experiment, effect_of
from shipway.core.feature import ALWAYS, Event, Source, windows_of
from shipway.core.trial import TrialPlan
from shipway.data.known import instants_of
from shipway.data.stream import NEVER
from shipway.kit.canonical import canonical_json, digest_value
from shipway.kit.duration import DAY as DAY_US
from shipway.kit.duration import SECOND
from shipway.maths.expression import Aggregate, Column, walk
from shipway.validation.experiment import DAY, VARIANT, DayGroup, split_days, summarise_days

_ROWS: Final = "_rows"
_WRAP: Final = 1 << 64
_EPOCH: Final = dt.date(1970, 1, 1)


class Day(msgspec.Struct, frozen=True):
    """One day of one metric: the name of what it was made from, and what its units come to."""

    name: str
    groups: list[DayGroup]


class Statistics(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything a look rests on.

    Attributes:
        tables: source to the digest of its rows.
        newest: up to when the data tells of everything that happened, microseconds since 1970 UTC.
        known: up to when everything was known that was looked at: `newest`, or the instant of the look before it.
        met: day, such as `2024-03-01`, to variant to the units that met the experiment on it.
        misassigned: units left out because their exposures name another variant, or several.
        outside: units left out because they were exposed and should not have been.
        days: metric to the days that are complete.
        slowest: the source that tells of the least, up to `newest`; empty in statistics of an older shipway.
    """

    tables: dict[str, str]
    newest: int
    known: int
    met: dict[str, dict[str, int]]
    misassigned: int
    outside: int
    days: dict[str, dict[str, Day]]
    slowest: str = ""

    def say_lag(self, at: int, timezone: str) -> str:
        """Name the source that is a day or more behind an instant, since days wait for it; empty where none is."""
        if not self.slowest or at - self.newest < DAY_US:
            return ""
        if not self.newest:
            return f"{self.slowest} tells of nothing yet, so no day is complete"
        day = _date(_day_at(self.newest, timezone))
        return f"{self.slowest} tells of nothing after {day}: only days that were over by then are complete"

    @property
    def units(self) -> dict[str, int]:
        """Return variant to the units that met the experiment."""
        found: dict[str, int] = {}
        for counts in self.met.values():
            for variant, n in counts.items():
                found[variant] = found.get(variant, 0) + n
        return found

    def groups(self, metric: str) -> Iterable[list[DayGroup]]:
        """Return what the complete days of a metric come to."""
        return (day.groups for day in self.days.get(metric, {}).values())


@dataclass(frozen=True, slots=True)
class _Reach:
    """A stream that a metric reads: its days' fingerprints, and how far before a unit's exposure its windows reach.

    `before_us` is None for a window without an end, which reaches every day before.
    """

    prints: Mapping[int, int]
    before_us: int | None


def gather_statistics(
    workspace: Workspace, experiment: Experiment, plan: TrialPlan, at: int, kept: Statistics | None
) -> Statistics:
    """Return the statistics of a run as of an instant.

    Args:
        workspace: the project's state.
        experiment: as it was registered.
        plan: of the run.
        at: domain time; nothing that became known later is read.
        kept: the statistics of an earlier look, whose days are taken over where nothing of them changed.

    Raises:
        ShipwayError: SW-401 if no data was admitted; what reading exposures and building frames refuses.
    """
    effects = capped_effects(experiment, plan)
    events = _streams(experiment, effects.values(), workspace.project.registry.sources)
    snapshots = workspace.admitted(dict.fromkeys(event.source.name for event in events))
    tables = {name: snapshot.digest for name, snapshot in snapshots.items()}
    outcome = streams_of_effects(experiment, effects.values(), workspace.project.registry.sources)
    watched = {event.source.name: event.source for event in (experiment.exposed, *outcome)}
    if kept is not None and kept.tables == tables and kept.known == min(at, kept.newest):
        return kept
    newest, slowest = min((_newest(workspace, source), name) for name, source in watched.items())
    known = min(at, newest)
    exposures = read_exposures(workspace, experiment, experiment.exposed, plan.at, known)
    timezone = workspace.project.config.project.timezone
    units = assign_units(exposures, experiment, plan.salted, plan.split_layer, timezone)
    return Statistics(
        tables=tables,
        newest=newest,
        known=known,
        met=_count(units, plan),
        misassigned=units.misassigned,
        outside=units.outside,
        days=_summarise_days(workspace, experiment, plan, effects, units.rows, known, kept),
        slowest=slowest,
    )


def capped_effects(experiment: Experiment, plan: TrialPlan) -> dict[str, Effect]:
    """Return the effects of an experiment by metric, with the caps that were registered."""
    caps = {rule.name: rule.cap for rule in plan.rules}
    return {
        rule.check.name: msgspec.structs.replace(effect_of(rule), cap=caps[rule.check.name])
        for rule in experiment.rules
    }


def load_values(workspace: Workspace, statistics: Statistics, metric: str) -> dict[str, Floats]:
    """Return variant to the values of its units, of a metric that is a quantile; SW-605 if they are lost or damaged."""
    parts: dict[str, list[Floats]] = {}
    for day in statistics.groups(metric):
        for group in day:
            parts.setdefault(group.variant, []).append(np.frombuffer(workspace.blobs.get(group.values)))
    return {variant: np.concatenate(several) for variant, several in parts.items()}


def store_statistics(workspace: Workspace, statistics: Statistics) -> str:
    """Keep statistics as a blob and return its digest."""
    return workspace.blobs.put(canonical_json(statistics))


def load_statistics(workspace: Workspace, digest: str) -> Statistics:
    """Return kept statistics; SW-605 if they are lost or damaged."""
    return msgspec.json.decode(workspace.blobs.get(digest), type=Statistics)


def _streams(experiment: Experiment, effects: Iterable[Effect], sources: Mapping[str, Source]) -> list[Event]:
    """Return the exposures' stream and those that metrics and covariates read."""
    found = {experiment.exposed.name: experiment.exposed}
    for effect in effects:
        for expr in (effect.value, effect.over, *effect.covariates):
            if expr is not None:
                for _, node in windows_of(expr, experiment.unit):
                    source, _, instant = node.stream.partition(".")
                    found[node.stream] = sources[source].event(instant)
    return list(found.values())


def _newest(workspace: Workspace, source: Source) -> int:
    """Return the newest instant of a source, up to which everything of it is known; 0 for one without rows."""
    instants = [instant for instant in source.known_at if instant != ALWAYS]
    rows = workspace.tables.read(workspace.admitted([source.name])[source.name], instants)
    known = [instants_of(source, instant, rows) for instant in instants]
    return max((int(each[each != NEVER].max(initial=0)) for each in known), default=0)


def _count(units: Units, plan: TrialPlan) -> dict[str, dict[str, int]]:
    counts = units.rows.group_by(DAY, VARIANT).len().sort(DAY, VARIANT)
    found: dict[str, dict[str, int]] = {}
    for day, variant, n in counts.iter_rows():
        found.setdefault(_date(day), dict.fromkeys(plan.variants, 0))[variant] = n
    return found


def _summarise_days(
    workspace: Workspace,
    experiment: Experiment,
    plan: TrialPlan,
    effects: Mapping[str, Effect],
    units: pl.DataFrame,
    known: int,
    kept: Statistics | None,
) -> dict[str, dict[str, Day]]:
    """Summarise the complete days of each metric, but for those that were summarised before from the same rows."""
    sources = workspace.project.registry.sources
    timezone = workspace.project.config.project.timezone
    prints = {
        event.name: _fingerprint(workspace, event, _keys_of(experiment, event) + columns, timezone)
        for event in _streams(experiment, effects.values(), sources)
        if (columns := _columns_read(effects.values(), event.name))
    }
    own = _fingerprint_rows(units.select(UNIT, MET, VARIANT, *experiment.slices, DAY), DAY)
    ends = {day: _end_of(day, timezone) for day in own}
    found: dict[str, dict[str, Day]] = {name: {} for name in effects}
    fresh: dict[tuple[int, int], list[str]] = {}
    names: dict[tuple[str, int], str] = {}
    for name, effect in effects.items():
        reaches = _reaches(effect, prints)
        for day in sorted(own):
            if ends[day] + effect.width_us > known:
                continue
            made_from = digest_value(
                [effect, experiment.slices, day, str(own[day]), _sum_reach(reaches, day, effect, timezone)]
            )
            before = kept.days.get(name, {}).get(_date(day)) if kept is not None else None
            if before is not None and before.name == made_from:
                found[name][_date(day)] = before
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
        summarised = _summarise(workspace, plan, effects[name], rows.filter(mine), values[mine.to_numpy()])
        found[name] |= {_date(day): Day(names[name, day], groups) for day, groups in summarised.items()}


def _summarise(
    workspace: Workspace, plan: TrialPlan, effect: Effect, units: pl.DataFrame, values: Floats
) -> dict[int, list[DayGroup]]:
    """Return what the units of each day come to; the values of a quantile are kept, for nothing smaller tells it."""
    variants = list(plan.variants)
    if effect.kind != "quantile":
        return summarise_days(units, values, variants, plan.slices)
    return {
        day: [
            DayGroup(variant, "", "", each.size, [], [], workspace.blobs.put(each.tobytes()))
            for variant, each in by_variant.items()
        ]
        for day, by_variant in split_days(units, values[:, 0], variants).items()
    }


def _columns_read(effects: Iterable[Effect], stream: str) -> list[str]:
    """Return the columns that effects read of a stream, beside its keys and instant; [""] for one only counted."""
    parts = [expr for each in effects for expr in (each.value, each.over, *each.covariates) if expr is not None]
    nodes = [node for expr in parts for _, node in windows_of(expr, None) if node.stream == stream]
    inner = [expr for node in nodes for expr in (node.value, node.where) if expr is not None]
    names = [leaf.name for expr in inner for leaf in walk(expr) if isinstance(leaf, Column)]
    return ["", *dict.fromkeys(names)] if nodes else []


def _keys_of(experiment: Experiment, event: Event) -> list[str]:
    """Return the unit's keys that a stream has: a row that is another unit's from now on is another row."""
    return [key for key in experiment.unit.keys if key in event.source.columns]


def _reaches(effect: Effect, prints: Mapping[str, Mapping[int, int]]) -> list[_Reach]:
    """Return the streams of a metric, each with how far its covariates look back."""
    back: dict[str, int | None] = {}
    for expr in (effect.value, effect.over):
        for _, node in windows_of(expr, None) if expr is not None else ():
            back.setdefault(node.stream, 0)
    for feature in effect.covariates:
        for _, node in windows_of(feature, None):
            back[node.stream] = _longer(back.get(node.stream, 0), _look_back(node))
    return [_Reach(prints[stream], before) for stream, before in back.items()]


def _look_back(node: Aggregate) -> int | None:
    """Return how far a window looks back; None where nothing bounds it."""
    return None if node.kind in ("decayed", "around") else node.width_us


def _longer(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else max(one, other)


def _sum_reach(reaches: Sequence[_Reach], day: int, effect: Effect, timezone: str) -> list[str]:
    """Return a fingerprint of all rows of each stream that the windows of a day's units can reach."""
    last = _day_at(_end_of(day, timezone) + effect.width_us - 1, timezone)
    found: list[str] = []
    for reach in reaches:
        first = None
        if reach.before_us is not None:
            first = _day_at(_end_of(day - 1, timezone) - reach.before_us, timezone)
        total = sum(n for at, n in reach.prints.items() if at <= last and (first is None or at >= first)) % _WRAP
        found.append(str(total))
    return found


def _fingerprint(workspace: Workspace, event: Event, columns: Sequence[str], timezone: str) -> dict[int, int]:
    """Return day to a fingerprint of a stream's rows that became known on it, by the columns that are read."""
    source = event.source
    read = list(dict.fromkeys([*source.key, event.known_at, *(each for each in columns if each)]))
    rows = workspace.tables.read(workspace.admitted([source.name])[source.name], read)
    met = instants_of(source, event.known_at, rows)
    dated = rows.with_columns(pl.Series(MET, met)).filter(pl.col(MET) != NEVER)
    return _fingerprint_rows(dated.with_columns(day_of(MET, timezone).alias(DAY)), DAY)


def _fingerprint_rows(rows: pl.DataFrame, day: str) -> dict[int, int]:
    """Return day to the sum of the hashes of its rows, whatever their order."""
    hashed = pl.DataFrame({DAY: rows[day], _ROWS: rows.hash_rows(seed=7)})
    return {at: int(total) for at, total in hashed.group_by(DAY).agg(pl.col(_ROWS).sum()).iter_rows()}


def _end_of(day: int, timezone: str) -> int:
    """Return the instant at which a local day ends."""
    end = dt.datetime.combine(_EPOCH + dt.timedelta(days=day + 1), dt.time(), ZoneInfo(timezone))
    return round(end.timestamp()) * SECOND


def _date(day: int) -> str:
    """Return a day as people write it."""
    return (_EPOCH + dt.timedelta(days=day)).isoformat()


def _day_at(us: int, timezone: str) -> int:
    """Return the local day of an instant as days since 1970."""
    return (dt.datetime.fromtimestamp(us // SECOND, ZoneInfo(timezone)).date() - _EPOCH).days

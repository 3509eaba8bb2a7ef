"""The statistics that a look rests on: who met the experiment, and a document of the days that are complete."""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
import numpy as np
import polars as pl

from shipway.app.experiment.answer import newest_answer
from shipway.app.experiment.day import Day, summarise_complete
from shipway.app.experiment.fingerprint import (
    day_at,
    write_date,
)
from shipway.app.experiment.meeting import meet_units
from shipway.app.experiment.unit import (
    CLUSTER,
    Floats,
    Units,
    streams_of_effects,
)
from shipway.app.workspace import Workspace
from shipway.core.effect import Effect
from shipway.core.experiment import Answers, Experiment, effect_of
from shipway.core.feature import ALWAYS, Event, Source, windows_of
from shipway.core.trial import TrialPlan
from shipway.data.known import instants_of
from shipway.data.stream import NEVER
from shipway.kit.canonical import canonical_json
from shipway.kit.duration import DAY as DAY_US
from shipway.maths.summary import Summary
from shipway.validation.cluster import ClusterSums, merge_clusters
from shipway.validation.experiment import DAY, VARIANT, DayGroup, merge_days

_Sums = tuple[list[str], list[list[float]]]
"""Clusters and the sums of each, as they are kept."""
_NAMED: Final = 20
"""Units that met several variants of which the names are kept."""


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
        crossed: units left out because they met several variants.
        crossing: some of them, by name.
        ruled: units left out because a rule of the service chose their version, never its split.
        ended: from when on the service was split in another way, which is not looked at; 0 while it is as it was.
        clusters: variant to the clusters that met it, where clusters are assigned.
    """

    tables: dict[str, str]
    newest: int
    known: int
    met: dict[str, dict[str, int]]
    misassigned: int
    outside: int
    days: dict[str, dict[str, Day]]
    slowest: str = ""
    crossed: int = 0
    crossing: tuple[str, ...] = ()
    ruled: int = 0
    ended: int = 0
    clusters: dict[str, int] = {}

    def say_lag(self, at: int, timezone: str) -> str:
        """Name the source that is a day or more behind an instant, since days wait for it; empty where none is.

        A source whose rows are rare is behind although nothing happened: only a row says that a day of it is over.
        """
        if self.ended and at >= self.ended:
            day = write_date(day_at(self.ended, timezone))
            return f"the service is split in another way since {day}: only what was over by then is looked at"
        if not self.slowest or at - self.newest < DAY_US:
            return ""
        if not self.newest:
            return f"{self.slowest} tells of nothing yet, so no day is complete until it has a row"
        day = write_date(day_at(self.newest, timezone))
        over = "only days that were over by then are complete until it has a later row"
        return f"{self.slowest} tells of nothing after {day}: {over}"

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


def gather_statistics(
    workspace: Workspace,
    experiment: Experiment,
    plan: TrialPlan,
    at: int,
    kept: Statistics | None,
    ended: int | None = None,
) -> Statistics:
    """Return the statistics of a run as of an instant.

    Args:
        workspace: the project's state.
        experiment: as it was registered.
        plan: of the run.
        at: domain time; nothing that became known later is read.
        kept: the statistics of an earlier look, whose days are taken over where nothing of them changed.
        ended: from when on the service that assigns was split in another way; None where it is as it was, or none does.

    Raises:
        ShipwayError: SW-401 if no data was admitted; what reading exposures and building frames refuses.
    """
    effects = capped_effects(experiment, plan)
    events = _streams(experiment, effects.values(), workspace.project.registry.sources)
    snapshots = workspace.admitted(dict.fromkeys(event.source.name for event in events))
    tables = {name: snapshot.digest for name, snapshot in snapshots.items()}
    outcome = streams_of_effects(experiment, effects.values(), workspace.project.registry.sources)
    exposed = [] if isinstance(experiment.exposed, Answers) else [experiment.exposed]
    watched = {event.source.name: event.source for event in (*exposed, *outcome)}
    # A log grows without becoming another table, so what it tells is read each time.
    if kept is not None and exposed and kept.tables == tables and kept.known == min(at, kept.newest):
        return kept
    tells = [(_newest(workspace, source), name) for name, source in watched.items()]
    if isinstance(experiment.exposed, Answers):
        tells.append((newest_answer(workspace, experiment.exposed, plan.at, at), experiment.exposed.name))
    newest, slowest = min(tells)
    known = min(at, newest) if ended is None else min(at, newest, ended)
    units, before = meet_units(workspace, experiment, plan, known), {} if kept is None else kept.days
    return Statistics(
        tables=tables,
        newest=newest,
        known=known,
        met=_count(units, plan),
        misassigned=units.misassigned,
        outside=units.outside,
        days=summarise_complete(workspace, experiment, plan, effects, events, units.counted, known, before),
        slowest=slowest,
        crossed=len(units.crossed),
        crossing=units.crossed[:_NAMED],
        ruled=units.ruled,
        ended=0 if ended is None else ended,
        clusters=_count_clusters(units, plan),
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


def load_summaries(
    workspace: Workspace, statistics: Statistics, metric: str, column: str = "", *, clustered: bool = False
) -> dict[tuple[str, str], Summary]:
    """Return variant and slice to what its units come to, or its clusters where those are what was assigned.

    Args:
        workspace: where sums of clusters are kept.
        statistics: of a look.
        metric: a mean, a ratio or a rare event.
        column: the column to be sliced by; empty for all units, whose slice is empty too.
        clustered: whether clusters were assigned.

    Raises:
        ShipwayError: SW-605 if what is kept is lost or damaged.
    """
    if not clustered:
        return merge_days(statistics.groups(metric), column=column)
    parts: dict[tuple[str, str], list[ClusterSums]] = {}
    for day in statistics.groups(metric):
        for each in day:
            if each.column == column:
                names, sums = msgspec.json.decode(workspace.blobs.get(each.values), type=_Sums)
                found = ClusterSums(each.variant, column, each.value, each.n, names, np.array(sums))
                parts.setdefault((each.variant, each.value), []).append(found)
    return {key: merge_clusters(several) for key, several in parts.items()}


def store_statistics(workspace: Workspace, statistics: Statistics) -> str:
    """Keep statistics as a blob and return its digest."""
    return workspace.blobs.put(canonical_json(statistics))


def load_statistics(workspace: Workspace, digest: str) -> Statistics:
    """Return kept statistics; SW-605 if they are lost or damaged."""
    return msgspec.json.decode(workspace.blobs.get(digest), type=Statistics)


def _streams(experiment: Experiment, effects: Iterable[Effect], sources: Mapping[str, Source]) -> list[Event]:
    """Return the exposures' stream and those that metrics and covariates read."""
    exposed = experiment.exposed
    found = {} if isinstance(exposed, Answers) else {exposed.name: exposed}
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
        found.setdefault(write_date(day), dict.fromkeys(plan.variants, 0))[variant] = n
    return found


def _count_clusters(units: Units, plan: TrialPlan) -> dict[str, int]:
    """Return variant to the clusters that met it; empty where units are assigned one by one."""
    if not plan.clustered:
        return {}
    counts = dict(units.rows.group_by(VARIANT).agg(pl.col(CLUSTER).n_unique()).iter_rows())
    return {variant: int(counts.get(variant, 0)) for variant in plan.variants}

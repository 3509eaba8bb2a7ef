"""Hypotheses about single events: which one was not applied, or was applied twice, and which came too late to be.

An entity of a row that differs is copied for each hypothesis, with its own events, of which one is left out or doubled,
or the newest are left out. All copies are entities of one frame, so that a thousand hypotheses are one computation.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shipway.app.skew.trial import LAGS, Suspect
from shipway.core.error import ShipwayError
from shipway.core.feature import ALWAYS, Event, features_of, flatten
from shipway.data.recomputation import TRIAL, Recomputation, as_trials, recompute
from shipway.kit.duration import format_duration
from shipway.maths.expression import Aggregate, walk
from shipway.monitoring.cause import Kind, Trial

ROWS: Final = 40
"""Rows that hypotheses about events are tested on, where their events are few enough."""
EVENTS: Final = 100
"""Newest events of a row and stream, each of which may be the one."""
BUDGET: Final = 1_000_000
"""Events in all copies; rows beyond are not tested."""
_Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Own:
    """The events of a stream that rows may have read: by row, then newest first.

    Attributes:
        events: the source's rows.
        known: when each became known, microseconds since 1970 UTC.
        places: the row that may have read it.
    """

    events: pl.DataFrame
    known: _Ints
    places: _Ints

    def of(self, place: int) -> tuple[int, int]:
        """Return where a row's events begin and end."""
        low, high = np.searchsorted(self.places, [place, place + 1])
        return int(low), int(high)


@dataclass(slots=True)
class _Copies:
    """Copies of entities: which events of each stream each has, and which row and hypothesis it stands for."""

    rows: dict[str, list[_Ints]] = field(default_factory=lambda: defaultdict[str, list[_Ints]](list))
    variants: list[tuple[int, Kind, int, str]] = field(default_factory=list[tuple[int, Kind, int, str]])
    size: int = 0

    def add(self, place: int, kind: Kind, number: int, said: str, events: Mapping[str, _Ints]) -> None:
        """Keep a copy."""
        for name, chosen in events.items():
            self.rows[name].append(chosen)
            self.size += len(chosen)
        self.variants.append((place, kind, number, said))

    def table(self, name: str, own: _Own) -> pl.DataFrame:
        """Return the events of all copies of a stream, with the copy that each belongs to."""
        chosen = self.rows[name]
        trials = np.repeat(np.arange(len(chosen), dtype=np.int64), [len(each) for each in chosen])
        return own.events[np.concatenate(chosen)].with_columns(pl.Series(TRIAL, trials))


def try_events(work: Recomputation, suspect: Suspect) -> Iterator[Trial]:
    """Yield what a feature would be without any events, without the newest, without one, and with one applied twice.

    Args:
        work: what recomputing needs.
        suspect: the feature, and the rows in which it differs.
    """
    streams = work.streams_of((suspect.view,))
    if features_of(suspect.expr):
        return  # its windows may be of several entities, and those that it reads are compared by themselves
    if suspect.view.entity is None or not streams or any(each.known_at == ALWAYS for each in streams.values()):
        return
    places = np.arange(min(suspect.spine.height, ROWS), dtype=np.int64)
    own = {name: _find_events(work, suspect, event, places) for name, event in streams.items()}
    copies = _copy(streams, own, suspect.spine["at"].to_numpy()[places])
    if not copies.variants:
        return
    chosen = [place for place, *_ in copies.variants]
    spine = suspect.spine[chosen].with_columns(pl.Series(TRIAL, np.arange(len(chosen), dtype=np.int64)))
    tables: dict[str, list[pl.DataFrame]] = defaultdict(list)
    for name, event in streams.items():
        tables[event.source.name].append(_only(copies.table(name, own[name]), event, streams))
    joined = {name: pl.concat(parts) for name, parts in tables.items()}
    try:
        found = recompute(work, spine, views=(as_trials(suspect.view),), tables={**work.tables, **joined})
    except ShipwayError:
        return
    yield from _collect(copies, found[flatten(suspect.view.name, next(iter(suspect.view.features)))])


def _find_events(work: Recomputation, suspect: Suspect, event: Event, places: _Ints) -> _Own:
    """Return the events of a stream that each row may have read."""
    assert suspect.view.entity is not None
    keys = list(suspect.view.entity.keys)
    nodes = [node for expr in suspect.view.features.values() for node in walk(expr) if isinstance(node, Aggregate)]
    widths = [None if node.kind == "decayed" else node.width_us for node in nodes]
    widest = None if None in widths else max((width or 0 for width in widths), default=0)
    known = pl.col(event.known_at).dt.cast_time_unit("us").to_physical()
    table = work.tables[event.source.name].drop_nulls(event.known_at)
    asked = suspect.spine[places].select(pl.col("at").alias("_at"), *keys).with_columns(pl.Series("_place", places))
    both = asked.join(table, on=keys, how="inner") if keys else asked.join(table, how="cross")
    since = pl.lit(value=True) if widest is None else known > pl.col("_at") - widest
    both = both.filter(known <= pl.col("_at"), since).sort(
        "_place", known, *event.source.key, descending=[False, *([True] * (1 + len(event.source.key)))]
    )
    instants = both.select(known.alias("it"))["it"].to_numpy().astype(np.int64)
    return _Own(both.drop("_at", "_place"), instants, both["_place"].to_numpy().astype(np.int64))


def _copy(streams: Mapping[str, Event], own: Mapping[str, _Own], asked: _Ints) -> _Copies:
    copies = _Copies()
    for place, at in enumerate(asked.tolist()):
        spans = {name: each.of(place) for name, each in own.items()}
        mine = {name: np.arange(low, high, dtype=np.int64) for name, (low, high) in spans.items()}
        count = sum(len(each) for each in mine.values())
        variants = 1 + len(LAGS) + 2 * sum(min(len(each), EVENTS) for each in mine.values())
        if copies.size + count * variants > BUDGET:
            break
        copies.add(place, "not materialised", 0, "", {name: each[:0] for name, each in mine.items()})
        for lag in LAGS:
            kept = {name: each[own[name].known[each] <= at - lag] for name, each in mine.items()}
            copies.add(place, "not applied", lag, "", kept)
        for name, each in mine.items():
            key = own[name].events.select(streams[name].source.key)
            for number in range(min(len(each), EVENTS)):
                said = f"event {'/'.join(str(value) for value in key.row(int(each[number])))} of {name}"
                copies.add(
                    place, "event missing", 0, f"{said} was not applied", {**mine, name: np.delete(each, number)}
                )
                twice = np.insert(each, number, each[number])
                copies.add(place, "event twice", 0, f"{said} was applied twice", {**mine, name: twice})
    return copies


def _only(events: pl.DataFrame, event: Event, streams: Mapping[str, Event]) -> pl.DataFrame:
    """Return events that happen in one stream alone: what others of their source read is copied by itself."""
    others = {
        each.known_at for each in streams.values() if each.source.name == event.source.name and each.name != event.name
    }
    return events.with_columns(pl.lit(None).cast(events.schema[name]).alias(name) for name in sorted(others))


def _collect(copies: _Copies, values: pl.Series) -> Iterator[Trial]:
    """Yield trials of hypotheses that are the same for all rows, and of those that name an event of each."""
    tested = len({place for place, *_ in copies.variants})
    grouped: dict[tuple[Kind, int], list[int]] = defaultdict(list)
    for trial, (_, kind, number, _) in enumerate(copies.variants):
        grouped[kind, number].append(trial)
    for (kind, number), trials in grouped.items():
        said = "the entity has no events in the online store"
        if kind == "not applied":
            said = f"events of the last {format_duration(number)} were not applied yet"
        about = tuple(copies.variants[trial][3] for trial in trials) if kind in ("event missing", "event twice") else ()
        places = np.array([copies.variants[trial][0] for trial in trials], dtype=np.int64)
        yield Trial(kind, said, places, values.gather(trials), about, tested)

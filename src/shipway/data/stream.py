"""Streams as a frame reads them: sorted once for each entity, with running sums that all windows share."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shipway.core.column import refuse_aggregate
from shipway.core.error import ShipwayError
from shipway.core.feature import ALWAYS, Entity, Event, Expr
from shipway.core.online import RESOLUTION, SCALE
from shipway.data.asof import find_newest
from shipway.data.column import evaluate_row, fill_invalid, normalise_column
from shipway.data.key import Codes, Entities, rank_ties
from shipway.data.known import instants_of
from shipway.data.plan import Plan, require
from shipway.maths import window
from shipway.maths.expression import render
from shipway.maths.fixed import quantise
from shipway.maths.instant import Instants, sort_instants
from shipway.maths.vector import Vector, kind_of_values

Ints: TypeAlias = NDArray[np.int64]
Bools: TypeAlias = NDArray[np.bool_]
Pair: TypeAlias = tuple[str, tuple[str, ...]]
"""A source with the keys of an entity."""
Place: TypeAlias = tuple[str, tuple[str, ...], Expr | None]
"""A stream with the keys of an entity, and the condition that its events are chosen by."""

NEVER = np.iinfo(np.int64).max
"""The instant of what never happens."""

FINEST = 1e-3
"""A column whose values are all below this would be left with less than three digits, and is not summed."""


@dataclass(slots=True)
class Streams:
    """What columns of one frame share: codes by entity, sorted streams, running sums and searched edges.

    Attributes:
        plan: the frame's plan.
        tables: the sources' rows by name.
        whole: whether those are all rows there are.
        spine: the n rows asked about: all of the spine, or some.
        at: int64[n], when each of them is asked about, microseconds since 1970 UTC.
    """

    plan: Plan
    tables: Mapping[str, pl.DataFrame]
    whole: bool = True
    spine: pl.DataFrame = field(init=False)
    at: Ints = field(init=False)
    _asked: Instants = field(init=False)
    _entities: Entities = field(init=False)
    _own: dict[str, pl.Series] = field(default_factory=dict[str, pl.Series])
    _columns: dict[tuple[str, str], pl.Series] = field(default_factory=dict[tuple[str, str], pl.Series])
    _late: dict[str, Bools | None] = field(default_factory=dict[str, Bools | None])
    _known: dict[str, Instants] = field(default_factory=dict[str, Instants])
    _codes: dict[Pair, tuple[Codes, Codes]] = field(default_factory=dict[Pair, tuple[Codes, Codes]])
    _queries: dict[tuple[str, ...], window.Queries] = field(default_factory=dict[tuple[str, ...], window.Queries])
    _timelines: dict[Place, window.Timeline] = field(default_factory=dict[Place, window.Timeline])
    _edges: dict[tuple[Place, int | None], Ints] = field(default_factory=dict[tuple[Place, int | None], Ints])
    _values: dict[tuple[str, Expr], tuple[Vector, float]] = field(
        default_factory=dict[tuple[str, Expr], tuple[Vector, float]]
    )
    _prefixes: dict[tuple[Place, Expr], window.Prefix] = field(default_factory=dict[tuple[Place, Expr], window.Prefix])
    _newest: dict[tuple[Place, int | None], tuple[Ints, Bools]] = field(
        default_factory=dict[tuple[Place, int | None], tuple[Ints, Bools]]
    )

    def ask(self, spine: pl.DataFrame, at: Ints) -> None:
        """Turn to other rows of the spine; what is only about the streams is kept."""
        self.spine, self.at = spine, at
        self._asked = sort_instants(at)
        self._entities = Entities(spine)
        self._late.clear()
        self._own.clear()
        self._clear()

    def forget(self, entity: Entity, to_come: Iterable[Entity]) -> None:
        """Let go of what only one entity's columns share, so that memory does not grow with the number of views.

        Args:
            entity: whose columns are done.
            to_come: the entities whose columns are not.
        """
        self._clear()
        self._entities.forget(entity.keys, {name for other in to_come for name in other.keys})

    def late(self, instant: str) -> Bools | None:
        """Return which rows of the spine are asked about before one of its instants, None if no row is."""
        if instant == ALWAYS:
            return None
        if instant not in self._late:
            spine = self.plan.spine
            late = instants_of(spine, instant, self.spine) > self.at
            self._late[instant] = late if late.any() else None
        return self._late[instant]

    def own(self, name: str) -> pl.Series:
        """Return a column of the row itself, null where it is not known yet."""
        if name in self._own:
            return self._own[name]
        spine = self.plan.spine
        values = normalise_column(require(spine.name, (name,), {spine.name: self.spine})[name])
        late = self.late(spine.instant_of(name) or ALWAYS)
        values = values if late is None else fill_invalid(values, ~late)
        if isinstance(values.dtype, pl.Array):
            # A model reads it component by component.
            self._own[name] = values
        return values

    def column(self, table: str, name: str) -> pl.Series:
        """Return a column of a stream's source; an embedding is kept for the next component."""
        if (table, name) in self._columns:
            return self._columns[table, name]
        values = normalise_column(require(table, (name,), self.tables)[name])
        if isinstance(values.dtype, pl.Array):
            self._columns[table, name] = values
        return values

    def raw(self, event: Event, value: Expr) -> Vector:
        """Return an expression on a stream's rows, one value a row of its source."""
        return evaluate_row(value, event.source.name, self.tables)

    def number(self, event: Event, value: Expr) -> Vector:
        """Return an expression on a stream's rows that numbers can be made of; SW-203 for text and embeddings."""
        raw = self.raw(event, value)
        refuse_aggregate(value, kind_of_values(raw.values))
        return raw

    def value(self, event: Event, value: Expr) -> tuple[Vector, float]:
        """Return a stream's values as whole numbers, and how many of them make one unit."""
        key = (event.name, value)
        if key not in self._values:
            raw = self.number(event, value)
            if raw.values.dtype.kind == "f":
                self._values[key] = (Vector(scale_values(value, raw, whole=self.whole), raw.valid), SCALE)
            else:
                self._values[key] = (Vector(raw.values.astype(np.int64), raw.valid), 1)
        return self._values[key]

    def codes(self, event: Event, entity: Entity) -> tuple[Codes, Codes]:
        """Return entity codes of a stream's source and of the spine; -1 for a null key, or one not known yet."""
        key = (event.source.name, entity.keys)
        if key not in self._codes:
            rows = require(event.source.name, entity.keys, self.tables)
            require(self.plan.spine.name, entity.keys, {self.plan.spine.name: self.spine})
            there, here = self._entities.place(rows, entity.keys), self._entities.number(entity.keys)
            for name in entity.keys:
                late = self.late(self.plan.spine.instant_of(name) or ALWAYS)
                if late is not None:
                    here = np.where(late, -1, here)
            self._codes[key] = (there, here)
        return self._codes[key]

    def timeline(self, event: Event, entity: Entity, where: Expr | None = None) -> window.Timeline:
        """Return a stream's events, those where a condition is true, sorted for an entity."""
        key = (event.name, entity.keys, where)
        if key not in self._timelines:
            known, codes = self._order(event), self.codes(event, entity)[0]
            if known.size and known.ordered[-1] == NEVER:
                instants = instants_of(event.source, event.known_at, self.tables[event.source.name])
                codes = np.where(instants == NEVER, -1, codes)
            if where is not None:
                codes = np.where(self.holds(event, where), codes, -1)
            self._timelines[key] = window.sort_events(codes, known)
        return self._timelines[key]

    def holds(self, event: Event, where: Expr) -> NDArray[np.bool_]:
        """Return for each row of a stream's source whether a condition is true; SW-203 if it is no condition."""
        return hold(where, self.raw(event, where))

    def queries(self, event: Event, entity: Entity) -> window.Queries:
        """Return what the spine asks of an entity's streams."""
        if entity.keys not in self._queries:
            self._queries[entity.keys] = window.sort_queries(self.codes(event, entity)[1], self._asked)
        return self._queries[entity.keys]

    def newest(
        self, event: Event, entity: Entity, width_us: int | None, where: Expr | None = None
    ) -> tuple[Ints, Bools]:
        """Return which row of a stream's source is the newest that each row of the spine knows, and where there is one.

        Where there is none the position is -1. One join in order of time finds it without a sort for each entity.
        """
        key = ((event.name, entity.keys, where), width_us)
        if key not in self._newest:
            there, here = self.codes(event, entity)
            if where is not None:
                there = np.where(self.holds(event, where), there, -1)
            position = find_newest(self._order(event), there, self._asked, here)
            found = position >= 0
            if width_us is not None and found.any():
                happened = instants_of(event.source, event.known_at, self.tables[event.source.name])
                found &= self.at - happened.take(position) < width_us
                position[~found] = -1
            self._newest[key] = (position, found)
        return self._newest[key]

    def _clear(self) -> None:
        for shared in (self._codes, self._queries, self._timelines, self._edges, self._prefixes, self._newest):
            shared.clear()

    def _order(self, event: Event) -> Instants:
        """Return a stream's instants, sorted once for all entities."""
        if event.name not in self._known:
            rows = self.tables[event.source.name]
            instants = instants_of(event.source, event.known_at, rows)
            self._known[event.name] = sort_instants(instants, rank_ties(rows, event.source.key))
        return self._known[event.name]

    def edge(self, stream: Place, width_us: int | None, timeline: window.Timeline, queries: window.Queries) -> Ints:
        """Return the lower edges of windows of a width, or with None the upper edge that all widths share."""
        key = (stream, width_us)
        if key not in self._edges:
            found = (
                window.search(timeline, queries)
                if width_us is None
                else window.search_before(timeline, queries, width_us)
            )
            self._edges[key] = found
        return self._edges[key]

    def prefix(self, stream: Place, value: Expr, timeline: window.Timeline, vector: Vector) -> window.Prefix:
        """Return the running sums of a value; SW-303 if they do not fit."""
        key = (stream, value)
        if key not in self._prefixes:
            try:
                self._prefixes[key] = window.build_prefix(timeline, vector.values, vector.valid)
            except ValueError as error:
                raise ShipwayError("SW-303", f"sums of {render(value)}: {error}", "use smaller numbers") from error
        return self._prefixes[key]


def hold(condition: Expr, raw: Vector) -> NDArray[np.bool_]:
    """Return where a condition is true, null being as false; SW-203 if its values are no truth values."""
    if raw.values.dtype != np.bool_:
        raise ShipwayError("SW-203", f"{render(condition)} is no condition", "compare it, such as delay > 15")
    return raw.values & raw.valid


def scale_values(value: Expr, raw: Vector, *, whole: bool = True) -> Ints:
    """Return floats as whole multiples of the resolution; SW-303 where that would lose what they say.

    That all are too small for it can only be told of a whole column.
    """
    greatest = float(np.abs(raw.values).max(initial=0.0, where=raw.valid))
    if whole and 0 < greatest < FINEST:
        raise ShipwayError(
            "SW-303",
            f"{render(value)} is at most {greatest:.3g}, and sums are kept to {RESOLUTION:g}",
            f"use a smaller unit, such as ({render(value)}) * 1000000",
        )
    try:
        return quantise(raw.values, raw.valid, RESOLUTION)
    except ValueError as error:
        raise ShipwayError(
            "SW-303", f"{render(value)} cannot be summed exactly: {error}", "use numbers of a smaller range"
        ) from error

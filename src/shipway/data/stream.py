"""Streams as a frame reads them: sorted once for each entity, with running sums that all windows share."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shipway.core.error import ShipwayError
from shipway.core.feature import Entity, Event, Expr
from shipway.core.online import RESOLUTION, SCALE
from shipway.data.column import evaluate_row
from shipway.data.key import code_keys, rank_ties
from shipway.data.known import instants_of
from shipway.data.plan import Plan, require
from shipway.maths import window
from shipway.maths.expression import render
from shipway.maths.vector import Vector

Ints: TypeAlias = NDArray[np.int64]
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
        at: int64[n], when each row of the spine is asked about, microseconds since 1970 UTC.
    """

    plan: Plan
    tables: Mapping[str, pl.DataFrame]
    at: Ints
    _codes: dict[Pair, tuple[Ints, Ints]] = field(default_factory=dict[Pair, tuple[Ints, Ints]])
    _queries: dict[Pair, window.Queries] = field(default_factory=dict[Pair, window.Queries])
    _timelines: dict[Place, window.Timeline] = field(default_factory=dict[Place, window.Timeline])
    _edges: dict[tuple[Place, int | None], Ints] = field(default_factory=dict[tuple[Place, int | None], Ints])
    _values: dict[tuple[str, Expr], tuple[Vector, float]] = field(
        default_factory=dict[tuple[str, Expr], tuple[Vector, float]]
    )
    _prefixes: dict[tuple[Place, Expr], window.Prefix] = field(default_factory=dict[tuple[Place, Expr], window.Prefix])

    def forget(self) -> None:
        """Let go of what only one entity's columns share, so that memory does not grow with the number of views."""
        for shared in (self._queries, self._timelines, self._edges, self._prefixes):
            shared.clear()

    def raw(self, event: Event, value: Expr) -> Vector:
        """Return an expression on a stream's rows, one value a row of its source."""
        return evaluate_row(value, event.source.name, self.tables)

    def number(self, event: Event, value: Expr) -> Vector:
        """Return an expression on a stream's rows that numbers can be made of; SW-203 for text."""
        raw = self.raw(event, value)
        if raw.values.dtype.kind == "O":
            raise ShipwayError("SW-203", f"{render(value)} is text", "numbers, truth and time can be aggregated")
        return raw

    def value(self, event: Event, value: Expr) -> tuple[Vector, float]:
        """Return a stream's values as whole numbers, and how many of them make one unit."""
        key = (event.name, value)
        if key not in self._values:
            raw = self.number(event, value)
            if raw.values.dtype.kind == "f":
                self._values[key] = (Vector(scale_values(value, raw), raw.valid), SCALE)
            else:
                self._values[key] = (Vector(raw.values.astype(np.int64), raw.valid), 1)
        return self._values[key]

    def codes(self, event: Event, entity: Entity) -> tuple[Ints, Ints]:
        """Return entity codes of a stream's source and of the spine; -1 for a null key, or one not known yet."""
        key = (event.source.name, entity.keys)
        if key not in self._codes:
            rows = require(event.source.name, entity.keys, self.tables)
            spine = require(self.plan.spine.name, entity.keys, self.tables)
            there, here = code_keys(rows, spine, entity.keys)
            for name in entity.keys:
                instant = self.plan.spine.instant_of(name)
                if instant is not None:
                    here[instants_of(self.plan.spine, instant, spine) > self.at] = -1
            self._codes[key] = (there, here)
        return self._codes[key]

    def timeline(self, event: Event, entity: Entity, where: Expr | None = None) -> window.Timeline:
        """Return a stream's events, those where a condition is true, sorted for an entity."""
        key = (event.name, entity.keys, where)
        if key not in self._timelines:
            rows = self.tables[event.source.name]
            instants = instants_of(event.source, event.known_at, rows)
            there = instants != NEVER
            if where is not None:
                there &= self.holds(event, where)
            codes = np.where(there, self.codes(event, entity)[0], -1)
            self._timelines[key] = window.build_timeline(codes, instants, rank_ties(rows, event.source.key))
        return self._timelines[key]

    def holds(self, event: Event, where: Expr) -> NDArray[np.bool_]:
        """Return for each row of a stream's source whether a condition is true; SW-203 if it is no condition."""
        return hold(where, self.raw(event, where))

    def queries(self, event: Event, entity: Entity) -> window.Queries:
        """Return what the spine asks of an entity's streams of one source."""
        key = (event.source.name, entity.keys)
        if key not in self._queries:
            self._queries[key] = window.build_queries(self.codes(event, entity)[1], self.at)
        return self._queries[key]

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


def scale_values(value: Expr, raw: Vector) -> Ints:
    """Return floats as whole multiples of the resolution; SW-303 where that would lose what they say."""
    greatest = float(np.abs(raw.values).max(initial=0.0, where=raw.valid))
    if 0 < greatest < FINEST:
        raise ShipwayError(
            "SW-303",
            f"{render(value)} is at most {greatest:.3g}, and sums are kept to {RESOLUTION:g}",
            f"use a smaller unit, such as ({render(value)}) * 1000000",
        )
    try:
        return window.quantise(raw.values, raw.valid, RESOLUTION)
    except ValueError as error:
        raise ShipwayError(
            "SW-303", f"{render(value)} cannot be summed exactly: {error}", "use numbers of a smaller range"
        ) from error

"""Frames: one row for each row asked about, every feature as it was known at that row's instant.

The work is shared: rows are coded once for each entity, a stream is sorted once for each entity, and all windows over
it are differences of exact running sums.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shipway.core.error import ShipwayError
from shipway.core.feature import ALWAYS, Entity, Event, Expr
from shipway.core.online import RESOLUTION, SCALE
from shipway.data.column import evaluate_instant, evaluate_row, vector_of
from shipway.data.known import find_early_reads, instants_of
from shipway.data.plan import AT, LABEL, LABEL_KNOWN_AT, Plan, PlannedColumn, require
from shipway.maths import window
from shipway.maths.evaluation import evaluate
from shipway.maths.expression import Aggregate, Column, render
from shipway.maths.vector import Vector

_Ints = NDArray[np.int64]
_Stream = tuple[str, tuple[str, ...]]
_NEVER = np.iinfo(np.int64).max
_FINEST = 1e-3
"""A column whose values are all below this would be left with less than three digits, and is not summed."""


def build_frame(
    plan: Plan,
    tables: Mapping[str, pl.DataFrame],
    *,
    refuse: bool = True,
    report: Callable[[int, int], None] | None = None,
) -> pl.DataFrame:
    """Build a frame as known at each row's instant.

    Args:
        plan: which columns over which rows.
        tables: the sources' rows by name, each row's key unique.
        refuse: whether a read before known-at is refused, and whether a label that was known when its row was asked
            about is left out; only the pricing of a leak lifts it.
        report: called with columns done and columns in all, for progress.

    Returns:
        The spine's key columns, `_at`, the features in the plan's order, and, if the plan has a label, `_label` and
        `_label_known_at`; exactly the rows of the spine in their order. A row that is asked about when its outcome
        is known has no label: there is nothing to predict, and its own outcome is among the past it is asked with.

    Raises:
        ShipwayError: SW-301 for a value read before it is known, or where every label is known already; SW-302 for
            a value that never says when it is known, SW-202 for a column a table lacks, SW-203 for one of the wrong
            type, SW-303 if a sum does not fit.
    """
    for event in plan.events.values():
        require(event.source.name, _instant_columns(event), tables)
    spine = tables[plan.spine.name]
    at = instants_asked(plan, spine)
    if refuse:
        for read in find_early_reads(plan, tables, at):
            raise read.refusal()
    work = _Work(plan, tables, at)
    keys = [spine[name] for name in plan.spine.key]
    built = [*keys, pl.Series(AT, at).cast(pl.Datetime("us", "UTC"))]
    entity = None
    for done, column in enumerate(plan.columns):
        if column.entity != entity:
            entity = column.entity
            work.forget_streams()
        built.append(_series(column.name, work.column(column)))
        if report is not None:
            report(done + 1, len(plan.columns))
    if plan.label is not None:
        built.extend(_label(plan, tables, at if refuse else None))
    return pl.DataFrame(built)


@dataclass(slots=True)
class _Work:
    """What columns of one frame share: codes by entity, sorted streams, running sums and searched edges."""

    plan: Plan
    tables: Mapping[str, pl.DataFrame]
    at: _Ints
    codes: dict[_Stream, tuple[_Ints, _Ints]] = field(default_factory=dict[_Stream, tuple[_Ints, _Ints]])
    queries: dict[_Stream, window.Queries] = field(default_factory=dict[_Stream, window.Queries])
    timelines: dict[_Stream, window.Timeline] = field(default_factory=dict[_Stream, window.Timeline])
    edges: dict[tuple[_Stream, int | None], _Ints] = field(default_factory=dict[tuple[_Stream, int | None], _Ints])
    values: dict[tuple[str, Expr], tuple[Vector, float]] = field(
        default_factory=dict[tuple[str, Expr], tuple[Vector, float]]
    )
    prefixes: dict[tuple[_Stream, Expr], window.Prefix] = field(
        default_factory=dict[tuple[_Stream, Expr], window.Prefix]
    )

    def forget_streams(self) -> None:
        """Let go of what only one entity's columns share, so that memory does not grow with the number of views."""
        for shared in (self.queries, self.timelines, self.edges, self.prefixes):
            shared.clear()

    def column(self, column: PlannedColumn) -> Vector:
        """Return one feature for all rows."""

        def leaf(node: Column | Aggregate) -> Vector:
            if isinstance(node, Column):
                return self._own(node.name)
            if column.entity is None:
                raise ShipwayError("SW-106", f"{render(node)} needs an entity", "move it to a view of an entity")
            return self._aggregate(node, column.entity)

        try:
            return evaluate(column.expr, leaf, len(self.at))
        except ValueError as error:
            raise ShipwayError(
                "SW-203",
                f"feature {column.name!r} cannot be computed: {error}",
                "use columns of kinds that go together",
            ) from error

    def _own(self, name: str) -> Vector:
        spine = self.plan.spine
        rows = require(spine.name, (name,), self.tables)
        vector = vector_of(rows[name])
        known = instants_of(spine, spine.instant_of(name) or ALWAYS, rows)
        return Vector(vector.values, vector.valid & (known <= self.at)) if spine.instant_of(name) else vector

    def _aggregate(self, node: Aggregate, entity: Entity) -> Vector:
        event = self.plan.events[node.stream]
        pair = (node.stream, entity.keys)
        codes = self._codes(event, entity)[1]
        asked = codes >= 0
        timeline = self._timeline(event, entity)
        if node.anchor is not None:
            anchor = evaluate_instant(node.anchor, self.plan.spine.name, self.tables)
            usable = asked & anchor.valid
            queries = window.build_queries(np.where(usable, codes, -1), anchor.values + node.after_us)
            low, high = window.span(timeline, queries, (node.width_us or 0) + node.after_us)
            return Vector(high - low, usable)
        queries = self._queries(event, entity)
        if node.kind in ("last", "age"):
            position, found = window.latest(timeline, queries, node.width_us)
            return self._newest(node, event, position, found)
        high, low = self._edge(pair, None, timeline, queries), self._edge(pair, node.width_us or 0, timeline, queries)
        if node.kind == "count" or node.value is None:
            return Vector(high - low, asked)
        if node.kind in ("min", "max"):
            return self._extremum(node.kind, self._number(event, node.value), timeline, low, high)
        vector, unit = self._value(event, node.value)
        if node.kind == "share" and self._raw(event, node.value).values.dtype != np.bool_:
            raise ShipwayError("SW-203", f"{render(node.value)} is no condition", "compare it, such as delay > 15")
        prefix = self._prefix(pair, node.value, timeline, vector)
        total, count = window.range_total(prefix, low, high), window.range_count(prefix, low, high)
        if node.kind == "sum":
            return Vector(total if unit == 1 else total / unit, asked)
        return Vector(total / (np.maximum(count, 1) * unit), asked & (count > 0))

    def _extremum(
        self, kind: Literal["min", "max"], vector: Vector, timeline: window.Timeline, low: _Ints, high: _Ints
    ) -> Vector:
        """Return the least or greatest value as it was given: floats are compared by rank, never rounded."""
        floats = vector.values.dtype.kind == "f"
        ranks = window.rank_floats(vector.values) if floats else vector.values.astype(np.int64)
        extremum, found = window.range_extremum(timeline, ranks, vector.valid, low, high, kind)
        return Vector(window.floats_of(extremum) if floats else extremum, found)

    def _newest(self, node: Aggregate, event: Event, position: _Ints, found: NDArray[np.bool_]) -> Vector:
        rows = self.tables[event.source.name]
        if node.kind == "age" or node.value is None:
            happened = instants_of(event.source, event.known_at, rows)
            vector = Vector(happened, happened != _NEVER)
        else:
            vector = self._raw(event, node.value)
        if not found.any():
            blank = "" if vector.values.dtype.kind == "O" else 0
            return Vector(np.full(len(found), blank, dtype=vector.values.dtype), found)
        values, valid = vector.values[position], found & vector.valid[position]
        return Vector(self.at - values if node.kind == "age" else values, valid)

    def _raw(self, event: Event, value: Expr) -> Vector:
        return evaluate_row(value, event.source.name, self.tables)

    def _number(self, event: Event, value: Expr) -> Vector:
        raw = self._raw(event, value)
        if raw.values.dtype.kind == "O":
            raise ShipwayError("SW-203", f"{render(value)} is text", "numbers, truth and time can be aggregated")
        return raw

    def _value(self, event: Event, value: Expr) -> tuple[Vector, float]:
        """Return a stream's values as whole numbers, and how many of them make one unit."""
        key = (event.name, value)
        if key not in self.values:
            raw = self._number(event, value)
            if raw.values.dtype.kind == "f":
                self.values[key] = (Vector(scale_values(value, raw), raw.valid), SCALE)
            else:
                self.values[key] = (Vector(raw.values.astype(np.int64), raw.valid), 1)
        return self.values[key]

    def _codes(self, event: Event, entity: Entity) -> tuple[_Ints, _Ints]:
        """Return entity codes of a stream's source and of the spine; -1 for a null key, or one not known yet."""
        key = (event.source.name, entity.keys)
        if key not in self.codes:
            rows = require(event.source.name, entity.keys, self.tables)
            spine = require(self.plan.spine.name, entity.keys, self.tables)
            there, here = code_keys(rows, spine, entity.keys)
            for name in entity.keys:
                instant = self.plan.spine.instant_of(name)
                if instant is not None:
                    here[instants_of(self.plan.spine, instant, spine) > self.at] = -1
            self.codes[key] = (there, here)
        return self.codes[key]

    def _timeline(self, event: Event, entity: Entity) -> window.Timeline:
        key = (event.name, entity.keys)
        if key not in self.timelines:
            rows = self.tables[event.source.name]
            instants = instants_of(event.source, event.known_at, rows)
            codes = np.where(instants == _NEVER, -1, self._codes(event, entity)[0])
            self.timelines[key] = window.build_timeline(codes, instants, rank_ties(rows, event.source.key))
        return self.timelines[key]

    def _queries(self, event: Event, entity: Entity) -> window.Queries:
        key = (event.source.name, entity.keys)
        if key not in self.queries:
            self.queries[key] = window.build_queries(self._codes(event, entity)[1], self.at)
        return self.queries[key]

    def _edge(self, stream: _Stream, width_us: int | None, timeline: window.Timeline, queries: window.Queries) -> _Ints:
        """Return the lower edges of windows of a width, or with None the upper edge that all widths share."""
        key = (stream, width_us)
        if key not in self.edges:
            found = (
                window.search(timeline, queries)
                if width_us is None
                else window.search_before(timeline, queries, width_us)
            )
            self.edges[key] = found
        return self.edges[key]

    def _prefix(self, pair: _Stream, value: Expr, timeline: window.Timeline, vector: Vector) -> window.Prefix:
        key = (pair, value)
        if key not in self.prefixes:
            try:
                self.prefixes[key] = window.build_prefix(timeline, vector.values, vector.valid)
            except ValueError as error:
                raise ShipwayError("SW-303", f"sums of {render(value)}: {error}", "use smaller numbers") from error
        return self.prefixes[key]


def code_keys(rows: pl.DataFrame, spine: pl.DataFrame, keys: tuple[str, ...]) -> tuple[_Ints, _Ints]:
    """Number the entities of two tables alike: equal keys get equal codes, a null or NaN in any key column gets -1.

    Returns:
        int64 codes for `rows` and for `spine`; all zero where there are no keys.

    Raises:
        ShipwayError: SW-203 if a key column has different types in the two tables.
    """
    same = rows is spine
    split = rows.height
    codes = np.zeros(split + (0 if same else spine.height), dtype=np.int64)
    null = np.zeros(len(codes), dtype=np.bool_)
    for name in keys:
        if rows[name].dtype != spine[name].dtype:
            raise ShipwayError(
                "SW-203",
                f"key {name!r} is {rows[name].dtype} in one table and {spine[name].dtype} in the other",
                "give it one type in both sources",
            )
        column = rows[name] if same else pl.concat([rows[name], spine[name]])
        null |= (column.fill_nan(None) if column.dtype.is_float() else column).is_null().to_numpy()
        ranks = column.rank("dense").fill_null(0).to_numpy().astype(np.int64)
        codes = codes * (int(ranks.max(initial=0)) + 1) + ranks
        codes = np.unique(codes, return_inverse=True)[1].astype(np.int64)
    codes[null] = -1
    return (codes.copy(), codes) if same else (codes[:split], codes[split:])


def rank_ties(rows: pl.DataFrame, key: tuple[str, ...]) -> _Ints:
    """Rank a table's rows by key, so that events of one instant have an order that does not depend on delivery."""
    if len(key) == 1 and rows[key[0]].dtype == pl.Int64:
        return rows[key[0]].to_numpy()
    order = rows.select(pl.struct(key).rank("ordinal")).to_series()
    return order.to_numpy().astype(np.int64)


def instants_asked(plan: Plan, spine: pl.DataFrame) -> _Ints:
    """Return when each row of the spine is asked about, int64 microseconds since 1970 UTC.

    Raises:
        ShipwayError: SW-203 if that is no instant with a time zone, SW-302 if it is null anywhere.
    """
    asked = evaluate_instant(plan.at, plan.spine.name, {plan.spine.name: spine})
    if not asked.valid.all():
        row = int(np.flatnonzero(~asked.valid)[0])
        raise ShipwayError(
            "SW-302",
            f"{render(plan.at)} is null in {int((~asked.valid).sum()):,} rows of {plan.spine.name}, first in row {row}",
            "every row that is predicted needs an instant at which it is asked",
        )
    return asked.values


def _label(plan: Plan, tables: Mapping[str, pl.DataFrame], at: _Ints | None) -> list[pl.Series]:
    label = plan.label
    assert label is not None
    event = plan.events[label.stream]
    rows = tables[event.source.name]
    known = instants_of(event.source, event.known_at, rows)
    value = evaluate_row(label.value, event.source.name, tables)
    if value.values.dtype != np.bool_:
        raise ShipwayError(
            "SW-203",
            f"label {label.name!r} is {render(label.value)}, which is neither true nor false",
            "compare it, such as delay > 15",
        )
    happened = known != _NEVER
    told = value.valid & happened
    if at is not None:
        ahead = told & (known > at)
        if told.any() and not ahead.any():
            raise ShipwayError(
                "SW-301",
                f"label {label.name!r} is known through event {event.name} when its row is asked about, "
                f"in all {int(told.sum()):,} rows that have one",
                f"ask earlier than {render(plan.at)}, while there is something to predict",
            )
        told = ahead
    return [
        _series(LABEL, Vector(value.values, told)),
        _series(LABEL_KNOWN_AT, Vector(known, happened)).cast(pl.Datetime("us", "UTC")),
    ]


def _series(name: str, vector: Vector) -> pl.Series:
    series = pl.Series(name, vector.values, dtype=pl.String if vector.values.dtype.kind == "O" else None)
    if vector.valid.all():
        return series
    return pl.select(pl.when(pl.Series(vector.valid)).then(series).alias(name)).to_series()


def scale_values(value: Expr, raw: Vector) -> _Ints:
    """Return floats as whole multiples of the resolution; SW-303 where that would lose what they say."""
    greatest = float(np.abs(raw.values).max(initial=0.0, where=raw.valid))
    if 0 < greatest < _FINEST:
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


def _instant_columns(event: Event) -> tuple[str, ...]:
    return () if event.known_at == ALWAYS else (event.known_at,)

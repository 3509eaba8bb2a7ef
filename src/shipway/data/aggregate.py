"""One aggregate of a stream for all rows of a spine: where each kind of window gets its values."""

from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shipway.core.feature import Entity, Event
from shipway.data.accumulation import count_bins, decay, spread
from shipway.data.column import evaluate_instant, fill_invalid, series_of, vector_of
from shipway.data.embedding import take_component
from shipway.data.known import instants_of
from shipway.data.stream import NEVER, Ints, Streams
from shipway.maths import window
from shipway.maths.expression import Aggregate, Column
from shipway.maths.fixed import floats_of, rank_floats
from shipway.maths.vector import Vector, empty_values, kind_of_values


def aggregate(streams: Streams, node: Aggregate, entity: Entity) -> Vector:
    """Return one aggregate for all rows of the spine.

    Args:
        streams: what the frame's columns share.
        node: the aggregate.
        entity: whose it is.

    Raises:
        ShipwayError: SW-202 for a column a table lacks, SW-203 for one of the wrong type, SW-303 if a sum does not fit.
    """
    event = streams.plan.events[node.stream]
    stream = (node.stream, entity.keys, node.where)
    codes = streams.codes(event, entity)[1]
    asked = codes >= 0
    timeline = streams.timeline(event, entity, node.where)
    if node.anchor is not None:
        spine = streams.plan.spine.name
        anchor = evaluate_instant(node.anchor, spine, {spine: streams.spine})
        usable = asked & anchor.valid
        queries = window.build_queries(np.where(usable, codes, -1), anchor.values + node.after_us)
        low, high = window.span(timeline, queries, (node.width_us or 0) + node.after_us)
        return Vector(high - low, usable)
    queries = streams.queries(event, entity)
    if node.kind in ("last", "age"):
        newest = streams.newest(event, entity, node.width_us, node.where)
        return _newest(streams, node, event, *newest)
    if node.kind == "decayed":
        instants = instants_of(event.source, event.known_at, streams.tables[event.source.name])
        return decay(streams, node, event, entity, timeline, np.where(instants == NEVER, 0, instants))
    high = streams.edge(stream, None, timeline, queries)
    low = streams.edge(stream, node.width_us or 0, timeline, queries)
    if node.kind == "count" or node.value is None:
        return Vector(high - low, asked)
    if node.kind == "first":
        position, found = window.oldest(timeline, low, high)
        return _newest(streams, node, event, position, found)
    if node.bins is not None:
        return count_bins(streams, node, event, timeline, low, high, asked)
    if node.kind in ("min", "max"):
        return _extremum(node.kind, streams.number(event, node.value), timeline, low, high)
    vector, unit = streams.value(event, node.value)
    if node.kind == "share":
        streams.holds(event, node.value)
    prefix = streams.prefix(stream, node.value, timeline, vector)
    total, count = window.range_total(prefix, low, high), window.range_count(prefix, low, high)
    if node.kind in ("variance", "deviation"):
        return spread(node, timeline, vector, unit, total, count, low, high, asked)
    if node.kind == "sum":
        return Vector(total if unit == 1 else total / unit, asked)
    return Vector(total / (np.maximum(count, 1) * unit), asked & (count > 0))


def gather_newest(streams: Streams, node: Aggregate, entity: Entity) -> pl.Series:
    """Return the newest event's value for all rows of the spine, as `aggregate` does, as a column.

    Nothing is calculated with such a value, so texts and embeddings are copied as they lie.
    """
    event, value = streams.plan.events[node.stream], node.value
    assert value is not None
    position, found = streams.newest(event, entity, node.width_us, node.where)
    table = event.source.name
    part = take_component(value, lambda name: streams.column(table, name))
    if part is not None:
        vector = vector_of(part)
    elif isinstance(value, Column):
        values = streams.column(table, value.name)
        if values.dtype == pl.String or isinstance(values.dtype, pl.Array):
            there = fill_invalid(pl.Series(position.astype(np.uint32)), found)
            return values.gather(there)
        vector = vector_of(values)
    else:
        vector = streams.raw(event, value)
    return series_of("", _pick(vector, position, found))


def _extremum(kind: Literal["min", "max"], vector: Vector, timeline: window.Timeline, low: Ints, high: Ints) -> Vector:
    """Return the least or greatest value as it was given: floats are compared by rank, never rounded."""
    floats = vector.values.dtype.kind == "f"
    ranks = rank_floats(vector.values) if floats else vector.values.astype(np.int64)
    extremum, found = window.range_extremum(timeline, ranks, vector.valid, low, high, kind)
    return Vector(floats_of(extremum) if floats else extremum, found)


def _newest(streams: Streams, node: Aggregate, event: Event, position: Ints, found: NDArray[np.bool_]) -> Vector:
    if node.kind != "age" and node.value is not None:
        return _pick(streams.raw(event, node.value), position, found)
    happened = instants_of(event.source, event.known_at, streams.tables[event.source.name])
    newest = _pick(Vector(happened, happened != NEVER), position, found)
    return Vector(streams.at - newest.values, newest.valid)


def _pick(vector: Vector, position: Ints, found: NDArray[np.bool_]) -> Vector:
    """Return the values at positions, null where there is none."""
    if not len(vector.values):
        return Vector(empty_values(kind_of_values(vector.values), len(found)), found)
    # A position of -1 takes the last value, which nobody sees.
    valid = found if vector.valid.all() else found & vector.valid.take(position)
    return Vector(vector.values.take(position), valid)

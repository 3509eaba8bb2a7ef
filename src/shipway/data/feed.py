"""Feeds: a layout's streams as updates of the online store, in the order in which they become known.

Every value is computed here, once for all rows and by the functions that frames are built with; what is left for the
materialiser is to add up whole numbers.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from shipway.core.entry import encode_series
from shipway.core.feature import Event
from shipway.core.online import Layout, Scalar, Series
from shipway.data.column import vector_of
from shipway.data.instant import Row
from shipway.data.key import code_keys, rank_ties
from shipway.data.known import instants_of
from shipway.data.lane import Columns
from shipway.data.plan import Plan, require
from shipway.data.run import Contributions
from shipway.data.tie import read_ties
from shipway.maths.bins import MOST
from shipway.maths.code import compact
from shipway.maths.vector import Vector

_Ints = NDArray[np.int64]
_NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True, eq=False)
class SeriesFeed:
    """What the n updates of a stream are to one series of the layout.

    Attributes:
        place: the series' place in the layout.
        series: what is kept.
        names: the names of the entities' series.
        codes: int32[n], which of the names an update belongs to; -1 where its key is null, or the series is not about
            it.
        deltas: int64[n, lanes]: one row more, then what it adds to the series' other totals.
        newest: values of which the newest row's is kept, n each.
        extrema: values of which the least and the greatest are kept, n each.
        oldest: values of which the oldest row's is kept, n each.
        ties: n, what orders the updates of one instant.
    """

    place: int
    series: Series
    names: Sequence[bytes]
    codes: NDArray[np.int32]
    deltas: _Ints
    newest: tuple[Vector, ...]
    extrema: tuple[Vector, ...]
    oldest: tuple[Vector, ...]
    ties: NDArray[Any]

    def read_rows(self, rows: slice) -> list[Row]:
        """Return what the series keeps of these updates beyond sums."""
        columns = [_cells(vector, rows) for vector in (*self.newest, *self.extrema, *self.oldest)]
        return list(map(list, zip(*columns, self.ties[rows].tolist(), strict=True)))


@dataclass(frozen=True, slots=True, eq=False)
class StreamFeed:
    """The n updates of a stream, sorted by when they are due.

    Attributes:
        name: the stream's name.
        due: int64[n], when each becomes known, microseconds since 1970 UTC.
        instant: int64[n], the stream's own instant, under which it is kept.
        series: what they are to each series of the stream.
    """

    name: str
    due: _Ints
    instant: _Ints
    series: tuple[SeriesFeed, ...]

    def read(self, one: SeriesFeed, first: int, last: int) -> Contributions:
        """Return what the updates from one to another add to a series of the stream."""
        some = slice(first, last)
        return Contributions(
            names=one.names,
            codes=one.codes[some],
            instants=self.instant[some],
            deltas=one.deltas[some],
            rows=one.read_rows(some) if one.series.varied else None,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Feed:
    """Everything that ever happens to an online store.

    Attributes:
        streams: the streams with their updates.
        digest: 32 bytes that differ where the feed does.
    """

    streams: tuple[StreamFeed, ...]
    digest: bytes


def make_feed(layout: Layout, plan: Plan, tables: Mapping[str, pl.DataFrame]) -> Feed:
    """Turn tables into updates of the online store.

    A row is an update of a stream if it has the stream's instant, and due when that instant is known: a flight is in
    the schedule once it is published. Its entry stands under the instant itself, so nothing of it is read before, but
    for plans, which are counted ahead and of which a frame requires that they are known.

    Args:
        layout: which series are kept.
        plan: of the frame whose features the store is to give; it has the streams' events.
        tables: the sources' rows by name.

    Raises:
        ShipwayError: SW-202 for a column a table lacks, SW-203 for one of the wrong type, SW-303 for values that cannot
            be summed exactly; all as for the frame.
    """
    codes: dict[tuple[str, tuple[str, ...]], _Ints] = {}
    streams = tuple(_make_stream(layout, plan.events[name], tables, codes) for name in layout.streams)
    digests = [layout.namespace.encode(), *map(_digest_stream, streams)]
    return Feed(streams, hashlib.sha256(b"".join(digests)).digest())


def _make_stream(
    layout: Layout,
    event: Event,
    tables: Mapping[str, pl.DataFrame],
    codes: dict[tuple[str, tuple[str, ...]], _Ints],
) -> StreamFeed:
    source, rows = event.source, tables[event.source.name]
    instant = instants_of(source, event.known_at, rows)
    due = instants_of(source, source.instant_of(event.known_at) or event.known_at, rows)
    order = np.flatnonzero((instant != _NEVER) & (due != _NEVER))
    order = order[np.lexsort((rank_ties(rows, source.key)[order], instant[order], due[order]))]
    due, instant, ties = due[order], instant[order], read_ties(rows, source.key)[order]
    columns = Columns(event, tables, order, instant)
    found: list[SeriesFeed] = []
    for place, series in enumerate(layout.series):
        if series.stream != event.name:
            continue
        entity = (source.name, series.keys)
        if entity not in codes:
            keyed = require(source.name, series.keys, tables)
            codes[entity] = code_keys(keyed, keyed, series.keys)[0]
        own = columns.choose(series, codes[entity][order])
        nodes = None if series.tree is None or not series.tree.level else columns.nodes(series.tree)
        local, names = _name_entities(place, series.keys, rows, order, own, nodes)
        found.append(_make_series(place, series, columns, names, local, ties))
    return StreamFeed(event.name, due, instant, tuple(found))


def _make_series(
    place: int,
    series: Series,
    columns: Columns,
    names: Sequence[bytes],
    codes: NDArray[np.int32],
    ties: NDArray[Any],
) -> SeriesFeed:
    return SeriesFeed(
        place=place,
        series=series,
        names=names,
        codes=codes,
        deltas=columns.delta(series),
        newest=tuple(columns.value(expr) for expr in series.newest),
        extrema=tuple(columns.extremum(expr) for expr in series.extrema),
        oldest=tuple(columns.value(expr) for expr in series.oldest),
        ties=ties,
    )


def _name_entities(
    place: int, keys: tuple[str, ...], rows: pl.DataFrame, order: _Ints, codes: _Ints, nodes: _Ints | None
) -> tuple[NDArray[np.int32], list[bytes]]:
    """Number the entities that occur, or their nodes, and name the series of each."""
    there = np.flatnonzero(codes >= 0)
    numbers = codes[there]
    if nodes is not None:
        numbers = compact(numbers)[1].astype(np.int64) * MOST + nodes[there]
    levels, index = compact(numbers)
    local = np.full(len(codes), -1, dtype=np.int32)
    local[there] = index
    example = np.empty(len(levels), dtype=np.int64)
    example[index] = there
    if not keys and nodes is None:
        return local, [encode_series(place, ())] * len(levels)
    values = [vector_of(rows[name]).values[order[example]].tolist() for name in keys]
    values += [] if nodes is None else [nodes[example].tolist()]
    return local, [encode_series(place, key) for key in zip(*values, strict=True)]


def _cells(vector: Vector, rows: slice | _Ints) -> list[Scalar]:
    values, valid = vector.values[rows].tolist(), vector.valid[rows].tolist()
    return [value if there else None for value, there in zip(values, valid, strict=True)]


def _digest_stream(stream: StreamFeed) -> bytes:
    digest = hashlib.sha256(msgspec.msgpack.encode([stream.name, len(stream.due)]))
    arrays: dict[int, NDArray[Any]] = {}
    for array in (stream.due, stream.instant):
        arrays[id(array)] = array
    for one in stream.series:
        digest.update(msgspec.msgpack.encode(one.names))
        for array in (one.codes, one.deltas, one.ties):
            arrays[id(array)] = array
        for vector in (*one.newest, *one.extrema, *one.oldest):
            arrays[id(vector.valid)] = vector.valid
            arrays[id(vector.values)] = np.where(vector.valid, vector.values, np.zeros(1, dtype=vector.values.dtype))
    for array in arrays.values():  # columns that series share count once
        text = array.dtype.kind == "O"
        digest.update(msgspec.msgpack.encode(array.tolist()) if text else np.ascontiguousarray(array).data)
    return digest.digest()

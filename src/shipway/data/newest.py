"""Newest rows: what stored series hold, made from whole tables at once, and changed where rows of a table did.

A stored series (`Series.stored`) is asked for nothing but its newest row, so nothing is kept of rows that answer no
question at or after its watermark: of each entity there is the newest row known then, and what becomes known later.
Which those are is found on columns, for all entities together, and entities whose streams are packed get one value
(`core.pack`). What a row was before it changed is in the lake, so no store has to remember it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import repeat
from typing import Any, Final, TypeAlias

import msgspec
import numpy as np
import polars as pl

from shipway.core.entry import LONGEST_KEY, encode_entity, encode_level, pack_entry
from shipway.core.feature import Event
from shipway.core.level import ENTRIES
from shipway.core.online import Layout, Scalar, Series
from shipway.core.pack import INSTANT, Pack, encode_schema, find_packs, name_schema
from shipway.data.column import evaluate_row, normalise_column, vector_of
from shipway.data.key import Entities, rank_ties
from shipway.data.known import instants_of
from shipway.data.pack import Newest, pack_newest
from shipway.data.plan import Plan, require
from shipway.data.tie import read_ties
from shipway.maths.instant import Ints, sort_instants
from shipway.maths.vector import Vector

Member: TypeAlias = tuple[int, Series, Event]
"""A series, with its place in the layout and its stream."""
Entries: TypeAlias = Iterator[tuple[bytes, int, bytes]]
"""What is put in a store: series, instants and values."""
_NEVER: Final = np.iinfo(np.int64).max
_PACK: Final = msgspec.msgpack.Encoder()


@dataclass(frozen=True)
class Stored:
    """The stored series of one kind of entity.

    Attributes:
        keys: the entity's key columns.
        members: the series with their places in the layout and their streams.
        pack: how the newest rows of all of them stand together; None if there is one series.
    """

    keys: tuple[str, ...]
    members: tuple[Member, ...]
    pack: Pack | None

    @cached_property
    def tables(self) -> tuple[str, ...]:
        """Return the sources whose rows are stored."""
        return tuple(dict.fromkeys(series.table for _, series, _ in self.members))


def find_stored(layout: Layout, plan: Plan) -> tuple[Stored, ...]:
    """Return the stored series of a layout, together for each kind of entity.

    Args:
        layout: whose series are kept.
        plan: has the streams' events.
    """
    packs = {pack.keys: pack for pack in find_packs(layout)}
    groups: dict[tuple[str, ...], list[Member]] = {}
    for place, series in enumerate(layout.series):
        if series.stored:
            groups.setdefault(series.keys, []).append((place, series, plan.events[series.stream]))
    return tuple(Stored(keys, tuple(members), packs.get(keys)) for keys, members in groups.items())


def fill_newest(stored: Sequence[Stored], tables: Mapping[str, pl.DataFrame], until_us: int) -> Entries:
    """Yield what a store that has none of these series is to hold of them.

    Args:
        stored: the series.
        tables: the sources' rows by name.
        until_us: the watermark, before which no question is answered exactly.

    Raises:
        ShipwayError: SW-202 for a column a table lacks, SW-203 for one of the wrong type.
    """
    for one in stored:
        keyed = {name: read_keys(tables[name], name, one.keys) for name in one.tables}
        whole = pl.concat(list(keyed.values()))
        numbers = Entities(whole).number(one.keys).astype(np.int64, copy=False)
        ends = np.cumsum([rows.height for rows in keyed.values()])
        codes = dict(zip(keyed, np.split(numbers, ends[:-1]), strict=True))
        entities = name_entities(whole, one.keys, numbers)
        chosen = [
            choose_rows(event, tables[series.table], codes[series.table], until_us, len(entities))
            for _, series, event in one.members
        ]
        for member, found in zip(one.members, chosen, strict=True):
            rows = found.later
            if one.pack is None:
                rows = np.concatenate([rows, found.newest[found.newest >= 0]])
            yield from list_entries(member, tables, found.at, rows, codes[member[1].table], entities)
        if one.pack is not None:
            yield name_schema(one.pack.schema), INSTANT, encode_schema(one.pack)
            newest = [_read_newest(member, tables, found) for member, found in zip(one.members, chosen, strict=True)]
            yield from pack_newest(one.pack, entities, newest)


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """Which rows of a table stand in a stored series.

    Attributes:
        at: int64[n], when each row counts; the greatest int64 for never.
        newest: int64[m], of each entity the position of its newest row; -1 where it has none.
        later: positions of the other rows that a question at or after the watermark may be answered with.
    """

    at: Ints
    newest: Ints
    later: Ints


def find_instants(event: Event, rows: pl.DataFrame) -> Ints:
    """Return when each row counts, the greatest int64 for never."""
    at, due = instants_of(event.source, event.known_at, rows), event.source.instant_of(event.known_at)
    if due is None or due == event.known_at:
        return at
    return np.where(instants_of(event.source, due, rows) == _NEVER, _NEVER, at)


def choose_rows(event: Event, rows: pl.DataFrame, codes: Ints, until_us: int, count: int) -> Chosen:
    """Choose rows by instant and, of one instant, by key."""
    at = find_instants(event, rows)
    newest = _find_newest(event, rows, at, codes, count)
    ahead = (at > until_us) & (at != _NEVER) & (codes >= 0)
    if not ahead.any():
        return Chosen(at, newest, np.empty(0, dtype=np.int64))
    # One row of each instant after the watermark, and the newest up to it, stand beside the newest of all.
    known = _find_newest(event, rows, np.where(at > until_us, _NEVER, at), codes, count)
    some = np.flatnonzero(ahead)
    order = some[np.lexsort((rank_ties(rows[some], event.source.key), at[some], codes[some]))]
    last = np.ones(order.size, dtype=np.bool_)
    last[:-1] = (codes[order[1:]] != codes[order[:-1]]) | (at[order[1:]] != at[order[:-1]])
    later = np.concatenate([known[known >= 0], order[last]])
    return Chosen(at, newest, later[~np.isin(later, newest)])


def _find_newest(event: Event, rows: pl.DataFrame, at: Ints, codes: Ints, count: int) -> Ints:
    """Return of each entity the position of the row with the greatest instant and, of those, key; -1 for none."""
    counted = (at != _NEVER) & (codes >= 0)
    order = sort_instants(at).order
    placed = np.flatnonzero(counted) if order is None else order[counted.take(order)]
    newest = np.full(count, -1, dtype=np.int64)
    own = codes.take(placed)
    newest[own] = placed  # of several the last stays
    ties = at.take(placed) == at.take(newest.take(own))
    several = np.bincount(own[ties], minlength=count) > 1
    if several.any():
        tied = placed[ties & several.take(own)]
        tied = tied[np.argsort(rank_ties(rows[tied], event.source.key), kind="stable")]
        newest[codes.take(tied)] = tied
    return newest


def read_keys(rows: pl.DataFrame, table: str, keys: tuple[str, ...]) -> pl.DataFrame:
    """Return the columns of keys as numbers, texts and truths."""
    if not keys:
        return pl.DataFrame({"all": np.zeros(rows.height, dtype=np.int8)})
    return pl.DataFrame([normalise_column(column) for column in require(table, keys, {table: rows}).select(keys)])


def name_entities(rows: pl.DataFrame, keys: tuple[str, ...], codes: Ints) -> list[bytes]:
    """Return what the names of each entity's series end with, by its number."""
    if not keys:
        return [b""]
    there = np.flatnonzero(codes >= 0)
    example = np.empty(int(codes.max(initial=-1)) + 1, dtype=np.int64)
    example[codes[there]] = there
    values = [vector_of(rows[name]).values[example] for name in keys]
    # Zero has two forms as a floating-point number, and a frame takes them for one.
    columns: list[list[Scalar]] = [(each + 0.0 if each.dtype.kind == "f" else each).tolist() for each in values]
    names = list(map(_PACK.encode, zip(*columns, strict=True)))
    if max(map(len, names), default=0) > LONGEST_KEY:
        names = [encode_entity(key) for key in zip(*columns, strict=True)]
    return names


def _read_newest(member: Member, tables: Mapping[str, pl.DataFrame], chosen: Chosen) -> Newest:
    _, series, event = member
    valid = chosen.newest >= 0
    if not chosen.at.size:
        blank = Vector(np.zeros(valid.size, dtype=np.int64), valid)
        return Newest(blank, (blank,) * len(series.newest))
    # A position of -1 takes the last row, which nobody sees.
    values = read_values(series, event, tables, chosen.newest)
    return Newest(Vector(chosen.at.take(chosen.newest), valid), tuple(values))


def read_values(series: Series, event: Event, tables: Mapping[str, pl.DataFrame], rows: Ints) -> list[Vector]:
    """Return what a series stores of some rows."""
    table = event.source.name
    there = tables[table]
    picked = {table: there[np.where(rows < 0, there.height - 1, rows)]}
    return [evaluate_row(expr, table, picked) for expr in series.newest]


def list_entries(
    member: Member, tables: Mapping[str, pl.DataFrame], at: Ints, rows: Ints, codes: Ints, entities: Sequence[bytes]
) -> Entries:
    """Yield rows as entries of their series."""
    if not rows.size:
        return
    place, series, event = member
    prefix, packing = encode_level(place, ENTRIES), series.packing
    columns = [list_cells(vector) for vector in read_values(series, event, tables, rows)]
    varied: Iterable[Sequence[Any]] = repeat(())
    if series.varied:
        ties = read_ties(tables[series.table][rows], event.source.key).tolist()
        varied = map(list, zip(*columns, ties, strict=True))
    for code, instant, values in zip(codes[rows].tolist(), at[rows].tolist(), varied, strict=False):
        yield prefix + entities[code], instant, pack_entry(packing, (1,), values)


def list_cells(vector: Vector) -> list[Scalar]:
    """Return values as Python's, None where there is none."""
    values: list[Scalar] = vector.values.tolist()
    for row in np.flatnonzero(~vector.valid).tolist():
        values[row] = None
    return values

"""Frames within an amount of memory, whatever their spine and streams: entity by entity, and bucket by bucket of each.

Entities share nothing. So the rows of the spine and of the streams are cut by a hash of their entity's key, onto disk,
and the features of one bucket after the other are built as those of any frame. What comes of them is put in the order
of the spine by slices. Rows without an entity, and those of one entity, are in one bucket, and that must fit.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from shipway.core.feature import Entity, windows_of
from shipway.data.batch import PIECE_ROWS, Parts, read_batches
from shipway.data.bucket import Buckets, number_entities, read_bucket
from shipway.data.column import evaluate_row, series_of, vector_of
from shipway.data.composition import Turn, Window, combine, is_composite, list_turns
from shipway.data.frame import build_frame, build_slices, instants_asked
from shipway.data.known import find_early_reads, own_columns
from shipway.data.plan import Plan, PlannedColumn
from shipway.data.slice import LEAST_ROWS, STREAM_FACTOR, VALUE_BYTES, spine_columns, stream_columns
from shipway.data.spine import ASKED, ask, spine_like
from shipway.data.stream import scale_values
from shipway.maths.expression import Aggregate, Column
from shipway.maths.vector import Vector
from shipway.ports.engine import Engine

_ROW: Final = "row:"
"""The column of the place of a row in the spine, by a name that no other has."""
_TEXT_BYTES: Final = 32
_MOST: Final = 1 << 12
_SUMMED: Final = ("sum", "mean", "share", "variance", "deviation", "decayed")


@dataclass(frozen=True)
class Room:
    """Where and by whom a frame is built.

    Attributes:
        memory_bytes: how much memory one who builds may take, beside what a process takes anyway.
        folder: for what does not fit; it is empty, and whoever made it removes it.
        engine: who builds; None for this process.
        workers: how many build at once.
        apart: whether they cannot read this machine's files.
    """

    memory_bytes: int
    folder: Path
    engine: Engine | None = None
    workers: int = 1
    apart: bool = False


@dataclass(frozen=True)
class Stock:
    """The tables of a frame, read in parts.

    Attributes:
        tables: by the sources' names.
        heights: how many rows each has.
    """

    tables: Mapping[str, Parts]
    heights: Mapping[str, int]

    @cached_property
    def blank(self) -> dict[str, pl.DataFrame]:
        """Return the tables without rows."""
        return {name: pl.DataFrame(schema=parts.schema) for name, parts in self.tables.items()}

    def weigh(self, table: str, columns: Sequence[str]) -> int:
        """Return about how many bytes some columns of a table are in memory."""
        schema = self.tables[table].schema
        return self.heights[table] * sum(_TEXT_BYTES if schema[name] == pl.String else 8 for name in columns)


def fits(plan: Plan, stock: Stock, memory_bytes: int) -> bool:
    """Tell whether what is read through streams leaves half of an amount of memory for the rows that are built."""
    held = sum(stock.weigh(name, columns) for name, columns in stream_columns(plan).items())
    return 2 * STREAM_FACTOR * held <= memory_bytes


def build_within(
    plan: Plan,
    stock: Stock,
    room: Room,
    *,
    refuse: bool = True,
    report: Callable[[int, int], None] | None = None,
) -> Iterator[pl.DataFrame]:
    """Build a frame within an amount of memory; its rows are those of `build_frame`.

    Args:
        plan: which columns over which rows.
        stock: the tables.
        room: where it is built.
        refuse: as for `build_frame`.
        report: called with columns done and columns in all.

    Yields:
        The frame's rows in their order.

    Raises:
        ShipwayError: as for `build_frame`, but that numbers of rows in what is refused are of a part of them, and sums
            that fit in no 64 bits are told from those of the bucket alone; as the engine.
    """
    blank = build_frame(plan, stock.blank, refuse=False)
    _refuse(plan, stock, refuse=refuse)
    shares = _Shares(plan)
    own = replace(plan, columns=shares.own)
    row = VALUE_BYTES * (len(spine_columns(own)) + len(plan.columns) + len(shares.windows) + 3)
    rows, height = max(LEAST_ROWS, room.memory_bytes // row), stock.heights[plan.spine.name]
    spine = stock.tables[plan.spine.name]
    # What the label comes to is refused before anything is built.
    slices = build_slices(own, {}, spine=spine, rows=rows, refuse=refuse)
    first, done = next(slices), len(own.columns)
    built: list[Buckets] = []
    for number, (entity, columns) in enumerate(shares.entities.items()):
        kept = Buckets(room.folder / f"{number}-built", -(-height // rows) or 1, room.memory_bytes // 8)
        part = replace(plan, columns=columns, label=None)
        part = replace(part, events={event.name: event for event in part.streams})
        for features in _build_entity(part, entity, stock, room, number):
            kept.add(features, features[_ROW].to_numpy() // rows)
        kept.flush()
        built.append(kept)
        done += len(columns)
        if report is not None:
            report(min(done, len(plan.columns)), len(plan.columns))
    for place, rest in enumerate(chain([first], slices)):
        found = [rest]
        for kept, columns in zip(built, shares.entities.values(), strict=True):
            features = kept.read(place)
            names = [column.name for column in columns]
            found.append(shares.blank(stock, columns) if features is None else features.sort(_ROW).select(names))
        yield shares.combine(pl.concat(found, how="horizontal")).select(blank.columns)


class _Shares:
    """What each entity has to build, so that features of several entities can be made of what comes of all.

    Attributes:
        own: columns of the row itself: its features, and what features of several entities read of it.
        entities: columns of each entity: its features, and the windows that features of several entities are made of.
        windows: the columns of those windows.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._composites = [column for column in plan.columns if is_composite(column)]
        turns = list_turns(plan.columns)
        mine = turns.pop(None, Turn()).columns
        read = dict.fromkeys(name for column in self._composites for name in own_columns(column.expr))
        self._reads = {name: f"own:{name}" for name in read}
        table = plan.spine.name
        columns = [PlannedColumn(as_, Column(table, name), None) for name, as_ in self._reads.items()]
        self.own = (*mine, *columns)
        self.entities: dict[Entity, tuple[PlannedColumn, ...]] = {}
        self.windows: dict[Window, str] = {}
        for entity, turn in turns.items():
            assert entity is not None, "the row itself was taken out"
            named = {node: f"window:{len(self.windows) + place}" for place, node in enumerate(turn.windows)}
            self.windows |= {(entity, node): name for node, name in named.items()}
            hidden = [PlannedColumn(name, node, entity) for node, name in named.items()]
            self.entities[entity] = (*turn.columns, *hidden)

    def blank(self, stock: Stock, columns: tuple[PlannedColumn, ...]) -> pl.DataFrame:
        """Return columns without rows."""
        part = replace(self._plan, columns=columns, label=None)
        return build_frame(part, stock.blank, refuse=False).select(column.name for column in columns)

    def combine(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return rows with the features that are made of others."""
        kept = {window: vector_of(rows[name]) for window, name in self.windows.items()}

        def own(name: str) -> Vector:
            return vector_of(rows[self._reads[name]])

        made = [series_of(one.name, combine(one, kept, own, rows.height)) for one in self._composites]
        return rows.with_columns(made)


def _build_entity(plan: Plan, entity: Entity | None, stock: Stock, room: Room, number: int) -> Iterator[pl.DataFrame]:
    """Yield the features of one entity, bucket by bucket, with the places of their rows."""
    keys = () if entity is None else entity.keys
    streams, asked = stream_columns(plan), spine_columns(plan)
    height = stock.heights[plan.spine.name]
    need = STREAM_FACTOR * sum(stock.weigh(name, columns) for name, columns in streams.items())
    need += height * VALUE_BYTES * (len(asked) + len(plan.columns) + 1)
    count = max(1, min(_MOST, -(-need // max(room.memory_bytes, 1)))) if keys else 1
    folders = {name: room.folder / f"{number}-{place}" for place, name in enumerate((ASKED, *streams))}
    held = room.memory_bytes // 4
    at = 0
    buckets = Buckets(folders[ASKED], count, held)
    for rows in stock.tables[plan.spine.name].read(asked):
        rows = rows.with_columns(pl.Series(_ROW, np.arange(at, at + rows.height)))
        at += rows.height
        buckets.add(rows, number_entities(rows, plan.spine.name, keys, count))
    buckets.flush()
    for name, columns in streams.items():
        buckets = Buckets(folders[name], count, held)
        for rows in stock.tables[name].read(columns):
            buckets.add(rows, number_entities(rows, name, keys, count))
        buckets.flush()
    blank = {name: stock.blank[name].select(columns) for name, columns in streams.items()}
    shared = plan, folders, blank
    if room.engine is None:
        found: Iterator[pl.DataFrame | None] = (build_bucket(shared, each) for each in range(count))
    elif not room.apart:
        found = room.engine.run(build_bucket, shared, range(count))
    else:
        found = _send(room.engine, shared, count, room.workers)
    yield from (features for features in found if features is not None)


def build_bucket(shared: "_Shared", number: int) -> pl.DataFrame | None:
    """Return the features of a bucket with the places of their rows; None where it has no rows that are asked about."""
    plan, folders, blank = shared
    return build_loaded((plan, blank), {name: read_bucket(folder, number) for name, folder in folders.items()})


def build_loaded(
    shared: tuple[Plan, dict[str, pl.DataFrame]], tables: Mapping[str, pl.DataFrame | None]
) -> pl.DataFrame | None:
    """Return the features of a bucket whose rows are at hand, as `build_bucket` does."""
    plan, blank = shared
    asked = tables[ASKED]
    if asked is None:
        return None
    there = {name: empty if (rows := tables[name]) is None else rows for name, empty in blank.items()}
    # The rows asked about go by another name: of its own events a source may have other rows in the bucket.
    columns = tuple(replace(column, expr=ask(column.expr, plan.spine.name)) for column in plan.columns)
    renamed = replace(plan, spine=spine_like(plan.spine), at=ask(plan.at, plan.spine.name), columns=columns)
    slices = build_slices(renamed, {**there, ASKED: asked}, refuse=False, whole=False)
    features = pl.concat([part.select(column.name for column in columns) for part in slices])
    return features.with_columns(asked[_ROW])


_Shared = tuple[Plan, dict[str, Path], dict[str, pl.DataFrame]]


def _send(engine: Engine, shared: _Shared, count: int, workers: int) -> Iterator[pl.DataFrame | None]:
    """Let an engine that cannot read this machine's files build, so many buckets at once."""
    plan, folders, blank = shared
    for first in range(0, count, workers):
        some = range(first, min(first + workers, count))
        loaded = [{name: read_bucket(folder, number) for name, folder in folders.items()} for number in some]
        yield from engine.run(build_loaded, (plan, blank), loaded)


def _refuse(plan: Plan, stock: Stock, *, refuse: bool) -> None:
    """Look at all rows in parts, and refuse what `build_frame` would."""
    spine = stock.tables[plan.spine.name]
    ahead = {
        plan.events[node.stream].source.name
        for column in plan.columns
        for _, node in windows_of(column.expr, column.entity)
        if node.anchor is not None
    }
    streams = stream_columns(plan)
    # What is known ahead is compared with all rows that are planned.
    planned = {name: pl.concat(list(stock.tables[name].read(streams[name]))) for name in sorted(ahead)}
    for rows in read_batches(spine, spine_columns(plan), PIECE_ROWS) if refuse else ():
        for read in find_early_reads(plan, {**stock.blank, **planned}, instants_asked(plan, rows), rows):
            raise read.refusal()
    none, bare = np.empty(0, dtype=np.int64), replace(plan, label=None)
    greatest: dict[tuple[str, Aggregate], float] = {}
    for name, columns in streams.items():
        for rows in read_batches(stock.tables[name], columns, PIECE_ROWS):
            tables = {**stock.blank, name: rows}
            for read in find_early_reads(bare, tables, none, stock.blank[plan.spine.name]) if refuse else ():
                raise read.refusal()
            _find_greatest(plan, name, tables, greatest)
    for (_, node), most in greatest.items():
        assert node.value is not None, "what is summed"
        scale_values(node.value, Vector(np.array([most]), np.ones(1, dtype=np.bool_)))


def _find_greatest(
    plan: Plan, table: str, tables: Mapping[str, pl.DataFrame], greatest: dict[tuple[str, Aggregate], float]
) -> None:
    """Note the greatest value of everything that is summed: it is of a whole column that it is told to be too small."""
    for column in plan.columns:
        for _, node in windows_of(column.expr, column.entity):
            if node.kind not in _SUMMED or node.value is None:
                continue
            if plan.events[node.stream].source.name == table:
                vector = evaluate_row(node.value, table, tables)
                if vector.values.dtype.kind == "f":
                    most = float(np.abs(vector.values).max(initial=0.0, where=vector.valid))
                    greatest[table, node] = max(greatest.get((table, node), 0.0), most)

"""What a layout's features need of the store and of the request, worked out once.

A row's values stand in one list of *cells*: the columns it brings, then the answers of each *block*, then features that
are more than one of these. A block is all that is read of one series at one instant.
"""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final

from shipway.core.column import row_columns
from shipway.core.entry import encode_level
from shipway.core.error import ShipwayError
from shipway.core.feature import Entity, Expr, definition_of, entity_of, view_entities, windows_of
from shipway.core.kind import feature_kind, leaf_kind
from shipway.core.level import BASES, ENTRIES
from shipway.core.online import Layout, Scalar
from shipway.core.tree import Tree
from shipway.maths.embedding import length_of
from shipway.maths.expression import Aggregate, Column, Feature
from shipway.maths.scalar import Getter, compile_expr, wrap
from shipway.maths.vector import Kind
from shipway.serving.block import EARLIEST, NO_SPAN, Block, Span, make_pick
from shipway.serving.cell import (
    Extremum,
    Fade,
    First,
    Mean,
    Recent,
    Spread,
    Sum,
    Windows,
    make_extremum,
    make_fade,
    make_first,
    make_mean,
    make_recent,
    make_spread,
    make_sum,
)
from shipway.serving.sketch import Sketch, make_sketch


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """How a row's features are computed.

    Attributes:
        columns: functions that read the row's own columns, the first cells.
        entities: for each entity the cells of its key.
        blocks: what is read of the store, the next cells.
        spans: the lower edges of blocks, each once.
        composites: functions of the cells before, the last cells.
        order: for each column of the layout its cell.
        texts: places of the columns that are text or embeddings, of which null is None.
        conditions: places of the columns that are conditions.
        streams: how many streams there are.
    """

    columns: tuple[Getter, ...]
    entities: tuple[tuple[int, ...], ...]
    blocks: tuple[Block, ...]
    spans: tuple[Span, ...]
    composites: tuple[Getter, ...]
    order: tuple[int, ...]
    texts: tuple[int, ...]
    conditions: tuple[int, ...]
    streams: int


_NO_WINDOWS: Final = Windows(0)


def make_plan(layout: Layout) -> Plan:
    """Work out how the features of a layout are read.

    Raises:
        ShipwayError: SW-202 for a column the layout's schema lacks, SW-203 for an expression that does not fit its
            columns.
    """
    return _Planner(layout).plan()


class _Planner:
    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._cells: dict[Column | tuple[tuple[str, ...], Aggregate], int] = {}
        self._spans: dict[Span, int] = {}
        self._entities = tuple(dict.fromkeys(each.keys for view in layout.views for each in view_entities(view)))
        self._composites: list[Getter] = []
        self._made: dict[tuple[Entity | None, Expr], int] = {}

    def plan(self) -> Plan:
        layout = self._layout
        columns = self._place_columns()
        blocks = self._place_blocks()
        order: list[int] = []
        kinds: list[Kind] = []
        for view in layout.views:
            for expr in view.features.values():
                kinds.append(self._resolve(expr))
                order.append(self._place(expr, view.entity))
        return Plan(
            columns=columns,
            entities=tuple(tuple(self._cells[self._own(name)] for name in keys) for keys in self._entities),
            blocks=blocks,
            spans=tuple(self._spans),
            composites=tuple(self._composites),
            order=tuple(order),
            texts=tuple(place for place, kind in enumerate(kinds) if kind == "text" or length_of(kind) is not None),
            conditions=tuple(place for place, kind in enumerate(kinds) if kind == "bool"),
            streams=len(layout.streams),
        )

    def _own(self, name: str) -> Column:
        return Column(self._layout.spine, name)

    def _place_columns(self) -> tuple[Getter, ...]:
        read = [
            column for view in self._layout.views for expr in view.features.values() for column in row_columns(expr)
        ]
        read += [self._own(name) for keys in self._entities for name in keys]
        for column in dict.fromkeys(read):
            self._cells[column] = len(self._cells)
        kinds = self._layout.schema[self._layout.spine]
        return tuple(
            _read_float(column.name) if kinds[column.name] == "float" else itemgetter(column.name)
            for column in dict.fromkeys(read)
        )

    def _place_blocks(self) -> tuple[Block, ...]:
        plain: dict[int, list[Aggregate]] = {}
        anchored: list[tuple[int, Aggregate]] = []
        for view in self._layout.views:
            for entity, node in [each for expr in view.features.values() for each in windows_of(expr, view.entity)]:
                if entity is None:
                    continue
                place = self._locate(node, entity)
                if node.anchor is None:
                    plain.setdefault(place, []).append(node)
                elif (place, node) not in anchored:
                    anchored.append((place, node))
        blocks = [self._make_block(place, list(dict.fromkeys(plain[place]))) for place in sorted(plain)]
        read = {self._layout.series[place].stream for place in plain}
        blocks += [self._make_around(place, node, read) for place, node in anchored]
        return tuple(blocks)

    def _locate(self, node: Aggregate, entity: Entity) -> int:
        """Return the place of the series that a window is read from, of a tree that of its root."""
        tree = None if node.bins is None or node.value is None else Tree(node.value, node.bins, 0)
        return self._layout.find(node.stream, entity.keys, node.where, tree)

    def _make_block(self, place: int, nodes: Sequence[Aggregate]) -> Block:
        series = self._layout.series[place]
        stream = self._layout.streams.index(series.stream)
        if series.tree is not None:
            for node in nodes:
                self._cells[series.keys, node] = len(self._cells)
            return self._block(place, stream=stream, sketch=make_sketch(self._layout, series, nodes))

        def pick(*kinds: str) -> list[Aggregate]:
            return [node for node in nodes if node.kind in kinds]

        counts, sums, means = pick("count"), pick("sum"), pick("mean", "share")
        spreads, fades, firsts = pick("variance", "deviation"), pick("decayed"), pick("first")
        recent, extrema = pick("last", "age"), pick("min", "max")
        for node in (*counts, *sums, *means, *spreads, *fades, *recent, *firsts, *extrema):
            self._cells[series.keys, node] = len(self._cells)
        widths = tuple(sorted({node.width_us or 0 for node in (*counts, *sums, *means, *spreads)}))
        halves = tuple(dict.fromkeys(node.width_us or 1 for node in fades))
        windows = Windows(series.lanes)

        def edge(node: Aggregate) -> int:
            return widths.index(node.width_us or 0)

        return self._block(
            place,
            stream=stream,
            span=Span(widths, halves),
            windows=windows,
            counts=tuple(windows.take(edge(node), 0) for node in counts),
            sums=tuple(make_sum(series, node, edge(node), windows) for node in sums),
            means=tuple(make_mean(series, node, edge(node), windows) for node in means),
            spreads=tuple(make_spread(series, node, edge(node), windows) for node in spreads),
            fades=tuple(
                make_fade(series, node, len(widths) + halves.index(node.width_us or 1), windows) for node in fades
            ),
            recent=tuple(make_recent(series, node) for node in recent),
            firsts=tuple(make_first(series, node) for node in firsts),
            extrema=tuple(make_extremum(series, node) for node in extrema),
        )

    def _make_around(self, place: int, node: Aggregate, read: set[str]) -> Block:
        """Make the block of a window around an instant of the row; it tells what is new only if no other does."""
        series, streams = self._layout.series[place], self._layout.streams
        self._cells[series.keys, node] = len(self._cells)
        windows = Windows(series.lanes)
        assert node.anchor is not None, "around has one"
        return self._block(
            place,
            stream=len(streams) if series.stream in read else streams.index(series.stream),
            span=Span(((node.width_us or 0) + node.after_us,), ()),
            anchor=_shift(self._compile(node.anchor, None), node.after_us),
            windows=windows,
            counts=(windows.take(0, 0),),
        )

    def _block(
        self,
        place: int,
        *,
        stream: int,
        span: Span = NO_SPAN,
        windows: Windows = _NO_WINDOWS,
        anchor: Callable[[Sequence[Scalar]], int | None] | None = None,
        counts: tuple[int, ...] = (),
        sums: tuple[Sum, ...] = (),
        means: tuple[Mean, ...] = (),
        spreads: tuple[Spread, ...] = (),
        fades: tuple[Fade, ...] = (),
        recent: tuple[Recent, ...] = (),
        firsts: tuple[First, ...] = (),
        extrema: tuple[Extremum, ...] = (),
        sketch: Sketch | None = None,
    ) -> Block:
        series = self._layout.series[place]
        unknown, first = (None,) * (len(recent) + len(firsts) + len(extrema)), len(series.newest)
        empty = () if sketch is None else sketch.nothing
        lower = sum(map(len, span))
        nothing = (
            *(0 for _ in counts),
            *(0 if total.unit is None else 0.0 for total in sums),
            *(None for _ in (*means, *spreads)),
            *(0.0 for _ in fades),
            *unknown,
            *empty,
        )
        return Block(
            prefix=encode_level(place, ENTRIES),
            base=encode_level(place, BASES),
            entity=self._entities.index(series.keys),
            stream=stream,
            packing=series.packing,
            edges=struct.Struct(f"<{series.lanes * (1 + lower)}q"),
            high=make_pick(windows.high),
            low=make_pick(windows.low),
            lower=lower,
            span=self._spans.setdefault(span, len(self._spans)),
            anchor=anchor,
            counts=counts,
            sums=sums,
            means=means,
            spreads=spreads,
            fades=fades,
            recent=recent,
            firsts=firsts,
            extrema=extrema,
            sketch=sketch,
            compared=slice(first, first + 2 * len(series.extrema)),
            zeros=bytes(series.packing.size),
            varied=series.varied,
            nothing=nothing,
            null=(None,) * len(nothing),
        )

    def _place(self, expr: Expr, entity: Entity | None) -> int:
        """Return the cell of a feature; one of its own, after those it is made of, where it is more than that."""
        if isinstance(expr, Feature):
            return self._place(definition_of(expr), entity_of(expr))
        cell = self._find(expr, entity)
        if cell is None:
            cell = self._made.get((entity, expr))
        if cell is None:
            getter = self._compile(expr, entity)
            cell = self._made[entity, expr] = len(self._cells) + len(self._composites)
            self._composites.append(getter)
        return cell

    def _find(self, expr: Expr, entity: Entity | None) -> int | None:
        if isinstance(expr, Column):
            return self._cells[expr]
        if isinstance(expr, Aggregate) and entity is not None:
            return self._cells[entity.keys, expr]
        return None

    def _compile(self, expr: Expr, entity: Entity | None) -> Getter:
        def leaf(node: Column | Aggregate | Feature) -> Getter:
            cell = self._place(node, entity) if isinstance(node, Feature) else self._find(node, entity)
            if cell is None:
                raise ShipwayError("SW-106", f"{node} needs an entity", "move it to a view of an entity")
            return itemgetter(cell)

        return compile_expr(expr, leaf, self._kind)

    def _resolve(self, expr: Expr) -> Kind:
        return feature_kind(expr, self._layout.schema)

    def _kind(self, node: Column | Aggregate | Feature) -> Kind:
        return leaf_kind(node, self._layout.schema)


def _read_float(name: str) -> Getter:
    def read(row: Any) -> Any:
        value = row[name]
        if value is None:
            return None
        value = float(value)
        return value if value == value else None  # NaN alone differs from itself

    return read


def _shift(anchor: Getter, after_us: int) -> Callable[[Sequence[Scalar]], int | None]:
    """Return the upper edge of a window around an instant, rounded and wrapped as a frame does it."""

    def edge(cells: Sequence[Scalar]) -> int | None:
        value = anchor(cells)
        if value is None:
            return None
        whole = round(value) if -(2.0**63) <= value < 2.0**63 else EARLIEST
        return wrap(whole + after_us)

    return edge

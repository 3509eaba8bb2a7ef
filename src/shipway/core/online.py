"""The layout of the online store: which series a set of feature views reads.

A *series* holds what one stream of events adds up to for one entity, one entry for each instant at which something
happened: running counts and totals up to and with that instant, in two parts (`core/level.py` says why), and the values
of its newest row. A window `(T - W, T]` is then a difference of two answers, the newest at or before T and the newest
at or before T - W: exact integers, as in batch, whatever the width, and as known at any T that the store still reaches
back to.

Whoever writes the store and whoever reads it build the layout from the same views, so that nothing else needs to be
agreed on.
"""

import struct
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Final, TypeAlias

import msgspec
import numpy as np

from shipway.core.column import Kind, Schema, kind_of, no_values, refuse_aggregate, row_columns
from shipway.core.error import ShipwayError
from shipway.core.feature import Expr, FeatureView, flatten, view_entities, windows_of
from shipway.core.tree import Tree, list_trees
from shipway.kit.canonical import digest_value
from shipway.maths import bins as binning
from shipway.maths.decay import LANES, PERIODS
from shipway.maths.expression import Aggregate, Column, render, walk
from shipway.maths.vector import Vector
from shipway.maths.wide import LIMBS

Scalar: TypeAlias = bool | int | float | str | bytes | None
"""A value; an embedding is the bytes of its numbers."""
Tie: TypeAlias = Scalar | list[Scalar]
"""What orders the rows of one instant: the value of their source's key, a list of them where it has several columns."""

RESOLUTION: Final = 1e-6
"""Floating-point values are summed as whole multiples of this, so that sums are exact in any order."""
SCALE: Final = 1 / RESOLUTION
"""How many units of a scaled sum make one."""
_FORM: Final = 3
"""The form of what is kept; another one is another store."""


class Fading(msgspec.Struct, frozen=True):
    """A value whose sum fades (`shipway.maths.decay`).

    Attributes:
        value: an expression on a row.
        half_us: after how long a value is worth half.
    """

    value: Expr
    half_us: int


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of one stream for each entity of one kind.

    Attributes:
        stream: the stream's name, `source.instant`.
        keys: the entity's key columns; none for the whole system.
        where: the condition that rows are chosen by; None for all of them.
        tree: the level of a tree of bins whose counts are kept, for each node of it; None for the other series.
        sums: expressions on a row that are counted where valid, and added up.
        scaled: for each of them whether it is floating point, and so added up in units of `RESOLUTION`.
        squares: those of them whose squares are added up as well.
        fading: values whose sum fades.
        newest: expressions of which the newest row's value is kept.
        oldest: expressions of which each instant's oldest row's value is kept.
        extrema: expressions of which the least and the greatest value of each instant are kept.
        keep_us: how far back the widest window reads, None where one is asked about an instant of the row, which may be
            any; the newest entry is kept whatever its age.
        stored: whether nothing but its newest row is ever asked for, so that it may stand in a pack (`core.pack`).
    """

    stream: str
    keys: tuple[str, ...]
    where: Expr | None = None
    tree: Tree | None = None
    sums: tuple[Expr, ...] = ()
    scaled: tuple[bool, ...] = ()
    squares: tuple[Expr, ...] = ()
    fading: tuple[Fading, ...] = ()
    newest: tuple[Expr, ...] = ()
    oldest: tuple[Expr, ...] = ()
    extrema: tuple[Expr, ...] = ()
    keep_us: int | None = 0
    stored: bool = False

    @property
    def table(self) -> str:
        """Return the source whose rows the stream is made of."""
        return self.stream.partition(".")[0]

    @property
    def first_square(self) -> int:
        """Return at which of an entry's totals those of squares begin; those of fading sums follow."""
        return 1 + 2 * len(self.sums)

    @property
    def first_fading(self) -> int:
        """Return at which of an entry's totals those of fading sums begin."""
        return self.first_square + LIMBS * len(self.squares)

    @property
    def lanes(self) -> int:
        """Return how many totals an entry has: rows, for each sum a count and a total, and what the others add up to.

        Squares have their limbs, fading sums their lanes, and a level of a tree has a count for each child of a node.
        """
        bins = 0 if self.tree is None else self.tree.children
        return self.first_fading + LANES * len(self.fading) + bins

    @property
    def packing(self) -> struct.Struct:
        """Return the fixed part of an entry, its totals."""
        return struct.Struct(f"<{self.lanes}q")

    @property
    def varied(self) -> bool:
        """Tell whether an entry has a part after the fixed one."""
        return bool(self.newest or self.extrema or self.oldest)


class Layout(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """Everything the online side of a set of views needs to know.

    Attributes:
        spine: the source whose rows are asked about.
        key: its key columns, which name a row.
        views: the feature views, in the order of the frame's columns.
        schema: kinds of the columns read.
        series: what is kept, in a fixed order; an entry's key begins with its place here.
    """

    spine: str
    key: tuple[str, ...]
    views: tuple[FeatureView, ...]
    schema: Schema
    series: tuple[Series, ...]

    @cached_property
    def namespace(self) -> str:
        """Return the name of a store of this layout: equal series are one store, whoever reads it."""
        read = sorted({*_columns_of(self.spine, (), self.series)})
        kinds = [[table, name, self.schema[table][name]] for table, name in read]
        return digest_value([_FORM, kinds, self.series])[:16]

    @cached_property
    def streams(self) -> tuple[str, ...]:
        """Return the streams that are read, in order."""
        return tuple(dict.fromkeys(series.stream for series in self.series))

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Return the feature columns in the frame's order."""
        return tuple(flatten(view.name, name) for view in self.views for name in view.features)

    @cached_property
    def request(self) -> dict[str, Kind]:
        """Return the columns a request has to bring, with their kinds: the row's key, then what the features read."""
        names = dict.fromkeys(self.key)
        for view in self.views:
            for expr in view.features.values():
                names |= dict.fromkeys(column.name for column in row_columns(expr))
            names |= dict.fromkeys(key for entity in view_entities(view) for key in entity.keys)
        return {name: self.schema[self.spine][name] for name in names}

    def find(self, stream: str, keys: tuple[str, ...], where: Expr | None = None, tree: Tree | None = None) -> int:
        """Return the place of the series of a stream for an entity."""
        wanted = (stream, keys, where, tree)
        return next(i for i, one in enumerate(self.series) if (one.stream, one.keys, one.where, one.tree) == wanted)


def make_layout(spine: str, key: Sequence[str], views: Sequence[FeatureView], schema: Schema) -> Layout:
    """Work out which series a set of views reads.

    Args:
        spine: the source whose rows are asked about.
        key: its key columns.
        views: the feature views.
        schema: kinds of (at least) the columns they read; what they do not read is left out of the layout.

    Raises:
        ShipwayError: SW-202 for a column the schema lacks, SW-203 for an expression that does not fit its columns.
    """
    found: dict[_Place, list[Aggregate]] = {}
    for view in views:
        for expr in view.features.values():
            for entity, node in windows_of(expr, view.entity):
                for place in _list_places(node, () if entity is None else entity.keys):
                    found.setdefault(place, []).append(node)
    series = tuple(_make_series(place, found[place], schema) for place in sorted(found, key=_write_place))
    return Layout(
        spine=spine,
        key=tuple(key),
        views=tuple(views),
        schema=_read_columns(spine, key, views, series, schema),
        series=series,
    )


_Place: TypeAlias = tuple[str, tuple[str, ...], Expr | None, Tree | None]
"""A stream, an entity's keys, the condition that rows are chosen by, and the level of a tree."""


def _list_places(node: Aggregate, keys: tuple[str, ...]) -> list[_Place]:
    """Return the series that a window reads."""
    if node.bins is None or node.value is None:
        return [(node.stream, keys, node.where, None)]
    return [(node.stream, keys, node.where, tree) for tree in list_trees(node.value, node.bins)]


def _write_place(place: _Place) -> tuple[str, tuple[str, ...], str, str, int]:
    stream, keys, where, tree = place
    condition = "" if where is None else render(where)
    counted, level = ("", 0) if tree is None else (f"{render(tree.value)} {tree.bins}", tree.level)
    return stream, keys, condition, counted, level


def _make_series(place: _Place, nodes: Sequence[Aggregate], schema: Schema) -> Series:
    stream, keys, where, tree = place
    table = stream.partition(".")[0]
    if where is not None and kind_of(where, table, schema) != "bool":
        raise ShipwayError("SW-203", f"{render(where)} is no condition", "compare it, such as delay > 15")
    widths = [(PERIODS if node.kind == "decayed" else 1) * (node.width_us or 0) for node in nodes]
    keep_us = None if any(node.anchor is not None for node in nodes) else max(widths)
    if tree is not None:
        _check_bins(tree, table, schema)
        return Series(stream=stream, keys=keys, where=where, tree=tree, keep_us=keep_us)

    def pick(*kinds: str) -> tuple[Expr, ...]:
        return tuple(dict.fromkeys(node.value for node in nodes if node.value is not None and node.kind in kinds))

    sums, extrema = pick("sum", "mean", "share", "variance", "deviation"), pick("min", "max")
    for expr in (*sums, *extrema, *pick("decayed")):
        refuse_aggregate(expr, kind_of(expr, table, schema))
    fading = [
        Fading(node.value, node.width_us or 1) for node in nodes if node.kind == "decayed" and node.value is not None
    ]
    return Series(
        stream=stream,
        keys=keys,
        where=where,
        sums=sums,
        scaled=tuple(kind_of(expr, table, schema) == "float" for expr in sums),
        squares=pick("variance", "deviation"),
        fading=tuple(dict.fromkeys(fading)),
        newest=pick("last"),
        oldest=pick("first"),
        extrema=extrema,
        keep_us=keep_us,
        stored=where is None and all(node.kind in ("last", "age") for node in nodes),
    )


def _check_bins(tree: Tree, table: str, schema: Schema) -> None:
    values = no_values(kind_of(tree.value, table, schema))
    try:
        binning.place(tree.bins, Vector(values, np.empty(0, dtype=np.bool_)))
    except ValueError as error:
        raise ShipwayError(
            "SW-203", f"{render(tree.value)} cannot be counted in bins: {error}", "declare what the column holds"
        ) from error


def _read_columns(
    spine: str, key: Sequence[str], views: Sequence[FeatureView], series: Sequence[Series], schema: Schema
) -> Schema:
    read: dict[tuple[str, str], None] = {(spine, name): None for name in key}
    for table, name in _columns_of(spine, views, series):
        read[table, name] = None
    kinds: Schema = {}
    for table, name in sorted(read):
        kind = schema.get(table, {}).get(name)
        if kind is None:
            raise ShipwayError("SW-202", f"nothing is known of column {name!r} of {table!r}", "run the project again")
        kinds.setdefault(table, {})[name] = kind
    return kinds


def _columns_of(spine: str, views: Sequence[FeatureView], series: Sequence[Series]) -> Iterator[tuple[str, str]]:
    for view in views:
        yield from ((spine, name) for entity in view_entities(view) for name in entity.keys)
        for expr in view.features.values():
            yield from ((spine, column.name) for column in row_columns(expr))
    for one in series:
        yield from ((one.table, name) for name in one.keys)
        chosen = () if one.where is None else (one.where,)
        counted = () if one.tree is None else (one.tree.value,)
        faded = (fading.value for fading in one.fading)
        for expr in (*chosen, *counted, *one.sums, *faded, *one.newest, *one.oldest, *one.extrema):
            yield from ((one.table, node.name) for node in walk(expr) if isinstance(node, Column))

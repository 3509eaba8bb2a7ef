"""The layout of the online store: which series a set of feature views reads, and the bytes they are kept in.

A *series* holds what one stream of events adds up to for one entity, one entry for each instant at which something
happened: running counts and totals up to and with that instant, in two parts (`core/level.py` says why), and the values
of its newest row. A window `(T - W, T]` is then a difference of two answers, the newest at or before T and the newest
at or before T - W: exact integers, as in batch, whatever the width, and as known at any T that the store still reaches
back to.

Whoever writes the store and whoever reads it build the layout from the same views, so that nothing else needs to be
agreed on.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Final, Literal, TypeAlias

import msgspec
import numpy as np

from shipway.core.error import ShipwayError
from shipway.core.feature import Entity, Expr, FeatureView, definition_of, entities_of, flatten, windows_of
from shipway.core.level import ENTRIES
from shipway.core.tree import Tree, list_trees
from shipway.kit.canonical import digest_bytes, digest_value
from shipway.maths import bins as binning
from shipway.maths.decay import LANES, PERIODS
from shipway.maths.evaluation import evaluate
from shipway.maths.expression import Aggregate, Column, Constant, Feature, Operation, Span, render, walk
from shipway.maths.vector import Vector
from shipway.maths.wide import LIMBS

Kind: TypeAlias = Literal["int", "float", "text", "bool", "instant"]
Schema: TypeAlias = dict[str, dict[str, Kind]]
"""Table to column to kind, of every column that a set of views reads."""
Scalar: TypeAlias = bool | int | float | str | None
Tie: TypeAlias = Scalar | list[Scalar]
"""What orders the rows of one instant: the value of their source's key, a list of them where it has several columns."""

RESOLUTION: Final = 1e-6
"""Floating-point values are summed as whole multiples of this, so that sums are exact in any order."""
SCALE: Final = 1 / RESOLUTION
"""How many units of a scaled sum make one."""
LONGEST_KEY: Final = 200
"""Bytes of an entity's key up to which it stands in the store as it is; a longer one by its digest."""
_FORM: Final = 3
"""The form of what is kept; another one is another store."""
WATERMARKS: Final = b"\xff\xff"
"""The name of the one entry that says up to when a store has everything; it stands at instant 0."""
_ROW_STATES: Final = b"\xff\xfe"
"""What the names of rows begin with: where a series' name has a place that no layout has so many series for."""
_EARLIEST: Final = -(1 << 63)
_HASHED: Final = b"\xc1"  # the one byte that begins no MessagePack value
_PACK: Final = msgspec.msgpack.Encoder()
_UNPACK: Final = msgspec.msgpack.Decoder(list[Any])
_DTYPES: Final[dict[Kind, Any]] = {
    "int": np.int64,
    "float": np.float64,
    "text": np.object_,
    "bool": np.bool_,
    "instant": np.int64,
}


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


def kind_of(expr: Expr, table: str, schema: Mapping[str, Mapping[str, Kind]]) -> Kind:
    """Return the kind of value an expression on a table's rows has; instants and durations are `int`.

    Raises:
        ShipwayError: SW-202 for a column the schema lacks, SW-203 where an operator does not fit its operands.
    """

    def leaf(node: Column | Aggregate | Feature) -> Vector:
        kind = schema.get(table, {}).get(node.name) if isinstance(node, Column) else None
        if kind is None:
            raise ShipwayError("SW-202", f"nothing is known of {render(node)}", "make the bundle again: shipway run")
        return Vector(np.empty(0, dtype=_DTYPES[kind]), np.empty(0, dtype=np.bool_))

    try:
        values = evaluate(expr, leaf, 0).values
    except ValueError as error:
        raise ShipwayError("SW-203", str(error), "use columns of kinds that go together") from error
    kinds: dict[str, Kind] = {"b": "bool", "i": "int", "f": "float", "O": "text"}
    return kinds[values.dtype.kind]


def read_kinds(columns: Mapping[str, str]) -> dict[str, Kind]:
    """Return the kinds of a table's columns from their types as Polars writes them; those of no kind are left out.

    A date, and a date and time with a zone, is an instant; a duration, and a time without a zone, a number of
    microseconds.
    """
    names: tuple[tuple[str, Kind], ...] = (
        ("Int", "int"),
        ("UInt", "int"),
        ("Float", "float"),
        ("Decimal", "float"),
        ("String", "text"),
        ("Categorical", "text"),
        ("Enum", "text"),
        ("Boolean", "bool"),
        ("Datetime", "instant"),
        ("Date", "instant"),
        ("Duration", "int"),
    )
    kinds: dict[str, Kind] = {}
    for column, written in columns.items():
        for name, kind in names:
            if written.startswith(name):
                kinds[column] = "int" if "time_zone=None" in written else kind
                break
    return kinds


def row_columns(expr: Expr) -> tuple[Column, ...]:
    """Return the columns that a feature reads of the row asked about: outside windows, and in their anchors.

    What it reads through other features is among them.
    """
    found: dict[Column, None] = {}
    stack: list[Expr] = [expr]
    while stack:
        match stack.pop():
            case Column() as column:
                found[column] = None
            case Operation(args=args):
                stack.extend(args)
            case Aggregate(anchor=anchor) if anchor is not None:
                stack.append(anchor)
            case Feature() as feature:
                stack.append(definition_of(feature))
            case Aggregate() | Constant() | Span():
                pass
    return tuple(found)


def view_entities(view: FeatureView) -> tuple[Entity, ...]:
    """Return the entities that a view's features need to be told, its own first."""
    own = () if view.entity is None else (view.entity,)
    read = (each for expr in view.features.values() for each in entities_of(expr, view.entity))
    return tuple(dict.fromkeys([*own, *read]))


def encode_series(place: int, keys: Sequence[Scalar]) -> bytes:
    """Return the name of one entity's series: its place in the layout, then the key, which is a prefix of no other.

    Args:
        place: place of the series in the layout.
        keys: the entity's key values, none of them null; of the kinds the schema says.
    """
    return encode_level(place, ENTRIES) + encode_entity(keys)


def encode_place(place: int) -> bytes:
    """Return what the names of all series at a place of the layout begin with, on whatever level."""
    return place.to_bytes(2, "big")


def encode_level(place: int, level: int) -> bytes:
    """Return what the names on one level of all series at a place begin with; the entity's key follows."""
    return encode_place(place) + level.to_bytes()


def encode_entity(keys: Sequence[Scalar]) -> bytes:
    """Return what follows in the name of one entity's series, the same for every series of that entity.

    Args:
        keys: the entity's key values, none of them null; of the kinds the schema says.
    """
    if not keys:
        return b""
    # Zero has two forms as a floating-point number, and a frame takes them for one.
    packed = _PACK.encode([key + 0.0 if type(key) is float else key for key in keys])
    return packed if len(packed) <= LONGEST_KEY else _HASHED + bytes.fromhex(digest_bytes(packed))


def encode_row(source: int, keys: Sequence[Scalar]) -> bytes:
    """Return the name under which a store keeps what a source's row has added to it.

    Args:
        source: the source's place among those the layout reads.
        keys: the values of the row's key.
    """
    return _ROW_STATES + source.to_bytes(2, "big") + encode_entity(keys)


def encode_rows(source: int) -> bytes:
    """Return what the names of all rows of a source begin with."""
    return _ROW_STATES + source.to_bytes(2, "big")


def pack_watermarks(watermarks: Sequence[int]) -> bytes:
    """Return the bytes of the instants up to which a store has everything, one for each stream of its layout."""
    return struct.pack(f"<{len(watermarks)}q", *watermarks)


def unpack_watermarks(watermarks: bytes) -> tuple[int | None, ...]:
    """Return for each stream the instant up to which a store has everything known; None where nobody knows."""
    found = struct.unpack(f"<{len(watermarks) // 8}q", watermarks)
    return tuple(None if instant == _EARLIEST else instant for instant in found)


def pack_entry(packing: struct.Struct, totals: Sequence[int], varied: Sequence[Any] = ()) -> bytes:
    """Return the bytes of an entry.

    Args:
        packing: of the series.
        totals: rows since the last cut, then for each sum how many were valid and their total since then, then what
            else of the series adds up.
        varied: the newest row's values, then for each extremum the least and the greatest value among the rows of the
            entry's instant, then the oldest row's values and its tie, then the newest row's tie; empty where the series
            keeps none of these.
    """
    fixed = packing.pack(*totals)
    return fixed + _PACK.encode(varied) if varied else fixed


def unpack_entry(packing: struct.Struct, entry: bytes) -> tuple[tuple[int, ...], list[Any]]:
    """Return the totals and the varied part of an entry, as `pack_entry` was given them."""
    return packing.unpack_from(entry), unpack_varied(packing, entry)


def unpack_varied(packing: struct.Struct, entry: bytes) -> list[Any]:
    """Return the varied part of an entry alone."""
    return _UNPACK.decode(entry[packing.size :]) if len(entry) > packing.size else []


def pack_values(values: Sequence[Any]) -> bytes:
    """Return the bytes of values alone: the varied part of an entry, or the least and the greatest values of a span."""
    return _PACK.encode(values)


def unpack_values(values: bytes) -> list[Any]:
    """Return values as `pack_values` was given them."""
    return _UNPACK.decode(values)


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
        if kind_of(expr, table, schema) == "text":
            raise ShipwayError("SW-203", f"{render(expr)} is text", "numbers, truth and time can be aggregated")
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
    values = np.empty(0, dtype=_DTYPES[kind_of(tree.value, table, schema)])
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

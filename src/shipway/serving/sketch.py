"""Quantiles, numbers of different values and most common values, read from trees of bins.

A question walks down a tree: of each node that it passes it reads what the node's children count in the window, a
difference of two entries. A quantile passes one node on each level, the most common value those that may hold it, and a
number of values those that hold any.
"""

import heapq
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import add, sub
from typing import Final, TypeAlias

from shipway.core.entry import encode_entity, encode_level
from shipway.core.level import BASES, ENTRIES
from shipway.core.online import Layout, Scalar, Series
from shipway.core.tree import FAN, Tree, list_trees
from shipway.maths.bins import Categories, Edges, Hashes, Relative, estimates, rank_of, value_at
from shipway.maths.expression import Aggregate
from shipway.ports.online import Online

_EARLIEST: Final = -(1 << 63)

_Node: TypeAlias = tuple[int, int]
"""A node of a tree: its level, and its number on the level."""


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """One level of a tree in the store.

    Attributes:
        prefix: what the names of its nodes' entries begin with; the entity's key with the node follows.
        base: what the names of their bases begin with.
        packing: of its entries: rows, then the count of each child.
        below: how many bins a child has below it.
        zeros: the counts of its children where there is no event.
    """

    prefix: bytes
    base: bytes
    packing: struct.Struct
    below: int
    zeros: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Sketch:
    """What is read of one tree of bins.

    Attributes:
        levels: from the root down.
        asked: the windows over it.
        nothing: their values where there is no event.
    """

    levels: tuple[Level, ...]
    asked: tuple[Aggregate, ...]
    nothing: tuple[Scalar, ...]


def make_sketch(layout: Layout, series: Series, nodes: Sequence[Aggregate]) -> Sketch:
    """Work out what the windows over a tree of bins read.

    Args:
        layout: the features.
        series: the root of the tree.
        nodes: the windows.
    """
    assert series.tree is not None, "the root of a tree"
    places = [
        layout.find(series.stream, series.keys, series.where, tree)
        for tree in list_trees(series.tree.value, series.tree.bins)
    ]
    levels = tuple(_make_level(place, layout.series[place]) for place in places)
    return Sketch(levels, tuple(nodes), tuple(_conclude(node, 0) for node in nodes))


def read_sketch(online: Online, sketch: Sketch, keys: Sequence[Scalar], at: int) -> list[Scalar]:
    """Return the values of the windows over a tree, all from one state of the store.

    Args:
        online: the store.
        sketch: what is read.
        keys: the entity's key.
        at: as of when, microseconds since 1970 UTC.
    """
    while True:
        position = online.position()
        counts = _Counts(online, sketch, keys, at)
        values = [_read(node, counts) for node in sketch.asked]
        if online.position() == position:
            return values


@dataclass(slots=True, eq=False)
class _Counts:
    """What the nodes of one entity's tree count, each read once for every window."""

    online: Online
    sketch: Sketch
    keys: Sequence[Scalar]
    at: int
    _totals: dict[tuple[_Node, int], Sequence[int]] = field(default_factory=dict[tuple[_Node, int], Sequence[int]])

    def read(self, nodes: Sequence[_Node], width_us: int) -> list[Sequence[int]]:
        """Return for each node how many events of a window fall into each of its children."""
        low, totals = max(self.at - width_us, _EARLIEST), self._totals
        # All windows end at one instant, so of each but the first only where it begins is asked for.
        missing = [edge for node in nodes for edge in ((node, self.at), (node, low)) if edge not in totals]
        if missing:
            asks = [(name, instant) for node, instant in missing for name in self._name(node)]
            found = self.online.newest(asks)
            for place, edge in enumerate(missing):
                totals[edge] = self._add(self.sketch.levels[edge[0][0]], found[2 * place], found[2 * place + 1])
        return [list(map(sub, totals[node, self.at], totals[node, low])) for node in nodes]

    def _name(self, node: _Node) -> tuple[bytes, bytes]:
        level = self.sketch.levels[node[0]]
        name = encode_entity((*self.keys, node[1]) if node[0] else self.keys)
        return level.prefix + name, level.base + name

    def _add(self, level: Level, entry: tuple[int, bytes] | None, base: tuple[int, bytes] | None) -> Sequence[int]:
        """Return how many events fell into each child up to an edge: those of its block and of all before."""
        if entry is None and base is None:
            return level.zeros
        left = level.zeros if entry is None else level.packing.unpack_from(entry[1])[1:]
        right = level.zeros if base is None else level.packing.unpack_from(base[1])[1:]
        return list(map(add, left, right))


def _make_level(place: int, series: Series) -> Level:
    assert isinstance(series.tree, Tree), "a level of a tree"
    zeros = (0,) * (series.packing.size // 8 - 1)
    return Level(encode_level(place, ENTRIES), encode_level(place, BASES), series.packing, series.tree.below, zeros)


def _read(node: Aggregate, counts: _Counts) -> Scalar:
    if node.kind == "quantile":
        return _find_ranked(node, counts)
    if node.kind == "common":
        return _find_common(node, counts)
    return _conclude(node, _count_distinct(node, counts))


def _conclude(node: Aggregate, found: int) -> Scalar:
    """Return how many different values that many bins make; null for a window of another kind, if it is empty."""
    if node.kind != "distinct":
        return None
    return estimates(node.bins.count)[found] if isinstance(node.bins, Hashes) else found


def _find_ranked(node: Aggregate, counts: _Counts) -> Scalar:
    assert isinstance(node.bins, Edges | Relative), "what a quantile is read from"
    width_us, number, rank = node.width_us or 0, 0, -1
    children: Sequence[int] = ()
    child = 0
    for level in range(len(counts.sketch.levels)):
        (children,) = counts.read([(level, number)], width_us)
        if rank < 0:
            total = sum(children)
            if not total:
                return None
            rank = rank_of(node.share, total)
        child = 0
        while rank >= children[child]:
            rank -= children[child]
            child += 1
        number = number * FAN + child
    return value_at(node.bins, number, rank, children[child])


def _count_distinct(node: Aggregate, counts: _Counts) -> int:
    level, numbers = 0, [0]
    for level in range(len(counts.sketch.levels)):
        found = counts.read([(level, number) for number in numbers], node.width_us or 0)
        numbers = [
            number * FAN + child
            for number, children in zip(numbers, found, strict=True)
            for child, count in enumerate(children)
            if count
        ]
    return len(numbers)


def _find_common(node: Aggregate, counts: _Counts) -> Scalar:
    """Look into the node with the most events first: no other holds a value that is more common."""
    assert isinstance(node.bins, Categories), "what the most common value is one of"
    levels, left = counts.sketch.levels, node.place
    # The count, negative; the first bin below, for the order of two that are equal; then the node.
    heap: list[tuple[int, int, _Node]] = [(0, 0, (0, 0))]
    while heap:
        _, first, (level, number) = heapq.heappop(heap)
        if level == len(levels):
            left -= 1
            if not left:
                return node.bins.values[first]
            continue
        (children,) = counts.read([(level, number)], node.width_us or 0)
        for child, count in enumerate(children):
            if count:
                below = number * FAN + child
                heapq.heappush(heap, (-count, below * levels[level].below, (level + 1, below)))
    return None

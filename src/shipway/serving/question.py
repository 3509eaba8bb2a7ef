"""What is asked of the store for a batch of rows: everything at once, and nothing twice."""

from collections.abc import Sequence
from typing import TypeAlias

import msgspec

from shipway.core.online import Scalar
from shipway.core.pack import INSTANT
from shipway.ports.online import Edges, Look
from shipway.serving.block import Block, Span
from shipway.serving.stored import Stored

_Place: TypeAlias = tuple[int, int, int]
"""Where the values of a series' edges are: the place of its group, its own in the group, and how many edges it has."""


class Ask(msgspec.Struct, frozen=True):
    """A block of some row.

    Attributes:
        block: the block.
        stored: how it is read from its entity's pack, if it is stored there.
        series: the name of the entity's series.
        key: the entity's key.
        at: as of when, microseconds since 1970 UTC.
        place: of its newest entry among what is asked; of its pack, if it is stored there.
        edges: where the values at its edges are; None for a block without lower edges.
    """

    block: Block
    stored: Stored | None
    series: bytes
    key: Sequence[Scalar]
    at: int
    place: int
    edges: _Place | None


class Reply(msgspec.Struct, frozen=True):
    """What a store answered.

    Attributes:
        newest: the newest entries.
        packs: the values of packs.
        values: of each group the values at the lower edges of its series, then those of their bases at all edges.
    """

    newest: Sequence[tuple[int, bytes] | None]
    packs: Sequence[bytes | None]
    values: Sequence[Sequence[bytes | None]]

    def edges(self, place: _Place) -> tuple[Sequence[bytes | None], Sequence[bytes | None]]:
        """Return the entries at the lower edges of a block, and the bases at its instant and at these edges."""
        group, own, count = place
        first = own * count
        entries = self.values[2 * group][first : first + count]
        return entries, self.values[2 * group + 1][first + own : first + own + count + 1]


class Question:
    """Collects what is asked.

    Attributes:
        asks: blocks, each of an entity and an instant once.
        newest: the newest entries to ask for.
    """

    def __init__(self, spans: Sequence[Span]) -> None:
        """Begin with nothing; the spans are those of the plan."""
        self.asks: list[Ask] = []
        self.newest: list[tuple[bytes, int]] = []
        self._spans = spans
        self._known: dict[tuple[int, bytes, int], int] = {}
        self._packs: dict[bytes, int] = {}
        # Blocks of one span and instant share their edges.
        self._groups: dict[tuple[int, int], tuple[int, list[bytes], list[bytes]]] = {}

    def ask(self, number: int, block: Block, stored: Stored | None, name: bytes, key: Sequence[Scalar], at: int) -> int:
        """Ask for a block, if it is not asked for already, and return its place among `asks`.

        Args:
            number: the block's place in the plan.
            block: the block.
            stored: how it is read from a pack.
            name: of the entity.
            key: of the entity.
            at: as of when.
        """
        place = len(self.asks)
        known = self._known.setdefault((number, name, at), place)
        if known == place:
            series = block.prefix + name
            if stored is not None:
                pack = self._packs.setdefault(stored.prefix + name, len(self._packs))
                self.asks.append(Ask(block, stored, series, key, at, pack, None))
                return place
            edges = self._ask_edges(block, at, series, block.base + name) if block.lower else None
            self.asks.append(Ask(block, None, series, key, at, len(self.newest), edges))
            self.newest.append((series, at))
        return known

    def put(self, look: Look) -> Reply:
        """Ask the store."""
        edges: list[Edges] = [(list(self._packs), (INSTANT,))] if self._packs else []
        for (span, at), (_, series, bases) in self._groups.items():
            lows = self._spans[span].edges(at)
            edges += [(series, lows), (bases, (at, *lows))]
        newest, values = look(self.newest, edges)
        return Reply(newest, values.pop(0) if self._packs else (), values)

    def _ask_edges(self, block: Block, at: int, series: bytes, base: bytes) -> _Place:
        group = self._groups.get((block.span, at))
        if group is None:
            group = self._groups[block.span, at] = len(self._groups), [], []
        number, names, bases = group
        names.append(series)
        bases.append(base)
        return number, len(names) - 1, block.lower

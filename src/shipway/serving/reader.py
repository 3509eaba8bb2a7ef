"""Reading features from the online store: as known at T, and to the bit what a frame has at T.

All that can be decided from the layout alone is decided once. A batch of rows then costs one call of the store, and
rows about the same entity and instant share what was read.
"""

import math
from collections.abc import Mapping, Sequence
from operator import add
from typing import Any, Final, TypeAlias

from shipway.core.entry import WATERMARKS, encode_entity, encode_level, unpack_varied, unpack_watermarks
from shipway.core.feature import windows_of
from shipway.core.level import ENTRIES
from shipway.core.online import SCALE, Layout, Scalar
from shipway.core.pack import INSTANT
from shipway.maths.decay import LANES, conclude, lower_edge
from shipway.maths.wide import LIMBS
from shipway.ports.online import Online
from shipway.serving.cell import Fade, Spread
from shipway.serving.direct import Features, find_direct
from shipway.serving.extremum import find_extrema
from shipway.serving.plan import Block, make_plan
from shipway.serving.sketch import read_sketch
from shipway.serving.stored import Stored, find_stored

_EARLIEST: Final = -(1 << 63)
_NAN: Final = math.nan

_Ask: TypeAlias = tuple[Block, bytes, int, int, Stored | None, Sequence[Scalar]]
"""A block, the name of an entity's series, the instant, where the answers for its edges begin, how to read it from its
entity's pack if it is stored there, and the entity's key."""


class FeatureReader:
    """Reads the features of a layout; one reader serves one thread at a time."""

    def __init__(self, layout: Layout, online: Online) -> None:
        """Work out what is asked of the store.

        Args:
            layout: the features.
            online: a store of the layout's namespace.

        Raises:
            ShipwayError: SW-202 for a column the layout's schema lacks, SW-203 for an expression that does not fit.
        """
        self._online = online
        self._plan = make_plan(layout)
        self._stored = find_stored(layout, self._plan.blocks, online)
        self._limits = _find_limits(layout, self._plan.blocks)
        self._direct = find_direct(layout, self._plan, self._stored, online)

    def read(self, rows: Sequence[Mapping[str, Scalar]], at: Sequence[int]) -> list[Features]:
        """Read the features of some rows.

        Args:
            rows: what each brings: a value, or None, for every column of `layout.request`, of the kind said there.
            at: as of when each is asked, microseconds since 1970 UTC.

        Returns:
            The features of each row.

        Raises:
            KeyError: if a row lacks a column.
            ShipwayError: as the store raises.
        """
        if self._direct is None:
            return self._read(rows, at)
        found = self._direct.read(rows, at)
        rest = [place for place, each in enumerate(found) if each is None]
        others = iter(self._read([rows[place] for place in rest], [at[place] for place in rest]) if rest else ())
        return [next(others) if each is None else each for each in found]

    def _read(self, rows: Sequence[Mapping[str, Scalar]], at: Sequence[int]) -> list[Features]:
        asks: list[_Ask] = []
        shared: dict[tuple[int, bytes, int], int] = {}
        edges: list[tuple[bytes, int]] = []
        packs: dict[bytes, int] = {}
        asked = [self._ask(row, instant, asks, edges, shared, packs) for row, instant in zip(rows, at, strict=True)]
        *found, told = self._online.newest([*edges, (WATERMARKS, 0)])
        watermarks = () if told is None else unpack_watermarks(told[1])
        answers = self._answer_all(asks, found)
        return [self._gather(cells, of, answers, watermarks, at) for (cells, of), at in zip(asked, at, strict=True)]

    def _ask(
        self,
        row: Mapping[str, Scalar],
        at: int,
        asks: list[_Ask],
        edges: list[tuple[bytes, int]],
        shared: dict[tuple[int, bytes, int], int],
        packs: dict[bytes, int],
    ) -> tuple[list[Scalar], list[int]]:
        """Read a row's own columns and ask for its blocks, each that is not asked for already.

        Returns:
            The row's first cells, and for each block its place among what is asked; -1 where it is null.
        """
        plan = self._plan
        cells = [read(row) for read in plan.columns]
        keys = [[cells[place] for place in places] for places in plan.entities]
        names = [None if None in key else encode_entity(key) for key in keys]
        of: list[int] = []
        for number, (block, stored) in enumerate(zip(plan.blocks, self._stored, strict=True)):
            name, instant = names[block.entity], at
            if block.anchor is not None:
                anchored = block.anchor(cells)
                name, instant = (None, 0) if anchored is None else (name, anchored)
            if name is None:
                of.append(-1)
                continue
            place = len(asks)
            known = shared.setdefault((number, name, instant), place)
            of.append(known)
            if known != place:
                continue
            series = block.prefix + name
            key = keys[block.entity]
            if stored is not None:
                pack = stored.prefix + name
                first = packs.setdefault(pack, len(edges))
                if first == len(edges):
                    edges.append((pack, INSTANT))
                asks.append((block, series, instant, first, stored, key))
                continue
            asks.append((block, series, instant, len(edges), None, key))
            backs, base = block.backs, block.base + name
            if instant < block.least:  # no event is as old as the first instant of all
                instants = [max(instant - back, _EARLIEST) for back in backs]
            else:
                instants = [instant - back for back in backs]
            if block.halves:
                instants += [max(lower_edge(instant, half), _EARLIEST) for half in block.halves]
            edges += [(series, each) for each in instants]
            edges += [(base, each) for each in instants]
        return cells, of

    def _answer_all(
        self, asks: Sequence[_Ask], found: Sequence[tuple[int, bytes] | None]
    ) -> list[tuple[Sequence[Scalar], int]]:
        """Answer blocks, and those whose pack does not say what was known at their instant from their series."""
        answers: list[tuple[Sequence[Scalar], int] | None] = []
        unpacked: dict[int, tuple[Any, ...] | None] = {}
        for ask in asks:
            stored, first = ask[4], ask[3]
            if stored is None:
                answers.append(self._answer(ask, found))
                continue
            if first not in unpacked:
                value = found[first]
                unpacked[first] = None if value is None else stored.unpack(value[1])
            fields, value = unpacked[first], found[first]
            answers.append(None if fields is None or value is None else stored.answer(fields, value[1], ask[2]))
        late = [place for place, answer in enumerate(answers) if answer is None]
        if late:
            # Twice, where the answer is looked for and where its base would be: what is stored has no use for one.
            edges = self._online.newest([ask[1:3] for place in late for ask in (asks[place], asks[place])])
            for edge, place in enumerate(late):
                block, series, instant, _, _, key = asks[place]
                answers[place] = self._answer((block, series, instant, 2 * edge, None, key), edges)
        return [answer for answer in answers if answer is not None]

    def _answer(self, ask: _Ask, found: Sequence[tuple[int, bytes] | None]) -> tuple[Sequence[Scalar], int]:
        """Return a block's cells, and the instant of the newest event read, the least one where there is none."""
        block, series, instant, first, _, key = ask
        newest = found[first]
        if newest is None:
            return block.nothing, _EARLIEST
        if block.sketch is not None:
            return read_sketch(self._online, block.sketch, key, instant), newest[0]
        unpack, zeros = block.packing.unpack_from, block.zeros
        middle = first + len(block.backs) + len(block.halves)
        edges: list[Sequence[int]] = [zeros if entry is None else unpack(entry[1]) for entry in found[first:middle]]
        bases = found[middle : middle + len(edges)]
        if block.halves or bases[0] != bases[-1]:
            # Where all edges have one base, or none, it makes no difference to theirs.
            edges = [
                edge if base is None else list(map(add, edge, unpack(base[1])))
                for edge, base in zip(edges, bases, strict=False)
            ]
        top = edges[0]
        rows = top[0]
        values: list[Scalar] = [rows - edges[low][0] for low in block.counts]
        for low, slot, unit in block.sums:
            total = top[slot] - edges[low][slot]
            values.append(total if unit is None else total / unit)
        for low, slot, unit in block.means:
            before = edges[low]
            count = top[slot] - before[slot]
            values.append((top[slot + 1] - before[slot + 1]) / (count * unit) if count else None)
        if block.spreads:
            values += [_spread(top, edges[one.low], one) for one in block.spreads]
        if block.fades:
            values += [_fade(top, edges[one.low], one, instant) for one in block.fades]
        if block.recent:
            varied, age = unpack_varied(block.packing, newest[1]), instant - newest[0]
            values += [None if age >= width else age if slot is None else varied[slot] for slot, width in block.recent]
        if block.firsts:
            values += self._find_firsts(block, series, instant)
        if block.extrema:
            values += self._find_extrema(block, series, instant)
        return values, newest[0]

    def _find_firsts(self, block: Block, series: bytes, instant: int) -> list[Scalar]:
        """Return values of the oldest events of windows that end at an instant."""
        found = self._online.oldest([(series, max(instant - one.width_us, _EARLIEST)) for one in block.firsts])
        return [
            None if entry is None or entry[0] > instant else unpack_varied(block.packing, entry[1])[one.slot]
            for one, entry in zip(block.firsts, found, strict=True)
        ]

    def _find_extrema(self, block: Block, series: bytes, instant: int) -> list[Scalar]:
        """Return the least and greatest values over windows, all from one state of the store."""
        while True:
            position = self._online.position()
            values = find_extrema(self._online, block, series, instant)
            if self._online.position() == position:
                return values

    def _gather(
        self,
        cells: list[Scalar],
        of: Sequence[int],
        answers: Sequence[tuple[Sequence[Scalar], int]],
        watermarks: tuple[int | None, ...],
        at: int,
    ) -> Features:
        plan = self._plan
        newest = [_EARLIEST] * (plan.streams + 1)
        for block, place in zip(plan.blocks, of, strict=True):
            if place < 0:
                cells += block.null
                continue
            values, instant = answers[place]
            cells += values
            if instant > newest[block.stream]:
                newest[block.stream] = instant
        for composite in plan.composites:
            cells.append(composite(cells))
        shown: list[Scalar] = [_NAN if (value := cells[cell]) is None else value for cell in plan.order]
        for place in plan.texts:
            shown[place] = cells[plan.order[place]]
        for place in plan.conditions:
            condition = cells[plan.order[place]]
            shown[place] = _NAN if condition is None else int(condition)
        seen = tuple([None if instant == _EARLIEST else instant for instant in newest[:-1]])
        if not self._limits:
            return Features(shown, seen, watermarks)
        expired = [
            place
            for place, number, width in self._limits
            if cells[plan.order[place]] is None and of[number] >= 0 and _EARLIEST < answers[of[number]][1] <= at - width
        ]
        return Features(shown, seen, watermarks, tuple(expired))


def _find_limits(layout: Layout, blocks: Sequence[Block]) -> tuple[tuple[int, int, int], ...]:
    """Return which columns an event may be too old for: the column's place, its block, and from what age on."""
    numbers = {block.prefix: number for number, block in enumerate(blocks) if block.anchor is None}
    limits: list[tuple[int, int, int]] = []
    column = 0
    for view in layout.views:
        for expr in view.features.values():
            for entity, node in windows_of(expr, view.entity):
                if entity is not None and node.kind in ("last", "age"):
                    number = numbers[encode_level(layout.find(node.stream, entity.keys, node.where), ENTRIES)]
                    if node.width_us is not None:
                        limits.append((column, number, node.width_us))
            column += 1
    return tuple(limits)


def _spread(high: Sequence[int], low: Sequence[int], one: Spread) -> float | None:
    """Return a variance or deviation from two edges, by the steps that a frame takes."""
    count, total = (high[slot] - low[slot] for slot in (one.slot, one.slot + 1))
    if count < 2:
        return None
    lanes = range(one.squares, one.squares + LIMBS)
    squares = sum(high[lane] - low[lane] << 32 * place for place, lane in enumerate(lanes))
    variance = float(count * squares - total * total) / (float(count * (count - 1)) * (one.unit * one.unit))
    return math.sqrt(variance) if one.root else variance


def _fade(high: Sequence[int], low: Sequence[int], one: Fade, at: int) -> float:
    """Return a sum that fades from two edges."""
    lanes = [high[lane] - low[lane] for lane in range(one.slot, one.slot + LANES)]
    return conclude(lanes, at, one.half_us, SCALE)

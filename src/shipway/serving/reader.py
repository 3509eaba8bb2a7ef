"""Reading features from the online store: as known at T, and to the bit what a frame has at T.

All that can be decided from the layout alone is decided once. A batch of rows then costs one call of the store, and
rows about the same entity and instant share what was read.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import add
from typing import Final, TypeAlias

from shipway.core.online import WATERMARKS, Layout, Scalar, encode_entity, unpack_varied, unpack_watermarks
from shipway.ports.online import Online
from shipway.serving.extremum import find_extrema
from shipway.serving.plan import Block, make_plan

_EARLIEST: Final = -(1 << 63)
_NAN: Final = math.nan

_Ask: TypeAlias = tuple[Block, bytes, int, int]
"""A block, the name of an entity's series, the instant, and where the answers for its edges begin."""


@dataclass(frozen=True, slots=True)
class Features:
    """What was read for one row.

    Attributes:
        values: one for each of the layout's columns: numbers, with NaN for null and conditions as 0 and 1; texts, with
            None for null.
        newest: for each of the layout's streams the instant of the newest event read, microseconds since 1970 UTC; None
            where none was, and for what was known beforehand, at no instant.
        watermarks: for each of the layout's streams the instant up to which the store has everything known; None where
            nobody knows, and none at all of a store that does not say. What is read at T is exact if T is not before
            the watermarks, and nothing was known in between that is not applied yet.
    """

    values: list[Scalar]
    newest: tuple[int | None, ...]
    watermarks: tuple[int | None, ...] = ()


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
        asks: list[_Ask] = []
        shared: dict[tuple[int, bytes, int], int] = {}
        edges: list[tuple[bytes, int]] = []
        asked = [self._ask(row, instant, asks, edges, shared) for row, instant in zip(rows, at, strict=True)]
        *found, told = self._online.newest([*edges, (WATERMARKS, 0)])
        watermarks = () if told is None else unpack_watermarks(told[1])
        answers = [self._answer(ask, found) for ask in asks]
        return [self._gather(cells, of, answers, watermarks) for cells, of in asked]

    def _ask(
        self,
        row: Mapping[str, Scalar],
        at: int,
        asks: list[_Ask],
        edges: list[tuple[bytes, int]],
        shared: dict[tuple[int, bytes, int], int],
    ) -> tuple[list[Scalar], list[int]]:
        """Read a row's own columns and ask for its blocks, each that is not asked for already.

        Returns:
            The row's first cells, and for each block its place among what is asked; -1 where it is null.
        """
        plan = self._plan
        cells = [read(row) for read in plan.columns]
        names: list[bytes | None] = []
        for places in plan.entities:
            keys = [cells[place] for place in places]
            names.append(None if None in keys else encode_entity(keys))
        of: list[int] = []
        for number, block in enumerate(plan.blocks):
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
            asks.append((block, series, instant, len(edges)))
            backs, base = block.backs, block.base + name
            if instant < block.least:  # no event is as old as the first instant of all
                instants = [max(instant - back, _EARLIEST) for back in backs]
            else:
                instants = [instant - back for back in backs]
            edges += [(series, each) for each in instants]
            edges += [(base, each) for each in instants]
        return cells, of

    def _answer(self, ask: _Ask, found: Sequence[tuple[int, bytes] | None]) -> tuple[Sequence[Scalar], int]:
        """Return a block's cells, and the instant of the newest event read, the least one where there is none."""
        block, series, instant, first = ask
        newest = found[first]
        if newest is None:
            return block.nothing, _EARLIEST
        unpack, zeros, middle = block.packing.unpack_from, block.zeros, first + len(block.backs)
        edges = [zeros if entry is None else unpack(entry[1]) for entry in found[first:middle]]
        bases = found[middle : middle + len(edges)]
        if bases[0] != bases[-1]:
            # Where all edges have one base, or none, it makes no difference to theirs.
            edges = [
                edge if base is None else tuple(map(add, edge, unpack(base[1])))
                for edge, base in zip(edges, bases, strict=True)
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
        if block.recent:
            varied, age = unpack_varied(block.packing, newest[1]), instant - newest[0]
            values += [None if age >= width else age if slot is None else varied[slot] for slot, width in block.recent]
        if block.extrema:
            values += self._find_extrema(block, series, instant)
        return values, newest[0]

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
        told = tuple([None if instant == _EARLIEST else instant for instant in newest[:-1]])
        return Features(shown, told, watermarks)

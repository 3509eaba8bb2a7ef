"""Reading features from the online store: as known at T, and to the bit what a frame has at T.

All that can be decided from the layout alone is decided once. A batch of rows then costs one call of the store, and
rows about the same entity and instant share what was read.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from shipway.core.entry import WATERMARKS, encode_entity, encode_level, unpack_varied, unpack_watermarks
from shipway.core.feature import windows_of
from shipway.core.level import ENTRIES
from shipway.core.online import Layout, Scalar
from shipway.ports.online import Online, find_look
from shipway.serving.answer import Values, add_up, conclude_block
from shipway.serving.block import Block
from shipway.serving.direct import Features, find_direct
from shipway.serving.extremum import find_extrema
from shipway.serving.plan import make_plan
from shipway.serving.question import Ask, Question, Reply
from shipway.serving.sketch import read_sketch
from shipway.serving.stored import find_stored

_EARLIEST: Final = -(1 << 63)
_NAN: Final = math.nan


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
        self._look = find_look(online)
        self._direct = find_direct(layout, self._plan, self._stored, self._look)

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
        found, rest = self._direct.read(rows, at)
        if rest:
            others = self._read([rows[place] for place in rest], [at[place] for place in rest])
            for place, each in zip(rest, others, strict=True):
                found[place] = each
        return cast("list[Features]", found)

    def _read(self, rows: Sequence[Mapping[str, Scalar]], at: Sequence[int]) -> list[Features]:
        question = Question(self._plan.spans)
        asked = [self._ask(row, instant, question) for row, instant in zip(rows, at, strict=True)]
        question.newest.append((WATERMARKS, 0))
        reply = question.put(self._look)
        told = reply.newest[-1]
        watermarks = () if told is None else unpack_watermarks(told[1])
        answers = self._answer_all(question.asks, reply)
        return [self._gather(cells, of, answers, watermarks, at) for (cells, of), at in zip(asked, at, strict=True)]

    def _ask(self, row: Mapping[str, Scalar], at: int, question: Question) -> tuple[list[Scalar], list[int]]:
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
            of.append(-1 if name is None else question.ask(number, block, stored, name, keys[block.entity], instant))
        return cells, of

    def _answer_all(self, asks: Sequence[Ask], reply: Reply) -> list[tuple[Sequence[Scalar], int]]:
        """Answer blocks, and those whose pack does not say what was known at their instant from their series."""
        answers: list[tuple[Sequence[Scalar], int] | None] = []
        unpacked: dict[int, tuple[Any, ...] | None] = {}
        for ask in asks:
            if ask.stored is None:
                edges = None if ask.edges is None else reply.edges(ask.edges)
                answers.append(self._answer(ask, reply.newest[ask.place], edges))
                continue
            value = reply.packs[ask.place]
            if ask.place not in unpacked:
                unpacked[ask.place] = None if value is None else ask.stored.unpack(value)
            fields = unpacked[ask.place]
            answers.append(None if fields is None or value is None else ask.stored.answer(fields, value, ask.at))
        late = [place for place, answer in enumerate(answers) if answer is None]
        if late:
            found = self._online.newest([(asks[place].series, asks[place].at) for place in late])
            for place, newest in zip(late, found, strict=True):
                answers[place] = self._answer(asks[place], newest, None)
        return cast("list[tuple[Sequence[Scalar], int]]", answers)

    def _answer(
        self, ask: Ask, newest: tuple[int, bytes] | None, edges: tuple[Values, Values] | None
    ) -> tuple[Sequence[Scalar], int]:
        """Return a block's cells, and the instant of the newest event read, the least one where there is none."""
        block = ask.block
        if newest is None:
            return block.nothing, _EARLIEST
        if block.sketch is not None:
            return read_sketch(self._online, block.sketch, ask.key, ask.at), newest[0]
        values = conclude_block(block, () if edges is None else add_up(block, newest[1], *edges), newest, ask.at)
        if block.firsts:
            values += self._find_firsts(block, ask.series, ask.at)
        if block.extrema:
            values += self._find_extrema(block, ask.series, ask.at)
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

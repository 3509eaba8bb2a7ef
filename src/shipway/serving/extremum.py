"""Least and greatest values over windows, read from spans: some of each level, however many entries a window holds.

From T back to the window's start the spans get wider, level by level, up to the widest that the window holds; from
there on narrower, down to single entries, to where the window starts.
"""

from collections.abc import Sequence
from typing import Any, Final

from shipway.core.entry import unpack_values
from shipway.core.level import SPANS, TALLEST, name_level
from shipway.ports.online import Online
from shipway.serving.block import Block
from shipway.serving.cell import Extremum

_EARLIEST: Final = -(1 << 63)
_AT_ONCE: Final = 3
"""Of how many levels the last cuts are asked for together: enough for thousands of entries."""


def find_extrema(online: Online, block: Block, series: bytes, at: int) -> list[Any]:
    """Return the extrema of a block, None for a window without a value.

    Args:
        online: the store.
        block: which extrema, over which widths.
        series: the name of the entity's series.
        at: as of when, microseconds since 1970 UTC.
    """
    cover = _Cover(online, block, series, at)
    parts = {width: cover.read(max(at - width, _EARLIEST)) for width in sorted({one.width_us for one in block.extrema})}
    return [_choose(one, parts[one.width_us]) for one in block.extrema]


def _choose(one: Extremum, parts: Sequence[Sequence[Any]]) -> Any:
    return one.choose((part[one.place] for part in parts if part[one.place] is not None), default=None)


class _Cover:
    """What covers the windows of one series that end at one instant; what they share is read once."""

    def __init__(self, online: Online, block: Block, series: bytes, at: int) -> None:
        self._online = online
        self._unpack = block.unpack_extrema
        self._names = [series, *(name_level(series, SPANS + number) for number in range(TALLEST))]
        self._cuts: list[int] = [at]
        """For each level the last cut at or before T, itself after the one of the next; T for the entries."""
        self._right: list[list[tuple[int, Sequence[Any]]]] = []
        """For each level what ends between the last cut of the next level and its own."""

    def read(self, after: int) -> list[Sequence[Any]]:
        """Return what covers the entries after an instant, each with the least and the greatest of every extremum."""
        level, parts = 0, list[Sequence[Any]]()
        while (cut := self._find_cut(level + 1)) > after:
            parts += [part for _, part in self._read_right(level, cut)]
            level += 1
        end = self._cuts[level]
        while level:
            # The first of these spans begins at or before the window; narrower ones cover what of it is inside.
            spans = self._scan(level, after, end)
            parts += [part for _, part in spans[1:]]
            end, level = spans[0][0], level - 1
            if not level:
                end -= 1
        return parts + [part for _, part in self._scan(0, after, end)]

    def _find_cut(self, level: int) -> int:
        if level == len(self._cuts):
            asks = [(name, self._cuts[0]) for name in self._names[level : level + _AT_ONCE]]
            found = self._online.newest(asks) or [None]
            self._cuts += [_EARLIEST if cut is None else cut[0] for cut in found]
        return self._cuts[level]

    def _read_right(self, level: int, cut: int) -> list[tuple[int, Sequence[Any]]]:
        if level == len(self._right):
            # Entries from the cut itself on; spans that end after it.
            self._right.append(self._scan(level, cut - (not level), self._cuts[level]))
        return self._right[level]

    def _scan(self, level: int, after: int, until: int) -> list[tuple[int, Sequence[Any]]]:
        found = self._online.between(self._names[level], after, until)
        if level:
            return [(at, unpack_values(value)) for at, value in found]
        return [(at, self._unpack(value)) for at, value in found]

"""The spans of a series that keeps extrema: the least and the greatest values between cuts, on several levels.

A span is written when the cut it ends before comes to be, so that the newest rows change none. What comes late, or is
taken back, renews the spans around it from what they span: of each level one.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from typing import Any, Final

from shipway.core.entry import pack_values, unpack_values
from shipway.core.level import SPANS, TALLEST, count_spans, name_level
from shipway.data.instant import Changed, Store, pick

_EARLIEST: Final = -(1 << 63)
_LATEST: Final = (1 << 63) - 1


def renew_spans(
    online: Store,
    series: bytes,
    instants: Sequence[int],
    changed: Changed,
    extrema_of: Callable[[bytes], list[Any]],
    *,
    late: bool,
) -> None:
    """Bring the spans of a series in line with its entries.

    Args:
        online: the store, as it is before the entries are written.
        series: its name.
        instants: those at which rows came or went, ascending.
        changed: the entries to be written; spans are added to them.
        extrema_of: returns the least and the greatest value of each extremum from an entry.
        late: whether the store may have entries after the first of the instants.
    """
    heights = {instant: count_spans(instant) for instant in instants}
    below = _Level(online, series, instants[0], late=late)
    below.fresh = {at: changed[series, at] for at in instants if (series, at) in changed}
    below.order = sorted(below.fresh)
    for number in range(1, TALLEST + 1):
        cuts = [instant for instant in instants if heights[instant] >= number]
        level = _Level(online, name_level(series, SPANS + number - 1), instants[0], late=late)
        there = {at for at in cuts if changed.get((series, at), b"") is not None}
        ends = sorted({at for at in level.known if at not in heights} | there)
        gone = [at for at in cuts if at not in there and at in level.known]
        if not ends and not gone:
            return
        renewed = {*there, *(ends[place] for at in instants if (place := bisect_right(ends, at)) < len(ends))}
        level.fresh = dict.fromkeys(gone)
        for end in sorted(renewed):
            place = bisect_left(ends, end)
            begin = ends[place - 1] if place else level.before()
            if number == 1:
                parts = [extrema_of(entry) for _, entry in below.read(begin, end - 1)]
            else:
                parts = [unpack_values(value) for _, value in below.read(begin + 1, end)]
            level.fresh[end] = pack_values(_merge(parts))
        level.order = sorted(level.fresh)
        for at, value in level.fresh.items():
            if value != level.known.get(at):
                changed[level.name, at] = value
        below = level


class _Level:
    """One level of a series from an instant on: what is in the store, under what is about to be."""

    def __init__(self, online: Store, name: bytes, first: int, *, late: bool) -> None:
        self.name = name
        self.fresh: dict[int, bytes | None] = {}
        self.order: list[int] = []
        self._online = online
        self._first = first
        self.known: dict[int, bytes] = {}
        if late and name[2] >= SPANS:
            self.known = dict(online.between(name, max(first - 1, _EARLIEST), _LATEST))

    def before(self) -> int:
        """Return the last cut before the first instant; the earliest instant where there is none."""
        found = self._online.newest([(self.name, max(self._first - 1, _EARLIEST))])[0]
        return _EARLIEST if found is None else found[0]

    def read(self, start: int, end: int) -> list[tuple[int, bytes]]:
        """Return what is there from one instant to another, both included."""
        stored = dict(self._online.between(self.name, max(start - 1, _EARLIEST), end))
        for at in self.order[bisect_left(self.order, start) : bisect_right(self.order, end)]:
            value = self.fresh[at]
            if value is None:
                stored.pop(at, None)
            else:
                stored[at] = value
        return list(stored.items())


def _merge(parts: Sequence[list[Any]]) -> list[Any]:
    merged: list[Any] = []
    for other in parts:
        pairs = zip(merged, other, strict=True) if merged and other else ()
        merged = [pick(max if place % 2 else min, *pair) for place, pair in enumerate(pairs)] or merged or other
    return merged

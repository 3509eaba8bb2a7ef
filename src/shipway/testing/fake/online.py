"""A fake of the port Online."""

import threading
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Sequence


class MemoryOnline:
    """An online store in a dictionary: for each series its instants in order, and a value for each."""

    def __init__(self) -> None:
        """Start with no entry and no position."""
        self._guard = threading.Lock()
        self._instants: dict[bytes, list[int]] = {}
        self._values: dict[tuple[bytes, int], bytes] = {}
        self._position: bytes | None = None

    def newest(self, asks: Sequence[tuple[bytes, int]]) -> list[tuple[int, bytes] | None]:
        """Return for each (series, instant) the newest entry at or before it, as (instant, value); None without one."""
        with self._guard:
            return [self._find(series, instant) for series, instant in asks]

    def oldest(self, asks: Sequence[tuple[bytes, int]]) -> list[tuple[int, bytes] | None]:
        """Return for each (series, instant) the oldest entry after it, as (instant, value); None without one."""
        with self._guard:
            return [self._find_after(series, instant) for series, instant in asks]

    def between(self, series: bytes, after: int, until: int) -> list[tuple[int, bytes]]:
        """Return a series' entries with after < instant <= until, oldest first."""
        with self._guard:
            instants = self._instants.get(series, [])
            found = instants[bisect_right(instants, after) : bisect_right(instants, until)]
            return [(instant, self._values[series, instant]) for instant in found]

    def write(
        self,
        entries: Iterable[tuple[bytes, int, bytes]],
        *,
        position: bytes,
        drops: Iterable[tuple[bytes, int]] = (),
    ) -> None:
        """Drop (series, instant) entries, then put (series, instant, value) ones, and the writer's position."""
        # Drawn whole before anything is put: drawing may fail.
        drawn, dropped = list(entries), list(drops)
        with self._guard:
            for place in dropped:
                if self._values.pop(place, None) is not None:
                    self._instants[place[0]].remove(place[1])
            for series, instant, value in drawn:
                if (series, instant) not in self._values:
                    insort(self._instants.setdefault(series, []), instant)
                self._values[series, instant] = bytes(value)
            self._position = bytes(position)

    def position(self) -> bytes | None:
        """Return the position of the last write; None for a store nothing was written to."""
        return self._position

    def trim(self, prefix: bytes, before: int, *, whole: bool = False) -> int:
        """Drop the entries older than an instant of every series that begins with a prefix, and return how many."""
        dropped = 0
        with self._guard:
            for series, instants in self._instants.items():
                if series.startswith(prefix):
                    stays = bisect_left(instants, before) if whole else max(bisect_right(instants, before) - 1, 0)
                    old = instants[:stays]
                    del instants[: len(old)]
                    for instant in old:
                        del self._values[series, instant]
                    dropped += len(old)
        return dropped

    def sync(self) -> None:
        """Do nothing, as there is no disk."""

    def close(self) -> None:
        """Do nothing, as there is nothing to release."""

    def _find(self, series: bytes, instant: int) -> tuple[int, bytes] | None:
        instants = self._instants.get(series, [])
        place = bisect_right(instants, instant)
        return (instants[place - 1], self._values[series, instants[place - 1]]) if place else None

    def _find_after(self, series: bytes, instant: int) -> tuple[int, bytes] | None:
        instants = self._instants.get(series, [])
        place = bisect_right(instants, instant)
        return (instants[place], self._values[series, instants[place]]) if place < len(instants) else None

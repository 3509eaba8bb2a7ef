"""Rewriting: entries in the middle of a series, where a row comes late or is taken back.

Block by block: of those with changes the rest of the entries, of those after them only the base. What is left as it was
is not put again.
"""

import struct
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import add, sub
from typing import Final

from shipway.core.entry import pack_values, unpack_values, unpack_varied
from shipway.core.level import BASES, is_cut, name_level
from shipway.data.instant import Change, Changed, Store, Summary

_EARLIEST: Final = -(1 << 63)
_LATEST: Final = (1 << 63) - 1


@dataclass(slots=True, eq=False)
class End:
    """The end of one entity's series.

    Attributes:
        instant: of the newest entry; before every instant while there is none.
        base: the totals before the last cut.
        totals: the totals since then.
        rows: how many rows the newest instant has; -1 if nobody has looked.
        summary: what its entry says of them.
    """

    instant: int
    base: Sequence[int]
    totals: Sequence[int]
    rows: int
    summary: Summary


class Rewriting:
    """One series on its way from before to after some changes."""

    def __init__(
        self,
        store: Store,
        packing: struct.Struct,
        name: bytes,
        summarise: Callable[[int, int, Summary, Change], Summary] | None,
        changed: Changed,
    ) -> None:
        """Make ready to rewrite a series.

        Args:
            store: where it is.
            packing: of its entries.
            name: its name.
            summarise: returns what the entry of an instant says of its rows, given how many there were, what it said
                and what changes; None where it says nothing.
            changed: where what changes in the store is put.
        """
        self._store = store
        self._packing = packing
        self._name = name
        self._base_name = name_level(name, BASES)
        self._summarise = summarise
        self._changed = changed
        self._zeros = (0,) * (packing.size // 8)
        self._shift: Sequence[int] = self._zeros
        """What was added to the totals up to here."""
        self._base: Sequence[int] = self._zeros
        self._totals: Sequence[int] | None = self._zeros
        """The totals as they are now: before the last cut, and since then; None where those are as in the store."""
        self._bases: dict[int, bytes] = {}
        self._last: tuple[int, int, bytes] | None = None
        """The last entry that was gone through: its instant, its rows, and what it says of them."""

    def apply(self, changes: Sequence[tuple[int, Change]], end: End) -> bool:
        """Apply changes, sorted by instant.

        Args:
            changes: what happens, and when.
            end: the series' end, which is moved with it.

        Returns:
            Whether the end is known; if not, it is what the store says once everything is written.
        """
        instants = [instant for instant, _ in changes]
        first, last = instants[0], instants[-1]
        before = self._begin(first)
        bounds = [*self._bases, _LATEST + 1]
        starts = [first, *bounds] if bounds[0] > first else bounds
        for start, bound in pairwise(starts):
            inside = changes[bisect_left(instants, start) : bisect_left(instants, bound)]
            if inside:
                self._rewrite(start, bound, before, dict(inside))
            elif start > last and not any(self._shift):
                return True
            else:
                self._skip(start)
            before = self._zeros
        end.base = self._base
        if self._totals is not None:
            if self._last is None:
                return False
            end.instant, end.rows, said = self._last
            end.totals, end.summary = self._totals, unpack_values(said) if said else []
        return True

    def _begin(self, first: int) -> Sequence[int]:
        """Read what is before an instant and what its changes raise; return what the entry before it says."""
        self._bases = dict(_read_between(self._store, self._base_name, first, _LATEST))
        if first == _EARLIEST:
            return self._zeros
        entry, base = self._store.newest([(self._name, first - 1), (self._base_name, first - 1)])
        if base is not None:
            self._base = self._packing.unpack(base[1])
        if entry is not None:
            self._totals = self._packing.unpack_from(entry[1])
        return self._zeros if first in self._bases else self._totals or self._zeros

    def _rewrite(self, start: int, end: int, before: Sequence[int], changes: Mapping[int, Change]) -> None:
        """Go through a block with changes; `before` is what the entry before its first said within the block."""
        old = dict(_read_between(self._store, self._name, start, end - 1))
        for instant in sorted({*old, *changes}):
            entry, change, delta, varied = old.get(instant), changes.get(instant), self._zeros, b""
            if entry is not None:
                totals = self._packing.unpack_from(entry)
                delta, before, varied = tuple(map(sub, totals, before)), totals, entry[self._packing.size :]
            if change is None:
                self._put(instant, delta, varied, entry)
                continue
            if self._summarise is not None:
                said = [] if entry is None else unpack_varied(self._packing, entry)
                varied = pack_values(self._summarise(instant, delta[0], said, change))
            delta = tuple(map(add, delta, change.delta))
            assert delta[0] or not any(delta), "what adds up to no row adds up to nothing"
            if delta[0]:
                self._put(instant, delta, varied, entry)
            else:
                self._remove(instant)
            self._shift = tuple(map(add, self._shift, change.delta))

    def _skip(self, cut: int) -> None:
        """Go past a block of which only the base is raised."""
        self._base = tuple(map(add, self._packing.unpack(self._bases[cut]), self._shift))
        self._totals = self._last = None
        if any(self._shift):
            self._changed[self._base_name, cut] = self._packing.pack(*self._base)

    def _remove(self, instant: int) -> None:
        """Go past an instant that has no rows any more; the block before goes on where one began there."""
        self._changed[self._name, instant] = self._last = None
        if instant in self._bases:
            self._read(instant)
            self._changed[self._base_name, instant] = None

    def _put(self, instant: int, delta: Sequence[int], varied: bytes, old: bytes | None) -> None:
        """Go past an instant with rows."""
        if is_cut(instant):
            was = self._bases.get(instant)
            if was is None:
                self._base = tuple(map(add, self._base, self._read(instant)))
            else:
                self._base = tuple(map(add, self._packing.unpack(was), self._shift))
            base = self._packing.pack(*self._base)
            if base != was:
                self._changed[self._base_name, instant] = base
            self._totals = delta
        else:
            self._totals = tuple(map(add, self._read(instant), delta))
        self._last = instant, delta[0], varied
        entry = self._packing.pack(*self._totals) + varied
        if entry != old:
            self._changed[self._name, instant] = entry

    def _read(self, instant: int) -> Sequence[int]:
        """Return the totals since the last cut before an instant."""
        if self._totals is None:
            entry = self._store.newest([(self._name, instant - 1)])[0]
            assert entry is not None, "a block has entries"
            self._totals = self._packing.unpack_from(entry[1])
        return self._totals


def _read_between(store: Store, series: bytes, start: int, end: int) -> list[tuple[int, bytes]]:
    """Return a series' entries from one instant to another, both included, oldest first."""
    if start > _EARLIEST:
        return store.between(series, start - 1, end)
    earliest = store.newest([(series, _EARLIEST)])[0]
    return [*([] if earliest is None else [earliest]), *store.between(series, _EARLIEST, end)]

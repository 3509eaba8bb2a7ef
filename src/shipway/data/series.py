"""How what rows add to a series changes its entries: the one place where the online store is added up.

A series' newest entry and base are kept in memory as a copy of what is in the store. Rows that are later than all
before them, which most are, are added to that, many at once as arrays (`shipway.data.run`). What comes late, or is
taken back, rewrites a block (`shipway.data.rewriting`).
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby, repeat
from operator import add, itemgetter
from typing import Any, Final, TypeAlias

import numpy as np

from shipway.core.entry import pack_entry, pack_values, unpack_entry, unpack_varied
from shipway.core.error import ShipwayError
from shipway.core.level import BASES, is_cut, name_level
from shipway.core.online import Series
from shipway.data.instant import Change, Changed, Instant, Row, Shape, Store, Summary
from shipway.data.rewriting import End, Rewriting
from shipway.data.run import Contributions, Groups, add_up, are_large, find_needed, group_rows
from shipway.data.span import renew_spans
from shipway.maths.window import Bools, Ints

_LATEST: Final = (1 << 63) - 1
_NONE: Final = -(1 << 63) - 1
"""In place of the newest entry's instant while a series has no entry."""
_MOST_ENDS: Final = 1 << 18
"""How many series' ends are kept in memory."""

_FEW: Final = 64
"""Up to how many rows are added up one by one: arrays have a price of their own."""

Posting: TypeAlias = tuple[bytes, int, Sequence[int], Row | None]
"""What a row adds to a series: the series' name, the instant, how much to rows and sums, and what else the series keeps
of the row. A row that is taken back adds the opposite, and so -1 to the rows."""


class SeriesWriter:
    """Adds up one series of a layout, for all entities; what changes is collected until the owner writes it.

    Until the owner has written what changes or called `forget`, nothing may be posted again.
    """

    def __init__(self, series: Series, store: Store) -> None:
        """Begin with nothing in memory.

        Args:
            series: what is kept.
            store: where; nobody else writes to it.
        """
        self._series = series
        self._store = store
        self._packing = series.packing
        self._zeros: Sequence[int] = (0,) * series.lanes
        shape = Shape(len(series.newest), len(series.extrema), len(series.oldest))
        self._shape = shape if series.varied else None
        self._ends: dict[bytes, End] = {}

    def forget(self) -> None:
        """Let go of what is in memory: it may be ahead of the store, or behind it."""
        self._ends.clear()

    def post(self, postings: Iterable[Posting], changed: Changed) -> None:
        """Add up what rows add to the series.

        Args:
            postings: in any order.
            changed: where what changes in the store is put.

        Raises:
            ShipwayError: SW-303 if a sum does not fit in 64 bits.
        """
        self._make_room()
        self._post(postings, changed)

    def post_many(self, rows: Contributions, changed: Changed, *, since: int | None = None) -> None:
        """Add up what many rows add to the series, as `post` does, and faster where they are later than all before.

        Args:
            rows: what they add.
            changed: where what changes in the store is put.
            since: leave out entries that no question about an edge at or after this instant needs; None for none.

        Raises:
            ShipwayError: SW-303 if a sum does not fit in 64 bits.
        """
        if since is None and len(rows.codes) < _FEW:
            self.post(_list_postings(rows.pick(np.flatnonzero(rows.codes >= 0))), changed)
            return
        self._make_room()
        groups = group_rows(rows)
        late = self._find_late(rows, groups)
        if late.any():
            self._post(_list_postings(rows.pick(groups.order[late])), changed)
            rows = rows.pick(groups.order[~late])
            groups = group_rows(rows)
        names = _name(rows, groups)
        if not names:
            return
        ends = [self._ends[name] for name in names]
        bases, totals = np.array([end.base for end in ends]), np.array([end.totals for end in ends])
        if are_large(groups, bases, totals):
            self._post(_list_postings(rows.pick(groups.order)), changed)
            return
        cuts, bases, totals = add_up(groups, bases, totals)
        for group in np.flatnonzero(find_needed(groups, cuts, since)).tolist():
            name = name_level(names[int(groups.of[group])], BASES)
            changed[name, int(groups.instants[group])] = bases[group].astype("<i8").tobytes()
        needed = np.flatnonzero(find_needed(groups, np.ones_like(cuts), since))
        summaries = self._put_many(rows, groups, needed, totals[needed], changed)
        self._move_ends(names, groups, bases, totals, summaries)

    def _post(self, postings: Iterable[Posting], changed: Changed) -> None:
        changes: dict[bytes, dict[int, Change]] = {}
        for name, instant, delta, row in postings:
            of = changes.get(name)
            if of is None:
                of = changes[name] = {}
            change = of.get(instant)
            if change is None:
                change = of[instant] = Change(delta)
            else:
                change.delta = list(map(add, change.delta, delta))
            if row is not None:
                (change.come if delta[0] > 0 else change.gone).append(row)
        self._load(changes)
        try:
            for name, of in changes.items():
                self._change(name, sorted(of.items(), key=itemgetter(0)), changed)
        except struct.error as error:
            raise ShipwayError(
                "SW-303", f"sums of {self._series.stream} do not fit in 64 bits", "use smaller numbers"
            ) from error

    def _change(self, name: bytes, changes: Sequence[tuple[int, Change]], changed: Changed) -> None:
        end = self._ends[name]
        first, change = changes[0]
        late = first < end.instant
        if first > end.instant:
            self._append(name, end, changes, changed)
        elif not late and not change.gone and min(change.delta[0], end.rows) > 0:
            self._extend(name, end, change, changed)
            self._append(name, end, changes[1:], changed)
        else:
            summarise = None if self._shape is None else partial(self._summarise, changed, name)
            if not Rewriting(self._store, self._packing, name, summarise, changed).apply(changes, end):
                del self._ends[name]
        if self._series.extrema:
            self._renew_spans(name, [instant for instant, _ in changes], changed, late=late)

    def _append(self, name: bytes, end: End, changes: Sequence[tuple[int, Change]], changed: Changed) -> None:
        """Put entries after a series' newest."""
        for instant, change in changes:
            if is_cut(instant):
                end.base = list(map(add, end.base, end.totals))
                end.totals = change.delta
                changed[name_level(name, BASES), instant] = self._packing.pack(*end.base)
            else:
                end.totals = list(map(add, end.totals, change.delta))
            if self._shape is not None:
                end.summary = self._summarise(changed, name, instant, 0, [], change)
            end.instant, end.rows = instant, change.delta[0]
            changed[name, instant] = pack_entry(self._packing, end.totals, end.summary)

    def _extend(self, name: bytes, end: End, change: Change, changed: Changed) -> None:
        """Add rows to a series' newest entry."""
        if self._shape is not None:
            end.summary = self._summarise(changed, name, end.instant, end.rows, end.summary, change)
        end.totals = list(map(add, end.totals, change.delta))
        end.rows += change.delta[0]
        changed[name, end.instant] = pack_entry(self._packing, end.totals, end.summary)

    def _summarise(self, changed: Changed, name: bytes, at: int, rows: int, before: Summary, change: Change) -> Summary:
        """Return what an entry has to say of its instant's rows after a change."""
        assert self._shape is not None, "asked where entries have more than totals"
        if not rows and len(change.come) == 1:
            return self._shape.summarise(change.come[0])
        instant = Instant(self._store, self._shape, name, at)
        summary = instant.revise(rows, before, change.gone, change.come)
        changed.update({(node, at): value for node, value in instant.changed.items()})
        return summary

    def _renew_spans(self, name: bytes, instants: Sequence[int], changed: Changed, *, late: bool) -> None:
        renew_spans(self._store, name, instants, changed, self._read_extrema, late=late)

    def _read_extrema(self, entry: bytes) -> list[Any]:
        first = len(self._series.newest)
        return unpack_varied(self._packing, entry)[first : first + 2 * len(self._series.extrema)]

    def _put_many(
        self, rows: Contributions, groups: Groups, needed: Ints, totals: Ints, changed: Changed
    ) -> list[Summary]:
        """Put the entries of some groups, and return what they say of their rows."""
        names = _name(rows, groups)
        packed, size = totals.astype("<i8").tobytes(), self._packing.size
        values = [packed[at : at + size] for at in range(0, len(packed), size)]
        of: list[int] = groups.of[needed].tolist()
        places = list(zip([names[each] for each in of], groups.instants[needed].tolist(), strict=True))
        summaries: list[Summary] = []
        if rows.rows is not None:
            order: list[int] = groups.order.tolist()
            ends = np.append(groups.begins[1:], len(order))[needed].tolist()
            for (name, at), begin, end in zip(places, groups.begins[needed].tolist(), ends, strict=True):
                come = [rows.rows[row] for row in order[begin:end]]
                summaries.append(self._summarise(changed, name, at, 0, [], Change([], come=come)))
            values = [value + pack_values(summary) for value, summary in zip(values, summaries, strict=True)]
        changed.update(zip(places, values, strict=True))
        if self._series.extrema:
            for name, some in groupby(places, itemgetter(0)):
                self._renew_spans(name, [at for _, at in some], changed, late=False)
        return [] if rows.rows is None else _spread(summaries, needed, len(groups.begins))

    def _move_ends(
        self, names: Sequence[bytes], groups: Groups, bases: Ints, totals: Ints, summaries: Sequence[Summary]
    ) -> None:
        lasts = groups.lasts
        columns = groups.instants[lasts], bases[lasts], totals[lasts], groups.deltas[lasts, 0]
        said = [summaries[last] for last in lasts.tolist()] if summaries else repeat(list[Any]())
        for name, *end in zip(names, *(column.tolist() for column in columns), said, strict=False):
            self._ends[name] = End(*end)

    def _find_late(self, rows: Contributions, groups: Groups) -> Bools:
        """Tell of the rows, sorted, which change what there is; of some entities all, whose end is not known after."""
        names = _name(rows, groups)
        self._load(names)
        ends = [self._ends[name].instant for name in names]
        of = np.repeat(groups.of, np.diff(np.append(groups.begins, len(groups.order))))
        at, newest = rows.instants[groups.order], np.array([max(end, _NONE + 1) for end in ends], dtype=np.int64)[of]
        late = (at <= newest) & np.array([end != _NONE for end in ends], dtype=np.bool_)[of]
        whole = np.zeros(len(names), dtype=np.bool_)
        # Spans are made of late entries and of new ones.
        whole[of[late if self._series.extrema else late & (at == newest) & (rows.deltas[groups.order, 0] < 0)]] = True
        return late | whole[of]

    def _load(self, names: Iterable[bytes]) -> None:
        """Read the ends of series that are not in memory."""
        missing = [name for name in names if name not in self._ends]
        if not missing:
            return
        asks = [(each, _LATEST) for name in missing for each in (name, name_level(name, BASES))]
        found = self._store.newest(asks)
        for name, entry, base in zip(missing, found[::2], found[1::2], strict=True):
            if entry is None:
                self._ends[name] = End(_NONE, self._zeros, self._zeros, 0, [])
            else:
                totals, summary = unpack_entry(self._packing, entry[1])
                under = self._zeros if base is None else self._packing.unpack(base[1])
                self._ends[name] = End(entry[0], under, totals, -1, summary)

    def _make_room(self) -> None:
        if len(self._ends) > _MOST_ENDS:
            self._ends.clear()


def list_puts(changed: Changed) -> Iterator[tuple[bytes, int, bytes]]:
    """Yield the entries to put."""
    return ((name, at, value) for (name, at), value in changed.items() if value is not None)


def list_drops(changed: Changed) -> list[tuple[bytes, int]]:
    """Return the places of the entries to drop."""
    return [place for place, value in changed.items() if value is None]


def _name(rows: Contributions, groups: Groups) -> list[bytes]:
    codes: list[int] = groups.codes.tolist()
    return [rows.names[code] for code in codes]


def _list_postings(rows: Contributions) -> Iterator[Posting]:
    kept: Iterable[Row | None] = repeat(None) if rows.rows is None else rows.rows
    codes: list[int] = rows.codes.tolist()
    for code, instant, delta, row in zip(codes, rows.instants.tolist(), rows.deltas.tolist(), kept, strict=False):
        yield rows.names[code], instant, delta, row


def _spread(summaries: Sequence[Summary], needed: Ints, count: int) -> list[Summary]:
    spread: list[Summary] = [[]] * count
    for group, summary in zip(needed.tolist(), summaries, strict=True):
        spread[group] = summary
    return spread

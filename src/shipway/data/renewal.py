"""Renewal: what becomes of a store's newest rows where rows of a table came, changed or went."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import polars as pl

from shipway.core.entry import encode_level
from shipway.core.level import ENTRIES
from shipway.core.pack import INSTANT, Entry, decode_pack, encode_pack
from shipway.data.key import Entities
from shipway.data.newest import (
    Member,
    Stored,
    choose_rows,
    find_instants,
    list_cells,
    list_entries,
    name_entities,
    read_keys,
    read_values,
)
from shipway.maths.instant import Ints
from shipway.maths.window import Bools
from shipway.ports.online import Online

_NEVER: Final = np.iinfo(np.int64).max
_EARLIEST: Final = -(1 << 63)
_LATEST: Final = (1 << 63) - 1


@dataclass(slots=True, eq=False)
class Renewal:
    """What becomes of a store's stored series where rows of a source changed.

    Attributes:
        puts: the entries to put.
        drops: the places to drop.
    """

    puts: list[tuple[bytes, int, bytes]] = field(default_factory=list[tuple[bytes, int, bytes]])
    drops: list[tuple[bytes, int]] = field(default_factory=list[tuple[bytes, int]])


def renew_newest(
    stored: Sequence[Stored],
    source: str,
    online: Online,
    rows: tuple[pl.DataFrame, pl.DataFrame],
    read: Callable[[], pl.DataFrame],
    marks_us: tuple[int, int],
) -> Renewal:
    """Work out what changes in a store that `fill_newest` and this function alone have written these series of.

    An entity whose newest row only gets a newer one costs nothing beside its own rows. Only where the newest row itself
    went or changed, or ties with another, is the table read for what is newest now.

    Args:
        stored: the series.
        source: whose rows changed.
        online: the store as it is.
        rows: what rows are gone, or what they were before they changed; and what is new, or what they are now.
        read: returns all rows there are now.
        marks_us: the watermark the store has, and the one it will have.

    Raises:
        ShipwayError: as `fill_newest`, and as reading the store.
    """
    renewal = Renewal()
    for one in stored:
        if source in one.tables:
            _Renewing(one, source, online, rows, read, marks_us).apply(renewal)
    return renewal


class _Renewing:
    """The stored series of one kind of entity while rows of one source change."""

    def __init__(
        self,
        stored: Stored,
        source: str,
        online: Online,
        rows: tuple[pl.DataFrame, pl.DataFrame],
        read: Callable[[], pl.DataFrame],
        marks_us: tuple[int, int],
    ) -> None:
        self._stored, self._source, self._online, self._read = stored, source, online, read
        self._before, self._after = rows
        self._since, self._until = marks_us
        touched = pl.concat([read_keys(each, source, stored.keys) for each in rows])
        self._entities = Entities(touched)
        codes = self._entities.number(stored.keys).astype(np.int64, copy=False)
        self._codes = codes[: self._before.height], codes[self._before.height :]
        self._names = name_entities(touched, stored.keys, codes)

    def apply(self, renewal: Renewal) -> None:
        """Add what changes."""
        held = self._hold()
        changed = set[int]()
        for number, member in enumerate(self._stored.members):
            if member[1].table == self._source:
                mine = [entries[number] for entries in held]
                for entity, entry in self._renew(member, mine, renewal):
                    held[entity][number] = entry
                    changed.add(entity)
        if self._stored.pack is not None:
            pack = self._stored.pack
            renewal.puts += [
                (pack.prefix + self._names[e], INSTANT, encode_pack(pack, held[e])) for e in sorted(changed)
            ]

    def _hold(self) -> list[list[Entry | None]]:
        """Return of each entity what it has of each member."""
        pack = self._stored.pack
        if pack is None:
            found = self._online.newest([(name, _LATEST) for name in self._series(self._stored.members[0][0])])
            return [[None if each is None else (each[0], 1, ())] for each in found]
        found = self._online.newest([(pack.prefix + name, INSTANT) for name in self._names])
        return [[None] * len(pack.members) if each is None else decode_pack(pack, each[1]) for each in found]

    def _series(self, place: int) -> list[bytes]:
        return [encode_level(place, ENTRIES) + name for name in self._names]

    def _renew(
        self, member: Member, held: Sequence[Entry | None], renewal: Renewal
    ) -> Iterator[tuple[int, Entry | None]]:
        """Yield the entities with another newest row, and the row; what stands beside it is added at once."""
        _, _, event = member
        at = np.array([_EARLIEST if entry is None else entry[0] for entry in held], dtype=np.int64)
        there = np.array([entry is not None for entry in held], dtype=np.bool_)
        gone, come = self._codes
        was = find_instants(event, self._before)
        found = choose_rows(event, self._after, come, self._until, len(held))
        newer = found.newest >= 0
        instants = np.where(newer, found.at.take(found.newest), _EARLIEST) if self._after.height else at
        # What is newest now only the table can say.
        anew = there & (at > self._since)
        anew |= newer & (instants > self._until)
        anew |= newer & there & (instants == at)
        hit = (gone >= 0) & (was != _NEVER)
        hit[hit] &= (was[hit] >= at.take(gone[hit])) | ~there.take(gone[hit])
        anew[gone[hit]] = True
        light = np.flatnonzero(newer & ~anew & (~there | (instants > at)))
        tables = {self._source: self._after}
        yield from self._put(member, tables, found.at, found.newest[light], light, held, renewal)
        if anew.any():
            yield from self._look_up(member, anew, held, renewal)

    def _look_up(
        self, member: Member, anew: Bools, held: Sequence[Entry | None], renewal: Renewal
    ) -> Iterator[tuple[int, Entry | None]]:
        """Yield the newest rows of some entities as the whole table says them."""
        place, series, event = member
        whole = self._read()
        keys = self._stored.keys
        codes = self._entities.place(read_keys(whole, self._source, keys), keys).astype(np.int64, copy=False)
        mine = np.flatnonzero((codes >= 0) & anew.take(codes))
        rows, codes = whole[mine], codes[mine]
        found = choose_rows(event, rows, codes, self._until, len(held))
        names = self._series(place)
        for entity in np.flatnonzero(anew).tolist():
            if self._stored.pack is None and (entry := held[entity]) is not None:
                renewal.drops.append((names[entity], entry[0]))
            renewal.drops += [(names[entity], at) for at, _ in self._online.between(names[entity], _EARLIEST, _LATEST)]
        tables = {series.table: rows}
        renewal.puts += list_entries(member, tables, found.at, found.later, codes, self._names)
        some = np.flatnonzero(anew & (found.newest >= 0))
        yield from self._put(member, tables, found.at, found.newest[some], some, held, renewal)
        for entity in np.flatnonzero(anew & (found.newest < 0)).tolist():
            yield entity, None

    def _put(
        self,
        member: Member,
        tables: Mapping[str, pl.DataFrame],
        at: Ints,
        rows: Ints,
        entities: Ints,
        held: Sequence[Entry | None],
        renewal: Renewal,
    ) -> Iterator[tuple[int, Entry | None]]:
        """Yield rows as entries of a pack; where there is none, put them in their series in place of what is there."""
        place, series, event = member
        if self._stored.pack is None:
            names, chosen = self._series(place), list[int](entities.tolist())
            for entity in chosen:
                if (entry := held[entity]) is not None:
                    renewal.drops.append((names[entity], entry[0]))
            codes = np.full(tables[series.table].height, -1, dtype=np.int64)
            codes[rows] = entities
            renewal.puts += list_entries(member, tables, at, rows, codes, self._names)
            return
        columns = [list_cells(vector) for vector in read_values(series, event, tables, rows)]
        for entity, instant, *values in zip(entities.tolist(), at[rows].tolist(), *columns, strict=True):
            yield entity, (instant, 1, [*values, 0] if values else [])

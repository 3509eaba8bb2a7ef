"""The writer's side of packs: an online store that keeps what is stored of an entity in one value.

To whoever writes series, it is the store: the newest entries of stored series go into their entity's pack and come out
of it, and what was the newest before goes to the series itself, all in the write that brought them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from shipway.core.entry import encode_level, pack_entry, unpack_entry
from shipway.core.error import ShipwayError
from shipway.core.level import ENTRIES
from shipway.core.online import Layout
from shipway.core.pack import (
    FIELDS,
    INSTANT,
    Entry,
    Pack,
    decode_pack,
    decode_schema,
    encode_pack,
    encode_schema,
    find_packs,
    name_schema,
    read_schema,
)
from shipway.maths.vector import Vector
from shipway.ports.online import Online

_FIRST: Final = b"\x00"
"""The tie of a row of which no key is known: the least whole number that keys usually have, as MessagePack."""
_CHUNK: Final = 1 << 12
"""Entities packed at once, whose values stay near the processor."""
_LATEST: Final = (1 << 63) - 1
_EARLIEST: Final = -(1 << 63)


_Held: TypeAlias = dict[int, Entry]
"""What an entity's pack holds, by the places of its members."""


@dataclass(slots=True, eq=False)
class _Change:
    """What a write does to the store beneath."""

    puts: list[tuple[bytes, int, bytes]] = field(default_factory=list[tuple[bytes, int, bytes]])
    drops: list[tuple[bytes, int]] = field(default_factory=list[tuple[bytes, int]])


class PackedOnline:
    """An online store with packs for the stored series of a layout; it answers the port `Online`.

    The entries of stored series must be such as `pack_entry` makes them for the layout. Whatever a store of the same
    series was packed by before is read, and packed anew when an entity is written to.
    """

    def __init__(self, layout: Layout, online: Online, *, packs: Sequence[Pack] | None = None) -> None:
        """Stand before a store.

        Args:
            layout: whose series are kept.
            online: the store.
            packs: what is packed; by default what the layout says.
        """
        self._layout = layout
        self._online = online
        self._packs = find_packs(layout) if packs is None else tuple(packs)
        kinds = {pack.keys: pack for pack in self._packs}
        # Also what this store does not pack, but another may have packed.
        self._of = {
            encode_level(place, ENTRIES): kinds[series.keys]
            for place, series in enumerate(layout.series)
            if series.stored and series.keys in kinds
        }
        self._schemas = {pack.schema: pack for pack in self._packs}
        self._told = not self._packs

    @property
    def beneath(self) -> Online:
        """Return the store itself."""
        return self._online

    def newest(self, asks: Sequence[tuple[bytes, int]]) -> list[tuple[int, bytes] | None]:
        """Return for each (series, instant) the newest entry at or before it, as (instant, value); None without one."""
        questions = list(asks)
        packed = [(place, pack) for place, (name, _) in enumerate(asks) if (pack := self._of.get(name[:3]))]
        questions += [(pack.prefix + asks[place][0][3:], INSTANT) for place, pack in packed]
        answers = self._online.newest(questions)
        for (place, _), value in zip(packed, answers[len(asks) :], strict=True):
            name, instant = asks[place]
            entry = None if value is None else self._read(value[1])[1].get(_place_of(name))
            if entry is not None and entry[0] <= instant:
                answers[place] = entry[0], self._encode(_place_of(name), entry)
        return answers[: len(asks)]

    def oldest(self, asks: Sequence[tuple[bytes, int]]) -> list[tuple[int, bytes] | None]:
        """Return for each (series, instant) the oldest entry after it, as (instant, value); None without one."""
        answers = self._online.oldest(asks)
        # What stands in a pack is newer than all of its series.
        open_ones = [place for place, answer in enumerate(answers) if answer is None and asks[place][0][:3] in self._of]
        for place, newest in zip(open_ones, self.newest([(asks[at][0], _LATEST) for at in open_ones]), strict=True):
            if newest is not None and newest[0] > asks[place][1]:
                answers[place] = newest
        return answers

    def between(self, series: bytes, after: int, until: int) -> list[tuple[int, bytes]]:
        """Return a series' entries with after < instant <= until, oldest first."""
        found = self._online.between(series, after, until)
        if series[:3] in self._of and after < until:
            newest = self.newest([(series, until)])[0]
            if newest is not None and newest[0] > after and (not found or newest[0] > found[-1][0]):
                found.append(newest)
        return found

    def write(
        self,
        entries: Iterable[tuple[bytes, int, bytes]],
        *,
        position: bytes,
        drops: Iterable[tuple[bytes, int]] = (),
    ) -> None:
        """Drop (series, instant) entries, then put (series, instant, value) ones, and the writer's position.

        Raises:
            ShipwayError: as the store's `write`.
        """
        of = self._of
        change = _Change()
        dropped: dict[bytes, list[int]] = {}
        put: list[tuple[bytes, int, bytes]] = []
        for name, instant in drops:
            change.drops.append((name, instant))
            if name[:3] in of:
                dropped.setdefault(name, []).append(instant)
        for entry in entries:
            (put if entry[0][:3] in of else change.puts).append(entry)
        held = self._hold([*dropped, *(name for name, _, _ in put)], change)
        # What a pack of another schema gave up may be what is dropped.
        change.puts = [one for one in change.puts if one[1] not in dropped.get(one[0], ())]
        for name, instants in dropped.items():
            self._drop(held, name, instants, change)
        for name, instant, value in put:
            self._put(held, name, instant, value, change)
        for name, (pack, entries_held) in held.items():
            # An empty one too: without a pack, nobody has written any stored series of the entity.
            packed = encode_pack(pack, [entries_held.get(place) for place in pack.members])
            change.puts.append((name, INSTANT, packed))
        if not self._told:
            change.puts += [(name_schema(pack.schema), INSTANT, encode_schema(pack)) for pack in self._packs]
        self._online.write(change.puts, position=position, drops=change.drops)
        self._told = True

    def position(self) -> bytes | None:
        """Return the position of the last write; None for a store nothing was written to."""
        return self._online.position()

    def trim(self, prefix: bytes, before: int, *, whole: bool = False) -> int:
        """Drop the entries older than an instant of every series that begins with a prefix, and return how many.

        A pack keeps its entries: each is the newest of its series. Of what they have replaced, what was the newest at
        the instant stays until the next one.
        """
        if whole and any(place.startswith(prefix) or prefix.startswith(place) for place in self._of) and prefix:
            raise ValueError("stored series keep their newest entry")
        # What is said of schemas may go with everything else.
        self._told = self._told and not (whole and self._packs)
        return self._online.trim(prefix, before, whole=whole)

    def sync(self) -> None:
        """Force what was written to the disk, so that a power cut loses none of it."""
        self._online.sync()

    def close(self) -> None:
        """Release files; closing twice does no harm."""
        self._online.close()

    def _hold(self, names: Iterable[bytes], change: _Change) -> dict[bytes, tuple[Pack, _Held]]:
        """Read the packs of the entities that a write touches, in one call."""
        wanted: dict[bytes, tuple[Pack, bytes]] = {}
        for name in names:
            pack, entity = self._of[name[:3]], name[3:]
            wanted[pack.prefix + entity] = pack, entity
        values = self._online.newest([(name, INSTANT) for name in wanted])
        held: dict[bytes, tuple[Pack, _Held]] = {}
        for (name, (pack, entity)), value in zip(wanted.items(), values, strict=True):
            schema, entries = (pack, dict[int, Entry]()) if value is None else self._read(value[1])
            if schema.members != pack.members:
                self._repack(entries, schema, pack, entity, change)
            held[name] = pack, entries
        return held

    def _read(self, value: bytes) -> tuple[Pack, _Held]:
        """Return by which schema a value was packed, and what it holds."""
        schema = read_schema(value)
        pack = self._schemas.get(schema) or self._find_schema(schema)
        entries = zip(pack.members, decode_pack(pack, value), strict=True)
        return pack, {place: entry for place, entry in entries if entry is not None}

    def _repack(self, entries: _Held, before: Pack, after: Pack, entity: bytes, change: _Change) -> None:
        """Make what was packed by one schema fit another."""
        for place in set(before.members) - set(after.members):
            if entry := entries.pop(place, None):
                change.puts.append((encode_level(place, ENTRIES) + entity, entry[0], self._encode(place, entry)))
        for place in set(after.members) - set(before.members):
            if entry := self._promote(encode_level(place, ENTRIES) + entity, _LATEST, (), change):
                entries[place] = entry

    def _drop(
        self, held: dict[bytes, tuple[Pack, _Held]], name: bytes, instants: Sequence[int], change: _Change
    ) -> None:
        place = _place_of(name)
        entries = held[self._of[name[:3]].prefix + name[3:]][1]
        entry = entries.get(place)
        if entry is not None and entry[0] in instants:
            del entries[place]
            if promoted := self._promote(name, entry[0], instants, change):
                entries[place] = promoted

    def _promote(self, name: bytes, instant: int, gone: Sequence[int], change: _Change) -> Entry | None:
        """Take the newest entry up to an instant out of a series, that is not gone itself."""
        while found := self._online.newest([(name, instant)])[0]:
            change.drops.append((name, found[0]))
            if found[0] not in gone:
                return self._decode(name, found)
            if found[0] == _EARLIEST:
                return None
            instant = found[0] - 1
        return None

    def _put(
        self, held: dict[bytes, tuple[Pack, _Held]], name: bytes, instant: int, value: bytes, change: _Change
    ) -> None:
        pack, entries = held[self._of[name[:3]].prefix + name[3:]]
        place = _place_of(name)
        entry = entries.get(place)
        if place not in pack.members or (entry is not None and instant < entry[0]):
            change.puts.append((name, instant, value))
            return
        if entry is not None and instant > entry[0]:
            change.puts.append((name, entry[0], self._encode(place, entry)))
        entries[place] = self._decode(name, (instant, value))

    def _decode(self, name: bytes, found: tuple[int, bytes]) -> Entry:
        totals, varied = unpack_entry(self._layout.series[_place_of(name)].packing, found[1])
        return found[0], totals[0], varied

    def _encode(self, place: int, entry: Entry) -> bytes:
        return pack_entry(self._layout.series[place].packing, (entry[1],), entry[2])

    def _find_schema(self, schema: int) -> Pack:
        said = self._online.newest([(name_schema(schema), INSTANT)])[0]
        if said is None:
            hint = "remove the store: it is built again from the tables"
            raise ShipwayError("SW-605", "the online store has values of a schema that it does not know", hint)
        found = self._schemas[schema] = decode_schema(self._layout, said[1])
        return found


def _place_of(name: bytes) -> int:
    return int.from_bytes(name[:2], "big")


@dataclass(frozen=True, slots=True, eq=False)
class Newest:
    """The newest row of each of m entities, for one member of their pack.

    Attributes:
        instants: int64[m], valid where there is a row.
        values: what is stored of it, m each, in the order of the member's columns.
    """

    instants: Vector
    values: tuple[Vector, ...]

    def slice(self, start: int, stop: int) -> "Newest":
        """Return the rows of some entities."""
        instants, *values = (
            Vector(each.values[start:stop], each.valid[start:stop]) for each in (self.instants, *self.values)
        )
        return Newest(instants, tuple(values))


def pack_newest(pack: Pack, entities: Sequence[bytes], members: Sequence[Newest]) -> Iterator[tuple[bytes, int, bytes]]:
    """Yield the packs of entities whose newest rows are known already.

    Args:
        pack: whose entities they are.
        entities: what follows in the name of each one's pack.
        members: for each member of the pack its newest rows, entity by entity.
    """
    # Every value ends with the first tie, and then there are texts.
    end, prefix = pack.packing.size + len(_FIRST), pack.prefix
    for first in range(0, len(entities), _CHUNK):
        some = entities[first : first + _CHUNK]
        whole, tails = _fill_matrix(pack, len(some), [newest.slice(first, first + _CHUNK) for newest in members])
        raw, stride = whole.tobytes(), 8 * whole.shape[1]
        starts = range(0, len(raw), stride)
        if tails is None:
            for start, entity in zip(starts, some, strict=True):
                yield prefix + entity, INSTANT, raw[start : start + end]
        else:
            for start, entity, tail in zip(starts, some, tails, strict=True):
                yield prefix + entity, INSTANT, raw[start : start + end] + tail


def _fill_matrix(pack: Pack, count: int, members: Sequence[Newest]) -> tuple[NDArray[np.int64], list[bytearray] | None]:
    """Return the fixed parts of packs, a row of eight bytes a number for each, and the texts that follow, if any do."""
    base = pack.packing.size
    whole = np.zeros((count, base // 8 + 1), dtype=np.int64)  # a tie of zero at the end of each
    whole[:, 0] = int.from_bytes(pack.head, "little", signed=True)
    tails = [bytearray() for _ in range(count)] if pack.texts else None
    bits = [np.zeros(count, dtype=np.uint64) for _ in range(pack.words)]
    for newest, kinds, flags, slot in zip(members, pack.kinds, pack.flags, pack.slots, strict=True):
        there = newest.instants.valid
        whole[:, slot] = there
        whole[:, slot + 1] = np.where(there, base << 32 | len(_FIRST), 0) if kinds else 0
        for at, (vector, kind) in enumerate(zip((newest.instants, *newest.values), ("int", *kinds), strict=True)):
            valid, values = vector.valid & there, vector.values
            full = bool(valid.all())
            bits[flags[at] >> 6] |= np.uint64(1 << (flags[at] & 63)) * valid
            field = slot - 1 if at == 0 else slot + FIELDS - 2 + at
            if values.dtype.kind == "O":  # texts, and the bytes of embeddings
                assert tails is not None, "a pack with a text has texts"
                _write_texts(whole[:, field], tails, base + len(_FIRST), np.where(valid, values, ""))
                continue
            filled = values if full else np.where(valid, values, 0)
            whole[:, field] = filled.astype(np.float64, copy=False).view(np.int64) if kind == "float" else filled
    for word, column in enumerate(bits):
        whole[:, 1 + word] = column.view(np.int64)
    return whole, tails


def _write_texts(fields: NDArray[np.int64], tails: Sequence[bytearray], base: int, texts: NDArray[Any]) -> None:
    for row, (tail, text) in enumerate(zip(tails, texts.tolist(), strict=True)):
        if text:
            encoded = text if isinstance(text, bytes) else text.encode()
            fields[row] = (base + len(tail)) << 32 | len(encoded)
            tail += encoded

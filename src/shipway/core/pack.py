"""Packs: what is stored of one entity, the newest row of several streams, in one value of fixed places.

A series of which nothing but the newest row is ever asked for (`Series.stored`) is a *member* of its entity's pack. The
pack holds each member's newest entry; entries that were newer once, or came late, stand in the series themselves, put
there by the same write. So one key answers for all members, and a question about an earlier instant is answered by the
member's series, as if there were no pack.

A value has a header (version of this layout, id of the schema), words of bits that say what is there, then for each
member its instant, its number of rows, where its tie is and its columns, eight bytes each, and at the end texts,
embeddings and ties. An embedding is the bytes of its numbers, so that a reader can take a view of them.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, TypeAlias

import msgspec

from shipway.core.column import Kind, kind_of
from shipway.core.entry import encode_entity, pack_values
from shipway.core.error import ShipwayError
from shipway.core.online import Layout, Scalar
from shipway.kit.canonical import digest_value
from shipway.maths.embedding import length_of

VERSION: Final = 1
"""Version of the layout of a value."""
PLACE: Final = 0xFFFD
"""In place of a series' place in the names of packs."""
INSTANT: Final = 0
"""The instant all packs stand under: there is one of an entity, and it is replaced."""
FIELDS: Final = 3
"""What a member has before its columns: its instant, its number of rows, and where its tie is."""
FEWEST: Final = 2
"""Members of a pack; one alone is read as quickly from its series."""

_TIE: Final = msgspec.msgpack.Decoder()
_HEADER: Final = struct.Struct("<B3xI")
_WORD: Final = 64
_CODES: Final[dict[Kind, str]] = {"float": "d"}
"""How a field is packed that is no whole number; of a text or an embedding it says where at the end that is."""

Entry: TypeAlias = tuple[int, int, Sequence[Any]]
"""A member's newest entry: its instant, its rows, and its varied part: the newest row's values and its tie."""


@dataclass(frozen=True)
class Pack:
    """How the newest rows of one kind of entity are kept together.

    Attributes:
        place: of the first series of that kind in the layout, which names the pack.
        keys: the entity's key columns.
        members: places of the series in the layout.
        kinds: for each member the kinds of its columns.
        schema: id of what is described here, by which a reader knows a value it can read.
    """

    place: int
    keys: tuple[str, ...]
    members: tuple[int, ...]
    kinds: tuple[tuple[Kind, ...], ...]
    schema: int

    @cached_property
    def prefix(self) -> bytes:
        """Return what the names of all packs of this kind begin with; the entity's key follows."""
        return PLACE.to_bytes(2, "big") + self.place.to_bytes(2, "big")

    @cached_property
    def head(self) -> bytes:
        """Return what every value begins with."""
        return _HEADER.pack(VERSION, self.schema)

    @cached_property
    def flags(self) -> tuple[tuple[int, ...], ...]:
        """Return for each member the bits that say that it is there, and that each of its columns has a value."""
        flags: list[tuple[int, ...]] = []
        bit = 0
        for kinds in self.kinds:
            flags.append(tuple(range(bit, bit + 1 + len(kinds))))
            bit += 1 + len(kinds)
        return tuple(flags)

    @cached_property
    def words(self) -> int:
        """Return how many words of bits a value has."""
        return -(-sum(map(len, self.flags)) // _WORD)

    @cached_property
    def full(self) -> tuple[int, ...]:
        """Return the words of a value in which everything is there."""
        bits = (1 << sum(map(len, self.flags))) - 1
        return tuple(bits >> (_WORD * word) & ((1 << _WORD) - 1) for word in range(self.words))

    @cached_property
    def packing(self) -> struct.Struct:
        """Return the fixed part of a value: version, schema, words, and eight bytes for each number."""
        fields = "".join("q" * FIELDS + "".join(_CODES.get(kind, "q") for kind in kinds) for kinds in self.kinds)
        return struct.Struct(f"<B3xI{self.words}Q{fields}")

    @cached_property
    def slots(self) -> tuple[int, ...]:
        """Return for each member where its instant is among the unpacked fields; rows and columns follow."""
        slots: list[int] = []
        slot = 2 + self.words
        for kinds in self.kinds:
            slots.append(slot)
            slot += FIELDS + len(kinds)
        return tuple(slots)

    @cached_property
    def texts(self) -> bool:
        """Tell whether values have texts or embeddings at the end."""
        return any(_lies_behind(kind) for kinds in self.kinds for kind in kinds)

    def name(self, keys: Sequence[Scalar]) -> bytes:
        """Return the name of one entity's pack; its key values are as `encode_entity` takes them."""
        return self.prefix + encode_entity(keys)


def find_packs(layout: Layout) -> tuple[Pack, ...]:
    """Return the packs of a layout: one for each kind of entity with enough stored series."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for place, series in enumerate(layout.series):
        if series.stored:
            groups.setdefault(series.keys, []).append(place)
    return tuple(make_pack(layout, members) for members in groups.values() if len(members) >= FEWEST)


def make_pack(layout: Layout, members: Sequence[int]) -> Pack:
    """Return the pack of some series of one kind of entity.

    It is kept under the first series of that kind, so that packs of other members stand in the same place.
    """
    keys = layout.series[members[0]].keys
    first = next(place for place, series in enumerate(layout.series) if series.keys == keys)
    stored = [layout.series[place] for place in members]
    kinds: tuple[tuple[Kind, ...], ...] = tuple(
        tuple(kind_of(expr, one.table, layout.schema) for expr in one.newest) for one in stored
    )
    schema = int(digest_value([VERSION, list(members), stored, kinds])[:8], 16)
    return Pack(first, keys, tuple(members), kinds, schema)


def name_schema(schema: int) -> bytes:
    """Return the name of the series under which a store says which series a schema's values are of."""
    return PLACE.to_bytes(2, "big") + b"\xff\xff" + schema.to_bytes(4, "big")


def encode_schema(pack: Pack) -> bytes:
    """Return what a store says of a schema."""
    return bytes([VERSION]) + b"".join(place.to_bytes(2, "big") for place in pack.members)


def decode_schema(layout: Layout, said: bytes) -> Pack:
    """Return the pack that a store says a schema is of."""
    return make_pack(layout, [int.from_bytes(said[at : at + 2], "big") for at in range(1, len(said), 2)])


def encode_pack(pack: Pack, entries: Sequence[Entry | None]) -> bytes:
    """Return the value of an entity's pack.

    Args:
        pack: of the entity.
        entries: for each member its newest entry, None where it has none.
    """
    bits, tail, base = 0, bytearray(), pack.packing.size
    fields: list[Any] = []
    for entry, kinds, flags in zip(entries, pack.kinds, pack.flags, strict=True):
        if entry is None:
            fields += [0] * (FIELDS + len(kinds))
            continue
        instant, rows, varied = entry
        bits |= 1 << flags[0]
        tie = pack_values(varied[len(kinds)]) if varied else b""
        fields += [instant, rows, (base + len(tail)) << 32 | len(tie)]
        tail += tie
        for value, kind, flag in zip(varied, kinds, flags[1:], strict=False):
            if value is None:
                fields.append(0)
                continue
            bits |= 1 << flag
            if _lies_behind(kind):
                behind = value if isinstance(value, bytes) else str(value).encode()
                fields.append((base + len(tail)) << 32 | len(behind))
                tail += behind
            else:
                fields.append(value)
    words = [bits >> (_WORD * word) & ((1 << _WORD) - 1) for word in range(pack.words)]
    return pack.packing.pack(VERSION, pack.schema, *words, *fields) + tail


def read_schema(value: bytes) -> int:
    """Return the id of the schema that a value was packed by.

    Raises:
        ShipwayError: SW-606 if a newer shipway packed it.
    """
    version, schema = _HEADER.unpack_from(value)
    if version != VERSION:
        fact = f"the online store has values of layout {version}, and this shipway reads layout {VERSION}"
        raise ShipwayError("SW-606", fact, "install a newer shipway here")
    return schema


def decode_pack(pack: Pack, value: bytes) -> list[Entry | None]:
    """Return the entries of a value that was packed by this pack's schema, as `encode_pack` was given them."""
    fields = pack.packing.unpack_from(value)
    bits = sum(word << (_WORD * place) for place, word in enumerate(fields[2 : 2 + pack.words]))
    entries: list[Entry | None] = []
    for kinds, flags, slot in zip(pack.kinds, pack.flags, pack.slots, strict=True):
        if not bits >> flags[0] & 1:
            entries.append(None)
            continue
        varied: list[Any] = [
            read_field(kind, fields[slot + FIELDS + column], value) if bits >> flags[1 + column] & 1 else None
            for column, kind in enumerate(kinds)
        ]
        tie = _cut(value, fields[slot + 2])
        if tie:
            varied.append(_TIE.decode(tie))
        entries.append((fields[slot], fields[slot + 1], varied))
    return entries


def read_field(kind: Kind, field: Any, value: bytes) -> Scalar:
    """Return what a column's field of a value says."""
    if kind == "text":
        return _cut(value, field).decode()
    if length_of(kind) is not None:
        return _cut(value, field)
    return bool(field) if kind == "bool" else field


def _lies_behind(kind: Kind) -> bool:
    return kind == "text" or length_of(kind) is not None


def _cut(value: bytes, field: int) -> bytes:
    start = field >> 32
    return value[start : start + (field & 0xFFFFFFFF)]

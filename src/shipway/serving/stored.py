"""Reading what is stored of an entity: the answers of several blocks out of one value."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from shipway.core.column import Kind
from shipway.core.entry import encode_level
from shipway.core.error import ShipwayError
from shipway.core.level import ENTRIES
from shipway.core.online import Layout, Scalar
from shipway.core.pack import (
    FIELDS,
    INSTANT,
    Entry,
    Pack,
    decode_pack,
    decode_schema,
    find_packs,
    name_schema,
    read_field,
    read_schema,
)
from shipway.ports.online import Online
from shipway.serving.block import Block

_EARLIEST: Final = -(1 << 63)


class _Schemas:
    """The schemas that a store's values are packed by; those of other writers are read from the store."""

    def __init__(self, layout: Layout, online: Online, packs: Sequence[Pack]) -> None:
        self._layout = layout
        self._online = online
        self._packs = {pack.schema: pack for pack in packs}

    def decode(self, value: bytes) -> dict[int, Entry]:
        """Return what a value holds by the places of its members, whoever packed it."""
        schema = read_schema(value)
        pack = self._packs.get(schema)
        if pack is None:
            said = self._online.newest([(name_schema(schema), INSTANT)])[0]
            if said is None:
                hint = "remove the store: it is built again from the tables"
                raise ShipwayError("SW-605", "the online store has values of a schema that it does not know", hint)
            pack = self._packs[schema] = decode_schema(self._layout, said[1])
        entries = zip(pack.members, decode_pack(pack, value), strict=True)
        return {place: entry for place, entry in entries if entry is not None}


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """How a block is answered out of its entity's pack.

    Attributes:
        prefix: what the pack's name begins with; the entity's key follows.
        place: of the block's series in the layout.
        head: what a value of the layout's own schema begins with.
        fixed: the fixed part of such a value.
        words: the words of such a value in which everything is there, and where they end among its fields.
        bits: the place of the member's bit, and of each column's, where not everything is there.
        instant: where among the fields the member's instant is.
        recent: for each cell the column, None for the age; its field; its kind; and from what age on it is null.
        schemas: of values that others packed.
    """

    prefix: bytes
    place: int
    head: bytes
    fixed: struct.Struct
    words: tuple[int, ...]
    bits: tuple[int, ...]
    instant: int
    recent: tuple[tuple[int | None, int, Kind, int], ...]
    schemas: _Schemas

    def unpack(self, value: bytes) -> tuple[Any, ...]:
        """Return a value's fields; of one that others packed, what it holds by the places of its members."""
        if value[: len(self.head)] == self.head:
            return self.fixed.unpack_from(value)
        return (self.schemas.decode(value),)

    def answer(self, fields: tuple[Any, ...], value: bytes, at: int) -> tuple[Sequence[Scalar], int] | None:
        """Return the block's cells and the instant of the newest event; None if its series has to be asked.

        Args:
            fields: as `unpack` returns them.
            value: what was unpacked.
            at: as of when the block is asked, microseconds since 1970 UTC.
        """
        if len(fields) == 1:
            return self._answer_other(fields[0], at)
        full = fields[2 : 2 + len(self.words)] == self.words
        if not full and not self._has(fields, self.bits[0]):
            return [None] * len(self.recent), _EARLIEST
        newest = fields[self.instant]
        if newest > at:
            return None
        age, cells = at - newest, list[Scalar]()
        for column, slot, kind, width in self.recent:
            if age >= width or not (full or column is None or self._has(fields, self.bits[1 + column])):
                cells.append(None)
            elif column is None:
                cells.append(age)
            else:
                cells.append(fields[slot] if kind in ("int", "float") else read_field(kind, fields[slot], value))
        return cells, newest

    def _has(self, fields: tuple[Any, ...], bit: int) -> bool:
        return bool(fields[2 + (bit >> 6)] >> (bit & 63) & 1)

    def _answer_other(self, entries: dict[int, Entry], at: int) -> tuple[Sequence[Scalar], int] | None:
        entry = entries.get(self.place)
        # What it does not hold may stand in the series: the other schema may be of fewer members.
        if entry is None or entry[0] > at:
            return None
        age = at - entry[0]
        cells = [
            None if age >= width else age if column is None else entry[2][column] for column, _, _, width in self.recent
        ]
        return cells, entry[0]


def find_stored(layout: Layout, blocks: Sequence[Block], online: Online) -> tuple[Stored | None, ...]:
    """Return for each block how it is answered out of a pack; None where it is not."""
    packs = find_packs(layout)
    schemas = _Schemas(layout, online, packs)
    of = {encode_level(place, ENTRIES): (pack, member) for pack in packs for member, place in enumerate(pack.members)}
    return tuple(_make_stored(block, *of[block.prefix], schemas) if block.prefix in of else None for block in blocks)


def _make_stored(block: Block, pack: Pack, member: int, schemas: _Schemas) -> Stored:
    first, kinds = pack.slots[member], pack.kinds[member]
    return Stored(
        prefix=pack.prefix,
        place=pack.members[member],
        head=pack.head,
        fixed=pack.packing,
        words=pack.full,
        bits=pack.flags[member],
        instant=first,
        recent=tuple(
            (slot, 0, "int", width) if slot is None else (slot, first + FIELDS + slot, kinds[slot], width)
            for slot, width in block.recent
        ),
        schemas=schemas,
    )

"""The bytes of the online store: the names of series, and the entries that stand under them."""

import struct
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from shipway.core.level import ENTRIES
from shipway.core.online import Scalar
from shipway.kit.canonical import digest_bytes

LONGEST_KEY: Final = 200
"""Bytes of an entity's key up to which it stands in the store as it is; a longer one by its digest."""
WATERMARKS: Final = b"\xff\xff"
"""The name of the one entry that says up to when a store has everything; it stands at instant 0."""
_ROW_STATES: Final = b"\xff\xfe"
"""What the names of rows begin with: where a series' name has a place that no layout has so many series for."""
_EARLIEST: Final = -(1 << 63)
_HASHED: Final = b"\xc1"  # the one byte that begins no MessagePack value
_PACK: Final = msgspec.msgpack.Encoder()
_UNPACK: Final = msgspec.msgpack.Decoder(list[Any])


def encode_series(place: int, keys: Sequence[Scalar]) -> bytes:
    """Return the name of one entity's series: its place in the layout, then the key, which is a prefix of no other.

    Args:
        place: place of the series in the layout.
        keys: the entity's key values, none of them null; of the kinds the schema says.
    """
    return encode_level(place, ENTRIES) + encode_entity(keys)


def encode_place(place: int) -> bytes:
    """Return what the names of all series at a place of the layout begin with, on whatever level."""
    return place.to_bytes(2, "big")


def encode_level(place: int, level: int) -> bytes:
    """Return what the names on one level of all series at a place begin with; the entity's key follows."""
    return encode_place(place) + level.to_bytes()


def encode_entity(keys: Sequence[Scalar]) -> bytes:
    """Return what follows in the name of one entity's series, the same for every series of that entity.

    Args:
        keys: the entity's key values, none of them null; of the kinds the schema says.
    """
    if not keys:
        return b""
    # Zero has two forms as a floating-point number, and a frame takes them for one.
    packed = _PACK.encode([key + 0.0 if type(key) is float else key for key in keys])
    return packed if len(packed) <= LONGEST_KEY else _hash(packed)


def name_entities(prefix: bytes, keys: Iterable[Sequence[Scalar]]) -> list[bytes]:
    """Return what `encode_entity` does behind a prefix, for many entities that have no floating-point keys.

    One with a null among its values has a name too, under which nothing ever stands.
    """
    encode = _PACK.encode
    return [prefix + (name if len(name := encode(key)) <= LONGEST_KEY else _hash(name)) for key in keys]


def encode_row(source: int, keys: Sequence[Scalar]) -> bytes:
    """Return the name under which a store keeps what a source's row has added to it.

    Args:
        source: the source's place among those the layout reads.
        keys: the values of the row's key.
    """
    return _ROW_STATES + source.to_bytes(2, "big") + encode_entity(keys)


def encode_rows(source: int) -> bytes:
    """Return what the names of all rows of a source begin with."""
    return _ROW_STATES + source.to_bytes(2, "big")


def pack_watermarks(watermarks: Sequence[int]) -> bytes:
    """Return the bytes of the instants up to which a store has everything, one for each stream of its layout."""
    return struct.pack(f"<{len(watermarks)}q", *watermarks)


def unpack_watermarks(watermarks: bytes) -> tuple[int | None, ...]:
    """Return for each stream the instant up to which a store has everything known; None where nobody knows."""
    found = struct.unpack(f"<{len(watermarks) // 8}q", watermarks)
    return tuple(None if instant == _EARLIEST else instant for instant in found)


def pack_entry(packing: struct.Struct, totals: Sequence[int], varied: Sequence[Any] = ()) -> bytes:
    """Return the bytes of an entry.

    Args:
        packing: of the series.
        totals: rows since the last cut, then for each sum how many were valid and their total since then, then what
            else of the series adds up.
        varied: the newest row's values, then for each extremum the least and the greatest value among the rows of the
            entry's instant, then the oldest row's values and its tie, then the newest row's tie; empty where the series
            keeps none of these.
    """
    fixed = packing.pack(*totals)
    return fixed + _PACK.encode(varied) if varied else fixed


def unpack_entry(packing: struct.Struct, entry: bytes) -> tuple[tuple[int, ...], list[Any]]:
    """Return the totals and the varied part of an entry, as `pack_entry` was given them."""
    return packing.unpack_from(entry), unpack_varied(packing, entry)


def unpack_varied(packing: struct.Struct, entry: bytes) -> list[Any]:
    """Return the varied part of an entry alone."""
    return _UNPACK.decode(entry[packing.size :]) if len(entry) > packing.size else []


def pack_values(values: Sequence[Any]) -> bytes:
    """Return the bytes of values alone: the varied part of an entry, or the least and the greatest values of a span."""
    return _PACK.encode(values)


def unpack_values(values: bytes) -> list[Any]:
    """Return values as `pack_values` was given them."""
    return _UNPACK.decode(values)


def _hash(packed: bytes) -> bytes:
    return _HASHED + bytes.fromhex(digest_bytes(packed))

"""Where the streams of an online store stand, as it is kept in the store as the position of every write."""

from typing import Final

import msgspec

from shipway.core.error import ShipwayError

_PACK: Final = msgspec.msgpack.Encoder()


class Standing(msgspec.Struct, kw_only=True):
    """How far one source's stream is in the store.

    Attributes:
        position: what came with its last batch; None before the first.
        applied: changes that changed something.
        same: changes that said what was there already.
        late: changes that were refused.
    """

    position: bytes | None = None
    applied: int = 0
    same: int = 0
    late: int = 0


class Position(msgspec.Struct, kw_only=True):
    """What stands in the store as the position of every write.

    Attributes:
        namespace: of the layout whose series are kept.
        stored: whether stored series are kept up by rows like all others, and not from whole tables.
        void: whether nothing that is there counts.
        writes: how many there were.
        sources: how far each stream is.
        watermarks: for each stream up to when everything known was applied.
        edges: for each stream up to when the store has forgotten.
    """

    namespace: str
    stored: bool = True
    void: bool = False
    writes: int = 0
    sources: dict[str, Standing] = {}
    watermarks: dict[str, int] = {}
    edges: dict[str, int] = {}

    def encode(self) -> bytes:
        """Return the bytes that are kept."""
        return _PACK.encode(self)

    def copy(self) -> "Position":
        """Return another that may be changed."""
        return _POSITION.decode(_PACK.encode(self))


def read_position(found: bytes | None, namespace: str, *, stored: bool) -> Position:
    """Return the position that a store has, or that of an empty one.

    Args:
        found: what it has.
        namespace: of the layout whose series are to be kept.
        stored: whether stored series are to be kept up by rows.

    Raises:
        ShipwayError: SW-805 if the store was written for other features, from a feed, or otherwise.
    """
    if found is None:
        return Position(namespace=namespace, stored=stored)
    position = peek_position(found)
    if position is None or (position.namespace, position.stored) != (namespace, stored):
        raise ShipwayError(
            "SW-805",
            "the online store was written for other features, or from whole tables",
            "remove the store's folder: it is built again from the streams' beginning",
        )
    return position


def peek_position(found: bytes | None) -> Position | None:
    """Return what stands in a store as its position; None where nothing was written, or it is written otherwise."""
    try:
        return None if found is None else _POSITION.decode(found)
    except msgspec.MsgspecError:
        return None


_POSITION: Final = msgspec.msgpack.Decoder(Position)

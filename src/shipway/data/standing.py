"""How far an online store is that streams are written to: what stands in it as the position of every write."""

from typing import Final

import msgspec


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


class StorePosition(msgspec.Struct, kw_only=True):
    """What stands in a store as the position of every write.

    Attributes:
        namespace: of the layout whose series it keeps.
        void: whether nothing that is there counts, because it was being begun anew.
        writes: how many there were.
        sources: how far the stream of each source is.
        watermarks: for each stream that has one the instant up to which everything known was applied.
        edges: for each stream that was trimmed the instant up to which nothing can be changed any more.
    """

    namespace: str
    void: bool = False
    writes: int = 0
    sources: dict[str, Standing] = {}
    watermarks: dict[str, int] = {}
    edges: dict[str, int] = {}


_POSITION: Final = msgspec.msgpack.Decoder(StorePosition)


def read_store_position(position: bytes | None) -> StorePosition | None:
    """Return what stands in a store as its position; None where nothing was written, or it is written otherwise."""
    try:
        return None if position is None else _POSITION.decode(position)
    except msgspec.MsgspecError:
        return None

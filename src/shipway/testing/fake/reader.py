"""A fake of the port Reader."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from shipway.core.error import ShipwayError
from shipway.core.raw import Cursor, Mark, Piece, Raw, read_mark, write_mark
from shipway.kit.canonical import digest_value

if TYPE_CHECKING:
    import polars as pl

_BATCH_ROWS = 1_000


class MemoryReader:
    """A reader of frames that a test puts behind addresses."""

    def __init__(self) -> None:
        """Start with nothing behind any address."""
        self._frames: dict[str, pl.DataFrame] = {}
        self._cut: set[str] = set()

    def put(self, uri: str, frame: "pl.DataFrame") -> None:
        """Put a frame behind an address."""
        self._frames[uri] = frame
        self._cut.discard(uri)

    def cut(self, uri: str) -> None:
        """Damage what is behind an address."""
        self._cut.add(uri)

    def remove(self, uri: str) -> None:
        """Take away what is behind an address."""
        del self._frames[uri]

    def pieces(self, raw: Raw, since: Cursor) -> list[Piece]:
        """Return the frame behind an address as one piece, or what is new of it."""
        frame = self._find(raw.uri)
        if not raw.watermark:
            return [Piece(name=raw.uri, fingerprint=self._digest(raw, frame))]
        before = read_mark(since.mark)
        start = before.until if before else ""
        rows = _rows(raw, frame, start)
        if rows.height == 0:
            return []
        until = str(rows[raw.watermark].max())
        seen = self._digest(raw, _rows(raw, frame, until))
        if before and (until, seen) == (before.until, before.seen):
            return []
        mark = Mark(since=start, until=until, seen=seen)
        name = f"{raw.uri} from {start or 'the start'} to {until}"
        return [Piece(name=name, fingerprint=self._digest(raw, rows), mark=write_mark(mark))]

    def read(self, raw: Raw, piece: Piece) -> "Iterator[pl.DataFrame]":
        """Yield the rows of a piece."""
        frame = self._find(raw.uri)
        if raw.uri in self._cut:
            raise ShipwayError("SW-201", f"{raw.uri} is damaged", "put it again")
        mark = read_mark(piece.mark)
        rows = frame if mark is None else _rows(raw, frame, mark.since)
        if self._digest(raw, rows) != piece.fingerprint:
            raise ShipwayError("SW-201", f"{raw.uri} changed while it was read", "read it again")
        for first in range(0, rows.height, _BATCH_ROWS):
            yield rows.slice(first, _BATCH_ROWS)

    def _digest(self, raw: Raw, frame: "pl.DataFrame") -> str:
        rows = [str(one) for one in frame.hash_rows().to_list()]
        schema = {name: str(dtype) for name, dtype in frame.schema.items()}
        return digest_value([rows, schema, raw.uri in self._cut])

    def _find(self, uri: str) -> "pl.DataFrame":
        if uri not in self._frames:
            raise ShipwayError("SW-201", f"{uri} does not exist", "put something there")
        return self._frames[uri]


def _rows(raw: Raw, frame: "pl.DataFrame", since: str) -> "pl.DataFrame":
    """Return the rows from a value of the watermark on, itself included, in its order."""
    rows = frame.filter(frame[raw.watermark] >= int(since)) if since else frame
    return rows.sort(raw.watermark, maintain_order=True)

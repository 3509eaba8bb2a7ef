"""A fake of the port Reader."""

from typing import TYPE_CHECKING

from shipway.core.error import ShipwayError
from shipway.kit.canonical import digest_value

if TYPE_CHECKING:
    import polars as pl


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

    def fingerprint(self, uri: str) -> str:
        """Return the digest of the content behind an address."""
        frame = self._find(uri)
        rows = [str(one) for one in frame.hash_rows().to_list()]
        return digest_value([rows, {name: str(dtype) for name, dtype in frame.schema.items()}, uri in self._cut])

    def read(self, uri: str) -> "pl.DataFrame":
        """Return all rows behind an address."""
        frame = self._find(uri)
        if uri in self._cut:
            raise ShipwayError("SW-201", f"{uri} is damaged", "put it again")
        if frame.height == 0:
            raise ShipwayError("SW-204", f"{uri} has no rows", "put some")
        return frame.clone()

    def _find(self, uri: str) -> "pl.DataFrame":
        if uri not in self._frames:
            raise ShipwayError("SW-201", f"{uri} does not exist", "put something there")
        return self._frames[uri]

"""The port of the blob store: immutable bytes by their SHA-256."""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

from shipway.ports.adapter import load_adapter


class Stored(NamedTuple):
    """One blob of a listing.

    Attributes:
        digest: its SHA-256.
        size_bytes: its size.
        at: when it was last put, in microseconds since 1970 UTC of the store's own clock.
    """

    digest: str
    size_bytes: int
    at: int


class Blobs(Protocol):
    """A content-addressed store. A blob that can be read is whole: a half-written one is never visible.

    Contract (the conformance suite `shipway.testing.blobs` checks it):
        * `put` and `put_file` return the digest of what they stored, and it is durable when they return.
        * Putting the same bytes twice stores them once.
        * `get` and `path` raise SW-605 for a digest that is missing; `get` also for bytes that do not match.
        * Putting what is there already makes it as young as a new blob, so that `remove` leaves it.
    """

    def put(self, data: bytes) -> str:
        """Store bytes and return their digest.

        Raises:
            ShipwayError: SW-601 disk full, SW-602 not writable.
        """
        ...

    def put_file(self, source: Path) -> str:
        """Store a file's content without holding it in memory and return its digest; the file stays where it is.

        Raises:
            ShipwayError: SW-201 if there is no such file, SW-601 disk full, SW-602 not writable.
        """
        ...

    def get(self, digest: str) -> bytes:
        """Return the bytes with this digest, verified."""
        ...

    def path(self, digest: str) -> Path:
        """Return a local, read-only file with these bytes, for readers that map files."""
        ...

    def has(self, digest: str) -> bool:
        """Tell whether the store holds this digest."""
        ...

    def digests(self) -> Iterator[str]:
        """Yield every digest in the store, in no particular order."""
        ...

    def listing(self, digests: Collection[str] | None = None) -> Iterator[Stored]:
        """Yield blobs with size and age, in no particular order: every one, or those named that are there.

        What is put or removed while this runs may be yielded or not.
        """
        ...

    def remove(self, digests: Collection[str], *, before: int) -> list[str]:
        """Remove blobs that nothing needs any more and return those that went.

        Args:
            digests: what may go; what is not there is passed over.
            before: only what was last put before this instant goes, in microseconds since 1970 UTC.

        Raises:
            ShipwayError: SW-602 if the store cannot be written.
        """
        ...

    def uri(self, digest: str) -> str:
        """Return the address under which other engines read the blob, such as a `file` or `s3` URI, there or not."""
        ...


def open_blobs(state: Path, files: str = "") -> Blobs:
    """Return a project's blobs.

    Args:
        state: its folder of state, where blobs are kept, or else local copies of those that were read.
        files: where they are kept if not there, such as `s3://bucket/prefix`.

    Raises:
        ShipwayError: SW-701 if the extra for such a store is not installed, SW-608 if the address is none.
    """
    if files:
        return load_adapter("blobs.s3")(files, cache=state / "copies")
    return load_adapter("blobs.file")(state / "blobs")

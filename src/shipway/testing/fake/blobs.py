"""A fake of the port Blobs."""

import shutil
import tempfile
import time
import weakref
from collections.abc import Collection, Iterator
from pathlib import Path

from shipway.core.error import ShipwayError
from shipway.kit.canonical import digest_bytes
from shipway.ports.blobs import Stored


class MemoryBlobs:
    """A blob store in a dictionary; what `path` is asked for becomes a file, in a folder that goes with the store."""

    def __init__(self) -> None:
        """Start with no blob and no file."""
        self._blobs: dict[str, bytes] = {}
        self._at: dict[str, int] = {}
        self._folder = Path(tempfile.mkdtemp(prefix="shipway-blobs-"))
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)

    def put(self, data: bytes) -> str:
        """Store bytes and return their digest."""
        digest = digest_bytes(data)
        self._blobs[digest] = bytes(data)
        self._at[digest] = time.time_ns() // 1_000
        return digest

    def put_file(self, source: Path) -> str:
        """Store a file's content and return its digest; the file stays where it is."""
        return self.put(source.read_bytes())

    def get(self, digest: str) -> bytes:
        """Return the bytes with this digest, verified."""
        data = self._blobs.get(digest)
        if data is None or digest_bytes(data) != digest:
            raise _lost(digest)
        return data

    def path(self, digest: str) -> Path:
        """Return a local, read-only file with these bytes."""
        if digest not in self._blobs:
            raise _lost(digest)
        path = self._folder / digest
        if not path.exists():
            path.write_bytes(self._blobs[digest])
            path.chmod(0o444)
        return path

    def has(self, digest: str) -> bool:
        """Tell whether the store holds this digest."""
        return digest in self._blobs

    def digests(self) -> Iterator[str]:
        """Yield every digest in the store, in no particular order."""
        return iter(tuple(self._blobs))

    def listing(self, digests: Collection[str] | None = None) -> Iterator[Stored]:
        """Yield blobs with size and age, in no particular order: every one, or those named that are there."""
        blobs = tuple(self._blobs.items())
        wanted = self._blobs.keys() if digests is None else set(digests)
        return iter(
            [Stored(digest=name, size_bytes=len(data), at=self._at[name]) for name, data in blobs if name in wanted]
        )

    def remove(self, digests: Collection[str], *, before: int) -> list[str]:
        """Remove blobs last put before an instant and return those that went."""
        gone = [digest for digest in digests if digest in self._blobs and self._at[digest] < before]
        for digest in gone:
            del self._blobs[digest]
        return gone

    def uri(self, digest: str) -> str:
        """Return the address of the file that `path` makes."""
        return (self._folder / digest).as_uri()

    def spoil(self, digest: str) -> None:
        """Change the stored bytes behind the digest's back, for tests of what damage does."""
        self._blobs[digest] += b"!"


def _lost(digest: str) -> ShipwayError:
    return ShipwayError("SW-605", f"blob {digest!r} is missing or damaged", "put it again")

"""A fake of the port Catalog."""

import threading
from collections.abc import Collection, Iterable, Iterator, Mapping

from shipway.core.error import ShipwayError
from shipway.kit.canonical import digest_bytes
from shipway.ports.clock import Clock
from shipway.testing.fake.clock import ManualClock


class MemoryCatalog:
    """A catalog in two dictionaries; its clock may be one that a test winds on."""

    def __init__(self, clock: Clock | None = None) -> None:
        """Start with no object and no ref."""
        self._clock = clock or ManualClock()
        self._guard = threading.RLock()
        self._objects: dict[str, tuple[bytes, int]] = {}
        self._refs: dict[str, str] = {}

    def refs(self) -> dict[str, str]:
        """Return every ref with the object it points at, by name."""
        with self._guard:
            return dict(sorted(self._refs.items()))

    def head(self, ref: str) -> str | None:
        """Return the object a ref points at, or None if there is no such ref."""
        return self._refs.get(ref)

    def move(
        self, ref: str, *, expect: str | None, target: str | None, objects: Mapping[str, bytes] | None = None
    ) -> None:
        """Store objects and move a ref, in one step, or raise SW-208."""
        with self._guard:
            if self._refs.get(ref) != expect:
                raise ShipwayError("SW-208", f"{ref} is not where it was expected", "look again and repeat the change")
            for digest, body in (objects or {}).items():
                self._objects[digest] = (bytes(body), self._clock.now())
            if target is None:
                self._refs.pop(ref, None)
            else:
                self._refs[ref] = target

    def get(self, digests: Iterable[str]) -> dict[str, bytes]:
        """Return those of the objects that are there, verified."""
        found = {digest: self._objects[digest][0] for digest in digests if digest in self._objects}
        for digest, body in found.items():
            if digest_bytes(body) != digest:
                raise ShipwayError("SW-605", f"object {digest} is damaged", "restore the catalog from a backup")
        return found

    def stored_at(self, digests: Iterable[str]) -> dict[str, int]:
        """Return when those of the objects that are there were last stored."""
        return {digest: self._objects[digest][1] for digest in digests if digest in self._objects}

    def listing(self) -> Iterator[tuple[str, int]]:
        """Yield every object with the instant it was last stored, in no order."""
        return iter([(digest, at) for digest, (_, at) in self._objects.items()])

    def forget(self, digests: Collection[str], *, before: int, refs: Mapping[str, str]) -> int:
        """Remove objects that are older than an instant, unless a ref moved meanwhile."""
        with self._guard:
            if self._refs != dict(refs):
                raise ShipwayError("SW-208", "a ref moved meanwhile", "look again and repeat the change")
            gone = [digest for digest in digests if digest in self._objects and self._objects[digest][1] < before]
            for digest in gone:
                del self._objects[digest]
            return len(gone)

    def close(self) -> None:
        """Do nothing: there is nothing to release."""

    def spoil(self, digest: str) -> None:
        """Change the stored bytes behind the digest's back, for tests of what damage does."""
        body, at = self._objects[digest]
        self._objects[digest] = (body + b"!", at)

"""The port of the catalog: small immutable objects, and refs that move between them by compare-and-swap."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Protocol


class Catalog(Protocol):
    """Where a lakehouse keeps its history: objects named by their SHA-256, and named pointers to them.

    Contract (the conformance suite `shipway.testing.catalog` checks it):
        * `move` stores its objects and moves its ref in one step that is durable when it returns, or does neither.
        * A ref moves only from where the caller saw it; otherwise SW-208 and nothing changed. Of several that move one
          from the same place at once, one succeeds.
        * An object that was stored is returned as it was stored; storing it again makes it as young as a new one.
        * `forget` removes only what is older than asked, and nothing at all if a ref moved meanwhile.
        * Any number of processes, and threads of a process, may use one catalog.
    """

    def refs(self) -> dict[str, str]:
        """Return every ref with the object it points at, by name."""
        ...

    def head(self, ref: str) -> str | None:
        """Return the object a ref points at, or None if there is no such ref."""
        ...

    def move(
        self, ref: str, *, expect: str | None, target: str | None, objects: Mapping[str, bytes] | None = None
    ) -> None:
        """Store objects and move a ref, in one step.

        Args:
            ref: which ref moves.
            expect: where the caller saw it; None if there was none.
            target: where it points from now on; None removes it.
            objects: digest to content, stored whether or not they are there.

        Raises:
            ShipwayError: SW-208 if the ref is not at `expect`, SW-601 disk full, SW-602 not writable.
        """
        ...

    def get(self, digests: Iterable[str]) -> dict[str, bytes]:
        """Return those of the objects that are there, by digest, each as it was stored.

        Raises:
            ShipwayError: SW-605 for an object whose bytes do not match its digest.
        """
        ...

    def stored_at(self, digests: Iterable[str]) -> dict[str, int]:
        """Return when those of the objects that are there were last stored, in microseconds since 1970 UTC."""
        ...

    def listing(self) -> Iterator[tuple[str, int]]:
        """Yield every object with the instant it was last stored, in microseconds since 1970 UTC, in no order."""
        ...

    def forget(self, digests: Collection[str], *, before: int, refs: Mapping[str, str]) -> int:
        """Remove objects that nothing needs any more.

        Args:
            digests: what may go.
            before: only what was last stored before this instant goes, in microseconds since 1970 UTC.
            refs: all refs as the caller saw them when it decided.

        Returns:
            How many objects went.

        Raises:
            ShipwayError: SW-208 if the refs are not as the caller saw them; nothing was removed.
        """
        ...

    def close(self) -> None:
        """Release files and connections; closing twice does no harm."""
        ...

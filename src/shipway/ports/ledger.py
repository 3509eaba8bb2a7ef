"""The port of the ledger: append to the chain, read it, verify it."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from shipway.core.ledger import Damage, Draft, Entry, Head


class Ledger(Protocol):
    """An append-only, hash-chained sequence of entries shared by every process of a project.

    Contract (the conformance suite `shipway.testing.ledger` checks it):
        * `append` is atomic: all drafts get consecutive places, or none does. When it returns, the entries survive a
          power cut, and the anchor names the last of them or a later one.
        * Appends from several processes never fork the chain; each waits its turn.
        * `read` sees every entry acknowledged before the call.
        * The time of an entry is never earlier than that of the entry before it.
    """

    def append(self, drafts: Sequence[Draft]) -> list[Entry]:
        """Append drafts in order as one step and return them sealed.

        Raises:
            ShipwayError: SW-601 disk full, SW-602 not writable, SW-604 if the chain's end contradicts the anchor.
        """
        ...

    def read(self, after: int = 0) -> Iterator[Entry]:
        """Yield entries with `seq` greater than `after`, oldest first."""
        ...

    def head(self) -> Head:
        """Return the place and digest of the newest entry."""
        ...

    def verify(self) -> list[Damage]:
        """Recompute the whole chain, compare it with the anchor and return every damaged place."""
        ...

    def close(self) -> None:
        """Release files and connections; closing twice does no harm."""
        ...

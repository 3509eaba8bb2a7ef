"""A fake of the port Ledger."""

import threading
from collections.abc import Iterator, Sequence

from shipway.core.ledger import EMPTY, Damage, Draft, Entry, Head, find_damage, seal
from shipway.ports.clock import Clock


class MemoryLedger:
    """A ledger in a list; the anchor is a second name for its head."""

    def __init__(self, clock: Clock) -> None:
        """Start an empty chain that asks a clock for the time of its entries."""
        self._clock = clock
        self._guard = threading.Lock()
        self._entries: list[Entry] = []
        self._anchor = EMPTY

    def append(self, drafts: Sequence[Draft]) -> list[Entry]:
        """Append drafts in order as one step and return them sealed."""
        with self._guard:
            chain = list(self._entries)
            for draft in drafts:
                at = max(self._clock.now(), chain[-1].at if chain else self._clock.now())
                chain.append(seal(draft, seq=len(chain) + 1, at=at, prev=_head(chain).digest))
            new, self._entries, self._anchor = chain[len(self._entries) :], chain, _head(chain)
            return new

    def read(self, after: int = 0) -> Iterator[Entry]:
        """Yield entries with `seq` greater than `after`, oldest first."""
        return iter(self._entries[max(after, 0) :])

    def head(self) -> Head:
        """Return the place and digest of the newest entry."""
        return _head(self._entries)

    def verify(self) -> list[Damage]:
        """Recompute the whole chain, compare it with the anchor and return every damaged place."""
        return find_damage(self._entries, self._anchor)

    def close(self) -> None:
        """Do nothing, as there is nothing to release."""


def _head(chain: Sequence[Entry]) -> Head:
    return Head(seq=chain[-1].seq, digest=chain[-1].digest) if chain else EMPTY

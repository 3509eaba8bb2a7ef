"""The port of change streams: a source of changes that is read from a position on."""

from typing import Protocol

from shipway.core.change import Batch, Position


class Changes(Protocol):
    """The changes of one raw input, in the order in which they count.

    Contract (the conformance suites `shipway.testing.changes` and `changes_process` check it):
        * `read` gives what comes behind a position, nothing at or before it and without a gap. Read again from the same
          position the same records come at the same places, as far as the source still keeps them.
        * Places sort as the records of their part come, and never stand for another record later.
        * Whatever was read and not acknowledged can be read again, also by another process after this one was killed.
        * A reading from the start begins with all rows there are, be it with a copy of them; batches of a copy are
          `partial` until it is whole, and a copy that was broken off begins `anew`.
        * What is no longer kept where reading would have to go on is refused: a gap is never passed over.
    """

    def read(self, after: Position, *, most: int, wait_s: float) -> Batch:
        """Return the records behind a position.

        Args:
            after: where reading goes on: the position of the batch before, or one that was kept.
            most: about how many records at once; a source may give more that belong together.
            wait_s: how long to wait for the first if there is none.

        Raises:
            ShipwayError: SW-201 if the source cannot be read, or no longer has what comes behind the position.
        """
        ...

    def acknowledge(self, position: Position) -> None:
        """Let the source forget what is taken: everything up to a position is durable wherever it goes."""
        ...

    def close(self) -> None:
        """Release connections and files; closing twice does no harm."""
        ...

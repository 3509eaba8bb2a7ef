"""The port of raw inputs: where data comes from before it is anybody's table."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from shipway.core.raw import Cursor, Piece, Raw

if TYPE_CHECKING:
    import polars as pl


class Reader(Protocol):
    """Reads raw inputs of one kind of address, piece by piece.

    A file is a piece, and so is a whole table, a stretch of one between two marks, or a version of one that keeps
    versions. Contract (the conformance suite `shipway.testing.reader` checks it):
        * `pieces` names what is there, in the order it is to be taken in. A fingerprint changes whenever the content
          does, and is found by reading no more than it must be.
        * With a mark, `pieces` leaves out what is in already. Without one, every piece is named every time, so that the
          caller sees what changed and what is gone.
        * `read` returns the content that the fingerprint stands for or raises: a truncated or damaged input, or one
          that changed in between, is never a shorter frame. Batches are of bounded size, but for a format that can only
          be read whole, and all of one schema; a piece without rows may give none, or an empty one that shows it.
        * Where the input has a contract, text formats stay text for it to cast, with null for what is missing.
        * The same piece may be read any number of times.
    """

    def pieces(self, raw: Raw, since: Cursor) -> list[Piece]:
        """Return what there is to take in.

        Args:
            raw: the input.
            since: how far it was taken in.

        Raises:
            ShipwayError: SW-201 if there is nothing there or it cannot be read, SW-202 for a column it lacks.
        """
        ...

    def read(self, raw: Raw, piece: Piece) -> Iterator["pl.DataFrame"]:
        """Yield a piece's rows in batches.

        Raises:
            ShipwayError: SW-201 if it cannot be read whole, or is no longer what was named; SW-204 if it holds nothing,
                not even columns.
        """
        ...

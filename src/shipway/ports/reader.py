"""The port of raw inputs: where data comes from before it is anybody's table."""

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import polars as pl


class Reader(Protocol):
    """Reads one kind of address into a frame.

    Contract (the conformance suite `shipway.testing.reader` checks it):
        * `fingerprint` changes whenever the content does, and reads no more than it must to know.
        * `read` returns every row or raises; a truncated or damaged input is never a shorter frame.
    """

    def fingerprint(self, uri: str) -> str:
        """Return the digest of the content behind an address.

        Raises:
            ShipwayError: SW-201 if there is nothing there or it cannot be read.
        """
        ...

    def read(self, uri: str) -> "pl.DataFrame":
        """Return all rows behind an address.

        Raises:
            ShipwayError: SW-201 if it cannot be read whole, SW-204 if it holds no rows.
        """
        ...

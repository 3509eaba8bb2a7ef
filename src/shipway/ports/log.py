"""The port of the prediction log: append-only columnar segments, one stream of them for each kind of row."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from numpy.typing import NDArray

if TYPE_CHECKING:
    import polars as pl


class Log(Protocol):
    """Columnar segments by stream, such as `predictions` or `features.3f2a...`; every row has a column `at`.

    Contract (the conformance suites `shipway.testing.log` and `log_process` check it):
        * A segment is there whole or not at all, also after `kill -9`; it is durable when `append` returns.
        * Several processes may append to one stream.
        * `read` returns the rows of all whole segments in the order they were appended by each process, those with
          `since <= at < until`; columns that only some segments have are null in the others, and a column without any
          value is one of text.
        * A damaged segment is refused by name, never skipped.
    """

    def append(self, stream: str, columns: Mapping[str, Sequence[Any] | NDArray[Any]]) -> None:
        """Append one segment of equally long columns; without rows, nothing.

        Args:
            stream: any name.
            columns: int64, float64 or bool arrays, or lists of such values or of text, with None for null; `at` is
                int64 without null.

        Raises:
            ShipwayError: SW-203 for another type, SW-601 disk full, SW-602 not writable.
        """
        ...

    def read(
        self,
        stream: str,
        *,
        since: int | None = None,
        until: int | None = None,
        columns: Sequence[str] | None = None,
        complete: bool = False,
    ) -> "pl.DataFrame":
        """Return a stream's rows asked in a period (microseconds since 1970 UTC); without columns where there are none.

        Args:
            stream: whose rows.
            since: begin of the period; None for the first row.
            until: end of the period, excluded; None for the last row.
            columns: those wanted, in this order; None for all that the rows have, by first appearance.
            complete: whether rows of segments that lack a column wanted are left out: what was never asked is not null.

        Raises:
            ShipwayError: SW-605 for a damaged segment, or one that holds a column in another type than those before it;
                SW-202 for a column that no segment has.
        """
        ...

    def streams(self) -> list[str]:
        """Return the names of the streams that have segments, sorted."""
        ...

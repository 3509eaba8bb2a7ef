"""What one column of a frame looks like: how much of it is missing, and how its values are spread."""

from typing import Final

import msgspec

LEVELS: Final = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
"""The quantiles that are kept of a number, in order."""
BARS: Final = 24
"""Into how many equal parts the values between the first and the last of the quantiles are counted."""


class ColumnStatistic(msgspec.Struct, frozen=True, kw_only=True):
    """One feature over all rows of a frame.

    Attributes:
        column: the frame's column.
        rows: rows of the frame.
        missing: rows without a value.
        infinite: rows with an infinite number, which counts in nothing below.
        distinct: different values, without the missing one.
        mean: mean of a number, share that is true of a condition; None where there is none.
        deviation: standard deviation of a number over the rows that have one; None where it is beyond every number.
        low: least number.
        high: greatest number.
        quantiles: of a number, at `LEVELS`, each of them a value that is there; empty where there is none.
        bars: rows by equal parts between the first and the last quantile, what lies beyond in the outermost part.
        common: the commonest texts or truths with their rows, most rows first and then in order.
    """

    column: str
    rows: int
    missing: int
    infinite: int = 0
    distinct: int
    mean: float | None = None
    deviation: float | None = None
    low: float | None = None
    high: float | None = None
    quantiles: tuple[float, ...] = ()
    bars: tuple[int, ...] = ()
    common: tuple[tuple[str, int], ...] = ()

    @property
    def missing_share(self) -> float:
        """Return the share of rows without a value, 0 where there are no rows."""
        return self.missing / self.rows if self.rows else 0.0

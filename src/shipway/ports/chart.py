"""The port of charts: data in, a static picture out."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

Rows = Sequence[Mapping[str, Any]]


class Charts(Protocol):
    """Draws charts as SVG text that stands alone: no script, no font or style from anywhere else."""

    def lines(
        self, rows: Rows, *, x: str, y: str, series: str, title: str, y_title: str, low: str | None, high: str | None
    ) -> str:
        """Draw one line for each series over an ordered axis, with a band where `low` and `high` are given."""
        ...

    def bars(self, rows: Rows, *, x: str, y: str, title: str, x_title: str, low: str | None, high: str | None) -> str:
        """Draw horizontal bars, one a row, in the rows' order, with whiskers where `low` and `high` are given."""
        ...

    def points(
        self, rows: Rows, *, x: str, y: str, size: str, series: str, title: str, x_title: str, y_title: str
    ) -> str:
        """Draw points against the diagonal, their area by a count: a reliability diagram."""
        ...

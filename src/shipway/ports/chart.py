"""The port of charts: data in, a static picture out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

Tone: TypeAlias = Literal["main", "plain", "harm"]
"""What a series is to the reader: the subject, what it is compared with, or what went wrong."""


@dataclass(frozen=True, slots=True)
class Series:
    """One named line or set of joined points.

    Attributes:
        name: what the legend calls it; no other series of the chart has the name.
        points: x and y in order of x; a y of None is a gap, every number is finite.
        tone: what it is to the reader.
        dashed: whether it shows something that is not, or no longer, the case.
    """

    name: str
    points: Sequence[tuple[str, float | None]] | Sequence[tuple[float, float | None]]
    tone: Tone = "main"
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Bar:
    """One horizontal bar; every number is finite.

    Attributes:
        name: what stands beside it; no other bar of the chart has the name.
        start: where it begins: 0, or where the bar above it ended.
        end: where it ends.
        said: its number in words, which stands at its end.
        tone: what it is to the reader.
        interval: ends of the interval of its end; None where it is exact.
    """

    name: str
    start: float
    end: float
    said: str
    tone: Tone = "main"
    interval: tuple[float, float] | None = None


class Charts(Protocol):
    """Draws charts as SVG text that stands alone: no script, no font, style or picture from anywhere else.

    Words are kept as text, the background is transparent and words take the colour of the text around the picture, so
    that it can be read on a light and on a dark page. Equal data give equal text, and several pictures may stand in one
    page: none has an `id`.
    """

    def lines(self, series: Sequence[Series], *, labels: Sequence[str], title: str, ordered: bool = True) -> str:
        """Draw one line for each series over an axis of labels, or its points alone where labels have no order.

        Args:
            series: what is drawn, first on top; their x are labels.
            labels: the axis, in its order.
            title: what y is, and in which unit.
            ordered: whether a label comes after the one before it, as months do; a line from one shop to the next would
                say that there is something between them.
        """
        ...

    def diagonal(self, series: Sequence[Series], *, title: str, x_title: str, y_title: str, shares: bool = True) -> str:
        """Draw joined points against the diagonal, such as a reliability diagram, as far as they reach.

        Args:
            series: what is drawn, first on top; x and y are in one unit.
            title: what is shown.
            x_title: what x is.
            y_title: what y is.
            shares: whether x and y are between 0 and 1, and drawn from 0.
        """
        ...

    def bars(self, bars: Sequence[Bar], *, title: str) -> str:
        """Draw horizontal bars below one another: from nought to compare sizes, from end to end to add them up.

        Args:
            bars: what is drawn, first on top; at least one.
            title: what their length is, and in which unit.
        """
        ...

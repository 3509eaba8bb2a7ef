"""A fake of the port Charts: lines and words of SVG, written by hand."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final, Literal
from xml.sax.saxutils import escape

from shipway.ports.chart import Bar, Series, Tone

_WIDTH: Final = 480
_PLOT: Final = 240
"""Height in pixels of what lies between the axes."""
_ROW: Final = 18
_LEFT: Final = 64
_RIGHT: Final = 24
_COLOURS: Final[dict[Tone, str]] = {"main": "#2b7fd0", "harm": "#d8622b", "plain": "#7f8996"}

Place = Callable[[float], float]
"""Turns a number of the data into pixels from the left or from the top."""


class PlainCharts:
    """Draws a title, a legend, the ends of the axes, and the series as polylines with their points."""

    def lines(self, series: Sequence[Series], *, labels: Sequence[str], title: str, ordered: bool = True) -> str:
        """Draw one line for each series over an axis of labels, or its points alone where labels have no order."""
        known = [y for one in series for _, y in one.points if y is not None] or [0.0, 1.0]
        low, high = min(known), max(known)
        canvas = _Canvas(title, series)
        slots = _scale(-0.5, len(labels) - 0.5, _LEFT, _WIDTH - _RIGHT)
        slot_of = {label: slots(slot) for slot, label in enumerate(labels)}
        place_y = _scale(low, high, canvas.bottom, canvas.top)
        axis = [_text(x, canvas.bottom + _ROW, label, "middle") for label, x in slot_of.items()]
        placed = [(one, [(slot_of[str(x)], y) for x, y in one.points]) for one in reversed(series)]
        curves = [_curve(one, points, place_y, joined=ordered) for one, points in placed]
        return canvas.draw([*canvas.mark_y(low, high, place_y), *axis, *curves])

    def diagonal(self, series: Sequence[Series], *, title: str, x_title: str, y_title: str, shares: bool = True) -> str:
        """Draw joined points against the diagonal, as far as the points reach."""
        points = {one.name: [(float(x), y) for x, y in one.points] for one in series}
        numbers = [number for curve in points.values() for point in curve for number in point if number is not None]
        least, reach = 0.0 if shares else min(numbers, default=0.0), max(numbers, default=1.0) or 1.0
        canvas = _Canvas(title, series)
        place_x, place_y = _scale(least, reach, _LEFT, _WIDTH - _RIGHT), _scale(least, reach, canvas.bottom, canvas.top)
        words = [
            _text(place_x(reach), canvas.bottom + _ROW, f"{reach:g}", "middle"),
            _text(place_x((least + reach) / 2), canvas.bottom + 2 * _ROW, x_title, "middle"),
            _text(4, canvas.top - _ROW, y_title),
        ]
        rule = _polyline([(place_x(at), place_y(at)) for at in (least, reach)], "currentColor")
        curves = [_curve(one, [(place_x(x), y) for x, y in points[one.name]], place_y) for one in reversed(series)]
        return canvas.draw([*canvas.mark_y(least, reach, place_y), *words, rule, *curves])

    def bars(self, bars: Sequence[Bar], *, title: str) -> str:
        """Draw horizontal bars below one another, each with its number at its end."""
        reach = [number for one in bars for number in (0.0, one.start, one.end, *(one.interval or ()))]
        place = _scale(min(reach), max(reach), 2 * _LEFT, _WIDTH - 4 * _RIGHT)
        parts: list[str] = []
        for row, one in enumerate(bars, start=3):
            y, left, right = _ROW * row, *sorted((place(one.start), place(one.end)))
            box = f'x="{left:.2f}" y="{y - 12}" width="{right - left:.2f}" height="12"'
            parts += [
                _text(4, y, one.name),
                f'<rect {box} fill="{_COLOURS[one.tone]}"/>',
                _text(right + 4, y, one.said),
            ]
            if one.interval is not None:
                low, high = (place(end) for end in one.interval)
                parts.append(_polyline([(low, y - 6), (high, y - 6)], "currentColor"))
        return _Canvas(title, ()).draw(parts, _ROW * (len(bars) + 4))


@dataclass(frozen=True, slots=True)
class _Canvas:
    """A picture with its title and legend; it is as high as the legend makes it.

    Attributes:
        title: what stands above all.
        series: what the legend lists, a row for each.
    """

    title: str
    series: Sequence[Series]

    @property
    def top(self) -> int:
        """Return where the plot starts, in pixels from the top."""
        return _ROW * (len(self.series) + 3)

    @property
    def bottom(self) -> int:
        """Return where the plot ends, in pixels from the top."""
        return self.top + _PLOT

    def mark_y(self, low: float, high: float, place_y: Place) -> Iterator[str]:
        """Yield the numbers at the ends of the y axis, one where they are equal."""
        for value in sorted({low, high}):
            yield _text(_LEFT - 8, place_y(value), f"{value:g}", "end")

    def draw(self, parts: Iterable[str], height: int = 0) -> str:
        """Return the whole picture, as high as a plot needs where no height is given."""
        height = height or self.bottom + 3 * _ROW
        legend: list[str] = []
        for row, one in enumerate(self.series, start=2):
            sample = [(_LEFT, _ROW * row - 4), (_LEFT + 24, _ROW * row - 4)]
            legend += [_polyline(sample, _COLOURS[one.tone], one.dashed), _text(_LEFT + 32, _ROW * row, one.name)]
        size = f'width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}"'
        start = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">'
        return "\n".join([start, _text(4, _ROW, self.title), *legend, *parts, "</svg>"])


def _scale(low: float, high: float, first: float, last: float) -> Place:
    """Return what maps `low` to `first` and `high` to `last`; where they are equal, it maps all to the middle."""
    if low == high:
        return lambda _: (first + last) / 2
    return lambda value: first + (value - low) / (high - low) * (last - first)


def _curve(series: Series, points: Iterable[tuple[float, float | None]], place_y: Place, *, joined: bool = True) -> str:
    """Return a series drawn through points of x in pixels, a polyline from gap to gap and a dot at every point."""
    parts: list[str] = []
    colour = _COLOURS[series.tone]
    for known, run in groupby(points, lambda point: point[1] is not None):
        if known:
            placed = [(x, place_y(y)) for x, y in run if y is not None]
            dots = (f'<circle cx="{x:.2f}" cy="{y:.2f}" r="3" fill="{colour}"/>' for x, y in placed)
            parts += [*([_polyline(placed, colour, series.dashed)] if joined else []), *dots]
    return "\n".join(parts)


def _polyline(points: Iterable[tuple[float, float]], colour: str, dashed: bool = False) -> str:
    corners = " ".join(f"{x:.2f},{y:.2f}" for x, y in points)
    dashes = ' stroke-dasharray="5 4"' if dashed else ""
    return f'<polyline points="{corners}" fill="none" stroke="{colour}"{dashes}/>'


def _text(x: float, y: float, words: str, anchor: Literal["start", "middle", "end"] = "start") -> str:
    return f'<text x="{x:.2f}" y="{y:.2f}" text-anchor="{anchor}" fill="currentColor">{escape(words)}</text>'

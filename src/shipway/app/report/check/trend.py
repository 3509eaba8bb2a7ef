"""A rule over the versions of the data, drawn small: a mark for each, and the bound that they were to keep."""

from collections.abc import Sequence
from typing import Final

from shipway.app.count import write_plural
from shipway.app.report.check.data import PointData
from shipway.app.report.element import Markup, element
from shipway.app.report.gate import Measured, RuleData
from shipway.app.report.number import write_number
from shipway.app.report.whisker import span_of

WIDTH: Final = 168.0
HEIGHT: Final = 36.0
_EDGE: Final = 7.0
_MARK: Final = 3.0


def draw_trend(rule: RuleData, points: Sequence[PointData]) -> Markup | None:
    """Draw what a rule came to over time, this version of the data last; None where there is nothing to see.

    A pass is a dot, what holds a ring, and a failure a cross, so that no colour is needed to tell them.

    Args:
        rule: the rule; its bound is drawn, and the side on which it passes is shaded.
        points: what it came to, oldest first.
    """
    at_bound = Measured(rule.bound, rule.bound, rule.bound)
    if len(points) < 2 or rule.op is None or all(point.measured == at_bound for point in points):
        return None
    low, high = span_of([point.measured for point in points], rule.bound)
    apart = (WIDTH - 2 * _EDGE) / (len(points) - 1)

    def y(value: float) -> float:
        return round(_EDGE + (high - value) / (high - low) * (HEIGHT - 2 * _EDGE), 2)

    level = y(rule.bound)
    top, end = (0.0, level) if rule.op in (">=", ">") else (level, HEIGHT)
    places = [(round(_EDGE + at * apart, 2), y(point.measured.value)) for at, point in enumerate(points)]
    return element(
        "svg",
        element("rect", x=0, y=top, width=WIDTH, height=round(end - top, 2), class_="side"),
        element("line", x1=0, x2=WIDTH, y1=level, y2=level, class_="bound"),
        element("polyline", points=" ".join(f"{x:g},{at:g}" for x, at in places), class_="way"),
        *(_mark(place, point) for place, point in zip(places, points, strict=True)),
        class_="trend",
        viewBox=f"0 0 {WIDTH:g} {HEIGHT:g}",
        width=WIDTH,
        height=HEIGHT,
        role="img",
        aria_label=_say(rule, points),
    )


def _mark(place: tuple[float, float], point: PointData) -> Markup:
    x, y = place
    if point.outcome == "fail":
        left, right, top, low = x - _MARK, x + _MARK, y - _MARK, y + _MARK
        ends = f"M{left:g},{top:g}L{right:g},{low:g}M{left:g},{low:g}L{right:g},{top:g}"
        return element("path", d=ends, class_=point.outcome)
    return element("circle", cx=x, cy=y, r=_MARK, class_=point.outcome)


def _say(rule: RuleData, points: Sequence[PointData]) -> str:
    first, last = (write_number(points[at].measured.value, rule.unit) for at in (0, -1))
    failed = sum(point.outcome == "fail" for point in points)
    versions = write_plural(len(points), "version")
    return f"{versions} of the data: {first} first, {last} now; {failed} of them fail, the bound is {rule.op} " + (
        write_number(rule.bound, rule.unit)
    )

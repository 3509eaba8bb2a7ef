"""A number with its interval drawn against a bound, small enough to stand in a row of a table."""

from collections.abc import Iterable

from shipway.app.report.element import Markup, element
from shipway.app.report.gate import Measured
from shipway.core.check import Operator

WIDTH, HEIGHT = 132.0, 20.0
_MIDDLE = HEIGHT / 2
_EDGE = 5.0


def draw_whisker(
    measured: Measured,
    span: tuple[float, float],
    *,
    tone: str,
    bound: float | None = None,
    op: Operator | None = None,
) -> Markup:
    """Draw a value as a dot, its interval as a line, and where a rule lets them be.

    Args:
        measured: what is drawn.
        span: the numbers at the left and the right edge, as `span_of` gives them.
        tone: class that gives the colour: an outcome, `main` or `harm`.
        bound: where a thin line stands.
        op: on which side of the bound a rule passes; that side is shaded.
    """

    def x(value: float) -> float:
        return round(_EDGE + (value - span[0]) / (span[1] - span[0]) * (WIDTH - 2 * _EDGE), 2)

    parts: list[Markup] = []
    if bound is not None and op is not None:
        start, end = (x(bound), WIDTH) if op in (">=", ">") else (0.0, x(bound))
        parts.append(element("rect", x=start, y=0, width=round(end - start, 2), height=HEIGHT, class_="side"))
    if bound is not None:
        parts.append(element("line", x1=x(bound), x2=x(bound), y1=0, y2=HEIGHT, class_="bound"))
    if measured.low != measured.high:
        low, high = x(measured.low), x(measured.high)
        parts.append(element("line", x1=low, x2=high, y1=_MIDDLE, y2=_MIDDLE, class_="reach"))
    parts.append(element("circle", cx=x(measured.value), cy=_MIDDLE, r=4))
    view = f"0 0 {WIDTH:g} {HEIGHT:g}"
    return element(
        "svg", *parts, class_=f"whisker {tone}", viewBox=view, width=WIDTH, height=HEIGHT, aria_hidden="true"
    )


def span_of(measured: Iterable[Measured], *bounds: float) -> tuple[float, float]:
    """Return a span that shows all intervals and bounds with some room on both sides."""
    ends = [end for each in measured for end in (each.low, each.value, each.high)] + list(bounds)
    low, high = min(ends), max(ends)
    room = (high - low) * 0.12 or abs(high) * 0.5 or 1.0
    return low - room, high + room

"""Charts drawn with altair and turned into SVG by vl-convert, in this process and without a network."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal

import altair as alt
import vl_convert

from shipway.ports.chart import Bar, Series, Tone

WIDTH: Final = 540
"""Width of a line chart in pixels, with everything around it."""
SIDE: Final = 420
"""Width and height of a square chart in pixels."""
HEIGHT: Final = 340
"""Height of a line chart in pixels."""
BARS: Final = 680
"""Width of a chart of bars in pixels, which have words on either side."""
_ROW: Final = 24
"""Height of a bar and the space around it in pixels."""

_COLOURS: Final[dict[Tone, tuple[str, ...]]] = {
    "main": ("#2b7fd0", "#17998f", "#7a6fd6"),
    "harm": ("#d8622b", "#b0569e", "#a8791d"),
    "plain": ("#7f8996", "#a08c6c", "#6d8f9e"),
}
"""Colours of each tone in turn: 3 to 1 or more on white and on near black; blue, vermilion and grey differ for everyone
who sees colour, and dashes tell apart what shares one."""
_WORDS: Final = "currentColor"
_VERSION: Final = ".".join(alt.SCHEMA_VERSION.removeprefix("v").split(".")[:2])
_CONFIG: Final[dict[str, Any]] = {
    "background": "transparent",
    "padding": {"left": 6, "top": 2, "right": 4, "bottom": 2},
    "font": "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', sans-serif",
    "view": {"stroke": None},
    "title": {"color": _WORDS, "fontSize": 14, "fontWeight": 600, "anchor": "start", "frame": "bounds", "offset": 10},
    "axis": {
        "labelColor": _WORDS,
        "labelOpacity": 0.75,
        "labelFontSize": 12,
        "labelPadding": 6,
        "titleColor": _WORDS,
        "titleOpacity": 0.75,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "titlePadding": 8,
        "domain": False,
        "ticks": False,
        "gridColor": _WORDS,
        "gridOpacity": 0.13,
    },
    "legend": {
        "orient": "top",
        "direction": "horizontal",
        "title": None,
        "columns": 3,
        "labelColor": _WORDS,
        "labelFontSize": 12,
        "labelLimit": 220,
        "symbolType": "stroke",
        "symbolSize": 500,
        "symbolStrokeWidth": 2.5,
        "rowPadding": 4,
        "columnPadding": 26,
        "offset": 10,
    },
}


class AltairCharts:
    """Draws the charts of a report."""

    def lines(self, series: Sequence[Series], *, labels: Sequence[str], title: str, ordered: bool = True) -> str:
        """Draw one line for each series over an axis of labels, or its points alone where labels have no order."""
        x = alt.X("x:O", sort=list(labels), title=None, scale=_space(labels, ordered))
        axis = alt.Axis(labelAngle=0, labelOverlap="greedy", labelSeparation=12, grid=False)
        known = [y for one in series for _, y in one.points if y is not None]
        scale = _choose_scale(known) if known else alt.Scale(domain=[0, 1])
        y = alt.Y("y:Q", title=None, scale=scale, axis=alt.Axis(tickCount=5))
        chart = (_joined(series) if ordered else _alone(series)).encode(x=x.axis(axis), y=y)
        return _draw(chart, title, width=WIDTH, height=HEIGHT)

    def diagonal(self, series: Sequence[Series], *, title: str, x_title: str, y_title: str, shares: bool = True) -> str:
        """Draw joined points against the diagonal, as far as the points reach."""
        axis = alt.Axis(format="%", tickCount=5) if shares else alt.Axis(tickCount=5)
        numbers = list(_numbers(series))
        least, most = (0.0, min(1.0, 0.1 * math.ceil(10 * max(0.1, *numbers)))) if shares else _span(numbers)
        scale = alt.Scale(domain=[least, most], nice=not shares)
        x, y = alt.X("x:Q", title=x_title, axis=axis), alt.Y("y:Q", title=y_title, axis=axis)
        ends = alt.Data(values=[{"x": least, "y": least}, {"x": most, "y": most}])
        rule = alt.Chart(ends).mark_line(aria=False, color=_WORDS, opacity=0.35, strokeWidth=1)
        drawn = [part.encode(x=x.scale(scale), y=y.scale(scale)) for part in (rule, _joined(series))]
        chart = alt.LayerChart(layer=drawn)
        return _draw(chart, title, width=SIDE, height=SIDE)

    def bars(self, bars: Sequence[Bar], *, title: str) -> str:
        """Draw horizontal bars below one another, each with its number at its end."""
        names = [one.name for one in bars]
        values = [_describe(one) for one in bars]
        reach = [number for one in bars for number in (0.0, one.start, one.end, *(one.interval or ()))]
        least, most = min(reach), max(reach)
        # Room for the words on either side; a chart of noughts has a width too.
        room = 0.25 * ((most - least) or 1.0)
        scale = alt.Scale(domain=[least - room * any(one.end < 0 for one in bars), most + room], nice=False)
        y = alt.Y("name:N", sort=names, title=None, axis=alt.Axis(grid=False, labelLimit=260))
        tones = list(_COLOURS)
        colour = alt.Color(
            "tone:N", legend=None, scale=alt.Scale(domain=tones, range=[_COLOURS[tone][0] for tone in tones])
        )
        base = alt.Chart(alt.Data(values=values)).encode(y=y)
        x, x2 = alt.X("start:Q", title=None, scale=scale, axis=alt.Axis(tickCount=5)), alt.X2("end:Q")
        drawn = [
            base.mark_bar(aria=False, height={"band": 0.62}).encode(x=x, x2=x2, color=colour),
            base.transform_filter("isValid(datum.low)")
            .mark_rule(aria=False, color=_WORDS, opacity=0.6, strokeWidth=1.5)
            .encode(x=alt.X("low:Q", scale=scale), x2=alt.X2("high:Q")),
            _write_ends(base, scale, "left", 6),
            _write_ends(base, scale, "right", -6),
        ]
        # Names are measured in one font and drawn in another, which may be wider.
        return _draw(alt.LayerChart(layer=drawn), title, width=BARS, height=90 + _ROW * len(bars), left=30)


def _space(labels: Sequence[str], ordered: bool) -> alt.Scale:
    """Return the scale of an axis of labels; points beside one another leave room to those of the next label."""
    return (
        alt.Scale(domain=list(labels))
        if ordered
        else alt.Scale(domain=list(labels), paddingInner=0.7, paddingOuter=0.4)
    )


def _span(numbers: Sequence[float]) -> tuple[float, float]:
    """Return the least and the greatest of numbers; a width about them where they are one."""
    least, most = min(numbers), max(numbers)
    return (least, most) if most > least else (least - 1.0, most + 1.0)


def _choose_scale(numbers: Sequence[float]) -> alt.Scale:
    """Return the scale of an axis: from nought where numbers reach down to it, and never below for what is never."""
    least, most = min(numbers), max(numbers)
    if 0 <= least <= 0.1 * most:
        return alt.Scale(zero=True, nice=True)
    return alt.Scale(zero=False, padding=8)


def _write_ends(base: alt.Chart, scale: alt.Scale, align: Literal["left", "right"], shift: int) -> alt.Chart:
    """Return the words at the ends of bars, of those to the right or of those to the left."""
    chosen = base.transform_filter(f"datum.left === {'true' if align == 'right' else 'false'}")
    words = chosen.mark_text(aria=False, color=_WORDS, fontSize=12, align=align, dx=shift)
    return words.encode(x=alt.X("place:Q", scale=scale), text="said:N")


def _describe(one: Bar) -> dict[str, Any]:
    """Return a bar as data; its words stand beyond its end and its interval, on the side it goes to."""
    low, high = one.interval or (None, None)
    left = one.end < one.start
    ends = [one.end, *(one.interval or ())]
    place = min(ends) if left else max(ends)
    return {
        "name": one.name, "start": one.start, "end": one.end, "said": one.said, "tone": one.tone,
        "low": low, "high": high, "left": left, "place": place,
    }  # fmt: skip


def _joined(series: Sequence[Series]) -> alt.Chart:
    """Return lines with points, coloured and dashed by series; the first series is drawn last, over the others."""
    names = [one.name for one in series]
    dashes = [[5, 4] if one.dashed else [1, 0] for one in series]
    points = alt.OverlayMarkDef(aria=False, size=36, filled=True, strokeWidth=0)
    lines = _coloured(series).mark_line(aria=False, strokeWidth=2.25, point=points)
    return lines.encode(strokeDash=alt.StrokeDash("name:N", sort=names, scale=alt.Scale(domain=names, range=dashes)))


def _alone(series: Sequence[Series]) -> alt.Chart:
    """Return the points of series, those of one label beside one another, coloured by series."""
    beside = alt.XOffset("name:N", sort=[one.name for one in series])
    legend = alt.Legend(symbolType="circle", symbolSize=64, symbolStrokeWidth=0)
    return _coloured(series, legend).mark_circle(aria=False, size=64, opacity=1.0).encode(xOffset=beside)


def _coloured(series: Sequence[Series], legend: alt.Legend | None = None) -> alt.Chart:
    """Return the points of series with a colour for each; those of the first come last."""
    values = [{"name": one.name, "x": x, "y": y} for one in reversed(series) for x, y in one.points]
    names, colours = [one.name for one in series], _colours(series)
    colour = alt.Color("name:N", sort=names, scale=alt.Scale(domain=names, range=colours))
    return alt.Chart(alt.Data(values=values)).encode(color=colour if legend is None else colour.legend(legend))


def _numbers(series: Sequence[Series]) -> Iterator[float]:
    """Yield every x and y that is a number."""
    for one in series:
        for point in one.points:
            yield from (number for number in point if isinstance(number, int | float))


def _colours(series: Sequence[Series]) -> list[str]:
    """Return a colour for each series: the n-th whole and the n-th dashed one of a tone share its n-th."""
    drawn: Counter[tuple[Tone, bool]] = Counter()
    colours: list[str] = []
    for one in series:
        of_tone = _COLOURS[one.tone]
        colours.append(of_tone[drawn[one.tone, one.dashed] % len(of_tone)])
        drawn[one.tone, one.dashed] += 1
    return colours


def _draw(chart: alt.Chart | alt.LayerChart, title: str, *, width: int, height: int, left: int = 6) -> str:
    config = {**_CONFIG, "padding": {**_CONFIG["padding"], "left": left}}
    fit = alt.AutoSizeParams(type="fit", contains="padding")
    whole: dict[str, Any] = chart.properties(title=title, width=width, height=height, autosize=fit).to_dict()
    return vl_convert.vegalite_to_svg({**whole, "config": config}, vl_version=_VERSION, allowed_base_urls=[])

"""What a feature looks like, drawn small enough to stand in a row of a table."""

from shipway.app.report.catalog.number import write_short
from shipway.app.report.element import Markup, element
from shipway.core.statistic import LEVELS, ColumnStatistic

WIDTH, HEIGHT = 148.0, 34.0
_GAP = 1.0
_LEAST = 1.0


def draw_shape(statistic: ColumnStatistic | None) -> Markup | None:
    """Draw how the values of a feature are spread: bars by equal parts with the median marked, or by commonest value.

    Args:
        statistic: of the feature; nothing is drawn where there is none, or nothing but missing values.
    """
    if statistic is None:
        return None
    if statistic.bars:
        return _draw_bars(statistic.bars, _say_numbers(statistic), median=_place_median(statistic))
    if statistic.common:
        counts = tuple(count for _, count in statistic.common)
        said = ", ".join(f"{name} {count / statistic.rows:.0%}" for name, count in statistic.common[:4])
        return _draw_bars(counts, f"the commonest of {statistic.distinct:,} values: {said}", median=None)
    return None


def _draw_bars(counts: tuple[int, ...], said: str, *, median: float | None) -> Markup:
    step = WIDTH / max(len(counts), 8)
    top = max(counts)
    bars = [
        element(
            "rect",
            x=round(place * step, 2),
            y=round(HEIGHT - 4 - _tall(count, top), 2),
            width=round(step - _GAP, 2),
            height=round(_tall(count, top), 2),
            rx=1,
        )
        for place, count in enumerate(counts)
        if count
    ]
    if median is not None:
        x = round(median * step * len(counts), 2)
        bars.append(element("path", d=f"M{x:g} {HEIGHT - 4:g} l-3.5 4 h7 z", class_="median"))
    view = f"0 0 {WIDTH:g} {HEIGHT:g}"
    return element(
        "svg",
        element("title", said),
        *bars,
        class_="shape",
        viewBox=view,
        width=WIDTH,
        height=HEIGHT,
        role="img",
        aria_label=said,
    )


def _tall(count: int, top: int) -> float:
    return max(count / top * (HEIGHT - 5), _LEAST) if count else 0.0


def _place_median(statistic: ColumnStatistic) -> float | None:
    """Return where the median lies between the ends of the bars, from 0 to 1."""
    low, middle, high = statistic.quantiles[0], statistic.quantiles[LEVELS.index(0.5)], statistic.quantiles[-1]
    return (middle - low) / (high - low) if high > low else None


def _say_numbers(statistic: ColumnStatistic) -> str:
    low, middle, high = statistic.quantiles[0], statistic.quantiles[LEVELS.index(0.5)], statistic.quantiles[-1]
    if low == high:
        return f"nearly every value is {write_short(low)}"
    ends = f"98 % of the values lie from {write_short(low)} to {write_short(high)}"
    return f"{ends}, half of them up to {write_short(middle)}"

"""Sections on parts of the rows: regressions that were searched for, fairness between groups, and change over time."""

from collections.abc import Sequence
from typing import Final

from shipway.app.count import write_plural
from shipway.app.detail import FairnessData, FoundData, FoundSlice, GroupRate, TrendData
from shipway.app.report.element import Child, Markup, code, element, fold, join, table, words
from shipway.app.report.gate import Measured, Unit
from shipway.app.report.number import write_interval, write_number, write_p
from shipway.app.report.whisker import draw_whisker, span_of
from shipway.ports.chart import Charts, Series

_SHOWN: Final = 8
"""How many rates of groups are shown from each end before the reader asks for all."""
_JUDGED: Final = (
    "p is how likely a slice looks so much worse where it is not. What decides is p given that it looks worse at all, "
    "over such slices: those that look better are set aside."
)
"""What is said below slices that were searched, unless all of them are judged."""


def show_found(searches: Sequence[FoundData]) -> Markup | None:
    """Return the short explanation of each search, and the whole list for those who ask."""
    return join(_search(each) for each in searches) if searches else None


def show_fairness(checks: Sequence[FairnessData]) -> Markup | None:
    """Return the rates of every group, those furthest apart first."""
    return join(_fairness(each) for each in checks) if checks else None


def show_trends(trends: Sequence[TrendData], charts: Charts) -> Markup | None:
    """Return the advantage over a baseline in windows that roll over the test period, drawn and in numbers."""
    return join(_trend(each, charts) for each in trends) if trends else None


def _search(search: FoundData) -> Markup:
    lines = [each for each in search.slices if each.line is not None]
    found = [each for each in search.slices if each.regressed]
    nearest = [each for each in search.slices if not each.regressed]
    said = f"{search.said[:1].upper()}{search.said[1:]}."
    shown = _table(lines, worse=True) if lines else _table(nearest, worse=False) if nearest else None
    told = (
        "Each line is a slice that is worse by itself, the others accounted for. A slice that is worse only because it"
        " shares rows with a line is in the whole list. A difference above nought is worse; intervals are of one slice."
    )
    rest = len(found) > len(lines)
    return join(
        (
            element("p", code(search.check), class_="why"),
            words(element("b", said)),
            element("p", told, class_="soft") if lines else None,
            shown,
            fold(f"All {write_plural(len(found), 'slice')} found", _table(found, worse=True)) if rest else None,
            fold("The nearest that were not found", _table(nearest, worse=False)) if lines and nearest else None,
            element("p", _JUDGED, class_="soft") if shown is not None and "control=" not in search.check else None,
        )
    )


def _table(slices: Sequence[FoundSlice], *, worse: bool) -> Markup:
    measured = [Measured(each.difference, each.low, each.high) for each in slices]
    span = span_of(measured, 0.0)
    told = any(each.effect is not None for each in slices)
    head = ["Slice", "Rows", "Loss", "Baseline", "Difference", "95 % interval", "", "p"]
    head += ["Beyond the rest"] if told else []
    rows: list[Sequence[Child]] = [
        (
            each.slice,
            f"{each.n:,}",
            write_number(each.candidate_loss, "loss"),
            write_number(each.baseline_loss, "loss"),
            element("b", write_number(each.difference, "loss", sign=True)),
            element("span", write_interval(number, "loss", sign=True), class_="soft"),
            draw_whisker(number, span, tone="fail" if worse else "main", bound=0.0),
            write_p(each.p),
            *([None if each.effect is None else write_number(each.effect, "loss", sign=True)] if told else []),
        )
        for each, number in zip(slices, measured, strict=True)
    ]
    return table(head, rows, numbers=(1, 2, 3, 4, 5, 7, 8), class_="tight")


def _fairness(fairness: FairnessData) -> Markup:
    decides = sorted(
        (each for each in fairness.groups if each.decides), key=lambda each: (each.rate, -(each.value or 0))
    )
    under = [each for each in fairness.groups if not each.decides]
    ends = [*decides[:_SHOWN], *decides[max(_SHOWN, len(decides) - _SHOWN) :]]
    cut = len(ends) < len(decides)
    return join(
        (
            element("p", code(fairness.check), class_="why"),
            words(element("b", f"{fairness.said[:1].upper()}{fairness.said[1:]}.")),
            element("p", "The rates that are highest, and those that are lowest.", class_="soft") if cut else None,
            _rates(ends, fairness.apart) if ends else None,
            fold(f"All {len(decides):,} rates that decide", _rates(decides, fairness.apart)) if cut else None,
            fold(f"{write_plural(len(under), 'rate')} under support, listed and never decided on", _rates(under))
            if under
            else None,
        )
    )


def _rates(groups: Sequence[GroupRate], apart: Sequence[str] = ()) -> Markup:
    """Return rates with their intervals on one scale; the groups furthest apart stand out."""
    measured = [_measured(each.value, each.low, each.high) for each in groups]
    known = [each for each in measured if each is not None]
    span = span_of(known) if known else (0.0, 1.0)
    unit: Unit = "loss" if any(each.rate == "predicts less observed" for each in groups) else "share"
    rows: list[Sequence[Child]] = [
        (
            each.group,
            each.rate,
            f"{each.n:,}",
            None if each.value is None else write_number(each.value, unit),
            None if number is None else element("span", write_interval(number, unit), class_="soft"),
            None if number is None else draw_whisker(number, span, tone="main"),
        )
        for each, number in zip(groups, measured, strict=True)
    ]
    head = ("Group", "Rate", "Rows", "Value", "95 % interval", "")
    marked = [at for at, each in enumerate(groups) if each.group in apart]
    return table(head, rows, numbers=(2, 3, 4), marked=marked, class_="tight narrow")


def _trend(trend: TrendData, charts: Charts) -> Markup:
    measured = [_measured(each.advantage, each.low, each.high) for each in trend.windows]
    span = span_of((each for each in measured if each is not None), 0.0)
    rows: list[Sequence[Child]] = [
        (
            each.window,
            f"{each.n:,}",
            element("b", write_number(each.advantage, "loss", sign=True)),
            None if number is None else element("span", write_interval(number, "loss", sign=True), class_="soft"),
            None if number is None else draw_whisker(number, span, tone="main", bound=0.0),
        )
        for each, number in zip(trend.windows, measured, strict=True)
    ]
    head = ("Window", "Rows", "Advantage", "95 % interval", "")
    numbers = table(head, rows, numbers=(1, 2, 3), class_="tight narrow") if rows else None
    drawn = _draw_trend(trend, charts) if len(rows) > 2 else None
    return join(
        (
            element("p", code(trend.check), class_="why"),
            words(element("b", f"{trend.said[:1].upper()}{trend.said[1:]}."), " An advantage above nought is better."),
            drawn,
            fold("The numbers by window", numbers) if drawn and numbers else numbers,
        )
    )


def _draw_trend(trend: TrendData, charts: Charts) -> Markup:
    """Draw the advantage of each window over the day it begins on, between the ends of its interval."""
    labels = [each.window.partition(" to ")[0] for each in trend.windows]
    ends = (("upper end", [each.high for each in trend.windows]), ("lower end", [each.low for each in trend.windows]))
    series = [
        Series("advantage", [(label, each.advantage) for label, each in zip(labels, trend.windows, strict=True)]),
        *(Series(name, list(zip(labels, values, strict=True)), "plain", dashed=True) for name, values in ends),
    ]
    title = "Advantage in log loss by first day of the window"
    return element("figure", Markup(charts.lines(series, labels=labels, title=title)))


def _measured(value: float | None, low: float | None, high: float | None) -> Measured | None:
    return None if value is None or low is None or high is None else Measured(value, low, high)

"""Sections on parts of the rows: regressions that were searched for, fairness between groups, and change over time."""

from collections.abc import Sequence

import msgspec

from shipway.app.count import write_plural
from shipway.app.report.element import Child, Markup, code, element, fold, join, table, words
from shipway.app.report.gate import Measured
from shipway.app.report.number import write_interval, write_number, write_p, write_share
from shipway.app.report.whisker import draw_whisker, span_of


class FoundSlice(msgspec.Struct, frozen=True, kw_only=True):
    """One slice of a search; the shape is that of `shipway.validation.found`."""

    line: int | None
    slice: str
    n: int
    clusters: int
    candidate_loss: float
    baseline_loss: float
    difference: float
    low: float
    high: float
    p: float
    effect: float | None
    regressed: bool


class FoundData(msgspec.Struct, frozen=True, kw_only=True):
    """One search: the check as written, what was compared, what came of it, and its slices, the explanation first."""

    check: str
    baseline: str
    said: str
    tested: int
    under_support: int
    slices: tuple[FoundSlice, ...]


class GroupRate(msgspec.Struct, frozen=True, kw_only=True):
    """One rate of one group; the shape is that of `shipway.validation.fairness`."""

    group: str
    rate: str
    n: int
    value: float | None
    low: float | None
    high: float | None
    decides: bool


class FairnessData(msgspec.Struct, frozen=True, kw_only=True):
    """One check on fairness: as written, what came of it, and its groups."""

    check: str
    said: str
    groups: tuple[GroupRate, ...]


class TrendWindow(msgspec.Struct, frozen=True, kw_only=True):
    """The advantage in one window; the shape is that of `shipway.validation.trend`."""

    window: str
    n: int
    advantage: float
    low: float | None
    high: float | None


class TrendData(msgspec.Struct, frozen=True, kw_only=True):
    """How an advantage changes: the check as written, what came of it, and its windows."""

    check: str
    said: str
    windows: tuple[TrendWindow, ...]


def show_found(searches: Sequence[FoundData]) -> Markup | None:
    """Return the short explanation of each search, and the whole list for those who ask."""
    return join(_search(each) for each in searches) if searches else None


def show_fairness(checks: Sequence[FairnessData]) -> Markup | None:
    """Return the rates of every group, those furthest apart first."""
    return join(_fairness(each) for each in checks) if checks else None


def show_trends(trends: Sequence[TrendData]) -> Markup | None:
    """Return the advantage over a baseline in windows that roll over the test period."""
    return join(_trend(each) for each in trends) if trends else None


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
        )
    )


def _table(slices: Sequence[FoundSlice], *, worse: bool) -> Markup:
    measured = [Measured(each.difference, each.low, each.high) for each in slices]
    span = span_of(measured, 0.0)
    head = ("Slice", "Rows", "Loss", "Baseline", "Difference", "95 % interval", "", "Beyond the rest", "p")
    rows: list[Sequence[Child]] = [
        (
            each.slice,
            f"{each.n:,}",
            write_number(each.candidate_loss, "loss"),
            write_number(each.baseline_loss, "loss"),
            element("b", write_number(each.difference, "loss", sign=True)),
            element("span", write_interval(number, "loss", sign=True), class_="soft"),
            draw_whisker(number, span, tone="fail" if worse else "main", bound=0.0),
            None if each.effect is None else write_number(each.effect, "loss", sign=True),
            write_p(each.p),
        )
        for each, number in zip(slices, measured, strict=True)
    ]
    return table(head, rows, numbers=(1, 2, 3, 4, 5, 7, 8), class_="tight")


def _fairness(fairness: FairnessData) -> Markup:
    decides = sorted(
        (each for each in fairness.groups if each.decides), key=lambda each: (each.rate, -(each.value or 0))
    )
    under = [each for each in fairness.groups if not each.decides]
    return join(
        (
            element("p", code(fairness.check), class_="why"),
            words(element("b", f"{fairness.said[:1].upper()}{fairness.said[1:]}.")),
            _rates(decides) if decides else None,
            fold(f"{write_plural(len(under), 'rate')} under support, listed and never decided on", _rates(under))
            if under
            else None,
        )
    )


def _rates(groups: Sequence[GroupRate]) -> Markup:
    measured = [_measured(each.value, each.low, each.high) for each in groups]
    known = [each for each in measured if each is not None]
    span = span_of(known) if known else (0.0, 1.0)
    signed = any(each.rate == "predicts less observed" for each in groups)
    rows: list[Sequence[Child]] = [
        (
            each.group,
            each.rate,
            f"{each.n:,}",
            None if each.value is None else write_number(each.value, "loss") if signed else write_share(each.value),
            None if number is None else element("span", write_interval(number, "loss"), class_="soft"),
            None if number is None else draw_whisker(number, span, tone="main"),
        )
        for each, number in zip(groups, measured, strict=True)
    ]
    return table(("Group", "Rate", "Rows", "", "95 % interval", ""), rows, numbers=(2, 3, 4), class_="tight narrow")


def _trend(trend: TrendData) -> Markup:
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
    return join(
        (
            element("p", code(trend.check), class_="why"),
            words(element("b", f"{trend.said[:1].upper()}{trend.said[1:]}."), " An advantage above nought is better."),
            table(head, rows, numbers=(1, 2, 3), class_="tight narrow") if rows else None,
        )
    )


def _measured(value: float | None, low: float | None, high: float | None) -> Measured | None:
    return None if value is None or low is None or high is None else Measured(value, low, high)

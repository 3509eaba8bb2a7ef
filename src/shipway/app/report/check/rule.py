"""Rules on data as the page shows them: those that do not pass in full, those that pass a line each."""

from collections.abc import Iterator, Sequence
from typing import Final

from shipway.app.count import write_plural
from shipway.app.report.check.data import JudgedData, ResultData
from shipway.app.report.check.trend import draw_trend
from shipway.app.report.element import Child, Markup, badge, code, element, fold, join, table, words
from shipway.app.report.number import write_interval, write_number, write_share
from shipway.app.report.path import draw_rule, show_rule
from shipway.core.gate import Outcome

NEAR: Final = 0.5
"""Below which share of its usual distance to the bound a rule is shown as nearing it."""
_UNNAMED: Final = "Rules that are not declared any more"


def show_open_rules(judged: JudgedData, outcome: Outcome, *, anchor: str) -> Markup | None:
    """Return the rules that came out so, each with what it means and the rows against it; None where none did.

    Args:
        judged: the data.
        outcome: what they came to.
        anchor: what the heading of each table is named after.
    """
    found = judged.select(outcome)
    if not found:
        return None
    several = len(judged.outcomes) > 1
    parts: list[Markup] = []
    for place, result in enumerate(found):
        if place == 0 or result.table != found[place - 1].table:
            parts.append(element("h3", result.table or _UNNAMED, id=f"{anchor}-{result.table}"))
        parts.append(_show_in_full(result, gate=result.gate if several else ""))
    return join(parts)


def show_near_rules(judged: JudgedData) -> Markup | None:
    """Return the rules that pass and have little of their usual distance to the bound left; None where none has."""
    found = [(result.room, result) for result in judged.results if result.room is not None and result.room < NEAR]
    if not found:
        return None
    why = (
        "These rules pass. What they measured is nearer to the bound than it usually was, by less than half of the"
        " usual distance: the median of those of earlier versions of the data."
    )
    rows = [
        (*show_rule(result.rule), draw_trend(result.rule, result.history), write_share(room))
        for room, result in sorted(found, key=lambda each: each[0])
    ]
    head = ("", "Rule and what was seen", "Measured", "", "Earlier", "Distance left")
    return join((element("p", why, class_="why"), element("div", table(head, rows, numbers=(2, 5)), class_="gate")))


def show_passed_rules(judged: JudgedData, *, anchor: str) -> Markup | None:
    """Return the rules that pass, folded table by table; None where none does.

    Args:
        judged: the data.
        anchor: what the folds are named after.
    """
    found = judged.select("pass")
    if not found:
        return None
    tables = dict.fromkeys(result.table for result in found)
    folds: list[Markup] = []
    for name in tables:
        of = [result for result in found if result.table == name]
        rows = [(*show_rule(result.rule), draw_trend(result.rule, result.history)) for result in of]
        head = ("", "Rule and what was seen", "Measured", "", "Earlier")
        title = join((element("b", name or _UNNAMED), f": {write_plural(len(of), 'rule')} ", badge("pass")))
        folds.append(
            element(
                "details",
                element("summary", title),
                table(head, rows, numbers=(2,)),
                class_="gate",
                id=f"{anchor}-{name}",
            )
        )
    return join(folds)


def _show_in_full(result: ResultData, *, gate: str) -> Markup:
    rule = result.rule
    title = join(
        (badge(rule.outcome), " ", code(rule.text), element("span", f" gate {gate}", class_="soft") if gate else None)
    )
    return element(
        "article",
        element("h4", title),
        words(f"{rule.reason[:1].upper()}{rule.reason[1:]}."),
        element("div", *_show_measures(result), class_="measures"),
        words(element("b", "What it means: "), result.meaning) if result.meaning else None,
        words(element("b", "What to do: "), result.remedy) if result.remedy else None,
        _show_examples(result),
        _show_history(result),
        class_=f"rule {rule.outcome}",
    )


def _show_measures(result: ResultData) -> Iterator[Markup]:
    rule = result.rule
    if rule.measured is not None:
        said = write_interval(rule.measured, rule.unit) or "counted in full"
        asked = "" if rule.op is None else f"bound {rule.op} {write_number(rule.bound, rule.unit)}"
        yield _measure("Measured", write_number(rule.measured.value, rule.unit), said)
        if rule.op is not None:
            yield element("div", element("span", "Against the bound"), draw_rule(rule), element("small", asked))
    if result.against is not None:
        yield _measure("Against it", f"{result.against:,}", f"{write_plural(result.rows, 'row')} looked at")
    drawn = draw_trend(rule, result.history)
    if drawn is not None:
        yield element(
            "div",
            element("span", f"Last {len(result.history):,} versions"),
            drawn,
            element("small", "now at the right"),
        )


def _measure(name: str, number: str, beside: str) -> Markup:
    return element("div", element("span", name), element("b", number), element("small", beside))


def _show_examples(result: ResultData) -> Markup | None:
    if not result.examples:
        return None
    of = (
        ""
        if result.against is None or result.against <= len(result.examples)
        else f", {len(result.examples)} of {result.against:,}"
    )
    cells = [[_show_cell(value) for value in row] for row in result.examples]
    return join(
        (
            element("p", f"Rows against it{of}", class_="caption"),
            table(result.columns, cells, class_="tight narrow rows"),
        )
    )


def _show_cell(value: str | None) -> Child:
    """Return a value with the blanks at its ends to be seen, and a missing one unlike any text."""
    if value is None:
        return element("i", "missing")
    inner = value.strip(" ")
    before = len(value) - len(value.lstrip(" ")) if inner else len(value)
    after = len(value) - before - len(inner)
    return element("span", _show_blanks(before), inner, _show_blanks(after), class_="value")


def _show_blanks(count: int) -> Markup | None:
    return element("i", "␣" * count, title=write_plural(count, "blank")) if count else None


def _show_history(result: ResultData) -> Markup | None:
    points = result.history
    if len(points) < 2:
        return None
    unit = result.rule.unit
    rows = [
        (
            point.at,
            code(point.subject),
            badge(point.outcome),
            write_number(point.measured.value, unit),
            write_interval(point.measured, unit),
        )
        for point in reversed(points)
    ]
    head: Sequence[Child] = ("Judged", "Data", "", "Measured", "95 % interval")
    return fold(f"Over {len(points):,} versions of the data", table(head, rows, numbers=(3, 4), class_="tight narrow"))

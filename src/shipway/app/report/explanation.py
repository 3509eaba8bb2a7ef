"""The page of an explanation: of one prediction as a person would dispute it, or of what a version listens to."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from shipway.app.count import write_plural
from shipway.app.explanation.summary import NO_INTERVAL, Share, Summary
from shipway.app.project import Project
from shipway.app.report.element import Markup, code, element, fold, join, table, tile, words
from shipway.app.report.file import write_page
from shipway.app.report.name import name_bars, shorten
from shipway.app.report.number import MINUS, write_instant
from shipway.app.report.sheet import Section, make_sheet
from shipway.core.explanation import Contribution, Counterfactual, Explanation, write_amount, write_prediction
from shipway.core.label import LabelKind
from shipway.ports.adapter import load_adapter
from shipway.ports.chart import Bar, Charts, Series, Tone

_STEPS: Final = 12
"""Features that have a step of their own in the waterfall; the rest is one step."""
_BARS: Final = 16
"""Features that have a bar in a summary."""


def write_explanation(project: Project, found: Explanation | Summary, path: Path) -> Path:
    """Write the page of an explanation or a summary to a file, over what was there, and return where it is.

    Raises:
        ShipwayError: SW-601 if the disk is full, SW-602 if the file cannot be written, SW-701 if what draws charts is
            not installed.
    """
    charts = load_adapter("charts.altair")()
    zone = project.config.project.timezone
    if isinstance(found, Summary):
        return write_page(path, render_summary(found, charts, zone))
    return write_page(path, render_explanation(found, charts, zone))


def render_explanation(made: Explanation, charts: Charts, zone: str) -> str:
    """Return the explanation of one prediction as one HTML page that needs nothing else."""
    said, start = _say(made.p, made.predicts), f"{_signed(made.baseline, made.decimals)} {made.unit}"
    asked = "" if made.at is None else f", asked about at {write_instant(made.at, zone)}"
    acted = "" if made.acted is None else f" That is {_side(made)} the threshold of {made.threshold:.4g}."
    request = f" in request {made.request}" if made.request else ""
    lede = f"{made.version} says {said} for {made.label} of row {made.row}{asked}{request}.{acted}"
    header = element(
        "header",
        element("p", "shipway explanation", class_="brow"),
        element("h1", f"Why {said}?"),
        element("p", lede, class_="lede"),
        element(
            "div",
            tile("Predicted", said, made.label),
            tile("Starting point", _say(made.baseline_p, made.predicts), start),
            tile("Least changes found", f"{len(made.counterfactuals)}", "for the other decision"),
            class_="tiles",
        ),
    )
    footer = element(
        "footer",
        words("Explanation ", code(made.digest), ": the same row gives the same digest."),
        words("Bundle ", code(made.bundle), f" of {made.version}."),
        words(f"Instants are in {zone}."),
    )
    return make_sheet(f"{made.version}: row {made.row}", header, _sections(made, charts), footer)


def render_summary(made: Summary, charts: Charts, zone: str) -> str:
    """Return what a version listens to as one HTML page that needs nothing else."""
    since, until = (write_instant(us, zone) for us in (made.since, made.until))
    first, start = made.views[0] if made.views else None, _signed(made.baseline, made.decimals)
    lede = f"{made.version}, explained on {made.rows:,} of {made.of:,} held-out rows, {since} to {until}."
    header = element(
        "header",
        element("p", "shipway explanation", class_="brow"),
        element("h1", f"What {made.version} listens to{f' for class {made.one_class!r}' if made.one_class else ''}"),
        element("p", lede, class_="lede"),
        element("p", f"Contributions start from {start} {made.unit}. {_capital(made.baseline_said)}.", class_="soft"),
        None if first is None else element(
            "div",
            tile("Most of it", first.name, f"{first.share:.0%} of all contributions"),
            tile("Features", f"{len(made.columns):,}", f"in {len(made.views):,} views"),
            tile("Days", f"{made.clusters:,}", "what intervals are clustered by"),
            class_="tiles",
        ),
    )  # fmt: skip
    footer = element(
        "footer", words("Bundle ", code(made.bundle), f" of {made.version}."), words(f"Instants are in {zone}.")
    )
    return make_sheet(f"{made.version}: what it listens to", header, _summary_sections(made, charts), footer)


def _sections(made: Explanation, charts: Charts) -> Iterator[Section]:
    yield "reasons", "Reasons", _show_reasons(made)
    yield "path", "From the starting point to the prediction", _show_path(made, charts)
    yield "change", "What would have had to be different", _show_changes(made)
    yield "features", "Every feature", _show_all(made)


def _summary_sections(made: Summary, charts: Charts) -> Iterator[Section]:
    yield "views", "By view", join((_draw_shares(made.views, made, charts), _list_shares(made.views, made)))
    columns = made.columns[:_BARS]
    listed = fold(f"All {len(made.columns):,} features", _list_shares(made.columns, made))
    yield "features", "By feature", join((_draw_shares(columns, made, charts), listed))
    yield "curves", "Along a feature", _show_curves(made, charts)


def _show_reasons(made: Explanation) -> Markup:
    parts: list[Markup] = []
    for title, reasons in (("For", made.reasons_for), ("Against", made.reasons_against)):
        if reasons:
            head = ("Reason", "Code", made.unit.capitalize())
            rows = [(each.said, code(each.code), _amount(made, each)) for each in reasons]
            parts += [element("h3", f"{title}: {made.label}"), table(head, rows, numbers=(2,))]
    if made.unnamed:
        unnamed = f"{_signed(made.unnamed, made.decimals)} {made.unit}"
        parts.append(words(f"Features that are not named add {unnamed} together."))
    return join(parts or [words("No feature that may be named moves this prediction.")])


def _show_path(made: Explanation, charts: Charts) -> Markup:
    """Draw the waterfall: each step begins where the one before it ended, and the last is the prediction."""

    def sign(value: float) -> str:
        return _signed(value, made.decimals)

    shown = [each for each in made.contributions if each.named][:_STEPS]
    rest = sum(each.amount for each in made.contributions) - sum(each.amount for each in shown)
    bars = [Bar("starting point", 0.0, made.baseline, sign(made.baseline), "plain")]
    at = made.baseline
    names = name_bars(each.said for each in shown)
    for name, each in zip(names, shown, strict=True):
        bars.append(Bar(name, at, at + each.amount, sign(each.amount), _tone(each.amount)))
        at += each.amount
    others = len(made.contributions) - len(shown)
    if others:
        bars.append(Bar(write_plural(others, "other feature"), at, at + rest, sign(rest), _tone(rest)))
    end = at + (rest if others else 0.0)
    bars.append(Bar("this row", 0.0, end, sign(end), "plain"))
    title = f"{made.unit.capitalize()} of {shorten(made.label)}"
    return join(
        (Markup(charts.bars(bars, title=title)), element("p", f"{_capital(made.baseline_said)}.", class_="soft"))
    )


def _show_changes(made: Explanation) -> Markup:
    if not made.counterfactuals:
        return words(f"{_capital(made.counterfactual_said)}.")
    rows = [_tell_change(each, made.predicts) for each in made.counterfactuals]
    listed = table(("It would have had to be", "Code", "Then it says", "Distance"), rows, numbers=(2, 3))
    how = (
        f"{_capital(made.counterfactual_said)}. The distance of a change is the share of training rows between the two "
        "values. It says what the model would have said, and not what would have happened."
    )
    return join((listed, element("p", how, class_="soft")))


def _tell_change(each: Counterfactual, kind: LabelKind) -> Sequence[str | Markup]:
    said = " and ".join(change.said for change in each.changes)
    codes = join(part for change in each.changes for part in (code(change.code), " "))
    return said, codes, _say(each.p, kind), f"{each.distance:.2f}"


def _show_all(made: Explanation) -> Markup:
    rows = [
        (code(each.column), each.said, _amount(made, each), "" if each.named else "not named")
        for each in made.contributions
    ]
    return fold(
        f"All {len(rows):,} features", table(("Feature", "Value", made.unit.capitalize(), ""), rows, numbers=(2,))
    )


def _draw_shares(shares: Sequence[Share], made: Summary, charts: Charts) -> Markup:
    bars = [
        Bar(name, 0.0, each.size, f"{each.share:.1%}", "main", _ends(each.size_low, each.size_high))
        for name, each in zip(name_bars(each.name for each in shares), shares, strict=True)
    ]
    known = made.clusters > 1
    title = f"Mean absolute contribution, {made.unit}, {'with 95 % intervals by day' if known else NO_INTERVAL}"
    return Markup(charts.bars(bars, title=title)) if bars else words("There are none.")


def _list_shares(shares: Sequence[Share], made: Summary) -> Markup:
    def sign(value: float) -> str:
        return _signed(value, made.decimals)

    head = ("", "Share of contributions", "Mean size", f"{_capital(made.loss)} rises without it by")
    rows = [
        (
            join((code(each.name), " ", element("span", each.said, class_="soft"))) if each.said else code(each.name),
            f"{each.share:.1%} ({_say_ends(each.share_low, each.share_high, _percent)})",
            sign(each.size).removeprefix("+"),
            "not tried"
            if each.rise is None
            else f"{sign(each.rise)} ({_say_ends(each.rise_low, each.rise_high, sign)})",
        )
        for each in shares
    ]
    return table(head, rows, numbers=(1, 2, 3))


def _ends(low: float | None, high: float | None) -> tuple[float, float] | None:
    return None if low is None or high is None else (low, high)


def _say_ends(low: float | None, high: float | None, write: Callable[[float], str]) -> str:
    return NO_INTERVAL if low is None or high is None else f"{write(low)} to {write(high)}"


def _percent(value: float) -> str:
    return f"{value:.1%}"


def _show_curves(made: Summary, charts: Charts) -> Markup | None:
    effects = made.effects
    if not effects:
        return None
    how = (
        f"Accumulated local effects: how far the prediction moves, in {made.scale}, from one value of a feature to the "
        "next, asked about rows that lie there alone. "
    )
    known = all(each.low is not None for each in effects)
    how += "Dashed lines are 95 % intervals by day, at each value by itself." if known else f"{_capital(NO_INTERVAL)}."
    pictures: list[Markup] = []
    for each in effects:
        labels = [f"{value:.4g}" for value in each.at]
        labels = [label if labels.index(label) == place else f"{label} " for place, label in enumerate(labels)]
        series = [Series("effect", list(zip(labels, each.effect, strict=True)))]
        series += [
            Series(name, list(zip(labels, ends, strict=True)), "plain", dashed=True)
            for name, ends in (("upper end", each.high), ("lower end", each.low))
            if ends is not None
        ]
        pictures.append(Markup(charts.lines(series, labels=labels, title=f"{each.column}: {made.scale}")))
    return join((element("p", how, class_="soft"), *pictures))


def _amount(made: Explanation, each: Contribution) -> str:
    error = f" ± {1.96 * each.error:,.{max(made.decimals - 1, 0)}f}" if made.method == "sampled" else ""
    return _signed(each.amount, made.decimals) + error


def _side(made: Explanation) -> str:
    return "above" if made.acted else "not above"


def _tone(amount: float) -> Tone:
    return "harm" if amount > 0 else "main"


def _say(value: float, kind: LabelKind) -> str:
    return f"{value:.1%}" if kind == "condition" else write_prediction(value, kind)


def _signed(value: float, decimals: int) -> str:
    text = write_amount(abs(value), decimals).removeprefix("+")
    return text if not text.strip("0.") else f"{MINUS if value < 0 else '+'}{text}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]

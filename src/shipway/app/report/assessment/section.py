"""Sections on an assessment: scores with their intervals, value, calibration, parts of the rows, details, gates."""

from collections.abc import Sequence
from typing import Final

from shipway.app.assessment.data import Assessment, Cut, Figure, PartLine, ScoreLine, Side
from shipway.app.report.attribution import show_reasons
from shipway.app.report.confusion import show_confusion
from shipway.app.report.depth import show_behaviours, show_slices
from shipway.app.report.element import Child, Markup, badge, code, element, fold, join, table, words
from shipway.app.report.found import show_fairness, show_found, show_trends
from shipway.app.report.gate import Measured, Unit
from shipway.app.report.number import write_interval, write_number, write_share
from shipway.app.report.scale import SCALES, Scale
from shipway.app.report.whisker import draw_whisker, span_of
from shipway.ports.chart import Charts, Series

_UNITS: Final[dict[str, Unit]] = {"cost": "cost", "score": "loss", "label": "number"}
_CURVE: Final = 0.6
"""Thresholds above this are left out of a chart where nobody acts there."""


def show_scores(found: Assessment, charts: Charts) -> Markup | None:
    """Return every metric with its interval, and beside each baseline the paired difference drawn around zero."""
    del charts
    head: list[Child] = ["Check", found.sides[0].name]
    for name in found.against:
        head += [name, join(("Better than ", name))]
    rows = [_score_row(line) for line in found.scores]
    why = element(
        "p",
        "Whiskers show the paired difference: right of the line the version is better, whatever the metric.",
        class_="why",
    )
    return join(
        (why, table(head, rows, numbers=[1, *(2 + 2 * at for at in range(len(found.against)))], class_="scores"))
    )


def show_value(found: Assessment, charts: Charts) -> Markup | None:
    """Return what a row costs by each way of acting, and what acting saves above every threshold."""
    costs = found.costs
    if costs is None:
        return None
    said = words(
        f"One acts where the prediction is above {write_share(costs.threshold)}, where it pays on average: on ",
        element("b", write_share(costs.share_acted)),
        " of the rows. In the unit of ",
        code(costs.check),
        ".",
    )
    ways = (("never acting", costs.nothing), ("always acting", costs.always), (found.sides[0].name, costs.model))
    rows = [(name, write_number(cost, "cost")) for name, cost in (*ways, ("an oracle", costs.oracle))]
    total = table(("Cost of a row", "all rows"), rows, numbers=(1,), class_="tight narrow")
    drawn = _draw_curve(found.sides, costs.threshold, charts)
    return join((said, element("div", drawn, total, class_="charts")))


def show_calibration(found: Assessment, charts: Charts) -> Markup | None:
    """Return predicted against observed frequency of the version and its baselines."""
    own, scale = found.sides[0], SCALES[found.kind]
    if not own.calibration:
        return None
    series = [
        Series(side.name, [(each.mean_p, each.mean) for each in side.calibration], "plain" if place else "main")
        for place, side in enumerate(found.sides)
        if len(side.calibration) > 1 or not place
    ]
    drawn = charts.diagonal(
        series, title="Reliability", x_title=scale.said.lower(), y_title=scale.happened.lower(), shares=scale.shares
    )
    unit: Unit = "number" if found.kind == "number" else "auc"
    rows = [
        (
            scale.write(each.mean_p),
            scale.write(each.mean),
            write_number(each.mean_p - each.mean, unit, sign=True),
            f"{each.n:,}",
        )
        for each in own.calibration
    ]
    head = (scale.said, scale.happened, "Difference", "Rows")
    bins = table(head, rows, numbers=(0, 1, 2, 3), class_="tight")
    said = words(*_say_calibration(found.scores), "Bins hold equal numbers of rows.")
    return element("div", _chart(drawn), element("div", said, bins), class_="charts")


def show_parts(found: Assessment, charts: Charts) -> Markup | None:
    """Return how the version and its baselines do month by month, and by whatever else was asked for."""
    shown: list[Markup] = []
    for place, cut in enumerate(found.sides[0].cuts):
        labels = [part.label for part in cut.parts]
        if len(labels) > 1:
            drawn = [_draw_parts(found, place, labels, name, charts) for name in _drawn(cut)]
            shown.append(join((element("h3", f"By {cut.by}"), element("div", *drawn, class_="charts"))))
        if labels:
            shown.append(fold(f"The numbers by {cut.by}", _part_table(found, place)))
    return join(shown) if shown else None


def show_classes(found: Assessment, charts: Charts) -> Markup | None:
    """Return how good the version is at each class and which it takes for which."""
    del charts
    return show_confusion(found.sides[0].confusion)


def show_searches(found: Assessment, charts: Charts) -> Markup | None:
    """Return the short explanation of each search for slices that are worse than a baseline."""
    del charts
    return show_found(found.details.searches)


def show_declared(found: Assessment, charts: Charts) -> Markup | None:
    """Return the declared slices beside a baseline, those most and least likely to be worse first."""
    del charts
    return show_slices(found.details.slices)


def show_behaviour(found: Assessment, charts: Charts) -> Markup | None:
    """Return what each behavioural test comes to, with the simplest case that fails it."""
    del charts
    return show_behaviours(found.details.behaviours)


def show_groups(found: Assessment, charts: Charts) -> Markup | None:
    """Return the rates of every group that a gate compares."""
    del charts
    return show_fairness(found.details.fairness)


def show_listening(found: Assessment, charts: Charts) -> Markup | None:
    """Return the sizes of contributions, the baseline they start from, and whether reasons are those of `current`."""
    return show_reasons(found.details, charts)


def show_changes(found: Assessment, charts: Charts) -> Markup | None:
    """Return the advantage over a baseline in windows that roll over the period."""
    return show_trends(found.details.trends, charts)


def show_gates(found: Assessment, charts: Charts) -> Markup | None:
    """Return what each gate before release says on these rows."""
    del charts
    if not found.verdicts:
        return None
    why = element(
        "p",
        "Told, not remembered: a version is released by the verdict of its run on its test period.",
        class_="why",
    )
    gates = [
        join(
            (
                element("h3", f"{verdict.gate} ", badge(verdict.outcome)),
                table(
                    ("", "Rule", "Because"),
                    [(badge(each.outcome), code(each.rule), each.reason) for each in verdict.findings],
                    class_="tight",
                ),
            )
        )
        for verdict in found.verdicts
    ]
    return join((why, *gates))


def _score_row(line: ScoreLine) -> list[Child]:
    unit = _UNITS[line.unit]
    row: list[Child] = [code(line.name), line.said if line.figure is None else _figure(line.figure, unit)]
    for each in line.beside:
        row.append(None if each.figure is None else _figure(each.figure, unit))
        if each.better is None:
            row.append(None)
            continue
        better = Measured(*each.better)
        tone = "pass" if better.low > 0 else "fail" if better.high < 0 else "main"
        drawn = draw_whisker(better, span_of([better], 0.0), tone=tone, bound=0.0)
        row.append(join((drawn, element("div", _figure(each.better, unit, sign=True, line=True)))))
    return row


def _figure(figure: Figure, unit: Unit, *, sign: bool = False, line: bool = False) -> Markup:
    """Return a number with its interval, below it or on one line with it."""
    measured = Measured(*figure)
    interval = write_interval(measured, unit, sign=sign)
    return join(
        (
            write_number(measured.value, unit, sign=sign),
            element("span" if line else "div", f" {interval}" if line else interval, class_="soft line"),
        )
    )


def _draw_curve(sides: Sequence[Side], threshold: float, charts: Charts) -> Markup | None:
    acted = [point.threshold for side in sides for point in side.curve if point.share_acted > 0]
    last = max([*acted, threshold, _CURVE])
    labels = [f"{point.threshold:.0%}" for point in sides[0].curve if point.threshold <= last]
    if not labels:
        return None
    series = [
        Series(
            side.name,
            [(f"{point.threshold:.0%}", point.saved) for point in side.curve if point.threshold <= last],
            "plain" if place else "main",
        )
        for place, side in enumerate(sides)
    ]
    title = f"Saved per row by threshold, against never acting (chosen: {threshold:.0%})"
    return _chart(charts.lines(series, labels=labels, title=title))


def _say_calibration(scores: Sequence[ScoreLine]) -> list[Child]:
    """Return what the expected error and the slope say, as far as they were measured."""
    said: list[Child] = []
    for line in scores:
        if line.figure is None:
            continue
        if line.check.startswith("expected_calibration_error"):
            interval = write_interval(Measured(*line.figure), "loss")
            said += [
                "Expected calibration error ",
                element("b", write_number(line.figure[0], "loss")),
                f" ({interval}). ",
            ]
        if line.check.startswith("calibration_slope"):
            _, low, high = line.figure
            way = "too sure of itself" if high < 1 else "not sure enough" if low > 1 else "about as sure as it may be"
            interval = write_interval(Measured(*line.figure), "auc")
            said += ["Slope ", element("b", write_number(line.figure[0], "auc")), f" ({interval}): {way}. "]
    return said


def _drawn(cut: Cut) -> list[str]:
    valued = any(part.value is not None for part in cut.parts)
    return ["skill", "loss", *(["value"] if valued else [])]


def _title(scale: Scale, name: str) -> str:
    if name == "value":
        return "Saved per row against doing nothing (higher is better)"
    return f"{scale.skill} (higher is better)" if name == "skill" else f"{scale.loss} (lower is better)"


def _draw_parts(found: Assessment, cut: int, labels: Sequence[str], name: str, charts: Charts) -> Markup:
    series: list[Series] = []
    for place, side in enumerate(found.sides):
        by_label = {part.label: part for part in side.cuts[cut].parts}
        points = [(label, _read(by_label[label], name)) for label in labels]
        series.append(Series(side.name, points, "plain" if place else "main"))
    ordered = found.sides[0].cuts[cut].ordered
    return _chart(charts.lines(series, labels=labels, title=_title(SCALES[found.kind], name), ordered=ordered))


def _read(part: PartLine, name: str) -> float | None:
    return part.skill if name == "skill" else part.loss if name == "loss" else part.value


def _part_table(found: Assessment, cut: int) -> Markup:
    own, scale = found.sides[0].cuts[cut], SCALES[found.kind]
    names = _drawn(own)
    called = {"skill": scale.skill, "loss": scale.loss.partition(",")[0].lower(), "value": "value"}
    units: dict[str, Unit] = {"skill": "auc", "loss": scale.loss_unit, "value": "cost"}
    head: list[Child] = [own.by, "Rows", scale.mean, scale.said]
    for side in found.sides:
        head += [f"{side.name}: {called[name]}" for name in names]
    rows: list[list[Child]] = []
    for place, part in enumerate(own.parts):
        row: list[Child] = [part.label, f"{part.n:,}", scale.write(part.mean), scale.write(part.mean_p)]
        for side in found.sides:
            for name in names:
                value = _read(side.cuts[cut].parts[place], name)
                row.append(None if value is None else write_number(value, units[name]))
        rows.append(row)
    return table(head, rows, numbers=range(1, len(head)), class_="tight")


def _chart(svg: str) -> Markup:
    return element("figure", Markup(svg))

"""Sections on one model: how it does by month, what leaks claim, what it is worth, how it is calibrated."""

from collections.abc import Callable, Sequence
from typing import Final

from shipway.app.report.data import LeakData, LineData, ModelData, PartData, SideData, ValueData
from shipway.app.report.element import Child, Markup, code, element, fold, join, table, words
from shipway.app.report.gate import Measured, Unit
from shipway.app.report.number import write_interval, write_number, write_share
from shipway.app.report.scale import SCALES, Scale
from shipway.app.report.whisker import draw_whisker, span_of
from shipway.ports.chart import Charts, Series, Tone

_TONES: Final[dict[str, tuple[Tone, bool]]] = {
    "newest": ("main", False),
    "earlier": ("main", True),
    "baseline": ("plain", False),
    "claimed": ("harm", True),
    "served": ("harm", False),
}


def show_months(model: ModelData, charts: Charts) -> Markup | None:
    """Return skill and loss by month of the versions, their baselines, and leaks on both their sides."""
    lines, scale = model.lines, SCALES[model.kind]
    labels = sorted({part.label for line in lines for part in line.parts})
    if not labels:
        return None
    drawn: list[Markup] = []
    if len(labels) > 1:
        of_skill = _series(lines, lambda part: part.skill)
        if any(y is not None for one in of_skill for _, y in one.points):
            title = f"{scale.skill} by month (higher is better)"
            drawn.append(_chart(charts.lines(of_skill, labels=labels, title=title)))
        of_loss = _series(lines, lambda part: part.loss)
        loss, _, unit = scale.loss.partition(", ")
        title = f"{loss} by month{f', in {unit}' if unit else ''} (lower is better)"
        drawn.append(_chart(charts.lines(of_loss, labels=labels, title=title)))
    numbers = _month_table(lines, labels, scale)
    if not drawn:
        return numbers
    return join((_legend(lines), element("div", *drawn, class_="charts"), fold("The numbers", numbers)))


def show_leaks(model: ModelData) -> Markup | None:
    """Return each leak: the refusal in words, and where it was priced, claimed against honest against served."""
    return join(_leak(leak, SCALES[model.kind]) for leak in model.leaks) if model.leaks else None


def show_value(value: ValueData | None, charts: Charts) -> Markup | None:
    """Return what acting on the predictions costs, against never acting and against knowing what comes."""
    if value is None:
        return None
    possible = value.nothing - value.oracle
    share = (
        f", {write_share(value.saved.value / possible)} of what an oracle would save" if value.saved.value > 0 else ""
    )
    said = words(
        f"Acting where the prediction is above {write_share(value.threshold)}, on {write_share(value.share_acted)} of"
        f" rows, saves ",
        element("b", write_number(value.saved.value, "cost")),
        f" a row ({write_interval(value.saved, 'cost')}) against never acting{share}. In the unit of ",
        code(value.check),
        ".",
    )
    names = ("never acting", "the model", "an oracle")
    total = table(
        ("Cost of a row", *names), [("all rows", *_costs(value.nothing, value.model, value.oracle))], numbers=(1, 2, 3)
    )
    if len(value.months) < 2:
        return join((said, total))
    labels = [month.label for month in value.months]
    series = [
        Series("the model", [(month.label, month.model) for month in value.months], "main"),
        Series("never acting", [(month.label, month.nothing) for month in value.months], "plain"),
        Series("an oracle", [(month.label, month.oracle) for month in value.months], "plain", dashed=True),
    ]
    chart = _chart(charts.lines(series, labels=labels, title="Cost of a row by month (lower is better)"))
    rows = [("all", *_costs(value.nothing, value.model, value.oracle))]
    rows += [(month.label, *_costs(month.nothing, month.model, month.oracle)) for month in value.months]
    numbers = table(("Cost of a row", *names), rows, numbers=(1, 2, 3), marked=(0,), class_="tight")
    return join((said, element("div", chart, numbers, class_="charts")))


def show_calibration(model: ModelData, charts: Charts) -> Markup | None:
    """Return predicted against observed frequency in bins of equal count."""
    if not model.calibration:
        return None
    series = [Series(curve.name, curve.bins, "main", dashed=not curve.newest) for curve in model.calibration]
    scale = SCALES[model.kind]
    drawn = charts.diagonal(
        series, title="Reliability", x_title=scale.said.lower(), y_title=scale.happened.lower(), shares=scale.shares
    )
    newest = model.calibration[0]
    head = (scale.said, scale.happened, "Difference")
    unit: Unit = scale.loss_unit if model.kind == "number" else "auc"
    rows = [(scale.write(p), scale.write(mean), write_number(p - mean, unit, sign=True)) for p, mean in newest.bins]
    gap = model.versions[-1].calibration_gap
    said = None
    if gap is not None:
        interval = write_interval(gap, scale.loss_unit, sign=True)
        ends = f" ({interval})" if interval else ""
        way = "more" if gap.value >= 0 else "less"
        told = (
            ("is", f" {way} sure of its class than it is right")
            if model.kind == "class"
            else ("predicts", f" {way} than what happens")
        )
        said = words(
            f"On average {newest.name} {told[0]} ",
            element("b", write_number(abs(gap.value), scale.loss_unit)),
            f"{told[1]}{ends}. Bins hold equal numbers of rows.",
        )
    bins = table(head, rows, numbers=(0, 1, 2), class_="tight")
    return element("div", _chart(drawn), element("div", said, bins), class_="charts")


def _legend(lines: Sequence[LineData]) -> Markup | None:
    """Return what colours and dashes mean, as far as they occur."""
    roles = {line.role for line in lines}
    said: list[str] = []
    if "earlier" in roles:
        said.append("An earlier version is dashed.")
    if "baseline" in roles:
        said.append("A baseline, which is given fewer features, is grey.")
    if "claimed" in roles:
        said.append("A refused leak is orange: dashed as it claims offline, whole as it would have served.")
    return element("p", " ".join(said), class_="why") if said else None


def _series(lines: Sequence[LineData], read: Callable[[PartData], float | None]) -> list[Series]:
    return [Series(line.name, [(part.label, read(part)) for part in line.parts], *_TONES[line.role]) for line in lines]


def _chart(svg: str) -> Markup:
    return element("figure", Markup(svg))


def _month_table(lines: Sequence[LineData], labels: Sequence[str], scale: Scale) -> Markup:
    parts = {line.name: {part.label: part for part in line.parts} for line in lines}
    first = parts[lines[0].name]
    head: list[Child] = ["Month", "Rows", scale.mean]
    for line in lines:
        head += [f"{line.name}: {scale.skill}", scale.loss.partition(",")[0].lower()]
    rows: list[list[Child]] = []
    for label in labels:
        part = first.get(label)
        row: list[Child] = [label, *((f"{part.n:,}", scale.write(part.mean)) if part else (None, None))]
        for line in lines:
            row += _pair(parts[line.name].get(label), scale)
        rows.append(row)
    return table(head, rows, numbers=range(1, len(head)))


def _pair(part: PartData | None, scale: Scale) -> tuple[Child, Child]:
    if part is None:
        return None, None
    skill = None if part.skill is None else write_number(part.skill, "auc")
    return skill, write_number(part.loss, scale.loss_unit)


def _costs(*costs: float) -> tuple[str, ...]:
    return tuple(write_number(cost, "cost") for cost in costs)


def _leak(leak: LeakData, scale: Scale) -> Markup:
    refused = [
        element(
            "li",
            code(refusal.column),
            f" was not known yet in {refusal.rows:,} of {refusal.of:,} rows"
            f" ({write_share(refusal.rows / refusal.of)}), read by {refusal.features:,} feature"
            f"{'' if refusal.features == 1 else 's'}; {refusal.example}",
        )
        for refusal in leak.refusals
    ]
    return element(
        "article",
        element("h3", leak.name, " ", element("span", "✕ refused", class_="badge fail")),
        words(leak.doc) if leak.doc else None,
        element("ul", *refused) if refused else None,
        _price(leak, scale),
        class_="leak",
    )


def _price(leak: LeakData, scale: Scale) -> Markup:
    if leak.claimed is None or leak.served is None:
        return element("p", "It was refused and never built, so there is nothing to price.", class_="soft")
    sides = [("claimed", "what the leak claims offline", leak.claimed, "harm")]
    sides += [("honest", "the newest version, as known", leak.honest, "main")] if leak.honest else []
    sides += [("served", "what the leak gets once served", leak.served, "harm")]
    spans = [span_of([read(side) for _, _, side, _ in sides]) for read in (_skill_of, _loss_of)]
    rows = [
        (
            join((element("b", name), element("div", what, class_="soft"))),
            *_measure(side.skill, "auc", spans[0], tone, None if leak.honest is None else leak.honest.skill.value),
            *_measure(
                side.loss, scale.loss_unit, spans[1], tone, None if leak.honest is None else leak.honest.loss.value
            ),
            f"{scale.write(side.mean_p)} against {scale.write(side.mean)}",
        )
        for name, what, side, tone in sides
    ]
    head = ("", scale.skill, "", scale.loss, "", f"{scale.said} against {scale.mean.lower()}")
    return join((_moral(leak.claimed, leak.honest, leak.served, scale), table(head, rows, numbers=(1, 3, 5))))


def _measure(
    measured: Measured, unit: Unit, span: tuple[float, float], tone: str, honest: float | None
) -> tuple[Child, Child]:
    interval = element("div", write_interval(measured, unit), class_="soft")
    drawn = draw_whisker(measured, span, tone=tone, bound=honest)
    return join((element("b", write_number(measured.value, unit)), interval)), drawn


def _moral(claimed: SideData, honest: SideData | None, served: SideData, scale: Scale) -> Markup | None:
    """Return the price in one sentence: how the leak looks, and how it is, against the honest model."""
    if honest is None:
        return None
    looks, serves = claimed.skill.value - honest.skill.value, served.skill.value - honest.skill.value
    return words(
        f"Built all the same to know its price: its {scale.skill} looks ",
        element("b", f"{write_number(abs(looks), 'auc')} {_better(looks)}"),
        " than the honest model's, and once served it is ",
        element("b", f"{write_number(abs(serves), 'auc')} {_better(serves)}"),
        ".",
    )


def _better(difference: float) -> str:
    return "better" if difference >= 0 else "worse"


def _skill_of(side: SideData) -> Measured:
    return side.skill


def _loss_of(side: SideData) -> Measured:
    return side.loss

"""The page: what a run came to, first in one sentence, then in sections that each answer one question."""

from collections.abc import Iterator

from shipway.app.report.attribution import show_reasons
from shipway.app.report.audit import show_drift, show_skew
from shipway.app.report.confusion import show_confusion
from shipway.app.report.data import ModelData, ReportData, VersionData
from shipway.app.report.depth import show_behaviours, show_slices, show_versions
from shipway.app.report.element import Markup, badge, code, element, tile, words
from shipway.app.report.found import show_fairness, show_found, show_trends
from shipway.app.report.gate import Measured, Unit
from shipway.app.report.life import show_life
from shipway.app.report.live import LiveData
from shipway.app.report.maturity import show_maturity
from shipway.app.report.model import show_calibration, show_leaks, show_months, show_value
from shipway.app.report.number import MINUS, write_interval, write_number
from shipway.app.report.override import show_overrides
from shipway.app.report.path import show_footnote, show_gates, show_origin, show_stages
from shipway.app.report.release import show_releases
from shipway.app.report.scale import SCALES
from shipway.app.report.service import show_policies, show_server, show_weeks
from shipway.app.report.sheet import Section, make_sheet
from shipway.app.report.timeline import show_timeline
from shipway.core.metric import LEADING
from shipway.ports.chart import Charts


def render_report(data: ReportData, charts: Charts) -> str:
    """Return a report as one HTML page that needs nothing else: no script, no font, no picture from anywhere.

    Args:
        data: everything the page shows; what is missing is left out.
        charts: draws the charts.
    """
    return make_sheet(f"{data.project}: {data.outcome}", _header(data), _sections(data, charts), show_footnote(data))


def _sections(data: ReportData, charts: Charts) -> Iterator[Section]:
    """Yield each section's anchor, title and content, None for one without data."""
    yield "path", "The path", show_stages(data.stages)
    yield "overrides", "Overrides", show_overrides(data.overrides)
    yield "gates", "Gates", show_gates(data.gates)
    for at, model in enumerate(data.models):
        of = f" of {model.name}" if len(data.models) > 1 else ""
        priced = any(leak.claimed for leak in model.leaks)
        yield f"months-{at}", f"Performance by month{of}", show_months(model, charts)
        yield f"leaks-{at}", f"Leaks{of}, refused{' and priced' if priced else ''}", show_leaks(model)
        yield f"value-{at}", f"Value of deciding{of}", show_value(model.value, charts)
        yield f"labels-{at}", f"Labels{of}", show_maturity(model.maturity)
        yield f"calibration-{at}", f"Calibration{of}", show_calibration(model, charts)
        yield f"classes-{at}", f"Class by class{of}", show_confusion(model.confusion)
        yield f"slices-{at}", f"Slices{of}", show_slices(model.details.slices)
        yield f"found-{at}", f"Regressions searched for{of}", show_found(model.details.searches)
        yield f"fairness-{at}", f"Fairness{of}", show_fairness(model.details.fairness)
        yield f"trend-{at}", f"Change over time{of}", show_trends(model.details.trends, charts)
        yield f"attribution-{at}", f"What it listens to{of}", show_reasons(model.details, charts)
        yield f"behaviour-{at}", f"Behaviour{of}", show_behaviours(model.details.behaviours)
        yield f"versions-{at}", f"Versions{of}", show_versions(model.versions, model.kind)
    if data.live is not None:
        yield from _live_sections(data.live, charts)
    yield "origin", "How it was made", show_origin(data.origin)


def _live_sections(live: LiveData, charts: Charts) -> Iterator[Section]:
    """Yield the sections on a service's life, as `_sections`."""
    yield "releases", "The releases", show_releases(live)
    yield "timeline", "The timeline", show_timeline(live)
    yield "weeks", "Performance by week", show_weeks(live, charts)
    yield "labels", "Labels that have come", show_maturity(live.maturity)
    yield "retraining", "Was retraining worth it?", show_policies(live, charts)
    yield "skew", "Skew audit", show_skew(live)
    yield "drift", "Drift", show_drift(live)
    yield "server", "The server", show_server(live.server)


def _header(data: ReportData) -> Markup:
    owner = f" · {data.owner}" if data.owner else ""
    return element(
        "header",
        element("p", f"shipway report{owner}", class_="brow"),
        element("h1", data.project, " ", badge(data.outcome)),
        *(words(element("b", "Overridden: "), f"{each.said}.") for each in data.overrides),
        *(_lede(model) for model in data.models),
        None if data.live is None else show_life(data.live),
        None if data.models else _say_none(),
    )


def _say_none() -> Markup:
    rest = " writes a page with the rows that are against each rule, and what to do."
    return words("No model was made: the data did not pass its gates. ", code("shipway check --page check.html"), rest)


def _lede(model: ModelData) -> Markup:
    newest = model.versions[-1]
    asked = (
        "It predicts ",
        code(model.label),
        ", asked at ",
        code(model.at),
        f". It learned from what was known by {newest.cut} and is judged on {model.period[0]} to {model.period[1]}.",
    )
    return element(
        "div",
        element("p", " ".join(_sentences(model, newest)), class_="lede"),
        element("p", f"{model.purpose} " if model.purpose else None, *asked, class_="soft"),
        element("div", *_tiles(model, newest), class_="tiles"),
    )


def _sentences(model: ModelData, newest: VersionData) -> Iterator[str]:
    """Yield what the newest version gets, and what a leak would have claimed and got."""
    states = {"pass": "may be released", "fail": "may not be released", "hold": "is held for want of evidence"}
    state = states.get(newest.outcome or "", "was measured and no gate decides on it")
    got: list[str] = []
    scale = SCALES[model.kind]
    if newest.skill is not None:
        got.append(f"{scale.skill} {_with_interval(newest.skill, 'auc')}")
    if newest.loss is not None:
        loss, _, unit = scale.loss.partition(", ")
        got.append(f"{loss.lower()} {_with_interval(newest.loss, scale.loss_unit)} {unit}".rstrip())
    gets = f": {' and '.join(got)} on {newest.evaluated:,} rows" if got else ""
    yield f"{newest.name.capitalize()} of {model.name} {state}{gets}."
    if newest.saved is not None:
        yield f"Acting on it saves {_with_interval(newest.saved, 'cost')} a row against doing nothing."
    for leak in model.leaks:
        if leak.claimed is not None and leak.served is not None:
            claims, serves = (write_number(side.skill.value, "auc") for side in (leak.claimed, leak.served))
            would = f"it would have claimed {scale.skill} {claims} and got {serves} once served"
            yield f"The leak {leak.name} was refused: {would}."


def _tiles(model: ModelData, newest: VersionData) -> Iterator[Markup]:
    scale, (skill, loss) = SCALES[model.kind], LEADING[model.kind]
    if newest.skill is not None:
        yield tile(scale.skill, write_number(newest.skill.value, "auc"), _gains(newest, skill))
    if newest.loss is not None:
        unit: Unit = scale.loss_unit if model.kind == "number" else "auc"
        yield tile(scale.loss, write_number(newest.loss.value, unit), _gains(newest, loss))
    if newest.saved is not None and model.value is not None:
        best = write_number(model.value.nothing - model.value.oracle, "cost")
        yield tile("Saved per row", write_number(newest.saved.value, "cost"), f"an oracle would save {best}")
    for slices in model.details.slices[:1]:
        regressed = sum(each.regressed for each in slices.tested)
        if slices.tested:
            yield tile("Slices found worse", f"{regressed:,}", f"of {len(slices.tested):,}, against {slices.baseline}")


def _gains(version: VersionData, metric: str) -> str:
    """Return by how much a version is better or worse than what it was compared with, in words."""
    said = [f"{_compared(gain.value)} {baseline}" for name, baseline, gain in version.gains if name == metric]
    return ", ".join(said)


def _compared(gain: float) -> str:
    much = write_number(gain, "auc")
    if float(much.removeprefix(MINUS)) == 0:
        return "as good as"
    return f"{much.removeprefix(MINUS)} {'better' if gain > 0 else 'worse'} than"


def _with_interval(measured: Measured, unit: Unit) -> str:
    interval = write_interval(measured, unit)
    return f"{write_number(measured.value, unit)} ({interval})" if interval else write_number(measured.value, unit)

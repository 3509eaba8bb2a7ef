"""The page of the registry: what serves now, then each model with its versions side by side and one by one."""

from collections.abc import Iterator
from typing import Final

from shipway.app.count import write_plural
from shipway.app.report.element import Child, Markup, code, element, fold, join, table, tile, unbroken, words
from shipway.app.report.number import write_instant
from shipway.app.report.registry.collection import ModelData, RegistryData
from shipway.app.report.registry.version import (
    name_machine,
    show_figure,
    show_names,
    show_outcome,
    show_speed,
    show_version,
    write_weight,
)
from shipway.app.report.sheet import Section, make_sheet
from shipway.core.latency import Machine
from shipway.core.metric import LED

_FIRST: Final = LED
"""Checks that have a column in the table of versions where they were measured; every check is told of below."""


def render_registry(data: RegistryData) -> str:
    """Return a registry as one HTML page that needs nothing else and runs nothing."""
    footer = element(
        "footer",
        words(f"As of entry {data.entries:,} of the ledger, ", code(data.head[:12] or "none"), "."),
        words(f"Instants are in {data.timezone}; those of services are domain time, all others real time."),
    )
    return make_sheet(f"{data.project}: models", _header(data), _sections(data), footer)


def anchor(model: str, number: int) -> str:
    """Return where a version stands on the page."""
    return f"version-{model}-{number}"


def _header(data: RegistryData) -> Markup:
    versions = [each.version for model in data.models for each in model.versions]
    bundled = sum(each.bundle is not None for each in versions)
    retired = sum(each.retired is not None for each in versions)
    services = {tenure.service for _, tenure in data.serving}
    waiting = [
        f"{each.version.ref}"
        for model in data.models
        for each in model.versions
        if each.version.bundle is not None and each.version.retired is None
        if len(each.version.approvals) < model.approvals
    ]
    owner = f" · {data.owner}" if data.owner else ""
    return element(
        "header",
        element("p", f"shipway models{owner}", class_="brow"),
        element("h1", data.project),
        element(
            "div",
            tile("Models", f"{len(data.models):,}", ", ".join(model.name for model in data.models) or "none yet"),
            tile("Versions", f"{len(versions):,}", f"{bundled:,} may be released, {retired:,} retired"),
            tile("Services that answer", f"{len(services):,}", ", ".join(sorted(services)) or "none yet"),
            tile("Without approval", f"{len(waiting):,}", ", ".join(waiting[:4])) if waiting else None,
            class_="tiles",
        ),
        None if versions else words("No version was made yet: ", code("shipway run"), " makes one."),
    )


def _sections(data: RegistryData) -> Iterator[Section]:
    yield "serving", "What serves now", _show_serving(data)
    for model in data.models:
        yield f"model-{model.name}", model.name, _show_model(model, data.timezone)


def _show_serving(data: RegistryData) -> Markup | None:
    if not data.serving:
        return None
    rows = [
        (
            element("b", tenure.service),
            _link(model, tenure.number),
            write_weight(tenure.weight),
            unbroken(write_instant(tenure.since, data.timezone)),
            tenure.reason,
        )
        for model, tenure in data.serving
    ]
    return table(("Service", "Version", "Share", "Since", "Because"), rows)


def _show_model(model: ModelData, timezone: str) -> Markup:
    asked = None
    if model.approvals:
        whose = f" of {', '.join(model.approvers)}" if model.approvers else ""
        asked = element("p", f"A release asks for {write_plural(model.approvals, 'approval')}{whose}.", class_="why")
    machines = list(dict.fromkeys(each.latency.machine for each in model.versions if each.latency is not None))
    return join(
        (
            asked,
            _show_versions(model, machines, timezone),
            _say_machines(machines),
            element("h3", "One by one"),
            *(
                fold(
                    join((element("b", each.version.ref), " ", show_names(each.version))),
                    element("div", show_version(each, timezone), id=anchor(model.name, each.version.number)),
                )
                for each in model.versions
            ),
            _show_served(model, timezone),
            _show_events(model, timezone),
        )
    )


def _show_versions(model: ModelData, machines: list[Machine], timezone: str) -> Markup:
    checks = [name for name in _FIRST if any(name in each.version.metrics for each in model.versions)]
    head = ("Version", "Names and use", "Gates", *checks, "One row takes", "Cut", "Bundle")
    figures = {
        name: [each.version.metrics[name] for each in model.versions if name in each.version.metrics] for name in checks
    }
    rows: list[tuple[Child, ...]] = []
    for each in model.versions:
        line = each.version
        rows.append(
            (
                _link(model.name, line.number),
                show_names(line),
                show_outcome(line.outcome),
                *(show_figure(line.metrics.get(name), figures[name]) for name in checks),
                show_speed(each.latency, machines),
                unbroken(write_instant(line.cut, timezone)),
                element(
                    "span", code(line.bundle[:12]) if line.bundle else "none", class_="line" if line.bundle else "soft"
                ),
            )
        )
    serving = [at for at, each in enumerate(model.versions) if each.version.serving]
    return table(head, rows, marked=serving)


def _say_machines(machines: list[Machine]) -> Markup | None:
    if not machines:
        return None
    said = "the median of calls of one row, without a server around the model"
    if len(machines) == 1:
        return element("p", f"Times are {said}, on {machines[0].said}.", class_="why")
    listed = [f"{name_machine(place)} {machine.said}" for place, machine in enumerate(machines)]
    return element("p", f"Times are {said}, and of different machines: {'; '.join(listed)}.", class_="why")


def _show_served(model: ModelData, timezone: str) -> Markup | None:
    if not model.served:
        return None
    rows = [
        (
            tenure.service,
            _link(model.name, tenure.number),
            write_weight(tenure.weight),
            unbroken(write_instant(tenure.since, timezone)),
            "now" if tenure.ended_at is None else unbroken(write_instant(tenure.ended_at, timezone)),
            tenure.reason,
        )
        for tenure in model.served
    ]
    head = ("Service", "Version", "Share", "From", "To", "Because")
    return fold(f"Who served when ({len(rows):,})", table(head, rows, class_="tight"))


def _show_events(model: ModelData, timezone: str) -> Markup | None:
    rows = [
        (unbroken(write_instant(event.at, timezone)), event.ref, event.what, event.by, event.said)
        for event in model.events
    ]
    if not rows:
        return None
    return fold(
        f"What became of them ({len(rows):,})", table(("At", "Version", "What", "By", ""), rows, class_="tight")
    )


def _link(model: str, number: int) -> Markup:
    return element("a", f"{model}@{number}", href=f"#{anchor(model, number)}")

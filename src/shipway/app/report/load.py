"""The pages of loads: what one came to over time, what something can take, and which setting is the cheapest."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from shipway.app.report.element import Child, Markup, badge, element, join, table, tile, words
from shipway.app.report.file import write_page
from shipway.app.report.number import write_share
from shipway.app.report.sheet import Section, make_sheet
from shipway.core.capacity import Advice, Capacity
from shipway.core.load import Load, LoadWindow
from shipway.ports.adapter import load_adapter
from shipway.ports.chart import Charts, Series

_POINTS: Final = 60
"""Windows of time that a line is drawn through at most."""
_BARS: Final = 40


def write_load_page(found: Load | Capacity | Advice, path: Path) -> Path:
    """Write what was found as one HTML page that needs nothing else.

    Raises:
        ShipwayError: SW-601 if the disk is full, SW-602 if the file cannot be written, SW-701 if what draws charts is
            not installed.
    """
    charts = load_adapter("charts.altair")()
    match found:
        case Load():
            page = render_load(found, charts)
        case Capacity():
            page = render_capacity(found, charts)
        case Advice():
            page = render_advice(found, charts)
    return write_page(path, page)


def render_load(load: Load, charts: Charts) -> str:
    """Return the page of one load."""
    head = _header(
        "shipway load",
        load.target,
        None if not load.doubt else badge("hold"),
        load.doubt and f"Not to be trusted: {load.doubt}.",
        load.pattern.said[:1].upper() + load.pattern.said[1:] + ".",
        tiles=_load_tiles(load),
    )
    return make_sheet(f"load: {load.target}", head, _load_sections(load, charts), _footer(load.machine.said))


def render_capacity(found: Capacity, charts: Charts) -> str:
    """Return the page of a search."""
    objective = found.objective.said
    head = _header(
        "shipway load search",
        found.target,
        badge("pass" if found.rate else "hold" if found.short else "fail"),
        f"Shown to hold {objective} at {found.rate:,.5g} requests/s."
        if found.rate
        else f"{found.reason.capitalize()}.",
        None if not found.rate else f"{found.reason[:1].upper()}{found.reason[1:]}.",
        tiles=[
            tile("Shown to hold, requests/s", f"{found.rate:,.5g}", objective),
            tile(
                "Limit, about", "none found" if found.limit is None else f"{found.limit:,.5g}", "by all that was tried"
            ),
        ],
    )

    def sections() -> Iterator[Section]:
        yield "probes", "What was tried", join([_draw_probes(found, charts), _list_probes(found)])
        if found.load is not None:
            for anchor, name, content in _load_sections(found.load, charts):
                yield anchor, f"{name}, at {found.rate:,.5g} requests/s", content

    return make_sheet(f"load search: {found.target}", head, sections(), _footer(found.machine.said))


def render_advice(advice: Advice, charts: Charts) -> str:
    """Return the page of a recommendation."""
    best = advice.trials[0]
    head = _header("shipway load recommend", advice.target, badge("pass" if best.copies else "fail"), advice.said)
    head_row = ("setting", "holds, requests/s", "predicted together", "copies", "cores", "cost an hour")
    rows = [each.cells for each in advice.trials]
    labels = [each.setting.said for each in advice.trials]
    series = [Series("requests/s of a core", [(e.setting.said, e.rate / e.setting.cores) for e in advice.trials])]
    drawn = element("div", _chart(charts.lines(series, labels=labels, title="Requests/s of a core that hold")),
                    class_="charts")  # fmt: skip
    content = join([table(head_row, rows, numbers=range(1, 6), marked=[0] if best.copies else []), drawn])
    asked = (
        f"{advice.rate:,.5g} requests/s, {advice.objective.said}, {advice.spare:.0%} to spare, {advice.price:g} a core"
    )
    sections: list[Section] = [("settings", "Settings, the cheapest first", join([words(asked, "."), content]))]
    return make_sheet(f"load recommend: {advice.target}", head, sections, _footer(advice.machine.said))


def _load_sections(load: Load, charts: Charts) -> Iterator[Section]:
    yield "time", "Latency over time", _draw_time(load, charts)
    yield "histogram", "How long answers took", join([_draw_histogram(load, charts), _list_quantiles(load)])
    yield "rate", "Requests due, answered and failed", join([_draw_rate(load, charts), _list_errors(load)])
    yield "timing", "The generator", _say_timing(load)


def _header(brow: str, title: str, sign: Markup | None, *said: str | None, tiles: Sequence[Markup] = ()) -> Markup:
    lede, *soft = [each for each in said if each]
    return element(
        "header",
        element("p", brow, class_="brow"),
        element("h1", title, " " if sign else None, sign),
        element("p", lede, class_="lede"),
        *(element("p", each, class_="soft") for each in soft),
        element("div", *tiles, class_="tiles") if tiles else None,
    )


def _footer(machine: str) -> Markup:
    return element(
        "footer",
        words(f"Measured on {machine}. Another machine is another number."),
        words(
            "Latency counts from when each request was due, not from when it was sent. Intervals are of 95 % and rest "
            "on batches of time, because requests that follow one another are slow together."
        ),
    )


def _load_tiles(load: Load) -> list[Markup]:
    tiles = [
        tile(f"p{each.share * 100:g}, ms", f"{each.ms:.3g}", _span(each.low_ms, each.high_ms))
        for each in load.quantiles
        if each.share in (0.5, 0.95, 0.99)
    ]
    tiles.append(tile("Answered, requests/s", f"{load.answered:,.5g}", f"of {load.intended:,.5g} that were due"))
    tiles.append(tile("Failed", write_share(load.failed_share) if load.requests else "", f"of {load.requests:,}"))
    return tiles


def _span(low: float, high: float | None) -> str:
    return f"{low:.3g} or more" if high is None else f"{low:.3g} to {high:.3g}"


def _draw_time(load: Load, charts: Charts) -> Markup:
    windows = _thin(load.windows)
    labels = [f"{each.at_s:g} s" for each in windows]
    pairs = list(zip(labels, windows, strict=True))
    series = [
        Series("p95", [(label, each.p95_ms) for label, each in pairs]),
        Series("p50", [(label, each.p50_ms) for label, each in pairs], "plain"),
        Series("p99", [(label, each.p99_ms) for label, each in pairs], "harm"),
    ]
    drawn = charts.lines(series, labels=labels, title="Latency of what was due, ms")
    return element("div", _chart(drawn), class_="charts")


def _draw_rate(load: Load, charts: Charts) -> Markup:
    windows = _thin(load.windows)
    labels = [f"{each.at_s:g} s" for each in windows]
    pairs = list(zip(labels, windows, strict=True))
    series = [
        Series("answered", [(label, each.answered) for label, each in pairs]),
        Series("due", [(label, each.due) for label, each in pairs], "plain", dashed=True),
        Series("failed", [(label, each.failed) for label, each in pairs], "harm"),
    ]
    return element("div", _chart(charts.lines(series, labels=labels, title="Requests a second")), class_="charts")


def _draw_histogram(load: Load, charts: Charts) -> Markup | None:
    if not load.bins:
        return None
    total = sum(count for _, count in load.bins)
    low, high = math.log(load.bins[0][0]), math.log(load.bins[-1][0])
    width = max((high - low) / _BARS, 1e-9)
    shares = [0.0] * (_BARS + 1)
    for ms, count in load.bins:
        shares[int((math.log(ms) - low) / width)] += count / total
    labels = [f"{math.exp(low + (place + 0.5) * width):.3g}" for place in range(_BARS + 1)]
    points = dict(zip(labels, shares, strict=True))
    drawn = charts.lines([Series("share", list(points.items()))], labels=list(points), title="Share of answers, by ms")
    return element("div", _chart(drawn), class_="charts")


def _draw_probes(found: Capacity, charts: Charts) -> Markup | None:
    by_rate = {each.rate: each for each in sorted(found.probes, key=lambda each: each.rate)}
    if len(by_rate) < 2:
        return None
    labels = [f"{rate:,.4g}" for rate in by_rate]
    probes = list(by_rate.values())
    late = 1 - found.objective.share
    series = [
        Series("late", [(label, each.slow) for label, each in zip(labels, probes, strict=True)]),
        Series("at most", [(label, late) for label in labels], "harm", dashed=True),
        Series("interval, low", [(n, each.slow_low) for n, each in zip(labels, probes, strict=True)], "plain", True),
        Series("interval, high", [(n, each.slow_high) for n, each in zip(labels, probes, strict=True)], "plain"),
    ]
    title = f"Share not answered within {found.objective.limit_ms:g} ms, by requests/s"
    return element("div", _chart(charts.lines(series, labels=labels, title=title)), class_="charts")


def _list_probes(found: Capacity) -> Markup:
    head = (
        "requests/s",
        "",
        "requests",
        f"p{found.objective.share * 100:g}, ms",
        "late",
        "interval",
        "failed",
        "tries",
    )
    rows: list[tuple[Child, ...]] = [
        (
            f"{each.rate:,.5g}",
            badge(each.outcome),
            f"{each.requests:,}",
            "" if math.isnan(each.quantile_ms) else f"{each.quantile_ms:.3g}",
            write_share(each.slow),
            f"{write_share(each.slow_low)} to {write_share(each.slow_high)}",
            write_share(each.failed),
            f"{each.times}",
        )
        for each in found.probes
    ]
    return table(head, rows, numbers=(0, 2, 3, 4, 5, 6, 7))


def _list_quantiles(load: Load) -> Markup:
    head = ("", "ms from when it was due", "interval", "ms from when it was sent")
    rows = [
        (f"p{each.share * 100:g}", f"{each.ms:.4g}", _span(each.low_ms, each.high_ms), f"{each.sent_ms:.4g}")
        for each in load.quantiles
    ]
    return table(head, [*rows, ("slowest", f"{load.worst_ms:.4g}", "", "")], numbers=(1, 2, 3), class_="narrow")


def _list_errors(load: Load) -> Markup:
    if not load.errors:
        return words(f"Every one of {load.requests:,} requests was answered.")
    rows = [(kind, f"{count:,}") for kind, count in load.errors.items()]
    return table(("not answered well", "requests"), rows, numbers=(1,), class_="narrow")


def _say_timing(load: Load) -> Markup:
    timing = load.timing
    late = f"half of all requests were taken up within {timing.p50_ms:.3g} ms of when they were due, 99 % within "
    said = (
        f"Of {load.intended:,.5g} requests/s that were due it sent {load.achieved:,.5g}; {late}{timing.p99_ms:.3g} ms."
    )
    waited = f"{load.waited:,} waited for one of {load.connections:,} connections to be free. "
    busy = f"Its process used {timing.cpu_share:.0%} of a processor."
    return join([words(said), words(waited, busy), words(f"{load.doubt}.") if load.doubt else None])


def _thin(windows: Sequence[LoadWindow]) -> Sequence[LoadWindow]:
    return windows[:: math.ceil(len(windows) / _POINTS)]


def _chart(svg: str) -> Markup:
    return element("figure", Markup(svg))

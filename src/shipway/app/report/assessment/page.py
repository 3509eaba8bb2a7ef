"""The page of an assessment: what was measured on which rows, and one section after the other."""

from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from shipway.app.assessment.data import Assessment, Figure, ScoreLine
from shipway.app.report.assessment.section import (
    show_behaviour,
    show_calibration,
    show_changes,
    show_classes,
    show_declared,
    show_gates,
    show_groups,
    show_listening,
    show_parts,
    show_scores,
    show_searches,
    show_value,
)
from shipway.app.report.element import Markup, code, element, tile, words
from shipway.app.report.gate import Unit
from shipway.app.report.number import write_instant, write_number
from shipway.app.report.sheet import Section, make_sheet
from shipway.core.metric import LED
from shipway.ports.chart import Charts

Show: TypeAlias = Callable[[Assessment, Charts], Markup | None]

SECTIONS: Final[tuple[tuple[str, str, Show], ...]] = (
    ("scores", "How good is it, and how much better?", show_scores),
    ("value", "What is it worth?", show_value),
    ("calibration", "Do its predictions hold?", show_calibration),
    ("classes", "What does it take for what?", show_classes),
    ("parts", "Where is it good?", show_parts),
    ("slices", "Is it worse on declared slices?", show_declared),
    ("found", "Where is it worse than its baseline?", show_searches),
    ("fairness", "Does it treat groups alike?", show_groups),
    ("reasons", "What does it listen to?", show_listening),
    ("trend", "Does its advantage last?", show_changes),
    ("behaviour", "Does it behave?", show_behaviour),
    ("gates", "What the gates say on these rows", show_gates),
)
"""Anchor, title and content of every section, in order; one that has nothing to show is left out."""


_UNITS: Final[dict[str, Unit]] = {"cost": "cost", "score": "auc", "label": "number"}
_TILES: Final = frozenset({*LED, "calibration_slope", "accuracy"})


def render_assessment(found: Assessment, charts: Charts) -> str:
    """Return an assessment as one HTML page that needs nothing else and runs nothing."""
    footer = element(
        "footer",
        words(
            "Intervals are of 95 %, with rows of one ",
            code(found.cluster),
            " taken as dependent in any way. Differences are paired: both models on the same rows.",
        ),
        words(f"Instants are in {found.timezone}. Every number is evidence in the ledger."),
    )
    return make_sheet(f"{found.project}: {found.version}", _header(found), _sections(found, charts), footer)


def _sections(found: Assessment, charts: Charts) -> Iterator[Section]:
    for anchor, title, show in SECTIONS:
        yield anchor, title, show(found, charts)


def _header(found: Assessment) -> Markup:
    owner = f" · {found.owner}" if found.owner else ""
    start, end, cut = (write_instant(at, found.timezone) for at in (*found.period, found.cut))
    return element(
        "header",
        element("p", f"shipway evaluate{owner}", class_="brow"),
        element("h1", found.version),
        element("p", _lede(found), class_="lede"),
        words(
            "It predicts ",
            code(found.label),
            f". It learned from what was known by {cut} and is measured on {start} to {end}: {found.labelled}.",
        ),
        *(words(element("b", "Beware: "), f"{note}.") for note in found.notes),
        element("div", *_tiles(found), class_="tiles"),
    )


def _lede(found: Assessment) -> str:
    """Return what the value comes to, or else the comparison, in one sentence."""
    for line in found.scores:
        if line.unit == "cost" and line.figure is not None:
            value, low, high = line.figure
            interval = f"{write_number(low, 'cost')} to {write_number(high, 'cost')}"
            if high < 0:
                return f"Acting on it costs {write_number(-value, 'cost')} a row more than doing nothing ({interval})."
            if low > 0:
                return f"Acting on it saves {write_number(value, 'cost')} a row against doing nothing ({interval})."
            return f"Acting on it is not shown to be worth more than doing nothing: {interval} a row."
    for line in found.scores:
        for each in line.beside:
            if each.better is not None:
                return f"By {line.check} it is {_compare(each.better)} {each.baseline}."
    return "Nothing could be measured yet."


def _compare(better: Figure) -> str:
    _, low, high = better
    return "better than" if low > 0 else "worse than" if high < 0 else "not shown to be better or worse than"


def _tiles(found: Assessment) -> Iterator[Markup]:
    for line in found.scores:
        if line.figure is not None and (line.check in _TILES or line.unit == "cost"):
            name = "Saved per row" if line.unit == "cost" else line.check
            yield tile(name, write_number(line.figure[0], _UNITS[line.unit]), _beside(line, found))


def _beside(line: ScoreLine, found: Assessment) -> str:
    if line.unit == "cost" and found.costs is not None:
        best = found.costs.nothing - found.costs.oracle
        return f"an oracle would save {write_number(best, 'cost')}"
    return ", ".join(
        f"{write_number(each.figure[0], _UNITS[line.unit])} {each.baseline}"
        for each in line.beside
        if each.figure is not None
    )

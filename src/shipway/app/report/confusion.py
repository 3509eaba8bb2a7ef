"""A section on the classes of a model: how good it is at each, and which it takes for which."""

from typing import Final

from shipway.app.confusion import ClassLine, Confusion, Figure
from shipway.app.count import write_plural
from shipway.app.report.element import Child, Markup, element, fold, join, table, words
from shipway.app.report.gate import Measured, Unit
from shipway.app.report.number import write_interval, write_number, write_share

_LISTED: Final = 5
"""Mistakes that are told one by one."""
_WIDE: Final = 12
"""With more classes than these the matrix is shown when the reader asks."""


def show_confusion(found: Confusion | None) -> Markup | None:
    """Return a line for each class, the most frequent mistakes in words, and the matrix of all."""
    if found is None or not found.rows:
        return None
    matrix = _draw_matrix(found)
    shown = matrix if len(found.classes) <= _WIDE else fold(f"All {len(found.classes)} classes by each other", matrix)
    return join((_class_table(found), _say_mistakes(found), shown))


def _class_table(found: Confusion) -> Markup:
    head = ("Class", "Rows", "Chosen", "Precision", "Recall", "F1", "AUC", "Mean probability less share")
    rows = [
        (
            element("b", line.label),
            _count(line.n, found.rows),
            _count(line.chosen, found.rows),
            _figure(line.precision, "auc"),
            _figure(line.recall, "auc"),
            _figure(line.f1, "auc"),
            _figure(line.auc, "auc"),
            _figure(line.gap, "auc", sign=True),
        )
        for line in found.classes
    ]
    why = (
        "A row's chosen class is its most probable one. "
        "AUC is how often a row of the class is ranked above one that is not."
    )
    return join((element("p", why, class_="why"), table(head, rows, numbers=range(1, len(head)), class_="tight")))


def _count(rows: int, of: int) -> Markup:
    return join((f"{rows:,}", element("div", write_share(rows / of), class_="soft")))


def _figure(figure: Figure | None, unit: Unit, *, sign: bool = False) -> Child:
    if figure is None:
        return None
    measured = Measured(*figure)
    interval = element("div", write_interval(measured, unit, sign=sign), class_="soft line")
    return join((write_number(measured.value, unit, sign=sign), interval))


def _say_mistakes(found: Confusion) -> Markup:
    taken = found.list_taken(_LISTED)
    if not taken:
        return words("No class was taken for another.")
    said = [
        element(
            "li",
            element("b", write_plural(each.rows, "row")),
            f" of {each.label!r} {'was' if each.rows == 1 else 'were'} taken for {each.chosen!r}: "
            f"{write_share(each.share)} of that class.",
        )
        for each in taken
    ]
    return join((element("h3", "What is taken for what"), element("ul", *said)))


def _draw_matrix(found: Confusion) -> Markup:
    """Return the matrix as a table whose cells are as strong in colour as their share of the row."""
    names = [line.label for line in found.classes]
    head = element(
        "thead",
        element("tr", element("th", "Was, and below what was chosen", scope="col"), *(_head(name) for name in names)),
    )
    body = [
        element("tr", element("th", name, scope="row"), *_cells(found.classes[at], found.confusion[at], at))
        for at, name in enumerate(names)
    ]
    whole = element("table", head, element("tbody", *body), class_="confusion")
    return element("div", whole, class_="scroll")


def _head(name: str) -> Markup:
    return element("th", name, class_="num", scope="col")


def _cells(line: ClassLine, counts: tuple[int, ...], at: int) -> list[Markup]:
    cells: list[Markup] = []
    for place, rows in enumerate(counts):
        share = rows / line.n if line.n else 0.0
        tone = "right" if place == at else "wrong"
        soft = element("div", write_share(share), class_="soft") if rows else None
        cells.append(element("td", f"{rows:,}", soft, class_=f"num {tone}", style=f"--share:{share:.3f}"))
    return cells

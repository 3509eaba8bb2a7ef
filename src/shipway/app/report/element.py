"""HTML that cannot be broken by what it shows: text is escaped by whatever builds an element, never by its caller."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final, TypeAlias

_VOID: Final = frozenset({"br", "input", "meta"})
"""Elements without an end."""


@dataclass(frozen=True, slots=True)
class Markup:
    """HTML that is escaped already."""

    text: str


Child: TypeAlias = "str | Markup | None"
"""What stands in an element: words to be escaped, markup, or nothing."""


def element(name: str, /, *children: Child, **attributes: str | float | bool | None) -> Markup:
    """Return an element with attributes and children.

    Args:
        name: the tag.
        children: what stands in it, in order.
        attributes: its attributes; one that is None or False is left out, True stands without a value, `class_` means
            `class`, and an underscore inside a name means a hyphen.
    """
    written = "".join(
        f" {_attribute(key)}" if value is True else f' {_attribute(key)}="{escape(_plain(value), quote=True)}"'
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    if name in _VOID:
        return Markup(f"<{name}{written}>")
    return Markup(f"<{name}{written}>{join(children).text}</{name}>")


def join(children: Iterable[Child]) -> Markup:
    """Return children after one another as one piece of markup."""
    return Markup("".join(_text(child) for child in children if child is not None))


def table(
    head: Sequence[Child],
    rows: Iterable[Sequence[Child]],
    *,
    numbers: Iterable[int] = (),
    marked: Iterable[int] = (),
    class_: str | None = None,
) -> Markup:
    """Return a table that scrolls inside its own frame where the page is narrow.

    Args:
        head: the columns.
        rows: cells, one for each column.
        numbers: positions of columns aligned to the right.
        marked: positions of rows that stand out.
        class_: `tight` for rows close together, `narrow` for a table no wider than what it holds.
    """
    right, out = frozenset(numbers), frozenset(marked)

    def cells(tag: str, row: Sequence[Child]) -> list[Markup]:
        scope = "col" if tag == "th" else None
        return [element(tag, cell, class_="num" if at in right else None, scope=scope) for at, cell in enumerate(row)]

    body = [element("tr", *cells("td", row), class_="marked" if at in out else None) for at, row in enumerate(rows)]
    whole = element(
        "table", element("thead", element("tr", *cells("th", head))), element("tbody", *body), class_=class_
    )
    return element("div", whole, class_="scroll")


def fold(summary: Child, *children: Child) -> Markup:
    """Return children that are shown when the reader asks."""
    return element("details", element("summary", summary), *children)


def words(*children: Child) -> Markup:
    """Return a paragraph."""
    return element("p", *children)


def unbroken(text: str) -> Markup:
    """Return words that stay on one line, such as a date in a narrow column."""
    return element("span", text, class_="line")


def code(text: str) -> Markup:
    """Return text of a program or a digest."""
    return element("code", text)


def tile(name: str, number: str, beside: Child) -> Markup:
    """Return a number large enough to be read from afar, with what it is and what stands beside it."""
    return element("div", element("span", name), element("b", number), element("small", beside), class_="tile")


def badge(outcome: str | None) -> Markup:
    """Return an outcome, with a sign beside its colour for those who do not see it."""
    signs = {"pass": "✓ pass", "fail": "✕ fail", "hold": "‖ hold"}
    return element("span", signs.get(outcome or "", "no gate"), class_=f"badge {outcome or 'none'}")


def _text(child: "str | Markup") -> str:
    return child.text if isinstance(child, Markup) else escape(child, quote=False)


def _attribute(key: str) -> str:
    return key.removesuffix("_").replace("_", "-")


def _plain(value: str | float | bool) -> str:
    return value if isinstance(value, str) else f"{value:g}"

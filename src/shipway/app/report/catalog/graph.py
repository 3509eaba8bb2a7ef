"""Lineage as a drawing: from raw inputs on the left to services on the right, each near to what it hangs on."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final, TypeAlias

from shipway.app.catalog.data import NodeKind
from shipway.app.catalog.lineage import Lineage, Node
from shipway.app.report.element import Markup, element

_COLUMN: Final[dict[NodeKind, int]] = {
    "raw": 0, "source": 1, "stream": 2, "view": 3, "label": 3, "model": 4, "version": 5, "service": 6,
}  # fmt: skip
_TITLES: Final = ("raw input", "source", "stream", "view, label", "model", "version", "service")
_OF_VIEWS: Final = "view of views"
_LINKED: Final = frozenset({"source", "view", "label"})
"""Kinds that have a section on the page."""
_BOX, _ROOM, _TALL, _APART, _TOP = 130.0, 28.0, 30.0, 10.0, 34.0
_LETTERS: Final = 17
_SWEEPS: Final = 6

_Lane: TypeAlias = tuple[int, int]
"""A column of the drawing: the kinds that stand in it, and how many views deep what its views read goes."""


def draw_lineage(lineage: Lineage) -> Markup | None:
    """Draw a lineage without entities, gates and single features; None where nothing is declared."""
    nodes = [node for node in lineage.down if node.kind in _COLUMN]
    links = [(above, below) for above in nodes for below in lineage.down[above] if below.kind in _COLUMN]
    if not nodes:
        return None
    links = _reduce(links)
    lanes = _find_lanes(nodes, links)
    used = sorted(set(lanes.values()))
    ways = [_way(above, below, (used.index(lanes[above]), used.index(lanes[below]))) for above, below in links]
    between = [node for way in ways for node in way[1:-1]]
    columns = [[node for node in nodes if lanes[node] == lane] for lane in used]
    for node in between:
        columns[int(node.name.partition(" ")[0])].append(node)
    steps = [step for way in ways for step in pairwise(way)]
    places = _place(_order(columns, steps))
    tall = max(y for _, y in places.values()) + _TALL + 6
    wide = len(columns) * _BOX + (len(columns) - 1) * _ROOM
    said = f"lineage of {len(nodes)} things: " + ", ".join(
        f"{len([node for node in nodes if lanes[node] == lane])} of kind {_title(lane)}" for lane in used
    )
    drawn = element(
        "svg",
        element("title", said),
        *(element("text", _title(lane), x=at * (_BOX + _ROOM), y=14, class_="lane") for at, lane in enumerate(used)),
        *(_draw_way([places[node] for node in way]) for way in ways),
        *(_draw_node(node, places[node]) for node in nodes),
        class_="lineage",
        viewBox=f"0 0 {wide:g} {tall:g}",
        width=wide,
        height=tall,
        role="img",
        aria_label=said,
    )
    return element("div", drawn, class_="scroll", tabindex="0", role="group", aria_label="Lineage")


def _title(lane: _Lane) -> str:
    return _OF_VIEWS if lane[1] else _TITLES[lane[0]]


def _find_lanes(nodes: Sequence[Node], links: Sequence[tuple[Node, Node]]) -> dict[Node, _Lane]:
    """Return the column of each node; a view that reads views stands to the right of them."""
    above: dict[Node, list[Node]] = {}
    for upper, lower in links:
        if upper.kind == lower.kind == "view":
            above.setdefault(lower, []).append(upper)
    depths: dict[Node, int] = {}

    def depth(node: Node) -> int:
        if node not in depths:
            depths[node] = 0  # of two views that read each other the one that is looked at first
            depths[node] = max((1 + depth(each) for each in above.get(node, ())), default=0)
        return depths[node]

    return {node: (_COLUMN[node.kind], depth(node)) for node in nodes}


def _reduce(links: Sequence[tuple[Node, Node]]) -> list[tuple[Node, Node]]:
    """Leave out links that lead where others lead by steps."""
    below: dict[Node, set[Node]] = {}
    for above, other in links:
        below.setdefault(above, set()).add(other)

    def reaches(start: Node, end: Node) -> bool:
        waiting, seen = [each for each in below.get(start, ()) if each != end], set[Node]()
        while waiting:
            node = waiting.pop()
            if node == end:
                return True
            if node not in seen:
                seen.add(node)
                waiting.extend(below.get(node, ()))
        return False

    return [(above, other) for above, other in links if not reaches(above, other)]


def _order(columns: list[list[Node]], links: Sequence[tuple[Node, Node]]) -> list[list[Node]]:
    """Sort the nodes of each column by the middle of what they are linked to, so that few links cross."""
    near: dict[Node, list[Node]] = {}
    for above, below in links:
        near.setdefault(above, []).append(below)
        near.setdefault(below, []).append(above)
    for sweep in range(_SWEEPS):
        rank = {node: place / max(len(column) - 1, 1) for column in columns for place, node in enumerate(column)}
        for column in columns if sweep % 2 == 0 else reversed(columns):
            middle = {
                node: sum(rank[each] for each in near.get(node, [node])) / len(near.get(node, [node]))
                for node in column
            }
            column.sort(key=middle.__getitem__)
            rank |= {node: place / max(len(column) - 1, 1) for place, node in enumerate(column)}
    return columns


def _place(columns: Sequence[Sequence[Node]]) -> dict[Node, tuple[float, float]]:
    tallest = max(len(column) for column in columns)
    places: dict[Node, tuple[float, float]] = {}
    for at, column in enumerate(columns):
        down = _TOP + (tallest - len(column)) * (_TALL + _APART) / 2
        for row, node in enumerate(column):
            places[node] = at * (_BOX + _ROOM), down + row * (_TALL + _APART)
    return places


def _way(above: Node, below: Node, ends: tuple[int, int]) -> list[Node]:
    """Return a link with a place for it in each column that it passes, so that it passes between what stands there."""
    low, high = ends
    # These are places only: no feature is drawn, and no name of one has a blank.
    return [above, *(Node("feature", f"{at} {above} {below}") for at in range(low + 1, high)), below]


def _draw_way(places: Sequence[tuple[float, float]]) -> Markup:
    parts: list[str] = []
    for (x, y), (end_x, end_y) in pairwise(places):
        start, y, end_y = x + _BOX, y + _TALL / 2, end_y + _TALL / 2
        bend = (end_x - start) / 2
        parts.append(f"{'L' if parts else 'M'}{start:g} {y:g}")
        parts.append(f"C{start + bend:g} {y:g} {end_x - bend:g} {end_y:g} {end_x:g} {end_y:g}")
    return element("path", d=" ".join(parts), class_="link")


def _draw_node(node: Node, place: tuple[float, float]) -> Markup:
    x, y = place
    short = node.name if len(node.name) <= _LETTERS else f"{node.name[: _LETTERS - 1]}…"
    parts = (
        element("title", f"{node.kind} {node.name}"),
        element("rect", x=x + 0.5, y=y, width=_BOX - 1, height=_TALL, rx=6),
        element("text", short, x=x + 10, y=y + _TALL / 2 + 4.5),
    )
    box = element("g", *parts, class_=f"node {node.kind}")
    return element("a", box, href=f"#{node.kind}-{node.name}") if node.kind in _LINKED else box

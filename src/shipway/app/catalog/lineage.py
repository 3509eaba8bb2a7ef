"""Lineage: what each thing of a project is made from and what is made from it, from raw inputs to services and gates.

It is read off the declarations and the ledger whenever it is asked for; nothing of it is stored.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, cast

import msgspec

from shipway.app.catalog.data import KINDS, Links, NodeKind
from shipway.core.config import Config
from shipway.core.embedding import whole_of
from shipway.core.feature import Expr, FeatureView, features_of, flatten, streams_of
from shipway.core.gate import Gate
from shipway.core.projection import State
from shipway.core.registry import Registry
from shipway.maths.expression import Aggregate, Column, walk

_TABLES: Final = frozenset({"table", "other", "stream"})
"""Fields of measures that name a source or a stream."""


class Node(msgspec.Struct, frozen=True, order=True):
    """One thing in the lineage, by kind and name."""

    kind: NodeKind
    name: str

    def __str__(self) -> str:
        """Return the node as it is written, `kind:name`."""
        return f"{self.kind}:{self.name}"


class Branch(msgspec.Struct, frozen=True, kw_only=True):
    """A node with what follows from it, or what it follows from.

    Attributes:
        node: `kind:name`.
        below: the next ones in the direction asked.
        again: whether what is below stands further up already, and is left out here.
    """

    node: str
    below: "tuple[Branch, ...]" = ()
    again: bool = False


@dataclass(slots=True)
class Lineage:
    """Which node is next to which.

    Features hang beside their view: from a view on, ways lead through the view, so that a hundred features are not a
    hundred ways.

    Attributes:
        down: node to what is made from it.
        up: node to what it is made from.
    """

    down: dict[Node, dict[Node, None]] = field(default_factory=dict[Node, dict[Node, None]])
    up: dict[Node, dict[Node, None]] = field(default_factory=dict[Node, dict[Node, None]])

    def add(self, node: Node) -> Node:
        """Keep a node and return it."""
        self.down.setdefault(node, {})
        self.up.setdefault(node, {})
        return node

    def link(self, above: Node, below: Node) -> None:
        """Keep that one node is made from another."""
        self.down[self.add(above)][self.add(below)] = None
        self.up[below][above] = None

    def reach(self, node: Node) -> Links:
        """Return everything above and below a node, by kind."""
        return Links(upstream=_by_kind(self._all(node, self.up)), downstream=_by_kind(self._all(node, self.down)))

    def trace(self, node: Node, *, down: bool) -> Branch:
        """Return the tree of what is below a node, or above it; what comes a second time is not followed again."""
        return _grow(node, self.down if down else self.up, set())

    def _all(self, node: Node, ways: dict[Node, dict[Node, None]]) -> Iterator[Node]:
        seen, waiting = {node}, deque([node])
        while waiting:
            for other in ways[waiting.popleft()]:
                if other not in seen:
                    seen.add(other)
                    waiting.append(other)
                    yield other


def build_lineage(registry: Registry, config: Config, state: State) -> Lineage:
    """Read the lineage of a project off its declarations and its ledger.

    Args:
        registry: the declarations.
        config: the project's file, which names raw inputs and services.
        state: what became of it: versions and services.
    """
    lineage = Lineage()
    for source in registry.sources.values():
        here = lineage.add(Node("source", source.name))
        for raw in source.raw:
            lineage.link(Node("raw", raw), here)
    for entity in registry.entities.values():
        lineage.add(Node("entity", entity.name))
    for view in registry.views.values():
        _link_view(lineage, view)
    for label in registry.labels.values():
        _link_reads(lineage, label.value, Node("label", label.name))
    for model in registry.models.values():
        here = Node("model", model.name)
        lineage.link(Node("source", model.on.name), here)
        lineage.link(Node("label", model.label.name), here)
        for view in model.features:
            lineage.link(Node("view", view.name), here)
            declared = registry.views[view.name].features if view.name in registry.views else view.features
            for feature in dict.fromkeys(whole_of(each, declared) for each in view.features):
                lineage.link(Node("feature", f"{view.name}.{feature}"), here)
    _link_versions(lineage, config, state)
    for gate in registry.gates.values():
        _link_gate(lineage, gate, registry, config)
    return lineage


def reads_of(expr: Expr) -> tuple[Node, ...]:
    """Return the streams, sources and features that an expression reads itself, in order of appearance."""
    streams = [node.stream for node in walk(expr) if isinstance(node, Aggregate)]
    tables = dict.fromkeys([*streams, *streams_of(expr)])
    features = tuple(Node("feature", f"{each.view}.{each.name}") for each in features_of(expr))
    return (*(Node("stream" if "." in table else "source", table) for table in tables), *features)


def _link_view(lineage: Lineage, view: FeatureView) -> None:
    here = lineage.add(Node("view", view.name))
    if view.entity is not None:
        lineage.link(Node("entity", view.entity.name), here)
    for name, expr in view.features.items():
        feature = lineage.add(Node("feature", f"{view.name}.{name}"))
        _link_reads(lineage, expr, here)
        for read in reads_of(expr):
            if read.kind == "feature":
                lineage.link(read, feature)
            lineage.up[feature][read] = None
        if view.entity is not None:
            lineage.up[feature][Node("entity", view.entity.name)] = None


def _link_reads(lineage: Lineage, expr: Expr, here: Node) -> None:
    lineage.add(here)
    for read in reads_of(expr):
        if read.kind == "feature":
            lineage.link(Node("view", read.name.partition(".")[0]), here)
            continue
        lineage.link(read, here)
        if read.kind == "stream":
            lineage.link(Node("source", read.name.partition(".")[0]), read)


def _link_versions(lineage: Lineage, config: Config, state: State) -> None:
    """Link models to the versions that may be released, and these to the services where they answer or walk."""
    for name, versions in state.models.items():
        for version in versions:
            if version.bundle is not None:
                lineage.link(Node("model", name), Node("version", f"{name}@{version.number}"))
    for name, section in config.services.items():
        service = state.services.get(name)
        if service is None:
            lineage.link(Node("model", section.model), Node("service", name))
            continue
        walking = [] if service.walking is None else [service.walking.candidate]
        for variant in (service.stable, *walking):
            lineage.link(Node("version", f"{service.model}@{variant.version}"), Node("service", name))


def _link_gate(lineage: Lineage, gate: Gate, registry: Registry, config: Config) -> None:
    """Link a gate to what its rules name, and to the models or services that it guards."""
    here = lineage.add(Node("gate", gate.name))
    flat = {flatten(v.name, f): (v.name, f) for v in registry.views.values() for f in v.features}
    for rule in gate.rules:
        for table, column in _read_in(rule.check.measure):
            view, feature = flat.get(column, ("", ""))
            if view:
                lineage.link(Node("view", view), here)
                lineage.link(Node("feature", f"{view}.{feature}"), here)
            elif table.partition(".")[0] in registry.sources:
                lineage.link(Node("stream" if "." in table else "source", table), here)
    if gate.before == "release":
        for model in filter(gate.covers, registry.models):
            lineage.link(Node("model", model), here)
    elif gate.before != "training":
        for name, service in config.services.items():
            if gate.covers(service.model):
                lineage.link(Node("service", name), here)


def _read_in(value: object, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield each table that a measure reads, or each column of a frame: one of the two, the other is empty."""
    match value:
        case Column(table=table):
            yield table, ""
        case msgspec.Struct():
            for each in value.__struct_fields__:
                yield from _read_in(getattr(value, each), each)
        case dict() if name == "changes":
            yield from (("", str(column)) for column in cast("dict[object, object]", value))
        case tuple() | list():
            yield from (read for each in cast("tuple[object, ...]", value) for read in _read_in(each, name))
        case str() if name in _TABLES:
            yield value, ""
        case str() if name == "features":
            yield "", value
        case _:
            pass


def _by_kind(nodes: Iterable[Node]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for node in sorted(nodes, key=lambda node: KINDS.index(node.kind)):
        found.setdefault(node.kind, []).append(node.name)
    return found


def _grow(node: Node, ways: dict[Node, dict[Node, None]], seen: set[Node]) -> Branch:
    if node in seen:
        return Branch(node=str(node), again=bool(ways[node]))
    seen.add(node)
    # A view's features hang beside it, and ways lead through the view; those between features are theirs alone.
    below = (each for each in ways[node] if each.kind != "feature" or node.kind == "feature")
    ordered = sorted(below, key=lambda each: KINDS.index(each.kind))
    return Branch(node=str(node), below=tuple(_grow(each, ways, seen) for each in ordered))

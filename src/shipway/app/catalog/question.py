"""Questions to the catalog: what there is, what one thing is, what is found by some words, and what hangs on what."""

from collections.abc import Iterable
from contextlib import closing

import msgspec

from shipway.app.catalog.collection import collect_catalog
from shipway.app.catalog.data import KINDS, Entry
from shipway.app.catalog.lineage import Branch, Lineage, Node, build_lineage
from shipway.app.project import Project
from shipway.app.workspace import Workspace
from shipway.core.error import ShipwayError
from shipway.kit.ranking import rank
from shipway.kit.suggestion import did_you_mean

_NAME, _TAG, _DOC, _OWNER, _DEFINITION = 4.0, 3.0, 2.0, 2.0, 1.0
"""How much it counts where a word stands."""


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was found, with how well it fits."""

    entry: Entry
    score: float


class Traced(msgspec.Struct, frozen=True, kw_only=True):
    """What hangs on a thing.

    Attributes:
        node: `kind:name`.
        up: what it is made from; None where nobody asked.
        down: what is made from it; None where nobody asked.
    """

    node: str
    up: Branch | None
    down: Branch | None


def list_views(
    project: Project,
    *,
    source: str | None = None,
    entity: str | None = None,
    owner: str | None = None,
    tag: str | None = None,
    model: str | None = None,
) -> list[Entry]:
    """Return the feature views of a project in order of declaration, those that fit every condition given.

    Args:
        project: whose.
        source: only views that read this source.
        entity: only views of this entity.
        owner: only views that this owner answers for.
        tag: only views with this tag.
        model: only views that this model is fed with.

    Raises:
        ShipwayError: SW-104 for a source, entity, owner, tag or model there is not.
    """
    catalog, registry = collect_catalog(project), project.registry
    known: list[tuple[str, str | None, Iterable[str]]] = [
        ("source", source, registry.sources),
        ("entity", entity, registry.entities),
        ("owner", owner, {view.owner for view in catalog.views if view.owner}),
        ("tag", tag, {tag for view in catalog.views for tag in view.tags}),
        ("model", model, registry.models),
    ]
    for kind, given, names in known:
        if given is not None and given not in names:
            fact = f"no view has {kind} {given!r}" if kind in ("owner", "tag") else f"there is no {kind} {given!r}"
            raise ShipwayError("SW-104", fact, did_you_mean(given, names))
    fed = None if model is None else {view.name for view in registry.models[model].features}
    return [
        view
        for view in catalog.views
        if (source is None or source in view.links.upstream.get("source", ()))
        and (entity is None or entity in view.links.upstream.get("entity", ()))
        and owner in (None, view.owner)
        and (tag is None or tag in view.tags)
        and (fed is None or view.name in fed)
    ]


def show_entries(project: Project, name: str) -> list[Entry]:
    """Return everything the catalog has under a name: more than one thing where kinds share it.

    Args:
        project: whose.
        name: of a source, entity, view, feature (`view.feature`, or its column in a frame) or label; `kind:name` means
            only that kind.

    Raises:
        ShipwayError: SW-104 if there is nothing of that name.
    """
    entries = collect_catalog(project, fresh=True).entries
    found = [entry for entry in entries if name in (entry.name, f"{entry.kind}:{entry.name}", entry.column)]
    if not found:
        names = [*(entry.name for entry in entries), *(entry.column for entry in entries if entry.column)]
        fact = f"there is no source, entity, view, feature or label {name!r}"
        raise ShipwayError("SW-104", fact, did_you_mean(name, names))
    return found


def search_catalog(project: Project, words: str, *, most: int = 20) -> list[Hit]:
    """Return what fits some words best: by name, tag, description, owner, columns and definition.

    Args:
        project: whose.
        words: what is sought; a misspelt or unfinished word counts for what is spelt nearly so.
        most: how many are returned.
    """
    entries = {f"{entry.kind}:{entry.name}": entry for entry in collect_catalog(project).entries}
    found = rank(words, {name: _fields(entry) for name, entry in entries.items()})
    return [Hit(entry=entries[name], score=round(score, 4)) for name, score in found[:most]]


def trace_lineage(project: Project, name: str, *, up: bool = True, down: bool = True) -> list[Traced]:
    """Return what a thing is made from and what is made from it, once for each kind that has the name.

    Args:
        project: whose.
        name: of anything from a raw input to a service; `kind:name` means only that kind.
        up: whether what it is made from is told.
        down: whether what is made from it is told.

    Raises:
        ShipwayError: SW-104 if there is nothing of that name.
    """
    with closing(Workspace(project)) as workspace:
        lineage = build_lineage(project.registry, project.config, workspace.peek())
    return [
        Traced(
            node=str(node),
            up=lineage.trace(node, down=False) if up else None,
            down=lineage.trace(node, down=True) if down else None,
        )
        for node in _find(lineage, name)
    ]


def _find(lineage: Lineage, name: str) -> list[Node]:
    found = [node for node in lineage.down if name in (node.name, str(node))]
    if not found:
        names = [node.name for node in lineage.down]
        raise ShipwayError("SW-104", f"there is nothing called {name!r}", did_you_mean(name, names))
    if len(found) > 1:
        # A raw input is above the source of its name, whose tree it would repeat.
        found = [node for node in found if node.kind != "raw"]
    return sorted(found, key=lambda node: KINDS.index(node.kind))


def _fields(entry: Entry) -> list[tuple[float, str]]:
    columns = " ".join(column.name for column in entry.columns)
    return [
        (_NAME, f"{entry.name} {entry.column}".replace("_", " ")),
        (_TAG, " ".join(entry.tags)),
        (_DOC, entry.doc),
        (_OWNER, entry.owner),
        (_DEFINITION, f"{entry.kind} {columns or (entry.definition if entry.kind != 'view' else '')}"),
        (_DEFINITION, " ".join(entry.keys)),
    ]

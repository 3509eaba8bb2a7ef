"""Collecting the catalog of a project from its declarations, its ledger and the data that was admitted."""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass

from shipway.app.catalog.data import Catalog, ColumnEntry, Entry, Freshness
from shipway.app.catalog.freshness import read_freshness
from shipway.app.catalog.lineage import Lineage, Node, build_lineage
from shipway.app.catalog.statistic import read_statistics
from shipway.app.catalog.writing import write_entity, write_label, write_source, write_view
from shipway.app.project import Project
from shipway.app.workspace import Workspace
from shipway.core.column import Kind, kind_of, read_kinds, row_columns
from shipway.core.error import ShipwayError
from shipway.core.feature import ALWAYS, Entity, Expr, FeatureView, Label, Source, flatten, windows_of
from shipway.core.kind import feature_kind
from shipway.core.note import Note
from shipway.core.statistic import ColumnStatistic
from shipway.core.table import MAIN, Snapshot
from shipway.maths.expression import move, render


def collect_catalog(project: Project, *, fresh: bool = False) -> Catalog:
    """Return the catalog of a project; nothing is written.

    Args:
        project: whose.
        fresh: whether the newest known-at of each source is looked up in the admitted data, which reads its instants.

    Raises:
        ShipwayError: SW-605 for admitted data or statistics that are lost.
    """
    with closing(Workspace(project)) as workspace:
        head = workspace.tables.head(MAIN) if workspace.has_data and workspace.exists else None
        snapshots = {} if head is None else dict(workspace.tables.get(head).tables)
        work = _Work(
            workspace,
            snapshots,
            {name: read_kinds(snapshot.columns) for name, snapshot in snapshots.items()},
            build_lineage(project.registry, project.config, workspace.peek()),
            read_statistics(workspace),
            fresh,
        )
        registry = project.registry
        return Catalog(
            project=project.config.project.name,
            owner=project.config.project.owner,
            now=workspace.now,
            commit=head,
            sources=tuple(work.source(source) for source in registry.sources.values()),
            entities=tuple(work.entity(entity) for entity in registry.entities.values()),
            views=tuple(work.view(view) for view in registry.views.values()),
            labels=tuple(work.label(label) for label in registry.labels.values()),
        )


@dataclass(frozen=True, slots=True)
class _Work:
    """What entries are made of."""

    workspace: Workspace
    snapshots: Mapping[str, Snapshot]
    schema: Mapping[str, Mapping[str, Kind]]
    lineage: Lineage
    statistics: Mapping[str, ColumnStatistic]
    fresh: bool

    def source(self, source: Source) -> Entry:
        note = self.workspace.project.registry.note("source", source.name)
        snapshot = self.snapshots.get(source.name)
        kinds = self.schema.get(source.name, {})
        return Entry(
            kind="source",
            name=source.name,
            owner=self._owner(note),
            doc=note.doc,
            tags=note.tags,
            definition=write_source(source, note),
            links=self.lineage.reach(Node("source", source.name)),
            keys=source.key,
            raw=source.raw,
            rows=None if snapshot is None else snapshot.rows,
            columns=tuple(
                ColumnEntry(name=name, kind=kinds.get(name), known_at=source.instant_of(name) or ALWAYS)
                for name in source.columns
            ),
            freshness=self._freshness(source, snapshot, note.fresh_us),
        )

    def entity(self, entity: Entity) -> Entry:
        note = self.workspace.project.registry.note("entity", entity.name)
        return Entry(
            kind="entity",
            name=entity.name,
            owner=self._owner(note),
            doc=note.doc,
            tags=note.tags,
            definition=write_entity(entity, note),
            links=self.lineage.reach(Node("entity", entity.name)),
            keys=entity.keys,
        )

    def view(self, view: FeatureView) -> Entry:
        registry = self.workspace.project.registry
        note = registry.note("view", view.name)
        about = row_source(view)
        return Entry(
            kind="view",
            name=view.name,
            owner=self._owner(note),
            doc=note.doc,
            tags=note.tags,
            definition=write_view(view, about, note),
            links=self.lineage.reach(Node("view", view.name)),
            about=about if view.entity is None else view.entity.name,
            keys=registry.sources[about].key if view.entity is None else view.entity.keys,
            features=tuple(self._feature(view, name, expr, note) for name, expr in view.features.items()),
        )

    def label(self, label: Label) -> Entry:
        note = self.workspace.project.registry.note("label", label.name)
        return Entry(
            kind="label",
            name=label.name,
            owner=self._owner(note),
            doc=note.doc,
            tags=note.tags,
            definition=write_label(label, note),
            links=self.lineage.reach(Node("label", label.name)),
            type=self._label_type(label),
            known_at=(label.stream,),
        )

    def _feature(self, view: FeatureView, name: str, expr: Expr, note: Note) -> Entry:
        column = flatten(view.name, name)
        return Entry(
            kind="feature",
            name=f"{view.name}.{name}",
            owner=self._owner(note),
            doc=note.docs.get(name, ""),
            tags=note.tags,
            definition=render(expr),
            links=self.lineage.reach(Node("feature", f"{view.name}.{name}")),
            about=view.name,
            column=column,
            type=self._type(expr),
            known_at=self._known_at(expr),
            statistic=self.statistics.get(column),
        )

    def _owner(self, note: Note) -> str:
        return note.owner or self.workspace.project.config.project.owner

    def _type(self, expr: Expr) -> str | None:
        """Return the kind of a feature; None where the admitted data lacks what it reads."""
        try:
            return feature_kind(expr, self.schema)
        except ShipwayError as error:
            if error.code != "SW-202":
                raise
            return None

    def _label_type(self, label: Label) -> str | None:
        """Return the kind of a label; None where the admitted data lacks what it reads."""
        table = label.stream.partition(".")[0]
        try:
            kind = kind_of(move(label.value, table), table, self.schema)
        except ShipwayError as error:
            if error.code != "SW-202":
                raise
            return None
        return "float" if kind == "int" else kind

    def _known_at(self, expr: Expr) -> tuple[str, ...]:
        """Return the streams a feature reads, and each column of the row with the instant it is known at."""
        sources = self.workspace.project.registry.sources
        rows = [
            f"{column.table}.{column.name} at {sources[column.table].instant_of(column.name) or ALWAYS}"
            for column in row_columns(expr)
            if column.table in sources
        ]
        return tuple(dict.fromkeys([*(node.stream for _, node in windows_of(expr, None)), *rows]))

    def _freshness(self, source: Source, snapshot: Snapshot | None, expected_us: int | None) -> Freshness:
        if snapshot is None or not self.fresh:
            return Freshness(expected_us=expected_us)
        return read_freshness(self.workspace, source, snapshot, expected_us)


def row_source(view: FeatureView) -> str:
    """Return the name of the source whose rows a view is about, or reads outside windows; empty where it does not."""
    return view.source or next((column.table for expr in view.features.values() for column in row_columns(expr)), "")

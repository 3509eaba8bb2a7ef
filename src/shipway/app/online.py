"""The online store of the declared views: filled from the main branch, then brought up to it by what is new there."""

from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import cache, partial
from typing import Final

import msgspec
import numpy as np
import polars as pl

from shipway.adapters.file.fault import translate_fault
from shipway.app.project import Project
from shipway.app.replay.store import VIEWS
from shipway.app.workspace import Workspace
from shipway.core.column import Kind, Schema, read_kinds, row_columns
from shipway.core.error import ShipwayError
from shipway.core.feature import Entity, FeatureView, view_entities, windows_of
from shipway.core.feature_set import FILE, VERSION, FeatureSet, FeatureSets
from shipway.core.online import Layout, make_layout
from shipway.core.table import Commit
from shipway.data.kept import DELETED
from shipway.data.known import find_early_reads
from shipway.data.newest import fill_newest, find_stored
from shipway.data.plan import Plan, plan_views
from shipway.data.renewal import renew_newest
from shipway.data.slice import stream_columns
from shipway.data.spine import ASKED, ask_view, spine_of
from shipway.data.upkeep import Upkeep
from shipway.kit.file import write_atomic
from shipway.maths.embedding import length_of
from shipway.maths.expression import Constant
from shipway.ports.online import list_online, open_online, remove_online

PREFIX: Final = VIEWS
"""What the names of these stores begin with."""
_DTYPES: Final[dict[Kind, pl.DataType]] = {
    "int": pl.Int64(),
    "float": pl.Float64(),
    "text": pl.String(),
    "bool": pl.Boolean(),
    "instant": pl.Datetime("us", "UTC"),
}
"""The types of columns by their kinds; of embeddings they also say a length."""
BATCH: Final = 50_000
"""Rows that are applied in one write."""
MANY: Final = 8
"""Of how many stored rows one may change so that changing them one by one costs less than writing all."""


class Materialised(msgspec.Struct, frozen=True, kw_only=True):
    """What came of bringing the store up to date.

    Attributes:
        online: the store's name.
        until: up to when everything known is in it, microseconds since 1970 UTC.
        anew: whether it was built from the beginning.
        applied: rows that changed something.
        same: rows that said what was there already.
        sets: the names that are served.
        left_out: the names that are not, and why.
    """

    online: str
    until: int
    anew: bool
    applied: int
    same: int
    sets: tuple[str, ...]
    left_out: dict[str, str]


def materialise(project: Project, *, until: int | None = None) -> Materialised:
    """Bring the online store of a project's views and models up to the data on its main branch.

    Only rows that are new or changed since the last time are applied. A change that reaches further back than the store
    still does, and other features than it was made for, build another store beside it; whoever reads goes on with the
    old one until the new one is whole.

    Args:
        project: whose.
        until: an instant up to which everything known is on the main branch, microseconds since 1970 UTC; by default
            the project's present.

    Raises:
        ShipwayError: SW-401 if no data was admitted, SW-104 if the project declares no view that can be served, SW-301
            for a view that reads a value before it is known, SW-603 if another process runs the project; what the store
            refuses.
    """
    with closing(Workspace(project)) as workspace, workspace.hold():
        commit = workspace.main_commit()
        kinds: Schema = {table: read_kinds(snapshot.columns) for table, snapshot in commit.tables.items()}
        sets, left_out = _declare_sets(project, kinds)
        layout, plans = _union(sets, kinds), _plan(workspace, sets)
        before = read_sets(project)
        instant = workspace.now if until is None else until
        name = "" if before is None else before.online
        done = None
        if name.startswith(f"{PREFIX}{layout.namespace}-"):
            done = _update(workspace, commit, layout, sets, plans, name, instant)
        anew = done is None
        if done is None:
            name = _next_name(layout, name)
            done = _build(workspace, commit, layout, sets, plans, name, instant)
        applied, same = done
        schema = {table: kinds for table, kinds in layout.schema.items() if table != ASKED}
        uri = project.config.online.uri
        described = FeatureSets(
            version=VERSION, uri=uri, online=name, spine=ASKED, series=layout.series, schema=schema, sets=sets
        )
        path = workspace.folder / FILE
        with translate_fault(path):
            # Not in canonical form, which sorts names: features are answered in the order they were declared in.
            write_atomic(path, msgspec.json.encode(described))
        _sweep(workspace, {name, *([] if before is None else [before.online])})
        return Materialised(
            online=name, until=instant, anew=anew, applied=applied, same=same, sets=tuple(sets), left_out=left_out
        )


def read_sets(project: Project) -> FeatureSets | None:
    """Return what is served by now; None where nothing is, or what is there cannot be read any more."""
    try:
        return msgspec.json.decode((Workspace(project).folder / FILE).read_bytes(), type=FeatureSets)
    except (OSError, msgspec.MsgspecError):
        return None


def _declare_sets(project: Project, kinds: Schema) -> tuple[dict[str, FeatureSet], dict[str, str]]:
    """Return the sets that can be served, and why the others cannot."""
    registry = project.registry
    sets: dict[str, FeatureSet] = {}
    left_out: dict[str, str] = {}
    named: dict[str, tuple[str, tuple[FeatureView, ...]]] = {
        name: (_row_table(view), (view,)) for name, view in registry.views.items()
    }
    named |= {name: (model.on.name, model.features) for name, model in registry.models.items() if name not in named}
    for name, (table, views) in named.items():
        try:
            sets[name] = _make_set(table, views, kinds)
        except ShipwayError as error:
            left_out[name] = f"{error.code} {error.fact}"
    if not sets:
        why = "; ".join(left_out.values()) or "none is declared"
        raise ShipwayError("SW-104", f"there is no view that can be served ({why})", "declare one of an entity")
    return sets, left_out


def _make_set(table: str, views: tuple[FeatureView, ...], kinds: Schema) -> FeatureSet:
    asked: dict[str, Kind] = {}
    for view in views:
        for entity in view_entities(view):
            for key in entity.keys:
                asked[key] = _kind(key, [table, *_stream_tables(view, entity)], kinds)
        for expr in view.features.values():
            asked |= {column.name: _kind(column.name, [table], kinds) for column in row_columns(expr)}
    own = tuple(ask_view(view, table) for view in views)
    make_layout(ASKED, (), own, kinds | {ASKED: asked})
    return FeatureSet(views=own, asked=asked)


def _dtype_of(kind: Kind) -> pl.DataType:
    length = length_of(kind)
    return _DTYPES[kind] if length is None else pl.Array(pl.Float32, length)


def _kind(column: str, tables: Iterable[str], kinds: Schema) -> Kind:
    for table in tables:
        if column in kinds.get(table, {}):
            return kinds[table][column]
    raise ShipwayError("SW-202", f"no data that was admitted has a column {column!r}", "shipway run admits it")


def _row_table(view: FeatureView) -> str:
    """Return the source whose rows a view reads; empty where it reads none."""
    tables = [column.table for expr in view.features.values() for column in row_columns(expr)]
    return tables[0] if tables else ""


def _stream_tables(view: FeatureView, entity: Entity) -> list[str]:
    """Return the sources of the streams that a view's features read of an entity."""
    windows = [window for expr in view.features.values() for window in windows_of(expr, view.entity)]
    return [node.stream.partition(".")[0] for whose, node in windows if whose == entity]


def _union(sets: Mapping[str, FeatureSet], kinds: Schema) -> Layout:
    """Return the layout of all sets together; its series are what the store keeps."""
    asked: dict[str, Kind] = {}
    for one in sets.values():
        asked = one.asked | asked
    views = tuple(view for one in sets.values() for view in one.views)
    return make_layout(ASKED, (), views, kinds | {ASKED: asked})


def _plan(workspace: Workspace, sets: Mapping[str, FeatureSet]) -> dict[str, Plan]:
    sources = workspace.project.registry.sources
    return {name: plan_views(spine_of(one.asked), Constant(0), one.views, sources) for name, one in sets.items()}


def _check(
    workspace: Workspace,
    commit: Commit,
    sets: Mapping[str, FeatureSet],
    plans: Mapping[str, Plan],
    tables: Mapping[str, pl.DataFrame],
) -> None:
    """Refuse features that read a value of these rows before it is known; what the asker brings is known."""
    files, none = workspace.tables.files, np.empty(0, dtype=np.int64)
    for name, plan in plans.items():
        spine = pl.DataFrame(schema={"_row": pl.Int64()} | {c: _dtype_of(kind) for c, kind in sets[name].asked.items()})
        others = {
            table: pl.DataFrame(schema=files.types_of(commit.tables[table]))
            for table in plan.tables[1:]
            if table not in tables
        }
        for read in find_early_reads(plan, {**others, **tables, plan.spine.name: spine}, none):
            raise read.refusal()


def _update(
    workspace: Workspace,
    commit: Commit,
    layout: Layout,
    sets: Mapping[str, FeatureSet],
    plans: Mapping[str, Plan],
    name: str,
    until: int,
) -> tuple[int, int] | None:
    """Apply what is new since the last time, and return how many rows changed something and how many nothing.

    None where the store has to be built anew: it is of other features, or a change reaches further back than it does.
    """
    try:
        online = open_online(workspace.folder, workspace.project.config.online.uri, name)
    except ShipwayError as error:
        if error.code == "SW-605":
            return None
        raise
    with closing(online):
        if online.position() is None:
            return None
        try:
            upkeep = Upkeep(layout, plan := _merge(plans), online, lateness_us=0, stored=False)
        except ShipwayError as error:
            if error.code == "SW-805":
                return None
            raise
        stored = find_stored(layout, plan)
        applied = same = 0
        for source in _sources(layout):
            before = upkeep.standing(source)
            changes = _read_changes(workspace, commit, source, before.position)
            if changes is None or (changes.many and all(series.stored for series in layout.series)):
                return None
            _check(workspace, commit, sets, plans, {source: changes.come})
            marks = [mark for stream, mark in upkeep.watermarks.items() if stream.partition(".")[0] == source]
            since = min(marks, default=until)
            read = cache(partial(_read_source, workspace, commit, plans, source))
            rows = pl.concat([changes.removed, changes.before]), changes.come
            renewal = renew_newest(stored, source, online, rows, read, (since, max([until, *marks])))
            said, position = changes.list(), commit.id.encode()
            after = upkeep.apply(source, said, position, watermark_us=until, beside=renewal)
            if after.late > before.late:
                return None
            applied, same = applied + after.applied - before.applied, same + after.same - before.same
        upkeep.trim()
        upkeep.sync()
    return applied, same


def _build(
    workspace: Workspace,
    commit: Commit,
    layout: Layout,
    sets: Mapping[str, FeatureSet],
    plans: Mapping[str, Plan],
    name: str,
    until: int,
) -> tuple[int, int]:
    """Fill a store from the beginning."""
    uri = workspace.project.config.online.uri
    remove_online(workspace.folder, uri, name)
    tables = {source: _read_source(workspace, commit, plans, source) for source in _sources(layout)}
    _check(workspace, commit, sets, plans, tables)
    with closing(open_online(workspace.folder, uri, name)) as online:
        plan, position = _merge(plans), commit.id.encode()
        upkeep = Upkeep(layout, plan, online, lateness_us=0, stored=False)
        heights = {source: rows.height for source, rows in tables.items()}
        upkeep.fill(fill_newest(find_stored(layout, plan), tables, until), heights, position, watermark_us=until)
        applied = same = 0
        for source, rows in tables.items():
            if any(series.table == source and not series.stored for series in layout.series):
                for start in range(0, max(rows.height, 1), BATCH):
                    upkeep.apply(source, rows[start : start + BATCH], position, watermark_us=until)
            applied, same = applied + upkeep.standing(source).applied, same + upkeep.standing(source).same
        upkeep.trim()
        upkeep.sync()
    return applied, same


@dataclass(frozen=True, slots=True)
class _Changes:
    """How the rows of a source changed since a commit.

    Attributes:
        removed: rows that are gone.
        before: rows that changed, as they were.
        come: rows that are new, or as they are now.
        of: how many rows there are.
    """

    removed: pl.DataFrame
    before: pl.DataFrame
    come: pl.DataFrame
    of: int

    @property
    def many(self) -> bool:
        """Tell whether it takes longer to change a store than to build one."""
        return (self.removed.height + self.come.height) * MANY > self.of

    def list(self) -> pl.DataFrame:
        """Return them in the order in which they count."""
        gone = self.removed.with_columns(pl.lit(value=True).alias(DELETED))
        return pl.concat([gone, self.come.with_columns(pl.lit(value=False).alias(DELETED))])


def _read_changes(workspace: Workspace, commit: Commit, source: str, position: bytes | None) -> _Changes | None:
    """Return the rows of a source that are new, changed or gone since a commit; None where that is not to be had."""
    snapshot = commit.tables[source]
    height = sum(part.rows for part in snapshot.parts)
    if position is None:
        rows = workspace.tables.read(snapshot)
        return _Changes(rows.clear(), rows.clear(), rows, height)
    try:
        before = workspace.tables.get(position.decode()).tables[source]
    except (ShipwayError, KeyError):
        return None
    noun = workspace.project.registry.sources[source]
    found = workspace.tables.compare(before, snapshot, key=noun.key)
    if found.columns_added or found.columns_removed or found.columns_changed:
        return None
    return _Changes(found.removed, found.before, pl.concat([found.added, found.after]), height)


def _read_source(workspace: Workspace, commit: Commit, plans: Mapping[str, Plan], source: str) -> pl.DataFrame:
    """Read the columns of a source that features are made of."""
    found = dict[str, None]()
    for plan in plans.values():
        found |= dict.fromkeys(stream_columns(plan).get(source, ()))
    return workspace.tables.read(commit.tables[source], list(found))


def _merge(plans: Mapping[str, Plan]) -> Plan:
    """Return a plan with the streams of all."""
    first = next(iter(plans.values()))
    events = {name: event for plan in plans.values() for name, event in plan.events.items()}
    return Plan(first.spine, first.at, (), events, None)


def _sources(layout: Layout) -> list[str]:
    return list(dict.fromkeys(series.table for series in layout.series))


def _next_name(layout: Layout, before: str) -> str:
    """Return the name of a store that nobody reads."""
    stem = f"{PREFIX}{layout.namespace}"
    number = int(before.rpartition("-")[2]) + 1 if before.startswith(f"{stem}-") else 0
    return f"{stem}-{number}"


def _sweep(workspace: Workspace, used: set[str]) -> None:
    """Remove stores that nobody reads any more: the one before the last is left to those who still have it open."""
    uri = workspace.project.config.online.uri
    for name in [] if uri else list_online(workspace.folder, uri):
        if name.startswith(PREFIX) and name not in used:
            remove_online(workspace.folder, uri, name)

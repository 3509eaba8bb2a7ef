"""The online store of the declared views: filled from the main branch, then brought up to it by what is new there."""

from collections.abc import Iterable, Mapping
from contextlib import closing
from functools import cache, partial
from typing import Final

import msgspec
import polars as pl

from shipway.adapters.file.fault import translate_fault
from shipway.app.difference import read_changes, read_columns
from shipway.app.filling import fill_rows, update_rows
from shipway.app.handover import find_followed, hold_online, lateness_of
from shipway.app.known import check_rows
from shipway.app.project import Project
from shipway.app.release import manifest_of
from shipway.app.replay.store import VIEWS
from shipway.app.workspace import Workspace
from shipway.core.column import Kind, Schema, read_kinds, row_columns
from shipway.core.error import ShipwayError
from shipway.core.feature import Entity, FeatureView, view_entities, windows_of
from shipway.core.feature_set import FILE, VERSION, FeatureSet, FeatureSets
from shipway.core.online import Layout, make_layout
from shipway.core.raw import Raw
from shipway.core.table import Commit
from shipway.data.newest import fill_newest, find_stored
from shipway.data.pack import PackedOnline
from shipway.data.plan import Plan, plan_views
from shipway.data.renewal import renew_newest
from shipway.data.spine import ASKED, ask_view, spine_of
from shipway.data.upkeep import Upkeep
from shipway.kit.file import write_atomic
from shipway.maths.expression import Constant
from shipway.ports.online import Online, list_online, open_online, remove_online

PREFIX: Final = VIEWS
"""What the names of these stores begin with."""
BATCH: Final = 50_000
"""Rows that are applied in one write."""


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
        followed: the sources that follow their streams, and have what these have committed.
    """

    online: str
    until: int
    anew: bool
    applied: int
    same: int
    sets: tuple[str, ...]
    left_out: dict[str, str]
    followed: tuple[str, ...] = ()


def materialise(project: Project, *, until: int | None = None, anew: bool = False) -> Materialised:
    """Bring the online store of a project's views and models up to the data on its main branch.

    Only rows that are new or changed since the last time are applied. A change that reaches further back than the store
    still does, and other features than it was made for, build another store beside it; whoever reads goes on with the
    old one until the new one is whole. Of a source that follows a stream the store gets what the stream has committed,
    so that `shipway stream` goes on from there.

    Args:
        project: whose.
        until: an instant up to which everything known is on the main branch, microseconds since 1970 UTC; by default
            the project's present.
        anew: whether another store is built, whatever there is.

    Raises:
        ShipwayError: SW-401 if no data was admitted, SW-104 if the project declares no view that can be served, SW-301
            for a view that reads a value before it is known, SW-603 if another process runs the project; what the store
            refuses.
    """
    with closing(Workspace(project)) as workspace, workspace.hold():
        commit = workspace.main_commit()
        kinds: Schema = {table: read_kinds(snapshot.columns) for table, snapshot in commit.tables.items()}
        sets, left_out = _declare_sets(workspace, kinds)
        layout, plans = _union(sets, kinds), plan_sets(workspace, sets)
        before = read_sets(project)
        instant = workspace.now if until is None else until
        name = "" if before is None else before.online
        done = None
        if name.startswith(f"{PREFIX}{layout.namespace}-") and not anew:
            done = _update(workspace, commit, layout, sets, plans, name, instant)
        anew = done is None
        if done is None:
            name = _next_name(layout, name)
            done = _build(workspace, commit, layout, sets, plans, name, instant)
        applied, same = done
        schema = {table: kinds for table, kinds in layout.schema.items() if table != ASKED}
        uri = project.config.online.uri
        notes = {source: project.registry.note("source", source).fresh_us for source in list_sources(layout)}
        described = FeatureSets(
            version=VERSION,
            uri=uri,
            online=name,
            spine=ASKED,
            series=layout.series,
            schema=schema,
            sets=sets,
            fresh={source: expected for source, expected in notes.items() if expected is not None},
        )
        _declare(workspace, described, before)
        _sweep(workspace, {name, *([] if before is None else [before.online])})
        return Materialised(
            online=name,
            until=instant,
            anew=anew,
            applied=applied,
            same=same,
            sets=tuple(sets),
            left_out=left_out,
            followed=tuple(find_followed(workspace, list_sources(layout))),
        )


def _declare(workspace: Workspace, described: FeatureSets, before: FeatureSets | None) -> None:
    """Say what is served; whoever reads or writes looks at the file, so it is left alone where it says so already."""
    # Not in canonical form, which sorts names: features are answered in the order they were declared in.
    said = msgspec.json.encode(described)
    path = workspace.folder / FILE
    if before is None or msgspec.json.encode(before) != said:
        with hold_online(workspace.folder), translate_fault(path):
            write_atomic(path, said)


def read_sets(project: Project) -> FeatureSets | None:
    """Return what is served by now; None where nothing is, or what is there cannot be read any more."""
    try:
        return msgspec.json.decode((Workspace(project).folder / FILE).read_bytes(), type=FeatureSets)
    except (OSError, msgspec.MsgspecError):
        return None


def _declare_sets(workspace: Workspace, kinds: Schema) -> tuple[dict[str, FeatureSet], dict[str, str]]:
    """Return the sets that can be served, and why the others cannot: what is declared, and what releases answer by."""
    registry = workspace.project.registry
    sets: dict[str, FeatureSet] = {}
    left_out: dict[str, str] = {}
    named: dict[str, tuple[str, tuple[FeatureView, ...]]] = {
        name: (_row_table(view), (view,)) for name, view in registry.views.items()
    }
    named |= {name: (model.on.name, model.features) for name, model in registry.models.items() if name not in named}
    named |= _find_released(workspace)
    for name, (table, views) in named.items():
        try:
            sets[name] = _make_set(table, views, kinds)
        except ShipwayError as error:
            left_out[name] = f"{error.code} {error.fact}"
    if not sets:
        why = "; ".join(left_out.values()) or "none is declared"
        raise ShipwayError("SW-104", f"there is no view that can be served ({why})", "declare one of an entity")
    return sets, left_out


def _find_released(workspace: Workspace) -> dict[str, tuple[str, tuple[FeatureView, ...]]]:
    """Return the features of every version that a service routes to, as they were when it was made."""
    state, sources = workspace.peek(), workspace.project.registry.sources
    found: dict[str, tuple[str, tuple[FeatureView, ...]]] = {}
    for service in state.services.values():
        walking = service.walking
        for variant in (service.stable, *(() if walking is None else (walking.candidate,))):
            version = state.version(service.model, variant.version)
            if version is not None and version.bundle is not None:
                features = manifest_of(workspace, version).features
                if features is None:
                    continue
                exprs = [expr for view in features.views for expr in view.features.values()]
                read = {node.stream.partition(".")[0] for expr in exprs for _, node in windows_of(expr, None)}
                if not read <= sources.keys():
                    continue
                found[f"{service.model}@{variant.version}"] = features.spine, features.views
    return found


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


def plan_sets(workspace: Workspace, sets: Mapping[str, FeatureSet]) -> dict[str, Plan]:
    """Return how the rows of each set are made features of, by the project's sources."""
    sources = workspace.project.registry.sources
    return {name: plan_views(spine_of(one.asked), Constant(0), one.views, sources) for name, one in sets.items()}


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
    with closing(online), hold_online(workspace.folder):
        if online.position() is None:
            return None
        followed = find_followed(workspace, list_sources(layout))
        plan = merge_plans(plans)
        try:
            upkeep = _keep(layout, plan, online, followed)
        except ShipwayError as error:
            if error.code == "SW-805":
                return None
            raise
        if followed:
            streams = {source: followed.get(source) for source in list_sources(layout)}
            return update_rows(workspace, commit, upkeep, streams, sets, plans, until)
        stored = find_stored(layout, plan)
        applied = same = 0
        for source in list_sources(layout):
            before = upkeep.standing(source)
            changes = read_changes(workspace, commit, source, before.position)
            if changes is None or (changes.many and all(series.stored for series in layout.series)):
                return None
            check_rows(workspace, commit, sets, plans, {source: changes.come})
            marks = [mark for stream, mark in upkeep.watermarks.items() if stream.partition(".")[0] == source]
            since = min(marks, default=until)
            read = cache(partial(read_columns, workspace, commit, plans, source))
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
    followed = find_followed(workspace, list_sources(layout))
    if followed:
        streams = {source: followed.get(source) for source in list_sources(layout)}
        with closing(open_online(workspace.folder, uri, name)) as online:
            upkeep = _keep(layout, merge_plans(plans), online, followed)
            return fill_rows(workspace, commit, upkeep, streams, sets, plans, until)
    tables = {source: read_columns(workspace, commit, plans, source) for source in list_sources(layout)}
    check_rows(workspace, commit, sets, plans, tables)
    with closing(open_online(workspace.folder, uri, name)) as online:
        plan, position = merge_plans(plans), commit.id.encode()
        upkeep = _keep(layout, plan, online, followed)
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


def _keep(layout: Layout, plan: Plan, online: Online, followed: Mapping[str, Raw]) -> Upkeep:
    """Return who writes a store: row by row where sources follow streams, and where none does from whole tables."""
    if followed:
        return Upkeep(layout, plan, PackedOnline(layout, online), lateness_us=lateness_of(followed))
    return Upkeep(layout, plan, online, lateness_us=0, stored=False)


def merge_plans(plans: Mapping[str, Plan]) -> Plan:
    """Return a plan with the streams of all."""
    first = next(iter(plans.values()))
    events = {name: event for plan in plans.values() for name, event in plan.events.items()}
    return Plan(first.spine, first.at, (), events, None)


def list_sources(layout: Layout) -> list[str]:
    """Return the sources that a layout's series are made of."""
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

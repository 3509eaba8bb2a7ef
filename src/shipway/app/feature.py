"""Features as known at an instant: of one entity, of one row, or of all rows of a model as a file."""

import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import msgspec
import polars as pl

from shipway.adapters.file.fault import translate_fault
from shipway.app.engine import build_slices_of
from shipway.app.instant import read_instant, write_instant
from shipway.app.project import Project
from shipway.app.target import check_target
from shipway.app.warehouse import Whereabouts, build_warehouse_frame
from shipway.app.workspace import Workspace
from shipway.core.column import row_columns
from shipway.core.error import ShipwayError
from shipway.core.feature import Expr, FeatureView, Source, view_entities
from shipway.core.model import Model
from shipway.core.registry import Registry
from shipway.data.embedding import is_embedding, write_lists
from shipway.data.frame import build_frame
from shipway.data.plan import AT, Plan, plan_frame, plan_views
from shipway.data.slice import write_slices
from shipway.data.spine import (
    ASKED,
    ask,
    ask_view,
    find_row,
    read_value,
    require_value,
    spine_like,
    spine_of,
)
from shipway.infra.table import GROUP_ROWS
from shipway.kit.file import stage_file, write_atomic
from shipway.kit.suggestion import did_you_mean
from shipway.maths.expression import Constant

ENDINGS: Final = (".parquet", ".csv")
"""Formats a frame is written in."""


class Features(msgspec.Struct, frozen=True, kw_only=True):
    """What the features of one thing were at one instant.

    Attributes:
        name: the view or model asked.
        keys: what it was asked about.
        at: the instant, microseconds since 1970 UTC.
        values: feature name to value; None where there was none.
        now: the project's present, microseconds since 1970 UTC; of an instant after it nothing more is known.
        needs: feature to the columns of the row that were not given, where it was not computed for that.
    """

    name: str
    keys: dict[str, Any]
    at: int
    now: int
    values: dict[str, Any]
    needs: dict[str, tuple[str, ...]] = {}


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """A frame written to a file."""

    path: str
    rows: int
    columns: int


def get_features(project: Project, name: str, keys: Mapping[str, str], at: int | None = None) -> Features:
    """Return the features of one thing as known at an instant, from the data that was admitted.

    Args:
        project: whose.
        name: a view, for the features of one entity or row; or a model, for the whole vector of one of its rows.
        keys: column to value as written: the entity's keys, or the key of the row. For a view whose features also read
            the row asked about, such as its schedule, those columns may be given too.
        at: microseconds since 1970 UTC; where None, for a model when it would ask, for a view the present.

    Raises:
        ShipwayError: SW-104 for an unknown name, key or value, SW-203 for a value of the wrong type, SW-301 if the row
            itself was not known yet, SW-401 if no data was admitted.
    """
    registry = project.registry
    named: dict[str, Model | FeatureView] = {**registry.views, **registry.models}
    if name not in named:
        raise ShipwayError("SW-104", f"there is no view or model {name!r}", did_you_mean(name, named))
    if name in registry.views and name in registry.models:
        raise ShipwayError("SW-105", f"{name!r} is a view and a model", "give one of the two another name")
    what = named[name]
    with closing(Workspace(project)) as workspace:
        if isinstance(what, Model):
            return _of_row(workspace, name, what.on, what.features, what.at if at is None else Constant(at), keys)
        instant = workspace.now if at is None else at
        if what.entity is None:
            return _of_row(workspace, name, _row_source(what, registry), (what,), Constant(instant), keys)
        return _of_entity(workspace, what, instant, keys)


def export_frame(
    project: Project,
    name: str,
    path: Path,
    *,
    start: int | None = None,
    end: int | None = None,
    where: Whereabouts | None = None,
) -> Exported:
    """Write a model's frame, each row as known when it is asked about, to a Parquet or CSV file.

    The file is whole or absent; one that is there already is replaced in one step.

    Args:
        project: whose.
        name: the model.
        path: the file; its ending says the format.
        start: only rows asked about at or after this instant, microseconds since 1970 UTC.
        end: only rows asked about before this instant.
        where: the warehouse in which the frame is built, of the tables there; None for the data that was admitted.

    Raises:
        ShipwayError: SW-104 for an unknown model or ending, SW-106 for a period that ends before it starts, SW-401 if
            no data was admitted, SW-601 or SW-602 if the file cannot be written, what building a frame refuses.
    """
    model = project.registry.models.get(name)
    if model is None:
        raise ShipwayError("SW-104", f"there is no model {name!r}", did_you_mean(name, project.registry.models))
    check_ending(path)
    if start is not None and end is not None and start > end:
        zone = project.config.project.timezone
        fact = f"the period from {write_instant(start, zone)} to {write_instant(end, zone)} ends before it starts"
        raise ShipwayError("SW-106", fact, "exchange --from and --to")
    check_target(path)
    asked = pl.col(AT).to_physical()
    within = (
        pl.lit(True) if start is None else asked >= start,
        pl.lit(True) if end is None else asked < end,
    )
    if where is not None:
        return write_frame(build_warehouse_frame(project, where, name).filter(within), path)
    plan = plan_frame(model, project.registry.sources)
    with closing(Workspace(project)) as workspace:
        slices = build_slices_of(workspace, plan, workspace.admitted(plan.tables))
        return write_parts((part.filter(within) for part in slices), path)


def check_ending(path: Path) -> None:
    """Refuse a file whose ending names no format that frames are read and written in; SW-104."""
    if path.suffix not in ENDINGS:
        raise ShipwayError(
            "SW-104", f"{path.name!r} does not end in a format's name", did_you_mean(path.suffix, ENDINGS)
        )


def write_frame(frame: pl.DataFrame, path: Path) -> Exported:
    """Write a frame to a Parquet or CSV file, by its ending, embeddings in CSV as JSON; the file is whole or absent.

    Raises:
        ShipwayError: SW-601 or SW-602 if it cannot be written.
    """
    content = io.BytesIO()
    if path.suffix == ".csv":
        arrays = [name for name, dtype in frame.schema.items() if is_embedding(dtype)]
        frame.with_columns(write_lists(pl.col(name).arr.to_list()).alias(name) for name in arrays).write_csv(content)
    else:
        frame.write_parquet(content, compression="zstd", statistics=True)
    with translate_fault(path):
        write_atomic(path, content.getvalue())
    return Exported(path=str(path), rows=frame.height, columns=frame.width)


def write_parts(parts: Iterator[pl.DataFrame], path: Path) -> Exported:
    """Write a frame that comes in parts, at least one, to a Parquet or CSV file; the file is whole or absent.

    Raises:
        ShipwayError: SW-601 or SW-602 if it cannot be written; what making the parts refuses.
    """
    rows = columns = 0

    def count() -> Iterator[pl.DataFrame]:
        nonlocal rows, columns
        for part in parts:
            rows, columns = rows + part.height, part.width
            yield part

    with translate_fault(path), stage_file(path.parent) as staged:
        if path.suffix == ".csv":
            for place, part in enumerate(count()):
                staged.write(part.write_csv(include_header=not place).encode())
        else:
            write_slices(count(), staged.path, compression="zstd", statistics=True, row_group_size=GROUP_ROWS)
        staged.publish(path)
    return Exported(path=str(path), rows=rows, columns=columns)


def _of_row(
    workspace: Workspace, name: str, source: Source, views: tuple[FeatureView, ...], at: Expr, keys: Mapping[str, str]
) -> Features:
    """Ask about a row there is: its own columns are read as known at the instant."""
    _check_keys(name, keys, source.key, optional=())
    asked = tuple(ask_view(view, source.name) for view in views)
    plan = plan_views(spine_like(source), ask(at, source.name), asked, workspace.project.registry.sources)
    tables = _read_tables(workspace, (source.name, *plan.tables[1:]))
    rows = tables[source.name]
    values = {key: read_value(keys[key], key, rows, _instants(workspace)) for key in source.key}
    return _ask(plan, find_row(rows, values, source.name), tables, name, values, now=workspace.now)


def _of_entity(workspace: Workspace, view: FeatureView, at: int, keys: Mapping[str, str]) -> Features:
    """Ask about an entity: features that also read the row's columns need those given."""
    assert view.entity is not None
    reads = {feature: row_columns(expr) for feature, expr in view.features.items()}
    row = {column.name: column.table for columns in reads.values() for column in columns}
    wanted = tuple(dict.fromkeys(key for entity in view_entities(view) for key in entity.keys))
    _check_keys(view.name, keys, wanted, optional=tuple(row))
    needs = {
        feature: missing
        for feature, columns in reads.items()
        if (missing := tuple(column.name for column in columns if column.name not in keys))
    }
    source = next(iter(row.values()), "")
    kept = msgspec.structs.replace(view, features={n: e for n, e in view.features.items() if n not in needs})
    spine = spine_of(keys)
    sources = workspace.project.registry.sources
    plan = plan_views(spine, Constant(at), (ask_view(kept, source),), sources)
    tables = _read_tables(workspace, dict.fromkeys([*plan.tables[1:], *(row[key] for key in keys if key in row)]))
    values, columns = dict[str, Any](), list[pl.Series]()
    for key, text in keys.items():
        table = row.get(key) or next(name for name in tables if key in tables[name].columns)
        values[key] = read_value(text, key, tables[table], _instants(workspace))
        if key in wanted:
            require_value(tables[table][key], values[key], table)
        columns.append(pl.Series(key, [values[key]], dtype=tables[table][key].dtype))
    one = pl.DataFrame(columns) if columns else pl.DataFrame({"_row": [0]})
    found = _ask(plan, one, tables, view.name, values, now=workspace.now)
    return msgspec.structs.replace(found, needs=needs)


def _ask(
    plan: Plan, spine: pl.DataFrame, tables: Mapping[str, pl.DataFrame], name: str, keys: dict[str, Any], *, now: int
) -> Features:
    try:
        frame = build_frame(plan, {**tables, plan.spine.name: spine})
    except ShipwayError as error:
        raise ShipwayError(error.code, error.fact.replace(f"{ASKED}.", f"{name}'s "), error.hint) from error
    values = frame.row(0, named=True)
    at = int(frame[AT].to_physical()[0])
    found = {column.name: values[column.name] for column in plan.columns}
    return Features(name=name, keys=keys, at=at, now=now, values=found)


def _check_keys(name: str, given: Mapping[str, str], wanted: tuple[str, ...], *, optional: tuple[str, ...]) -> None:
    for key in given:
        if key not in wanted and key not in optional:
            hint = did_you_mean(key, [*wanted, *optional]) if wanted or optional else "ask without a key"
            raise ShipwayError("SW-104", f"{name!r} has no key {key!r}", hint)
    missing = [key for key in wanted if key not in given]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        raise ShipwayError(
            "SW-104",
            f"{name!r} is asked by {' and '.join(wanted)}, and {' and '.join(missing)} {verb} not given",
            f"write {' '.join(f'{key}=VALUE' for key in wanted)}",
        )


def _read_tables(workspace: Workspace, names: Iterable[str]) -> dict[str, pl.DataFrame]:
    return {name: workspace.tables.read(snapshot) for name, snapshot in workspace.admitted(names).items()}


def _row_source(view: FeatureView, registry: Registry) -> Source:
    """Return the source whose rows a view without an entity is about."""
    return registry.sources[view.source]


def _instants(workspace: Workspace) -> Callable[[str], int]:
    return lambda text: read_instant(text, workspace.project.config.project.timezone)

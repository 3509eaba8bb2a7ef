"""Frames for any rows: features as known at an instant of each row that somebody brings, from a file or a notebook."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

import polars as pl
from polars.exceptions import PolarsError

from shipway.app.feature import Exported, check_ending, write_frame
from shipway.app.instant import read_instant
from shipway.app.project import Project, find_project
from shipway.app.target import check_target
from shipway.app.workspace import Workspace
from shipway.core.column import row_columns
from shipway.core.error import ShipwayError
from shipway.core.feature import FeatureView, entities_of, view_entities
from shipway.data.frame import build_frame
from shipway.data.plan import AT, Plan, plan_views
from shipway.data.slice import stream_columns
from shipway.data.spine import ASKED, ask_view, spine_of
from shipway.kit.suggestion import did_you_mean
from shipway.maths.expression import Column

ROWS: Final = "the rows asked about"


def features(
    rows: pl.DataFrame, *, views: Sequence[str] = (), model: str = "", at: str = "at", project: str | Path = "."
) -> pl.DataFrame:
    """Return rows with the features that were known at an instant of each, from the data that was admitted.

    Every row is kept, in its order, also one that comes twice or whose key is null or unknown.

    Args:
        rows: with the key columns of the views' entities, what else their features read of a row, and an instant.
        views: which feature views, by name.
        model: in place of views, the features of a model.
        at: the column that says when each row is asked about, an instant with a time zone.
        project: the project's folder, or one in it.

    Raises:
        ShipwayError: SW-104 for an unknown view or model, or none, SW-105 for a column of `rows` that is called like a
            feature, SW-202 for a column they lack, SW-203 for one of another type than the project's tables have,
            SW-302 for a row without an instant, SW-401 if no data was admitted.
    """
    return ask_features(find_project(Path(project)), rows, views=views, model=model, at=at)


def ask_features(
    project: Project, rows: pl.DataFrame, *, views: Sequence[str] = (), model: str = "", at: str = "at"
) -> pl.DataFrame:
    """Return rows of a project with features, as `features` does."""
    chosen = _choose(project, views, model)
    _require_columns(rows, chosen, at)
    plan = _plan(project, chosen, rows, at)
    with closing(Workspace(project)) as workspace:
        snapshots = workspace.admitted(plan.tables[1:])
        read = stream_columns(plan)
        tables = {name: workspace.tables.read(snapshot, read.get(name)) for name, snapshot in snapshots.items()}
    spine = cast_keys(rows, plan, tables)
    try:
        frame = build_frame(plan, {**tables, ASKED: spine})
    except ShipwayError as error:
        fact = error.fact.replace(f"of {ASKED}", f"of {ROWS}").replace(f"{ASKED}.", "")
        raise ShipwayError(error.code, fact, error.hint) from error
    return pl.concat([rows, frame.select(column.name for column in plan.columns)], how="horizontal")


def write_features(
    project: Project, spine: Path, path: Path, *, views: Sequence[str] = (), model: str = "", at: str = "at"
) -> Exported:
    """Write the rows of a Parquet or CSV file with features, as `features` gives them, to another file.

    Args:
        project: whose features.
        spine: the rows; in a CSV file, instants are ISO texts, those without a zone in the project's.
        path: the file to write, whole or not at all; its ending says the format.
        views: as for `features`.
        model: as for `features`.
        at: as for `features`.

    Raises:
        ShipwayError: as `features`; SW-104 for another ending, SW-201 if there are no rows to read, SW-601 or SW-602 if
            the file cannot be written.
    """
    for file in (spine, path):
        check_ending(file)
    check_target(path)
    rows = _read_spine(spine, at, project.config.project.timezone)
    return write_frame(ask_features(project, rows, views=views, model=model, at=at), path)


def _choose(project: Project, views: Sequence[str], model: str) -> tuple[FeatureView, ...]:
    registry = project.registry
    if bool(views) == bool(model):
        raise ShipwayError(
            "SW-104",
            "features are asked for by views or by a model, "
            + ("and both are given" if model else "and none is given"),
            f"name some of the views {', '.join(registry.views)}, or one model",
        )
    if model:
        if model not in registry.models:
            raise ShipwayError("SW-104", f"there is no model {model!r}", did_you_mean(model, registry.models))
        return registry.models[model].features
    for name in views:
        if name not in registry.views:
            raise ShipwayError("SW-104", f"there is no view {name!r}", did_you_mean(name, registry.views))
    return tuple(registry.views[name] for name in dict.fromkeys(views))


def _require_columns(rows: pl.DataFrame, views: Sequence[FeatureView], at: str) -> None:
    needed = {at: "says when each is asked about"}
    for view in views:
        for key in [key for entity in view_entities(view) for key in entity.keys]:
            needed.setdefault(key, f"is a key of view {view.name}")
        for expr in view.features.values():
            for column in row_columns(expr):
                needed.setdefault(column.name, f"is read by view {view.name}")
    for name, why in needed.items():
        if name not in rows.columns:
            raise ShipwayError(
                "SW-202", f"{ROWS} have no column {name!r}, which {why}", did_you_mean(name, rows.columns)
            )


def _plan(project: Project, views: Sequence[FeatureView], rows: pl.DataFrame, at: str) -> Plan:
    spine = spine_of(dict.fromkeys(rows.columns))
    asked: list[FeatureView] = []
    for view in views:
        read = [column.table for expr in view.features.values() for column in row_columns(expr)]
        asked.append(ask_view(view, next(iter(read), "")))
    plan = plan_views(spine, Column(ASKED, at), tuple(asked), project.registry.sources)
    if AT in rows.columns:
        raise ShipwayError("SW-105", f"{ROWS} have a column {AT!r}, which a frame has for itself", "rename it")
    return plan


def cast_keys(rows: pl.DataFrame, plan: Plan, tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Give the key columns of rows that somebody brings the types that the tables have, where that changes no value.

    Raises:
        ShipwayError: SW-203 for a key of another type.
    """
    casts: dict[str, pl.DataType] = {}
    for column in plan.columns:
        for event in plan.events.values():
            for key in [key for entity in entities_of(column.expr, column.entity) for key in entity.keys]:
                if key in tables[event.source.name].columns:
                    casts.setdefault(key, tables[event.source.name][key].dtype)
    for key, kind in casts.items():
        if rows[key].dtype == kind:
            continue
        cast = rows[key].cast(kind, strict=False) if _alike(rows[key].dtype, kind) else None
        if cast is None or cast.null_count() > rows[key].null_count():
            raise ShipwayError(
                "SW-203",
                f"key {key!r} is {rows[key].dtype} in {ROWS}, and {kind} in the project's tables",
                "give it that type; a Parquet file keeps what is guessed of a CSV file",
            )
        rows = rows.with_columns(cast)
    return rows


def _alike(one: pl.DataType, other: pl.DataType) -> bool:
    """Tell whether types differ only in how they keep the same values."""
    texts = pl.String | pl.Categorical | pl.Enum
    return (
        (one.is_integer() and other.is_integer())
        or (isinstance(one, texts) and isinstance(other, texts))
        or (isinstance(one, pl.Datetime) and isinstance(other, pl.Datetime) and bool(one.time_zone and other.time_zone))
    )


def _read_spine(path: Path, at: str, timezone: str) -> pl.DataFrame:
    try:
        rows = pl.read_csv(path, infer_schema_length=None) if path.suffix == ".csv" else pl.read_parquet(path)
    except (OSError, PolarsError) as error:
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise ShipwayError(
            "SW-201", f"{path} cannot be read ({said})", "name a Parquet or CSV file with rows"
        ) from error
    if at not in rows.columns or rows[at].dtype != pl.String:
        return rows
    try:
        instants = [None if text is None else read_instant(text, timezone) for text in rows[at].to_list()]
    except ValueError as error:
        raise ShipwayError("SW-203", f"{path.name}.{at}: {error}", "write such as 2013-06-01T18:30Z") from error
    return rows.with_columns(pl.Series(at, instants, dtype=pl.Int64).cast(pl.Datetime("us", "UTC")))

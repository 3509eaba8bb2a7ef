"""What a frame needs before a row is read: every column resolved to its sources, every wrong name refused."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import msgspec
import polars as pl

from shipway.core.error import ShipwayError
from shipway.core.feature import (
    Entity,
    Event,
    Expr,
    FeatureView,
    Label,
    Source,
    definition_of,
    entity_of,
    flatten,
    streams_of,
    windows_of,
)
from shipway.core.model import Leak, Model
from shipway.kit.suggestion import did_you_mean
from shipway.maths.expression import Aggregate, Column, Feature, Operation, render

AT, LABEL, LABEL_KNOWN_AT = "_at", "_label", "_label_known_at"
"""Columns every frame has beside the spine's key and the features: when asked, what came true, when that was known."""


@dataclass(frozen=True, slots=True)
class PlannedColumn:
    """One feature column of a frame.

    Attributes:
        name: its name in the frame.
        expr: what it is.
        entity: whose it is; None for a feature of the row itself.
    """

    name: str
    expr: Expr
    entity: Entity | None


@dataclass(frozen=True, slots=True)
class Plan:
    """A frame to be built: one row for each row of the spine, as known at its instant.

    Attributes:
        spine: the source whose rows are asked about.
        at: the instant each row is asked at.
        columns: the feature columns in order.
        events: the streams they read, by name.
        label: what came true; None where nobody asks.
    """

    spine: Source
    at: Expr
    columns: tuple[PlannedColumn, ...]
    events: dict[str, Event]
    label: Label | None

    @property
    def tables(self) -> tuple[str, ...]:
        """Return the names of the tables the frame is built from."""
        return tuple(dict.fromkeys([self.spine.name, *(event.source.name for event in self.events.values())]))

    @property
    def streams(self) -> tuple[Event, ...]:
        """Return the streams that features read; a label alone may be of another."""
        names = [node.stream for column in self.columns for _, node in windows_of(column.expr, column.entity)]
        return tuple(self.events[name] for name in dict.fromkeys(names))


def plan_frame(model: Model, sources: Mapping[str, Source]) -> Plan:
    """Resolve a model's features to the sources of its project.

    Args:
        model: the declaration.
        sources: the project's sources by name.

    Raises:
        ShipwayError: SW-104 for a source or stream that is not declared, SW-105 for two columns of one name, SW-106 for
            a feature that reads something its view cannot, or a label that is not on the rows predicted.
    """
    return plan_views(model.on, model.at, model.features, sources, label=model.label)


def plan_views(
    spine: Source,
    at: Expr,
    views: tuple[FeatureView, ...],
    sources: Mapping[str, Source],
    *,
    label: Label | None = None,
) -> Plan:
    """Resolve feature views for the rows of a spine; errors as for `plan_frame`."""
    columns: dict[str, PlannedColumn] = {}
    for view in views:
        for feature, expr in view.features.items():
            name = flatten(view.name, feature)
            if name in spine.key:
                raise ShipwayError(
                    "SW-105",
                    f"feature {view.name}.{feature} is called {name!r} in the frame, and so is a key of {spine.name!r}",
                    "rename the view or the feature",
                )
            if name in columns:
                raise ShipwayError("SW-105", f"two features are called {name!r} in the frame", "rename one of the two")
            _check_feature(f"{view.name}.{feature}", expr, view.entity, spine)
            columns[name] = PlannedColumn(name, expr, view.entity)
    read = [column.expr for column in columns.values()]
    if label is not None:
        read.append(label.value)
    events = {name: _event(name, sources) for expr in read for name in _streams(expr)}
    if label is not None and events[label.stream].source.name != spine.name:
        raise ShipwayError(
            "SW-106",
            f"label {label.name!r} is on {label.stream!r}, and the rows predicted are those of {spine.name!r}",
            f"take the label's columns from an event of {spine.name}",
        )
    return Plan(spine, at, tuple(columns.values()), events, label)


def swap_streams(model: Model, leak: Leak) -> Model:
    """Return the model as it would be if a leak's streams were read at their wrong instants and its view were added."""
    names = {right.name: wrong.name for right, wrong in leak.swap}
    views = tuple(
        msgspec.structs.replace(view, features={name: _rename(expr, names) for name, expr in view.features.items()})
        for view in model.features
    )
    added = () if leak.add is None else (leak.add,)
    return msgspec.structs.replace(model, features=(*views, *added), baselines={})


def require(table: str, columns: Iterable[str], tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Return a table's rows; SW-202 with the nearest right name for a column they lack."""
    rows = tables[table]
    for column in columns:
        if column not in rows.columns:
            raise ShipwayError(
                "SW-202", f"table {table!r} has no column {column!r}", did_you_mean(column, rows.columns)
            )
    return rows


def _rename(expr: Expr, names: Mapping[str, str]) -> Expr:
    if isinstance(expr, Column):
        return Column(names.get(expr.table, expr.table), expr.name)
    if isinstance(expr, Operation):
        return Operation(expr.op, tuple(_rename(arg, names) for arg in expr.args))
    if isinstance(expr, Aggregate):
        value, where = (None if each is None else _rename(each, names) for each in (expr.value, expr.where))
        stream = names.get(expr.stream, expr.stream)
        return msgspec.structs.replace(expr, stream=stream, value=value, where=where)
    if isinstance(expr, Feature):
        return msgspec.structs.replace(expr, value=_rename(definition_of(expr), names))
    return expr


def _streams(expr: Expr) -> Iterator[str]:
    yield from (node.stream for _, node in windows_of(expr, None))
    yield from (table for table in streams_of(expr) if "." in table)


def _event(name: str, sources: Mapping[str, Source]) -> Event:
    source, _, instant = name.partition(".")
    if source not in sources:
        raise ShipwayError("SW-104", f"source {source!r} is not declared", did_you_mean(source, sources))
    return sources[source].event(instant)


def _check_feature(name: str, expr: Expr, entity: Entity | None, spine: Source) -> None:
    """Refuse columns outside a window that are not the row's own, and windows and features without their entity."""
    stack: list[Expr] = [expr]
    while stack:
        node = stack.pop()
        if isinstance(node, Operation):
            stack.extend(node.args)
        elif isinstance(node, Column) and node.table != spine.name:
            raise ShipwayError(
                "SW-106",
                f"feature {name} reads {render(node)} outside a window, and the rows asked about are of {spine.name}",
                f"wrap it, such as w.newest({render(node)}), or use a column of {spine.name}",
            )
        elif isinstance(node, Feature):
            _check_keys(name, node, spine)
            _check_feature(render(node), definition_of(node), entity_of(node), spine)
        elif isinstance(node, Aggregate):
            if entity is None:
                raise ShipwayError(
                    "SW-106",
                    f"feature {name} is a window, and its view is about rows, not about an entity",
                    "move it to a view of an entity, or of system()",
                )
            if node.anchor is not None:
                stack.append(node.anchor)


def _check_keys(name: str, read: Feature, spine: Source) -> None:
    """Refuse a feature of an entity that the rows asked about do not tell."""
    for key in read.keys:
        if key not in spine.columns:
            raise ShipwayError(
                "SW-202",
                f"feature {name} reads {render(read)}, and rows of {spine.name} do not tell which {read.entity}: "
                f"they have no {key!r}",
                did_you_mean(key, spine.columns),
            )

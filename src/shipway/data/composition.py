"""Features made of features of other views: windows are kept while each entity has its turn, and joined after all.

A frame is built entity by entity, so that what the windows of one share is let go before the next. A feature of several
entities is computed from what these turns left, by the same steps whoever it is made for.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from shipway.core.error import ShipwayError
from shipway.core.feature import Entity, Expr, definition_of, entity_of, features_of, windows_of
from shipway.data.column import evaluate_feature
from shipway.data.plan import PlannedColumn
from shipway.maths.expression import Aggregate, Column, Feature, render
from shipway.maths.vector import Vector

Window: TypeAlias = tuple[Entity, Aggregate]
"""A window, and whose it is."""


@dataclass(slots=True)
class Turn:
    """What is built while the streams are sorted for one entity.

    Attributes:
        columns: features of its own.
        windows: what features of several entities need of it.
    """

    columns: list[PlannedColumn] = field(default_factory=list[PlannedColumn])
    windows: dict[Aggregate, None] = field(default_factory=dict[Aggregate, None])


def is_composite(column: PlannedColumn) -> bool:
    """Tell whether a feature is made of features of other views."""
    return bool(features_of(column.expr))


def list_turns(columns: Iterable[PlannedColumn]) -> dict[Entity | None, Turn]:
    """Return the turns of a frame's entities; features of several entities belong to none."""
    turns: dict[Entity | None, Turn] = {}
    for column in columns:
        if not is_composite(column):
            turns.setdefault(column.entity, Turn()).columns.append(column)
            continue
        for entity, node in windows_of(column.expr, column.entity):
            turns.setdefault(entity, Turn()).windows[node] = None
    return turns


def combine(column: PlannedColumn, kept: Mapping[Window, Vector], own: Callable[[str], Vector], rows: int) -> Vector:
    """Return a feature that is made of others, for all rows.

    Args:
        column: the feature.
        kept: the windows that it is made of.
        own: gives a column of the row itself.
        rows: how many rows there are.

    Raises:
        ShipwayError: SW-203 where an operator does not fit what it is given.
    """

    def read(expr: Expr, entity: Entity | None) -> Vector:
        def leaf(node: Column | Aggregate | Feature) -> Vector:
            match node:
                case Column():
                    return own(node.name)
                case Feature():
                    return read(definition_of(node), entity_of(node))
                case Aggregate() if entity is not None:
                    return kept[entity, node]
                case _:
                    raise ShipwayError("SW-106", f"{render(node)} needs an entity", "move it to a view of an entity")

        return evaluate_feature(column.name, expr, leaf, rows)

    return read(column.expr, column.entity)

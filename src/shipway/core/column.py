"""The columns that features read, and the kinds of their values."""

from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

import numpy as np

from shipway.core.error import ShipwayError
from shipway.core.feature import Expr, definition_of
from shipway.maths.evaluation import evaluate
from shipway.maths.expression import Aggregate, Column, Constant, Feature, Operation, Span, render
from shipway.maths.vector import Vector

Kind: TypeAlias = Literal["int", "float", "text", "bool", "instant"]
Schema: TypeAlias = dict[str, dict[str, Kind]]
"""Table to column to kind, of every column that a set of views reads."""

DTYPES: Final[dict[Kind, Any]] = {
    "int": np.int64,
    "float": np.float64,
    "text": np.object_,
    "bool": np.bool_,
    "instant": np.int64,
}
"""What arrays of a kind's values hold."""


def kind_of(expr: Expr, table: str, schema: Mapping[str, Mapping[str, Kind]]) -> Kind:
    """Return the kind of value an expression on a table's rows has; instants and durations are `int`.

    Raises:
        ShipwayError: SW-202 for a column the schema lacks, SW-203 where an operator does not fit its operands.
    """

    def leaf(node: Column | Aggregate | Feature) -> Vector:
        kind = schema.get(table, {}).get(node.name) if isinstance(node, Column) else None
        if kind is None:
            raise ShipwayError("SW-202", f"nothing is known of {render(node)}", "make the bundle again: shipway run")
        return Vector(np.empty(0, dtype=DTYPES[kind]), np.empty(0, dtype=np.bool_))

    try:
        values = evaluate(expr, leaf, 0).values
    except ValueError as error:
        raise ShipwayError("SW-203", str(error), "use columns of kinds that go together") from error
    kinds: dict[str, Kind] = {"b": "bool", "i": "int", "f": "float", "O": "text"}
    return kinds[values.dtype.kind]


def read_kinds(columns: Mapping[str, str]) -> dict[str, Kind]:
    """Return the kinds of a table's columns from their types as Polars writes them; those of no kind are left out.

    A date, and a date and time with a zone, is an instant; a duration, and a time without a zone, a number of
    microseconds.
    """
    names: tuple[tuple[str, Kind], ...] = (
        ("Int", "int"),
        ("UInt", "int"),
        ("Float", "float"),
        ("Decimal", "float"),
        ("String", "text"),
        ("Categorical", "text"),
        ("Enum", "text"),
        ("Boolean", "bool"),
        ("Datetime", "instant"),
        ("Date", "instant"),
        ("Duration", "int"),
    )
    kinds: dict[str, Kind] = {}
    for column, written in columns.items():
        for name, kind in names:
            if written.startswith(name):
                kinds[column] = "int" if "time_zone=None" in written else kind
                break
    return kinds


def row_columns(expr: Expr) -> tuple[Column, ...]:
    """Return the columns that a feature reads of the row asked about: outside windows, and in their anchors.

    What it reads through other features is among them.
    """
    found: dict[Column, None] = {}
    stack: list[Expr] = [expr]
    while stack:
        match stack.pop():
            case Column() as column:
                found[column] = None
            case Operation(args=args):
                stack.extend(args)
            case Aggregate(anchor=anchor) if anchor is not None:
                stack.append(anchor)
            case Feature() as feature:
                stack.append(definition_of(feature))
            case Aggregate() | Constant() | Span():
                pass
    return tuple(found)

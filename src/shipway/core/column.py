"""The columns that features read, and the kinds of their values."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from shipway.core.error import ShipwayError
from shipway.core.feature import Expr, definition_of
from shipway.maths.embedding import length_of, write_kind
from shipway.maths.evaluation import evaluate
from shipway.maths.expression import Aggregate, Column, Constant, Feature, Operation, Span, render
from shipway.maths.vector import Vector, empty_values, kind_of_values

Kind: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^(int|float|text|bool|instant|embedding\[[1-9][0-9]{0,4}\])$")]
"""What a column holds: `int`, `float`, `text`, `bool`, `instant`, or `embedding[n]`, n numbers in single precision."""
Schema: TypeAlias = dict[str, dict[str, Kind]]
"""Table to column to kind, of every column that a set of views reads."""

_EMBEDDING: Final = re.compile(r"Array\(Float(?:32|64), shape=\((\d+),\)\)")


def kind_of(expr: Expr, table: str, schema: Mapping[str, Mapping[str, Kind]]) -> Kind:
    """Return the kind of value an expression on a table's rows has; instants and durations are `int`.

    Raises:
        ShipwayError: SW-202 for a column the schema lacks, SW-203 where an operator does not fit its operands.
    """

    def leaf(node: Column | Aggregate | Feature) -> Vector:
        kind = schema.get(table, {}).get(node.name) if isinstance(node, Column) else None
        if kind is None:
            raise ShipwayError("SW-202", f"nothing is known of {render(node)}", "make the bundle again: shipway run")
        return Vector(no_values(kind), np.empty(0, dtype=np.bool_))

    try:
        return kind_of_values(evaluate(expr, leaf, 0).values)
    except ValueError as error:
        raise ShipwayError("SW-203", str(error), "use columns of kinds that go together") from error


def no_values(kind: Kind) -> NDArray[Any]:
    """Return the array that a column of a kind has when it has no rows."""
    return empty_values("int" if kind == "instant" else kind)


def refuse_aggregate(value: Expr, kind: Kind) -> None:
    """Refuse, as SW-203, to add up or compare what is no number."""
    if kind == "text":
        raise ShipwayError("SW-203", f"{render(value)} is text", "numbers, truth and time can be aggregated")
    if length_of(kind) is not None:
        raise ShipwayError(
            "SW-203",
            f"{render(value)} is an {kind}, which is no number",
            "w.newest and w.first take embeddings; the other windows a number made of one, such as x.component(0)",
        )


def read_kinds(columns: Mapping[str, str]) -> dict[str, Kind]:
    """Return the kinds of a table's columns from their types as Polars writes them; those of no kind are left out.

    A date, and a date and time with a zone, is an instant; a duration, and a time without a zone, a number of
    microseconds. An array of floats is an embedding.
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
        found = _EMBEDDING.fullmatch(written)
        if found is not None and length_of(write_kind(int(found[1]))):
            kinds[column] = write_kind(int(found[1]))
            continue
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

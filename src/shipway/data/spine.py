"""Spines of one row, for asking what the features of one thing were at one instant."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
import polars as pl

from shipway.core.error import ShipwayError
from shipway.core.feature import ALWAYS, Expr, FeatureView, Source, definition_of
from shipway.data.embedding import is_embedding, read_embeddings
from shipway.kit.suggestion import did_you_mean
from shipway.maths.expression import Aggregate, Column, Feature, Operation

ASKED: Final = "_asked"
"""The name of a spine of one row; the source whose rows it is like keeps its own name for the streams read."""


def spine_like(source: Source) -> Source:
    """Return the declaration of a spine whose rows are a source's: the same columns, known when the source's are."""
    return Source(ASKED, source.key, (), source.known_at)


def spine_of(columns: Mapping[str, Any]) -> Source:
    """Return the declaration of a spine whose columns were given by whoever asks, and so are known."""
    return Source(ASKED, tuple(columns), (), {ALWAYS: tuple(columns)})


def ask(expr: Expr, source: str) -> Expr:
    """Return an expression that reads the spine where it read a source's row; windows read what they did."""
    if isinstance(expr, Column):
        return Column(ASKED, expr.name) if expr.table == source else expr
    if isinstance(expr, Operation):
        return Operation(expr.op, tuple(ask(arg, source) for arg in expr.args))
    if isinstance(expr, Aggregate) and expr.anchor is not None:
        return msgspec.structs.replace(expr, anchor=ask(expr.anchor, source))
    if isinstance(expr, Feature):
        return msgspec.structs.replace(expr, value=ask(definition_of(expr), source))
    return expr


def ask_view(view: FeatureView, source: str) -> FeatureView:
    """Return a view whose features read the spine where they read a source's row."""
    asked = {name: ask(expr, source) for name, expr in view.features.items()}
    return msgspec.structs.replace(view, features=asked)


def read_value(text: str, column: str, rows: pl.DataFrame, instant: Any) -> Any:
    """Read a value that was written as text as one of a table's column.

    Args:
        text: the value as written.
        column: the column it is one of.
        rows: the table.
        instant: from text to microseconds since 1970 UTC, or a ValueError.

    Returns:
        The value, ready for a series of the column's type.

    Raises:
        ShipwayError: SW-203 if the text is no such value.
    """
    dtype = rows[column].dtype
    try:
        if dtype.is_integer():
            return int(text)
        if dtype.is_float():
            return float(text)
        if dtype == pl.Boolean:
            return {"true": True, "false": False}[text.lower()]
        if isinstance(dtype, pl.Datetime):
            return pl.Series([instant(text)]).cast(pl.Datetime("us", "UTC"))[0]
        if is_embedding(dtype):
            return read_embeddings(pl.Series(column, [msgspec.json.decode(text, type=list[float])]), dtype.size)[0]
    except (ValueError, KeyError, msgspec.MsgspecError) as error:
        raise ShipwayError(
            "SW-203",
            f"{column} is {dtype}, and {text!r} is not",
            f"write such as {column}={rows[column].drop_nulls().head(1).to_list()[0]}",
        ) from error
    return text


def find_row(rows: pl.DataFrame, values: Mapping[str, Any], table: str) -> pl.DataFrame:
    """Return the one row with these key values; SW-104 with the nearest right value if there is none."""
    for name, value in values.items():
        require_value(rows[name], value, table)
    found = rows.filter(pl.all_horizontal(*(pl.col(name) == value for name, value in values.items())))
    if found.height == 0:
        said = ", ".join(f"{name} {value}" for name, value in values.items())
        raise ShipwayError("SW-104", f"{table} has no row with {said}", "each of them occurs, but not together")
    return found


def require_value(column: pl.Series, value: Any, table: str) -> None:
    """Refuse a value that a column never has, SW-104, with the nearest one it has or the range of those it has."""
    if (column == value).any():
        return
    if column.dtype == pl.String:
        hint = did_you_mean(str(value), column.drop_nulls().unique().to_list())
    else:
        hint = f"{table}.{column.name} goes from {column.min()} to {column.max()}"
    raise ShipwayError("SW-104", f"{table} has no {column.name} {value!r}", hint)

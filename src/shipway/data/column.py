"""Columns of a table as values with validity, and expressions on them: what every read of data goes through."""

from collections.abc import Mapping

import numpy as np
import polars as pl

from shipway.core.error import ShipwayError
from shipway.core.feature import Expr
from shipway.data.plan import require
from shipway.maths.evaluation import evaluate
from shipway.maths.expression import Aggregate, Column, render, walk
from shipway.maths.vector import Vector

_DAY_US = 86_400_000_000


def vector_of(series: pl.Series) -> Vector:
    """Return a Polars column as values with validity; instants and durations become int64 microseconds.

    Raises:
        ShipwayError: SW-203 for a type features cannot read, or a whole number that 64 bits do not hold.
    """
    valid = series.is_not_null().to_numpy()
    kind = series.dtype
    if isinstance(kind, pl.Datetime | pl.Duration):
        series = series.dt.cast_time_unit("us").to_physical()
    elif kind == pl.Date:
        series = series.cast(pl.Int64) * _DAY_US
    elif kind.is_integer():
        series = _whole(series)
    elif kind.is_float() or kind.is_decimal():
        return Vector(series.cast(pl.Float64).fill_null(np.nan).to_numpy(), valid)
    elif isinstance(kind, pl.String | pl.Categorical | pl.Enum):
        return Vector(series.cast(pl.String).fill_null("").to_numpy(), valid)
    elif kind != pl.Boolean:
        raise ShipwayError(
            "SW-203", f"column {series.name!r} is {kind}, which no feature can read", "use numbers, text, truth or time"
        )
    fill = False if kind == pl.Boolean else 0
    return Vector(series.fill_null(fill).to_numpy(), valid)


def instant_hint(kind: pl.DataType) -> str:
    """Return how a source's function makes a column of some type an instant."""
    if isinstance(kind, pl.String):
        how = '.str.to_datetime(time_zone="UTC")'
    elif isinstance(kind, pl.Datetime):
        how = '.dt.replace_time_zone("UTC")'
    elif isinstance(kind, pl.Date):
        how = '.cast(pl.Datetime("us", "UTC"))'
    else:
        return "make it a Datetime with a time zone in the source's function"
    return f"make it a Datetime with a time zone in the source's function, such as {how}"


def evaluate_row(expr: Expr, table: str, tables: Mapping[str, pl.DataFrame]) -> Vector:
    """Evaluate an expression on a table's own columns, one value a row.

    Args:
        expr: columns, constants and operators; every column is taken from the table, whatever stream it names.
        table: the table's name.
        tables: tables by name.

    Raises:
        ShipwayError: SW-202 for a column the table lacks, SW-203 where an operator meets a type it cannot be applied
            to, SW-106 for a window.
    """
    rows = tables[table]

    def leaf(node: Column | Aggregate) -> Vector:
        if isinstance(node, Aggregate):
            raise ShipwayError(
                "SW-106", f"{render(node)} stands inside a window or an instant", "windows cannot be nested"
            )
        return vector_of(require(table, (node.name,), tables)[node.name])

    try:
        return evaluate(expr, leaf, rows.height)
    except ValueError as error:
        raise ShipwayError("SW-203", str(error), "use columns of kinds that go together") from error


def evaluate_instant(expr: Expr, table: str, tables: Mapping[str, pl.DataFrame]) -> Vector:
    """Evaluate an expression on a table's own columns as instants, int64 microseconds since 1970 UTC.

    Raises:
        ShipwayError: as `evaluate_row`; SW-203 also if it is no instant, or reads a date or time without a zone, which
            would be taken for UTC.
    """
    names = [node.name for node in walk(expr) if isinstance(node, Column)]
    kinds = {name: require(table, (name,), tables)[name].dtype for name in names}
    for name, kind in kinds.items():
        if kind == pl.Date or (isinstance(kind, pl.Datetime) and kind.time_zone is None):
            raise ShipwayError(
                "SW-203",
                f"{render(expr)} reads {table}.{name}, which is {kind} and does not say in which time zone",
                instant_hint(kind),
            )
    vector = evaluate_row(expr, table, tables)
    timeless = names and not any(isinstance(kind, pl.Datetime) for kind in kinds.values())
    if timeless or vector.values.dtype.kind not in "if":
        told = [kind for kind in kinds.values() if isinstance(kind, pl.String)]
        hint = instant_hint(told[0]) if told else "build it on a Datetime with a time zone"
        raise ShipwayError("SW-203", f"{render(expr)} is no instant", hint)
    values = np.where(vector.valid, vector.values, 0)
    return Vector(np.rint(values).astype(np.int64), vector.valid)


def _whole(series: pl.Series) -> pl.Series:
    cast = series.cast(pl.Int64, strict=False)
    if cast.null_count() > series.null_count():
        raise ShipwayError(
            "SW-203",
            f"column {series.name!r} holds whole numbers beyond 64 bits with a sign",
            "make it text if it is an identifier, or a smaller number",
        )
    return cast

"""Columns of a table as values with validity, and expressions on them: what every read of data goes through."""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shipway.core.error import ShipwayError
from shipway.core.feature import Expr
from shipway.data.embedding import is_embedding, read_embeddings
from shipway.data.plan import require
from shipway.maths.embedding import numbers_of, pack_numbers
from shipway.maths.evaluation import evaluate
from shipway.maths.expression import Aggregate, Column, Feature, render, walk
from shipway.maths.vector import Vector

_DAY_US: Final = 86_400_000_000
_FILLS: Final = ((pl.Boolean, False), (pl.Int64, 0), (pl.Float64, np.nan), (pl.String, ""))


def vector_of(series: pl.Series) -> Vector:
    """Return a Polars column as values with validity; instants and durations become int64 microseconds.

    Embeddings become the bytes of their numbers (`shipway.maths.embedding`).

    Raises:
        ShipwayError: SW-203 for a type features cannot read, or a whole number that 64 bits do not hold.
    """
    series = normalise_column(series)
    if isinstance(series.dtype, pl.Array):
        numbers = series.to_numpy()
        return Vector(pack_numbers(numbers), series.is_not_null().to_numpy())
    if not series.null_count():
        return Vector(series.to_numpy(), np.ones(len(series), dtype=np.bool_))
    valid = series.is_not_null().to_numpy()
    fill = next(value for kind, value in _FILLS if series.dtype == kind)
    return Vector(series.fill_null(fill).to_numpy(), valid)


def normalise_column(series: pl.Series) -> pl.Series:
    """Return a Polars column with one of the five types that features have, null where it is not a number.

    Raises:
        ShipwayError: as for `vector_of`.
    """
    kind = series.dtype
    if isinstance(kind, pl.Datetime | pl.Duration):
        return (series if kind.time_unit == "us" else series.dt.cast_time_unit("us")).cast(pl.Int64)
    if kind == pl.Date:
        return series.cast(pl.Int64) * _DAY_US
    if kind.is_integer():
        return _whole(series)
    if kind.is_float() or kind.is_decimal():
        return series.cast(pl.Float64).fill_nan(None)
    if isinstance(kind, pl.String | pl.Categorical | pl.Enum):
        return series.cast(pl.String)
    if kind == pl.Boolean:
        return series
    if is_embedding(kind):
        return read_embeddings(series, kind.size)
    hint = "use numbers, text, truth or time"
    if isinstance(kind, pl.List | pl.Array):
        hint = f'if it is an embedding, say so on its source: embeddings={{"{series.name}": 384}}, with its length'
    raise ShipwayError("SW-203", f"column {series.name!r} is {kind}, which no feature can read", hint)


def series_of(name: str, vector: Vector) -> pl.Series:
    """Return values with validity as a Polars column."""
    if vector.values.dtype.kind == "V":
        numbers = numbers_of(vector.values)
        series = pl.Series(name, numbers, dtype=pl.Array(pl.Float32, numbers.shape[1]))
        return series if vector.valid.all() else fill_invalid(series, vector.valid)
    series = pl.Series(name, vector.values, dtype=pl.String if vector.values.dtype.kind == "O" else None)
    return series if vector.valid.all() else fill_invalid(series, vector.valid)


def fill_invalid(series: pl.Series, valid: NDArray[np.bool_]) -> pl.Series:
    """Return a column with null where it is not valid."""
    return pl.select(pl.when(pl.Series(valid)).then(series).alias(series.name)).to_series()


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
            to, SW-106 for a window or a feature.
    """
    rows = tables[table]

    def leaf(node: Column | Aggregate | Feature) -> Vector:
        if not isinstance(node, Column):
            raise ShipwayError(
                "SW-106", f"{render(node)} stands inside a window or an instant", "windows cannot be nested"
            )
        return vector_of(require(table, (node.name,), tables)[node.name])

    try:
        return evaluate(expr, leaf, rows.height)
    except ValueError as error:
        raise ShipwayError("SW-203", str(error), "use columns of kinds that go together") from error


def evaluate_feature(
    name: str, expr: Expr, leaf: Callable[[Column | Aggregate | Feature], Vector], rows: int
) -> Vector:
    """Evaluate a feature for all rows.

    Args:
        name: the feature.
        expr: what it is.
        leaf: gives what it is made of.
        rows: how many rows there are.

    Raises:
        ShipwayError: SW-203 where an operator does not fit what it is given; what `leaf` refuses.
    """
    try:
        return evaluate(expr, leaf, rows)
    except ValueError as error:
        raise ShipwayError(
            "SW-203", f"feature {name!r} cannot be computed: {error}", "use columns of kinds that go together"
        ) from error


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
    values = vector.values if vector.valid.all() else np.where(vector.valid, vector.values, 0)
    return Vector(values if values.dtype == np.int64 else np.rint(values).astype(np.int64), vector.valid)


def _whole(series: pl.Series) -> pl.Series:
    cast = series.cast(pl.Int64, strict=False)
    if cast.null_count() > series.null_count():
        raise ShipwayError(
            "SW-203",
            f"column {series.name!r} holds whole numbers beyond 64 bits with a sign",
            "make it text if it is an identifier, or a smaller number",
        )
    return cast

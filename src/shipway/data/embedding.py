"""Columns of embeddings: lists of numbers of one length, made single precision, and nothing that is no number."""

from typing import Any, Final, TypeGuard

import polars as pl

from shipway.core.error import ShipwayError

_LISTS: Final = (pl.List, pl.Array)


def is_embedding(dtype: pl.DataType) -> TypeGuard[pl.Array]:
    """Tell whether a column of a type holds embeddings: arrays of floats of one length."""
    return isinstance(dtype, pl.Array) and len(dtype.shape) == 1 and _inner(dtype).is_float()


def may_embed(dtype: pl.DataType) -> bool:
    """Tell whether values of a type may be embeddings of some length: lists or arrays of numbers."""
    if not isinstance(dtype, _LISTS) or (isinstance(dtype, pl.Array) and len(dtype.shape) > 1):
        return False
    inner = _inner(dtype)
    return inner.is_integer() or inner.is_float() or inner.is_decimal() or inner == pl.Null


def cast_embedding(column: pl.Expr, found: pl.DataType, length: int) -> pl.Expr:
    """Return an expression that makes embeddings of lists; null for one of another length, or with what is no number.

    Numbers are rounded to single precision; one that is beyond its range is no number.

    Args:
        column: the lists.
        found: their type, one that `may_embed` allows.
        length: how many numbers each has.
    """
    single = pl.Array(pl.Float32, length)
    if isinstance(found, pl.Array):
        if found.size != length:
            return pl.lit(None, dtype=single)
        column = column.arr.to_list()
    column = column.cast(pl.List(pl.Float32), strict=False)
    right = (column.list.len() == length) & _all_finite(column)
    # What has another length must be gone before the cast, which looks at all rows.
    return pl.when(right).then(column).cast(single)


def read_embeddings(series: pl.Series, length: int, *, where: str = "") -> pl.Series:
    """Return a column of lists or arrays as embeddings, or refuse it.

    Args:
        series: the column.
        length: how many numbers each embedding has.
        where: how a refusal names the column; by its name if empty.

    Raises:
        ShipwayError: SW-203 if its type holds no lists of numbers, or some are of another length or have a component
            that is no finite number, with the number of rows and the first of them.
    """
    where = where or f"column {series.name!r}"
    if not may_embed(series.dtype):
        hint = "give a list or an array of numbers for each row"
        raise ShipwayError("SW-203", f"{where} is {series.dtype}, and no embedding", hint)
    column = pl.col(series.name)
    made = series.to_frame().select(cast_embedding(column, series.dtype, length)).to_series()
    wrong = made.null_count() - series.null_count()
    if not wrong:
        return made.alias(series.name)
    row = int((made.is_null() & series.is_not_null()).arg_true()[0])
    found = len(series[row])
    if found == length:
        fact = f"{where} has components that are no finite numbers in {wrong:,} rows, first in row {row}"
        raise ShipwayError("SW-203", fact, "leave such rows out, or make the value null, in the source's function")
    fact = f"{where} holds {length} numbers in each embedding, and other than that in {wrong:,} rows"
    fact += f", first {found} in row {row}"
    raise ShipwayError("SW-203", fact, "declare the length that they have: one model gives one length")


def _inner(dtype: pl.DataType) -> pl.DataType:
    inner: Any = getattr(dtype, "inner", None)
    return inner() if isinstance(inner, type) else inner


def _all_finite(column: pl.Expr) -> pl.Expr:
    return column.list.eval(pl.element().is_finite().fill_null(False)).list.all()

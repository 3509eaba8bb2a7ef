"""Columns of embeddings: lists of numbers of one length, made single precision, and nothing that is no number."""

from collections.abc import Callable
from typing import Any, Final, TypeGuard

import msgspec
import polars as pl

from shipway.core.error import ShipwayError
from shipway.core.feature import Expr
from shipway.maths.embedding import LONGEST
from shipway.maths.expression import Aggregate, Column, Constant, Operation

FEWEST: Final = 16
"""Numbers from which on lists of one length are taken for embeddings where nobody says what they are: a place on the
map, or the corners of a box, is to keep its digits."""
_LISTS: Final = (pl.List, pl.Array)
_LIST: Final = r"^\s*(\[[^\[\]{}]*\]|\{[^\[\]{}]*\})\s*$"
"""A list as text: as JSON and pgvector write one, and as PostgreSQL writes an array."""


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
        found: their type, one that `may_embed` allows, or a list of texts.
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


def split_lists(column: pl.Expr) -> pl.Expr:
    """Return lists that are written as text, such as `[0.5, 2]` or `{0.5,2}`, as lists of texts, else null."""
    inner = column.str.strip_chars().str.head(-1).str.tail(-1)
    return pl.when(column.str.contains(_LIST)).then(inner.str.split(",").list.eval(pl.element().str.strip_chars()))


def write_lists(column: pl.Expr) -> pl.Expr:
    """Return lists of numbers as text, as `split_lists` reads it, each number with all its digits."""
    number = pl.element().cast(pl.Float64).cast(pl.String).fill_null("null")
    return pl.concat_str(pl.lit("["), column.list.eval(number).list.join(","), pl.lit("]"))


def infer_length(values: pl.Series) -> int | None:
    """Return how many numbers each value has if they look like embeddings, None if they do not.

    They do if they are arrays in single precision, or lists or texts of them of one length, `FEWEST` or more, of which
    some number has a fraction.

    Args:
        values: without nulls, at least one.
    """
    dtype = values.dtype
    if isinstance(dtype, pl.Array):
        return dtype.size if dtype == pl.Array(pl.Float32, dtype.size) and _is_whole(values, dtype.size) else None
    if dtype == pl.String:
        if not values.str.contains(_LIST).all():
            return None
        values = values.to_frame().select(split_lists(pl.col(values.name))).to_series()
    elif not (isinstance(dtype, pl.List) and _inner(dtype).is_float()):
        return None
    length = len(values[0])
    if length < FEWEST or not _is_whole(values, length):
        return None
    numbers = values.cast(pl.List(pl.Float64)).explode(empty_as_null=True, keep_nulls=True)
    return length if (numbers != numbers.floor()).any() else None


def _is_whole(values: pl.Series, length: int) -> bool:
    made = values.to_frame().select(cast_embedding(pl.col(values.name), values.dtype, length)).to_series()
    return 0 < length <= LONGEST and not made.null_count()


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


def push_component(expr: Expr) -> Expr:
    """Return the component of a newest embedding as the newest component, which is the same, and takes less."""
    match expr:
        case Operation(op="component", args=(Aggregate(kind="last", value=value) as node, place)) if value is not None:
            return msgspec.structs.replace(node, value=Operation("component", (value, place)))
        case _:
            return expr


def take_component(expr: Expr, read: Callable[[str], pl.Series]) -> pl.Series | None:
    """Return a component of a column's embeddings, None for any other expression.

    Args:
        expr: the expression.
        read: gives a column by its name, normalised.
    """
    match expr:
        case Operation(op="component", args=(Column(name=name), Constant(value=int(place)))):
            column = read(name)
            if is_embedding(column.dtype) and place < column.dtype.size:
                return column.arr.get(place).cast(pl.Float64)
            return None
        case _:
            return None


def _inner(dtype: pl.DataType) -> pl.DataType:
    inner: Any = getattr(dtype, "inner", None)
    return inner() if isinstance(inner, type) else inner


def _all_finite(column: pl.Expr) -> pl.Expr:
    return column.list.eval(pl.element().is_finite().fill_null(False)).list.all()

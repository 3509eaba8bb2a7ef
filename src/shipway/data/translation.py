"""Expression trees as Polars expressions, with the very semantics of `shipway.maths.expression.evaluate`."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import numpy as np
import polars as pl

from shipway.core.error import ShipwayError
from shipway.core.feature import Expr
from shipway.data.embedding import is_embedding
from shipway.kit.duration import DAY
from shipway.kit.suggestion import did_you_mean
from shipway.maths.embedding import NEAR, Near, length_of, pack_numbers, write_kind
from shipway.maths.expression import Aggregate, Column, Constant, Feature, Operation, Scalar, Span, render
from shipway.maths.pattern import expand_pattern
from shipway.maths.vector import (
    ARITHMETIC,
    Kind,
    Operator,
    Vector,
    apply_operator,
    check_place,
    kind_of_scalar,
    result_kind,
)

_LITERAL: Final[frozenset[Operator]] = frozenset({"lt", "le", "gt", "ge", "eq", "ne", "add", "sub", "mul"})
"""Operators that may read a constant as a literal beside something that has a value for each row."""
_DTYPES: Final[dict[Kind, Any]] = {"bool": pl.Boolean, "int": pl.Int64, "float": pl.Float64, "text": pl.String}


def to_polars(expr: Expr, schema: Mapping[str, pl.DataType]) -> pl.Expr:
    """Translate an expression on one table's columns; the result agrees with `evaluate` bit for bit.

    Instants and durations become Int64 microseconds, a date its midnight in UTC, whole numbers Int64 and floats Float64
    with NaN as null.

    Args:
        expr: a tree of columns, constants, durations and operators.
        schema: column name to type, of the table that it will be evaluated on.

    Returns:
        An expression of type Boolean, Int64, Float64 or String.

    Raises:
        ShipwayError: SW-202 for a column that the table lacks, SW-203 where an operator meets a type it cannot be
            applied to, SW-106 for a window.
    """
    return _translate(expr, schema)[0]


def kind_of(expr: Expr, schema: Mapping[str, pl.DataType]) -> Kind:
    """Return the kind of value an expression gives on a table, or raise as `to_polars` does."""
    return _translate(expr, schema)[1]


def _translate(expr: Expr, schema: Mapping[str, pl.DataType]) -> tuple[pl.Expr, Kind]:
    match expr:
        case Column():
            return _translate_column(expr, schema)
        case Constant():
            return _repeat(expr.value)
        case Span():
            return _repeat(expr.us)
        case Aggregate() | Feature():
            said = "a window" if isinstance(expr, Aggregate) else "a feature of a view"
            raise ShipwayError("SW-106", f"{render(expr)} is {said}", "only the columns of one row can be read here")
        case Operation():
            return _translate_operation(expr, schema)


def _repeat(value: Scalar) -> tuple[pl.Expr, Kind]:
    # Not `lit`: Polars 2.1 compares one with a column that came out constant, such as one of nulls, as single rows.
    kind = kind_of_scalar(value)
    return pl.repeat(value, pl.len(), dtype=_DTYPES[kind]), kind


def _translate_column(column: Column, schema: Mapping[str, pl.DataType]) -> tuple[pl.Expr, Kind]:
    if column.name not in schema:
        raise ShipwayError(
            "SW-202", f"table {column.table!r} has no column {column.name!r}", did_you_mean(column.name, schema)
        )
    dtype, read = schema[column.name], pl.col(column.name)
    if dtype == pl.Boolean:
        return read, "bool"
    if dtype.is_integer():
        return read.cast(pl.Int64), "int"
    if dtype.is_float() or dtype.is_decimal():
        return read.cast(pl.Float64).fill_nan(None), "float"
    if isinstance(dtype, pl.String | pl.Categorical | pl.Enum):
        return read.cast(pl.String), "text"
    if isinstance(dtype, pl.Datetime | pl.Duration):
        return read.dt.cast_time_unit("us").to_physical(), "int"
    if dtype == pl.Date:
        return read.cast(pl.Int64) * DAY, "int"
    if is_embedding(dtype):
        return read.cast(pl.Array(pl.Float32, dtype.size)), write_kind(dtype.size)
    raise ShipwayError(
        "SW-203", f"{column} is {dtype}, which no expression can read", "use numbers, text, truth values or time"
    )


def _translate_operation(expr: Operation, schema: Mapping[str, pl.DataType]) -> tuple[pl.Expr, Kind]:
    args = [_translate(arg, schema) for arg in expr.args]
    try:
        kind = result_kind(expr.op, [kind for _, kind in args])
    except ValueError as error:
        raise ShipwayError(
            "SW-203", f"{render(expr)} cannot be evaluated: {error}", "compare text with text and numbers with numbers"
        ) from error
    if expr.op == "is_in":
        members = [cast("Constant", member).value for member in expr.args[1:]]
        return _find(*args[0], members), kind
    if expr.op in NEAR:
        return _compare_embeddings(expr.op, [arg for arg, _ in args]), kind
    if expr.op == "component":
        return _take_component(expr, args[0][0], length_of(args[0][1]) or 0), kind
    if expr.op == "matches":
        pattern = expand_pattern(str(cast("Constant", expr.args[1]).value))
        return args[0][0].str.contains(rf"\A(?:{pattern})\z"), kind
    if expr.op in _LITERAL and any(_is_plain(arg) for arg in expr.args):
        # A repeated value waits for how many rows there are, so that they would no longer go through in parts.
        args = [
            _literal(arg) if isinstance(arg, Constant | Span) else done
            for arg, done in zip(expr.args, args, strict=True)
        ]
    if expr.op in ARITHMETIC:
        return _calculate(expr.op, kind, [arg for arg, _ in args]), kind
    return _relate(expr.op, args), kind


def _is_plain(expr: Expr) -> bool:
    """Tell whether an expression has a value for each row even where it is computed from literals."""
    if isinstance(expr, Operation):
        if expr.op in ("length", "neg", "abs"):
            return _is_plain(expr.args[0])
        if expr.op in ("add", "sub", "mul"):
            return any(_is_plain(arg) for arg in expr.args)
        return expr.op == "div" and all(_is_plain(arg) for arg in expr.args)
    return isinstance(expr, Column)


def _literal(constant: Constant | Span) -> tuple[pl.Expr, Kind]:
    value = constant.value if isinstance(constant, Constant) else constant.us
    kind = kind_of_scalar(value)
    return pl.lit(value, dtype=_DTYPES[kind]), kind


def _calculate(op: Operator, kind: Kind, args: Sequence[pl.Expr]) -> pl.Expr:
    """Translate arithmetic; a bool operand is cast to the number it counts as."""
    numbers = [arg.cast(_DTYPES[kind]) for arg in args]
    match op, numbers:
        case "neg", [arg]:
            result = -arg
        case "abs", [arg]:
            result = arg.abs()
        case "add", [left, right]:
            result = left + right
        case "sub", [left, right]:
            result = left - right
        case "mul", [left, right]:
            result = left * right
        case _ if kind == "int":
            left, right = numbers
            result = left // right if op == "floordiv" else left % right
        case _:
            return _divide_floats(op, numbers)
    return result.fill_nan(None) if kind == "float" else result


def _divide_floats(op: Operator, args: Sequence[pl.Expr]) -> pl.Expr:
    """Leave the division of floats to the kernel.

    Polars 2.1 divides by a constant by multiplying with its reciprocal, so that 5 / 3 differs in the last bit, and
    rounds the quotient before `//` and `%`, so that 1.0 // 0.1 is 10.
    """

    def apply(series: Sequence[pl.Series]) -> pl.Series:
        vectors = [Vector(one.fill_null(np.nan).to_numpy(), one.is_not_null().to_numpy()) for one in series]
        result = apply_operator(op, vectors)
        return pl.Series(np.where(result.valid, result.values, np.nan), dtype=pl.Float64, nan_to_null=True)

    return pl.map_batches(args, apply, return_dtype=pl.Float64, is_elementwise=True)


def _compare_embeddings(op: Near, args: Sequence[pl.Expr]) -> pl.Expr:
    """Leave the comparison of embeddings to the kernel, whose order of adding up is part of what it means."""

    def apply(series: Sequence[pl.Series]) -> pl.Series:
        vectors = [Vector(pack_numbers(one.to_numpy()), one.is_not_null().to_numpy()) for one in series]
        result = apply_operator(op, vectors)
        return pl.Series(np.where(result.valid, result.values, np.nan), dtype=pl.Float64, nan_to_null=True)

    return pl.map_batches(args, apply, return_dtype=pl.Float64, is_elementwise=True)


def _take_component(expr: Operation, embedding: pl.Expr, length: int) -> pl.Expr:
    place = int(cast("int", cast("Constant", expr.args[1]).value))
    try:
        check_place(place, length)
    except ValueError as error:
        fact = f"{render(expr)} cannot be evaluated: {error}"
        raise ShipwayError("SW-203", fact, "components are counted from 0") from error
    return embedding.arr.get(place).cast(pl.Float64)


def _relate(op: Operator, args: Sequence[tuple[pl.Expr, Kind]]) -> pl.Expr:
    if op == "is_null":
        return args[0][0].is_null()
    if op == "not":
        return ~args[0][0]
    if op == "length":
        return args[0][0].str.len_chars().cast(pl.Int64)
    (left, left_kind), (right, right_kind) = args
    if left_kind != right_kind and length_of(left_kind) is None:
        common = _DTYPES[result_kind("fill", [left_kind, right_kind])]
        left, right = left.cast(common), right.cast(common)
    match op:
        case "fill":
            return left.fill_null(right)
        case "and":
            return left & right
        case "or":
            return left | right
        case "lt":
            return left < right
        case "le":
            return left <= right
        case "gt":
            return left > right
        case "ge":
            return left >= right
        case "eq":
            return left == right
        case "same":
            return left.eq_missing(right)
        case _:
            return left != right


def _find(subject: pl.Expr, kind: Kind, members: Sequence[Scalar]) -> pl.Expr:
    """Translate membership; a whole number among floats is compared as a float, as the kernel does."""
    if kind == "text":
        return subject.is_in([str(member) for member in members])
    if kind == "float":
        return subject.is_in([float(member) for member in members])
    whole = subject.cast(pl.Int64).is_in([int(member) for member in members if not isinstance(member, float)])
    broken = [member for member in members if isinstance(member, float)]
    return whole | subject.cast(pl.Float64).is_in(broken) if broken else whole

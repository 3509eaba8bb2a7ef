"""Expression trees as SQL, with the very semantics of `shipway.maths.expression.evaluate`.

Where engines differ, the text says what is meant: whole numbers are divided down, a float that is not a number is null,
texts compare by their characters. What cannot be said exactly is refused. One difference is left: whole numbers that
leave 64 bits wrap round elsewhere, while a warehouse stops at them, or counts on where it need not write them down.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

import polars as pl

from shipway.core.error import ShipwayError
from shipway.core.feature import Expr
from shipway.data.embedding import is_embedding
from shipway.data.warehouse.dialect import Dialect
from shipway.data.warehouse.embedding import compare_embeddings, read_embedding, take_component
from shipway.kit.duration import DAY
from shipway.kit.suggestion import did_you_mean
from shipway.maths.embedding import NEAR, length_of, write_kind
from shipway.maths.expression import Aggregate, Column, Constant, Feature, Operation, Scalar, Span, render, walk
from shipway.maths.vector import ARITHMETIC, Kind, Operator, kind_of_scalar, result_kind

ROW: Final = "t"
"""What a row is called in a question."""

_SIGNS: Final[dict[Operator, str]] = {
    "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "=", "ne": "<>", "and": "and", "or": "or",
    "add": "+", "sub": "-", "mul": "*",
}  # fmt: skip
_PLAIN_DIGITS: Final = 15
"""Digits of a decimal number that every engine reads as the same float."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns that an expression may read.

    Attributes:
        table: what the table is called in messages.
        schema: column name to type, as frames read from there have it.
        dialect: the SQL that is spoken.
    """

    table: str
    schema: Mapping[str, pl.DataType]
    dialect: Dialect

    def dtype(self, column: str) -> pl.DataType:
        """Return the type of a column; SW-202 where there is none of the name."""
        if column not in self.schema:
            hint = did_you_mean(column, self.schema)
            raise ShipwayError("SW-202", f"table {self.table!r} has no column {column!r}", hint)
        return self.schema[column]

    def name(self, column: str) -> str:
        """Return a column of the row as it is."""
        self.dtype(column)
        return f"{ROW}.{self.dialect.write_name(column)}"

    def plain(self, column: str) -> str:
        """Return a column of the row in a form that can be grouped, ordered and told to be equal."""
        dtype = self.dtype(column)
        if isinstance(dtype, pl.String | pl.Categorical | pl.Enum | pl.Unknown):
            return self.dialect.read_text(self.name(column))
        if dtype.is_float():
            # The two zeros are equal.
            return f"({drop_nan(self.name(column), self.dialect)} + 0.0)"
        return self.name(column)

    def missing(self, column: str) -> str:
        """Return whether a column is null or not a number."""
        read = self.name(column)
        return f"({drop_nan(read, self.dialect) if self.dtype(column).is_float() else read} is null)"

    def any_missing(self, columns: Sequence[str]) -> str:
        """Return whether one of several columns is null or not a number."""
        missing = [self.missing(column) for column in columns]
        return missing[0] if len(missing) == 1 else f"({' or '.join(missing)})"


def to_sql(expr: Expr, columns: Columns) -> str:
    """Translate an expression on one table's columns into SQL; its value agrees with `to_polars`.

    Raises:
        ShipwayError: SW-202 for a column that the table lacks, SW-203 where an operator meets a type it cannot be
            applied to, SW-106 for a window, SW-403 for what the warehouse cannot compute exactly.
    """
    return _translate(expr, columns)[0]


def kind_in(expr: Expr, columns: Columns) -> Kind:
    """Return the kind of value an expression gives on a table, or raise as `to_sql` does."""
    return _translate(expr, columns)[1]


def write_constant(value: Scalar, dialect: Dialect) -> str:
    """Return a constant as a value that says its type."""
    text = _literal(value, dialect)
    return text if text.startswith("cast(") else dialect.cast(kind_of_scalar(value), text)


def cast_to(kind: Kind, text: str, given: Kind, dialect: Dialect) -> str:
    """Return a value as one of another kind."""
    if kind == given:
        return text
    if given == "bool":
        text = f"cast({text} as int)"
    return dialect.cast(kind, text)


def drop_nan(text: str, dialect: Dialect) -> str:
    """Return a float, and null where it is not a number."""
    return dialect.not_nan.format(text)


def floor_divide(left: str, right: str, dialect: Dialect) -> str:
    """Return a whole number divided by one above zero, rounded down."""
    divided, rest = dialect.divide.format(left, right), dialect.modulo.format(left, right)
    return f"({divided} - case when {rest} < 0 then 1 else 0 end)"


def _translate(expr: Expr, columns: Columns) -> tuple[str, Kind]:
    match expr:
        case Column():
            return _translate_column(expr, columns)
        case Constant():
            return write_constant(expr.value, columns.dialect), kind_of_scalar(expr.value)
        case Span():
            return _translate(Constant(expr.us), columns)
        case Aggregate() | Feature():
            said = "a window" if isinstance(expr, Aggregate) else "a feature of a view"
            raise ShipwayError("SW-106", f"{render(expr)} is {said}", "only the columns of one row can be read here")
        case Operation():
            return _translate_operation(expr, columns)


def _translate_column(column: Column, columns: Columns) -> tuple[str, Kind]:
    dtype, read, dialect = columns.dtype(column.name), columns.name(column.name), columns.dialect
    if dtype == pl.Boolean:
        return read, "bool"
    if dtype.is_integer():
        return read if dtype == pl.Int64 else dialect.cast("int", read), "int"
    if dtype.is_float() or dtype.is_decimal():
        return drop_nan(read if dtype == pl.Float64 else dialect.cast("float", read), dialect), "float"
    if isinstance(dtype, pl.String | pl.Categorical | pl.Enum):
        return dialect.read_text(read), "text"
    if isinstance(dtype, pl.Datetime):
        return dialect.micros.format(read), "int"
    if dtype == pl.Date:
        return f"({dialect.days.format(read)} * {DAY})", "int"
    if is_embedding(dtype):
        return read_embedding(column, dtype, read, dialect), write_kind(dtype.size)
    raise ShipwayError(
        "SW-203", f"{column} is {dtype}, which no expression can read", "use numbers, text, truth values or time"
    )


def _translate_operation(expr: Operation, columns: Columns) -> tuple[str, Kind]:
    args = [_translate(arg, columns) for arg in expr.args]
    try:
        kind = result_kind(expr.op, [kind for _, kind in args])
    except ValueError as error:
        raise ShipwayError(
            "SW-203", f"{render(expr)} cannot be evaluated: {error}", "compare text with text and numbers with numbers"
        ) from error
    if expr.op == "is_in":
        return _find(args[0], [cast("Constant", member).value for member in expr.args[1:]], columns.dialect), kind
    if expr.op == "matches":
        return columns.dialect.write_match(args[0][0], str(cast("Constant", expr.args[1]).value)), kind
    length = length_of(args[0][1]) or 0
    if expr.op in NEAR:
        return compare_embeddings(expr.op, args[0][0], args[1][0], length, columns.dialect), kind
    if expr.op == "component":
        place = cast("int", cast("Constant", expr.args[1]).value)
        return take_component(args[0][0], place, columns.dialect), kind
    if expr.op in ARITHMETIC:
        return _calculate(expr, kind, _in_common(expr.args, args, kind, columns.dialect), columns.dialect), kind
    return _relate(expr, args, columns.dialect), kind


def _in_common(args: Sequence[Expr], done: Sequence[tuple[str, Kind]], kind: Kind, dialect: Dialect) -> list[str]:
    """Return operands in one kind; a constant is a plain literal where a column beside it says the type."""
    has_column = [any(isinstance(node, Column) for node in walk(arg)) for arg in args]
    found: list[str] = []
    for arg, (text, given) in zip(args, done, strict=True):
        if isinstance(arg, Constant | Span) and any(has_column) and given != "bool":
            value = arg.value if isinstance(arg, Constant) else arg.us
            found.append(_literal(float(value) if kind == "float" else value, dialect))
        else:
            found.append(cast_to(kind, text, given, dialect))
    return found


def _calculate(expr: Operation, kind: Kind, args: list[str], dialect: Dialect) -> str:
    """Translate arithmetic on numbers of one kind."""
    match expr.op, args:
        case "neg", [arg]:
            # Of the least whole number, a sign in front would give one of more bits in DuckDB.
            return f"(0 - {arg})" if kind == "int" else f"(- {arg})"
        case "abs", [arg]:
            return f"abs({arg})"
        case (("add" | "sub" | "mul"), [left, right]):
            text = f"({left} {_SIGNS[expr.op]} {right})"
            return drop_nan(text, dialect) if kind == "float" else text
        case "div", [left, right]:
            return drop_nan(f"({left} / nullif({right}, 0))", dialect)
        case _:
            pass
    if kind == "float":
        hint = "divide with /, or make whole numbers of both sides in the source's function"
        fact = f"{render(expr)} divides floats with a remainder, which {dialect.name} does not compute exactly"
        raise ShipwayError("SW-403", fact, hint)
    left, right = args
    divisor = expr.args[1]
    above = isinstance(divisor, Span) or (isinstance(divisor, Constant) and divisor.value is not True)
    if above and cast("int", divisor.us if isinstance(divisor, Span) else cast("Constant", divisor).value) > 0:
        if expr.op == "floordiv":
            return floor_divide(left, right, dialect)
        rest = dialect.modulo.format(left, right)
        return f"({rest} + case when {rest} < 0 then {right} else 0 end)"
    right = f"nullif({right}, 0)"
    rest = dialect.modulo.format(left, right)
    turned = f"{rest} <> 0 and ({left} < 0) <> ({right} < 0)"
    if expr.op == "floordiv":
        return f"({dialect.divide.format(left, right)} - case when {turned} then 1 else 0 end)"
    return f"({rest} + case when {turned} then {right} else 0 end)"


def _relate(expr: Operation, args: Sequence[tuple[str, Kind]], dialect: Dialect) -> str:
    if expr.op == "is_null":
        return f"({args[0][0]} is null)"
    if expr.op == "not":
        return f"(not {args[0][0]})"
    if expr.op == "length":
        return dialect.cast("int", f"length({args[0][0]})")
    (_, left_kind), (_, right_kind) = args
    common = left_kind if left_kind == right_kind else result_kind("fill", [left_kind, right_kind])
    left, right = _in_common(expr.args, args, common, dialect)
    if expr.op == "fill":
        return f"coalesce({left}, {right})"
    if expr.op == "same":
        return f"({dialect.same.format(left, right)})"
    return f"({left} {_SIGNS[expr.op]} {right})"


def _find(subject: tuple[str, Kind], members: Sequence[Scalar], dialect: Dialect) -> str:
    """Translate membership; a whole number among floats is compared as a float, as the kernel does."""
    text, kind = subject
    if not members:
        return f"(case when {text} is null then null else false end)"
    if kind == "text":
        return _among(text, [str(member) for member in members], dialect)
    if kind == "float":
        return _among(text, [float(member) for member in members], dialect)
    whole = [int(member) for member in members if not isinstance(member, float)]
    broken = [member for member in members if isinstance(member, float)]
    parts = [_among(cast_to("int", text, kind, dialect), whole, dialect)] if whole else []
    if broken:
        parts.append(_among(cast_to("float", cast_to("int", text, kind, dialect), "int", dialect), broken, dialect))
    return parts[0] if len(parts) == 1 else f"({' or '.join(parts)})"


def _among(text: str, members: Sequence[Scalar], dialect: Dialect) -> str:
    return f"({text} in ({', '.join(_literal(member, dialect) for member in members)}))"


def _literal(value: Scalar, dialect: Dialect) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value) if value >= 0 else dialect.cast("int", str(value))
        case float():
            text = repr(value)
            plain = value >= 0 and "e" not in text and len(text.replace(".", "")) <= _PLAIN_DIGITS
            return text if plain else dialect.cast("float", f"'{text}'")
        case str():
            return dialect.write_text(value)

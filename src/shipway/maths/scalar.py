"""Expression trees compiled to functions of single values, for whoever answers one row at a time.

What a function returns is bit for bit what `shipway.maths.evaluation.evaluate` gives for that row: the kinds of all
operands are settled when the tree is compiled, so that a call does nothing but the arithmetic.

Values are Python's own: bool, int (64 bits, wrapping), float (never NaN), str, and for an embedding the bytes of its
numbers; None is null.
"""

import operator
import re
import struct
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

from shipway.maths.embedding import NEAR, Near, compare, length_of
from shipway.maths.expression import Aggregate, Column, Constant, Expr, Feature, Operation, Span, render
from shipway.maths.pattern import expand_pattern
from shipway.maths.vector import ARITHMETIC, Kind, Operator, check_place, kind_of_scalar, result_kind

Scalar: TypeAlias = bool | int | float | str | bytes
Getter: TypeAlias = Callable[[Any], Any]
"""From whatever holds a row to one value of it, a `Scalar` or None."""
Leaf: TypeAlias = Callable[[Column | Aggregate | Feature], Getter]
LeafKind: TypeAlias = Callable[[Column | Aggregate | Feature], Kind]

_SINGLE: Final = struct.Struct("<f").unpack_from
_LEAST: Final = -(1 << 63)
_GREATEST: Final = (1 << 63) - 1


def compile_expr(expr: Expr, leaf: Leaf, kind: LeafKind) -> Getter:
    """Turn an expression into a function of one row.

    Args:
        expr: the tree; what stands below an `Aggregate` or a `Feature` belongs to the leaf and is not compiled here.
        leaf: gives the function that reads a column, an aggregate or a feature. It returns values of the leaf's
            kind, a whole number within int64, and None for null and for what is not a number.
        kind: gives the kind of a column, an aggregate or a feature.

    Returns:
        A function that hands its argument to the leaves and returns the value, None where it is null.

    Raises:
        ValueError: if an operator cannot be applied to the kinds it is given, such as `-` to text.
    """
    return _compile(expr, leaf, kind)[0]


def resolve_kind(expr: Expr, kind: LeafKind) -> Kind:
    """Return the kind of value an expression gives; raises as `compile_expr` does."""
    return _compile(expr, lambda _: _nothing, kind)[1]


def wrap(value: int) -> int:
    """Return a whole number as 64 bits hold it, wrapped round where it does not fit."""
    return value if _LEAST <= value <= _GREATEST else (value - _LEAST) % (1 << 64) + _LEAST


def _nothing(_: Any) -> None:
    return None


def _compile(expr: Expr, leaf: Leaf, kind: LeafKind) -> tuple[Getter, Kind]:
    match expr:
        case Column() | Aggregate() | Feature():
            return leaf(expr), kind(expr)
        case Constant(value=value):
            return (lambda _: value), kind_of_scalar(value)
        case Span(us=us):
            return (lambda _: us), "int"
        case Operation():
            return _compile_operation(expr, leaf, kind)


def _compile_operation(expr: Operation, leaf: Leaf, kind: LeafKind) -> tuple[Getter, Kind]:
    args: list[Getter] = []
    kinds: list[Kind] = []
    for arg in expr.args:
        getter, its = _compile(arg, leaf, kind)
        args.append(getter)
        kinds.append(its)
    try:
        result = result_kind(expr.op, kinds)
    except ValueError as error:
        raise ValueError(f"{render(expr)} cannot be evaluated: {error}") from error
    if expr.op == "is_in":
        # The members of a set are the same for every row.
        return _is_in(args[0], kinds[0], [member(None) for member in args[1:]]), result
    if expr.op == "fill":
        return _fill(*(_cast(arg, each, result) for arg, each in zip(args, kinds, strict=True))), result
    if expr.op in ARITHMETIC:
        return _calculate(expr.op, args, kinds, result), result
    if expr.op in NEAR:
        return _compare_embeddings(expr.op, *args), result
    if expr.op == "component":
        return _component(expr, args[0], args[1](None), kinds[0]), result
    return _relate(expr.op, args, kinds), result


def _cast(arg: Getter, kind: Kind, wanted: Kind) -> Getter:
    """Return a getter whose values are of the kind wanted, a wider one than their own."""
    if kind == wanted:
        return arg
    convert = float if wanted == "float" else int

    def apply(row: Any) -> Any:
        value = arg(row)
        return None if value is None else convert(value)

    return apply


def _quotient(left: float, right: float) -> float:
    return left / right


def _floor(left: float, right: float) -> float:
    return left // right


_FUNCTIONS: Final[dict[Operator, Callable[..., Any]]] = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "mod": operator.mod, "neg": operator.neg,
    "div": _quotient, "floordiv": _floor, "abs": operator.abs,
    "lt": operator.lt, "le": operator.le, "gt": operator.gt, "ge": operator.ge, "eq": operator.eq, "ne": operator.ne,
}  # fmt: skip


def _calculate(op: Operator, args: Sequence[Getter], kinds: Sequence[Kind], result: Kind) -> Getter:
    function = _FUNCTIONS[op]
    if len(args) == 1:
        return _apply_one(function, args[0], wrap if result == "int" else float)
    left, right = args
    if op == "div" and "float" not in kinds:
        left = _cast(left, kinds[0], "float")  # Python divides whole numbers exactly, NumPy as floats
    if op in ("div", "floordiv", "mod"):
        return _divide(function, left, right, result)
    return _apply_whole(function, left, right) if result == "int" else _apply_float(function, left, right)


def _apply_one(function: Callable[[Any], Any], arg: Getter, fit: Callable[[Any], Any]) -> Getter:
    def apply(row: Any) -> Any:
        value = arg(row)
        return None if value is None else fit(function(value))

    return apply


def _apply_whole(function: Callable[[Any, Any], Any], left: Getter, right: Getter) -> Getter:
    def apply(row: Any) -> Any:
        a, b = left(row), right(row)
        if a is None or b is None:
            return None
        value = function(a, b)
        return value if _LEAST <= value <= _GREATEST else wrap(value)

    return apply


def _apply_float(function: Callable[[Any, Any], Any], left: Getter, right: Getter) -> Getter:
    def apply(row: Any) -> Any:
        a, b = left(row), right(row)
        if a is None or b is None:
            return None
        value = function(a, b)
        return value if value == value else None  # NaN alone differs from itself

    return apply


def _divide(function: Callable[[Any, Any], Any], left: Getter, right: Getter, result: Kind) -> Getter:
    apply = (_apply_whole if result == "int" else _apply_float)(function, left, right)

    def divide(row: Any) -> Any:
        return apply(row) if right(row) else None

    return divide


def _relate(op: Operator, args: Sequence[Getter], kinds: Sequence[Kind]) -> Getter:
    if op == "is_null":
        return _is_null(args[0])
    if op == "not":
        return _not(args[0])
    if op == "matches":
        # As with a set, the pattern is the same for every row.
        return _matches(args[0], expand_pattern(args[1](None)))
    if op == "length":
        return _length(args[0])
    if op in ("and", "or"):
        return _join(*args, settled=op == "or")
    if "float" in kinds:
        # NumPy compares a whole number with a float as floats, Python exactly.
        args = [_cast(arg, kind, "float") for arg, kind in zip(args, kinds, strict=True)]
    return _same(*args) if op == "same" else _compare(_FUNCTIONS[op], *args)


def _compare(function: Callable[[Any, Any], Any], left: Getter, right: Getter) -> Getter:
    def apply(row: Any) -> Any:
        a, b = left(row), right(row)
        return None if a is None or b is None else function(a, b)

    return apply


def _same(left: Getter, right: Getter) -> Getter:
    def apply(row: Any) -> Any:
        return left(row) == right(row)  # None is equal to itself alone

    return apply


def _matches(arg: Getter, pattern: str) -> Getter:
    match = re.compile(pattern).fullmatch

    def apply(row: Any) -> Any:
        value = arg(row)
        return None if value is None else match(value) is not None

    return apply


def _length(arg: Getter) -> Getter:
    def apply(row: Any) -> Any:
        value = arg(row)
        return None if value is None else len(value)

    return apply


def _compare_embeddings(op: Near, left: Getter, right: Getter) -> Getter:
    def apply(row: Any) -> Any:
        a, b = left(row), right(row)
        return None if a is None or b is None else compare(op, a, b)

    return apply


def _component(expr: Expr, arg: Getter, place: int, kind: Kind) -> Getter:
    try:
        check_place(place, length_of(kind) or 0)
    except ValueError as error:
        raise ValueError(f"{render(expr)} cannot be evaluated: {error}") from error

    def apply(row: Any) -> Any:
        value = arg(row)
        return None if value is None else _SINGLE(value, 4 * place)[0]

    return apply


def _is_null(arg: Getter) -> Getter:
    return lambda row: arg(row) is None


def _not(arg: Getter) -> Getter:
    def apply(row: Any) -> Any:
        value = arg(row)
        return None if value is None else not value

    return apply


def _join(left: Getter, right: Getter, *, settled: bool) -> Getter:
    """Join two conditions with three-valued logic; a side that is `settled` decides, whatever the other is."""

    def apply(row: Any) -> Any:
        a, b = left(row), right(row)
        if a is settled or b is settled:
            return settled
        return None if a is None or b is None else not settled

    return apply


def _is_in(arg: Getter, kind: Kind, members: Sequence[Scalar]) -> Getter:
    """Look a value up; a whole number among floats is compared as a float, and each as what the other members are."""
    floats = kind == "float"
    same = frozenset(float(member) if floats else member for member in members if floats or type(member) is not float)
    broken = frozenset(member for member in members if type(member) is float and not floats)

    def apply(row: Any) -> Any:
        value = arg(row)
        if value is None:
            return None
        return value in same or (bool(broken) and float(value) in broken)

    return apply


def _fill(arg: Getter, other: Getter) -> Getter:
    def apply(row: Any) -> Any:
        value = arg(row)
        return other(row) if value is None else value

    return apply

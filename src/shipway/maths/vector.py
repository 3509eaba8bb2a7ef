"""Columns of values that may be missing, and what each operator does with them.

Five kinds of value meet here: `bool`, `int` (64 bits, wrapping; instants and durations are microseconds), `float`,
`text`, and `embedding[n]`, n numbers in single precision. Among numbers a bool counts as 0 or 1. A float that is not a
number is null, wherever it comes from.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from shipway.maths.embedding import NEAR, Near, compare_all, dtype_of, length_of, numbers_of, write_kind
from shipway.maths.pattern import expand_pattern

Kind: TypeAlias = str
"""`bool`, `int`, `float`, `text`, or `embedding[n]` with the number of its components."""
Operator: TypeAlias = Literal[
    "add", "sub", "mul", "div", "floordiv", "mod", "neg", "abs",
    "lt", "le", "gt", "ge", "eq", "ne", "same", "and", "or", "not", "is_null", "is_in", "fill", "matches", "length",
    "dot", "cosine", "distance", "component",
]  # fmt: skip

ARITHMETIC: Final[frozenset[Operator]] = frozenset({"add", "sub", "mul", "div", "floordiv", "mod", "neg", "abs"})
"""The operators that calculate; `fill` gives what it is given, `length` and what is made of embeddings a number, all
others give a condition."""
SINGLE: Final[frozenset[Operator]] = frozenset({"is_in", "component"})
"""The operators whose operands after the first are constants, each one value for all rows."""

_LOGIC: Final[frozenset[Operator]] = frozenset({"and", "or", "not"})
_ON_TEXT: Final[frozenset[Operator]] = frozenset({"matches", "length"})
_ON_EMBEDDINGS: Final[frozenset[Operator]] = frozenset({*NEAR, "component"})
_KINDS: Final[dict[str, Kind]] = {"b": "bool", "i": "int", "u": "int", "f": "float", "O": "text"}
_DTYPES: Final[dict[Kind, Any]] = {"bool": np.bool_, "int": np.int64, "float": np.float64, "text": np.object_}


@dataclass(frozen=True, slots=True)
class Vector:
    """A column of values with their validity.

    Attributes:
        values: array of shape (n,): int64 (also instants, in microseconds), float64, bool, object (text) or void (the
            bytes of embeddings).
        valid: bool array of shape (n,); where False the value is null and `values` holds anything.
    """

    values: NDArray[Any]
    valid: NDArray[np.bool_]


def normalise(vector: Vector) -> Vector:
    """Return a column with one of the five element types, and null where it is not a number.

    Raises:
        ValueError: if its elements are of no kind that an expression can read.
    """
    kind = kind_of_values(vector.values)
    if vector.values.dtype.kind == "V":
        return vector
    values = vector.values.astype(_DTYPES[kind], copy=False)
    return Vector(values, vector.valid & ~np.isnan(values) if kind == "float" else vector.valid)


def repeat(value: bool | int | float | str, rows: int) -> Vector:
    """Return a column of shape (rows,) that has one value everywhere."""
    return Vector(np.full(rows, value, dtype=_DTYPES[kind_of_scalar(value)]), np.ones(rows, dtype=np.bool_))


def kind_of_scalar(value: bool | int | float | str) -> Kind:
    """Return what kind of value this is."""
    match value:
        case bool():
            return "bool"
        case int():
            return "int"
        case float():
            return "float"
        case str():
            return "text"


def result_kind(op: Operator, kinds: Sequence[Kind]) -> Kind:
    """Return the kind of value an operator gives.

    Args:
        op: the operator.
        kinds: the kinds of its operands.

    Raises:
        ValueError: if it cannot be applied to them; the message is one clause about the operands.
    """
    if op in _ON_EMBEDDINGS or any(length_of(kind) for kind in kinds):
        return _result_of_embeddings(op, kinds)
    texts = kinds.count("text")
    if op in ARITHMETIC and texts:
        raise ValueError("text cannot be calculated with")
    if op in _LOGIC and any(kind != "bool" for kind in kinds):
        raise ValueError(f"only conditions can be joined or negated, not {' and '.join(kinds)}")
    if op in _ON_TEXT:
        if texts < len(kinds):
            raise ValueError(f"only text can be read like that, not {kinds[0]}")
        return "int" if op == "length" else "bool"
    if op != "is_null" and 0 < texts < len(kinds):
        raise ValueError("text and numbers do not mix")
    if op == "div":
        return "float"
    if op in ARITHMETIC or (op == "fill" and not texts and set(kinds) != {"bool"}):
        return "float" if "float" in kinds else "int"
    return kinds[0] if op == "fill" else "bool"


def _result_of_embeddings(op: Operator, kinds: Sequence[Kind]) -> Kind:
    lengths = [length_of(kind) for kind in kinds]
    if op in _ON_EMBEDDINGS:
        checked = lengths[:1] if op == "component" else lengths
        if None in checked:
            raise ValueError(f"only embeddings can be read like that, not {kinds[lengths.index(None)]}")
        if op == "component" and kinds[1] != "int":
            raise ValueError(f"a component is counted by a whole number, not {kinds[1]}")
        if len(set(checked)) > 1:
            raise ValueError(f"{' and '.join(kinds)} have different lengths")
        return "float"
    if op == "is_null":
        return "bool"
    if op == "fill":
        if len(set(kinds)) > 1:
            raise ValueError(f"{' and '.join(kinds)} do not mix")
        return kinds[0]
    raise ValueError("an embedding is neither calculated with nor compared like that: there are dot, cosine, distance")


def apply_operator(op: Operator, args: Sequence[Vector]) -> Vector:
    """Apply an operator row by row.

    Args:
        op: the operator.
        args: its operands, normalised, each of shape (n,); for those in `SINGLE` the further ones are of shape (1,).

    Raises:
        ValueError: if the operator cannot be applied to values of these kinds.
    """
    result_kind(op, [kind_of_values(arg.values) for arg in args])
    with np.errstate(all="ignore"):
        if op not in ARITHMETIC:
            return _APPLY[op](*args)
        return normalise(_APPLY[op](*(_numbers(arg) for arg in args)))


def kind_of_values(values: NDArray[Any]) -> Kind:
    """Return what kind of values a column has; ValueError if no expression can read them."""
    if values.dtype.kind == "V" and values.dtype.names is None and values.dtype.itemsize % 4 == 0:
        return write_kind(values.dtype.itemsize // 4)
    kind = _KINDS.get(values.dtype.kind)
    if kind is None:
        raise ValueError(f"an expression cannot read elements of type {values.dtype}")
    return kind


def empty_values(kind: Kind, rows: int = 0) -> NDArray[Any]:
    """Return values of a kind that stand where there are none: zeros, or empty texts."""
    length = length_of(kind)
    if length is not None:
        return np.zeros(rows, dtype=dtype_of(length))
    return np.full(rows, "" if kind == "text" else 0, dtype=_DTYPES[kind])


def _numbers(arg: Vector) -> Vector:
    return Vector(arg.values.astype(np.int64), arg.valid) if arg.values.dtype.kind == "b" else arg


def _comparable(arg: Vector) -> NDArray[Any]:
    """Return the values, with a text in place of whatever stands where text is missing, for it may have no order."""
    return np.where(arg.valid, arg.values, "").astype(np.object_) if arg.values.dtype.kind == "O" else arg.values


def _plain(function: Callable[..., NDArray[Any]]) -> Callable[..., Vector]:
    """Lift a function of arrays to columns: null where any operand is null."""

    def apply(*args: Vector) -> Vector:
        valid = np.logical_and.reduce([arg.valid for arg in args])
        return Vector(function(*(arg.values for arg in args)), valid)

    return apply


def _divide(function: Callable[..., NDArray[Any]]) -> Callable[[Vector, Vector], Vector]:
    """Lift a division: null where an operand is null or the divisor is zero."""

    def apply(left: Vector, right: Vector) -> Vector:
        nonzero = np.asarray(right.values != 0, dtype=np.bool_)
        divisor = np.where(nonzero, right.values, 1)
        return Vector(function(left.values, divisor), left.valid & right.valid & nonzero)

    return apply


def _compare(function: Callable[..., Any]) -> Callable[[Vector, Vector], Vector]:
    def apply(left: Vector, right: Vector) -> Vector:
        found = np.asarray(function(_comparable(left), _comparable(right)), dtype=np.bool_)
        return Vector(found, left.valid & right.valid)

    return apply


def _and(left: Vector, right: Vector) -> Vector:
    false = (left.valid & ~left.values) | (right.valid & ~right.values)
    return Vector(~false, (left.valid & right.valid) | false)


def _or(left: Vector, right: Vector) -> Vector:
    true = (left.valid & left.values) | (right.valid & right.values)
    return Vector(true, (left.valid & right.valid) | true)


def _is_null(arg: Vector) -> Vector:
    return Vector(~arg.valid, np.ones(len(arg.valid), dtype=np.bool_))


def _is_in(arg: Vector, *members: Vector) -> Vector:
    found = np.zeros(len(arg.valid), dtype=np.bool_)
    for member in members:
        found |= np.asarray(arg.values == member.values, dtype=np.bool_)
    return Vector(found, arg.valid)


def _fill(arg: Vector, other: Vector) -> Vector:
    return Vector(np.where(arg.valid, arg.values, other.values), arg.valid | other.valid)


def _same(left: Vector, right: Vector) -> Vector:
    """Compare with null equal to null alone."""
    equal = _compare(np.equal)(left, right)
    return Vector(np.where(equal.valid, equal.values, left.valid == right.valid), np.ones(len(equal.valid), np.bool_))


def _matches(arg: Vector, pattern: Vector) -> Vector:
    match = re.compile(expand_pattern(str(pattern.values[0]))).fullmatch if len(pattern.values) else None
    found = [valid and match is not None and match(text) is not None for text, valid in _texts(arg)]
    return Vector(np.array(found, dtype=np.bool_), arg.valid)


def _length(arg: Vector) -> Vector:
    return Vector(np.array([len(text) if valid else 0 for text, valid in _texts(arg)], dtype=np.int64), arg.valid)


def _compare_embeddings(op: Near) -> Callable[[Vector, Vector], Vector]:
    def apply(left: Vector, right: Vector) -> Vector:
        valid = left.valid & right.valid
        # What stands where there is none may be anything, and must not raise a flag.
        values = np.zeros(len(valid), dtype=np.float64)
        values[valid] = compare_all(op, left.values[valid], right.values[valid])
        return normalise(Vector(values, valid))

    return apply


def _component(arg: Vector, place: Vector) -> Vector:
    numbers, number = numbers_of(arg.values), int(place.values[0])
    check_place(number, numbers.shape[1])
    return normalise(Vector(numbers[:, number].astype(np.float64), arg.valid))


def check_place(place: int, length: int) -> None:
    """Refuse, as ValueError, a component that embeddings of a length do not have."""
    if not 0 <= place < length:
        raise ValueError(f"it has components 0 to {length - 1}, and no {place}")


def _texts(arg: Vector) -> Iterable[tuple[str, bool]]:
    return zip(arg.values.tolist(), arg.valid.tolist(), strict=True)


_APPLY: Final[dict[Operator, Callable[..., Vector]]] = {
    "add": _plain(np.add),
    "sub": _plain(np.subtract),
    "mul": _plain(np.multiply),
    "div": _divide(np.true_divide),
    "floordiv": _divide(np.floor_divide),
    "mod": _divide(np.mod),
    "neg": _plain(np.negative),
    "abs": _plain(np.abs),
    "lt": _compare(np.less),
    "le": _compare(np.less_equal),
    "gt": _compare(np.greater),
    "ge": _compare(np.greater_equal),
    "eq": _compare(np.equal),
    "ne": _compare(np.not_equal),
    "same": _same,
    "and": _and,
    "or": _or,
    "not": _plain(np.logical_not),
    "is_null": _is_null,
    "is_in": _is_in,
    "fill": _fill,
    "matches": _matches,
    "length": _length,
    **{op: _compare_embeddings(op) for op in NEAR},
    "component": _component,
}

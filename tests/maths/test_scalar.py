"""What a compiled expression gives for one row is what the evaluator gives for it among others, to the bit."""

import math
import struct

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import example, given, settings

from shipway.maths.evaluation import evaluate
from shipway.maths.expression import Aggregate, Column, Constant, Operation, Span
from shipway.maths.scalar import compile_expr, resolve_kind, wrap
from shipway.maths.vector import Vector

I64 = st.one_of(
    st.integers(-3, 3),
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.sampled_from([-(1 << 63), (1 << 63) - 1, (1 << 53) + 1, -(1 << 53) - 1, 1 << 62]),
)
FLOATS = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.1, math.inf, -math.inf, 2.0**53, 2.0**63, 5e-324, 1.7e308]),
    st.floats(allow_nan=True),
    st.integers(-5, 5).map(float),
)
TEXTS = st.sampled_from(["", "a", "b", "é", "ab", "\U0001f6eb"])
CELLS = {"bool": st.booleans(), "int": I64, "float": FLOATS, "text": TEXTS}
DTYPES = {"bool": np.bool_, "int": np.int64, "float": np.float64, "text": object}
KINDS = {"b": "bool", "c": "bool", "i": "int", "j": "int", "f": "float", "g": "float", "s": "text", "r": "text"}
OPERATORS = ["lt", "le", "gt", "ge", "eq", "ne", "same", "and", "or", "not", "is_null", "is_in", "fill", "matches"]
ROWS = 4
AGED = Aggregate("age", "t.seen")

COLUMNS = st.fixed_dictionaries(
    {name: st.lists(st.none() | CELLS[kind], min_size=ROWS, max_size=ROWS) for name, kind in KINDS.items()}
)


def constants(kind):
    finite = CELLS[kind].filter(lambda value: not isinstance(value, float) or math.isfinite(value))
    return finite.map(Constant)


def leaves(kind):
    names = st.sampled_from([Column("t", name) for name, its in KINDS.items() if its == kind])
    return st.one_of(names, names, constants(kind), *([I64.map(Span), st.just(AGED)] if kind == "int" else []))


@st.composite
def trees(draw, kind, depth):
    if depth == 0 or draw(st.integers(0, 5)) == 0:
        return draw(leaves(kind))

    def numbers(*more):
        return draw(trees(draw(st.sampled_from(["bool", "int", "float", *more])), depth - 1))

    def exactly(its):
        return draw(trees(its, depth - 1))

    if kind == "text":
        return Operation("fill", (exactly("text"), exactly("text")))
    if kind == "bool":
        op = draw(st.sampled_from(OPERATORS))
        if op in ("and", "or", "fill"):
            return Operation(op, (exactly("bool"), exactly("bool")))
        if op == "matches":
            return Operation(op, (exactly("text"), Constant(draw(st.sampled_from(["a*", "[^b]", r"\w+", ".?"])))))
        if op == "not":
            return Operation(op, (exactly("bool"),))
        if op == "is_null":
            return Operation(op, (numbers("text"),))
        if op == "is_in":
            text = draw(st.booleans())
            members = st.lists(constants("text") if text else st.one_of(*map(constants, ("bool", "int", "float"))))
            return Operation(op, (exactly("text") if text else numbers(), *draw(members)))
        return Operation(op, (exactly("text"), exactly("text")) if draw(st.booleans()) else (numbers(), numbers()))
    whole = ["length"] if kind == "int" else []
    op = draw(st.sampled_from(["add", "sub", "mul", "div", "floordiv", "mod", "neg", "abs", "fill", *whole]))
    if op == "length":
        return Operation(op, (exactly("text"),))
    return Operation(op, (numbers(),) if op in ("neg", "abs") else (numbers(), numbers()))


def bits(value):
    return (type(value), struct.pack("<d", value) if isinstance(value, float) else value)


def vector_of(cells, kind):
    blank = {"text": None}.get(kind, 0)
    values = np.array([blank if cell is None else cell for cell in cells], dtype=DTYPES[kind])
    return Vector(values, np.array([cell is not None for cell in cells], dtype=np.bool_))


def kind_of(node):
    return "int" if node == AGED else KINDS[node.name]


@given(expr=st.sampled_from(["bool", "int", "text"]).flatmap(lambda kind: trees(kind, 4)), columns=COLUMNS)
@settings(max_examples=400)
@example(  # `1 << 63` as a float is what the least whole number is not
    expr=Operation("neg", (Column("t", "f"),)), columns={name: [-(2.0**63)] * ROWS for name in KINDS}
)
def test_one_row_is_what_it_is_among_others(expr, columns):
    aged = [7, None, -(1 << 63), 0]

    def leaf(node):
        return vector_of(aged, "int") if node == AGED else vector_of(columns[node.name], KINDS[node.name])

    def getter(node):
        cells = aged if node == AGED else columns[node.name]
        clean = [None if isinstance(cell, float) and math.isnan(cell) else cell for cell in cells]
        return lambda row: clean[row]

    whole = evaluate(expr, leaf, ROWS)
    function = compile_expr(expr, getter, kind_of)
    expected = [
        value if valid else None for value, valid in zip(whole.values.tolist(), whole.valid.tolist(), strict=True)
    ]
    assert [bits(function(row)) for row in range(ROWS)] == [bits(value) for value in expected]
    assert DTYPES[resolve_kind(expr, kind_of)] == (object if whole.values.dtype.kind == "O" else whole.values.dtype)


@pytest.mark.parametrize(
    ("expr", "why"),
    [
        (Column("t", "s") * 2, "text cannot be calculated with"),
        (Column("t", "i").is_in("a"), "text and numbers do not mix"),
        (~Column("t", "f"), "only conditions"),
    ],
)
def test_what_the_evaluator_refuses_is_refused_when_it_is_compiled(expr, why):
    def empty(node):
        return vector_of([], KINDS[node.name])

    with pytest.raises(ValueError, match=why) as refused:
        compile_expr(expr, lambda node: lambda row: None, kind_of)
    with pytest.raises(ValueError, match=why) as said:
        evaluate(expr, empty, 0)
    assert str(refused.value) == str(said.value)


@given(I64, I64)
def test_whole_numbers_wrap_as_numpy_wraps_them(a, b):
    with np.errstate(over="ignore"):
        assert wrap(a * b) == int(np.multiply(np.array([a]), np.array([b]))[0])

"""Expressions evaluate like plain Python row by row, with None for null."""

import math
from types import SimpleNamespace

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from shipway.maths.evaluation import evaluate
from shipway.maths.expression import Column, Constant, Operation, render
from shipway.maths.vector import Vector

I64 = st.integers(-(1 << 63), (1 << 63) - 1)
t = SimpleNamespace(**{name: Column("t", name) for name in "ijfbcs"})
NAN = math.nan
DATA = {
    "i": [5, -5, None, 7, 0, 2**53 + 1],
    "j": [0, 3, 2, -2, None, 1],
    "f": [1.5, NAN, None, -0.0, math.inf, 0.1],
    "b": [True, False, None, True, False, None],
    "c": [True, True, True, None, False, None],
    "s": ["a", None, "b", "", "é", "a"],
}
KINDS = {"i": np.int64, "j": np.int64, "f": np.float64, "b": np.bool_, "c": np.bool_, "s": object}
ROWS = 6


def leaf(node):
    cells = DATA[node.name]
    values = np.array(
        [{"s": None}.get(node.name, 0) if cell is None else cell for cell in cells], dtype=KINDS[node.name]
    )
    return Vector(values, np.array([cell is not None for cell in cells]))


def rows_of(expr):
    vector = evaluate(expr, leaf, ROWS)
    assert vector.values.shape == vector.valid.shape == (ROWS,)
    assert vector.values.dtype in (np.int64, np.float64, np.bool_, object)
    return [
        value if valid else None for value, valid in zip(vector.values.tolist(), vector.valid.tolist(), strict=True)
    ]


def both(function):
    def apply(a, b):
        if a is None or b is None:
            return None
        value = function(a, b)
        return None if isinstance(value, float) and math.isnan(value) else value

    return apply


@pytest.mark.parametrize(("left", "right"), [("i", "j"), ("i", "f"), ("f", "j"), ("b", "i"), ("b", "c"), ("f", "f")])
@pytest.mark.parametrize(
    ("op", "oracle"),
    [
        ("add", lambda a, b: a + b), ("sub", lambda a, b: a - b), ("mul", lambda a, b: a * b),
        ("div", lambda a, b: a / b if b else None), ("floordiv", lambda a, b: a // b if b else None),
        ("mod", lambda a, b: a % b if b else None), ("lt", lambda a, b: a < b), ("le", lambda a, b: a <= b),
        ("gt", lambda a, b: a > b), ("ge", lambda a, b: a >= b), ("eq", lambda a, b: a == b),
        ("ne", lambda a, b: a != b),
    ],
)  # fmt: skip
def test_operators_are_those_of_python_and_null_where_an_operand_is(op, oracle, left, right):
    expr = Operation(op, (Column("t", left), Column("t", right)))
    cells = [[None if isinstance(x, float) and math.isnan(x) else x for x in DATA[name]] for name in (left, right)]
    expected = [both(oracle)(a, b) for a, b in zip(*cells, strict=True)]
    assert repr(rows_of(expr)) == repr(expected)


@given(I64, I64)
def test_whole_numbers_wrap_at_64_bits(a, b):
    expr = Operation("mul", (Constant(a), Constant(b)))
    found = evaluate(expr, leaf, 1).values[0]
    assert int(found) == (a * b + (1 << 63)) % (1 << 64) - (1 << 63)


NULL = Operation("lt", (Column("t", "nothing"), Constant(0)))
TRUTH = {True: Constant(True), False: Constant(False), None: NULL}


@pytest.mark.parametrize("a", [True, False, None])
@pytest.mark.parametrize("b", [True, False, None])
def test_and_and_or_have_three_values(a, b):
    """SQL:2016, 4.5, tables 11 and 12: unknown unless the other side settles it."""
    conjunction = False if a is False or b is False else None if a is None or b is None else True
    disjunction = True if a is True or b is True else None if a is None or b is None else False

    def nothing(_):
        return Vector(np.array([-1]), np.array([False]))

    for expr, expected in ((TRUTH[a] & TRUTH[b], conjunction), (TRUTH[a] | TRUTH[b], disjunction)):
        vector = evaluate(expr, nothing, 1)
        assert (bool(vector.values[0]) if vector.valid[0] else None) is expected


def test_null_is_seen_by_is_null_and_fill_only():
    assert rows_of(t.f.is_null()) == [False, True, True, False, False, False]
    assert rows_of(t.f.fill(-1)) == [1.5, -1.0, -1.0, 0.0, math.inf, 0.1]
    assert rows_of(t.i.fill(t.j)) == [5, -5, 2, 7, 0, 2**53 + 1]
    assert rows_of(t.b.fill(False)) == [True, False, False, True, False, False]
    assert rows_of(t.s.fill("none")) == ["a", "none", "b", "", "é", "a"]
    assert rows_of(~t.b) == [False, True, None, False, True, None]
    assert rows_of(-t.j) == [0, -3, -2, 2, None, -1]
    assert rows_of(abs(t.f)) == [1.5, None, None, 0.0, math.inf, 0.1]


def test_what_is_not_a_number_is_null():
    assert rows_of(t.f - t.f) == [0.0, None, None, 0.0, None, 0.0]
    assert rows_of(t.f > 0) == [True, None, None, False, True, True]


def test_text_is_ordered_and_compared_though_some_is_missing():
    assert rows_of(t.s < "b") == [True, None, False, True, False, True]
    assert rows_of(t.s.is_in("a", "")) == [True, None, False, True, False, True]
    assert rows_of(t.s.is_in()) == [False, None, False, False, False, False]
    assert rows_of(t.i.is_in(5, 0.5, 7.0)) == [True, False, None, True, False, False]


def test_a_span_counts_in_microseconds():
    assert rows_of(t.i - "1s") == [-999_995, -1_000_005, None, -999_993, -1_000_000, 2**53 + 1 - 1_000_000]


@pytest.mark.parametrize(
    ("expr", "why"),
    [
        (t.s * 2, "text cannot be calculated with"),
        (t.s > 2, "text and numbers do not mix"),
        (t.i.is_in("a"), "text and numbers do not mix"),
        (t.i & t.b, "only conditions"),
        (~t.f, "only conditions"),
        (t.s.fill(0), "do not mix"),
    ],
)
def test_operators_refuse_what_they_cannot_be_applied_to(expr, why):
    with pytest.raises(ValueError, match=why) as refusal:
        evaluate(expr + 1, leaf, ROWS)
    assert str(refusal.value).startswith(f"{render(expr)} cannot be evaluated")
    assert str(refusal.value).count("cannot be evaluated") == 1


def test_no_rows_give_no_values():
    empty = Vector(np.array([], dtype=np.float64), np.array([], dtype=np.bool_))
    assert evaluate((t.f / 2 > 1) & t.f.is_in(1, 2), lambda _: empty, 0).values.shape == (0,)

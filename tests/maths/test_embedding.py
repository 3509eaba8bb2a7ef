"""Embeddings are bytes that are compared in one order, so that the bits are the same everywhere."""

import math
import struct

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from shipway.maths.embedding import (
    LONGEST,
    NEAR,
    compare,
    compare_all,
    length_of,
    numbers_of,
    pack_numbers,
    view_numbers,
    write_kind,
)
from shipway.maths.evaluation import evaluate
from shipway.maths.expression import Column, Constant, Operation
from shipway.maths.scalar import compile_expr, resolve_kind
from shipway.maths.vector import Vector, result_kind

SINGLES = st.floats(width=32, allow_nan=False, allow_infinity=False)
PAIRS = st.integers(1, 9).flatmap(
    lambda n: st.lists(st.tuples(*[st.lists(SINGLES, min_size=n, max_size=n)] * 2), min_size=1, max_size=5)
)


def pack(numbers):
    return struct.pack(f"<{len(numbers)}f", *numbers)


def columns_of(pairs):
    return tuple(pack_numbers(np.array([pair[side] for pair in pairs], dtype=np.float32)) for side in (0, 1))


def test_a_kind_says_how_long():
    assert length_of(write_kind(384)) == 384
    assert [length_of(kind) for kind in ("float", "embedding[0]", "embedding[]", f"embedding[{LONGEST + 1}]")] == [
        None
    ] * 4


@given(PAIRS)
def test_a_column_is_the_bytes_of_its_numbers(pairs):
    left, _ = columns_of(pairs)
    assert left.tolist() == [pack(numbers) for numbers, _ in pairs]
    assert numbers_of(left).tolist() == [numbers for numbers, _ in pairs]


def test_one_is_seen_without_a_copy_and_cannot_be_written():
    embedding = pack([1.0, -0.0])
    numbers = view_numbers(embedding)
    assert numbers.tolist() == [1.0, -0.0]
    with pytest.raises(ValueError, match="read-only"):
        numbers[0] = 2


@pytest.mark.parametrize("op", NEAR)
@given(pairs=PAIRS)
def test_one_row_is_compared_as_among_others(op, pairs):
    left, right = columns_of(pairs)
    among = compare_all(op, left, right).tolist()
    alone = [compare(op, pack(a), pack(b)) for a, b in pairs]
    assert [None if math.isnan(value) else value.hex() for value in among] == [
        None if value is None else value.hex() for value in alone
    ]


@given(PAIRS)
def test_what_is_compared_is_near_the_exact_value(pairs):
    for a, b in pairs:
        size = sum(abs(x * y) for x, y in zip(a, b, strict=True))
        assert compare("dot", pack(a), pack(b)) == pytest.approx(
            math.fsum(x * y for x, y in zip(a, b, strict=True)), abs=1e-14 * size + 5e-324
        )
        assert compare("distance", pack(a), pack(b)) == pytest.approx(math.dist(a, b), rel=1e-13, abs=1e-160)


@given(st.lists(SINGLES, min_size=1, max_size=9))
def test_an_embedding_is_at_one_with_itself(numbers):
    itself, other = pack(numbers), pack([-number for number in numbers])
    if any(numbers):
        assert compare("cosine", itself, itself) == 1.0
        assert compare("cosine", itself, other) == -1.0
    else:
        assert compare("cosine", itself, itself) is None
    assert compare("distance", itself, itself) == 0.0


def test_the_order_of_adding_up_is_what_the_definition_says():
    a = [1e8, 1.0, -1e8, 3.0, 1.0]
    # The further half (the last two) onto the nearer one (the first three), and so on.
    first = [a[0] * a[0] + a[3] * a[3], a[1] * a[1] + a[4] * a[4], a[2] * a[2]]
    assert compare("dot", pack(a), pack(a)) == (first[0] + first[2]) + first[1]


A, B, C = (Column("t", name) for name in "abc")
CELLS = {"a": [[1.5, -2.0], None, [0.0, 0.0]], "b": [[3.0, 4.0], [1.0, 1.0], [1.0, 2.0]]}


def leaf(node):
    cells = CELLS[node.name]
    numbers = np.array([[math.nan, math.nan] if cell is None else cell for cell in cells], dtype=np.float32)
    return Vector(pack_numbers(numbers), np.array([cell is not None for cell in cells]))


@pytest.mark.parametrize(
    "expr", [A.dot(B), A.cosine(B), A.distance(B), A.component(1), A.fill(B).dot(B), A.is_null(), A.fill(B)]
)
def test_expressions_give_one_row_what_it_has_among_others(expr):
    whole = evaluate(expr, leaf, 3)
    wanted = [
        value if there else None for value, there in zip(whole.values.tolist(), whole.valid.tolist(), strict=True)
    ]

    def getter(node):
        return lambda row: None if CELLS[node.name][row] is None else pack(CELLS[node.name][row])

    def kind(node):
        return write_kind(2)

    function = compile_expr(expr, getter, kind)
    assert [function(row) for row in range(3)] == wanted
    dtype = {"f": "float", "b": "bool", "V": "embedding[2]"}[whole.values.dtype.kind]
    assert resolve_kind(expr, kind) == dtype


@pytest.mark.parametrize(
    ("op", "kinds", "why"),
    [
        ("dot", ["embedding[2]", "embedding[3]"], "different lengths"),
        ("cosine", ["embedding[2]", "float"], "only embeddings"),
        ("add", ["embedding[2]", "embedding[2]"], "neither calculated"),
        ("lt", ["embedding[2]", "embedding[2]"], "neither calculated"),
        ("fill", ["embedding[2]", "embedding[3]"], "do not mix"),
        ("component", ["float", "int"], "only embeddings"),
        ("component", ["embedding[2]", "text"], "whole number"),
    ],
)
def test_what_does_not_fit_is_refused(op, kinds, why):
    with pytest.raises(ValueError, match=why):
        result_kind(op, kinds)


def test_a_component_that_is_not_there_is_refused_by_both():
    expr = Operation("component", (A, Constant(2)))
    with pytest.raises(ValueError, match="components 0 to 1, and no 2") as refused:
        evaluate(expr, leaf, 3)
    with pytest.raises(ValueError, match="no 2") as said:
        compile_expr(expr, lambda node: lambda row: None, lambda node: write_kind(2))
    assert str(refused.value) == str(said.value)


@pytest.mark.parametrize("wrong", [2.0, -1, True, "0"])
def test_a_component_is_counted(wrong):
    with pytest.raises(TypeError, match="counted from 0"):
        A.component(wrong)


def test_an_embedding_is_compared_with_a_column():
    with pytest.raises(TypeError, match="name a column"):
        A.dot([1.0, 2.0])


def test_expressions_read_as_they_were_written():
    assert str(A.dot(B) / A.distance(C).fill(1.0)) == "t.a.dot(t.b) / t.a.distance(t.c).fill(1.0)"
    assert str(A.component(3)) == "t.a.component(3)"

"""Expressions print back as written, travel as JSON, and evaluate like plain Python row by row."""

import keyword
import math

import hypothesis.strategies as st
import msgspec
import numpy as np
import pytest
from hypothesis import given

from shipway.maths.expression import (
    Aggregate,
    Column,
    Constant,
    Operation,
    Span,
    evaluate,
    render,
    walk,
)
from shipway.maths.vector import Vector

Expr = Column | Constant | Span | Operation | Aggregate


class Table:
    """Hands out columns the way a source does: by attribute or, where a name is taken, by item."""

    key = name = columns = "taken"

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Column("t", name)

    def __getitem__(self, name):
        return Column("t", name)


t = Table()
COLUMN = st.one_of(
    st.sampled_from(["a", "b", "delay", "key", "name", "class", "__len__", "tail num", '"', "né"]), st.text(max_size=4)
).map(t.__getitem__)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
I64 = st.integers(-(1 << 63), (1 << 63) - 1)
SCALAR = st.one_of(st.booleans(), I64, FINITE, st.text(max_size=5))
NUMBER = st.one_of(I64, FINITE)
DURATION = st.integers(-(10**13), 10**13).map("{}us".format)


def grow(inner):
    """Every way in which a user can build on an expression."""
    other = inner | SCALAR
    binary = {
        "<": lambda a, b: a < b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
        "*": lambda a, b: a * b, "&": lambda a, b: a & b, "|": lambda a, b: a | b, "equals": lambda a, b: a.equals(b),
        "differs": lambda a, b: a.differs(b), "fill": lambda a, b: a.fill(b),
    }  # fmt: skip
    forwards = {
        "+": lambda a, b: a + b, "-": lambda a, b: a - b, "/": lambda a, b: a / b, "//": lambda a, b: a // b,
        "%": lambda a, b: a % b,
    }  # fmt: skip
    backwards = {
        "+": lambda a, b: b + a, "-": lambda a, b: b - a, "*": lambda a, b: b * a, "/": lambda a, b: b / a,
        "//": lambda a, b: b // a, "%": lambda a, b: b % a,
    }  # fmt: skip
    unary = {"-": lambda a: -a, "abs": abs, "~": lambda a: ~a, "null": lambda a: a.is_null()}
    return st.one_of(
        st.builds(lambda f, a, b: f(a, b), st.sampled_from(list(binary.values())), inner, other),
        st.builds(lambda f, a, b: f(a, b), st.sampled_from(list(forwards.values())), inner, inner | NUMBER | DURATION),
        st.builds(lambda f, a, b: f(a, b), st.sampled_from(list(backwards.values())), inner, NUMBER),
        st.builds(lambda f, a: f(a), st.sampled_from(list(unary.values())), inner),
        st.builds(lambda a, span: span + a, inner, DURATION),
        st.builds(lambda a, span: span - a, inner, DURATION),
        st.builds(lambda a, members: a.is_in(*members), inner, st.lists(SCALAR, max_size=3)),
    )


TREES = st.recursive(COLUMN, grow, max_leaves=8)


@given(TREES)
def test_an_expression_prints_back_as_python_that_builds_it(expr):
    assert eval(render(expr), {"t": t}) == expr
    assert str(expr) == render(expr)


@given(TREES)
def test_an_expression_travels_as_json(expr):
    data = msgspec.json.encode(expr)
    found = msgspec.json.decode(data, type=Expr)
    assert found == expr
    assert render(found) == render(expr)
    assert msgspec.json.encode(found) == data


@pytest.mark.parametrize(
    ("expr", "text"),
    [
        ((t.a + 1) * t.b, "(t.a + 1) * t.b"),
        ((-t.a).is_null(), "(-t.a).is_null()"),
        (-(t.a.is_null()), "-t.a.is_null()"),
        (t.a - 10 > t.b * 2 + 1, "t.a - 10 > t.b * 2 + 1"),
        (t.a - (t.b - t.c) - 1, "t.a - (t.b - t.c) - 1"),
        (-(t.a * t.b) * -t.a, "-(t.a * t.b) * -t.a"),
        ((t.a > 1) & ~(t.b | t.c) | t.d, "(t.a > 1) & ~(t.b | t.c) | t.d"),
        ((t.a < t.b) < t.c, "(t.a < t.b) < t.c"),
        (t.a < (t.b < t.c), "t.a < (t.b < t.c)"),
        (~(t.a > 3) & t.b, "~(t.a > 3) & t.b"),
        (t.at - "2h", 't.at - "2h"'),
        ("90m" + t.at, '"1h30m" + t.at'),
        (t.a.is_in("x", 'y"\\'), 't.a.is_in("x", "y\\"\\\\")'),
        (t["key"] > 0, 't["key"] > 0'),
        (t["class"].equals("a"), 't["class"].equals("a")'),
        (Column("flights.landed", "arr_delay") > 15, "flights.landed.arr_delay > 15"),
        (1 / t.a, "1 / t.a"),
        (abs(t.a - t.b), "abs(t.a - t.b)"),
        (t.a.fill(0).differs(t.b), "t.a.fill(0).differs(t.b)"),
        (Aggregate("count", "f.landed", width_us=3_600_000_000), 'w.count(f.landed, last="1h")'),
        (Aggregate("sum", "f.landed", t.a, 86_400_000_000), 'w.total(t.a, last="1d")'),
        (Aggregate("min", "f.landed", t.a, 60_000_000), 'w.least(t.a, last="1m")'),
        (Aggregate("max", "f.landed", t.a, 60_000_000), 'w.greatest(t.a, last="1m")'),
        (Aggregate("last", "f.landed", t.a), "w.newest(t.a)"),
        (Aggregate("age", "f.landed", width_us=60_000_000), 'w.age(f.landed, within="1m")'),
        (
            Aggregate("around", "f.scheduled", width_us=60_000_000, after_us=1_000_000, anchor=t.at),
            'w.around(f.scheduled, t.at, before="1m", after="1s")',
        ),
    ],
)
def test_each_form_is_written_as_a_user_would(expr, text):
    assert render(expr) == text


def test_a_window_can_stand_in_arithmetic():
    mean = Aggregate("mean", "f.landed", t.a, 3_600_000_000)
    assert render(mean.fill(0) / 60) == 'w.mean(t.a, last="1h").fill(0) / 60'
    assert msgspec.json.decode(msgspec.json.encode(mean), type=Expr) == mean


def test_walk_yields_parents_first_and_what_windows_read():
    inner = t.a > 15
    mean = Aggregate("share", "f.landed", inner, 1)
    assert list(walk(mean + 1)) == [mean + 1, mean, inner, t.a, Constant(15), Constant(1)]


@pytest.mark.parametrize("value", [None, [1], b"x", 1j, object()])
def test_what_is_no_value_is_refused(value):
    with pytest.raises(TypeError, match="cannot stand here"):
        t.a.equals(value)
    with pytest.raises(TypeError, match="cannot stand here"):
        t.a.is_in(value)


@pytest.mark.parametrize("value", [math.nan, math.inf, 1 << 63, -(1 << 63) - 1])
def test_numbers_that_do_not_travel_are_refused(value):
    with pytest.raises(ValueError, match="64 bits"):
        t.a + value


def test_text_beside_plus_and_minus_is_a_duration():
    assert (t.at + "1h").args[1] == Span(3_600_000_000)
    with pytest.raises(ValueError, match="not a duration"):
        t.at + "soon"


def test_a_condition_is_no_truth_value():
    with pytest.raises(TypeError, match="for each row"):
        bool(t.a > 3)
    with pytest.raises(TypeError):
        0 < t.a < 3  # noqa: B015


def test_a_column_is_not_a_member_of_a_set():
    with pytest.raises(TypeError, match="cannot stand here"):
        t.a.is_in(t.b)


# Evaluation, against plain Python with None for null.

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
    expr = Operation(op, (t[left], t[right]))
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


def test_keywords_are_items():
    assert all(render(t[word]) == f't["{word}"]' for word in keyword.kwlist)

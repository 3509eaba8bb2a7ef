"""Expressions print back as written, travel as JSON, and refuse what they cannot say."""

import copy
import keyword
import math
import pickle

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given

from shipway.maths.expression import (
    Aggregate,
    Column,
    Constant,
    Operation,
    Span,
    render,
    walk,
)

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
        "*": lambda a, b: a * b, "equals": lambda a, b: a.equals(b),
        "differs": lambda a, b: a.differs(b), "fill": lambda a, b: a.fill(b),
        "same": lambda a, b: a.same_as(b),
    }  # fmt: skip
    joins = {"&": lambda a, b: a & b, "|": lambda a, b: a | b}
    forwards = {
        "+": lambda a, b: a + b, "-": lambda a, b: a - b, "/": lambda a, b: a / b, "//": lambda a, b: a // b,
        "%": lambda a, b: a % b,
    }  # fmt: skip
    backwards = {
        "+": lambda a, b: b + a, "-": lambda a, b: b - a, "*": lambda a, b: b * a, "/": lambda a, b: b / a,
        "//": lambda a, b: b // a, "%": lambda a, b: b % a,
    }  # fmt: skip
    unary = {
        "-": lambda a: -a,
        "abs": abs,
        "~": lambda a: ~a,
        "null": lambda a: a.is_null(),
        "length": lambda a: a.length(),
    }
    return st.one_of(
        st.builds(lambda f, a, b: f(a, b), st.sampled_from(list(binary.values())), inner, other),
        st.builds(lambda f, a, b: f(a, b), st.sampled_from(list(joins.values())), inner, inner),
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
        (t.a.matches(r"N\d+") & (t.a.length() > 2), r't.a.matches("N\\d+") & (t.a.length() > 2)'),
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


@pytest.mark.parametrize(
    ("word", "right"),
    [
        ("isin", "is_in"),
        ("len", "length"),
        ("eq_missing", "same_as"),
        ("fullmatch", "matches"),
        ("fillna", "fill"),
        ("fill_null", "fill"),
        ("isna", "is_null"),
        ("eq", "equals"),
        ("fil", "fill"),
    ],
)
def test_a_wrong_method_is_answered_with_the_right_one(word, right):
    for expr in (t.a, t.a > 3, Constant(1)):
        with pytest.raises(AttributeError, match=f"did you mean '{right}'"):
            getattr(expr, word)
        assert not hasattr(expr, word)


@pytest.mark.parametrize("expr", [t.a, t.a > 3, Aggregate("mean", "f.landed", t.a, 60)])
def test_an_expression_is_copied_and_pickled(expr):
    assert copy.copy(expr) == copy.deepcopy(expr) == pickle.loads(pickle.dumps(expr)) == expr


@pytest.mark.parametrize(
    ("members", "hint"),
    [([1, 2], "is_in(1, 2)"), (("a", 'b"'), 'is_in("a", "b\\"")'), ({"b", "a"}, 'is_in("a", "b")'), ([], "is_in()")],
)
def test_a_list_of_members_is_told_to_be_spread(members, hint):
    with pytest.raises(TypeError) as refused:
        t.a.is_in(members)
    assert str(refused.value).endswith(f"cannot stand here: write {hint}")


@pytest.mark.parametrize(
    "join",
    [
        lambda no: (t.a > 3) & no,
        lambda no: (t.a > 3) | no,
        lambda no: no & (t.a > 3),
        lambda no: no | (t.a > 3),
    ],
)
@pytest.mark.parametrize("no", [t.b == 2, t.b != 2])
def test_a_comparison_of_trees_is_joined_with_no_condition(join, no):
    with pytest.raises(TypeError, match=r"write column\.equals\(x\), not column == x"):
        join(no)


def test_keywords_are_items():
    assert all(render(t[word]) == f't["{word}"]' for word in keyword.kwlist)

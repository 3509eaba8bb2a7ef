"""The NumPy evaluator is the oracle: both must agree on every value, its type and its nulls."""

from datetime import UTC, date, datetime, timedelta

import hypothesis.strategies as st
import numpy as np
import polars as pl
import pytest
from hypothesis import given

from shipway.core.error import ShipwayError
from shipway.data.translation import kind_of, to_polars
from shipway.maths.evaluation import evaluate
from shipway.maths.expression import Aggregate, Column, Constant, Operation, Span
from shipway.maths.vector import Vector

I64 = st.one_of(st.integers(-20, 20), st.integers(-(1 << 63), (1 << 63) - 1), st.sampled_from([2**53 + 1, -(2**63)]))
F64 = st.one_of(st.sampled_from([0.0, -0.0, 0.1, 1.0, -2.5, 1e300]), st.floats())
TEXT = st.sampled_from(["", "a", "B", "é", "𝄞", "10"])
CELLS = {
    "i": I64,
    "j": st.integers(-3, 3),
    "f": F64,
    "g": F64,
    "b": st.booleans(),
    "c": st.booleans(),
    "s": TEXT,
    "t": TEXT,
}
TYPES = {"i": pl.Int64, "j": pl.Int64, "f": pl.Float64, "g": pl.Float64, "b": pl.Boolean, "c": pl.Boolean,
         "s": pl.String, "t": pl.String}  # fmt: skip


def column(name):
    return Column("rows", name)


def extend(inner, ops):
    return st.builds(Operation, st.sampled_from(ops), st.tuples(inner, inner))


INTS = st.sampled_from([column("i"), column("j")])
FLOATS = st.sampled_from([column("f"), column("g")])
TEXTS = st.recursive(
    st.sampled_from([column("s"), column("t")]) | TEXT.map(Constant),
    lambda inner: extend(inner, ["fill"]),
    max_leaves=3,
)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
NUMBERS = st.recursive(
    st.one_of(INTS, FLOATS, st.sampled_from([column("b")]), I64.map(Constant), FINITE.map(Constant), I64.map(Span)),
    lambda inner: st.one_of(
        extend(inner, ["add", "sub", "mul", "div", "floordiv", "mod", "fill"]),
        st.builds(lambda op, arg: Operation(op, (arg,)), st.sampled_from(["neg", "abs"]), inner),
        st.builds(lambda arg: Operation("length", (arg,)), TEXTS),
    ),
    max_leaves=6,
)
PATTERNS = st.sampled_from(["", ".", "[aB]?", "[^a]*", r"\d+", r"\w{1,2}", "a|é", "𝄞"])
MEMBERS = st.lists(st.one_of(I64, FINITE, st.booleans()).map(Constant), max_size=4)
LEAVES = st.one_of(
    st.sampled_from([column("b"), column("c"), Constant(True), Constant(False)]),
    extend(NUMBERS, ["lt", "le", "gt", "ge", "eq", "ne", "same"]),
    extend(TEXTS, ["lt", "le", "gt", "ge", "eq", "ne", "same"]),
    st.builds(lambda arg, pattern: Operation("matches", (arg, Constant(pattern))), TEXTS, PATTERNS),
    st.builds(lambda arg, members: Operation("is_in", (arg, *members)), NUMBERS, MEMBERS),
    st.builds(lambda arg, ms: Operation("is_in", (arg, *ms)), TEXTS, st.lists(TEXT.map(Constant), max_size=3)),
    st.builds(lambda arg: Operation("is_null", (arg,)), NUMBERS | TEXTS),
)
CONDITIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        extend(inner, ["and", "or", "eq", "ne", "same", "fill"]), st.builds(lambda arg: Operation("not", (arg,)), inner)
    ),
    max_leaves=6,
)


@st.composite
def frames(draw):
    rows = draw(st.integers(0, 6))
    cells = {name: st.lists(st.none() | cell, min_size=rows, max_size=rows) for name, cell in CELLS.items()}
    return pl.DataFrame({name: draw(cell) for name, cell in cells.items()}, schema=TYPES)


def leaf_of(frame):
    def leaf(node):
        series = frame[node.name]
        fill = {"i": 0, "f": 0.0, "b": False, "s": None}[
            {"j": "i", "g": "f", "c": "b", "t": "s"}.get(node.name, node.name)
        ]
        values = np.array([fill if value is None else value for value in series.to_list()], dtype=object)
        kind = {pl.Int64: np.int64, pl.Float64: np.float64, pl.Boolean: np.bool_, pl.String: object}[series.dtype]
        return Vector(values.astype(kind), series.is_not_null().to_numpy())

    return leaf


def bits(values):
    """Text and booleans as they are, numbers as their bits, which tells 0.0 from -0.0."""
    return [value.hex() if isinstance(value, float) else value for value in values]


@given(frames(), st.one_of(NUMBERS, TEXTS, CONDITIONS))
def test_polars_agrees_with_the_evaluator(frame, expr):
    expected = evaluate(expr, leaf_of(frame), frame.height)
    found = frame.with_columns(to_polars(expr, frame.schema).alias("found"))["found"]
    kinds = {"i": "int", "f": "float", "b": "bool", "O": "text"}
    assert kind_of(expr, frame.schema) == kinds[expected.values.dtype.kind]
    assert (
        found.dtype
        == {"int": pl.Int64, "float": pl.Float64, "bool": pl.Boolean, "text": pl.String}[kind_of(expr, frame.schema)]
    )
    assert found.is_not_null().to_list() == expected.valid.tolist()
    assert bits(found.drop_nulls().to_list()) == bits(expected.values[expected.valid].tolist())


def evaluated(expr, **columns):
    frame = pl.DataFrame(columns)
    return frame.select(found=to_polars(expr, frame.schema))["found"].to_list()


def test_quotients_of_floats_are_those_of_python():
    left, right = [1.0, -1.0, 7.5, 5.0, float("inf")], [0.1, 0.3, -2.0, 0.0, 2.0]
    assert evaluated(column("a") // column("b"), a=left, b=right) == [1.0 // 0.1, -1.0 // 0.3, 7.5 // -2.0, None, None]
    assert evaluated(column("a") % column("b"), a=left, b=right) == [1.0 % 0.1, -1.0 % 0.3, 7.5 % -2.0, None, None]


def test_time_counts_in_microseconds():
    at = datetime(2013, 2, 1, 12, tzinfo=UTC)
    expected = [int(at.timestamp()) * 1_000_000 - 7_200_000_000]
    for unit in ("ms", "us", "ns"):
        series = pl.Series("at", [at], dtype=pl.Datetime(unit, "UTC"))
        assert evaluated(column("at") - "2h", at=series) == expected
    midnight = int(datetime(2013, 2, 1, tzinfo=UTC).timestamp()) * 1_000_000
    assert evaluated(column("day") + "0s", day=[date(2013, 2, 1)]) == [midnight]
    assert evaluated(column("took") > 60_000_000, took=[timedelta(minutes=1), timedelta(minutes=2)]) == [False, True]


def test_narrow_types_are_widened():
    small = pl.Series([100, 100], dtype=pl.Int8)
    assert evaluated(column("a") * 100, a=small) == [10_000, 10_000]
    assert evaluated(column("a").equals("x"), a=pl.Series(["x", "y"], dtype=pl.Categorical)) == [True, False]
    assert evaluated(column("a") * 2, a=pl.Series(["1.50"]).cast(pl.Decimal(10, 2))) == [3.0]


@pytest.mark.parametrize(
    ("expr", "code", "fact"),
    [
        (column("orgin").equals("JFK"), "SW-202", "no column 'orgin'"),
        (column("origin") > 5, "SW-203", "text and numbers do not mix"),
        (column("origin") + column("origin"), "SW-203", "text cannot be calculated with"),
        (column("delay") & column("late"), "SW-203", "only conditions"),
        (column("delay").is_in("a"), "SW-203", "do not mix"),
        (column("parts").is_null(), "SW-203", "no expression can read"),
        (Aggregate("count", "flights.landed", width_us=1), "SW-106", "window"),
    ],
)
def test_wrong_expressions_are_refused(expr, code, fact):
    schema = {"origin": pl.String(), "delay": pl.Int64(), "late": pl.Boolean(), "parts": pl.List(pl.Int64)}
    with pytest.raises(ShipwayError) as refusal:
        to_polars(expr, schema)
    assert refusal.value.code == code
    assert fact in refusal.value.fact


def test_a_misspelt_column_is_answered_with_the_right_one():
    with pytest.raises(ShipwayError) as refusal:
        to_polars(column("orgin").is_null(), {"origin": pl.String()})
    assert refusal.value.hint == "did you mean 'origin'?"

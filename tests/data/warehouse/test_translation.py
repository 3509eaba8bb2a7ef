"""Polars is the oracle: an expression has the same value in SQL, or is refused."""

import math
from datetime import UTC, datetime

import hypothesis.strategies as st
import polars as pl
from hypothesis import Phase, given, settings

from shipway.core.error import ShipwayError
from shipway.data.translation import kind_of, to_polars
from shipway.data.warehouse.dialect import DIALECTS
from shipway.data.warehouse.translation import Columns, kind_in, to_sql
from shipway.maths.expression import Column, Constant, Operation, Span

SQL_TYPES = {pl.Int64: "bigint", pl.Float64: "double precision", pl.Boolean: "boolean", pl.String: "text"}
TYPES = {"i": pl.Int64, "j": pl.Int64, "f": pl.Float64, "g": pl.Float64, "b": pl.Boolean, "s": pl.String,
         "u": pl.String}  # fmt: skip
I64 = st.integers(-20, 20) | st.sampled_from([2**53 + 1, -(2**63), 2**63 - 1, 2**31])
FINITE = st.sampled_from([0.0, 0.1, 1.0, -2.5, 1e22, 123456.789, 0.30000000000000004]) | st.floats(-1e9, 1e9)
F64 = FINITE | st.sampled_from([math.nan, math.inf, -math.inf, -0.0])
TEXT = st.sampled_from(["", "a", "B", "é", "𝄞", "10", "it's", "a\\b", "a\nb", "%s", '"', "a b"])
CELLS = {"i": I64, "j": st.integers(-3, 3), "f": F64, "g": F64, "b": st.booleans(), "s": TEXT, "u": TEXT}


def column(name):
    return Column("rows", name)


def extend(inner, ops):
    return st.builds(Operation, st.sampled_from(ops), st.tuples(inner, inner))


TEXTS = st.recursive(
    st.sampled_from([column("s"), column("u")]) | TEXT.map(Constant),
    lambda inner: extend(inner, ["fill"]),
    max_leaves=3,
)
NUMBERS = st.recursive(
    st.one_of(
        st.sampled_from([column(name) for name in "ijfgb"]), I64.map(Constant), FINITE.map(Constant), I64.map(Span)
    ),
    lambda inner: st.one_of(
        extend(inner, ["add", "sub", "mul", "div", "floordiv", "mod", "fill"]),
        st.builds(lambda op, arg: Operation(op, (arg,)), st.sampled_from(["neg", "abs"]), inner),
        st.builds(lambda arg: Operation("length", (arg,)), TEXTS),
    ),
    max_leaves=4,
)
PATTERNS = st.sampled_from(
    [
        "",
        ".",
        "[aB]?",
        "[^a]*",
        r"\d+",
        r"\w{1,2}",
        "a|é",
        "𝄞",
        r"[\x00-\x1f]*",
        r"a\\b",
        "it's",
        r"[\]\-a^]+",
        "(a|b){0,9}",
    ]
)
MEMBERS = st.lists(st.one_of(I64, FINITE, st.booleans()).map(Constant), max_size=4)
ORDERS = ["lt", "le", "gt", "ge", "eq", "ne", "same"]
LEAVES = st.one_of(
    st.sampled_from([column("b"), Constant(True), Constant(False)]),
    extend(NUMBERS, ORDERS),
    extend(TEXTS, ORDERS),
    st.builds(lambda arg, pattern: Operation("matches", (arg, Constant(pattern))), TEXTS, PATTERNS),
    st.builds(lambda arg, members: Operation("is_in", (arg, *members)), NUMBERS, MEMBERS),
    st.builds(lambda arg, ms: Operation("is_in", (arg, *ms)), TEXTS, st.lists(TEXT.map(Constant), max_size=3)),
    st.builds(lambda arg: Operation("is_null", (arg,)), NUMBERS | TEXTS),
)
CONDITIONS = st.recursive(
    LEAVES,
    lambda inner: (
        extend(inner, ["and", "or", "eq", "ne", "same", "fill"])
        | st.builds(lambda arg: Operation("not", (arg,)), inner)
    ),
    max_leaves=4,
)


@st.composite
def frames(draw):
    rows = draw(st.integers(1, 5))
    cells = {name: st.lists(st.none() | cell, min_size=rows, max_size=rows) for name, cell in CELLS.items()}
    return pl.DataFrame({name: draw(cell) for name, cell in cells.items()}, schema=TYPES)


def write_cell(value, dtype):
    text = "null" if value is None else "'" + str(value).replace("'", "''") + "'"
    return f"cast({text} as {SQL_TYPES[dtype]})"


def write_rows(frame):
    rows = [
        ", ".join(f'{write_cell(cell, frame.schema[name])} as "{name}"' for name, cell in row.items())
        + f", {number} as place"
        for number, row in enumerate(frame.iter_rows(named=True))
    ]
    return f"({' union all '.join(f'select {row}' for row in rows)}) as t"


REFUSALS = ("out of range", "overflow", "divides floats with a remainder")


def ask_or_refuse(warehouse, frame, expr):
    columns = Columns("rows", frame.schema, DIALECTS[warehouse.dialect])
    try:
        question = f"select {to_sql(expr, columns)} as found from {write_rows(frame)} order by t.place"
        return kind_in(expr, columns), warehouse.ask(question, about="rows")["found"], None
    except ShipwayError as refusal:
        return None, None, refusal


@settings(max_examples=60, phases=[Phase.generate])
@given(frames(), st.one_of(NUMBERS, TEXTS, CONDITIONS))
def test_sql_agrees_with_polars(yard, frame, expr):
    with yard.open() as warehouse:
        kind, found, refusal = ask_or_refuse(warehouse, frame, expr)
    if refusal is not None:
        assert refusal.code == "SW-403"
        assert any(words in refusal.fact.lower() for words in REFUSALS)
        return
    expected = frame.select(found=to_polars(expr, frame.schema))["found"]
    assert kind == kind_of(expr, frame.schema)
    assert found.dtype == expected.dtype
    assert found.to_list() == expected.to_list()


def test_times_count_in_microseconds(yard):
    columns = {
        "z": "cast('2013-02-01 12:00:00.123456+00' as timestamptz)",
        "l": "cast('1969-12-31 23:59:59.999999' as timestamp)",
        "d": "cast('1960-01-01' as date)",
    }
    schema = {"z": pl.Datetime("us", "UTC"), "l": pl.Datetime("us"), "d": pl.Date()}
    with yard.open() as warehouse:
        known = Columns("rows", schema, DIALECTS[warehouse.dialect])
        wanted = ", ".join(f"{to_sql(column(name), known)} as {name}" for name in columns)
        rows = ", ".join(f"{text} as {name}" for name, text in columns.items())
        answer = warehouse.ask(f"select {wanted} from (select {rows}) as t", about="rows")
    noon = int(datetime(2013, 2, 1, 12, tzinfo=UTC).timestamp()) * 1_000_000
    assert answer.row(0) == (noon + 123_456, -1, -3653 * 86_400_000_000)


def test_narrow_and_broad_types_are_read_as_their_kind(yard):
    columns = {"a": ("cast(100 as smallint)", pl.Int16()), "r": ("cast(0.1 as real)", pl.Float32()),
               "d": ("cast(12.5 as decimal(10, 2))", pl.Decimal(10, 2))}  # fmt: skip
    with yard.open() as warehouse:
        known = Columns("rows", {name: dtype for name, (_, dtype) in columns.items()}, DIALECTS[warehouse.dialect])
        exprs = [column("a") * 10_000, column("r") * 1, column("d") / 5]
        wanted = ", ".join(f"{to_sql(expr, known)} as x{place}" for place, expr in enumerate(exprs))
        rows = ", ".join(f"{text} as {name}" for name, (text, _) in columns.items())
        answer = warehouse.ask(f"select {wanted} from (select {rows}) as t", about="rows")
    assert answer.row(0) == (1_000_000, pl.Series([0.1], dtype=pl.Float32).cast(pl.Float64)[0], 2.5)

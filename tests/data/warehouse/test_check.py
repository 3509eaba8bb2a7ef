"""Polars is the oracle: a warehouse gives the same evidence for the same rows, whatever the rule and the rows."""

import math
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import hypothesis.strategies as st
import msgspec
import polars as pl
import pytest
from hypothesis import Phase, given, settings
from polars.testing import assert_frame_equal

import shipway as sw
from shipway.core.check import NOTHING_CAME, Check
from shipway.core.data_measure import DataMeasure, Refers
from shipway.core.error import ShipwayError
from shipway.core.feature import Label, Source
from shipway.data.check import measure_tables
from shipway.data.delivery import split_rows
from shipway.data.warehouse.check import measure_warehouse, write_questions
from shipway.data.warehouse.relation import Place
from shipway.maths.expression import Column

t = Source(
    "t",
    ("id",),
    ("t",),
    {"at": ("s", "n", "f", "q", "b", "day", "k", "small", "z", "r", "d", "l", "u"), "always": ("at", "gone")},
)
other = Source("other", ("k",), ("other",), {"always": ("k", "s")})
START = datetime(2024, 2, 28, tzinfo=UTC)
NOW = int(datetime(2024, 3, 3, tzinfo=UTC).timestamp()) * 1_000_000
WORDS = ["", "a", "A", "é", "𝄞", "it's", 'said "no"', "back\\slash", "new\nline", "10", "percent %s"]
LATE = Label("late", Column("t.at", "n") > 0)

SCHEMA = {
    "id": pl.Int64,
    "s": pl.String,
    "n": pl.Int64,
    "f": pl.Float64,
    "q": pl.Float64,
    "b": pl.Boolean,
    "at": pl.Datetime("us", "UTC"),
    "day": pl.Date,
    "k": pl.Int64,
    "small": pl.Int32,
    "z": pl.Float64,
    "r": pl.Float32,
    "d": pl.Decimal(10, 2),
    "l": pl.Datetime("us"),
    "u": pl.Int16,
}
CELLS = {
    "s": st.sampled_from(WORDS) | st.text("abÀ𝄞 \t'\"\\", max_size=4),
    "n": st.integers(-30, 30) | st.sampled_from([2**53 + 1, -(2**63), 2**63 - 1, 12_345, 99_995]),
    "f": st.sampled_from([math.nan, 0.0, 0.1, 1.5, -2.25, 1234.56, 1e-7, 98765.4321, 1e12]),
    "q": st.integers(-40, 40).map(lambda quarters: quarters / 4),
    "b": st.booleans(),
    "at": st.integers(-(10**6), 6 * 86_400 * 10**6).map(lambda us: START + timedelta(microseconds=us)),
    "day": st.integers(-3, 40_000).map(lambda days: date(1970, 1, 1) + timedelta(days=days)),
    "k": st.integers(0, 4),
    "r": st.sampled_from([0.1, 1.5, -2.0, math.nan, 3e38]),
    "d": st.integers(-500, 500).map(lambda cents: Decimal(cents) / 100),
    "l": st.integers(-(10**6), 6 * 86_400 * 10**6).map(lambda us: datetime(1969, 12, 28) + timedelta(microseconds=us)),
    "u": st.integers(-(2**15), 2**15 - 1),
    "z": st.sampled_from([0.0, -0.0, 1.0, math.nan, math.inf]),
    "small": st.integers(-(2**31), 2**31 - 1) | st.integers(-3, 3),
}
RULES = [
    sw.has_columns(t, s="text", n="int", f="int", gone="text", at="instant", day="date", b="bool"),
    sw.has_rows(t),
    sw.has_rows(t, by=t.at).against("main", last="2d"),
    sw.holds(t.n % 7 >= 0),
    sw.holds((t.small // 5 > -1) | t.b),
    sw.holds(t.s.matches("[a-zA-Z]*|𝄞") & ~t.b),
    sw.holds(t.s.length() <= 1),
    sw.holds(t.s < "b"),
    sw.holds(t.f > t.n),
    sw.holds(t.f.is_in(1.5, 0, 0.1)),
    sw.holds(t.s.is_in(*WORDS[:6])),
    sw.holds(t.at - t.day > 0),
    sw.holds(t.s.same_as("a")),
    sw.holds(t.f.fill(3) / t.q > 0.5),
    sw.readable(t.s),
    sw.rule("quarters", t, "q * 4 >= -100 and n is not null"),
    sw.present(t.s),
    sw.present(t.f),
    sw.unique(t.k),
    sw.unique(t.s, t.k),
    sw.unique(t.f),
    sw.unique(t.z),
    sw.refers(t.k, other.k),
    sw.refers((t.k, t.s), (other.k, other.s)),
    sw.fresh(t.at, within="1d"),
    sw.fresh(t.at, within="1d", per=t.s),
    sw.fresh(t.at, within="1d", per=(t.k, t.s), support_rows=2),
    sw.past(t.at),
    sw.gaps(t.at, every="12h"),
    sw.gaps(t.at, every="1d", per=t.k),
    sw.thinnest_day(t.at),
    sw.fullest_day(t.at - "5h").against("main"),
    sw.mean(t.q),
    sw.mean(t.q, by=t.at),
    sw.mean(t.q).against("main"),
    sw.mean(t.q, by=t.at).against("main", last="3d", ago="1d"),
    sw.share(t.b, by=t.at).against("main"),
    sw.quantile(t.f, 0.5),
    sw.quantile(t.small, 0.9, by=t.at).against("main"),
    sw.quantile(t.q, 0.25).against("main"),
    sw.distinct(t.s),
    sw.distinct(t.f),
    sw.distinct(t.z),
    sw.distinct(t.s, t.k).against("main"),
    sw.correlation(t.q, t.k),
    sw.correlation(t.q, t.k, by=t.at),
    sw.shift(t.f),
    sw.shift(t.q, by=t.at).against("main", last="4d"),
    sw.shift(t.s, by=t.at),
    sw.shift(t.b),
    sw.unseen(t.s),
    sw.unseen(t.f),
    sw.holds(1 / t.z > t.f),
    sw.present(t.z),
    sw.unseen(t.day, by=t.at).against("main", last="2d"),
    sw.vanished(t.s),
    sw.vanished(t.k, share=0.3),
    sw.holds(t.d * 2 > t.q),
    sw.holds(t.d + 0.01 <= t.r),
    sw.mean(t.d, by=t.at).against("main"),
    sw.quantile(t.d, 0.5),
    sw.unseen(t.d),
    sw.unique(t.r),
    sw.unseen(t.r),
    sw.distinct(t.r, t.d),
    sw.gaps(t.l, every="1d"),
    sw.thinnest_day(t.l),
    sw.present(t.l),
    sw.quantile(t.u, 0.5, by=t.l),
    sw.holds(t.u * 3 - t.small // 7 > 0),
    sw.label_rate(LATE),
    sw.timely(LATE, asked=t.day + "0s"),
]  # fmt: skip


def check_of(rule) -> Check:
    return rule if isinstance(rule, Check) else rule.check


CHECKS = [check_of(rule) for rule in RULES]
CHECKS = list({check.name: check for check in CHECKS}.values())


@st.composite
def frames(draw, first=0):
    rows = draw(st.integers(0, 12))
    cells = {name: st.lists(st.none() | cell, min_size=rows, max_size=rows) for name, cell in CELLS.items()}
    columns = {"id": list(range(first, first + rows))} | {name: draw(cell) for name, cell in cells.items()}
    return pl.DataFrame(columns, schema=SCHEMA)


def same(found, expected):
    """Tell whether facts are the same; floats may differ by the order in which they were added."""
    if isinstance(expected, dict):
        return found.keys() == expected.keys() and all(same(found[name], expected[name]) for name in expected)
    if isinstance(expected, list | tuple):
        return len(found) == len(expected) and all(map(same, found, expected))
    if isinstance(expected, float) and isinstance(found, float):
        return math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-9) or (math.isnan(found) and math.isnan(expected))
    return found == expected


FRAME = pl.DataFrame({"id": [1, 2, 3], "s": ["a", None, "c"], "n": [1, 2, 2], "f": [0.5, 1.5, math.nan]})


def measure_both(yard, rows, main, others, checks):
    yard.put("t", rows)
    yard.put("other", others)
    yard.run("drop table if exists before.t" if yard.name == "DuckDB" else "drop schema if exists before cascade")
    if main is not None:
        yard.put("t", main, schema="before")
    how = {"subject": "data:x", "now": NOW, "log_digest": "d" * 64, "keys": {"t": ("id",)}}
    with yard.open() as warehouse:
        mains = {"t": Place("t", "before")}
        found = measure_warehouse(checks, warehouse, {"t": Place("t")}, mains=mains, **how)
    content = split_rows(rows, main, ("id",))
    if main is not None:
        content = replace(content, unchanged=rows.sort("id").equals(main.sort("id")))
    return found, measure_tables(checks, {"t": content, "other": others}, **how)


def plain(measured, measure):
    """Return evidence and examples of a rule; orphans are told in the order of the key, as Polars has none."""
    facts, examples = dict(measured.evidence.facts), measured.examples
    if isinstance(measure, Refers) and examples is not None:
        examples = examples.sort("id") if facts["count"] <= 5 else None
        facts["said"] = facts["said"].partition(", e.g.")[0]
    return msgspec.structs.replace(measured.evidence, facts=facts), examples


def assert_same(found, expected, checks):
    assert list(found) == list(expected)
    for check in checks:
        mine, examples = plain(found[check.name], check.measure)
        theirs, wanted = plain(expected[check.name], check.measure)
        for field in mine.__struct_fields__:
            assert same(getattr(mine, field), getattr(theirs, field)), (check.name, field, mine, theirs)
        assert (examples is None) == (wanted is None), check.name
        if wanted is not None:
            assert_frame_equal(examples, wanted)


@settings(max_examples=12, phases=[Phase.generate])
@given(frames(), st.none() | frames(first=4), frames(), st.sampled_from(["all", "new"]))
def test_evidence_is_that_of_polars(yard, rows, main, others, which):
    checks = [check.on(which) if which == "new" else check for check in CHECKS]
    found, expected = measure_both(yard, rows, main, others.select("k", "s").drop_nulls("k"), checks)
    assert_same(found, expected, checks)


@pytest.mark.parametrize("change", ["none", "corrected", "fewer"])
def test_a_table_that_is_what_main_has_is_known_for_one(yard, change):
    main = FRAME.with_columns(z=pl.Series([-0.0, None, 2.0]))
    rows = main.with_columns(z=pl.Series([0.0, math.nan, 2.0]))[::-1]
    if change == "corrected":
        rows = rows.with_columns(s=pl.lit("b"))
    if change == "fewer":
        rows = rows.head(2)
    check = sw.present(t.s).on("new")
    yard.put("t", rows)
    yard.put("t", main, schema="before")
    how = {"subject": "data:x", "now": NOW, "log_digest": "d" * 64, "keys": {"t": ("id",)}}
    with yard.open() as warehouse:
        found = measure_warehouse([check], warehouse, {}, mains={"t": Place("t", "before")}, **how)
    evidence = found[check.name].evidence
    assert (evidence.n, evidence.facts.get(NOTHING_CAME, False)) == (0, change == "none")


def test_every_measure_is_among_them():
    assert {type(check.measure) for check in CHECKS} == set(DataMeasure.__args__)


def measure(yard, frame, *rules, **more):
    yard.put("t", frame)
    how = {"subject": "data:x", "now": NOW, "log_digest": "d" * 64, "keys": {"t": ("id",)}} | more
    with yard.open() as warehouse:
        return measure_warehouse([check_of(rule) for rule in rules], warehouse, {}, **how)


def test_what_compares_with_main_is_refused_by_name_where_nobody_says_where_it_lies(yard):
    with pytest.raises(ShipwayError) as refused:
        measure(yard, FRAME, sw.present(t.s), sw.unseen(t.s), sw.unique(t.n).on("new"))
    assert refused.value.code == "SW-403"
    assert refused.value.fact.startswith(f"2 checks are not to be had in {yard.name}: unseen t.s: it compares")
    assert "t unique by n" in refused.value.fact
    assert "--main" in refused.value.hint


def test_what_main_never_had_is_compared_with_nothing(yard):
    found = measure(yard, FRAME, sw.unseen(t.s), mains={"t": Place("t", "nowhere")})
    assert found["unseen t.s"].evidence.value == 0
    assert "the main branch has no such table" in found["unseen t.s"].evidence.facts["said"]


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (sw.rule("half", t, pl.col("f") > 0), "t: half: a rule on t is a Polars expression"),
        (sw.holds(t.f % 0.5 > 0), "divides floats with a remainder"),
    ],
)
def test_what_sql_cannot_compute_exactly_is_refused_by_name(yard, rule, said):
    with pytest.raises(ShipwayError, match="SW-403") as refused:
        measure(yard, FRAME, rule, sw.present(t.s))
    assert said in refused.value.fact
    assert yard.name in refused.value.fact


def test_a_pattern_that_postgres_cannot_count_is_refused_there(duckdb_yard, postgres_yard):
    long = sw.holds(t.s.matches("[ac]{1,300}"))
    (found,) = measure(duckdb_yard, FRAME, long).values()
    assert found.evidence.facts["count"] == 0
    with pytest.raises(ShipwayError, match="counts further than the 255 that PostgreSQL can"):
        measure(postgres_yard, FRAME, long)


def test_whole_numbers_that_leave_64_bits_stop_the_question(yard):
    frame = FRAME.with_columns(n=pl.lit(2**63 - 1))
    with pytest.raises(ShipwayError, match="SW-403") as refused:
        measure(yard, frame, sw.holds(t.n + t.id > 0))
    assert f"table 't' cannot be measured in {yard.name}" in refused.value.fact
    assert "out of range" in refused.value.fact.lower()


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        (sw.present(t.q), "SW-202"),
        (sw.holds(t.s > 1), "SW-203"),
        (sw.mean(t.s), "SW-203"),
        (sw.fresh(t.s, within="1d"), "SW-203"),
        (sw.refers(t.s, t.n), "SW-203"),
        (sw.holds(t.n), "SW-203"),
    ],
)
def test_wrong_columns_are_refused_as_by_polars(yard, rule, code):
    with pytest.raises(ShipwayError) as refused:
        measure(yard, FRAME, rule)
    how = {"subject": "data:x", "now": NOW, "log_digest": "", "keys": {}}
    with pytest.raises(ShipwayError) as expected:
        measure_tables([check_of(rule)], {"t": FRAME}, **how)
    assert (refused.value.code, refused.value.fact) == (code, expected.value.fact)


def test_a_table_that_is_not_there_is_answered_with_the_nearest(yard):
    yard.put("orders", FRAME)
    orders = Source("order", ("id",), ("order",), {"always": ("s",)})
    with yard.open() as warehouse, pytest.raises(ShipwayError) as refused:
        measure_warehouse([sw.present(orders.s)], warehouse, {}, subject="", now=NOW, log_digest="")
    assert refused.value.code == "SW-209"
    assert refused.value.hint == "did you mean 'orders'?"


NASTY = [
    "t",
    "o",
    "v",
    "k0",
    "g",
    'o"r',
    "drop table t; --",
    "sélect",
    "with space",
    "it's",
    "semi;colon",
    "back\\slash",
    "UPPER",
    "percent%s",
]


@pytest.mark.parametrize("name", NASTY)
def test_any_name_of_tables_schemas_and_columns_can_be_asked(yard, name):
    frame = FRAME.rename({"s": name, "id": f"{name}2"})
    yard.put(name, frame, schema=f"{name}3")
    source = Source("t", (f"{name}2",), ("t",), {"always": (name, "n", f"{name}2")})
    rules = [sw.present(source[name]), sw.unique(source[f"{name}2"], source[name]), sw.distinct(source[name], source.n)]
    with yard.open() as warehouse:
        found = measure_warehouse(
            rules, warehouse, {"t": Place(name, f"{name}3")}, subject="", now=NOW, log_digest="",
            keys={"t": (f"{name}2",)},
        )  # fmt: skip
    present, unique, distinct = found.values()
    assert present.examples.to_dicts() == [{f"{name}2": 2, name: None}]
    assert unique.evidence.facts["unkeyed"] == 1
    assert distinct.evidence.value == 2


def test_a_rule_in_sql_is_asked_in_the_words_of_the_warehouse(yard):
    words = "starts_with(s, 'a') -- as it is written"
    (found,) = measure(yard, FRAME, sw.rule("starts", t, words)).values()
    assert found.evidence.facts["count"] == 1
    assert found.examples.to_dicts()[0]["id"] == 3


def test_a_rule_in_sql_that_is_no_condition_is_refused(yard):
    with pytest.raises(ShipwayError, match="SW-203 a condition on t is Int64, not true or false"):
        measure(yard, FRAME, sw.rule("number", t, "n"))
    with pytest.raises(ShipwayError, match="SW-203 a condition on t cannot be read") as refused:
        measure(yard, FRAME, sw.rule("lost", t, "nothing > 0"))
    assert "nothing" in refused.value.fact
    assert "select" not in refused.value.fact


def test_one_select_asks_everything_that_can_be_counted_and_one_group_by_each_key(yard):
    yard.put("t", FRAME)
    counted = [sw.present(t.s), sw.holds(t.n > 0), sw.mean(t.f), sw.distinct(t.s), sw.past(t.n), sw.has_rows(t)]
    with yard.open() as warehouse:
        questions = write_questions([*counted, sw.unique(t.n), sw.unique(t.s)], warehouse, {}, now=NOW)
        answers = [warehouse.ask(question.sql, about="t") for question in questions]
    failing = [question for question in questions if question.what.endswith(", failing rows")]
    asked = [question.what for question in questions if question not in failing]
    assert asked == ["t, in one pass", "t unique by n", "t unique by s"]
    assert [answer.height for answer in answers[:3]] == [1, 1, 1]
    assert [question.what.removesuffix(", failing rows") for question in failing] == [
        "t.s present", "t: t.n > 0", "t.n past", "t unique by n", "t unique by s",
    ]  # fmt: skip


def test_two_different_checks_of_one_name_are_refused(yard):
    one = sw.present(t.s)
    with pytest.raises(ShipwayError, match="SW-105"):
        measure(yard, FRAME, one, msgspec.structs.replace(sw.present(t.n), name=one.name))


def test_numbers_of_any_precision_are_numbers(postgres_yard):
    postgres_yard.run(
        "drop table if exists money", "create table money (id int, price numeric, fixed numeric(10, 2), paid money)",
        "insert into money values (1, 1.5, 2.25, 3), (2, 'NaN', null, 4)",
    )  # fmt: skip
    money = Source("money", ("id",), ("money",), {"always": ("price", "fixed", "paid")})
    with postgres_yard.open() as warehouse:
        rules = [sw.mean(money.price), sw.mean(money.fixed), sw.present(money.paid)]
        found = measure_warehouse(rules, warehouse, {}, subject="", now=NOW, log_digest="")
        with pytest.raises(ShipwayError, match=r"SW-203 money\.paid is Unknown"):
            measure_warehouse([sw.holds(money.paid > 1)], warehouse, {}, subject="", now=NOW, log_digest="")
    assert [one.evidence.value for one in found.values()] == [1.5, 2.25, 0.0]


def test_texts_compare_by_their_characters_whatever_the_column_says(duckdb_yard):
    duckdb_yard.run("create or replace table t (id int, s varchar collate nocase, n int)")
    duckdb_yard.run("insert into t values (1, 'a', 1), (2, 'A', 1)")
    with duckdb_yard.open() as warehouse:
        rules = [sw.distinct(t.s), sw.unique(t.s), sw.holds(t.s.is_in("a")), sw.holds(t.s < "Z")]
        found = measure_warehouse(rules, warehouse, {}, subject="", now=NOW, log_digest="")
    assert [one.evidence.value for one in found.values()] == [2.0, 0.0, 0.5, 0.5]

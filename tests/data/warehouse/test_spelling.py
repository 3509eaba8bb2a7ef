"""Dialects that nothing here runs: a parser that knows them reads what is written, and it is what it was.

`python tests/data/warehouse/test_spelling.py` writes the golden files anew.
"""

import math
from pathlib import Path

import duckdb
import hypothesis.strategies as st
import numpy as np
import polars as pl
import pytest
import sqlglot
import sqlglot.expressions as exp
from hypothesis import example, given
from sqlglot.optimizer.qualify import qualify

from shipway.core import window as w
from shipway.core.feature import Entity, FeatureView, Label, Source
from shipway.data.plan import Plan, plan_views
from shipway.data.warehouse.frame import spell_questions
from shipway.data.warehouse.relation import Place, relate
from shipway.data.warehouse.spelling import BIGQUERY, SNOWFLAKE, SPELT, spelling_of
from shipway.testing.refusal import expect_refusal

GOLDEN = Path(__file__).parent / "golden"
GENERATED = [name for name in SPELT if name not in ("duckdb", "postgres")]
INSTANT = pl.Datetime("us", "UTC")
TRIPS = Source(
    "trips",
    ("id",),
    ("trips",),
    {"published": ("line", "scheduled", "seats", "day"), "arrived": ("delay", "fare", "late", "note")},
)
SCHEMA = {
    "id": pl.Int64(),
    "published": INSTANT,
    "scheduled": INSTANT,
    "arrived": INSTANT,
    "line": pl.String(),
    "seats": pl.Int32(),
    "day": pl.Date(),
    "delay": pl.Int64(),
    "fare": pl.Float64(),
    "late": pl.Boolean(),
    "note": pl.String(),
}
ARRIVED = TRIPS.event("arrived")
RECENT = {
    "n": w.count(ARRIVED, last="3h"),
    "delay": w.total(ARRIVED.delay, last="3h"),
    "fare": w.mean(ARRIVED.fare, last="1d"),
    "late": w.share(ARRIVED.late, last="1d"),
    "latest": w.newest(ARRIVED.delay, within="6h"),
    "age": w.age(ARRIVED) / "1m",
    "next": w.around(TRIPS.event("scheduled"), TRIPS.scheduled, before="1h", after="1h"),
}
REACH = {"least": w.least(ARRIVED.fare, last="1d"), "greatest": w.greatest(ARRIVED.delay, last="3h")}
KEPT = {
    "spread": w.deviation(ARRIVED.fare, last="1d"),
    "fading": w.decayed(ARRIVED.delay, half_life="6h", where=ARRIVED.late),
    "median": w.quantile(ARRIVED.delay, 0.5, last="1d", bins=[0, 15, 60]),
    "late": w.quantile(ARRIVED.fare, 0.9, last="1d", bins=w.relative(0.2, least=1, greatest=500)),
    "seats": w.distinct(TRIPS.event("published").seats, last="1d", bins=16),
    "notes": w.distinct(ARRIVED.note, last="1d", of=["it's", "\\ 7"]),
    "note": w.most_common(ARRIVED.note, last="1d", of=["it's", "\\ 7"], place=2),
}
OWN = {
    "seats": TRIPS.seats // 4 % 3,
    "wait": TRIPS.scheduled - TRIPS.day,
    "same": TRIPS.line.same_as("it's \\ 7\n"),
    "some": TRIPS.seats.is_in(1, 2) | TRIPS.line.is_null(),
}


def plan(**views: dict) -> Plan:
    """Plan views of the trips; of a view called `own`, the rows' own."""
    line = Entity("line", ("line",))
    made = tuple(FeatureView(name, None if name == "own" else line, features) for name, features in views.items())
    return plan_views(TRIPS, TRIPS.scheduled, made, {"trips": TRIPS}, label=Label("late", ARRIVED.late))


def spell(name: str, **views: dict) -> str:
    """Return all that is asked in a dialect."""
    spelling = spelling_of(name)
    relation = relate("trips", Place("trips", "shop"), SCHEMA, spelling)
    asked = spell_questions(plan(**views), lambda table: relation, spelling)
    return "\n".join(f"-- {question.what}\n{question.sql};\n" for question in asked)


def views_of(name: str) -> dict:
    """Return the views that a dialect can write."""
    return {"recent": RECENT, "kept": KEPT, "own": OWN} | ({"reach": REACH} if spelling_of(name).ranges else {})


@pytest.mark.parametrize("name", SPELT)
def test_a_parser_of_the_dialect_reads_what_is_written(name):
    script = spell(name, **views_of(name))
    statements = sqlglot.parse(script, read=name, error_level=sqlglot.ErrorLevel.RAISE)
    frame = next(statement for statement in reversed(statements) if statement is not None)
    quote = spelling_of(name).quote
    columns = {f"{quote}{column}{quote}": "bigint" for column in SCHEMA}
    # Every name is resolved as the dialect folds names: in Snowflake, one in quotes is not one without them.
    qualify(frame.copy(), dialect=name, schema={f"{quote}shop{quote}": {f"{quote}trips{quote}": columns}})
    assert frame.named_selects == [
        "id",
        "_at",
        *(f"{view}_{feature}" for view, features in views_of(name).items() for feature in features),
        "_label",
        "_label_known_at",
    ]


@pytest.mark.parametrize("name", SPELT)
def test_what_is_written_is_what_it_was(name):
    assert spell(name, **views_of(name)) == (GOLDEN / f"{name}.sql").read_text(encoding="utf-8")


def test_what_a_dialect_has_no_words_for_is_refused_by_name():
    with expect_refusal("SW-403") as refused:
        spell("redshift", recent=RECENT, reach=REACH)
    assert refused[0].fact.startswith("2 features are not to be had in Redshift: reach_least: ")
    for name in GENERATED:
        with expect_refusal("SW-403") as refused:
            spell(name, own={"odd": TRIPS.line.matches("[0-9]+")})
        assert refused[0].fact.startswith("1 feature is not to be had in ")
        with expect_refusal("SW-403") as refused:
            spell(name, kept={"fares": w.distinct(ARRIVED.fare, last="1d")})
        assert "kept_fares: trips.arrived.fare is spread over bins by the bits of a float" in refused[0].fact
    with expect_refusal("SW-104") as refused:
        spelling_of("snowflke")
    assert refused[0].hint == "did you mean 'snowflake'?"


@pytest.mark.parametrize("name", SPELT)
def test_rows_with_one_key_are_numbered_alike_wherever_they_are_read(name):
    """Where a relation may be calculated again, whatever else is asked about the rows orders them."""
    script = spell(name, recent={"n": RECENT["n"]}, own={"seats": TRIPS.seats})
    frame = next(each for each in reversed(sqlglot.parse(script, read=name)) if each is not None)
    asked = next(each for each in frame.find_all(exp.CTE) if each.alias.lower() == "asked")
    order = asked.find(exp.Window).args["order"].expressions
    kept = asked.args.get("materialized") is True
    assert len(order) == 1 if kept else len(order) == len(asked.this.selects) - 1
    assert kept == (name not in GENERATED)


def test_texts_are_written_as_each_dialect_reads_them():
    assert SPELT["spark"].write_text("it's \\ 7\n") == r"'it\'s \\ 7\n'"
    assert SPELT["redshift"].write_text("it's") == "'it''s'"
    with expect_refusal("SW-403"):
        BIGQUERY.write_name("a`b")


halves = st.integers(-(2**53), 2**53).map(lambda n: n / 2)


@given(value=halves | st.floats(-(2.0**52), 2.0**52))
@example(value=0.49999999999999994)
@example(value=-0.49999999999999994)
@example(value=2.0**52 + 1)
@example(value=math.nextafter(2.5, 3))
def test_floats_are_rounded_to_the_even_number_in_steps_that_are_exact(value):
    written = SNOWFLAKE.whole.format(f"cast('{value!r}' as double)")
    assert duckdb.sql(f"select {written}").fetchall()[0][0] == int(np.rint(value))


@given(left=st.integers(-(2**40), 2**40), right=st.integers(1, 1000))
def test_whole_numbers_are_divided_without_what_is_left(left, right):
    written = SNOWFLAKE.divide.format(f"cast({left} as bigint)", right)
    assert duckdb.sql(f"select {written}").fetchall()[0][0] == int(math.copysign(abs(left) // right, left))


if __name__ == "__main__":
    for dialect in SPELT:
        (GOLDEN / f"{dialect}.sql").write_text(spell(dialect, **views_of(dialect)), encoding="utf-8")

"""`build_frame` is the oracle: a warehouse gives the same bits for the same rows, and refuses what it refuses."""

import datetime as dt
import math
import random
from dataclasses import replace

import hypothesis.strategies as st
import polars as pl
import pytest
from hypothesis import Phase, given, settings

from shipway.core import window as w
from shipway.core.error import ShipwayError
from shipway.core.feature import Entity, FeatureView, Label, Source
from shipway.data.frame import build_frame
from shipway.data.plan import Plan, plan_views
from shipway.data.warehouse import dialect
from shipway.data.warehouse.frame import build_frame_there, write_frame_questions
from shipway.testing.refusal import expect_refusal

START = dt.datetime(2024, 2, 28, tzinfo=dt.UTC)
INSTANT, FLOAT = pl.Datetime("us", "UTC"), pl.Float64
ASKS = Source(
    "asks",
    ("id",),
    ("asks",),
    {"booked": ("asked", "shop", "grade", "size", "due", "note"), "settled": ("rider", "late"), "always": ("lane",)},
)
VISITS = Source(
    "visits",
    ("town", "id"),
    ("visits",),
    {
        "planned": ("due",),
        "paid": ("shop", "grade", "rider", "amount", "price", "wild", "good", "word", "day"),
        "always": ("lane", "colour"),
    },
)
PAID, DUE = VISITS.event("paid"), VISITS.event("due")
SOURCES = {"asks": ASKS, "visits": VISITS}
SCHEMA = {
    "asks": {
        "id": pl.Int64,
        "booked": INSTANT,
        "asked": INSTANT,
        "shop": pl.String,
        "grade": FLOAT,
        "size": FLOAT,
        "due": INSTANT,
        "note": pl.String,
        "settled": INSTANT,
        "rider": pl.Int64,
        "late": pl.Boolean,
        "lane": pl.Int64,
    },
    "visits": {
        "town": pl.String,
        "id": pl.Int64,
        "planned": INSTANT,
        "due": INSTANT,
        "paid": INSTANT,
        "shop": pl.String,
        "grade": FLOAT,
        "rider": pl.Int64,
        "amount": pl.Int64,
        "price": FLOAT,
        "wild": FLOAT,
        "good": pl.Boolean,
        "word": pl.String,
        "day": pl.Date,
        "lane": pl.Int64,
        "colour": pl.String,
    },
}
PRICES = [math.nan, -0.0, 0.0, 0.1, 2.5e-6, 3.5e-6, -2.5e-6, 0.4999995, 1234.5678915, -98.76, 9e8]
WILD = [math.inf, -math.inf, math.nan, -0.0, 0.0, 5e-324, 1e300, -1.5]
WORDS = ["", "a", "B", "é", "𝄞", 'said "no"', "it's"]


def features(width: str) -> dict:
    """Return features of every kind over one width."""
    return {
        "n": w.count(PAID, last=width),
        "total": w.total(PAID.amount, last=width),
        "spent": w.total(PAID.price, last=width),
        "mean": w.mean(PAID.amount, last=width),
        "price": w.mean(PAID.price, last=width),
        "good": w.share(PAID.good, last=width),
        "goods": w.total(PAID.good, last=width),
        "low": w.least(PAID.wild, last=width),
        "high": w.greatest(PAID.wild, last=width),
        "few": w.least(PAID.amount, last=width),
        "best": w.greatest(PAID.good, last=width),
        "day": w.greatest(PAID.day, last=width),
        "wild": w.newest(PAID.wild, within=width),
        "age": w.age(PAID, within=width),
        "dear": w.mean(PAID.price * 2 + PAID.lane, last=width),
        "first": w.first(PAID.wild, last=width),
        "some": w.total(PAID.price, last=width, where=PAID.good & (PAID.amount > -3)),
    }


VIEWS = (
    FeatureView("hour", Entity("shop", ("shop",)), features("1h")),
    FeatureView(
        "both",
        Entity("both", ("shop", "lane")),
        {**features("3h"), **{f"x_{k}": v for k, v in features("40m").items()}},
    ),
    FeatureView("all", Entity("all", ()), features("30m")),
    FeatureView("grade", Entity("grade", ("grade",)), {"n": w.count(PAID, last="1d"), "word": w.newest(PAID.word)}),
    FeatureView("rider", Entity("rider", ("rider",)), {"n": w.count(PAID, last="1d"), "age": w.age(PAID)}),
    FeatureView(
        "plan",
        Entity("shop", ("lane",)),
        {
            "ahead": w.around(DUE, ASKS.due, before="30m", after="1h"),
            "colour": w.newest(VISITS.event("always").colour),
            "gap": w.age(DUE) / "1m",
            "odd": w.around(DUE, ASKS.due, before="30m", after="1h", where=DUE.lane.equals(1)),
        },
    ),
    FeatureView(
        "own",
        None,
        {
            "size": ASKS.size,
            "note": ASKS.note,
            "wait": ASKS.due - ASKS.asked,
            "big": (ASKS.size > 0.25) | ASKS.note.is_in("a", "é"),
            "lane": ASKS.lane % 2,
        },
    ),
    FeatureView(
        "mixed",
        Entity("shop", ("shop",)),
        {
            "ratio": w.total(PAID.price, last="3h") / w.count(PAID, last="3h"),
            "worse": w.mean(PAID.price, last="1h") - w.mean(PAID.price, last="1d") * ASKS.size,
            "filled": w.newest(PAID.word).fill("none"),
            "known": w.least(PAID.amount, last="1h").fill(0) + w.count(PAID, last="1h"),
            "many": w.count(PAID, last="1d") // 2 > 1,
            "word": w.first(PAID.word, last="3h", where=PAID.word.differs("")),
            "low": w.least(PAID.amount, last="1d", where=PAID.good),
            "last": w.newest(PAID.amount, where=~PAID.good),
        },
    ),
)
HOUR, BOTH, ALL, *_, OWN, MIXED = VIEWS
COMPOSITES = (
    FeatureView(
        "joined",
        None,
        {
            "ratio": HOUR.spent / BOTH.spent,
            "rank": HOUR.n - ALL["n"] + ASKS.size,
            "deep": MIXED.ratio / ALL.mean,
            "dear": (OWN.size > HOUR.price) | BOTH.good.fill(0.0).equals(0.5),
            "text": MIXED.filled.equals(OWN.note),
            "alias": MIXED.word,
        },
    ),
    FeatureView("grade", Entity("grade", ("grade",)), {"rel": w.count(PAID, last="1d") / HOUR.n, "same": HOUR.wild}),
    HOUR,
)
LABEL = Label("late", ASKS.event("settled").late)


def plan(*views: FeatureView, label: Label | None = LABEL) -> Plan:
    return plan_views(ASKS, ASKS.asked, views or VIEWS, SOURCES, label=label)


def make_tables(seed: int, asks: int, visits: int) -> dict[str, pl.DataFrame]:
    """Make both tables: few instants a microsecond apart, few keys, nulls, NaN, repeated rows of the spine."""
    chance = random.Random(seed)

    def pick(*values):
        return None if chance.random() < 0.15 else chance.choice(values)

    def instant(hours):
        micros = chance.choice([-1, 0, 0, 1])
        return START + dt.timedelta(hours=hours, minutes=30 * chance.randrange(8), microseconds=micros)

    shops, lanes, grades = ("a", "A", "é"), (0, 1), (math.nan, 0.0, -0.0, 1.5)
    rows = {"asks": [], "visits": []}
    for _ in range(asks):
        asked = instant(2)
        settled = pick(asked + dt.timedelta(minutes=5), asked - dt.timedelta(minutes=5))
        rows["asks"].append(
            {
                "id": chance.randrange(9),
                "booked": asked - dt.timedelta(days=chance.randrange(2)),
                "asked": asked,
                "shop": pick(*shops),
                "grade": pick(*grades),
                "size": pick(math.nan, -0.0, 0.25, 1e9),
                "due": asked + dt.timedelta(minutes=chance.randrange(90)),
                "note": pick(*WORDS),
                "settled": settled,
                "late": None if settled is None else pick(True, False),
                "lane": pick(*lanes),
            }
        )
    for number in range(visits):
        paid = {
            "paid": instant(0),
            "shop": pick(*shops),
            "grade": pick(*grades),
            "rider": pick(0, 1),
            "amount": pick(*range(-5, 6), 2**40 + 1),
            "price": pick(*PRICES) if number else 0.1,
            "wild": pick(*WILD),
            "good": pick(True, False),
            "word": pick(*WORDS),
            "day": pick(dt.date(1969, 12, 30), dt.date(2024, 3, 1)),
        }
        rows["visits"].append(
            {
                "town": chance.choice(["b", "B", "é", "z"]),
                "id": number,
                "planned": START - dt.timedelta(days=1),
                "due": instant(2),
                "lane": pick(*lanes),
                "colour": pick(*WORDS),
                **(paid if chance.random() < 0.9 else {}),
            }
        )
    return {name: pl.DataFrame(rows[name], schema=SCHEMA[name]) for name in rows}


tables = st.builds(make_tables, st.integers(0, 2**32), st.integers(1, 40), st.integers(0, 90))


def bits(frame: pl.DataFrame) -> pl.DataFrame:
    """Return a frame with the bits of its floats, so that the two zeros differ; rows in one order."""
    floats = pl.selectors.float()
    return frame.with_columns(floats.reinterpret(signed=True)).sort(frame.columns)


def put(yard, given: dict[str, pl.DataFrame]) -> None:
    for name, frame in given.items():
        yard.put(name, frame)


def both(yard, made: Plan, given: dict[str, pl.DataFrame]) -> tuple[pl.DataFrame | str, pl.DataFrame | str]:
    """Return a frame from the warehouse and from Polars, or the code and place of what either refuses."""
    put(yard, given)

    def there() -> pl.DataFrame:
        with yard.open() as warehouse:
            return build_frame_there(made, warehouse)

    found = []
    for build in (there, lambda: build_frame(made, given)):
        try:
            found.append(build())
        except ShipwayError as error:
            found.append(error.code)
    return found[0], found[1]


def assert_alike(found: tuple[pl.DataFrame | str, pl.DataFrame | str]) -> None:
    there, here = found
    if isinstance(here, str) or isinstance(there, str):
        assert there == here
        return
    assert there.schema == here.schema
    left, right = bits(there), bits(here)
    differ = [name for name in left.columns if not left[name].equals(right[name])]
    assert not differ, (left.select(differ), right.select(differ))


@pytest.mark.slow
@settings(max_examples=6, phases=(Phase.explicit, Phase.generate))
@given(given=tables)
def test_a_warehouse_gives_the_bits_of_build_frame(yard, given):
    assert_alike(both(yard, plan(), given))


@settings(max_examples=6, phases=(Phase.explicit, Phase.generate))
@given(given=tables)
def test_walking_steps_and_edges_gives_what_an_as_of_join_gives(duckdb_yard, given):
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(dialect.DIALECTS, "duckdb", replace(dialect.DUCKDB, asof=False))
        assert_alike(both(duckdb_yard, plan(), given))


@settings(max_examples=3, phases=(Phase.explicit, Phase.generate), deadline=None)
@given(given=tables)
def test_features_of_other_views_have_the_bits_of_build_frame(yard, given):
    assert_alike(both(yard, plan(*COMPOSITES), given))


def test_a_value_that_is_early_is_refused_of_features_that_read_it_through_others(yard):
    early = FeatureView("v", Entity("shop", ("shop",)), {"x": w.mean(DUE.price, last="1h")})
    made = plan(FeatureView("w", None, {"y": early.x * 2}), label=None)
    there, here = refusals(yard, made, make_tables(5, 20, 40))
    assert (there.code, here.code) == ("SW-301", "SW-301")
    assert there.fact.startswith("w_y reads visits.price through event visits.due before it is known")


def shape(**features) -> Plan:
    """Plan features of the shops alone, without a label."""
    return plan(FeatureView("v", Entity("shop", ("shop",)), features), label=None)


def refusals(yard, made: Plan, given: dict[str, pl.DataFrame]) -> tuple[ShipwayError, ShipwayError]:
    """Return what the warehouse and Polars say against a frame."""
    put(yard, given)
    with pytest.raises(ShipwayError) as here:
        build_frame(made, given)
    with yard.open() as warehouse, pytest.raises(ShipwayError) as there:
        build_frame_there(made, warehouse)
    return there.value, here.value


def test_rows_come_in_the_order_of_the_key(yard):
    given = make_tables(3, 30, 60)
    given["asks"] = given["asks"].unique("id", keep="first").sample(fraction=1.0, shuffle=True, seed=1)
    put(yard, given)
    with yard.open() as warehouse:
        found = build_frame_there(plan(), warehouse)
    assert found.equals(build_frame(plan(), {**given, "asks": given["asks"].sort("id")}))


@pytest.mark.parametrize("rows", [0, 1])
def test_a_frame_of_no_rows_and_one_of_no_history_have_their_columns(yard, rows):
    given = {name: frame.head(rows if name == "asks" else 0) for name, frame in make_tables(1, 1, 1).items()}
    assert_alike(both(yard, plan(label=None), given))


@pytest.mark.parametrize(
    "made",
    [
        shape(early=w.count(ASKS.event("booked"), last="1h"), paid=w.mean(VISITS.event("due").price, last="1h")),
        plan(FeatureView("own", None, {"late": ASKS.late}), label=None),
        plan(FeatureView("v", Entity("rider", ("rider",)), {"n": w.count(PAID, last="1h")}), label=None),
        plan(label=Label("told", ASKS.event("booked").late.same_as(True))),
        plan(
            FeatureView("v", Entity("a", ("lane",)), {"x": w.around(PAID, ASKS.due, before="1h", after="1h")}),
            label=None,
        ),
        plan(
            FeatureView(
                "v", Entity("a", ()), {"x": w.around(DUE, ASKS.due, before="1h", after="1h", where=DUE.price > 0)}
            ),
            label=None,
        ),
        plan(label=Label("small", ASKS.event("booked").size > 1)),
        plan_views(ASKS, ASKS.settled, (), SOURCES),
    ],
    ids=["stream", "row", "key", "label", "ahead", "ahead where", "outcome", "never"],
)
def test_what_is_read_before_it_is_known_is_refused_in_the_same_words(yard, made):
    given = make_tables(5, 30, 60)
    given["asks"] = given["asks"].unique("id").sort("id").with_columns(rider=pl.col("id"))
    given["visits"] = given["visits"].sort("town", "id")
    there, here = refusals(yard, made, given)
    assert there.code == here.code
    if here.code == "SW-301":
        assert str(there) == str(here)


@pytest.mark.parametrize("price", [[1e-4, None], [math.inf, 1.0], [1e10, 1.0], [9e9] * 1030])
def test_sums_that_are_not_exact_are_refused(yard, price):
    given = make_tables(1, 1, len(price))
    given["visits"] = given["visits"].with_columns(
        price=pl.Series(price, dtype=pl.Float64), shop=pl.lit("a"), paid=pl.lit(START).cast(INSTANT)
    )
    there, here = refusals(yard, shape(spent=w.total(PAID.price, last="1h")), given)
    assert there.code == here.code == "SW-303"
    assert there.fact.partition(":")[0] == here.fact.partition(":")[0]


def test_what_cannot_be_computed_is_named(yard):
    put(yard, make_tables(1, 3, 3))
    made = shape(
        odd=w.total(PAID.price, last="1h") % 0.5, n=w.count(PAID, last="1h"), by=w.mean(PAID.price // 2, last="1h")
    )
    with yard.open() as warehouse, expect_refusal("SW-403") as refused:
        build_frame_there(made, warehouse)
    assert refused[0].fact.startswith(f"2 features are not to be had in {yard.name}: v_odd: ")
    assert "; v_by: " in refused[0].fact


def test_a_condition_that_is_none_is_refused(yard):
    made = shape(odd=w.count(PAID, last="1h", where=PAID.amount + 1))
    there, here = refusals(yard, made, make_tables(1, 3, 3))
    assert str(there) == str(here)


def test_a_table_that_is_not_there_is_refused(yard):
    put(yard, {"asks": make_tables(1, 3, 3)["asks"]})
    yard.run('drop table if exists "visits"')
    with yard.open() as warehouse, expect_refusal("SW-209"):
        build_frame_there(plan(), warehouse)


def test_the_newest_by_a_key_of_categories_is_refused(duckdb_yard):
    duckdb_yard.run(
        "create or replace table visits as "
        "select 'b'::enum('z', 'b') as town, 1 as id, null::timestamptz as paid, 'a' as shop"
    )
    duckdb_yard.put("asks", make_tables(1, 3, 3)["asks"])
    with duckdb_yard.open() as warehouse, expect_refusal("SW-403") as refused:
        build_frame_there(shape(age=w.age(PAID)), warehouse)
    assert "visits.town" in refused[0].fact


def test_questions_are_listed_with_the_frame_last(yard):
    given = make_tables(2, 10, 20)
    put(yard, given)
    with yard.open() as warehouse:
        questions = write_frame_questions(plan(), warehouse)
        assert [question.what for question in questions][-2:] == ["visits, whether sums are exact", "the frame"]
        frame = warehouse.ask(questions[-1].sql, about="the frame")
    assert_alike((frame.cast(build_frame(plan(), given).schema), build_frame(plan(), given)))

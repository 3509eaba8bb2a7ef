"""Spreads, fading sums and counts of bins in SQL, to the bit of `build_frame`."""

import datetime as dt
import math
import random
from dataclasses import replace

import hypothesis.strategies as st
import polars as pl
import pytest
from hypothesis import Phase, given, settings
from tests.data.warehouse.test_frame import (
    INSTANT,
    PAID,
    START,
    assert_alike,
    both,
    make_tables,
    plan,
    put,
    refusals,
    shape,
)

from shipway.core import window as w
from shipway.core.feature import Entity, FeatureView
from shipway.data.warehouse import dialect
from shipway.data.warehouse.frame import build_frame_there
from shipway.testing.refusal import expect_refusal

EDGES = [-1.0, 0, 0.1, 1, 10, 1000]
WORDS = ["a", "B", "never", "é", ""]
RELATIVE = w.relative(0.1, least=0.01, greatest=5000)
"""More bins than a step has counts for."""


def kinds(last: str) -> dict:
    """Return features of every kind that keeps more than a sum, over one width."""
    return {
        "far": w.variance(PAID.amount, last=last),
        "spread": w.deviation(PAID.price, last=last, where=PAID.good),
        "fading": w.decayed(PAID.price, half_life=last),
        "fading_lane": w.decayed(PAID.lane + 3, half_life="7m", where=PAID.good),
        "middle": w.quantile(PAID.price, 0.5, last=last, bins=EDGES),
        "upper": w.quantile(PAID.wild, 0.9, last=last, bins=EDGES),
        "rank": w.quantile(PAID.price, 0.3, last=last, bins=RELATIVE),
        "amounts": w.distinct(PAID.amount, last=last, bins=16),
        "wilds": w.distinct(PAID.wild, last=last, bins=64),
        "words": w.distinct(PAID.word, last=last, of=WORDS),
        "word": w.most_common(PAID.word, last=last, of=WORDS),
        "next": w.most_common(PAID.word, last=last, of=WORDS, place=2),
        "amount": w.most_common(PAID.amount, last=last, of=[-1, 0, 1.5, 2], where=PAID.amount > -4),
        "good": w.most_common(PAID.good, last=last, of=[True, False]),
    }


FEW = ("far", "fading", "rank", "words", "word")
MADE = plan(
    FeatureView(
        "shop", Entity("shop", ("shop",)), {**kinds("1h"), "wider": w.distinct(PAID.word, last="3h", of=WORDS)}
    ),
    FeatureView("both", Entity("both", ("shop", "lane")), {name: kinds("1d")[name] for name in FEW}),
    FeatureView("all", Entity("all", ()), {name: kinds("40m")[name] for name in FEW}),
    label=None,
)
tables = st.builds(make_tables, st.integers(0, 2**32), st.integers(1, 30), st.integers(0, 70))


@pytest.mark.slow
@settings(max_examples=4, phases=(Phase.explicit, Phase.generate))
@given(given=tables)
def test_a_warehouse_gives_the_bits_of_build_frame(yard, given):
    assert_alike(both(yard, MADE, given))


@pytest.mark.slow
@settings(max_examples=4, phases=(Phase.explicit, Phase.generate))
@given(given=tables)
def test_walking_steps_and_trees_of_cases_gives_what_as_of_joins_and_lists_give(duckdb_yard, given):
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(dialect.DIALECTS, "duckdb", replace(dialect.DUCKDB, asof="", pick=None))
        assert_alike(both(duckdb_yard, MADE, given))


@pytest.mark.parametrize("rows", [0, 1])
def test_a_frame_of_no_rows_and_one_of_no_history_have_their_columns(duckdb_yard, rows):
    given = {name: frame.head(rows if name == "asks" else 0) for name, frame in make_tables(1, 1, 1).items()}
    assert_alike(both(duckdb_yard, shape(**kinds("1h")), given))


def spend(rows: list[dict], asks: list[dict]) -> dict[str, pl.DataFrame]:
    """Return tables with these payments and questions of one shop, all else as it comes."""
    given = make_tables(1, len(asks), len(rows))
    start = pl.lit(START).cast(INSTANT)
    given["visits"] = given["visits"].with_columns(
        pl.Series(name, [row[name] for row in rows], dtype=given["visits"][name].dtype) for name in rows[0]
    )
    given["visits"] = given["visits"].with_columns(shop=pl.lit("a"))
    given["asks"] = given["asks"].with_columns(
        pl.Series(name, [row[name] for row in asks], dtype=given["asks"][name].dtype) for name in asks[0]
    )
    return {**given, "asks": given["asks"].with_columns(booked=start - pl.duration(days=9999), shop=pl.lit("a"))}


def days(count: float) -> dt.datetime:
    return START + dt.timedelta(days=count)


def test_a_variance_keeps_what_squares_of_floats_would_lose(yard):
    rows = [{"paid": START, "amount": 2**40 + each, "price": 9e8 + each / 8} for each in (0, 1, 3)]
    made = shape(far=w.variance(PAID.amount, last="1h"), near=w.deviation(PAID.price, last="1h"))
    assert_alike(both(yard, made, spend(rows, [{"asked": START}])))


@pytest.mark.parametrize("half_life", ["1us", "1h", "40d", "12000d"])
def test_a_fading_sum_keeps_64_half_lives_and_no_more(yard, half_life):
    """Events before 1970, at the edges of half-lives and of blocks of 64 of them, and read up to 70 later."""
    chance = random.Random(3)
    half = {"1us": dt.timedelta(microseconds=1)}.get(half_life) or dt.timedelta(
        **{"hours" if half_life == "1h" else "days": int(half_life[:-1])}
    )
    start = dt.datetime(1969, 12, 31, 23, tzinfo=dt.UTC) if half_life != "12000d" else days(0)
    near = 70 if half_life != "12000d" else 2
    paid = [start + half * chance.randrange(0, near) for _ in range(30)]
    rows = [{"paid": at, "price": chance.choice([1e-6, -1.5, 4e5, 0.3])} for at in paid]
    asks = [{"asked": start + half * chance.randrange(0, 2 * near) + half / 3} for _ in range(30)]
    assert_alike(both(yard, shape(fading=w.decayed(PAID.price, half_life=half_life)), spend(rows, asks)))


def test_a_fading_sum_takes_the_greatest_values_there_may_be(yard):
    rows = [{"paid": START + dt.timedelta(hours=h), "price": 8.9e9, "lane": -(2**33)} for h in range(64)]
    asks = [{"asked": START + dt.timedelta(hours=h, minutes=59)} for h in range(0, 130, 3)]
    made = shape(f=w.decayed(PAID.price, half_life="1h"), i=w.decayed(PAID.lane, half_life="1h"))
    assert_alike(both(yard, made, spend(rows, asks)))


def test_hashes_of_numbers_go_by_all_of_their_bits(yard):
    """The least and greatest whole numbers, both zeros, floats that are next to each other."""
    wilds = [-0.0, 0.0, math.inf, -math.inf, math.nan, 5e-324, 1.0, math.nextafter(1.0, 2), -1.0, None]
    amounts = [-(2**63), 2**63 - 1, 0, -1, 1, 2**32, -(2**32), 2**31, None, 5]
    rows = [
        {"paid": days(place), "wild": wild, "amount": amount}
        for place, (wild, amount) in enumerate(zip(wilds, amounts, strict=True))
    ]
    features = {
        f"{name}_{bins}_{last}": w.distinct(PAID[name], last=last, bins=bins)
        for name in ("wild", "amount")
        for bins in (16, 1024)
        for last in ("4d",)
    }
    assert_alike(both(yard, shape(**features), spend(rows, [{"asked": days(place)} for place in range(12)])))


@pytest.mark.parametrize("place", [1, 2, 4])
def test_the_most_common_of_values_that_tie_is_the_one_declared_first(yard, place):
    """Values enter and leave at one instant, questions repeat, and there are more of them than of events."""
    chance = random.Random(place)
    rows = [{"paid": days(chance.randrange(6)), "word": chance.choice(["a", "B", "é"])} for _ in range(14)]
    asks = [{"asked": days(chance.randrange(-1, 9))} for _ in range(40)]
    features = {last: w.most_common(PAID.word, place=place, last=last, of=WORDS) for last in ("1d", "2d", "30d")}
    assert_alike(both(yard, shape(**features), spend(rows, asks)))


def test_numbers_that_one_float_is_equal_to_are_the_last_declared(yard):
    rows = [{"paid": START, "wild": 2.0**53, "amount": 2**53 + 1}, {"paid": START, "wild": 0.0, "amount": 2**53}]
    of = [0, 2**53, 2**53 + 1, 0.5]
    made = shape(
        wild=w.most_common(PAID.wild, last="1h", of=of),
        amount=w.most_common(PAID.amount, last="1h", of=of),
        last=w.most_common(PAID.amount, last="1h", of=of, place=2),
        some=w.distinct(PAID.wild, last="1h", of=of),
    )
    assert_alike(both(yard, made, spend(rows, [{"asked": START}])))


@pytest.mark.parametrize("count", [1, 31, 32, 33, 400])
def test_quantiles_are_the_same_with_few_bins_and_with_many(duckdb_yard, count):
    chance = random.Random(count)
    rows = [
        {"paid": days(chance.randrange(9)), "price": chance.choice([-1.0, 5.25, 1e3, 7.0, 11.5])} for _ in range(60)
    ]
    bins = [each / 4 for each in range(count)]
    features = {
        f"{share}_{last}": w.quantile(PAID.price, share, last=last, bins=bins)
        for share in (0.000001, 0.5, 0.999999)
        for last in ("1d", "4d")
    }
    asks = [{"asked": days(place)} for place in range(-1, 12)]
    assert_alike(both(duckdb_yard, shape(**features), spend(rows, asks)))


@pytest.mark.parametrize(
    ("feature", "values"),
    [
        (w.variance(PAID.amount, last="1h"), {"amount": [2**62, -(2**62)]}),
        (w.variance(PAID.amount, last="1h"), {"amount": [2**62, -(2**62) + 1, 3 * 2**30, 0, None]}),
        (w.deviation(PAID.price, last="1h"), {"price": [math.inf, 1.0]}),
        (w.deviation(PAID.price, last="1h"), {"price": [1e-4, None]}),
        (w.decayed(PAID.amount, half_life="1h"), {"amount": [-9007199255, 1]}),
        (w.decayed(PAID.price, half_life="1h"), {"price": [9e9] * 260}),
        (w.decayed(PAID.price, half_life="1h"), {"price": [1e-4]}),
    ],
    ids=["squares", "many squares", "infinite", "fine", "wide", "many", "fine fading"],
)
def test_sums_that_are_not_exact_are_refused_in_the_same_words(yard, feature, values):
    (name, given) = next(iter(values.items()))
    there, here = refusals(
        yard, shape(x=feature), spend([{"paid": START, name: each} for each in given], [{"asked": START}])
    )
    assert there.code == here.code == "SW-303"
    assert there.fact.partition(":")[0] == here.fact.partition(":")[0]


@pytest.mark.parametrize("amounts", [[2**61, 2**60], [2**60] * 7, [-(2**63)], [3037000500] * 20])
def test_squares_fit_up_to_127_bits(yard, amounts):
    rows = [{"paid": START, "amount": amount} for amount in amounts]
    assert_alike(both(yard, shape(far=w.variance(PAID.amount, last="1h")), spend(rows, [{"asked": START}])))


def test_texts_that_are_spread_over_bins_by_a_hash_are_refused(yard):
    put(yard, make_tables(1, 3, 3))
    with yard.open() as warehouse, expect_refusal("SW-403") as refused:
        build_frame_there(shape(often=w.distinct(PAID.word, last="1h")), warehouse)
    assert "v_often: texts such as visits.paid.word are spread over bins by BLAKE2b" in refused[0].fact

"""Spreads, first events, fading sums, counts of bins and conditions, against a naive reading of what they are."""

import datetime as dt
import math
import statistics
from collections import Counter
from fractions import Fraction

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipway.core import window as w
from shipway.core.error import ShipwayError
from shipway.core.feature import ALWAYS, Entity, FeatureView, Source
from shipway.data import accumulation
from shipway.data.frame import build_frame
from shipway.data.plan import plan_views
from shipway.maths import decay
from shipway.maths.bins import Hashes, estimates, place
from shipway.maths.vector import Vector

MINUTE = 60_000_000
ORIGIN = 1_700_000_000_000_000
ASKS = Source("asks", ("id",), (), {ALWAYS: ("at", "shop")})
SALES = Source("sales", ("no",), (), {"done": ("shop", "n", "x", "word", "good")})
DONE = SALES.event("done")
SOURCES = {"asks": ASKS, "sales": SALES}
SHOP, EVERYONE = Entity("shop", ("shop",)), Entity("system", ())
WORDS = ("a", "b", "c")
EDGES = [-2, 0, 3.5]
RELATIVE = w.relative(0.05, least=0.5, greatest=50)


def instant(us):
    return None if us is None else dt.datetime.fromtimestamp(0, tz=dt.UTC) + dt.timedelta(microseconds=ORIGIN + us)


def tables_of(sales, asks):
    instants = pl.Datetime("us", "UTC")
    return {
        "sales": pl.DataFrame(
            [sale | {"no": -at, "done": instant(sale["done"])} for at, sale in enumerate(sales)],
            schema={"no": pl.Int64, "done": instants, "shop": pl.String, "n": pl.Int64, "x": pl.Float64,
                    "word": pl.String, "good": pl.Boolean},
        ),
        "asks": pl.DataFrame(
            [{"id": at, "at": instant(ask[0]), "shop": ask[1]} for at, ask in enumerate(asks)],
            schema={"id": pl.Int64, "at": instants, "shop": pl.String},
        ),
    }  # fmt: skip


def frame_of(sales, asks, features, entity=SHOP):
    views = (FeatureView("v", entity, features),)
    return build_frame(plan_views(ASKS, ASKS["at"], views, SOURCES), tables_of(sales, asks))


def inside(sales, ask, width_us, keep=lambda sale: True, entity=SHOP):
    """Return the events of a window, oldest first; of one instant the least key, which is the later row, first."""
    at, shop = ask
    rows = [
        (sale["done"], -number, sale)
        for number, sale in enumerate(sales)
        if sale["done"] is not None
        and (width_us is None or at - width_us < sale["done"])
        and sale["done"] <= at
        and (entity is EVERYONE or (shop is not None and sale["shop"] == shop))
        and keep(sale)
    ]
    return [row[2] for row in sorted(rows, key=lambda row: row[:2])]


instants = st.integers(0, 40).map(lambda minute: minute * MINUTE)
sales_of = st.lists(
    st.fixed_dictionaries(
        {
            "done": st.none() | instants,
            "shop": st.sampled_from(["s", "t", None]),
            "n": st.none() | st.integers(-20, 20) | st.integers(-(2**40), 2**40),
            "x": st.none() | st.integers(-(10**6), 10**6).map(lambda units: units / 7),
            "word": st.none() | st.sampled_from([*WORDS, "other", "é"]),
            "good": st.none() | st.booleans(),
        }
    ),
    max_size=16,
)
asks_of = st.lists(st.tuples(instants, st.sampled_from(["s", "t", None])), min_size=1, max_size=6)


@given(sales=sales_of, asks=asks_of, everyone=st.booleans())
@settings(max_examples=40, deadline=None)
def test_spreads_and_first_events_are_what_they_say(sales, asks, everyone):
    entity = EVERYONE if everyone else SHOP
    features = {
        "n": w.variance(DONE.n, last="20m"), "x": w.variance(DONE.x, last="20m"), "d": w.deviation(DONE.x, last="20m"),
        "good": w.variance(DONE.good, last="20m"), "first": w.first(DONE.word, last="20m"),
        "start": w.first(DONE.x, last="20m"),
    }  # fmt: skip
    frame = frame_of(sales, asks, features, entity)
    for row, ask in zip(frame.iter_rows(named=True), asks, strict=True):
        events = inside(sales, ask, 20 * MINUTE, entity=entity)
        assert row["v_first"] == (events[0]["word"] if events else None)
        assert row["v_start"] == (events[0]["x"] if events else None)
        for name, unit in (("n", 1), ("x", 10**6), ("good", 1)):
            values = [sale[name] for sale in events if sale[name] is not None]
            units = [round(value / 1e-6) if unit != 1 else int(value) for value in values]
            many = len(units)
            if many < 2:
                assert row[f"v_{name}"] is None
                continue
            exact = many * sum(unit * unit for unit in units) - sum(units) ** 2
            assert row[f"v_{name}"] == float(exact) / (float(many * (many - 1)) * float(unit) ** 2)
            spread = statistics.variance([Fraction(one, unit) for one in units])
            assert abs(Fraction(row[f"v_{name}"]) - spread) <= Fraction(4e-16) * spread
        if row["v_x"] is not None:
            assert row["v_d"] == math.sqrt(row["v_x"])


@given(sales=sales_of, asks=asks_of)
@settings(max_examples=30, deadline=None)
def test_a_decayed_sum_is_the_sum_of_its_definition(sales, asks):
    frame = frame_of(
        sales, asks, {"n": w.decayed(DONE.n % 1000, half_life="13s"), "x": w.decayed(DONE.x, half_life="7m")}
    )
    for row, ask in zip(frame.iter_rows(named=True), asks, strict=True):
        events = inside(sales, ask, None)
        for name, half in (("n", 13_000_000), ("x", 7 * MINUTE)):
            exact, weight = 0.0, 0.0
            for sale in events:
                value = sale[name] if name == "x" else sale[name] and sale[name] % 1000
                if value is not None:
                    fade = 2.0 ** (-(ask[0] - sale["done"]) / half)
                    exact, weight = exact + value * fade, weight + (abs(value) + 1e-6) * fade
            if ask[1] is None:
                assert row[f"v_{name}"] is None
            else:
                # Values are kept to a millionth and weighed to half of one; the rest is the rounding of this check.
                assert row[f"v_{name}"] == pytest.approx(
                    exact, abs=2e-6 * len(events) + 1e-12 * weight + 2.0**-62 * 1e8
                )


def lower_quantile(values, share):
    return sorted(values)[math.floor(share * (len(values) - 1) + 1e-9)]


@given(sales=sales_of, asks=asks_of, share=st.sampled_from([0.01, 0.25, 0.5, 0.9, 0.999999]))
@settings(max_examples=40, deadline=None)
def test_quantiles_lie_in_the_bin_of_the_value_they_stand_for(sales, asks, share):
    features = {
        "edges": w.quantile(DONE.x, share, last="20m", bins=EDGES),
        "near": w.quantile(DONE.x, share, last="20m", bins=RELATIVE),
        "whole": w.quantile(DONE.n, share, last="20m", bins=RELATIVE),
    }
    frame = frame_of(sales, asks, features)
    for row, ask in zip(frame.iter_rows(named=True), asks, strict=True):
        events = inside(sales, ask, 20 * MINUTE)
        values = [sale["x"] for sale in events if sale["x"] is not None]
        if not values:
            assert row["v_edges"] is None
            assert row["v_near"] is None
            continue
        wanted = lower_quantile(values, share)
        edge = sum(wanted >= edge for edge in EDGES)
        low, high = [-2, *EDGES][edge], [*EDGES, 3.5][edge]
        assert low <= row["v_edges"] <= high
        if 0 < edge < len(EDGES):
            same = sorted(value for value in values if sum(value >= each for each in EDGES) == edge)
            step = sorted(values).index(wanted) if values.count(wanted) == 1 else None
            if step is not None:
                at = same.index(wanted)
                assert row["v_edges"] == low + (high - low) * ((at + 0.5) / len(same))
        if abs(wanted) < 0.5:
            assert row["v_near"] == 0
        elif abs(wanted) <= 50:
            assert row["v_near"] == pytest.approx(wanted, rel=0.05 + 1e-12)
        else:
            assert abs(row["v_near"]) >= 47.5
            assert row["v_near"] * wanted > 0


@given(sales=sales_of, asks=asks_of)
@settings(max_examples=40, deadline=None)
def test_counts_of_values_are_what_they_say(sales, asks):
    features = {
        "some": w.distinct(DONE.word, last="20m", of=WORDS),
        "any": w.distinct(DONE.word, last="20m", bins=64),
        "numbers": w.distinct(DONE.n, last="20m"),
        **{f"top_{place}": w.most_common(DONE.word, place=place, last="20m", of=WORDS) for place in (1, 2, 3)},
        "digit": w.most_common(DONE.n, last="20m", of=[0, 1, 2]),
        "side": w.most_common(DONE.good, last="20m", of=[True, False]),
    }
    frame = frame_of(sales, asks, features)
    for row, ask in zip(frame.iter_rows(named=True), asks, strict=True):
        events = inside(sales, ask, 20 * MINUTE)
        counts = Counter(sale["word"] for sale in events if sale["word"] in WORDS)
        ordered = sorted(counts, key=lambda word: (-counts[word], word))
        assert [row[f"v_top_{place}"] for place in (1, 2, 3)] == (ordered + [None] * 3)[:3]
        if ask[1] is None:
            assert (row["v_some"], row["v_any"]) == (None, None)
            continue
        assert row["v_some"] == len(counts)
        for name, column, bins in (("any", "word", 64), ("numbers", "n", 256)):
            values = {sale[column] for sale in events if sale[column] is not None}
            vector = Vector(pl.Series(list(values)).to_numpy() if values else pl.Series([0]).to_numpy(), [True])
            filled = len(set(place(Hashes(bins), vector).tolist())) if values else 0
            assert row[f"v_{name}"] == estimates(bins)[filled]
        digits = Counter(sale["n"] for sale in events if sale["n"] in (0, 1, 2))
        assert row["v_digit"] == min(digits, key=lambda digit: (-digits[digit], digit), default=None)
        sides = Counter(sale["good"] for sale in events if sale["good"] is not None)
        assert row["v_side"] == min(sides, key=lambda side: (-sides[side], not side), default=None)


@given(sales=sales_of, asks=asks_of)
@settings(max_examples=30, deadline=None)
def test_a_condition_makes_a_window_see_only_the_events_where_it_is_true(sales, asks):
    def features(**chosen):
        return {
            "n": w.count(DONE, last="20m", **chosen), "total": w.total(DONE.n, last="20m", **chosen),
            "mean": w.mean(DONE.x, last="20m", **chosen), "v": w.variance(DONE.x, last="20m", **chosen),
            "low": w.least(DONE.x, last="20m", **chosen), "high": w.greatest(DONE.n, last="20m", **chosen),
            "share": w.share(DONE.x > 0, last="20m", **chosen), "newest": w.newest(DONE.word, **chosen),
            "recent": w.newest(DONE.word, within="20m", **chosen), "first": w.first(DONE.word, last="20m", **chosen),
            "age": w.age(DONE, **chosen), "fade": w.decayed(DONE.n % 1000, half_life="7m", **chosen),
            "mid": w.quantile(DONE.x, 0.5, last="20m", bins=EDGES, **chosen),
            "kinds": w.distinct(DONE.word, last="20m", **chosen),
            "top": w.most_common(DONE.word, last="20m", of=WORDS, **chosen),
        }  # fmt: skip

    for condition, keep in (
        (DONE.good, lambda sale: sale["good"] is True),
        (DONE.word.equals("a"), lambda sale: sale["word"] == "a"),
    ):
        # A row that is dropped must not change the keys, by which ties are ordered.
        kept = [sale if keep(sale) else sale | {"done": None} for sale in sales]
        assert frame_of(sales, asks, features(where=condition)).equals(frame_of(kept, asks, features()))


def sale(done, **values):
    return {"done": done, "shop": "s", "n": None, "x": None, "word": None, "good": None} | values


def test_a_ratio_of_features_is_null_where_the_divisor_is_zero():
    features = {
        "rate": w.count(DONE, last="5m", where=DONE.good) / w.count(DONE, last="5m"),
        "floor": w.total(DONE.n, last="5m") // w.count(DONE, last="5m"),
        "rest": w.total(DONE.n, last="5m") % w.count(DONE, last="5m"),
        "of_mean": 1.0 / w.total(DONE.x, last="5m"),
    }
    frame = frame_of([sale(0, n=7, x=0.0, good=True), sale(1, n=-2)], [(1, "s"), (9 * MINUTE, "s")], features)
    assert frame.select(pl.exclude("id", "_at")).rows() == [(0.5, 2, 1, None), (None, None, None, None)]


def test_a_variance_of_near_numbers_keeps_every_digit():
    values = [1e9, 1e9 + 1e-6, 1e9 + 2e-6]
    features = {"v": w.variance(DONE.x, last="1h")}
    frame = frame_of([sale(at, x=value) for at, value in enumerate(values)], [(5, "s")], features)
    units = [round(value / 1e-6) for value in values]
    assert frame["v_v"].to_list() == [float(3 * sum(u * u for u in units) - sum(units) ** 2) / (6.0 * 1e12)]


@pytest.mark.parametrize(
    ("features", "values"),
    [
        ({"v": w.variance(DONE.n, last="1h")}, {"n": 2**62}),
        ({"v": w.decayed(DONE.n, half_life="1h")}, {"n": 2**52}),
        ({"v": w.decayed(DONE.x, half_life="1h")}, {"x": 9e9}),
    ],
)
def test_what_cannot_be_kept_exactly_is_refused(features, values):
    with pytest.raises(ShipwayError, match="SW-303"):
        frame_of([sale(at, **values) for at in range(300)], [(9, "s")], features)


@pytest.mark.parametrize(
    "feature",
    [
        w.variance(DONE.word, last="1h"),
        w.decayed(DONE.word, half_life="1h"),
        w.quantile(DONE.word, 0.5, last="1h", bins=[1]),
        w.most_common(DONE.word, last="1h", of=[1]),
        w.most_common(DONE.n, last="1h", of=["a"]),
        w.most_common(DONE.good, last="1h", of=[1, 0]),
        w.count(DONE, last="1h", where=DONE.n),
    ],
)
def test_what_does_not_fit_its_column_is_refused(feature):
    with pytest.raises(ShipwayError, match="SW-203"):
        frame_of([sale(0)], [(9, "s")], {"v": feature})


def test_a_condition_is_read_as_known():
    late = Source("sales", ("no",), (), {"done": ("shop", "n"), "settled": ("good",)})
    feature = w.count(late.event("done"), last="1h", where=late.event("done").good)
    plan = plan_views(ASKS, ASKS["at"], (FeatureView("v", SHOP, {"n": feature}),), {"asks": ASKS, "sales": late})
    tables = tables_of([sale(0, good=True)], [(9, "s")])
    tables["sales"] = tables["sales"].with_columns(settled=pl.col("done") + pl.duration(minutes=1))
    with pytest.raises(ShipwayError, match="SW-301") as refused:
        build_frame(plan, tables)
    assert "sales.good" in refused.value.fact


def test_hashed_values_are_counted_within_the_declared_error():
    count = 256
    sales = [sale(at, n=at * 7919, word=f"w{at}") for at in range(count)]
    features = {"n": w.distinct(DONE.n, last="1h"), "word": w.distinct(DONE.word, last="1h")}
    frame = frame_of(sales, [(9 * MINUTE, "s")], features)
    error = math.sqrt(256 * (math.e - 2))
    assert abs(frame["v_n"][0] - count) < 3 * error
    assert abs(frame["v_word"][0] - count) < 3 * error


def test_half_lives_are_those_of_the_kernel():
    frame = frame_of([sale(0, n=1)], [(0, "s"), (7 * MINUTE, "s")], {"d": w.decayed(DONE.n, half_life="7m")})
    now, later = frame["v_d"].to_list()
    assert later == now / 2
    assert now == pytest.approx(1.0, rel=1e-6)
    assert decay.PERIODS == 64


@pytest.mark.parametrize("seed", range(4))
def test_many_values_are_ordered_by_their_counts_however_they_are_counted(monkeypatch, seed):
    for name, size in {"_FEW": 0, "_ASKED": 4, "_COUNTS": 200, "_WIDTH": 3}.items():
        monkeypatch.setattr(accumulation, name, size)
    chance = np.random.default_rng(seed)
    placed, high = chance.integers(0, 9, 150), chance.integers(0, 151, 60)
    low = np.maximum(high - chance.integers(0, 40, 60), 0)
    for rank in (1, 2, 3):
        found = accumulation._vote(tuple(range(9)), rank, placed, low, high)
        for at, (first, last) in enumerate(zip(low, high, strict=True)):
            counts = np.bincount(placed[first:last], minlength=9)
            wanted = sorted(range(9), key=lambda value, counts=counts: (-counts[value], value))[rank - 1]
            assert found.valid[at] == (counts[wanted] > 0)
            assert not found.valid[at] or found.values[at] == wanted

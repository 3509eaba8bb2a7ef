"""What is read online at T is what a frame has at T, to the bit, however the store came to be."""

import datetime as dt
import math
import random
from contextlib import closing

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipway.adapters.lmdb.store import LmdbOnline
from shipway.core import window as w
from shipway.core.error import ShipwayError
from shipway.core.feature import ALWAYS, Entity, FeatureView, Source
from shipway.core.online import make_layout
from shipway.core.pack import find_packs, make_pack
from shipway.data.feed import make_feed
from shipway.data.frame import build_frame
from shipway.data.materialisation import Materialiser
from shipway.data.pack import PackedOnline
from shipway.data.plan import AT, plan_views
from shipway.serving.reader import FeatureReader
from shipway.testing.fake.online import MemoryOnline
from shipway.testing.schema import schema_of

ORIGIN = 1_700_000_000_000_000
MINUTE = 60_000_000

ASKS = Source("asks", ("id",), (), {ALWAYS: ("at", "near", "shop", "zone", "rate", "x", "n", "ok", "word")})
CALLS = Source(
    "calls",
    ("no",),
    (),
    {
        "booked": ("planned", "shop", "zone", "rate", "size"),
        "done": ("amount", "cost", "peak", "good", "note"),
    },
)
SHOPS = Source("shops", ("shop",), (), {ALWAYS: ("seats", "owner", "opened")})
SOURCES = {"asks": ASKS, "calls": CALLS, "shops": SHOPS}
DONE, PLANNED, BOOKED, REGISTER = (
    CALLS.event("done"),
    CALLS.event("planned"),
    CALLS.event("booked"),
    SHOPS.event(ALWAYS),
)


def history(*widths):
    features = {"age": w.age(DONE), "note": w.newest(DONE.note), "rated": w.age(DONE) / "1m" + w.newest(DONE.cost)}
    for last in widths:
        features |= {
            f"n_{last}": w.count(DONE, last=last),
            f"total_{last}": w.total(DONE.amount, last=last),
            f"mean_{last}": w.mean(DONE.amount, last=last),
            f"cost_{last}": w.mean(DONE.cost, last=last),
            f"spent_{last}": w.total(DONE.cost * 2, last=last),
            f"share_{last}": w.share(DONE.good, last=last),
            f"dear_{last}": w.share(DONE.amount > 5, last=last),
            f"low_{last}": w.least(DONE.amount, last=last),
            f"high_{last}": w.greatest(DONE.peak, last=last),
            f"bottom_{last}": w.least(DONE.peak, last=last),
            f"any_{last}": w.greatest(DONE.good, last=last),
            f"soon_{last}": w.newest(DONE.good, within=last),
            f"fresh_{last}": w.age(DONE, within=last),
            f"backlog_{last}": w.count(PLANNED, last=last) - w.count(DONE, last=last),
            f"late_{last}": (w.count(PLANNED, last=last) > w.count(DONE, last=last)) | ASKS.ok,
            f"booked_{last}": w.count(BOOKED, last=last),
        }
    return features


AROUND = {
    "near": w.around(PLANNED, ASKS.near, before="10m", after="5m"),
    "wide": w.around(PLANNED, ASKS.near + "2m", before="1h", after="30m"),
    "planned_size": w.newest(PLANNED.size),
}
VIEWS = (
    FeatureView(
        "row",
        None,
        {"x": ASKS.x, "n": ASKS.n, "ok": ASKS.ok, "word": ASKS.word, "ratio": ASKS.x / ASKS.n, "sum": ASKS.n + ASKS.x,
         "known": ASKS.word.is_in("a", "b") & ~ASKS.ok},
    ),
    FeatureView("sys", Entity("system", ()), history("7m") | AROUND),
    FeatureView("shop", Entity("shop", ("shop",)), history("5m", "20m") | AROUND),
    FeatureView("zone", Entity("zone", ("shop", "zone")), history("20m")),
    FeatureView("rate", Entity("rate", ("rate",)), {"n": w.count(DONE, last="20m"), "note": w.newest(DONE.note)}),
    FeatureView(
        "reg",
        Entity("shop", ("shop",)),
        {"seats": w.newest(REGISTER.seats), "owner": w.newest(REGISTER.owner), "half": w.newest(REGISTER.seats) / 2,
         "for": (ASKS.at - w.newest(REGISTER.opened)) / "1d"},
    ),
)  # fmt: skip
PLAN = plan_views(ASKS, ASKS.at, VIEWS, SOURCES)
STORED = (
    FeatureView(
        "shop",
        Entity("shop", ("shop",)),
        {"good": w.newest(DONE.good), "note": w.newest(DONE.note, within="20m"),
         "cost": w.newest(DONE.cost, within="5m"), "age": w.age(DONE, within="20m"),
         "dear": w.newest(DONE.cost) / w.age(BOOKED) > 0, "sized": w.newest(BOOKED.size),
         "planned": w.newest(PLANNED.size), "seats": w.newest(REGISTER.seats), "owner": w.newest(REGISTER.owner)},
    ),
    FeatureView("zone", Entity("zone", ("shop", "zone")), {"a": w.newest(DONE.amount), "b": w.age(BOOKED)}),
    FeatureView("rate", Entity("rate", ("rate",)), {"n": w.count(DONE, last="20m"), "note": w.newest(BOOKED.size)}),
)  # fmt: skip
DIRECT = (
    FeatureView(
        "zone",
        Entity("zone", ("shop", "zone")),
        {"a": w.newest(DONE.amount), "b": w.age(BOOKED), "c": w.newest(DONE.cost, within="20m"),
         "d": w.newest(DONE.good), "e": w.newest(PLANNED.size), "f": w.age(DONE, within="5m")},
    ),
)  # fmt: skip


def sums(last, **chosen):
    """Everything that is made of sums of more than a value."""
    small = DONE.amount % 1000
    return {
        "spread": w.variance(DONE.cost, last=last, **chosen),
        "small": w.deviation(small, last=last, **chosen),
        "odd": w.variance(DONE.good, last=last, **chosen),
        "fade": w.decayed(DONE.cost, half_life="3m", **chosen),
        "gone": w.decayed(small, half_life="13s", **chosen),
        "middle": w.quantile(DONE.cost, 0.5, last=last, bins=[-1000, -0.5, 0, 7, 1e4], **chosen),
        "upper": w.quantile(DONE.cost, 0.9, last=last, bins=w.relative(0.01, least=0.01, greatest=2e5), **chosen),
        "lower": w.quantile(small, 0.1, last=last, bins=w.relative(0.2, least=1, greatest=1e3), **chosen),
        "notes": w.distinct(DONE.note, last=last, of=["x", ""], **chosen),
        "kinds": w.distinct(DONE.note, last=last, bins=16, **chosen),
        "amounts": w.distinct(DONE.amount, last=last, bins=1024, **chosen),
        "usual": w.most_common(DONE.note, last=last, of=["é", "x"], **chosen),
        "next": w.most_common(small, place=2, last=last, of=list(range(40)), **chosen),
        "likely": w.most_common(DONE.good, last=last, of=[False, True], **chosen),
    }  # fmt: skip


def ends(last, **chosen):
    """Everything that reads single events."""
    return {
        "note": w.first(DONE.note, last=last, **chosen),
        "cost": w.first(DONE.cost, last=last, **chosen),
        "good": w.first(DONE.good, last=last, **chosen),
        "last": w.newest(DONE.note, **chosen),
        "age": w.age(DONE, within=last, **chosen),
        "low": w.least(DONE.peak, last=last, **chosen),
        "n": w.count(DONE, last=last, **chosen),
        "total": w.total(DONE.cost, last=last, **chosen),
        "share": w.share(DONE.amount > 5, last=last, **chosen),
    }


DEAR = DONE.cost > 100
SKETCHES = (
    FeatureView(
        "shop", Entity("shop", ("shop",)), sums("7m") | ends("5m") | {"first": w.first(PLANNED.size, last="9m")}
    ),
    FeatureView("good", Entity("zone", ("shop", "zone")), sums("9m", where=DONE.good) | ends("20m", where=DEAR)),
    FeatureView(
        "sys",
        Entity("system", ()),
        sums("20m") | ends("7m", where=DONE.good) | {
            "ahead": w.around(PLANNED, ASKS.near, before="1h", after="30m", where=PLANNED.size > 0),
            "ratio": w.count(DONE, last="5m", where=DEAR) / w.count(DONE, last="5m"),
        },
    ),
)  # fmt: skip
ROW, SYS, SHOP, ZONE, _, REG = VIEWS
MIX = FeatureView(
    "mix",
    None,
    {"ratio": SHOP["mean_5m"] / ZONE["mean_20m"], "busy": SHOP["n_5m"] / SYS["n_7m"], "note": SHOP.note, "n": ROW.n,
     "late": (ASKS.x > SHOP["cost_20m"]) | ZONE["late_20m"], "near": SHOP.near - SYS.near + REG.seats,
     "half": SKETCHES[0]["middle"] + SKETCHES[1]["low"]},
)  # fmt: skip
COMPOSITES = (
    FeatureView(
        "rate",
        Entity("rate", ("rate",)),
        {"rel": w.count(DONE, last="20m") - MIX.busy, "again": MIX.ratio * 2, "same": MIX.note, "wait": REG["for"],
         "one": ROW.n + 1, "odd": ROW.n + 1.0},
    ),
    MIX,
    FeatureView("shop", SHOP.entity, {"n": SHOP["n_5m"], "share": SHOP["n_5m"] / w.count(DONE, last="20m")}),
)  # fmt: skip

minutes = st.integers(0, 40)
shops = st.sampled_from(["a", "b", None])
zones = st.sampled_from([1, -7, None])
rates = st.sampled_from([0.0, -0.0, 1.5, math.nan, None])
calls = st.lists(
    st.fixed_dictionaries(
        {
            "planned": st.none() | minutes,
            "lead": st.none() | st.sampled_from([0, 0, 3, 60]),
            "done": st.none() | minutes,
            "shop": shops,
            "zone": zones,
            "rate": rates,
            "size": st.none() | st.floats(-10, 10),
            "amount": st.none() | st.integers(-20, 20) | st.integers(-(2**58), 2**58),
            "cost": st.none() | st.integers(-(10**6), 10**6).map(lambda units: units / 7),
            "peak": st.none() | st.floats() | st.sampled_from([0.0, -0.0, math.inf]),
            "good": st.none() | st.booleans(),
            "note": st.none() | st.sampled_from(["x", "é", ""]),
        }
    ),
    max_size=14,
)
asks = st.lists(
    st.fixed_dictionaries(
        {
            "at": minutes,
            "near": st.none() | st.integers(-20, 20),
            "shop": shops | st.just("unknown"),
            "zone": zones,
            "rate": rates,
            "x": st.none() | st.floats(),
            "n": st.none() | st.integers(-3, 3),
            "ok": st.none() | st.booleans(),
            "word": st.none() | st.sampled_from(["a", "c"]),
        }
    ),
    min_size=1,
    max_size=8,
)
LEAD = 30 * 24 * 60


def instant(minute):
    return None if minute is None else dt.datetime.fromtimestamp(ORIGIN / 1e6, tz=dt.UTC) + dt.timedelta(minutes=minute)


def make_tables(calls, asks, order):
    """Make the three tables; a plan is booked a month ahead or earlier, or never happens."""
    rows = [
        {
            **call,
            "no": order[at % len(order)] * 100 + at,
            "planned": instant(call["planned"]),
            "done": instant(call["done"]),
            "booked": None
            if call["planned"] is None or call["lead"] is None
            else instant(call["planned"] - LEAD - call["lead"]),
        }
        for at, call in enumerate(calls)
    ]
    for row in rows:
        if row["booked"] is None:
            row |= dict.fromkeys(("planned", "done"))  # what was never booked says of nothing when it was known
        elif row["done"] is None:
            row |= dict.fromkeys(("amount", "cost", "peak", "good", "note"))
    instants = pl.Datetime("us", "UTC")
    return {
        "calls": pl.DataFrame(
            rows,
            schema={"no": pl.Int64, **dict.fromkeys(("booked", "planned", "done"), instants), "shop": pl.String,
                    "zone": pl.Int64, "rate": pl.Float64, "size": pl.Float64, "amount": pl.Int64, "cost": pl.Float64,
                    "peak": pl.Float64, "good": pl.Boolean, "note": pl.String},
        ),
        "asks": pl.DataFrame(
            [
                ask | {"id": at, "at": instant(ask["at"]), "near": ask["near"] and instant(ask["at"] + ask["near"])}
                for at, ask in enumerate(asks)
            ],
            schema={"id": pl.Int64, "at": instants, "near": instants, "shop": pl.String, "zone": pl.Int64,
                    "rate": pl.Float64, "x": pl.Float64, "n": pl.Int64, "ok": pl.Boolean, "word": pl.String},
        ),
        "shops": pl.DataFrame(
            {"shop": ["a", "c"], "seats": [7, None], "owner": ["é", None], "opened": [instant(-9), instant(3)]},
            schema={"shop": pl.String, "seats": pl.Int64, "owner": pl.String, "opened": instants},
        ),
    }  # fmt: skip


def scalars(rows):
    """Return a table's rows as a request brings them: instants as microseconds."""
    dated = [name for name, dtype in rows.schema.items() if isinstance(dtype, pl.Datetime)]
    return rows.with_columns(pl.col(dated).to_physical()).to_dicts()


def bits(values):
    return [
        value if value is None or isinstance(value, str) else np.float64(value).view(np.int64).item()
        for value in (math.nan if isinstance(each, float) and math.isnan(each) else each for each in values)
    ]


def expected(frame, columns):
    read = [
        frame[name] if frame[name].dtype == pl.String else frame[name].cast(pl.Float64).fill_null(math.nan)
        for name in columns
    ]
    return [bits(row) for row in zip(*(column.to_list() for column in read), strict=True)]


chances = st.randoms(use_true_random=False)


@given(calls=calls, asks=asks, order=st.permutations(range(5)), chance=chances)
@settings(max_examples=100)
def test_what_is_read_online_is_what_a_frame_has(calls, asks, order, chance):
    replay(VIEWS, calls, asks, order, chance)


@given(calls=calls, asks=asks, order=st.permutations(range(5)), chance=chances)
@settings(max_examples=40, deadline=None)
def test_sketches_spreads_and_ends_read_online_are_what_a_frame_has(calls, asks, order, chance):
    replay(SKETCHES, calls, asks, order, chance)


@given(calls=calls, asks=asks, order=st.permutations(range(5)), chance=chances)
@settings(max_examples=20, deadline=None)
def test_features_of_other_views_read_online_are_what_a_frame_has(calls, asks, order, chance):
    replay(COMPOSITES, calls, asks, order, chance)


@pytest.mark.parametrize("seed", range(12))
def test_full_windows_read_online_are_what_a_frame_has(seed):
    chance = random.Random(seed)

    def some(*values):
        return None if chance.random() < 0.1 else chance.choice(values)

    calls = [
        {
            "planned": chance.randrange(40), "lead": chance.choice([0, 0, 3, 60]), "done": some(*range(40)),
            "shop": some("a", "b"), "zone": some(1, -7), "rate": some(0.0, 1.5), "size": some(-1.5, 2.0, 8.25),
            "amount": some(chance.randrange(-30, 30), chance.randrange(-(2**58), 2**58)), "peak": some(-0.0, 1.0, 9.5),
            "cost": some(chance.randrange(-(10**6), 10**6) / 7, 0.1, 5.0), "good": some(True, False),
            "note": some("x", "é", "", "z"),
        }
        for _ in range(80)
    ]  # fmt: skip
    asks = [
        {"at": chance.randrange(5, 40), "near": chance.randrange(-9, 9), "shop": chance.choice("ab"), "zone": 1,
         "rate": 0.0, "x": 1.0, "n": 1, "ok": True, "word": "a"}
        for _ in range(8)
    ]  # fmt: skip
    frame = replay(SKETCHES, calls, asks, list(range(5)), chance)
    told = frame.select((pl.exclude("id", "_at").is_not_null().sum() > 0).name.keep()).row(0)
    assert sum(told) >= 0.9 * len(told), "a test of empty windows shows little"


def replay(views, calls, asks, order, chance):
    tables = make_tables(calls, sorted(asks, key=lambda ask: ask["at"]), order)
    layout = make_layout("asks", ("id",), views, schema_of(tables))
    plan = plan_views(ASKS, ASKS.at, views, SOURCES)
    return check_reading(chance, layout, plan, tables, MemoryOnline(), lambda online: online)


@pytest.mark.parametrize(("views", "members"), [(STORED, [4, 2]), (DIRECT, [3])])
@given(calls=calls, asks=asks, order=st.permutations(range(5)), chance=chances)
@settings(max_examples=100)
def test_what_is_read_from_packs_is_what_a_frame_has(views, members, calls, asks, order, chance):
    tables = make_tables(calls, sorted(asks, key=lambda ask: ask["at"]), order)
    layout = make_layout("asks", ("id",), views, schema_of(tables))
    packs = find_packs(layout)
    assert [len(pack.members) for pack in packs] == members
    schemas = [packs, (make_pack(layout, packs[0].members[:2]), *packs[1:])]

    def wrap(online):
        return PackedOnline(layout, online, packs=chance.choice(schemas))

    plan = plan_views(ASKS, ASKS.at, views, SOURCES)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("shipway.serving.direct.MATRIX_ROWS", chance.choice([1, 2, 9]))
        check_reading(chance, layout, plan, tables, MemoryOnline(), wrap)


def test_what_is_stored_of_another_entity_is_not_read_by_the_short_way():
    """It goes by the key of the view, and these are another's features."""
    stored = FeatureView("zone", Entity("zone", ("zone",)), {"a": w.newest(DONE.amount), "b": w.newest(BOOKED.size)})
    views = (FeatureView("n", Entity("n", ("n",)), {"a": stored.a, "b": stored.b}),)
    tables = make_tables(
        [ZERO | {"amount": 5, "size": 1.5}, ZERO | {"amount": 9, "size": 2.5, "zone": 2}], [ASKED | {"n": 2}], [0]
    )
    layout = make_layout("asks", ("id",), views, schema_of(tables))
    online, plan = MemoryOnline(), plan_views(ASKS, ASKS.at, views, SOURCES)
    Materialiser(layout, make_feed(layout, plan, tables), PackedOnline(layout, online)).advance(at_minute(60))
    found = FeatureReader(layout, online).read(scalars(tables["asks"]), [at_minute(5)])
    assert layout.request == {"id": "int", "n": "int", "zone": "int"}
    assert found[0].values == [5, 1.5]
    compare(layout, found, build_frame(plan, tables))


def test_the_short_way_is_taken_and_asks_once():
    """Else the test above would not see it."""
    tables = make_tables([ZERO | {"size": 1.0}, ZERO | {"done": 4, "size": 2.0}], [ASKED], [0])
    layout = make_layout("asks", ("id",), DIRECT, schema_of(tables))
    online = Counted()
    feed = make_feed(layout, plan_views(ASKS, ASKS.at, DIRECT, SOURCES), tables)
    Materialiser(layout, feed, PackedOnline(layout, online)).advance(at_minute(60))
    reader = FeatureReader(layout, online)
    for rows in (1, 12):
        online.asked.clear()
        reader.read([{"shop": "a", "zone": 1}] * rows, [at_minute(6)] * rows)
        assert [len(asks) for asks in online.asked] == [rows + 1]


def test_a_key_that_is_null_reads_nothing_of_anybody(tmp_path):
    tables = make_tables([ZERO | {"size": 1.0}], [ASKED], [0])
    layout = make_layout("asks", ("id",), DIRECT, schema_of(tables))
    feed = make_feed(layout, plan_views(ASKS, ASKS.at, DIRECT, SOURCES), tables)
    with closing(LmdbOnline(tmp_path / "online")) as online:
        Materialiser(layout, feed, PackedOnline(layout, online)).advance(at_minute(60))
        reader = FeatureReader(layout, online)
        for rows in (1, 12):
            asked = [{"shop": None, "zone": 1}, {"shop": "a", "zone": 1}] * rows
            found = reader.read(asked, [at_minute(6)] * len(asked))
            assert all(math.isnan(value) for one in found[::2] for value in one.values)
            assert not any(math.isnan(value) for one in found[1::2] for value in one.values)


def check_reading(chance, layout, plan, tables, online, wrap):
    """Let a store come about in some way or other, and compare what is read from it on the way with the frame."""
    frame = build_frame(plan, tables)
    feed = make_feed(layout, plan, tables)
    rows, at = scalars(tables["asks"]), frame[AT].to_physical().to_list()
    materialiser, reader = Materialiser(layout, feed, wrap(online)), FeatureReader(layout, online)
    if chance.random() < 0.5:
        materialiser.bootstrap(at[0] - chance.choice([0, 0, 1, 15, LEAD]) * MINUTE)
    found, done = [], 0
    while done < len(rows):
        batch = slice(done, done + chance.randint(1, 3))
        for early in sorted((chance.randint(0, 2 * LEAD) for _ in range(chance.randint(0, 2))), reverse=True):
            materialiser.advance(at[done] - early * MINUTE)
        if chance.random() < 0.5:
            materialiser = Materialiser(layout, feed, wrap(online))
        materialiser.advance(at[batch][-1])
        if chance.random() < 0.5:
            materialiser.trim(at[done])
        found += reader.read(rows[batch], at[batch])
        done = batch.stop
    compare(layout, found, frame)
    return frame


def compare(layout, found, frame):
    assert layout.columns == tuple(frame.columns[2:])
    for row, (one, wanted) in enumerate(zip(found, expected(frame, layout.columns), strict=True)):
        different = [name for name, a, b in zip(layout.columns, bits(one.values), wanted, strict=True) if a != b]
        assert not different, row


ZERO = {"planned": 1, "lead": 0, "done": 2, "shop": "a", "zone": 1, "rate": 0.0, "size": None, "amount": 1, "cost": 1.0,
        "peak": -0.0, "good": True, "note": "x"}  # fmt: skip
ASKED = {"at": 5, "near": 0, "shop": "a", "zone": 1, "rate": -0.0, "x": -0.0, "n": 0, "ok": True, "word": "a"}


@pytest.mark.parametrize("amounts", [(1, 2), (43806065852693781, 47824502839051235, 62727767118863801)])
def test_zeros_are_one_and_whole_numbers_are_divided_as_floats(amounts):
    tables = make_tables([ZERO | {"amount": amount} for amount in amounts], [ASKED], [0])
    frame = build_frame(PLAN, tables)
    layout = make_layout("asks", ("id",), VIEWS, schema_of(tables))
    online = MemoryOnline()
    Materialiser(layout, make_feed(layout, PLAN, tables), online).advance(at_minute(5))
    found = FeatureReader(layout, online).read(scalars(tables["asks"]), [at_minute(5)])
    compare(layout, found, frame)
    values = dict(zip(layout.columns, found[0].values, strict=True))
    assert values["sys_mean_7m"] == float(sum(amounts)) / float(len(amounts))
    assert values["rate_n"] == len(amounts)
    assert math.copysign(1, values["sys_high_7m"]) == 1
    assert math.copysign(1, values["row_x"]) == -1


class Counted(MemoryOnline):
    """A store that remembers what it was asked."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def newest(self, asks):
        self.asked.append(list(asks))
        return super().newest(asks)


def store_of(calls, views, online):
    """Fill a store with (planned, done, shop) calls, known at once, and return its reader."""
    blank = dict.fromkeys(("zone", "rate", "size", "amount", "cost", "peak", "good", "note"))
    made = [{"planned": planned, "lead": 0, "done": done, "shop": shop, **blank} for planned, done, shop in calls]
    tables = make_tables(made, [], [0])
    layout = make_layout("asks", ("id",), views, schema_of(tables))
    plan = plan_views(ASKS, ASKS.at, views, SOURCES)
    Materialiser(layout, make_feed(layout, plan, tables), online).advance(at_minute(60))
    online.asked.clear()
    return FeatureReader(layout, online)


def at_minute(minute):
    return ORIGIN + minute * MINUTE


BY_SHOP = FeatureView(
    "shop",
    Entity("shop", ("shop",)),
    {"n": w.count(DONE, last="5m"), "m": w.count(DONE, last="9m"), "age": w.age(DONE)},
)
EVERYWHERE = FeatureView(
    "sys", Entity("system", ()), {"n": w.count(DONE, last="5m"), "low": w.least(DONE.peak, last="1h")}
)
CALLED = [(1, 2, "a"), (4, 5, "a"), (9, 10, "b"), (11, 12, None), (30, None, "a")]


def test_a_batch_asks_once_and_each_thing_once():
    online = Counted()
    reader = store_of(CALLED, (BY_SHOP, EVERYWHERE), online)
    rows = [{"shop": shop} for shop in ("a", "b", "a", None, "a")]
    found = reader.read(rows, [at_minute(10)] * 4 + [at_minute(11)])
    # a, b and a later with three edges, the system twice with two; of each edge the entry and the base; the watermarks
    assert len(online.asked[0]) == len(set(online.asked[0])) == 2 * (3 * 3 + 2 * 2) + 1
    assert len(online.asked) == 1 + 2  # for the cuts of what is least, twice
    assert [bits(one.values) for one in found] == [
        bits(values)
        for values in (
            [0, 2, 5.0 * MINUTE, 1, math.nan],
            [1, 1, 0, 1, math.nan],
            [0, 2, 5.0 * MINUTE, 1, math.nan],
            [math.nan, math.nan, math.nan, 1, math.nan],
            [0, 1, 6.0 * MINUTE, 1, math.nan],
        )
    ]


def test_the_newest_event_read_is_told_for_each_stream():
    near = {"near": w.around(PLANNED, ASKS.near, before="1m", after="2m")}
    ahead = FeatureView("plan", Entity("shop", ("shop",)), near)
    reader = store_of(CALLED, (BY_SHOP, EVERYWHERE, ahead, VIEWS[-1]), Counted())
    row = {"near": at_minute(29), "at": at_minute(12)}
    rows = [row | {"shop": shop} for shop in ("a", "unknown", None)]
    done, planned, always = range(3)  # calls.done, calls.planned, shops.always
    found = [one.newest for one in reader.read(rows, [at_minute(12)] * 3)]
    # Of a stream that is read at T the newest known at T; of one that is only read ahead, the newest up to there.
    assert [each[done] for each in found] == [at_minute(12)] * 3
    assert [each[planned] for each in found] == [at_minute(30), None, None]
    assert [each[always] for each in found] == [None] * 3
    assert reader.read(rows[:1], [at_minute(11)])[0].newest[done] == at_minute(10)
    both = FeatureView("both", Entity("shop", ("shop",)), near | {"n": w.count(PLANNED, last="1h")})
    reader = store_of(CALLED, (both,), Counted())
    assert reader.read(rows[:1], [at_minute(12)])[0].newest == (at_minute(4),)


def test_an_instant_may_be_as_early_as_there_are_any():
    reader = store_of(CALLED, (BY_SHOP,), Counted())
    (found,) = reader.read([{"shop": "a"}], [-(1 << 63) + 5])
    assert bits(found.values) == bits([0, 0, math.nan])
    assert found.newest == (None,)


def test_a_row_that_lacks_a_column_is_a_mistake_of_the_caller():
    reader = store_of(CALLED, (BY_SHOP,), Counted())
    with pytest.raises(KeyError, match="shop"):
        reader.read([{}], [at_minute(1)])


def test_a_feature_that_does_not_fit_its_columns_is_refused():
    views = (FeatureView("row", None, {"x": ASKS.word * 2}),)
    layout = make_layout("asks", ("id",), views, {"asks": {"id": "int", "word": "text"}})
    with pytest.raises(ShipwayError, match="SW-203"):
        FeatureReader(layout, MemoryOnline())


def test_a_value_that_is_too_old_is_told_from_one_that_is_missing():
    views = (
        FeatureView(
            "shop",
            Entity("shop", ("shop",)),
            {"age": w.age(DONE, within="5m"), "note": w.newest(DONE.note), "n": w.count(DONE, last="5m"),
             "sum": w.age(DONE, within="3m") + w.age(DONE, within="20m"), "far": w.age(PLANNED, within="1h")},
        ),
    )  # fmt: skip
    reader = store_of(CALLED, views, Counted())
    found = reader.read(
        [{"shop": shop} for shop in ("a", "a", "b", "unknown", None)], [at_minute(t) for t in (6, 12, 12, 12, 12)]
    )
    assert [one.expired for one in found] == [(), (0, 3), (), (), ()]

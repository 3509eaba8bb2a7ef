"""What a stream brings into an online store is what a frame of its rows has, wherever either sink was killed."""

import random

import msgspec
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipway.core import window as w
from shipway.core.change import write_position
from shipway.core.contract import Contract, Field
from shipway.core.error import ShipwayError
from shipway.core.feature import ALWAYS, Entity, FeatureView, Source
from shipway.core.online import make_layout
from shipway.core.raw import RawSection
from shipway.data.consumer import Consumer, Outlet
from shipway.data.feeding import OnlineSink, make_rows, refuse_mixing
from shipway.data.frame import build_frame
from shipway.data.kept import ABSENT, DELETED, POSITION, live
from shipway.data.plan import plan_views
from shipway.data.record import DEAD, Changes
from shipway.data.sink import LakeSink, Load, Tally, fold_pending, read_whole
from shipway.data.upkeep import Upkeep
from shipway.serving.reader import FeatureReader
from shipway.testing.fake import MemoryChanges, MemoryOnline, make_tables
from shipway.testing.schema import schema_of

START_US, MINUTE = 1_700_000_000_000_000, 60_000_000
RAW = RawSection(uri="memory", key="no", stream=True).input("calls")
CALLS = Source("calls", ("no",), ("calls",), {"done": ("shop", "amount")})
ASKS = Source("asks", ("id",), (), {ALWAYS: ("at", "shop")})
DONE = CALLS.event("done")
VIEW = FeatureView(
    "shop",
    Entity("shop", ("shop",)),
    {
        "n": w.count(DONE, last="20m"),
        "total": w.total(DONE.amount, last="20m"),
        "top": w.greatest(DONE.amount, last="9m"),
    },
)


def make_calls(calls):
    return calls.with_columns(pl.col("amount") * 2)


def send(source, dice, count):
    for _ in range(count):
        number = dice.randrange(40)
        at = START_US + dice.randrange(60) * MINUTE
        row = {"no": number, "done": at, "shop": f"s{dice.randrange(3)}", "amount": dice.randrange(9) / 4}
        gone = dice.random() < 0.2
        source.send([(b"" if gone else msgspec.json.encode(row), b'{"no": %d}' % number, None)])


CONTRACT = Contract(
    {
        "no": Field("int"),
        "done": Field("instant", format="epoch_us", nullable=True),
        "shop": Field("text", nullable=True),
        "amount": Field("float", nullable=True),
    }
)
SCHEMA = {"no": pl.Int64, "done": pl.Datetime("us", "UTC"), "shop": pl.String, "amount": pl.Float64}
ASKED = pl.DataFrame(
    {"id": range(9), "at": [START_US + (60 + 5 * (n // 3)) * MINUTE for n in range(9)], "shop": ["s0", "s1", "s2"] * 3}
).with_columns(pl.col("at").cast(pl.Datetime("us", "UTC")))
TABLES = {"asks": ASKED, "calls": pl.DataFrame(schema=SCHEMA)}
PLAN = plan_views(ASKS, ASKS.at, (VIEW,), {"calls": CALLS, "asks": ASKS})
LAYOUT = make_layout("asks", ("id",), (VIEW,), schema_of(TABLES))


def consume(source, lake, online):
    """Return a consumer of both sinks, as a new process would make it."""
    upkeep = Upkeep(LAYOUT, PLAN, online, lateness_us=90 * MINUTE)
    sinks = [LakeSink(lake, RAW), OnlineSink(upkeep, RAW, CALLS, make_calls)]
    outlets = [Outlet(sinks[0], 0.0, 30), Outlet(sinks[1], 0.0, 7)]
    return Consumer(RAW, source, outlets, contract=CONTRACT, tally=sinks[0].tally)


def read(online):
    rows = ASKED.with_columns(pl.col("at").to_physical())
    found = FeatureReader(LAYOUT, online).read(rows.to_dicts(), rows["at"].to_list())
    return np.array([one.values for one in found], dtype=float)


def test_both_sinks_end_in_one_truth():
    source, lake, online, dice = MemoryChanges(), make_tables(), MemoryOnline(), random.Random(3)
    for number in range(12):
        send(source, dice, 40)
        consumer = consume(source, lake, online)
        consumer.step(wait_s=0)
        if number % 3:
            # A process that is killed here has committed what was due, in one sink or in both.
            consumer.flush()
        send(source, dice, 5)
    consumer = consume(source, lake, online)
    while consumer.step(wait_s=0):
        pass
    consumer.flush()
    present = dict(lake.get(lake.head("stream/calls")).tables)
    kept = live(lake.read({**present, **fold_pending(lake, present, RAW)}["raw_calls"]))
    frame = build_frame(PLAN, {"asks": ASKED, "calls": make_calls(kept)})
    wanted = frame.select(pl.col(LAYOUT.columns).cast(pl.Float64)).to_numpy()
    assert np.nansum(wanted) > 0
    assert np.array_equal(read(online), wanted, equal_nan=True)
    assert consumer.tally.changes == 12 * 45


def test_a_copy_is_applied_once_it_is_whole():
    online = MemoryOnline()
    upkeep = Upkeep(LAYOUT, PLAN, online, lateness_us=0)
    sink = OnlineSink(upkeep, RAW, CALLS, make_calls)

    def load(*numbers, **how):
        rows = [(n, START_US + 59 * MINUTE, "s0", 1.0, "", False, []) for n in numbers]
        hidden = {POSITION: pl.String, DELETED: pl.Boolean, ABSENT: pl.List(pl.String)}
        frame = pl.DataFrame(rows, schema={**SCHEMA, "done": pl.Int64, **hidden}, orient="row")
        changes = [Changes(frame.with_columns(pl.col("done").cast(SCHEMA["done"])))]
        return Load(changes, CONTRACT, pl.DataFrame(schema=DEAD), Tally(), **how)

    a, b, c = (write_position({"all": place}) for place in "abc")
    sink.apply(load(1, 2, anew=True), a)
    assert read(online)[0][0] == 2
    sink.apply(load(7, anew=True, partial=True), b)
    assert sink.position() == a
    assert read(online)[0][0] == 2
    sink.apply(load(8, 9), c)
    assert read(online)[0][0] == 3
    assert OnlineSink(Upkeep(LAYOUT, PLAN, online, lateness_us=0), RAW, CALLS, make_calls).position() == c


@given(
    written=st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 9), st.sampled_from(["s0", "s1", None]), st.integers(0, 59)),
        max_size=12,
    ),
    shuffle=st.randoms(use_true_random=False),
)
@settings(max_examples=40)
def test_changes_that_say_their_order_count_in_it_whenever_they_come(written, shuffle):
    raw = msgspec.structs.replace(RAW, landing="debezium")
    lake, online = make_tables(), MemoryOnline()
    upkeep = Upkeep(LAYOUT, PLAN, online, lateness_us=0)
    sinks = [LakeSink(lake, raw), OnlineSink(upkeep, raw, CALLS, make_calls)]
    changes = [
        (no, START_US + minute * MINUTE, shop, 1.0 + place, f"{place:03d}", shop is None, [])
        for place, (no, _, shop, minute) in enumerate(written)
    ]
    twice = [*changes, *changes[::2]]
    shuffle.shuffle(twice)
    hidden = {POSITION: pl.String, DELETED: pl.Boolean, ABSENT: pl.List(pl.String)}
    for number in range(0, len(twice), 3):
        rows = pl.DataFrame(twice[number : number + 3], schema={**SCHEMA, "done": pl.Int64, **hidden}, orient="row")
        came = Changes(rows.with_columns(pl.col("done").cast(SCHEMA["done"])))
        for sink in sinks:
            load = Load([came], CONTRACT, pl.DataFrame(schema=DEAD), Tally())
            sink.apply(load, write_position({"all": f"{number:03d}"}))
    if not twice:
        return
    kept = read_whole(lake, lake.get(lake.head("stream/calls")).tables, raw)
    frame = build_frame(PLAN, {"asks": ASKED, "calls": make_calls(live(kept))})
    wanted = frame.select(pl.col(LAYOUT.columns).cast(pl.Float64)).to_numpy()
    assert np.array_equal(read(online), wanted, equal_nan=True)


@pytest.mark.parametrize("contract", [CONTRACT, Contract({})])
def test_a_position_moves_without_a_change(contract):
    sink = OnlineSink(Upkeep(LAYOUT, PLAN, MemoryOnline(), lateness_us=0), RAW, CALLS, make_calls)
    at = write_position({"all": "a"})
    sink.apply(Load([], contract, pl.DataFrame(schema=DEAD), Tally()), at)
    assert sink.position() == at


def test_sources_that_are_not_made_row_by_row_are_refused():
    upkeep = Upkeep(LAYOUT, PLAN, MemoryOnline(), lateness_us=0)
    for source in (Source("calls", ("no",), ("calls", "shops"), {}), Source("calls", ("other",), ("calls",), {})):
        with pytest.raises(ShipwayError, match="SW-106"):
            OnlineSink(upkeep, RAW, source, make_calls)


def test_values_that_were_left_out_are_refused():
    sink = OnlineSink(Upkeep(LAYOUT, PLAN, MemoryOnline(), lateness_us=0), RAW, CALLS, make_calls)
    frame = pl.DataFrame({"no": [1], POSITION: ["1"], DELETED: [False], ABSENT: [["shop"]]})
    with pytest.raises(ShipwayError, match=r"SW-222(.|\n)*REPLICA IDENTITY FULL"):
        sink.apply(Load([Changes(frame)], CONTRACT, pl.DataFrame(schema=DEAD), Tally()), b"a")


@pytest.mark.parametrize("wrong", ["rank", "key"])
def test_rows_that_depend_on_others_are_refused(wrong):
    def make(calls):
        return calls.with_columns(pl.col("amount").rank() if wrong == "rank" else pl.col("no").cast(pl.String))

    rows = [(n, START_US, "s0", float(n), n == 4) for n in range(9)]
    kept = pl.DataFrame(rows, schema={**SCHEMA, "done": pl.Int64, DELETED: pl.Boolean}, orient="row")
    kept = kept.with_columns(pl.col("done").cast(SCHEMA["done"]))
    with pytest.raises(ShipwayError, match="SW-106"):
        refuse_mixing(CALLS, make, kept, make_rows(CALLS, make, kept))
    refuse_mixing(CALLS, make_calls, kept, made := make_rows(CALLS, make_calls, kept))
    assert made.filter(DELETED)["no"].to_list() == [4]


def test_rows_that_the_function_leaves_out_are_gone():
    rows = [(n, START_US, "s0", float(n), False) for n in range(3)]
    kept = pl.DataFrame(rows, schema={**SCHEMA, "done": pl.Int64, DELETED: pl.Boolean}, orient="row")
    kept = kept.with_columns(pl.col("done").cast(SCHEMA["done"]))
    for least, there in ((1, [1, 2]), (7, [])):
        made = make_rows(CALLS, lambda calls, least=least: calls.filter(pl.col("amount") >= least), kept)
        assert made.filter(~pl.col(DELETED))["no"].to_list() == there
        assert made.height == 3

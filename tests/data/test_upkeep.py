"""However rows come, change, come again, come late and go: a read at or after the watermark is what a frame has."""

import datetime as dt
import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipway.core import window as w
from shipway.core.error import ShipwayError
from shipway.core.feature import ALWAYS, Entity, FeatureView, Source
from shipway.core.level import count_spans, is_cut
from shipway.core.online import make_layout
from shipway.data.feed import make_feed
from shipway.data.frame import build_frame
from shipway.data.kept import DELETED
from shipway.data.materialisation import Materialiser
from shipway.data.plan import AT, plan_views
from shipway.data.upkeep import Upkeep
from shipway.serving.reader import FeatureReader
from shipway.testing.fake.online import MemoryOnline
from shipway.testing.schema import schema_of

ORIGIN, MINUTE = 1_700_000_000_000_000, 60_000_000
LATEST = (1 << 63) - 1
ASKS = Source("asks", ("id",), (), {ALWAYS: ("at", "near", "shop", "zone")})
CALLS = Source(
    "calls",
    ("no", "leg"),
    (),
    {"booked": ("planned", "shop", "zone", "size"), "done": ("amount", "cost", "peak", "good", "note")},
)
SHOPS = Source("shops", ("shop",), (), {ALWAYS: ("seats", "owner")})
SOURCES = {"asks": ASKS, "calls": CALLS, "shops": SHOPS}
DONE, PLANNED, BOOKED = CALLS.event("done"), CALLS.event("planned"), CALLS.event("booked")
REGISTER = SHOPS.event(ALWAYS)


def bounded(*widths):
    found = {}
    for last in widths:
        found |= {
            f"n_{last}": w.count(DONE, last=last),
            f"total_{last}": w.total(DONE.amount, last=last),
            f"mean_{last}": w.mean(DONE.cost, last=last),
            f"share_{last}": w.share(DONE.good, last=last),
            f"low_{last}": w.least(DONE.amount, last=last),
            f"high_{last}": w.greatest(DONE.peak, last=last),
            f"soon_{last}": w.newest(DONE.note, within=last),
            f"fresh_{last}": w.age(DONE, within=last),
            f"booked_{last}": w.count(BOOKED, last=last),
            f"fading_{last}": w.decayed(DONE.amount, half_life="9s"),
            f"words_{last}": w.distinct(DONE.note, last=last, where=DONE.amount > 0),
            f"spread_{last}": w.variance(DONE.cost, last=last),
            f"first_{last}": w.first(DONE.note, last=last),
            f"good_{last}": w.count(DONE, last=last, where=DONE.good),
            f"worth_{last}": w.newest(DONE.amount, within=last, where=DONE.good),
        }
    return found


UNBOUNDED = {
    "age": w.age(DONE),
    "note": w.newest(DONE.note),
    "size": w.newest(PLANNED.size),
    "near": w.around(PLANNED, ASKS.near, before="10m", after="5m"),
}
SHOP, ZONE, SYSTEM = Entity("shop", ("shop",)), Entity("zone", ("shop", "zone")), Entity("system", ())
BOUNDED = (
    FeatureView("sys", SYSTEM, bounded("7m")),
    FeatureView("shop", SHOP, bounded("5m", "20m")),
    FeatureView("zone", ZONE, bounded("20m")),
)
VIEWS = (
    *BOUNDED,
    FeatureView("sys_any", SYSTEM, UNBOUNDED),
    FeatureView("shop_any", SHOP, UNBOUNDED),
    FeatureView("reg", SHOP, {"seats": w.newest(REGISTER.seats), "owner": w.newest(REGISTER.owner)}),
)
LEAD = 60


def instant(minute):
    """Return an instant of a minute; most are cuts, so that a few rows are enough for blocks and spans."""
    if minute is None:
        return None
    wishes = (is_cut, lambda at: count_spans(at) == 1, lambda at: count_spans(at) == 2, lambda _: True)
    wish, start = wishes[minute % 4], ORIGIN + minute * MINUTE
    at = next(each for each in range(start, start + MINUTE) if wish(each))
    return dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=at)


INSTANT = {minute: instant(minute) for minute in (*range(-LEAD, 120), None)}
DATED = pl.Datetime("us", "UTC")
CALL_SCHEMA = {
    "no": pl.Int64, "leg": pl.String, "booked": DATED, "planned": DATED, "done": DATED, "shop": pl.String,
    "zone": pl.Int64, "size": pl.Float64, "amount": pl.Int64, "cost": pl.Float64, "peak": pl.Float64,
    "good": pl.Boolean, "note": pl.String,
}  # fmt: skip
SHOP_SCHEMA = {"shop": pl.String, "seats": pl.Int64, "owner": pl.String}
ASK_SCHEMA = {"id": pl.Int64, "at": DATED, "near": DATED, "shop": pl.String, "zone": pl.Int64}

minutes = st.integers(0, 40)
call_of = st.fixed_dictionaries(
    {
        "planned": st.none() | minutes,
        "done": st.none() | minutes,
        "shop": st.sampled_from(["a", "a", "b", None]),
        "zone": st.sampled_from([1, -7, None]),
        "size": st.none() | st.floats(-10, 10),
        "amount": st.none() | st.integers(-20, 20),
        "cost": st.none() | st.integers(-(10**6), 10**6).map(lambda units: units / 7),
        "peak": st.none() | st.floats() | st.sampled_from([0.0, -0.0, math.inf]),
        "good": st.none() | st.booleans(),
        "note": st.none() | st.sampled_from(["x", "é", ""]),
    }
)
keys = st.tuples(st.integers(0, 7), st.sampled_from("pq"))
change_of = st.tuples(keys, st.none() | call_of)
batches_of = st.lists(st.lists(change_of, max_size=12), min_size=1, max_size=5)


def make_call(key, call):
    """Make a row of a call; a plan is booked an hour ahead, and what never happened has no outcome."""
    row = dict(zip(("no", "leg"), key, strict=True)) | dict.fromkeys(CALL_SCHEMA.keys() - {"no", "leg"})
    if call is None:
        return row
    row |= call
    if call["planned"] is None:
        row["done"] = None
    else:
        row["booked"] = INSTANT[call["planned"] - LEAD]
    row |= {name: INSTANT[row[name]] for name in ("planned", "done")}
    if row["done"] is None:
        row |= dict.fromkeys(("amount", "cost", "peak", "good", "note"))
    return row


def make_changes(batch):
    rows = [make_call(key, call) | {DELETED: call is None} for key, call in batch]
    return pl.DataFrame(rows, schema=CALL_SCHEMA | {DELETED: pl.Boolean})


def make_table(there):
    return pl.DataFrame([make_call(key, call) for key, call in there.items()], schema=CALL_SCHEMA)


SHOP_ROWS = pl.DataFrame({"shop": ["a", "c"], "seats": [7, None], "owner": ["é", None]}, schema=SHOP_SCHEMA)
NOTHING = {"calls": make_table({}), "shops": SHOP_ROWS, "asks": pl.DataFrame(schema=ASK_SCHEMA)}


def plan_of(views):
    return plan_views(ASKS, ASKS.at, views, SOURCES), make_layout("asks", ("id",), views, schema_of(NOTHING))


PLANS = {True: plan_of(VIEWS), False: plan_of(BOUNDED)}


def make_asks(ats):
    """Ask at instants about all entities there are."""
    places = [("a", 1), ("b", -7), ("a", None), ("z", 1)]
    rows = [
        {"id": number, "at": at, "near": at - dt.timedelta(minutes=2), "shop": shop, "zone": zone}
        for number, (at, (shop, zone)) in enumerate((at, place) for at in ats for place in places)
    ]
    return pl.DataFrame(rows, schema=ASK_SCHEMA)


def check_reads(plan, layout, online, there, ats):
    tables = NOTHING | {"calls": make_table(there), "asks": make_asks(ats)}
    frame = build_frame(plan, tables)
    dated = [name for name, kind in ASK_SCHEMA.items() if kind == DATED]
    rows = tables["asks"].with_columns(pl.col(dated).to_physical()).to_dicts()
    found = FeatureReader(layout, online).read(rows, frame[AT].to_physical().to_list())
    for name, column in zip(layout.columns, zip(*(one.values for one in found), strict=True), strict=True):
        wanted = frame[name] if frame[name].dtype == pl.String else frame[name].cast(pl.Float64).fill_null(math.nan)
        assert bits(column) == bits(wanted.to_list()), name
    return found


def bits(values):
    return [
        value if value is None or isinstance(value, str) else np.float64(value).view(np.int64).item()
        for value in (math.nan if isinstance(each, float) and math.isnan(each) else each for each in values)
    ]


LATER = [instant(minute) for minute in (41, 43, 47, 59, 62, 110)]
"""Nothing arrives any more, and events expire."""


@given(batches=batches_of, restarts=st.lists(st.booleans(), min_size=5, max_size=5), ats=st.sets(minutes, max_size=3))
@settings(max_examples=60)
def test_any_changes_in_any_batches_are_read_as_a_frame_of_the_last_rows(batches, restarts, ats):
    plan, layout = PLANS[True]
    online, there = MemoryOnline(), {}
    upkeep = Upkeep(layout, plan, online, lateness_us=100 * MINUTE)
    upkeep.apply("shops", SHOP_ROWS, b"shops")
    for number, (batch, restart) in enumerate(zip(batches, restarts, strict=False)):
        if restart:
            upkeep = Upkeep(layout, plan, online, lateness_us=100 * MINUTE)
        upkeep.apply("calls", make_changes(batch), b"%d" % number)
        there = {key: call for key, call in (there | dict(batch)).items() if call is not None}
        assert upkeep.standing("calls").position == b"%d" % number
        assert upkeep.standing("calls").late == 0
        # Nothing was trimmed, so that even what is long past is exact.
        check_reads(plan, layout, online, there, [*map(instant, sorted(ats)), *LATER[:2]])
    check_reads(plan, layout, online, there, LATER)
    before = online._values.copy()
    upkeep.apply("calls", make_table(there), b"again")
    del before[b"\xff\xff", 0]
    assert {place: value for place, value in online._values.items() if place != (b"\xff\xff", 0)} == before
    assert upkeep.standing("calls").same >= len(there)


@given(batches=batches_of, lateness=st.sampled_from([0, 5, 30]), unbounded=st.booleans())
@settings(max_examples=60)
def test_what_comes_after_a_trim_is_applied_or_refused_and_never_wrong(batches, lateness, unbounded):
    plan, layout = PLANS[unbounded]
    online, there, late = MemoryOnline(), {}, 0
    upkeep = Upkeep(layout, plan, online, lateness_us=lateness * MINUTE)
    if unbounded:
        upkeep.apply("shops", SHOP_ROWS, b"shops")
    edges, marks = {}, {}
    for number, batch in enumerate(batches):
        for key, call in dict(batch).items():
            row, before = make_call(key, call), make_call(key, there.get(key))
            refused = is_late(row, before, edges)
            late += refused
            if not refused:
                there[key] = call
            if call is not None:
                for stream in ("booked", "planned", "done"):
                    due = row["booked"] if stream == "planned" else row[stream]
                    if row[stream] is not None and due is not None:
                        mark = due - dt.timedelta(minutes=lateness)
                        marks[stream] = max(mark, marks.get(stream, mark))
        there = {key: call for key, call in there.items() if call is not None}
        upkeep.apply("calls", make_changes(batch), b"%d" % number)
        if number % 2:
            upkeep.trim()
            edges = {s: at - dt.timedelta(minutes=20) for s, at in marks.items() if s in edges_of(unbounded)}
        named = {f"calls.{s}": at for s, at in marks.items() if f"calls.{s}" in layout.streams}
        told = {
            s: dt.datetime.fromtimestamp(0, dt.UTC) + dt.timedelta(microseconds=at)
            for s, at in upkeep.watermarks.items()
        }
        assert told == named
        if unbounded:
            # Where rows may be dropped, one that is gone and comes again changed is not known to have been there.
            assert upkeep.standing("calls").late == late
            now = max([*named.values(), instant(0)])
            found = check_reads(plan, layout, online, there, sorted({at for at in (now, *LATER) if at >= now}))
            assert found[0].watermarks == tuple(upkeep.watermarks.get(name) for name in layout.streams)


def edges_of(unbounded):
    # Of plans that are read at any instant nothing is trimmed.
    return ("booked", "done") if unbounded else ("booked", "done", "planned")


def is_late(row, before, edges):
    """Tell whether a change touches something at or before an edge."""
    for stream, own in STREAMS.items():
        edge = edges.get(stream)
        now, then = ([each[name] for name in ("booked", stream, *own)] for each in (row, before))
        counted = [each for each in (now, then) if each[0] is not None and each[1] is not None]
        if edge is not None and repr(now) != repr(then) and any(each[1] <= edge for each in counted):
            return True
    return False


STREAMS = {
    "booked": ("shop", "zone"),
    "planned": ("shop", "zone", "size"),
    "done": ("shop", "zone", "amount", "cost", "peak", "good", "note"),
}


def test_rows_that_no_window_reaches_are_forgotten_and_refused():
    plan, layout = PLANS[False]
    online = MemoryOnline()
    upkeep = Upkeep(layout, plan, online, lateness_us=5 * MINUTE)
    blank = dict.fromkeys(("zone", "size", "amount", "cost", "peak", "good", "note"))
    old, new = ({"planned": at, "done": done, "shop": "a"} | blank for at, done in ((1, 1), (100, 40)))
    upkeep.apply("calls", make_changes([((1, "p"), old), ((2, "p"), new), ((4, "p"), old | {"done": 2})]), b"1")
    assert len([name for name, _ in online._values if name[:2] == b"\xff\xfe"]) == 3
    assert upkeep.trim() > 0
    assert len([name for name, _ in online._values if name[:2] == b"\xff\xfe"]) == 1
    standing = upkeep.apply("calls", make_changes([((1, "p"), old), ((3, "p"), old | {"shop": "b"})]), b"2")
    assert (standing.applied, standing.late) == (3, 2)
    check_reads(plan, layout, online, {(2, "p"): new}, LATER)


def test_a_stream_that_begins_anew_begins_an_empty_store():
    plan, layout = PLANS[False]
    online, blank = MemoryOnline(), dict.fromkeys(("zone", "size", "amount", "cost", "peak", "good", "note"))
    first, second = ({"planned": at, "done": at, "shop": "a"} | blank for at in (30, 40))
    upkeep = Upkeep(layout, plan, online, lateness_us=0)
    upkeep.apply("calls", make_changes([((1, "p"), first)]), b"1")
    upkeep.trim()
    standing = upkeep.apply("calls", make_changes([((2, "p"), second)]), b"2", anew=True)
    assert (standing.position, standing.applied, standing.late) == (b"2", 1, 0)
    check_reads(plan, layout, online, {(2, "p"): second}, LATER)


def test_a_beginning_that_broke_off_is_begun_again():
    plan, layout = PLANS[False]
    blank = dict.fromkeys(("zone", "size", "amount", "cost", "peak", "good", "note"))
    first, second = ({"planned": at, "done": at, "shop": "a"} | blank for at in (30, 40))

    class Broken(MemoryOnline):
        broken = False

        def trim(self, prefix, before, *, whole=False):
            if self.broken:
                raise KeyboardInterrupt
            return super().trim(prefix, before, whole=whole)

    online = Broken()
    upkeep = Upkeep(layout, plan, online, lateness_us=0)
    upkeep.apply("calls", make_changes([((1, "p"), first)]), b"1")
    online.broken = True
    with pytest.raises(KeyboardInterrupt):
        upkeep.apply("calls", make_changes([((2, "p"), second)]), b"2", anew=True)
    online.broken = False
    upkeep = Upkeep(layout, plan, online, lateness_us=0)
    assert upkeep.standing("calls").position is None
    upkeep.apply("calls", make_changes([((2, "p"), second)]), b"2")
    check_reads(plan, layout, online, {(2, "p"): second}, LATER)


def test_a_source_that_begins_anew_beside_others_is_refused():
    plan, layout = PLANS[True]
    upkeep = Upkeep(layout, plan, MemoryOnline(), lateness_us=0)
    upkeep.apply("shops", SHOP_ROWS, b"1")
    with pytest.raises(ShipwayError, match="SW-805"):
        upkeep.apply("shops", SHOP_ROWS, b"2", anew=True)
    assert upkeep.standing("shops").position == b"1"


def test_a_store_of_something_else_is_refused():
    (plan, layout), (other_plan, other) = PLANS[True], PLANS[False]
    online = MemoryOnline()
    Upkeep(other, other_plan, online, lateness_us=0).apply("calls", make_changes([]), b"1")
    with pytest.raises(ShipwayError, match="SW-805"):
        Upkeep(layout, plan, online, lateness_us=0)
    fed = MemoryOnline()
    Materialiser(other, make_feed(other, other_plan, NOTHING), fed).bootstrap(ORIGIN)
    with pytest.raises(ShipwayError, match="SW-805"):
        Upkeep(other, other_plan, fed, lateness_us=0)


class Failing(MemoryOnline):
    """A store whose writes fail, before or after they are done."""

    fails = None

    def write(self, entries, *, position, drops=()):
        if self.fails == "before":
            raise ShipwayError("SW-601", "the disk is full", "free some space")
        super().write(entries, position=position, drops=drops)
        if self.fails == "after":
            raise KeyboardInterrupt


@pytest.mark.parametrize(("fails", "error"), [("before", ShipwayError), ("after", KeyboardInterrupt)])
def test_a_write_that_fails_is_made_up_for_and_one_that_did_not_is_not_repeated(fails, error):
    plan, layout = PLANS[False]
    online, blank = Failing(), dict.fromkeys(("zone", "size", "amount", "cost", "peak", "good", "note"))
    rows = [((number, "p"), {"planned": at, "done": at, "shop": "a"} | blank) for number, at in enumerate((3, 9, 5))]
    upkeep = Upkeep(layout, plan, online, lateness_us=50 * MINUTE)
    for number, row in enumerate(rows):
        online.fails = fails
        with pytest.raises(error):
            upkeep.apply("calls", make_changes([row]), b"%d" % number)
        online.fails = None
        upkeep.apply("calls", make_changes([row]), b"%d" % number)
        standing = upkeep.standing("calls")
        assert (standing.applied, standing.same) == (number + 1, (number + 1) * (fails == "after"))
        check_reads(plan, layout, online, dict(rows[: number + 1]), LATER)


def test_rows_that_features_cannot_be_made_of_change_nothing():
    plan, layout = PLANS[False]
    online = MemoryOnline()
    upkeep = Upkeep(layout, plan, online, lateness_us=0)
    good = {"planned": 3, "done": 4, "shop": "a", "zone": 1, "size": None, "amount": 1, "cost": 1.0, "peak": None,
            "good": None, "note": None}  # fmt: skip
    upkeep.apply("calls", make_changes([((1, "p"), good)]), b"1")
    before = online._values.copy()
    with pytest.raises(ShipwayError, match="SW-303"):
        upkeep.apply("calls", make_changes([((2, "p"), good), ((3, "p"), good | {"cost": 1e300})]), b"2")
    assert online._values == before
    upkeep.apply("calls", make_changes([((2, "p"), good)]), b"2")
    assert upkeep.standing("calls").applied == 2

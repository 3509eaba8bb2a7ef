"""The online store holds what a naive reading of the updates says, however it was brought there."""

import datetime as dt
from operator import add

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shipway.core import window as w
from shipway.core.entry import encode_series, unpack_entry
from shipway.core.error import ShipwayError
from shipway.core.feature import Entity, FeatureView, Source
from shipway.core.level import BASES, name_level
from shipway.core.online import make_layout
from shipway.data.feed import make_feed
from shipway.data.materialisation import Materialiser
from shipway.data.plan import plan_views
from shipway.testing.fake.online import MemoryOnline
from shipway.testing.schema import schema_of

MINUTE = 60_000_000
LATEST = (1 << 63) - 1
CALLS = Source("calls", ("no",), (), {"booked": ("planned", "shop", "x", "note")})
PLANNED, BOOKED = CALLS.event("planned"), CALLS.event("booked")
VIEWS = (
    FeatureView(
        "s",
        Entity("shop", ("shop",)),
        {
            "n": w.count(PLANNED, last="3m"),
            "m": w.mean(PLANNED.x, last="5m"),
            "t": w.newest(PLANNED.note),
            "l": w.least(PLANNED.x, last="4m"),
        },
    ),
    FeatureView("e", Entity("system", ()), {"t": w.total(PLANNED.x, last="2m"), "n": w.count(BOOKED, last="1m")}),
    FeatureView("a", Entity("shop", ("shop",)), {"near": w.around(BOOKED, CALLS.booked, before="1m", after="1m")}),
)
PLAN = plan_views(CALLS, CALLS.booked, VIEWS, {"calls": CALLS})
minutes = st.integers(0, 12)
calls_of = st.lists(
    st.tuples(
        st.none() | minutes,
        st.none() | minutes,
        st.sampled_from(["a", "b", None]),
        st.none() | st.integers(-9, 9),
        st.none() | st.sampled_from(["p", "q"]),
    ),
    max_size=10,
)


def tables_of(calls):
    """Make a table of (booked, planned, shop, x, note); later rows have lesser keys."""
    names = ("booked", "planned", "shop", "x", "note")
    rows = [dict(zip(names, call, strict=True)) | {"no": -at} for at, call in enumerate(calls)]
    for row in rows:
        for name in ("booked", "planned"):
            row[name] = None if row[name] is None else dt.datetime.fromtimestamp(60 * row[name], tz=dt.UTC)
    instants = dict.fromkeys(("booked", "planned"), pl.Datetime("us", "UTC"))
    kinds = {"no": pl.Int64, **instants, "shop": pl.String, "x": pl.Int64, "note": pl.String}
    return {"calls": pl.DataFrame(rows, schema=kinds)}


LAYOUT = make_layout("calls", ("no",), VIEWS, schema_of(tables_of([])))


def feed_of(calls):
    return make_feed(LAYOUT, PLAN, tables_of(calls))


def naive(calls, until):
    """Return all entries after everything that was known by a minute, one row at a time."""
    entries = {}
    for place, series in enumerate(LAYOUT.series):
        planned = series.stream == "calls.planned"
        rows = [
            (call[1] if planned else call[0], -at, call[2], call[3], call[4])
            for at, call in enumerate(calls)
            if call[0] is not None and call[0] <= until and (not planned or call[1] is not None)
        ]
        for shop in {row[2] for row in rows} - {None} if series.keys else {None}:
            own = sorted(row for row in rows if not series.keys or row[2] == shop) if rows else []
            name = encode_series(place, (shop,) if series.keys else ())
            for instant in {row[0] for row in own}:
                before = [row for row in own if row[0] <= instant]
                there = [row[3] for row in own if row[0] == instant and row[3] is not None]
                valid = [row[3] for row in before if row[3] is not None]
                totals = [len(before), *([len(valid), sum(valid)] if series.sums else [])]
                varied = [before[-1][4], min(there, default=None), max(there, default=None)] if series.varied else []
                varied += [before[-1][1]] if series.varied else []
                entries[name, instant * MINUTE] = tuple(totals), varied
    return entries


def stored(online, feed):
    """Return what every entry says: the totals from the series' start on, and the rest."""
    found = {}
    for one in (one for stream in feed.streams for one in stream.series):
        for name in one.names:
            for instant, entry in online.between(name, -(1 << 63), LATEST):
                found[name, instant] = add_base(online, one.series.packing, name, instant, entry)
    return found


def add_base(online, packing, name, instant, entry):
    totals, varied = unpack_entry(packing, entry)
    base = online.newest([(name_level(name, BASES), instant)])[0]
    return (totals if base is None else tuple(map(add, totals, packing.unpack(base[1])))), varied


SORTED_ROWS = st.lists(minutes, max_size=5).map(sorted)


@given(calls=calls_of, cuts=SORTED_ROWS, restarts=st.lists(st.booleans(), min_size=6, max_size=6))
@example(
    calls=[(0, 5, "a", 1, "p"), (1, 5, "a", 2, "q"), (2, 3, "a", 4, None), (3, 3, "a", None, "q"), (4, 1, "a", 3, "p")],
    cuts=[0, 1, 2, 3, 4],
    restarts=[True] * 6,
)
@example(
    calls=[(0, 5, "a", 1, "p"), (1, 5, "a", 2, "q"), (2, 3, "a", 4, None), (3, 3, "a", None, "q"), (4, 1, "a", 3, "p")],
    cuts=[4],
    restarts=[False] * 6,
)
def test_every_update_is_in_the_store_once(calls, cuts, restarts):
    feed, online = feed_of(calls), MemoryOnline()
    materialiser = Materialiser(LAYOUT, feed, online)
    for cut, restart in zip([*cuts, 12], restarts):  # noqa: B905
        if restart:
            materialiser = Materialiser(LAYOUT, feed, online)
        before = materialiser.applied
        assert materialiser.advance(cut * MINUTE) == materialiser.applied - before
        assert stored(online, feed) == naive(calls, cut)
        assert materialiser.advance(cut * MINUTE) == 0
        assert materialiser.advance((cut - 3) * MINUTE) == 0
    assert materialiser.applied == sum(len(stream.due) for stream in feed.streams)


@given(calls=calls_of, at=minutes, steps=SORTED_ROWS, trims=st.lists(st.booleans(), min_size=5, max_size=5))
def test_a_shorter_store_answers_every_later_question_alike(calls, at, steps, trims):
    feed, online, whole = feed_of(calls), MemoryOnline(), MemoryOnline()
    short, full = Materialiser(LAYOUT, feed, online), Materialiser(LAYOUT, feed, whole)
    assert short.bootstrap(at * MINUTE) == full.advance(at * MINUTE)
    for step, trim in zip([0, *steps], [False, *trims]):  # noqa: B905
        now = at + step
        assert short.bootstrap(now * MINUTE) == full.advance(now * MINUTE)  # one that was begun is advanced
        if trim:
            short.trim(now * MINUTE)
        for one in (one for stream in feed.streams for one in stream.series):
            keep = one.series.keep_us
            for asked in range(-1 if keep is None else now - keep // MINUTE, 26):
                asks = [(each, asked * MINUTE) for name in one.names for each in (name, name_level(name, BASES))]
                assert online.newest(asks) == whole.newest(asks)


def test_what_is_left_out_at_the_start_is_what_trimming_drops():
    calls = [(0, minute, "a", minute, "p") for minute in range(12)]
    feed, online, whole = feed_of(calls), MemoryOnline(), MemoryOnline()
    Materialiser(LAYOUT, feed, online).bootstrap(10 * MINUTE)
    full = Materialiser(LAYOUT, feed, whole)
    full.advance(10 * MINUTE)
    before = len(stored(whole, feed))
    dropped = full.trim(10 * MINUTE)
    assert stored(online, feed) == stored(whole, feed)
    # Planned at 0 to 11: of the system 8 and later stay, of the shop 5 and later; all were booked at once.
    assert before - len(stored(whole, feed)) == 8 + 5
    assert dropped == 8 + 5 + 1  # and a base


@given(calls=calls_of, lag=st.integers(0, 5), at=minutes)
def test_a_feed_that_runs_late_is_the_store_of_earlier(calls, lag, at):
    feed, late, plain = feed_of(calls), MemoryOnline(), MemoryOnline()
    Materialiser(LAYOUT, feed, late, lag_us=lag * MINUTE).advance(at * MINUTE)
    Materialiser(LAYOUT, feed, plain).advance((at - lag) * MINUTE)
    assert stored(late, feed) == stored(plain, feed)


CALLS_MADE = [(1, 5, "a", 1, "p"), (2, 3, "a", 2, None), (4, 4, "b", 3, "q")]


@pytest.mark.parametrize(("calls", "lag"), [(CALLS_MADE[:2], 0), (CALLS_MADE, 1)])
def test_a_store_of_something_else_is_refused(calls, lag):
    online = MemoryOnline()
    Materialiser(LAYOUT, feed_of(CALLS_MADE), online).advance(2 * MINUTE)
    with pytest.raises(ShipwayError, match="SW-805"):
        Materialiser(LAYOUT, feed_of(calls), online, lag_us=lag)


def test_a_position_that_is_none_of_ours_is_refused():
    online = MemoryOnline()
    online.write([], position=b"elsewhere")
    with pytest.raises(ShipwayError, match="SW-805"):
        Materialiser(LAYOUT, feed_of(CALLS_MADE), online)


class Failing(MemoryOnline):
    """A store whose writes fail for a while, before or after they are done."""

    fails = None

    def write(self, entries, *, position, drops=()):
        if self.fails == "before":
            raise ShipwayError("SW-601", "the disk is full", "free some space")
        super().write(entries, position=position, drops=drops)
        if self.fails == "after":
            raise KeyboardInterrupt


@pytest.mark.parametrize("begin", ["advance", "bootstrap"])
@pytest.mark.parametrize(("fails", "error"), [("before", ShipwayError), ("after", KeyboardInterrupt)])
def test_a_write_that_fails_is_made_up_for_and_one_that_did_not_is_not_repeated(begin, fails, error):
    feed, online = feed_of(CALLS_MADE), Failing()
    materialiser = Materialiser(LAYOUT, feed, online)
    for minute in (1, 2):
        online.fails = fails
        with pytest.raises(error):
            getattr(materialiser, begin)(minute * MINUTE)
        assert stored(online, feed) == naive(CALLS_MADE, minute if fails == "after" else minute - 1)
        online.fails = None
        assert materialiser.advance(minute * MINUTE) == (0 if fails == "after" else 2)
        assert stored(online, feed) == naive(CALLS_MADE, minute)
    assert materialiser.advance(9 * MINUTE) == 2
    assert stored(online, feed) == naive(CALLS_MADE, 9)

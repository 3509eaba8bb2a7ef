"""Feeds: what becomes known when, in which order, and what is refused."""

import datetime as dt

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.core import window as w
from shipway.core.entry import encode_series
from shipway.core.error import ShipwayError
from shipway.core.feature import ALWAYS, Entity, FeatureView, Source
from shipway.core.online import make_layout
from shipway.data.feed import make_feed
from shipway.data.plan import plan_views
from shipway.testing.schema import schema_of

CALLS = Source("calls", ("no",), (), {"booked": ("planned", "shop", "size"), "done": ("x",), ALWAYS: ("seats",)})
SHOP = Entity("shop", ("shop",))
INSTANTS = ("booked", "planned", "done")


def instant(minute):
    return None if minute is None else dt.datetime.fromtimestamp(0, tz=dt.UTC) + dt.timedelta(minutes=minute)


def table(rows, x=pl.Int64):
    """Make a table of (no, shop, booked, planned, done, x), instants in minutes."""
    names = ("no", "shop", *INSTANTS, "x")
    cells = [{name: instant(cell) if name in INSTANTS else cell for name, cell in zip(names, row)} for row in rows]  # noqa: B905
    kinds = {"no": pl.Int64, "shop": pl.String, **dict.fromkeys(INSTANTS, pl.Datetime("us", "UTC")), "x": x}
    return pl.DataFrame(cells, schema=kinds).with_columns(seats=pl.col("no"), size=pl.lit(1))


def feed_of(rows, **features):
    tables = {"calls": rows}
    views = (FeatureView("v", SHOP, features), FeatureView("s", Entity("system", ()), features))
    plan = plan_views(CALLS, CALLS.booked, views, {"calls": CALLS})
    return make_feed(make_layout("calls", CALLS.key, views, schema_of(tables)), plan, tables)


def minutes(instants):
    return [int(each) // 60_000_000 for each in instants]


def test_a_plan_is_due_when_it_is_booked_and_stands_under_its_own_instant():
    rows = [
        (3, "a", 5, 90, 1, 1),
        (1, "b", 5, 90, 1, 2),
        (2, "a", 4, 99, 1, 3),
        (4, "a", None, 80, 1, 4),
        (5, "a", 1, None, 1, 5),
    ]
    (stream,) = feed_of(table(rows), n=w.count(CALLS.event("planned"), last="1h")).streams
    assert minutes(stream.due) == [4, 5, 5]
    assert minutes(stream.instant) == [99, 90, 90]
    whole, shops = stream.series
    assert whole.names == [encode_series(0, ())]
    assert shops.names == [encode_series(1, ("a",)), encode_series(1, ("b",))]
    assert shops.codes.tolist() == [0, 1, 0]


def test_an_event_is_due_at_its_own_instant_and_what_was_always_known_at_the_beginning():
    rows = table([(1, "a", 0, 0, 7, 1), (2, None, 0, 0, 3, None)])
    feed = feed_of(rows, t=w.total(CALLS.event("done").x, last="1h"), s=w.newest(CALLS.event(ALWAYS).seats))
    known, done = feed.streams
    assert known.due.tolist() == known.instant.tolist() == [np.iinfo(np.int64).min] * 2
    assert minutes(done.due) == minutes(done.instant) == [3, 7]
    whole, shops = done.series
    assert whole.deltas.tolist() == [[1, 0, 0], [1, 1, 1]]
    assert whole.deltas is shops.deltas
    assert whole.codes.tolist() == [0, 0]
    assert shops.codes.tolist() == [-1, 0]  # a null key is nobody's
    assert known.series[0].read_rows(slice(0, 2)) == [[1, 1], [2, 2]]  # the seats, then the tie


rows_of = st.lists(
    st.tuples(st.sampled_from(["a", "b", None]), *[st.none() | st.integers(0, 9)] * 3, st.none() | st.integers(-9, 9)),
    max_size=8,
)


@given(rows=rows_of, seed=st.integers(0, 99))
def test_a_feed_does_not_depend_on_the_order_of_delivery_and_says_what_it_is_made_of(rows, seed):
    data = table([(no, *row) for no, row in enumerate(rows)])
    planned, done = CALLS.event("planned"), CALLS.event("done")
    features = {"m": w.mean(done.x, last="1h"), "l": w.least(done.x, last="1h"), "s": w.newest(planned.seats)}
    digest = feed_of(data, **features).digest
    assert feed_of(data.sample(fraction=1.0, shuffle=True, seed=seed), **features).digest == digest
    told = pl.col("done").is_not_null() & pl.col("x").is_not_null()
    other = data.with_columns(x=pl.when(told).then(pl.col("x") + 1).otherwise("x"))
    assert (feed_of(other, **features).digest == digest) == (not data.select(told.any()).item())


@pytest.mark.parametrize(
    ("kind", "values", "code"),
    [
        (pl.Float64, [1e-7, 2e-7], "SW-303"),
        (pl.Float64, [1e12, 1.0], "SW-303"),
        (pl.Int64, [1 << 62, 1 << 62], "SW-303"),
        (pl.UInt64, [1 << 63, 0], "SW-203"),
    ],
)
def test_what_a_frame_would_not_sum_is_refused(kind, values, code):
    data = table([(at, "a", 0, 0, at, value) for at, value in enumerate(values)], x=kind)
    with pytest.raises(ShipwayError, match=code):
        feed_of(data, t=w.total(CALLS.event("done").x, last="1h"))

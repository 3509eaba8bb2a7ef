from datetime import UTC, datetime, timedelta

import polars as pl

from shipway.core.data_check import fresh, fullest_day, gaps, past, thinnest_day
from shipway.core.feature import Source
from shipway.data.check import measure_tables
from shipway.data.scan import Content
from shipway.kit.duration import DAY, HOUR

t = Source("t", ("id",), (), {"at": ("k", "x")})
START = datetime(2024, 1, 1, tzinfo=UTC)
START_US = int(START.timestamp()) * 1_000_000


def hourly(hours, feeds=("a", "b")):
    return pl.DataFrame(
        {"k": [k for k in feeds for _ in hours], "at": [START + timedelta(hours=h) for _ in feeds for h in hours]}
    )


def measure(check, frame, main=None, new=None, now=START_US + 10 * DAY):
    check = getattr(check, "check", check)
    return measure_tables([check], {"t": Content(frame, new, main)}, subject="d", now=now, log_digest="")[
        check.name
    ].evidence


def test_the_oldest_feed_counts():
    frame = pl.concat([hourly(range(48), ("a",)), hourly(range(24), ("b",)), hourly(range(2), ("c",))])
    now = START_US + 48 * HOUR
    assert measure(fresh(t.at, within="1d"), frame, now=now).value == HOUR
    found = measure(fresh(t.at, within="1d", per=t.k, support_rows=10), frame, now=now)
    assert found.value == 25 * HOUR
    assert found.facts["said"] == "newest is 25h old of k b, the oldest of 2 feeds"
    assert measure(fresh(t.at, within="1d", per=t.k, support_rows=99), frame, now=now).n == 0


def test_steps_without_a_row_are_counted_feed_by_feed():
    frame = hourly(range(24)).filter(~((pl.col("k") == "b") & pl.col("at").dt.hour().is_in([5, 6, 7])))
    check = gaps(t.at, every="1h", per=t.k)
    found = measure(check, pl.concat([frame, frame.head(3)]))  # an hour twice fills no other
    assert found.value == 3
    assert found.facts["said"] == "3 of 48 steps have no row, 3 of k b"
    assert measure(gaps(t.at, every="1h"), frame).value == 0
    stopped = pl.concat([hourly(range(24), ("a",)), hourly(range(20), ("b",))])
    assert measure(check, stopped).value == 4


def test_new_rows_follow_on_what_main_has():
    main, new = hourly(range(24)), hourly(range(30, 48))
    check = gaps(t.at, every="1h", per=t.k).on("new")
    assert measure(check, new, main, new).value == 12
    assert measure(gaps(t.at, every="1h").on("new"), new, main, new).value == 6
    only_a = hourly(range(24, 48), ("a",))
    assert measure(check, only_a, main, only_a).value == 24
    assert measure(check, hourly(range(24, 48)), main, hourly(range(24, 48))).value == 0
    again = hourly(range(48))
    assert measure(check, again, main, again).value == 0


def test_days_are_compared_with_a_usual_one():
    frame = hourly(range(240)).filter(pl.col("at").dt.day() != 4)
    assert measure(thinnest_day(t.at), frame).value == 0
    thin = hourly(range(240)).filter((pl.col("at").dt.day() != 4) | (pl.col("at").dt.hour() < 6))
    found = measure(thinnest_day(t.at), thin)
    assert found.value == 0.25
    assert found.facts["said"] == "2024-01-04 has 12 rows, a usual day 48"
    full = pl.concat([hourly(range(240)), hourly(range(24, 48))])
    assert measure(fullest_day(t.at), full).value == 2
    assert measure(fullest_day(t.at - "12h"), full).value == 1.5
    assert measure(fullest_day(t.at).on("new").against("main"), full, hourly(range(240), ("a",)), full).value == 4


def test_what_lies_ahead_is_counted():
    frame = hourly(range(10), ("a",))
    assert measure(past(t.at), frame, now=START_US + 7 * HOUR).value == 0.2

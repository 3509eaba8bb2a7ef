"""Ticks lie where days begin, and the position is there whole or not at all."""

import datetime as dt
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.app.replay.clock import (
    ReplayClock,
    Tally,
    last_tick,
    list_ticks,
    read_clock,
    read_reconciled,
    write_clock,
    write_reconciled,
)
from shipway.core.error import ShipwayError
from shipway.kit.duration import DAY, HOUR, MINUTE

NEW_YORK = "America/New_York"


def us(text: str, zone: str = NEW_YORK) -> int:
    moment = dt.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))
    return (moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)


def test_days_begin_at_midnight_of_the_zone_also_where_clocks_change() -> None:
    ticks = list_ticks(us("2013-11-02"), us("2013-11-05"), DAY, NEW_YORK)
    assert ticks == [us("2013-11-02"), us("2013-11-03"), us("2013-11-04"), us("2013-11-05")]
    assert [(later - earlier) // HOUR for earlier, later in pairwise(ticks)] == [24, 25, 24]


def test_a_period_that_begins_at_noon_has_its_second_tick_at_midnight() -> None:
    ticks = list_ticks(us("2013-07-01T12:00"), us("2013-07-02T18:00"), DAY, NEW_YORK)
    assert ticks == [us("2013-07-01T12:00"), us("2013-07-02"), us("2013-07-02T18:00")]


def test_ticks_of_several_days_lie_on_midnights_too() -> None:
    ticks = list_ticks(us("2013-03-08"), us("2013-03-15"), 2 * DAY, NEW_YORK)
    assert ticks == [us("2013-03-08"), us("2013-03-10"), us("2013-03-12"), us("2013-03-14"), us("2013-03-15")]


def test_ticks_of_minutes_follow_the_start() -> None:
    start = us("2013-07-01T00:10")
    assert list_ticks(start, start + 95 * MINUTE, 30 * MINUTE, NEW_YORK) == [
        start + minutes * MINUTE for minutes in (0, 30, 60, 90, 95)
    ]


@given(
    start=st.integers(us("2012-01-01"), us("2014-01-01")),
    length=st.integers(1, 40 * DAY),
    tick=st.sampled_from([HOUR, 7 * HOUR, DAY, 3 * DAY]),
    zone=st.sampled_from([NEW_YORK, "UTC", "Asia/Kathmandu", "America/Sao_Paulo"]),
)
def test_ticks_go_from_start_to_end_and_never_back(start: int, length: int, tick: int, zone: str) -> None:
    ticks = list_ticks(start, start + length, tick, zone)
    assert ticks[0] == start
    assert ticks[-1] == start + length
    assert all(0 < later - earlier <= tick + HOUR for earlier, later in pairwise(ticks))


def test_a_replay_is_over_two_days_after_its_period() -> None:
    end = us("2014-01-01")
    assert last_tick(end, end, NEW_YORK) == us("2014-01-03")
    assert last_tick(end, us("2014-01-02T09:00"), NEW_YORK) == us("2014-01-03")


def test_a_replay_is_over_later_where_labels_land_later() -> None:
    end = us("2014-01-01")
    assert last_tick(end, us("2014-01-30T15:00"), NEW_YORK) == us("2014-01-31")
    assert last_tick(end, us("2014-01-30"), NEW_YORK) == us("2014-01-30")


def test_a_position_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert read_clock(tmp_path) is None
    assert read_reconciled(tmp_path) is None
    tally = Tally(requests=5, statuses={"200": 4, "503": 1}, events=9, updates=12, ticks=1, restarts={"server": 2})
    clock = ReplayClock(position=7, start=3, end=9, tally=tally)
    write_clock(tmp_path, clock)
    write_reconciled(tmp_path, 7)
    assert read_clock(tmp_path) == clock
    assert read_reconciled(tmp_path) == 7


@pytest.mark.parametrize("content", [b"", b'{"position": 3', b'{"position": "soon", "start": 1, "end": 2}'])
def test_a_damaged_position_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "clock.json").write_bytes(content)
    with pytest.raises(ShipwayError, match=r"clock\.json is damaged") as caught:
        read_clock(tmp_path)
    assert caught.value.code == "SW-605"

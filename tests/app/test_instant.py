"""Instants as people write them."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.app.instant import read_instant, write_instant, write_utc

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@given(st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2200, 1, 1), timezones=st.just(dt.UTC)))
def test_time_with_a_zone_is_that_instant(at):
    assert read_instant(at.isoformat(), "America/New_York") == (at - EPOCH) // dt.timedelta(microseconds=1)


def test_time_without_a_zone_is_in_the_projects():
    summer = read_instant("2013-07-01T08:00", "America/New_York")
    assert summer == read_instant("2013-07-01T12:00Z", "Asia/Tokyo")
    assert dt.datetime.fromtimestamp(summer / 1e6, ZoneInfo("America/New_York")).hour == 8


def test_date_is_its_first_instant():
    assert read_instant("1970-01-02", "UTC") == 86_400_000_000


@pytest.mark.parametrize("text", ["", "noon", "2013-13-01", "2013-07-01T25:00", "12", "9999999999999"])
def test_anything_else_is_refused(text):
    with pytest.raises(ValueError, match="no ISO date or time"):
        read_instant(text, "UTC")


@given(st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2200, 1, 1), timezones=st.just(dt.UTC)))
def test_what_is_written_in_utc_reads_back_to_the_microsecond(at):
    us = (at - EPOCH) // dt.timedelta(microseconds=1)
    text = write_utc(us)
    assert text.endswith("Z")
    assert read_instant(text, "Asia/Tokyo") == us


def test_midnight_of_a_zone_is_its_date():
    paris = read_instant("2024-07-01", "Europe/Paris")
    assert write_instant(paris, "Europe/Paris") == "2024-07-01"
    assert write_instant(paris, "UTC") == "2024-06-30 22:00:00"

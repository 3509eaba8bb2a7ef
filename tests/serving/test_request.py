import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.serving.request import read_instant

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@given(st.datetimes(dt.datetime(1, 1, 2), dt.datetime(9999, 12, 30)), st.integers(-1439, 1439))
def test_written_instant_is_read_back(moment, minutes):
    zoned = moment.replace(tzinfo=dt.timezone(dt.timedelta(minutes=minutes)))
    us = read_instant(zoned.isoformat())
    assert EPOCH + dt.timedelta(microseconds=us) == zoned


@given(st.integers(-(1 << 63), (1 << 63) - 1))
def test_number_is_itself(us):
    assert read_instant(us) == us


@pytest.mark.parametrize("text", ["", "noon", "2013-07-01", "2013-07-01T12:00", "2013-07-01 12:00:00", "12:00Z", "1e5"])
def test_text_without_a_zone_or_a_time_is_refused(text):
    with pytest.raises(ValueError, match=r"zone|ISO 8601"):
        read_instant(text)


@pytest.mark.parametrize("us", [1 << 63, -(1 << 63) - 1])
def test_number_of_more_than_64_bits_is_refused(us):
    with pytest.raises(ValueError, match="64 bits"):
        read_instant(us)

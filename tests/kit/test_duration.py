import datetime as dt
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.kit.duration import DAY, HOUR, MINUTE, SECOND, WEEK, format_duration, parse_duration


@given(st.integers(-(2**63), 2**63 - 1))
def test_what_is_formatted_parses_back(us):
    assert parse_duration(format_duration(us)) == us


@given(st.integers(-(2**63), 2**63 - 1))
def test_format_is_made_of_falling_units(us):
    units = re.findall(r"[a-z]+", format_duration(us))
    assert units == [unit for unit in ("d", "h", "m", "s", "ms", "us") if unit in units]


@given(st.integers(0, 999), st.integers(0, 23), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
def test_parse_agrees_with_timedelta(days, hours, minutes, seconds, ms):
    expected = dt.timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds, milliseconds=ms)
    assert parse_duration(f"{days}d{hours}h{minutes}m{seconds}s{ms}ms") == expected // dt.timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("text", "us"),
    [
        ("30m", 30 * MINUTE),
        ("1h30m", 90 * MINUTE),
        ("1h 30m", 90 * MINUTE),
        ("  7d ", 7 * DAY),
        ("2w", 2 * WEEK),
        ("1500ms", 1_500_000),
        ("7us", 7),
        ("-6h", -6 * HOUR),
        ("0s", 0),
        ("90s", 90 * SECOND),
    ],
)
def test_parse(text, us):
    assert parse_duration(text) == us


@pytest.mark.parametrize(
    "text", ["", "-", "m", "30", "1.5h", "30 m m", "1h-30m", "--1h", "1y", "1H", "h1", "1 2h", "1h30"]
)
def test_parse_refuses_and_shows_what_it_got(text):
    with pytest.raises(ValueError, match=re.escape(repr(text))):
        parse_duration(text)


@pytest.mark.parametrize(
    ("us", "text"), [(0, "0s"), (5_400_000_000, "1h30m"), (-DAY, "-1d"), (1_001_001, "1s1ms1us"), (3 * WEEK, "21d")]
)
def test_format(us, text):
    assert format_duration(us) == text

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.app.report.gate import Measured
from shipway.app.report.number import (
    MINUS,
    write_day,
    write_instant,
    write_interval,
    write_memory,
    write_number,
    write_p,
    write_seconds,
    write_share,
)
from shipway.kit.duration import DAY, HOUR, MINUTE, SECOND

DIGITS = {"count": 0, "auc": 3, "loss": 4, "cost": 2}


def read(text):
    return float(text.replace(MINUS, "-").replace(",", ""))


@given(st.sampled_from(sorted(DIGITS)), st.floats(-1e9, 1e9), st.booleans())
def test_number_read_back_is_the_number_rounded(unit, value, sign):
    text = write_number(value, unit, sign=sign)
    assert read(text) == pytest.approx(value, abs=0.5000001 * 10 ** -DIGITS[unit])
    assert text.startswith("+") == (sign and read(text) > 0)
    assert text.startswith(MINUS) == (read(text) < 0)


@given(st.floats(0.01, 1))
def test_share_read_back_is_the_share_rounded(share):
    assert float(write_share(share).removesuffix("%")) == pytest.approx(100 * share, abs=0.0500001)


@given(st.floats(1e-300, 0.01, exclude_min=True))
def test_small_share_is_never_nought(share):
    shown = float(write_share(share).removesuffix("%"))
    assert shown == pytest.approx(100 * share, rel=0.51)
    assert shown > 0


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0, "share", "0%"),
        (-0.25, "share", f"{MINUS}25.0%"),
        (29 * HOUR + 12 * MINUTE, "duration", "1d5h"),
        (26 * MINUTE + 3 * SECOND, "duration", "26m3s"),
        (-2 * HOUR - 5 * MINUTE - 7 * SECOND, "duration", f"{MINUS}2h5m"),
        (9 * DAY, "duration", "9d"),
        (1500.0, "duration", "1ms500us"),
        (0.0, "duration", "0s"),
        (336776.0, "number", "336,776"),
        (0.123456, "number", "0.1235"),
        (-0.00001, "loss", "0.0000"),
        (3.0, "count", "3"),
    ],
)
def test_number_is_written(value, unit, text):
    assert write_number(value, unit) == text


def test_interval_has_both_ends_or_nothing():
    assert write_interval(Measured(0.5, 0.25, 0.75), "auc") == "0.250 to 0.750"
    assert write_interval(Measured(0.0, -1.0, 1.0), "cost", sign=True) == f"{MINUS}1.00 to +1.00"
    assert write_interval(Measured(0.5, 0.5, 0.5), "auc") == ""


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0004, "0 ms"),
        (0.094, "94 ms"),
        (0.1, "0.1 s"),
        (9.84, "9.8 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (3599.0, "59 min 59 s"),
    ],
)
def test_seconds_are_written(seconds, text):
    assert write_seconds(seconds) == text


def test_memory_is_written():
    assert (write_memory(999.4), write_memory(1220.0)) == ("999 MB", "1.22 GB")


def test_p_claims_neither_nought_nor_one():
    assert [write_p(p) for p in (0.0, 0.0531, 1.0)] == ["< 0.001", "0.053", "> 0.999"]


def test_instants_are_of_the_zone():
    newyear = 1_388_552_400 * SECOND  # 2014-01-01T05:00:00Z
    assert write_instant(newyear, "America/New_York") == "2014-01-01"
    assert write_instant(newyear, "UTC") == "2014-01-01 05:00"
    assert write_day(newyear - 1, "America/New_York") == "2013-12-31"

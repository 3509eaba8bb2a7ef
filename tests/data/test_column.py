"""Columns become values with validity, and what is no instant is never taken for one."""

import datetime as dt
from typing import Any

import polars as pl
import pytest

from shipway.core import window as w
from shipway.core.error import ShipwayError
from shipway.core.feature import Source
from shipway.data.column import evaluate_instant, evaluate_row, instant_hint, vector_of

NOON = dt.datetime(2024, 5, 1, 12, tzinfo=dt.UTC)
NOON_US = 1_714_564_800_000_000
TRIPS = Source("trips", ("id",), (), {"always": ("zoned", "fine", "naive", "day", "minutes", "hours", "line", "size")})
TABLES = {
    "trips": pl.DataFrame(
        {
            "id": [1, 2],
            "zoned": pl.Series([NOON, None], dtype=pl.Datetime("ms", "Europe/Paris")),
            "fine": pl.Series([NOON, None], dtype=pl.Datetime("ns", "UTC")),
            "naive": [NOON.replace(tzinfo=None)] * 2,
            "day": [NOON.date()] * 2,
            "minutes": [90, 30],
            "hours": [1.5, 0.5],
            "line": ["7", "8"],
            "size": pl.Series(["1.25", None]).cast(pl.Decimal(6, 2)),
        }
    )
}


@pytest.mark.parametrize("column", ["zoned", "fine"])
def test_an_instant_is_microseconds_in_any_unit_and_zone(column: str) -> None:
    read = evaluate_instant(TRIPS[column], "trips", TABLES)
    assert read.values[0] == NOON_US
    assert read.valid.tolist() == [True, False]


def test_an_instant_may_be_calculated_from_numbers() -> None:
    whole = evaluate_instant(TRIPS.zoned + TRIPS.minutes * 60_000_000, "trips", TABLES)
    broken = evaluate_instant(TRIPS.zoned + TRIPS.hours * 3_600_000_000, "trips", TABLES)
    assert whole.values[0] == broken.values[0] == NOON_US + 5_400_000_000
    assert broken.values.dtype == "int64"


@pytest.mark.parametrize(
    ("expr", "said"),
    [
        (TRIPS.naive - "2h", "trips.naive"),
        (TRIPS.day - "2h", "trips.day"),
        (TRIPS.zoned - (TRIPS.naive - TRIPS.zoned), "time zone"),
        (TRIPS.minutes + 1, "no instant"),
        (TRIPS.line, "no instant"),
        (TRIPS.zoned > TRIPS.fine, "no instant"),
    ],
)
def test_what_is_no_instant_is_refused(expr: Any, said: str) -> None:
    with pytest.raises(ShipwayError, match="SW-203") as refused:
        evaluate_instant(expr, "trips", TABLES)
    assert said in refused.value.fact


@pytest.mark.parametrize(
    ("expr", "code"),
    [
        (TRIPS.line + 1, "SW-203"),
        (w.count(TRIPS.event("zoned"), last="1h") + 1, "SW-106"),
    ],
)
def test_what_cannot_be_evaluated_on_a_row_is_refused(expr: Any, code: str) -> None:
    with pytest.raises(ShipwayError, match=code):
        evaluate_row(expr, "trips", TABLES)


def test_a_column_that_the_table_lacks_is_named() -> None:
    with pytest.raises(ShipwayError, match="SW-202") as refused:
        evaluate_row(TRIPS.minutes + 1, "trips", {"trips": TABLES["trips"].drop("minutes")})
    assert "'minutes'" in refused.value.fact


def test_a_decimal_is_a_number() -> None:
    read = vector_of(TABLES["trips"]["size"])
    assert read.values[0] == 1.25
    assert read.valid.tolist() == [True, False]


@pytest.mark.parametrize("kind", [pl.UInt64, pl.Int128])
def test_whole_numbers_beyond_64_bits_are_refused(kind: Any) -> None:
    assert vector_of(pl.Series("n", [7, None], dtype=kind)).values[0] == 7
    with pytest.raises(ShipwayError, match="SW-203") as refused:
        vector_of(pl.Series("n", [1 << 63, 1], dtype=kind))
    assert "'n'" in refused.value.fact


@pytest.mark.parametrize(
    ("series", "method"),
    [
        (pl.Series(["2024-05-01T12:00:00"]), '.str.to_datetime(time_zone="UTC")'),
        (pl.Series(["2024-05-01 12:00:00"]), '.str.to_datetime(time_zone="UTC")'),
        (pl.Series([NOON.replace(tzinfo=None)]), '.dt.replace_time_zone("UTC")'),
        (pl.Series([NOON.date()]), '.cast(pl.Datetime("us", "UTC"))'),
    ],
)
def test_what_is_no_instant_is_told_the_method_that_makes_it_one(series: pl.Series, method: str) -> None:
    assert instant_hint(series.dtype).endswith(method)
    made = eval(f"series{method}", {"series": series, "pl": pl})  # the hint itself is what is under test
    assert made.dtype == pl.Datetime("us", "UTC")
    assert made[0] in (NOON, NOON.replace(hour=0))


def test_text_in_place_of_an_instant_is_told_how_to_be_one() -> None:
    with pytest.raises(ShipwayError, match="SW-203") as refused:
        evaluate_instant(TRIPS.line, "trips", TABLES)
    assert ".str.to_datetime" in refused.value.hint
    assert "Datetime" in instant_hint(pl.Int64())

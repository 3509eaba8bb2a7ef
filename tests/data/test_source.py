"""What a source's function returns is checked, and what it raises is said in one line with the person's own."""

import datetime as dt
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from shipway.core.error import ShipwayError
from shipway.core.feature import Source
from shipway.data.source import make_source

TRIPS = Source("trips", ("id",), ("trips",), {"placed": ("line",), "closed": ()})
NOON = dt.datetime(2024, 5, 1, 12, tzinfo=dt.UTC)
RAW = pl.DataFrame({"id": [1, 2], "line": ["7", "8"], "placed": [NOON] * 2, "closed": [NOON, None], "note": ["", ""]})


def refuse(function: Any, code: str) -> ShipwayError:
    """Return how what a function does is refused."""
    with pytest.raises(ShipwayError, match=code) as refused:
        make_source(TRIPS, function, [RAW])
    return refused.value


def test_the_declared_columns_are_returned_and_no_others() -> None:
    made = make_source(TRIPS, lambda trips: trips, [RAW])
    assert made.columns == ["id", "line", "placed", "closed"]
    assert made.height == 2


@pytest.mark.parametrize(
    ("wrong", "method"),
    [
        (pl.lit("2024-05-01T12:00:00"), ".str.to_datetime("),
        (pl.col("placed").dt.replace_time_zone(None), ".dt.replace_time_zone("),
        (pl.col("placed").dt.date(), ".cast(pl.Datetime("),
    ],
)
def test_an_instant_that_is_none_is_told_how_to_become_one(wrong: pl.Expr, method: str) -> None:
    refused = refuse(lambda trips: trips.with_columns(placed=wrong), "SW-203")
    assert "trips.placed" in refused.fact
    assert method in refused.hint


def test_a_failure_is_said_in_one_line_with_the_name_of_the_file() -> None:
    def fail(trips: pl.DataFrame) -> pl.DataFrame:
        raise ValueError("no such line\nand a long story")

    line = next(n for n, text in enumerate(Path(__file__).read_text().splitlines(), 1) if "raise ValueError" in text)
    said = refuse(fail, "SW-206").fact
    assert said == f"source 'trips' failed at {Path(__file__).name}:{line}: ValueError: no such line"


@pytest.mark.parametrize(
    ("function", "code", "said"),
    [
        (lambda trips: trips.lazy(), "SW-207", "LazyFrame"),
        (lambda trips: trips.clear(), "SW-204", "no rows"),
        (lambda trips: trips.drop("line"), "SW-202", "'line'"),
        (lambda trips: trips.with_columns(id=1), "SW-205", "id 1"),
        (lambda trips: trips.with_columns(id=pl.lit(None)), "SW-205", "2 rows"),
    ],
)
def test_what_is_not_as_declared_is_refused(function: Any, code: str, said: str) -> None:
    assert said in refuse(function, code).fact

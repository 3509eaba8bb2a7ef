"""A schema in a test has the kinds that a bundle would have."""

import datetime as dt

import polars as pl

from shipway.testing.schema import schema_of

NOON = dt.datetime(2024, 5, 1, 12, tzinfo=dt.UTC)


def test_a_schema_has_the_kinds_of_what_an_expression_can_read() -> None:
    rows = pl.DataFrame(
        {
            "zoned": [NOON], "naive": [NOON.replace(tzinfo=None)], "day": [NOON.date()],
            "long": [dt.timedelta(hours=1)], "whole": pl.Series([1], dtype=pl.UInt8), "part": [0.5],
            "price": pl.Series(["1.5"]).cast(pl.Decimal(6, 2)), "word": ["a"], "true": [True], "list": [[1]],
            "sort": pl.Series(["a"], dtype=pl.Categorical),
        }
    )  # fmt: skip
    assert schema_of({"t": rows, "empty": pl.DataFrame()}) == {
        "t": {
            "zoned": "instant", "naive": "int", "day": "instant", "long": "int", "whole": "int", "part": "float",
            "price": "float", "word": "text", "true": "bool", "sort": "text",
        },
        "empty": {},
    }  # fmt: skip

"""A value is cast without loss or not at all."""

import datetime as dt

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.core.contract import Field
from shipway.data.cast import can_cast, cast_column, dtype_of, kind_of, name_of


def cast(values, field, dtype=None):
    """Return values as a field has them, null where they cannot be so."""
    column = pl.Series("x", values, dtype=dtype)
    assert can_cast(column.dtype, field)
    made = column.to_frame().select(cast_column("x", column.dtype, field)).to_series()
    assert made.dtype == dtype_of(field, column.dtype)
    return made.to_list()


def utc(*parts):
    return dt.datetime(*parts, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("field", "texts", "values"),
    [
        (Field("int"), ["1", "-5", "+7", "007", "12.0", "12."], [1, -5, 7, 7, 12, 12]),
        (Field("int"), ["1.5", "1e3", "", "x", "12 min", "9223372036854775808", " 1"], [None] * 7),
        (Field("float"), ["1", ".5", "-2.5e-3", "+1", "1."], [1.0, 0.5, -0.0025, 1.0, 1.0]),
        (Field("float"), ["1,5", "nan", "inf", "1e999", "9007199254740993", "0x1"], [None] * 6),
        (Field("bool"), ["true", "False", "T", "f"], [True, False, True, False]),
        (Field("bool"), ["1", "yes", ""], [None] * 3),
        (
            Field("date"),
            ["2013-01-31", "2013-02-30", "2013-1-1", "20130101", "01/02/2013"],
            [dt.date(2013, 1, 31)] + [None] * 4,
        ),
        (
            Field("date", format="%d/%m/%Y"),
            ["31/01/2013", "1/2/2013", "01/31/2013"],
            [dt.date(2013, 1, 31), dt.date(2013, 2, 1), None],
        ),
        (Field("date", format="%d %b %Y"), ["31 Jan 2013", "Jan 2013"], [dt.date(2013, 1, 31), None]),
        (
            Field("local"),
            ["2013-01-01 10:00", "2013-01-01T10:00:00.123456000"],
            [dt.datetime(2013, 1, 1, 10), dt.datetime(2013, 1, 1, 10, 0, 0, 123456)],
        ),
        (
            Field("local"),
            ["2013-01-01", "2013-01-01T10:00Z", "2013-01-01 25:00", "2013-01-01 10:00:00.1234567"],
            [None] * 4,
        ),
        (Field("local", format="%d.%m.%Y %H:%M"), ["31.01.2013 07:05"], [dt.datetime(2013, 1, 31, 7, 5)]),
        (
            Field("instant"),
            ["2013-01-01T10:00:00Z", "2013-01-01 10:00+01:00", "2013-01-01T10:00:00.5-0530", "2013-01-01 10:00:00+01"],
            [utc(2013, 1, 1, 10), utc(2013, 1, 1, 9), utc(2013, 1, 1, 15, 30, 0, 500000), utc(2013, 1, 1, 9)],
        ),
        (
            Field("instant"),
            ["2013-01-01T10:00:00", "2013-01-01", "2013-13-01T10:00:00Z", "2013-01-01T10:00:00+99:00"],
            [None] * 4,
        ),
        (Field("instant", format="%Y-%m-%d %H:%M %z"), ["2013-01-01 10:00 +0100"], [utc(2013, 1, 1, 9)]),
        (
            Field("instant", zone="America/New_York"),
            ["2013-07-01 10:00", "2013-07-01 10:00Z", "2013-03-10 02:30", "2013-11-03 01:30"],
            [utc(2013, 7, 1, 14), utc(2013, 7, 1, 10), None, None],
        ),
        (Field("instant", zone="Europe/Paris", format="%d/%m/%Y %H:%M"), ["01/07/2013 10:00"], [utc(2013, 7, 1, 8)]),
        (
            Field("instant", format="epoch_ms"),
            ["0", "-1", "x"],
            [utc(1970, 1, 1), utc(1969, 12, 31, 23, 59, 59, 999000), None],
        ),
        (Field("text"), ["", "007"], ["", "007"]),
    ],
)
def test_texts_become_values(field, texts, values):
    assert cast(texts, field) == values


@pytest.mark.parametrize(
    ("field", "dtype", "given", "values"),
    [
        (Field("int"), pl.Float64, [1.0, 1.5, 2.0**60, float("nan")], [1, None, None, None]),
        (Field("int"), pl.UInt64, [1, 2**64 - 1], [1, None]),
        (Field("float"), pl.Int64, [1, 2**53 + 1], [1.0, None]),
        (Field("bool"), pl.Int8, [0, 1, 2], [False, True, None]),
        (Field("text"), pl.Int64, [7], ["7"]),
        (
            Field("date"),
            pl.Datetime("us"),
            [dt.datetime(2013, 1, 1), dt.datetime(2013, 1, 1, 1)],
            [dt.date(2013, 1, 1), None],
        ),
        (Field("instant", zone="UTC"), pl.Datetime("ms"), [dt.datetime(2013, 1, 1)], [utc(2013, 1, 1)]),
        (Field("instant", format="epoch_s"), pl.Int64, [0, 2**62], [utc(1970, 1, 1), None]),
        (Field("date", format="epoch_d"), pl.Int32, [1], [dt.date(1970, 1, 2)]),
        (Field("List(Int64)"), pl.List(pl.Int64), [[1]], [[1]]),
        (Field("float"), pl.Decimal(10, 2), [1, None], [1.0, None]),
        (Field("int"), pl.Decimal(10, 2), [1, None], [1, None]),
        (Field("int"), pl.Null, [None], [None]),
        (Field("embedding[2]"), pl.List(pl.Float64), [[1.0, 0.5], [1.0], [None, 1.0]], [[1.0, 0.5], None, None]),
        (Field("embedding[2]"), pl.Array(pl.Float64, 2), [[1.0, float("nan")], [2.0, 1.0]], [None, [2.0, 1.0]]),
        (Field("embedding[2]"), pl.Null, [None], [None]),
    ],
)
def test_typed_values_become_others(field, dtype, given, values):
    assert cast(given, field, dtype) == values


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[1, -2.5e-1]", [1.0, -0.25]),
        (" [ 1.0 ,2 ] ", [1.0, 2.0]),
        ("{1,2}", [1.0, 2.0]),
        ("[1, 2}", None),
        ("[1, 2], [3, 4]", None),
        ("[1]", None),
        ("[1, 2, 3]", None),
        ("[]", None),
        ("[1, null]", None),
        ("[1, NaN]", None),
        ("[1, inf]", None),
        ("[1, 1e39]", None),
        ("[1, x]", None),
        ("1, 2", None),
        ("", None),
    ],
)
def test_lists_that_are_written_as_text_become_embeddings(text, value):
    assert cast([text, None], Field("embedding[2]")) == [value, None]


@pytest.mark.parametrize("dtype", [pl.String(), pl.List(pl.Float32), pl.Array(pl.Float64, 3), pl.List(pl.Null)])
def test_lists_and_text_can_be_embeddings(dtype):
    assert can_cast(dtype, Field("embedding[2]"))
    assert dtype_of(Field("embedding[2]"), dtype) == pl.Array(pl.Float32, 2)
    assert name_of(Field("embedding[2]")) == "Array(Float32, shape=(2,))"


def test_a_number_or_a_list_of_texts_is_no_embedding():
    assert not any(can_cast(dtype, Field("embedding[2]")) for dtype in (pl.Float64(), pl.List(pl.String)))


def test_what_is_finer_than_a_microsecond_is_no_instant():
    fine = pl.Series("x", [1_000, 1_001]).cast(pl.Datetime("ns", "UTC"))
    made = fine.to_frame().select(cast_column("x", fine.dtype, Field("instant"))).to_series()
    assert made.to_list() == [utc(1970, 1, 1, 0, 0, 0, 1), None]


def test_a_decimal_is_a_float_only_if_a_float_holds_it():
    column = pl.Series("x", ["0.1", "1234567890123456.1", "-12.50"]).cast(pl.Decimal(20, 2))
    made = column.to_frame().select(cast_column("x", column.dtype, Field("float"))).to_series()
    assert made.to_list() == [0.1, None, -12.5]


@pytest.mark.parametrize(
    ("dtype", "field"),
    [
        (pl.List(pl.Int64), Field("int")),
        (pl.Boolean, Field("int")),
        (pl.Date, Field("instant")),
        (pl.Datetime("us"), Field("List(Int64)")),
        (pl.Int64, Field("instant")),
        (pl.Time, Field("local")),
    ],
)
def test_some_types_can_never_be_others(dtype, field):
    assert not can_cast(pl.Series([], dtype=dtype).dtype, field)


@given(st.integers(-(2**63), 2**63 - 1))
def test_every_whole_number_survives_its_text(number):
    assert cast([str(number)], Field("int")) == [number]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_survives_its_text(number):
    assert cast([repr(number)], Field("float")) == [number]


@given(st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2100, 1, 1)), st.integers(-14 * 60, 14 * 60))
def test_every_instant_survives_its_text_in_any_zone(moment, minutes):
    zone = dt.timezone(dt.timedelta(minutes=minutes))
    given = moment.replace(tzinfo=zone)
    for text in (given.isoformat(), given.isoformat(sep=" ", timespec="microseconds")):
        assert cast([text], Field("instant")) == [given]


def test_kinds_are_named_as_contracts_name_them():
    kinds = [pl.Int8(), pl.Float32(), pl.String(), pl.Boolean(), pl.Date(), pl.Datetime("us"), pl.Datetime("us", "UTC")]
    assert [kind_of(kind) for kind in kinds] == ["int", "float", "text", "bool", "date", "local", "instant"]
    assert kind_of(pl.Decimal(10, 2)) == "decimal"
    assert kind_of(pl.List(pl.Int64)) == "List(Int64)"

import io

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyiceberg.conversions import from_bytes
from pyiceberg.types import (
    BinaryType,
    DateType,
    DoubleType,
    IntegerType,
    ListType,
    LongType,
    NestedField,
    StringType,
    StructType,
    TimestampType,
)

from shipway.adapters.iceberg.statistic import read_figures, read_footer, widen_bounds

KINDS = {
    "text": (st.text(max_size=40), pl.String, StringType()),
    "raw": (st.binary(max_size=40), pl.Binary, BinaryType()),
    "number": (st.integers(-(2**63), 2**63 - 1), pl.Int64, LongType()),
    "small": (st.integers(-128, 127), pl.Int8, IntegerType()),
    "real": (st.floats(allow_nan=False), pl.Float64, DoubleType()),
    "day": (st.dates(), pl.Date, DateType()),
    "at": (st.datetimes(), pl.Datetime("us"), TimestampType()),
}


def write(frame, **options):
    buffer = io.BytesIO()
    frame.write_parquet(buffer, **options)
    return buffer.getvalue()


def footer_of(data):
    return read_footer(lambda count: data[-count:])


def plain(value):
    """Return what bounds of a value compare by: pyiceberg reads days and instants as counts."""
    return pl.Series([value]).to_physical()[0] if not isinstance(value, bytes) else value


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_bounds_hold_every_value(kind, data):
    values, dtype, iceberg = KINDS[kind]
    drawn = data.draw(st.lists(st.none() | values, min_size=1, max_size=30))
    frame = pl.DataFrame({"x": pl.Series(drawn, dtype=dtype)})
    column = NestedField(7, "x", iceberg)
    figures = read_figures(footer_of(write(frame, row_group_size=7)), [("x", column)])
    assert figures.rows == figures.values[7] == len(drawn)
    assert figures.nulls[7] == drawn.count(None)
    assert len(figures.offsets) == -(-len(drawn) // 7)
    known = [plain(value) for value in drawn if value is not None]
    if 7 in figures.lower:
        assert all(from_bytes(iceberg, figures.lower[7]) <= value for value in known)
    if 7 in figures.upper:
        assert all(value <= from_bytes(iceberg, figures.upper[7]) for value in known)
    if known and kind in ("number", "small", "day", "at"):
        assert (from_bytes(iceberg, figures.lower[7]), from_bytes(iceberg, figures.upper[7])) == (
            min(known),
            max(known),
        )


def test_what_lies_inside_is_counted_and_only_in_records_bounded():
    frame = pl.DataFrame({"many": [[1, 2], None, [3]], "record": [{"a": 5}, {"a": None}, None]})
    many = NestedField(1, "many", ListType(11, LongType(), False))
    record = NestedField(2, "record", StructType(NestedField(12, "a", LongType())))
    figures = read_figures(footer_of(write(frame)), [("many", many), ("record", record)])
    assert set(figures.sizes) == {11, 12}
    assert set(figures.lower) == set(figures.upper) == {12}
    assert figures.nulls[12] == 2


def test_a_name_with_a_dot_is_not_taken_for_what_lies_inside():
    frame = pl.DataFrame({"a": [{"b": 1}], "a.b": [100]})
    inner = NestedField(1, "a", StructType(NestedField(11, "b", LongType())))
    figures = read_figures(footer_of(write(frame)), [("a", inner), ("a.b", NestedField(2, "a.b", LongType()))])
    assert figures.lower == figures.upper == figures.nulls == {}


def test_a_long_footer_is_read_whole_and_a_short_file_once():
    asked = []
    data = write(pl.DataFrame({f"column number {number}": [number] for number in range(2_000)}))

    def read_end(count):
        asked.append(count)
        return data[-count:]

    assert read_footer(read_end).num_columns == 2_000
    assert len(asked) == 2
    assert asked[1] < len(data)
    with pytest.raises(ValueError):
        read_footer(lambda count: b"no parquet"[-count:])


def test_bounds_are_written_anew_in_a_wider_type():
    bounds = {1: (5).to_bytes(4, "little"), 2: b"x"}
    assert widen_bounds(bounds, {1: (IntegerType(), LongType())}) == {1: (5).to_bytes(8, "little"), 2: b"x"}
    assert widen_bounds(None, {1: (IntegerType(), LongType())}) == {}

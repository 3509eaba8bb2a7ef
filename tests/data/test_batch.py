"""Batches are the same however a table is cut, and only what looks at each row by itself is computed on them."""

import hypothesis.strategies as st
import polars as pl
import pytest
from hypothesis import given
from polars.testing import assert_frame_equal

from shipway.data.batch import Parts, columns_of, is_rowwise, read_batches

TABLE = pl.DataFrame({"x": range(50), "k": [f"k{n % 7}" for n in range(50)], "y": [n / 3 for n in range(50)]})
SCHEMA = pl.Schema({"x": pl.Int64, "y": pl.Int64, "k": pl.String, "t": pl.Datetime("us"), "l": pl.List(pl.Int64)})


def cut(frame, cuts):
    """Return a table in pieces that end at some rows."""
    ends = [*sorted(cuts), frame.height]
    pieces = [frame[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    return Parts(frame.schema, lambda columns: (piece.select(columns) for piece in pieces))


@given(st.lists(st.integers(0, 50), max_size=6), st.integers(1, 60), st.sampled_from([("x",), ("y", "k"), ()]))
def test_batches_are_of_one_size_wherever_pieces_end(cuts, size, columns):
    batches = list(read_batches(cut(TABLE, cuts), columns, size))
    assert [batch.height for batch in batches] == [min(size, 50 - start) for start in range(0, 50, size)]
    assert_frame_equal(pl.concat(batches), TABLE.select(columns or "x"))


def test_a_table_without_rows_is_a_batch_without_rows():
    for empty in (TABLE.clear(), TABLE.clear().lazy(), cut(TABLE.clear(), [])):
        assert_frame_equal(pl.concat(read_batches(empty, ["k", "x"])), TABLE.clear().select("k", "x"))


def test_files_give_the_batches_that_memory_gives(tmp_path):
    for part in range(5):
        TABLE[part * 10 : part * 10 + 10].write_parquet(tmp_path / f"{part}.parquet", row_group_size=3)
    lazy = read_batches(pl.scan_parquet(tmp_path / "*.parquet"), TABLE.columns, 8)
    for found, expected in zip(lazy, read_batches(TABLE, TABLE.columns, 8), strict=True):
        assert_frame_equal(found, expected)


@pytest.mark.parametrize(
    "expr",
    [
        pl.col("x") > 1,
        ~pl.col("k").str.contains("a"),
        pl.col("x").is_in([1, 2]),
        pl.sql_expr("x > 0 AND k IN ('a', 'b') OR k LIKE 'x%'"),
        pl.when(pl.col("x") > 1).then(pl.col("y") > 2).otherwise(None),
        pl.max_horizontal("x", "y") > 1,
        pl.col("t").dt.year() == 2013,
        pl.col("l").list.len() > 1,
    ],
)
def test_what_reads_one_row_is_told(expr):
    assert is_rowwise(expr, SCHEMA)


@pytest.mark.parametrize(
    "expr",
    [
        pl.col("x") > pl.col("x").mean(),
        pl.sql_expr("x > max(x)"),
        pl.col("x").sum().over("k") > 1,
        pl.struct("x", "k").is_duplicated(),
        pl.col("x").shift() > 1,
        pl.col("x").is_in(pl.col("y")),
        pl.col("x").is_in(pl.col("y").implode()),
        pl.col("x").rank() > 1,
        pl.col("x").cum_sum() > 1,
        pl.col("x") < pl.len(),
        pl.col("x").map_batches(lambda x: x > x.mean(), return_dtype=pl.Boolean),
        pl.all_horizontal(pl.all().is_not_null()),
    ],
)
def test_what_compares_rows_is_told(expr):
    assert not is_rowwise(expr, SCHEMA)


def test_an_expression_that_takes_columns_by_a_pattern_reads_all():
    assert columns_of(pl.col("x") > pl.col("y"), SCHEMA) == ["x", "y"]
    assert columns_of(pl.all_horizontal(pl.col("^[xy]$").is_not_null()), SCHEMA) == SCHEMA.names()
    assert columns_of(pl.any_horizontal(pl.selectors.numeric() > 1), SCHEMA) == SCHEMA.names()

"""Statistics of columns against Polars and NumPy."""

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.core.statistic import BARS, LEVELS
from shipway.data.description import BATCH, describe_columns
from shipway.kit.canonical import canonical_json


def describe(**columns: object):
    frame = pl.DataFrame(columns)
    return {each.column: each for each in describe_columns(frame.lazy(), frame.columns)}


def test_numbers_are_described_as_numpy_does():
    values = np.random.default_rng(3).gamma(2.0, 3.0, 5_000)
    there = values[10:]
    it = describe(x=pl.Series([None] * 10 + there.tolist()))["x"]
    assert (it.rows, it.missing, it.distinct) == (5_000, 10, len(np.unique(there)))
    assert it.mean == pytest.approx(there.mean(), abs=1e-12)
    assert it.deviation == pytest.approx(there.std(), abs=1e-12)
    assert (it.low, it.high) == (there.min(), there.max())
    assert it.quantiles == tuple(np.quantile(there, LEVELS, method="lower"))
    counts, _ = np.histogram(np.clip(there, it.quantiles[0], it.quantiles[-1]), BARS)
    assert sum(it.bars) == len(there)
    assert np.abs(np.array(it.bars) - counts).max() <= 1


def test_texts_and_conditions_are_described_by_their_commonest():
    found = describe(c=["b", "a", "b", None, "a", "z"], t=[True, None, True, False, True, True])
    assert found["c"].common == (("a", 2), ("b", 2), ("z", 1))
    assert (found["c"].distinct, found["c"].missing, found["c"].mean) == (3, 1, None)
    assert (found["t"].mean, found["t"].common) == (0.8, (("true", 4), ("false", 1)))


def test_column_without_a_value_says_only_that():
    it = describe(x=pl.Series([None, math.nan], dtype=pl.Float64), c=pl.Series([None, None], dtype=pl.String))
    assert (it["x"].missing, it["x"].mean, it["x"].bars, it["x"].missing_share) == (2, None, (), 1.0)
    assert (it["c"].missing, it["c"].common) == (2, ())
    assert describe(x=pl.Series([], dtype=pl.Float64))["x"].missing_share == 0.0


def test_one_value_is_one_bar():
    assert describe(x=[4, 4, 4])["x"].bars == (3,)


def test_more_columns_than_are_in_memory_at_once_keep_their_order():
    names = [f"c{place}" for place in range(2 * BATCH + 1)]
    assert list(describe(**{name: [1] for name in names})) == names


@given(st.lists(st.one_of(st.none(), st.floats(allow_nan=True)), max_size=60))
def test_every_row_is_in_one_bar_or_missing(values: list[float | None]):
    it = describe(x=pl.Series(values, dtype=pl.Float64))["x"]
    assert it.rows == len(values)
    assert sum(it.bars) + it.missing + it.infinite == len(values)
    assert canonical_json(it)


def test_of_an_embedding_its_length_is_described():
    vectors = pl.Series("v", [[3.0, 4.0], None, [0.0, 0.0]], dtype=pl.Array(pl.Float32, 2))
    frame = pl.LazyFrame({"n": [1, 2, 3], "v": vectors, "u_0": [3.0, None, 0.0], "u_1": [4.0, None, 0.0]})
    found = describe_columns(frame, ["n", "v", "u_0", "u_1"], embeddings={"u": ["u_0", "u_1"]})
    assert [each.column for each in found] == ["n", "v", "u"]
    for each in found[1:]:
        assert (each.rows, each.missing, each.low, each.high, each.mean) == (3, 1, 0.0, 5.0, 2.5)

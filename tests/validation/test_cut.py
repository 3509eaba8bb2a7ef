import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.validation.cut import NOTHING, cut_column
from shipway.validation.sample import Group


def parts(group: Group) -> list[str]:
    return [group.labels[code] for code in group.codes]


def test_numbers_are_cut_at_their_quantiles():
    group = cut_column(pl.Series("x", np.arange(1000.0)[::-1]), bins=4)
    assert group.labels == ("up to 249", "249 to 499", "499 to 749", "above 749")
    assert np.bincount(group.codes).tolist() == [250, 250, 250, 250]


def test_a_value_that_many_rows_share_is_in_one_part():
    group = cut_column(pl.Series("x", [0] * 90 + list(range(1, 31))), bins=4)
    assert group.labels[0] == "up to 0"
    assert np.bincount(group.codes)[0] == 90


def test_few_different_numbers_are_themselves():
    group = cut_column(pl.Series("x", [3, 10, 3, None, 1]))
    assert group.labels == ("1", "3", "10", NOTHING)
    assert parts(group) == ["3", "10", "3", NOTHING, "1"]


def test_what_is_missing_is_a_part_of_its_own():
    values = [float(at) for at in range(20)] + [None, float("nan")]
    group = cut_column(pl.Series("x", values), bins=2)
    assert parts(group)[-2:] == [NOTHING, NOTHING]
    assert group.labels[-1] == NOTHING
    assert (group.codes == len(group.labels) - 1).sum() == 2


def test_edges_are_told_apart():
    group = cut_column(pl.Series("x", 1e6 + np.arange(100) / 100), bins=4)
    assert len(set(group.labels)) == 4


def test_rare_categories_are_one_part_that_says_how_many():
    names = ["b"] * 5 + ["a"] * 4 + ["c", "d", None]
    group = cut_column(pl.Series("x", names), levels=2)
    assert group.labels == ("a", "b", "(2 others)", NOTHING)
    assert parts(group)[-3:] == ["(2 others)", "(2 others)", NOTHING]


@pytest.mark.parametrize("name", ["count", "value", "code"])
def test_a_column_may_be_called_anything(name):
    group = cut_column(pl.Series(name, ["b", "a", "b", None]))
    assert parts(group) == ["b", "a", "b", NOTHING]


@pytest.mark.parametrize("dtype", [pl.Float64, pl.String, pl.Boolean])
def test_no_rows_have_no_parts(dtype):
    group = cut_column(pl.Series("x", [], dtype=dtype))
    assert (group.codes.size, group.labels) == (0, ())


@given(
    st.lists(st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=False)), min_size=1, max_size=80),
    st.integers(2, 12),
)
def test_every_row_is_in_one_part_and_numbers_keep_their_order(values, bins):
    group = cut_column(pl.Series("x", values, dtype=pl.Float64), bins=bins)
    assert group.codes.min() == 0
    assert sorted(set(group.codes.tolist())) == list(range(len(group.labels)))
    assert len(set(group.labels)) == len(group.labels) <= max(bins, 2) + 1
    known = [
        (value, code) for value, code in zip(values, group.codes, strict=True) if value is not None and value == value
    ]
    ordered = sorted(known, key=lambda pair: pair[0])
    assert [code for _, code in ordered] == sorted(code for _, code in known)

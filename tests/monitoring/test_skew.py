"""The skew audit: to the bit, and no row is lost."""

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.core.error import ShipwayError
from shipway.monitoring.skew import compare_vectors


def vectors(rows, **columns) -> pl.DataFrame:
    return pl.DataFrame({"row": [str(r) for r in rows], "at": [10 * r for r in rows], **columns})


def test_equal_vectors_do_not_differ_in_any_order():
    online = vectors([1, 2, 3], x=[0.1, math.nan, -0.0], t=["a", None, "c"])
    offline = online[[2, 0, 1]].with_columns(x=pl.col("x").fill_nan(None))
    report = compare_vectors(online, offline, ["x", "t"])
    assert (report.compared, report.differing, report.columns) == (3, 0, ())
    assert (report.online_only, report.offline_only) == (0, 0)


def test_the_last_bit_and_the_sign_of_zero_differ():
    online = vectors([1, 2, 3], x=[0.3, 0.0, 5.0], y=[1.0, 2.0, 3.0])
    offline = vectors([1, 2, 3], x=[math.nextafter(0.3, 1), -0.0, 5.0], y=[1.0, 2.0, None])
    report = compare_vectors(online, offline, ["y", "x"])
    assert (report.compared, report.differing) == (3, 3)
    x, y = report.columns
    assert (x.column, x.rows, x.row, x.online, x.offline) == ("x", 2, "1", 0.3, math.nextafter(0.3, 1))
    assert (y.column, y.rows, y.row, y.online, y.offline) == ("y", 1, "3", 3.0, None)


def test_rows_without_a_partner_are_named():
    online, offline = vectors([1, 2, 7, 8], x=[1.0] * 4), vectors([2, 1, 9], x=[1.0] * 3)
    report = compare_vectors(online, offline, ["x"])
    assert (report.compared, report.online_only, report.offline_only) == (2, 2, 1)
    assert (report.online_only_rows, report.offline_only_rows) == (("7", "8"), ("9",))


def test_a_row_asked_at_another_instant_is_no_partner():
    online = vectors([1], x=[1.0])
    report = compare_vectors(online, online.with_columns(at=pl.col("at") + 1), ["x"])
    assert (report.compared, report.online_only, report.offline_only) == (0, 1, 1)


def test_a_row_served_twice_is_compared_twice():
    offline = vectors([1], x=[1.0])
    online = pl.concat([offline, offline.with_columns(x=pl.lit(2.0))])
    report = compare_vectors(online, offline, ["x"])
    assert (report.compared, report.differing, report.online_only) == (2, 1, 0)


def test_whole_numbers_and_truth_are_read_as_the_model_reads_them():
    online = vectors([1, 2], n=[3.0, math.nan], b=[1.0, 0.0])
    offline = vectors([1, 2], n=[3, None], b=[True, False])
    assert compare_vectors(online, offline, ["n", "b"]).differing == 0


def test_a_column_that_was_empty_online_differs_where_it_is_not():
    report = compare_vectors(vectors([1, 2], t=[None, None]), vectors([1, 2], t=["a", None]), ["t"])
    assert (report.differing, report.columns[0].online, report.columns[0].offline) == (1, None, "a")


def test_nothing_served_is_nothing_compared():
    online = vectors([], x=[]).cast({"row": pl.String, "at": pl.Int64, "x": pl.Null})
    report = compare_vectors(online, vectors([1], x=[1.0]), ["x"])
    assert (report.compared, report.differing, report.offline_only) == (0, 0, 1)


ROWS = st.lists(
    st.tuples(st.integers(0, 9), st.sampled_from([0.0, 1.0, math.nan, None])), max_size=15, unique_by=lambda row: row[0]
)


@given(ROWS, ROWS)
def test_every_row_is_accounted_for(left, right):
    online, offline = (
        vectors([r for r, _ in side])
        .cast({"row": pl.String, "at": pl.Int64})
        .with_columns(x=pl.Series([x for _, x in side], dtype=pl.Float64, strict=False))
        for side in (left, right)
    )
    report = compare_vectors(online, offline, ["x"])
    a, b = dict(left), dict(right)

    def plain(x):
        return None if x is None or np.isnan(x) else x

    assert report.compared == len(a.keys() & b.keys())
    assert report.online_only == len(a.keys() - b.keys())
    assert report.offline_only == len(b.keys() - a.keys())
    assert report.differing == sum(plain(a[r]) != plain(b[r]) for r in a.keys() & b.keys())


@pytest.mark.parametrize(
    ("online", "offline", "code"),
    [
        (vectors([1], x=[1.0]), vectors([1], y=[1.0]), "SW-202"),
        (vectors([1], x=[1.0]).drop("at"), vectors([1], x=[1.0]), "SW-202"),
        (vectors([1], x=[1.0]), vectors([1, 1], x=[1.0, 1.0]), "SW-205"),
        (vectors([1], x=["a"]), vectors([1], x=[1.0]), "SW-203"),
    ],
)
def test_vectors_that_cannot_be_compared_are_refused(online, offline, code):
    with pytest.raises(ShipwayError) as caught:
        compare_vectors(online, offline, ["x"])
    assert caught.value.code == code

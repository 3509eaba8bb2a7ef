"""Summaries against numpy on all rows, however the rows are cut, and without loss of digits."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipway.maths import summary as module
from shipway.maths.effect import Term, estimate_term
from shipway.maths.interval import clustered_mean
from shipway.maths.summary import (
    merge,
    select,
    sum_clusters,
    summarise,
    summarise_columns,
    summarise_groups,
    summarise_sums,
    summarise_zeros,
)


def same(a, b, rel=1e-10):
    assert a.n == b.n
    np.testing.assert_allclose(a.mean, b.mean, rtol=rel, atol=1e-12)
    scale = np.sqrt(np.outer(np.diagonal(b.products), np.diagonal(b.products))) + 1e-12
    np.testing.assert_allclose(a.products / scale, b.products / scale, rtol=0, atol=rel)


def rows_of(seed, n, k=3):
    rng = np.random.default_rng(seed)
    return rng.lognormal(0, 1, (n, k)) * (rng.random((n, k)) < 0.4) + 50


def test_is_what_numpy_says():
    rows = rows_of(1, 500)
    got = summarise(rows)
    np.testing.assert_allclose(got.mean, rows.mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(got.covariance, np.cov(rows.T), rtol=1e-11)


@given(st.integers(0, 5), st.lists(st.integers(0, 40), min_size=1, max_size=6))
def test_parts_merge_into_the_whole(seed, sizes):
    rows = rows_of(seed, sum(sizes))
    codes = np.repeat(np.arange(len(sizes)), sizes)
    same(merge(summarise_groups(rows, codes, len(sizes))), summarise(rows))


@settings(max_examples=30)
@given(st.integers(0, 5), st.permutations(range(5)))
def test_order_of_parts_does_not_matter(seed, order):
    parts = summarise_groups(rows_of(seed, 60), np.arange(60) % 5, 5)
    nested = merge([merge([parts[i] for i in order[:2]]), merge([parts[i] for i in order[2:]])])
    same(nested, merge(parts))


def test_groups_are_those_rows(monkeypatch):
    # Blocks of a few rows, so that groups go over many of them and are absent from some.
    monkeypatch.setattr(module, "_BLOCK", 16)
    monkeypatch.setattr(module, "_ROWS_PER_GROUP", 1)
    rng = np.random.default_rng(3)
    rows, codes = rows_of(2, 700), rng.integers(0, 9, 700)
    codes[codes == 4] = 5
    for group, got in enumerate(summarise_groups(rows, codes, 9)):
        same(got, summarise(rows[codes == group])) if group != 4 else same(got, summarise_zeros(0, 3))


def test_a_constant_whose_square_is_no_number_has_no_spread():
    rows = np.column_stack([np.full(256, 2.0**600), np.arange(256.0)])
    got = summarise(rows)
    assert got.mean.tolist() == [2.0**600, 127.5]
    np.testing.assert_allclose(got.products, [[0, 0], [0, 256 * (256**2 - 1) / 12]], rtol=1e-12)


def test_products_are_summed_over_stretches(monkeypatch):
    rows = rows_of(9, 2000)
    whole = summarise(rows)
    monkeypatch.setattr(module, "_SMALL_PRODUCT", 1)
    same(summarise(rows), whole, rel=1e-12)


def test_digits_survive_a_great_mean():
    # A spread of 1 at a mean of 1e8: sums of squares keep none of it.
    rng = np.random.default_rng(4)
    noise = rng.normal(size=(40_000, 2))
    got = summarise_groups(noise + 1e8, np.arange(40_000) % 3, 3)
    plain = summarise_groups(noise, np.arange(40_000) % 3, 3)
    for one, other in zip(got, plain, strict=True):
        np.testing.assert_allclose(one.covariance, other.covariance, rtol=1e-6, atol=1e-6)
    shifted = noise[:, 0] + 1e8
    naive = (shifted @ shifted) / shifted.size - shifted.mean() ** 2
    assert naive != pytest.approx(1.0, rel=0.5)


def test_sums_of_a_warehouse():
    rows = rows_of(5, 80)
    same(summarise_sums(80, rows.sum(axis=0), rows.T @ rows), summarise(rows), rel=1e-9)


def test_zeros_that_were_never_written():
    rows = np.vstack([rows_of(6, 30), np.zeros((500, 3))])
    same(merge([summarise(rows[:30]), summarise_zeros(500, 3)]), summarise(rows))


def test_selected_columns():
    rows = rows_of(7, 40)
    same(select(summarise(rows), [2, 0]), summarise(rows[:, [2, 0]]))


def test_clusters_as_units_have_the_cluster_robust_error():
    rng = np.random.default_rng(8)
    clusters = rng.integers(0, 25, 600) * 3
    values = rng.normal(size=600) + clusters * 0.1
    levels, sums = sum_clusters(values[:, None], clusters)
    got, expected = estimate_term(summarise(sums), Term(0, 1)), clustered_mean(values, clusters)
    assert levels.tolist() == sorted(set(clusters.tolist()))
    assert (got.value, got.standard_error) == pytest.approx((expected.value, expected.standard_error), rel=1e-12)
    assert got.clusters == expected.clusters


def test_one_unit_has_no_covariance():
    assert np.isnan(summarise(np.ones((1, 2))).covariance).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_none_is_refused(bad):
    rows = np.ones((20, 2))
    rows[7, 1] = bad
    with pytest.raises(ValueError, match="not finite"):
        summarise(rows)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="group"):
        summarise_groups(np.ones((2, 1)), np.array([0, 2]), 2)
    with pytest.raises(ValueError, match="belong together"):
        summarise_groups(np.ones((2, 1)), np.array([0]), 2)
    with pytest.raises(ValueError, match="shape"):
        summarise_columns([np.ones(3)], np.zeros(2, np.int64), 1)
    with pytest.raises(ValueError, match="merge"):
        merge([])
    with pytest.raises(ValueError, match="merge"):
        merge([summarise_zeros(1, 2), summarise_zeros(1, 3)])
    with pytest.raises(ValueError, match="summary"):
        summarise_sums(0, np.ones(1), np.ones((1, 1)))
    with pytest.raises(ValueError, match="cannot be"):
        summarise_zeros(-1, 1)


def exact(values: list[list[float]]) -> tuple[list[Fraction], list[list[Fraction]]]:
    """Return means and centred products of columns as they are, without rounding."""
    columns = [[Fraction(value) for value in column] for column in values]
    means = [sum(column) / len(column) for column in columns]
    left = [[value - mean for value in column] for column, mean in zip(columns, means, strict=True)]
    return means, [[sum(a * b for a, b in zip(one, other, strict=True)) for other in left] for one in left]


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 1 << 16),
    means=st.lists(st.sampled_from([0.0, 1.0, -3e4, 1e8, -7.5e8]), min_size=2, max_size=2),
    jump=st.sampled_from([0.0, 5.0, 1e4, -1e8]),
    kind=st.sampled_from(["normal", "skewed", "constant", "sorted"]),
)
def test_hostile_columns_lose_no_digits(seed, means, jump, kind):
    # Means of 1e8 deviations, groups far apart, rows that drift or jump: all against arithmetic without rounding.
    rng, n = np.random.default_rng(seed), 160
    noise = {
        "normal": rng.normal(size=(n, 2)),
        "skewed": rng.lognormal(0, 2, (n, 2)),
        "constant": np.repeat([[0.1, 0.7]], n, axis=0),
        "sorted": np.sort(rng.normal(size=(n, 2)), axis=0),
    }[kind]
    codes = rng.integers(0, 3, n)
    rows = noise + np.array(means) + jump * codes[:, None] + jump * (np.arange(n) > n / 2)[:, None]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_BLOCK", 16)
        patch.setattr(module, "_ROWS_PER_GROUP", 1)
        found = summarise_groups(rows, codes, 3)
    for group, got in enumerate(found):
        own = rows[codes == group]
        centre, products = exact(own.T.tolist())
        np.testing.assert_allclose(
            got.mean, [float(each) for each in centre], rtol=1e-15, atol=1e-15 * np.abs(own).max()
        )
        size = [math.sqrt(products[at][at]) for at in range(2)]
        for i in range(2):
            for j in range(2):
                # What is left of a column may be rounded by half a unit in the last place of its greatest value.
                ulp = len(own) * np.spacing(np.abs(own).max()) ** 2
                far = abs(float(Fraction(float(got.products[i, j])) - products[i][j]))
                assert far <= 1e-13 * size[i] * size[j] + ulp

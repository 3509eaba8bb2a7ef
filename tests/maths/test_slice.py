"""The slice table against one clustered mean per slice."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.maths.interval import clustered_mean
from shipway.maths.slice import slice_cells

codes = st.one_of(st.integers(-1, 4), st.sampled_from([10**6, 2**62]))
clusters = st.one_of(st.integers(0, 4), st.just(2**40))
rows = st.lists(st.tuples(codes, st.floats(-50, 50), clusters), max_size=60)


def columns(triples) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    code = np.array([c for c, _, _ in triples], dtype=np.int64)
    return code, np.array([v for _, v, _ in triples], float), np.array([g for _, _, g in triples], np.int64)


def assert_each_slice_is_a_clustered_mean(code, values, cluster) -> None:
    table = slice_cells(code, values, cluster)
    assert table.code.tolist() == sorted({int(c) for c in code if c >= 0})
    for i, level in enumerate(table.code):
        expected = clustered_mean(values[code == level], cluster[code == level])
        assert (table.n[i], table.clusters[i]) == (expected.n, expected.clusters)
        assert table.mean[i] == pytest.approx(expected.value, abs=1e-11)
        assert table.standard_error[i] == pytest.approx(expected.standard_error, abs=1e-9)


@given(rows)
def test_each_slice_is_a_clustered_mean(triples):
    assert_each_slice_is_a_clustered_mean(*columns(triples))


def test_many_slices_by_many_clusters():
    rng = np.random.default_rng(8)
    cluster = rng.integers(0, 365, 20_000)
    values = rng.normal(size=20_000) + rng.normal(size=365)[cluster]
    assert_each_slice_is_a_clustered_mean(rng.integers(0, 105, 20_000), values, cluster)


def test_slices_do_not_touch_each_other():
    code, cluster = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    before = slice_cells(code, np.array([1.0, 2.0, 3.0, 5.0]), cluster)
    after = slice_cells(code, np.array([1.0, 2.0, 300.0, -5.0]), cluster)
    assert (before.mean[0], before.standard_error[0]) == (after.mean[0], after.standard_error[0]) == (1.5, 0.5)
    assert before.mean[1] != after.mean[1]


def test_no_rows_no_slices():
    table = slice_cells(np.array([-1]), np.array([1.0]), np.array([0]))
    assert [part.size for part in (table.code, table.n, table.clusters, table.mean, table.standard_error)] == [0] * 5


@pytest.mark.parametrize(
    ("code", "values", "cluster"),
    [([0], [1.0, 2.0], [0]), ([0], [np.nan], [0]), ([0], [1.0], [-1])],
)
def test_columns_that_mean_nothing_are_refused(code, values, cluster):
    with pytest.raises(ValueError, match=r"length|finite|negative"):
        slice_cells(np.array(code), np.array(values), np.array(cluster))

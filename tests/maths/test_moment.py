import math

import numpy as np
import pytest

from shipway.maths.moment import clustered_correlation, correlation, pool_moments, pooled_correlation


def sums(x, y):
    return np.array([len(x), x.sum(), y.sum(), x @ x, y @ y, x @ y])


def test_a_correlation_is_that_of_numpy():
    random = np.random.default_rng(1)
    x = random.normal(1000, 5, 500)
    y = x + random.normal(0, 5, 500)
    assert correlation(sums(x, y)) == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-9)


def test_what_does_not_vary_has_none():
    assert math.isnan(correlation(sums(np.full(9, 62.1), np.arange(9.0))))
    assert math.isnan(correlation(sums(np.array([1.0]), np.array([1.0]))))


def test_one_cluster_has_no_error_that_is_known():
    random = np.random.default_rng(2)
    x, y = random.normal(size=(2, 4000))
    assert clustered_correlation(sums(x, y)[None]).standard_error == math.inf
    parts = np.stack([sums(x[place::40], y[place::40]) for place in range(40)])
    found = clustered_correlation(parts)
    assert found.value == pytest.approx(np.corrcoef(x, y)[0, 1])
    assert (found.n, found.clusters) == (4000, 40)
    assert found.standard_error == pytest.approx(1 / math.sqrt(4000), rel=0.4)


@pytest.mark.parametrize("cuts", [[], [1], [3, 3, 40], [100, 250, 499]])
def test_moments_of_parts_are_those_of_the_whole(cuts):
    random = np.random.default_rng(3)
    x = random.normal(1e6, 2, 500)
    y = x / 2 + random.normal(0, 1, 500)
    parts = []
    for a, b in zip(np.split(x, cuts), np.split(y, cuts), strict=True):
        spread = np.cov(a, b, ddof=0) if len(a) else np.full((2, 2), np.nan)
        parts.append([len(a), a.sum(), b.sum(), spread[0, 0], spread[1, 1], spread[0, 1]])
    whole = np.cov(x, y, ddof=0)
    expected = [500, x.mean(), y.mean(), whole[0, 0], whole[1, 1], whole[0, 1]]
    found = pool_moments(np.array(parts))
    assert found == pytest.approx(expected, rel=1e-9)
    assert pooled_correlation(found) == pytest.approx(np.corrcoef(x, y)[0, 1], rel=1e-9)


def test_no_pairs_have_no_moments_and_a_constant_has_no_correlation():
    assert np.isnan(pool_moments(np.zeros((2, 6)))[1:]).all()
    spread = 1e-15 * 62.1**2 * 1e-15
    assert math.isnan(pooled_correlation(np.array([9.0, 62.1, 4.0, spread, 6.0, 0.0])))

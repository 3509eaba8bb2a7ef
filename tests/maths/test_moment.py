import math

import numpy as np
import pytest

from shipway.maths.moment import clustered_correlation, correlation


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

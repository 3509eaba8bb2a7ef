import math

import numpy as np
import pytest
import statsmodels.api as sm

from shipway.maths.trend import clustered_slope


def test_same_as_statsmodels():
    rng = np.random.default_rng(1)
    day = np.sort(rng.integers(0, 40, 900))
    values = 0.02 * day + rng.normal(size=40)[day] + rng.normal(size=900)
    found = clustered_slope(values, day.astype(np.float64), day)
    fitted = sm.OLS(values, sm.add_constant(day)).fit(cov_type="cluster", cov_kwds={"groups": day})
    assert found.value == pytest.approx(fitted.params[1])
    assert found.standard_error == pytest.approx(fitted.bse[1])
    assert (found.n, found.clusters) == (900, 40)


def test_two_clusters_tell_no_error():
    assert clustered_slope(np.array([1.0, 2.0]), np.array([0.0, 1.0]), np.array([0, 1])).standard_error == math.inf


def test_one_instant_has_no_slope():
    with pytest.raises(ValueError, match="slope"):
        clustered_slope(np.array([1.0, 2.0]), np.array([3.0, 3.0]), np.array([0, 1]))
    with pytest.raises(ValueError, match="length"):
        clustered_slope(np.array([1.0]), np.array([3.0, 3.0]), np.array([0, 1]))

"""Whether effects are one and the same."""

import numpy as np
import pytest

from shipway.maths.heterogeneity import heterogeneity_p


def test_it_is_the_test_of_statsmodels_for_combining_studies():
    combine = pytest.importorskip("statsmodels.stats.meta_analysis").combine_effects
    random = np.random.default_rng(5)
    values, errors = random.normal(0.1, 0.2, 7), random.uniform(0.05, 0.3, 7)
    found = combine(values, errors**2).test_homogeneity()
    assert heterogeneity_p(values, errors) == pytest.approx(found.pvalue, rel=1e-9)


def test_it_is_uniform_where_nothing_differs():
    random = np.random.default_rng(6)
    errors = random.uniform(0.5, 2, 5)
    found = np.array([heterogeneity_p(0.3 + errors * random.normal(size=5), errors) for _ in range(4_000)])
    assert np.mean(found < 0.05) == pytest.approx(0.05, abs=0.012)
    assert np.mean(found) == pytest.approx(0.5, abs=0.02)


def test_fewer_than_two_groups_cannot_differ():
    assert heterogeneity_p(np.array([1.0]), np.array([0.1])) == 1.0
    assert heterogeneity_p(np.array([1.0, 5.0]), np.array([0.1, np.inf])) == 1.0
    with pytest.raises(ValueError, match="do not belong together"):
        heterogeneity_p(np.array([1.0]), np.array([0.1, 0.2]))

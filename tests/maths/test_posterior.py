"""The normal posterior against numerical integration."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from shipway.maths.posterior import Posterior, chance_to_win, credible_interval, expected_loss, posterior


@settings(max_examples=20)
@given(st.floats(-3, 3), st.floats(0.1, 3), st.floats(-2, 2), st.floats(0.1, 3))
def test_is_prior_times_likelihood(value, error, mean, deviation):
    grid = np.linspace(-15, 15, 15_001)
    density = stats.norm.pdf(value, grid, error) * stats.norm.pdf(grid, mean, deviation)
    density /= density.sum()
    belief = posterior(value, error, mean, deviation)
    assert belief.mean == pytest.approx(float(density @ grid), abs=1e-6)
    # Half way between two points of the grid, so that none is cut in two.
    assert chance_to_win(belief, 0.101) == pytest.approx(float(density[grid > 0.101].sum()), abs=1e-4)
    keeping, shipping = expected_loss(belief)
    assert keeping == pytest.approx(float(density @ np.maximum(grid, 0)), abs=1e-5)
    assert shipping == pytest.approx(float(density @ np.maximum(-grid, 0)), abs=1e-5)


def test_flat_prior_is_the_data():
    belief = posterior(0.4, 0.2)
    assert (belief.mean, belief.deviation) == pytest.approx((0.4, 0.2))
    low, high = credible_interval(belief)
    assert (low, high) == pytest.approx((0.4 - 1.959964 * 0.2, 0.4 + 1.959964 * 0.2), abs=1e-6)


@pytest.mark.parametrize(("error", "prior"), [(0.0, 1.0), (math.inf, 1.0), (1.0, 0.0), (math.nan, 1.0)])
def test_what_is_out_of_range_is_refused(error, prior):
    with pytest.raises(ValueError, match="out of range"):
        posterior(0.0, error, 0.0, prior)


def test_a_certain_interval_is_refused():
    with pytest.raises(ValueError, match="confidence"):
        credible_interval(Posterior(0.0, 1.0), 1.0)

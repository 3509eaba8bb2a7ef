"""The crossing of a share: monotone fits against scikit-learn, and crossings by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from shipway.maths.crossing import find_crossing, fit_rising

pairs = st.lists(st.tuples(st.floats(0, 1), st.integers(1, 100)), min_size=1, max_size=30)


@given(pairs)
def test_fit_is_that_of_scikit_learn(found):
    values, weights = (np.array(side, dtype=np.float64) for side in zip(*found, strict=True))
    expected = IsotonicRegression().fit_transform(np.arange(values.size), values, sample_weight=weights)
    assert fit_rising(values, weights) == pytest.approx(expected, abs=1e-9)


def cross(places, shares, level, weights=None):
    weights = np.ones(len(places)) if weights is None else np.array(weights)
    return find_crossing(np.array(places, dtype=float), np.array(shares, dtype=float), weights, level)


def test_crossing_is_read_from_a_line_over_the_logarithm():
    assert cross([100, 400], [0.0, 0.1], 0.05) == pytest.approx(200)


def test_order_of_places_does_not_matter():
    assert cross([400, 100, 200], [0.4, 0.0, 0.1], 0.05) == cross([100, 200, 400], [0.0, 0.1, 0.4], 0.05)


def test_noise_is_pooled_before_it_is_crossed():
    assert 100 < cross([100, 120, 140, 160], [0.0, 0.08, 0.02, 0.2], 0.06) < 160


@pytest.mark.parametrize("shares", [[0.0, 0.01], [0.5, 0.6]])
def test_share_on_one_side_has_none(shares):
    assert cross([1, 2], shares, 0.05) is None

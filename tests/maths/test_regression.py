"""Metrics of a number against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from shipway.maths import regression as ours

RNG = np.random.default_rng(3)
Y = RNG.gamma(2, 10, 500) + 1
P = Y * RNG.lognormal(0, 0.3, 500)


def test_they_are_what_scikit_learn_says():
    assert ours.mean_absolute_error(Y, P).value == pytest.approx(metrics.mean_absolute_error(Y, P))
    assert ours.root_mean_squared_error(Y, P).value == pytest.approx(metrics.root_mean_squared_error(Y, P))
    assert ours.r_squared(Y, P).value == pytest.approx(metrics.r2_score(Y, P))
    mape = metrics.mean_absolute_percentage_error(Y, P)
    assert ours.mean_absolute_percentage_error(Y, P).value == pytest.approx(mape)
    for q in (0.1, 0.5, 0.95):
        assert ours.pinball_loss(Y, P, q).value == pytest.approx(metrics.mean_pinball_loss(Y, P, alpha=q))


def test_what_scikit_learn_lacks_is_its_definition():
    assert ours.mean_error(Y, P).value == pytest.approx((P - Y).mean())
    assert ours.weighted_percentage_error(Y, P).value == pytest.approx(np.abs(P - Y).sum() / Y.sum())
    assert ours.symmetric_percentage_error(Y, P).value == pytest.approx((2 * np.abs(P - Y) / (Y + P)).mean())
    both = np.array([0.0, 1.0])
    assert ours.symmetric_percentage_error(both, np.array([0.0, -1.0])).value == 1.0  # 0 and 2


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30))
def test_a_perfect_prediction_has_no_error_and_no_row_moves_it(values):
    y = np.array(values)
    for metric in (ours.mean_error, ours.mean_absolute_error, ours.root_mean_squared_error):
        found = metric(y, y)
        assert found.value == 0
        assert not found.rows.any()


def test_what_has_no_value_is_refused():
    y = np.array([0.0, 1.0])
    with pytest.raises(ValueError, match="an outcome is 0"):
        ours.mean_absolute_percentage_error(y, y)
    with pytest.raises(ValueError, match="nothing to explain"):
        ours.r_squared(np.ones(2), y)
    with pytest.raises(ValueError, match="not between 0 and 1"):
        ours.pinball_loss(y, y, 1.0)
    with pytest.raises(ValueError, match="not two columns"):
        ours.mean_error(y, np.ones(3))
    with pytest.raises(ValueError, match="not finite"):
        ours.mean_error(y, np.array([np.nan, 1.0]))

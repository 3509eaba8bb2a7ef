"""Metrics of a binary classifier at a threshold against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from shipway.maths import threshold as ours

RNG = np.random.default_rng(5)
Y = RNG.random(400) < 0.3
P = np.round(np.clip(0.3 + 0.15 * Y + RNG.normal(0, 0.15, 400), 0, 1), 2)


@pytest.mark.parametrize("at", [0.2, 0.35, 0.5])
def test_they_are_what_scikit_learn_says(at):
    acted = at < P
    assert ours.accuracy(Y, P, at).value == pytest.approx(metrics.accuracy_score(Y, acted))
    assert ours.precision(Y, P, at).value == pytest.approx(metrics.precision_score(Y, acted))
    assert ours.recall(Y, P, at).value == pytest.approx(metrics.recall_score(Y, acted))
    assert ours.specificity(Y, P, at).value == pytest.approx(metrics.recall_score(~Y, ~acted))
    assert ours.matthews_correlation(Y, P, at).value == pytest.approx(metrics.matthews_corrcoef(Y, acted))
    for beta in (0.5, 1, 2):
        due = metrics.fbeta_score(Y, acted, beta=beta)
        assert ours.f_score(Y, P, at, beta).value == pytest.approx(due)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=1, max_size=40))
def test_average_precision_is_what_scikit_learn_says_whatever_is_tied(rows):
    y, p = np.array([true for true, _ in rows]), np.array([score / 6 for _, score in rows])
    if not y.any():
        with pytest.raises(ValueError, match="never true"):
            ours.average_precision(y, p)
        return
    assert ours.average_precision(y, p).value == pytest.approx(metrics.average_precision_score(y, p))


def test_a_prediction_equal_to_the_threshold_is_not_acted_on():
    assert ours.recall(np.array([True, True]), np.array([0.5, 0.6]), 0.5).value == 0.5


def test_what_has_no_value_is_refused():
    true, false, p = np.array([True, True]), np.array([False, False]), np.array([0.2, 0.8])
    for refused in (
        lambda: ours.precision(true, p, 0.9),
        lambda: ours.recall(false, p, 0.5),
        lambda: ours.specificity(true, p, 0.5),
        lambda: ours.f_score(false, p, 0.9),
        lambda: ours.f_score(true, p, 0.5, beta=0),
        lambda: ours.matthews_correlation(true, p, 0.5),
        lambda: ours.average_precision(true, np.array([np.nan, 0.1])),
        lambda: ours.accuracy(true, np.ones(3), 0.5),
        lambda: ours.accuracy(np.empty(0, bool), np.empty(0), 0.5),
    ):
        with pytest.raises(ValueError, match=r"."):
            refused()

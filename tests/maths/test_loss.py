"""One loss for each kind of label, against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from shipway.maths.loss import loss_of

NUMBERS = st.lists(st.tuples(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9)), min_size=1, max_size=30)


def test_a_condition_loses_the_log_loss():
    y, p = np.array([True, False, True]), np.array([0.9, 0.2, 0.5])
    assert loss_of("condition", y, p).mean() == pytest.approx(metrics.log_loss(y, p))


@given(NUMBERS)
def test_a_number_loses_its_distance(rows):
    y, p = (np.array(column) for column in zip(*rows, strict=True))
    found = loss_of("number", y, p)
    assert found.shape == y.shape
    assert found.mean() == pytest.approx(metrics.mean_absolute_error(y, p))
    np.testing.assert_array_equal(found, loss_of("number", p, y))


def test_whole_labels_are_numbers():
    np.testing.assert_array_equal(loss_of("number", np.array([3, -1]), np.array([2.5, 1.0])), [0.5, 2.0])


def test_a_class_loses_the_log_loss_of_what_happened():
    y = np.array([0, 2, 1])
    p = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8], [0.5, 0.25, 0.25]])
    assert loss_of("class", y, p).mean() == pytest.approx(metrics.log_loss(y, p))


@pytest.mark.parametrize(
    ("y", "p", "said"),
    [
        ([], [], "not two columns"),
        ([1.0, 2.0], [1.0], "not two columns"),
        ([np.nan], [1.0], "not finite"),
        ([1.0], [np.inf], "not finite"),
    ],
)
def test_what_has_no_distance_is_refused(y, p, said):
    with pytest.raises(ValueError, match=said):
        loss_of("number", np.array(y, np.float64), np.array(p, np.float64))


def test_a_condition_is_no_number():
    with pytest.raises(ValueError, match="y"):
        loss_of("condition", np.array([2.5]), np.array([0.5]))

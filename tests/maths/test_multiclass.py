"""Metrics of several classes against scikit-learn."""

import numpy as np
import pytest
from sklearn import metrics

from shipway.maths import multiclass as ours
from shipway.maths.metric import brier

RNG = np.random.default_rng(11)
Y = RNG.choice(4, 600, p=[0.5, 0.25, 0.2, 0.05])
P = RNG.dirichlet(np.ones(4), 600) + 0.4 * (Y[:, None] == np.arange(4))
P /= P.sum(axis=1, keepdims=True)


def test_they_are_what_scikit_learn_says():
    said = P.argmax(axis=1)
    assert ours.accuracy(Y, P).value == pytest.approx(metrics.accuracy_score(Y, said))
    assert ours.log_loss(Y, P).value == pytest.approx(metrics.log_loss(Y, P))
    assert ours.macro_f1(Y, P).value == pytest.approx(metrics.f1_score(Y, said, average="macro"))
    assert ours.weighted_f1(Y, P).value == pytest.approx(metrics.f1_score(Y, said, average="weighted"))
    due = metrics.roc_auc_score(Y, P, multi_class="ovr", average="macro")
    assert ours.macro_auc(Y, P).value == pytest.approx(due)
    np.testing.assert_array_equal(ours.confusion(Y, P), metrics.confusion_matrix(Y, said))


def test_brier_of_two_classes_is_twice_the_binary_one():
    y, p = (Y > 0).astype(np.int64), P[:, 1:].sum(axis=1)
    assert ours.brier(y, np.column_stack([1 - p, p])).value == pytest.approx(2 * brier(y, p))


def test_a_class_that_is_neither_there_nor_predicted_does_not_count():
    y, p = np.array([0, 1]), np.array([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0]])
    assert ours.macro_f1(y, p).value == 1.0
    assert ours.confusion(y, p).shape == (3, 3)


def test_probabilities_of_some_classes_are_spread_over_more():
    p = np.array([[0.25, 0.75], [1.0, 0.0]])
    spread = ours.spread_classes(p, ("c", "a"), ("a", "b", "c"))
    np.testing.assert_array_equal(spread, [[0.75, 0.0, 0.25], [0.0, 0.0, 1.0]])
    y, of_three = np.array([1, 0]), np.array([1, 2])
    named = ours.per_row_class_loss(of_three, spread)[0]
    assert named == pytest.approx(-np.log(1e-15))  # of a class that was never said
    assert ours.per_row_class_loss(y, p)[0] == pytest.approx(-np.log(0.75))


@pytest.mark.parametrize(
    ("y", "p"),
    [
        (np.array([0, 4]), P[:2]),
        (np.array([0, -1]), P[:2]),
        (np.array([0]), P[:2]),
        (np.empty(0, np.int64), P[:0]),
        (np.array([0, 1]), P[:2] + 1),
    ],
)
def test_what_does_not_fit_is_refused(y, p):
    with pytest.raises(ValueError, match=r"."):
        ours.accuracy(y, p)

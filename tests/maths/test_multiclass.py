"""Metrics of several classes against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from shipway.maths import multiclass as ours
from shipway.maths import threshold
from shipway.maths.influence import clustered, subtract
from shipway.maths.interval import clustered_auc, interval
from shipway.maths.metric import auc, brier

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


@pytest.mark.parametrize("first", [1, 2, 3])
def test_the_class_is_among_the_first_as_scikit_learn_says(first):
    due = metrics.top_k_accuracy_score(Y, P, k=first, labels=range(4))
    assert ours.top_accuracy(Y, P, first).value == pytest.approx(due)
    assert ours.top_accuracy(Y, P, 1).value == ours.accuracy(Y, P).value


def test_of_equal_probabilities_the_earlier_class_is_first():
    y, p = np.arange(3), np.full((3, 3), 1 / 3)
    assert [ours.top_accuracy(y, p, first).value for first in (1, 2, 3)] == pytest.approx([1 / 3, 2 / 3, 1])
    with pytest.raises(ValueError, match="are none"):
        ours.top_accuracy(y, p, 0)


def test_one_class_is_a_condition_and_so_is_being_right():
    happened, said = ours.read_class(Y, P, 2)
    assert auc(happened, said) == pytest.approx(metrics.roc_auc_score(Y == 2, P[:, 2]))
    _, chosen = ours.read_class(Y, P, 2, chosen=True)
    report = metrics.classification_report(Y, P.argmax(axis=1), output_dict=True)["2"]
    assert threshold.recall(happened, chosen, 0.5).value == pytest.approx(report["recall"])
    assert threshold.precision(happened, chosen, 0.5).value == pytest.approx(report["precision"])
    assert threshold.f_score(happened, chosen, 0.5).value == pytest.approx(report["f1-score"])
    right, confidence = ours.read_chosen(Y, P)
    assert right.mean() == pytest.approx(ours.accuracy(Y, P).value)
    assert ours.confidence_gap(Y, P).value == pytest.approx(confidence.mean() - right.mean())


@pytest.mark.parametrize("metric", [ours.macro_auc, ours.macro_f1, ours.weighted_f1, ours.accuracy])
def test_a_perfect_score_is_not_perfectly_known(metric):
    y = np.arange(40) % 4
    found = metric(y, np.eye(4)[y])
    assert found.value == 1
    assert clustered(found, np.arange(40)).standard_error > 0.01


def test_a_class_of_one_row_leaves_the_mean_of_the_areas_uncertain():
    """One row has no influence on the area of its own class, in which it is all there is."""
    y = np.r_[np.arange(600) % 2, 2]
    p = np.full((601, 3), 0.01)
    p[np.arange(601), y] += 0.97
    sure = clustered(ours.macro_auc(y[:600], p[:600, :2] / p[:600, :2].sum(axis=1, keepdims=True)), np.arange(600))
    found = clustered(ours.macro_auc(y, p), np.arange(601))
    assert found.standard_error > 0.1 > 10 * sure.standard_error


def make_rare(lost_days):
    """Build 90 days of 40 rows over two frequent classes, and 30 rows of a third that lie in some days alone."""
    rng = np.random.default_rng(2)
    day = np.repeat(np.arange(90), 40)
    y = rng.integers(0, 2, day.size)
    chosen = rng.choice(np.flatnonzero(day < lost_days), 30, replace=False)
    usual = np.where(np.eye(3)[y] > 0, 0.6, 0.2) + rng.normal(0, 0.05, (day.size, 3))
    usual[:, 2] = 0.1 + 0.02 * rng.random(day.size)
    y[chosen] = 2
    better = usual.copy()
    better[chosen, 2] += 0.3
    return day, y, *(np.abs(p) / np.abs(p).sum(axis=1, keepdims=True) for p in (usual, better))


@pytest.mark.parametrize("metric", [ours.macro_auc, ours.macro_f1])
def test_a_class_of_one_day_lets_no_model_pass_for_a_better_one(metric):
    day, y, usual, better = make_rare(lost_days=1)
    low, high = interval(clustered(subtract(metric(y, better), metric(y, usual)), day))
    assert low < 0 < high
    alone = interval(clustered(metric(y, better), day))
    assert alone[1] - alone[0] > 0.3


def test_classes_of_many_days_tell_models_apart():
    day, y, usual, better = make_rare(lost_days=60)
    found = clustered(subtract(ours.macro_auc(y, better), ours.macro_auc(y, usual)), day)
    assert interval(found)[0] > 0.05
    assert 2 < found.clusters < 60


def test_the_areas_of_two_classes_are_one():
    y, p = (Y > 0).astype(np.int64), P[:, 1:].sum(axis=1)
    both = clustered(ours.macro_auc(y, np.column_stack([1 - p, p])), np.arange(y.size) // 10)
    one = clustered_auc(y == 1, p, np.arange(y.size) // 10)
    assert (both.value, both.standard_error) == (pytest.approx(one.value), pytest.approx(one.standard_error))
    assert both.clusters == one.clusters


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


KNOWN = np.array([True, True, True, False])


def draw_known(seed, n=200):
    """Return rows of three classes that happened, and how probable a model of these three says that each is."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.ones(3), n)
    return (rng.random((n, 1)) > p.cumsum(axis=1)).sum(axis=1).clip(max=2), p


@given(st.floats(0, 0.999), st.integers(0, 2**32 - 1))
def test_a_share_that_is_taken_from_each_row_for_another_class_changes_no_loss(share, seed):
    y, p = draw_known(seed)
    more = np.column_stack([p * (1 - share), np.full(len(p), share)])
    found = ours.per_row_known_loss(y, more, KNOWN, share)
    assert found == pytest.approx(ours.per_row_class_loss(y, p), abs=1e-9)


@given(st.lists(st.floats(0, 1), min_size=200, max_size=200), st.integers(0, 2**32 - 1))
def test_telling_another_class_wins_nothing_at_the_known_ones(shares, seed):
    y, p = draw_known(seed)
    told = np.array(shares)[:, None]
    more = np.column_stack([p * (1 - told), told])
    found = ours.per_row_known_loss(y, more, KNOWN, float(told.mean()))
    alone = ours.per_row_class_loss(y, p)
    assert found.mean() >= alone.mean() - 1e-9
    assert (found <= 34.6 + 1e-9).all()


def test_who_tells_another_class_truly_pays_nothing_even_where_none_of_its_labels_came():
    """Rows of the other class are those whose labels are late, so the rest come in proportion to what is left."""
    rng = np.random.default_rng(3)
    y, p = draw_known(5, 20_000)
    told = np.where(rng.random(len(p)) < 0.1, 0.6, 0.02)
    more, came = np.column_stack([p * (1 - told)[:, None], told]), rng.random(len(p)) > told
    found = ours.per_row_known_loss(y[came], more[came], KNOWN, float(told.mean()))
    assert found == pytest.approx(ours.per_row_class_loss(y[came], p[came]))


def test_who_is_sure_of_another_class_where_there_is_none_pays():
    y, p = draw_known(7)
    told = np.where(np.arange(len(p)) % 5 == 0, 1 - 1e-6, 0.0)
    more = np.column_stack([p * (1 - told)[:, None], told])
    found = ours.per_row_known_loss(y, more, KNOWN, float(told.mean()))
    dearer = 0.2 * -np.log(1e-6) + np.log(0.8)
    assert found.mean() - ours.per_row_class_loss(y, p).mean() == pytest.approx(dearer, rel=1e-3)
    with pytest.raises(ValueError, match="not compared"):
        ours.per_row_known_loss(y + 1, more, KNOWN, 0.2)


def test_the_weighted_mean_of_f1_is_known_as_a_bootstrap_of_days_knows_it():
    rng = np.random.default_rng(11)
    day = np.repeat(np.arange(80), 30)
    odds = np.log([0.6, 0.3, 0.1]) + rng.normal(0, 1, (day.size, 3)) + rng.normal(0, 0.6, (80, 3))[day]
    p = np.exp(odds) / np.exp(odds).sum(axis=1, keepdims=True)
    y = (rng.random((day.size, 1)) > p.cumsum(axis=1)).sum(axis=1).clip(max=2)
    found = clustered(ours.weighted_f1(y, p), day)
    rows = np.arange(day.size).reshape(80, 30)
    drawn = [rows[rng.integers(0, 80, 80)].ravel() for _ in range(400)]
    spread = float(np.std([ours.weighted_f1(y[each], p[each]).value for each in drawn]))
    assert 75 < found.clusters <= 80
    assert found.standard_error == pytest.approx(spread, rel=0.12)

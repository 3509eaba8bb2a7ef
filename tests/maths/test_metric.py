"""Classifier metrics against scikit-learn and loops over pairs."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from shipway.maths.metric import (
    Costs,
    auc,
    auc_influence,
    brier,
    calibration_bins,
    calibration_gap,
    decision_cost,
    log_loss,
    per_row_log_loss,
)

# Few distinct probabilities, so that ties are common.
rows = st.lists(st.tuples(st.booleans(), st.one_of(st.sampled_from([0.1, 0.5, 0.9]), st.floats(0, 1))), min_size=1)
both_classes = rows.filter(lambda pairs: {y for y, _ in pairs} == {True, False})


def columns(pairs) -> tuple[np.ndarray, np.ndarray]:
    return np.array([y for y, _ in pairs]), np.array([p for _, p in pairs], dtype=np.float64)


def pairwise_auc(y, p) -> float:
    positive, negative = p[y == 1], p[y == 0]
    return float(np.mean([[(a > b) + 0.5 * (a == b) for b in negative] for a in positive]))


@given(both_classes)
def test_auc_equals_pairs_and_sklearn(pairs):
    y, p = columns(pairs)
    assert auc(y, p) == pytest.approx(pairwise_auc(y, p), abs=1e-12)
    assert auc(y, p) == pytest.approx(metrics.roc_auc_score(y, p), abs=1e-12)


@given(both_classes)
def test_auc_of_swapped_classes_is_the_rest(pairs):
    y, p = columns(pairs)
    assert auc(~y, p) == pytest.approx(1 - auc(y, p), abs=1e-15)


def test_auc_takes_any_score():
    assert auc(np.array([1, 0, 1, 0]), np.array([np.inf, -np.inf, 3.0, 7.0])) == 0.75


@given(both_classes)
def test_influence_is_the_centred_placement(pairs):
    y, p = columns(pairs)
    influence = auc_influence(y, p)
    positive, negative = p[y], p[~y]
    for i, moved in enumerate(influence):
        against, own = (negative, positive) if y[i] else (positive, negative)
        sign = 1 if y[i] else -1
        placement = np.mean([(sign * (p[i] - b) > 0) + 0.5 * (p[i] == b) for b in against])
        assert moved == pytest.approx((placement - pairwise_auc(y, p)) / own.size, abs=1e-12)
    assert influence[y].sum() == pytest.approx(0, abs=1e-12)
    assert influence[~y].sum() == pytest.approx(0, abs=1e-12)


def test_influence_predicts_what_leaving_a_row_out_does():
    rng = np.random.default_rng(3)
    y = rng.random(400) < 0.4
    p = np.clip(0.3 * y + 0.5 * rng.random(400), 0, 1)
    for i in range(0, 400, 37):
        without = np.delete(np.arange(400), i)
        own = np.count_nonzero(y == y[i])
        # Leaving one of n out moves a mean of n by its influence times n / (n - 1), exactly.
        assert auc(y, p) - auc(y[without], p[without]) == pytest.approx(
            auc_influence(y, p)[i] * own / (own - 1), abs=1e-12
        )


@given(rows)
def test_log_loss_equals_sklearn_and_the_mean_of_its_rows(pairs):
    y, p = columns(pairs)
    clipped = np.clip(p, 1e-15, 1 - 1e-15)
    assert log_loss(y, p) == pytest.approx(metrics.log_loss(y, clipped, labels=[False, True]), rel=1e-9, abs=1e-14)
    expected = [-math.log(c) if happened else -math.log1p(-c) for happened, c in zip(y, clipped, strict=True)]
    assert per_row_log_loss(y, p) == pytest.approx(np.array(expected), rel=1e-12)


def test_certain_mistake_costs_a_bounded_amount():
    assert per_row_log_loss(np.array([1, 0, 1]), np.array([0.0, 1.0, 1.0])) == pytest.approx(
        [34.54, 34.54, 0], abs=0.01
    )


@given(rows)
def test_brier_equals_sklearn(pairs):
    y, p = columns(pairs)
    assert brier(y, p) == pytest.approx(metrics.brier_score_loss(y, p, pos_label=True), abs=1e-14)


@given(rows)
def test_calibration_gap_is_the_mean_difference(pairs):
    y, p = columns(pairs)
    assert calibration_gap(y, p) == pytest.approx(math.fsum(p - y) / y.size, abs=1e-12)


@given(rows, st.integers(1, 12))
def test_bins_hold_every_row_once_and_keep_ties_together(pairs, bins):
    y, p = columns(pairs)
    table = calibration_bins(y, p, bins)
    assert table.n.sum() == y.size
    assert table.n.min() >= 1
    assert table.n.size <= bins
    assert (table.rate * table.n).sum() == pytest.approx(y.sum())
    assert (table.mean_p * table.n).sum() == pytest.approx(p.sum())
    ends = np.cumsum(table.n)[:-1]
    ordered = np.sort(p)
    assert (ordered[ends - 1] < ordered[ends]).all()


@given(st.integers(1, 8), st.integers(1, 9), st.randoms(use_true_random=False))
def test_bins_of_distinct_predictions_are_equal(bins, each, random):
    p = np.linspace(0, 1, bins * each)[random.sample(range(bins * each), bins * each)]
    y = p > 0.5
    table = calibration_bins(y, p, bins)
    assert table.n.tolist() == [each] * bins
    assert table.mean_p == pytest.approx(np.sort(p).reshape(bins, each).mean(axis=1))
    assert table.rate == pytest.approx((np.sort(p).reshape(bins, each) > 0.5).mean(axis=1))


@given(rows, st.floats(0, 1))
def test_decision_cost_reads_the_table(pairs, threshold):
    y, p = columns(pairs)
    costs = Costs(act_if_true=-7.0, act_if_false=2.0, skip_if_true=11.0, skip_if_false=0.5)
    expected = [
        (-7.0 if happened else 2.0) if chance > threshold else (11.0 if happened else 0.5)
        for happened, chance in zip(y, p, strict=True)
    ]
    assert decision_cost(y, p, threshold, costs).tolist() == expected


def test_prediction_at_the_threshold_is_not_acted_on():
    assert decision_cost(np.array([1]), np.array([0.5]), 0.5, Costs(1, 2, 3, 4)).tolist() == [3.0]


@pytest.mark.parametrize("metric", [auc, auc_influence, log_loss, brier, calibration_gap, calibration_bins])
@pytest.mark.parametrize(
    ("y", "p"),
    [
        (np.array([], np.bool_), np.array([])),
        (np.array([1, 0]), np.array([0.5])),
        (np.array([2, 0]), np.array([0.5, 0.5])),
        (np.array([1, 0]), np.array([0.5, np.nan])),
        (np.array([[1, 0]]), np.array([[0.5, 0.5]])),
    ],
)
def test_columns_that_mean_nothing_are_refused(metric, y, p):
    with pytest.raises(ValueError, match=r"rows|length|other than|NaN|outside"):
        metric(y, p)


@pytest.mark.parametrize("metric", [log_loss, brier, calibration_gap, calibration_bins])
@pytest.mark.parametrize("p", [-0.1, 1.1])
def test_what_is_no_probability_is_refused(metric, p):
    with pytest.raises(ValueError, match="outside"):
        metric(np.array([1, 0]), np.array([0.5, p]))


def test_one_class_has_no_auc():
    with pytest.raises(ValueError, match="one class"):
        auc(np.array([1, 1]), np.array([0.2, 0.3]))


def test_no_bins_are_refused():
    with pytest.raises(ValueError, match="at least 1"):
        calibration_bins(np.array([1]), np.array([0.5]), 0)


def test_unbounded_costs_are_refused():
    y, p = np.array([1]), np.array([0.5])
    with pytest.raises(ValueError, match="finite"):
        decision_cost(y, p, math.nan, Costs(0, 0, 0, 0))
    with pytest.raises(ValueError, match="finite"):
        decision_cost(y, p, 0.5, Costs(0, 0, math.inf, 0))

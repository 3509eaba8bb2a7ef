"""Influences against the infinitesimal jackknife, and clustered errors against the other estimators of this room."""

import math

import numpy as np
import pytest

from shipway.maths import multiclass, regression, threshold
from shipway.maths.influence import (
    Influence,
    clustered,
    combine,
    influence_of_mean,
    influence_of_ratio,
    negate,
    subtract,
)
from shipway.maths.interval import clustered_mean, clustered_ratio


def test_mean_and_ratio_have_the_clustered_error_of_the_other_estimators():
    rng = np.random.default_rng(0)
    values, weights, clusters = rng.normal(size=300), rng.uniform(1, 2, 300), rng.integers(0, 12, 300)
    assert clustered(influence_of_mean(values), clusters) == pytest.approx(clustered_mean(values, clusters))
    ours, theirs = clustered(influence_of_ratio(values, weights), clusters), clustered_ratio(values, weights, clusters)
    assert (ours.value, ours.n, ours.clusters) == (theirs.value, theirs.n, theirs.clusters)
    assert ours.standard_error == pytest.approx(theirs.standard_error, rel=1e-12)


def test_a_difference_is_paired():
    rng = np.random.default_rng(1)
    shared, clusters = rng.normal(size=200), rng.integers(0, 20, 200)
    a, b = influence_of_mean(shared + 1), influence_of_mean(shared)
    assert clustered(subtract(a, b), clusters).standard_error < 1e-12
    assert subtract(a, b).value == pytest.approx(1)
    assert negate(a).value == -a.value


def test_one_cluster_says_nothing_of_the_error():
    assert math.isinf(clustered(influence_of_mean(np.arange(5.0)), np.zeros(5, np.int64)).standard_error)


@pytest.mark.parametrize(
    ("numerator", "denominator", "said"),
    [
        (np.ones(2), np.ones(3), "two equal columns"),
        (np.empty(0), np.empty(0), "no rows"),
        (np.array([np.nan]), np.ones(1), "not finite"),
        (np.ones(2), np.zeros(2), "sums to 0"),
    ],
)
def test_what_is_no_ratio_is_refused(numerator, denominator, said):
    with pytest.raises(ValueError, match=said):
        influence_of_ratio(numerator, denominator)


def test_columns_of_different_length_are_refused():
    with pytest.raises(ValueError, match="differ in length"):
        clustered(influence_of_mean(np.ones(3)), np.zeros(2, np.int64))


RNG = np.random.default_rng(7)
N = 60
TRUE = RNG.random(N) < 0.4
P = np.round(np.clip(0.35 + 0.2 * TRUE + RNG.normal(0, 0.2, N), 0.01, 0.99), 2)  # some scores are equal
Y = RNG.normal(10, 3, N)
SAID = Y + RNG.normal(0.5, 2, N)
CLASS = RNG.integers(0, 3, N)
SHARES = RNG.dirichlet(np.ones(3), N) + 0.5 * (CLASS[:, None] == np.arange(3))
SHARES /= SHARES.sum(axis=1, keepdims=True)

SMOOTH = {
    "mean error": lambda r: regression.mean_error(Y[r], SAID[r]),
    "mae": lambda r: regression.mean_absolute_error(Y[r], SAID[r]),
    "rmse": lambda r: regression.root_mean_squared_error(Y[r], SAID[r]),
    "r2": lambda r: regression.r_squared(Y[r], SAID[r]),
    "mape": lambda r: regression.mean_absolute_percentage_error(Y[r], SAID[r]),
    "smape": lambda r: regression.symmetric_percentage_error(Y[r], SAID[r]),
    "wmape": lambda r: regression.weighted_percentage_error(Y[r], SAID[r]),
    "pinball": lambda r: regression.pinball_loss(Y[r], SAID[r], 0.9),
    "precision": lambda r: threshold.precision(TRUE[r], P[r], 0.4),
    "recall": lambda r: threshold.recall(TRUE[r], P[r], 0.4),
    "specificity": lambda r: threshold.specificity(TRUE[r], P[r], 0.4),
    "f2": lambda r: threshold.f_score(TRUE[r], P[r], 0.4, beta=2),
    "mcc": lambda r: threshold.matthews_correlation(TRUE[r], P[r], 0.4),
    "accuracy": lambda r: threshold.accuracy(TRUE[r], P[r], 0.4),
    "average precision": lambda r: threshold.average_precision(TRUE[r], P[r]),
    "macro f1": lambda r: multiclass.macro_f1(CLASS[r], SHARES[r]),
    "weighted f1": lambda r: multiclass.weighted_f1(CLASS[r], SHARES[r]),
    "macro auc": lambda r: multiclass.macro_auc(CLASS[r], SHARES[r]),
    "class log loss": lambda r: multiclass.log_loss(CLASS[r], SHARES[r]),
    "class brier": lambda r: multiclass.brier(CLASS[r], SHARES[r]),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_influences_sum_to_nothing_and_are_what_a_row_more_would_do(name):
    """A row that is given a little more weight moves the statistic by its influence (the infinitesimal jackknife).

    The weight is made of copies: among 100 of each row, one more of a row weighs 1/100 of it more.
    """
    metric, copies = SMOOTH[name], 100
    found: Influence = metric(np.arange(N))
    assert found.rows.sum() == pytest.approx(0, abs=1e-12)
    everything = np.tile(np.arange(N), copies)
    value = metric(everything).value
    assert value == pytest.approx(found.value, abs=1e-12)
    scale = np.abs(found.rows).max()
    for row in range(0, N, 12):
        moved = (metric(np.r_[everything, row]).value - value) * copies
        assert moved == pytest.approx(found.rows[row], abs=0.04 * scale)


def test_combine_follows_the_chain_rule():
    mean = influence_of_mean(np.array([1.0, 2.0, 6.0]))
    square = combine(mean.value**2, [(2 * mean.value, mean)])
    assert square.value == 9
    np.testing.assert_allclose(square.rows, 6 * mean.rows)

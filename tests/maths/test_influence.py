"""Influences against the infinitesimal jackknife, and clustered errors against the other estimators of this room."""

import math
from dataclasses import replace

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
from shipway.maths.interval import clustered_mean, clustered_ratio, interval


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


DAY = np.repeat(np.arange(90), 100)


def test_a_ratio_rests_on_the_rows_and_clusters_of_its_denominator():
    """All ten positives on one of 90 days say nothing of other days; the other 8,990 rows say nothing of them."""
    y, p = np.arange(9000) < 10, np.where(np.arange(9000) < 7, 0.9, 0.1)
    for metric, n in ((threshold.recall, 10), (threshold.precision, 7), (threshold.f_score, 10)):
        found = clustered(metric(y, p, 0.5), DAY)
        assert (found.n, found.clusters, found.standard_error) == (n, 1, math.inf)
    for found in (threshold.average_precision(y, p), threshold.matthews_correlation(y, p, 0.5)):
        assert clustered(found, DAY).clusters == 1
    assert clustered(threshold.specificity(y, p, 0.5), DAY).clusters == 90
    # No different from having the ten rows alone.
    days = np.arange(10) % 4
    spread = np.r_[days, DAY[10:]]
    whole, alone = (clustered(threshold.recall(y[r], p[r], 0.5), spread[r]) for r in (np.arange(9000), np.arange(10)))
    assert whole == pytest.approx(alone)


@pytest.mark.parametrize("metric", ["recall", "precision", "specificity", "f_score", "matthews_correlation", "ap"])
def test_a_perfect_score_has_an_error(metric):
    y = np.arange(9000) % 900 < 2
    p = np.where(y, 0.9, 0.1)
    if metric == "specificity":
        y, p = ~y, 1 - p
    by = threshold.average_precision if metric == "ap" else lambda y, p: getattr(threshold, metric)(y, p, 0.5)
    found = clustered(by(y, p), DAY)
    assert (found.value, found.n, found.clusters) == (pytest.approx(1), 20, 10)
    assert found.standard_error == pytest.approx(math.sqrt(21 / 22 * 1 / 22 / 20))
    # Nor are two of them known to be equally good.
    same = clustered(subtract(by(y, p), by(y, p**2)), DAY)
    assert (same.value, same.clusters) == (pytest.approx(0), 10)
    assert same.standard_error == pytest.approx(found.standard_error)


def test_a_mean_that_is_no_share_has_no_least_error():
    assert clustered(influence_of_mean(np.ones(9)), np.arange(9)).standard_error == 0
    assert clustered(influence_of_mean(np.ones(9), share=True), np.arange(9)).standard_error > 0


@pytest.mark.parametrize("true_days", [3, 8])
def test_the_interval_of_a_recall_holds_the_truth_where_positives_are_on_few_days(true_days):
    rng, held = np.random.default_rng(true_days), 0
    for _ in range(400):
        chance = rng.beta(7, 3, 90)
        y = (true_days > DAY) & (np.arange(9000) % 100 < 5)
        p = (rng.random(9000) < chance[DAY]).astype(float)
        low, high = interval(clustered(threshold.recall(y, p, 0.5), DAY))
        held += low <= 0.7 <= high
    assert (
        held >= 365
    )  # 380 are expected; with all rows and clusters counted it was 294 for three days and 345 for eight


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
    "top accuracy": lambda r: multiclass.top_accuracy(CLASS[r], SHARES[r], 2),
    "confidence gap": lambda r: multiclass.confidence_gap(CLASS[r], SHARES[r]),
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


def make_part(rng, day, scale, over=None):
    """Return a part of a sum by day, whose rows sum to 0 and lie where it rests."""
    rows = rng.normal(0, scale, int(day.max()) + 1)[day] * (1.0 if over is None else over)
    rows -= rows.mean() if over is None else rows.sum() / over.sum() * over
    return Influence(0.0, rows, () if over is None else (over,))


def test_parts_of_all_clusters_take_no_degrees_of_freedom():
    rng, day = np.random.default_rng(0), np.repeat(np.arange(12), 5)
    parts = {code: make_part(rng, day, 1.0) for code in range(4)}
    whole = Influence(0.0, np.sum([part.rows for part in parts.values()], axis=0), parts=parts)
    found, alone = clustered(whole, day), clustered(replace(whole, parts={}), day)
    assert (found.clusters, found.standard_error) == (12, pytest.approx(alone.standard_error))


@pytest.mark.parametrize(("scale", "most"), [(0.01, 40), (1.0, 40), (30.0, 9)])
def test_a_part_of_few_clusters_takes_what_it_lacks_of_them(scale, most):
    rng, day = np.random.default_rng(1), np.repeat(np.arange(40), 5)
    few = day < 8
    parts = {0: make_part(rng, day, 1.0), 1: make_part(rng, day, scale, few)}
    whole = Influence(0.0, parts[0].rows + parts[1].rows, parts=parts)
    found = clustered(whole, day)
    shown = [40 / 39 * np.sum(np.bincount(day, part.rows) ** 2) for part in parts.values()]
    taken = shown[1] * 39 / 40 * 8 / 7
    variance = 40 / 39 * np.sum(np.bincount(day, whole.rows) ** 2) + taken - shown[1]
    assert found.standard_error == pytest.approx(np.sqrt(variance))
    due = variance**2 / (variance**2 / 39 + taken**2 * (1 / 7 - 1 / 39))
    assert found.clusters == 1 + int(due)
    assert 8 <= found.clusters <= most


def test_a_sum_of_parts_is_no_less_known_than_its_scarcest_part():
    """Two parts that nearly cancel leave little variance, of which each alone would be all the doubt."""
    rng, day = np.random.default_rng(2), np.repeat(np.arange(40), 5)
    few = day < 8
    part = make_part(rng, day, 1.0, few)
    parts = {0: part, 1: replace(part, rows=-0.9 * part.rows)}
    whole = Influence(0.0, 0.1 * part.rows, parts=parts)
    assert clustered(whole, day).clusters == 8

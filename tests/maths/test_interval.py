"""Clustered estimates against brute force, published numbers and simulated coverage."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from shipway.maths.interval import (
    Estimate,
    clustered_auc,
    clustered_auc_difference,
    clustered_mean,
    clustered_ratio,
    interval,
    least_variance,
    wilson,
)

values = st.floats(-100, 100)
rows = st.lists(st.tuples(values, st.integers(0, 5)), min_size=1, max_size=40)


def ols_on_a_constant(y, clusters) -> tuple[float, float]:
    """CR1 by its matrix definition: (X'X)^-1 (sum of X_g' u_g u_g' X_g) (X'X)^-1 G/(G-1) (N-1)/(N-K)."""
    x = np.ones((y.size, 1))
    bread = np.linalg.inv(x.T @ x)
    beta = bread @ x.T @ y
    groups = np.unique(clusters)
    meat = np.zeros((1, 1))
    for group in groups:
        score = x[clusters == group].T @ (y - x @ beta)[clusters == group]
        meat += np.outer(score, score)
    factor = groups.size / (groups.size - 1) * (y.size - 1) / (y.size - 1)
    return float(beta[0]), math.sqrt(float((factor * bread @ meat @ bread)[0, 0]))


def pair_score(a: float, b: float) -> float:
    return float(a > b) + 0.5 * (a == b)


def obuchowski(y, scores, clusters) -> tuple[np.ndarray, np.ndarray]:
    """Areas and their covariance matrix by the formulas of the 1997 paper, pair by pair and cluster by cluster."""
    positives, negatives = np.flatnonzero(y), np.flatnonzero(~y)
    m, n = positives.size, negatives.size
    groups = np.unique(clusters)
    i10, i01, i = np.unique(clusters[positives]).size, np.unique(clusters[negatives]).size, groups.size
    areas, x_sums, y_sums = [], [], []
    for p in scores:
        v10 = {a: np.mean([pair_score(p[a], p[b]) for b in negatives]) for a in positives}
        v01 = {b: np.mean([pair_score(p[a], p[b]) for a in positives]) for b in negatives}
        area = np.mean(list(v10.values()))
        areas.append(area)
        x_sums.append([sum(v10[a] - area for a in positives if clusters[a] == g) for g in groups])
        y_sums.append([sum(v01[b] - area for b in negatives if clusters[b] == g) for g in groups])
    xs, ys = np.array(x_sums), np.array(y_sums)
    s10 = i10 / ((i10 - 1) * m) * xs @ xs.T
    s01 = i01 / ((i01 - 1) * n) * ys @ ys.T
    s11 = i / (i - 1) * xs @ ys.T
    return np.array(areas), s10 / m + s01 / n + (s11 + s11.T) / (m * n)


def clustered_scores(rng, clusters: int, size: int):
    """Draw labels and two correlated scores that share a cluster effect; both classes in most clusters."""
    group = np.repeat(np.arange(clusters), size)
    y = rng.random(group.size) < 0.4
    shared = rng.normal(size=clusters)[group]
    p_a = 1.0 * y + 0.8 * shared + rng.normal(size=group.size)
    p_b = 0.7 * y + 0.8 * shared + 0.5 * p_a + rng.normal(size=group.size)
    return group, y, p_a, p_b


@given(rows)
def test_mean_is_ols_on_a_constant(pairs):
    y, clusters = np.array([v for v, _ in pairs]), np.array([c for _, c in pairs])
    estimate = clustered_mean(y, clusters)
    assert (estimate.n, estimate.clusters) == (y.size, np.unique(clusters).size)
    if estimate.clusters == 1:
        assert estimate.value == pytest.approx(y.mean(), abs=1e-12)
        assert estimate.standard_error == math.inf
    else:
        assert (estimate.value, estimate.standard_error) == pytest.approx(ols_on_a_constant(y, clusters), abs=1e-9)


def test_one_row_per_cluster_gives_the_textbook_interval():
    y = np.random.default_rng(1).normal(5, 2, 30)
    estimate = clustered_mean(y, np.arange(30))
    assert estimate.standard_error == pytest.approx(stats.sem(y), rel=1e-12)
    expected = stats.t.interval(0.9, 29, loc=y.mean(), scale=stats.sem(y))
    assert interval(estimate, 0.9) == pytest.approx(expected, rel=1e-12)


def test_repeating_every_row_inside_its_cluster_changes_nothing():
    y = np.random.default_rng(2).normal(size=20)
    once, thrice = clustered_mean(y, np.arange(20)), clustered_mean(np.repeat(y, 3), np.repeat(np.arange(20), 3))
    assert (thrice.value, thrice.standard_error) == pytest.approx((once.value, once.standard_error), rel=1e-12)


def test_ratio_equals_the_delta_method_on_cluster_sums():
    rng = np.random.default_rng(4)
    clusters = rng.integers(0, 25, 300)
    den = rng.uniform(1, 3, 300)
    num = 0.4 * den + rng.normal(size=300) + rng.normal(size=25)[clusters]
    estimate = clustered_ratio(num, den, clusters)
    # Deng, Knoblich and Lu 2018, equation for a ratio of means over k clusters, with sample moments.
    s, n = np.bincount(clusters, num), np.bincount(clusters, den)
    (var_s, cov), (_, var_n) = np.cov(s, n)
    mean_s, mean_n, k = s.mean(), n.mean(), s.size
    variance = (var_s - 2 * mean_s / mean_n * cov + (mean_s / mean_n) ** 2 * var_n) / (k * mean_n**2)
    assert estimate.value == pytest.approx(mean_s / mean_n, rel=1e-12)
    assert estimate.standard_error == pytest.approx(math.sqrt(variance), rel=1e-10)


def test_ratio_with_a_constant_denominator_scales_the_mean():
    y, clusters = np.random.default_rng(5).normal(size=50), np.arange(50) // 4
    mean, ratio = clustered_mean(y, clusters), clustered_ratio(y, np.full(50, 4.0), clusters)
    assert (ratio.value, ratio.standard_error) == pytest.approx((mean.value / 4, mean.standard_error / 4), rel=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_auc_and_difference_equal_the_paper(seed):
    group, y, p_a, p_b = clustered_scores(np.random.default_rng(seed), 12, 5)
    p_a, p_b = p_a.round(1), p_b.round(1)
    areas, covariance = obuchowski(y, [p_a, p_b], group)
    for p, area, variance in zip((p_a, p_b), areas, np.diag(covariance), strict=True):
        estimate = clustered_auc(y, p, group)
        assert estimate.value == pytest.approx(area, abs=1e-12)
        assert estimate.standard_error == pytest.approx(math.sqrt(variance), rel=1e-9)
    difference = clustered_auc_difference(y, p_a, p_b, group)
    assert difference.value == pytest.approx(areas[0] - areas[1], abs=1e-12)
    expected = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    assert difference.standard_error == pytest.approx(math.sqrt(expected), rel=1e-9)


def test_auc_without_clusters_is_delong():
    group, y, p, _ = clustered_scores(np.random.default_rng(9), 200, 1)
    v10 = [np.mean([pair_score(a, b) for b in p[~y]]) for a in p[y]]
    v01 = [np.mean([pair_score(a, b) for a in p[y]]) for b in p[~y]]
    delong = np.var(v10, ddof=1) / len(v10) + np.var(v01, ddof=1) / len(v01)
    assert clustered_auc(y, p, group).standard_error == pytest.approx(math.sqrt(delong), rel=1e-12)


def test_equal_scores_differ_by_exactly_nothing():
    group, y, p, _ = clustered_scores(np.random.default_rng(10), 20, 5)
    difference = clustered_auc_difference(y, p, p.copy(), group)
    assert (difference.value, difference.standard_error) == (0.0, 0.0)


def test_auc_of_a_class_from_one_cluster_has_no_error_to_show():
    estimate = clustered_auc(np.array([1, 1, 0, 0]), np.array([0.9, 0.4, 0.5, 0.1]), np.array([0, 0, 0, 1]))
    assert estimate == Estimate(0.75, math.inf, 4, 1)
    assert interval(estimate) == (-math.inf, math.inf)


@pytest.mark.parametrize("turn", [1, -1])
def test_a_perfect_area_is_known_no_better_than_a_perfect_share_of_the_rarer_class(turn):
    """Two positives ranked first of 900 rows, on two of 90 days: nothing moves, and nothing is proved."""
    y, day = np.arange(900) < 2, np.arange(900) % 90
    p = turn * np.where(y, 0.9, 0.1)
    found = clustered_auc(y, p, day)
    assert (found.value, found.n, found.clusters) == (turn > 0, 900, 2)
    assert found.standard_error == pytest.approx(math.sqrt(3 / 4 * 1 / 4 / 2))
    other = clustered_auc_difference(y, p, 2 * p, day)
    assert (other.value, other.standard_error, other.clusters) == (0.0, found.standard_error, 2)


def test_the_degrees_of_an_area_are_those_of_the_class_on_fewer_clusters():
    rng = np.random.default_rng(4)
    y, day = np.arange(900) % 90 < 4, np.arange(900) % 90
    found = clustered_auc(y, rng.random(900) + 0.5 * y, day)
    assert found.clusters == 4
    assert interval(found)[1] == pytest.approx(found.value + stats.t(3).ppf(0.975) * found.standard_error)


def test_the_least_variance_is_that_of_agresti_and_coull():
    assert least_variance(8) == pytest.approx(0.1 * 0.9 / 8)
    assert least_variance(8, 1.0) == pytest.approx(0.1 * 0.9 / 8)
    np.testing.assert_allclose(least_variance(np.array([8, 2]), np.array([0.0, 0.5])), [0.1 * 0.9 / 8, 0.25 / 2])


def test_covered_share_of_clustered_means_is_nominal():
    rng = np.random.default_rng(2024)
    replications, clusters, size = 1_000, 25, 8
    group = np.repeat(np.arange(clusters), size)
    noise = rng.normal(size=(replications, group.size)) + 1.5 * rng.normal(size=(replications, clusters))[:, group]
    covered, covered_by_rows = 0, 0
    for y in noise:
        low, high = interval(clustered_mean(y, group))
        covered += low <= 0 <= high
        low, high = interval(clustered_mean(y, np.arange(group.size)))
        covered_by_rows += low <= 0 <= high
    least, most = stats.binom.ppf([0.0005, 0.9995], replications, 0.95)
    assert least <= covered <= most
    # Taking rows as independent must show up here, or the data would not test the clusters.
    assert covered_by_rows < 0.8 * replications


def test_covered_share_of_clustered_areas_is_nominal():
    rng = np.random.default_rng(2025)
    replications = 1_000
    group, y, p_a, p_b = clustered_scores(rng, 60_000, 5)
    # Pairs across clusters are independent draws, so the pooled area of a very large sample is the truth.
    truth = {"a": clustered_auc(y, p_a, group), "difference": clustered_auc_difference(y, p_a, p_b, group)}
    covered = dict.fromkeys(truth, 0)
    for _ in range(replications):
        group, y, p_a, p_b = clustered_scores(rng, 60, 5)
        for name, estimate in (
            ("a", clustered_auc(y, p_a, group)),
            ("difference", clustered_auc_difference(y, p_a, p_b, group)),
        ):
            low, high = interval(estimate)
            covered[name] += low <= truth[name].value <= high
    # Pairs within 60 clusters bias the area, and it is normal only in the limit: a point is allowed on top of the draw.
    least, most = stats.binom.ppf(0.0005, replications, 0.94), stats.binom.ppf(0.9995, replications, 0.96)
    assert least <= covered["a"] <= most
    assert least <= covered["difference"] <= most


# Newcombe 1998, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17, table I (3).
@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_equals_published_numbers(successes, n, low, high):
    assert wilson(successes, n) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(0, 500), st.integers(0, 500), st.sampled_from([0.5, 0.9, 0.95, 0.999]))
def test_wilson_equals_scipy(successes, failures, confidence):
    n = successes + failures
    low, high = wilson(successes, n, confidence)
    if n == 0:
        assert (low, high) == (0.0, 1.0)
        return
    expected = stats.binomtest(successes, n).proportion_ci(confidence, method="wilson")
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-9)
    assert 0 <= low <= successes / n <= high <= 1


def test_impossible_questions_are_refused():
    one, zero = np.array([1.0]), np.array([0])
    with pytest.raises(ValueError, match="no rows"):
        clustered_mean(np.array([]), np.array([], np.int64))
    with pytest.raises(ValueError, match="length"):
        clustered_mean(one, np.array([0, 1]))
    with pytest.raises(ValueError, match="not finite"):
        clustered_mean(np.array([np.nan]), zero)
    with pytest.raises(ValueError, match="negative"):
        clustered_mean(one, np.array([-1]))
    with pytest.raises(ValueError, match="sums to 0"):
        clustered_ratio(one, np.array([0.0]), zero)
    with pytest.raises(ValueError, match="length"):
        clustered_auc(np.array([0, 1]), np.array([0.1, 0.2]), zero)
    with pytest.raises(ValueError, match="not possible"):
        wilson(3, 2)
    with pytest.raises(ValueError, match="not possible"):
        wilson(-1, 2)


@pytest.mark.parametrize("confidence", [0.0, 1.0, math.nan])
def test_confidence_out_of_range_is_refused(confidence):
    with pytest.raises(ValueError, match="confidence"):
        interval(Estimate(0.0, 1.0, 10, 10), confidence)
    with pytest.raises(ValueError, match="confidence"):
        wilson(1, 2, confidence)

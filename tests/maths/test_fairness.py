"""Rates and their spread against estimates of one group, Student's t for two, and simulation for many."""

from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from shipway.maths.fairness import covariance_of, estimate_rates, spread_of, spread_of_ratio
from shipway.maths.interval import clustered_mean


def pairs(groups: int) -> np.ndarray:
    return np.array(list(combinations(range(groups), 2)))


def test_rates_are_those_of_each_group_alone():
    rng = np.random.default_rng(1)
    n = 900
    group, clusters, inside = rng.integers(0, 4, n), rng.integers(0, 25, n), rng.random(n) < 0.7
    value = rng.normal(size=n) + rng.normal(size=25)[clusters]
    rates = estimate_rates(group, 5, value, inside, clusters)
    for at in range(4):
        rows = inside & (group == at)
        alone = clustered_mean(value[rows], clusters[rows])
        assert rates.value[at] == pytest.approx(alone.value)
        assert np.sqrt(rates.variance[at]) == pytest.approx(alone.standard_error)
        assert (rates.n[at], rates.clusters[at]) == (alone.n, alone.clusters)
    assert np.isnan(rates.value[4])
    assert rates.n[4] == 0


def test_what_groups_share_narrows_their_difference():
    """Two groups that move together from day to day differ by less than their own errors say."""
    rng = np.random.default_rng(2)
    day = np.repeat(np.arange(50), 40)
    group = np.tile([0, 1], 1000)
    value = rng.normal(0.0, 1.0, 50)[day] + rng.normal(0.0, 0.1, day.size)
    rates = estimate_rates(group, 2, value, np.ones(day.size, np.bool_), day)
    together = spread_of(rates.value, covariance_of(rates, np.arange(2)), 49, pairs(2))
    apart = spread_of(rates.value, np.diag(rates.variance), 49, pairs(2))
    assert together.high - together.low < 0.2 * (apart.high - apart.low)


def test_without_clusters_a_share_has_the_binomial_error_at_least():
    group, value = np.repeat([0, 1], 100), np.r_[np.zeros(100), np.tile([0.0, 1.0], 50)]
    rates = estimate_rates(group, 2, value, np.ones(200, np.bool_), None, share=True)
    assert rates.variance[0] == pytest.approx((1 / 102) * (101 / 102) / 100)
    assert rates.variance[1] == pytest.approx(0.25 / 99)


def test_two_groups_have_the_interval_of_students_t():
    spread = spread_of(np.array([0.2, 0.5]), np.diag([0.0004, 0.0005]), 12, pairs(2))
    half = stats.t(12).ppf(0.975) * 0.03
    assert (spread.value, spread.low, spread.high) == pytest.approx((0.3, 0.3 - half, 0.3 + half))
    assert (spread.most, spread.least) == (1, 0)


def test_many_groups_have_the_studentised_range():
    """With equal independent errors the greatest studentised difference is Tukey's range over the square root of 2."""
    value = np.array([0.0, 0.1, 0.5, 1.0, 0.2])
    spread = spread_of(value, np.eye(5) * 0.01, 30, pairs(5))
    half = stats.studentized_range(5, 30).ppf(0.95) / np.sqrt(2) * np.sqrt(0.02)
    assert spread.high - spread.value == pytest.approx(half, rel=0.04)


def test_the_interval_holds_the_greatest_difference_of_many_equal_groups():
    rng = np.random.default_rng(3)
    groups, n, held = 8, 1600, 0
    group, every = np.arange(n) % groups, np.ones(n, np.bool_)
    for _ in range(200):
        value = (rng.random(n) < 0.3).astype(np.float64)
        rates = estimate_rates(group, groups, value, every, None, share=True)
        held += spread_of(rates.value, np.diag(rates.variance), n // groups - 1, pairs(groups)).low == 0.0
    assert held >= 180  # the true difference is 0: 190 are expected, and fewer than 180 once in a thousand times


def test_a_ratio_is_compared_by_its_logarithm():
    value, covariance = np.array([0.2, 0.4]), np.diag([0.0001, 0.0004])
    ratio = spread_of_ratio(value, np.array([1600, 600]), covariance, 40, pairs(2))
    half = stats.t(40).ppf(0.975) * np.sqrt(0.0001 / 0.04 + 0.0004 / 0.16)
    assert ratio.value == pytest.approx(0.5)
    assert (ratio.low, ratio.high) == pytest.approx((0.5 * np.exp(-half), 0.5 * np.exp(half)))
    assert (ratio.most, ratio.least) == (1, 0)


def test_the_ratio_to_a_rate_of_none_of_many_is_surely_small():
    """All of 5,000 against none of 5,000; the upper end is above what is exact (Clopper and Pearson 1934)."""
    group, every = np.repeat([0, 1, 2], 5000), np.ones(15_000, np.bool_)
    rates = estimate_rates(group, 3, (group == 0).astype(np.float64), every, None, share=True)
    ratio = spread_of_ratio(rates.value, rates.n, covariance_of(rates, np.arange(3)), 4999, pairs(3))
    assert (ratio.value, ratio.low, ratio.most) == (0.0, 0.0, 0)
    assert stats.beta(1, 5000).ppf(0.975) < ratio.high < 0.01


def test_no_rate_above_nought_says_nothing_of_their_ratio():
    ratio = spread_of_ratio(np.zeros(2), np.full(2, 100), np.diag([0.01, 0.01]), 40, pairs(2))
    assert (ratio.value, ratio.low, ratio.high) == (0.0, 0.0, 1.0)


def test_the_covariance_of_some_groups_is_a_part_of_that_of_all():
    rng = np.random.default_rng(6)
    group, clusters, value = rng.integers(0, 7, 600), rng.integers(0, 12, 600), rng.random(600)
    rates = estimate_rates(group, 7, value, np.ones(600, np.bool_), clusters)
    whole, chosen = covariance_of(rates, np.arange(7)), np.array([1, 2, 5])
    np.testing.assert_allclose(covariance_of(rates, chosen), whole[np.ix_(chosen, chosen)])
    moved = np.array([np.bincount(clusters, (group == at) * (value - rates.value[at]) / rates.n[at]) for at in (1, 5)])
    assert whole[1, 5] == pytest.approx(12 / 11 * moved[0] @ moved[1])


def test_groups_that_nobody_compares_take_no_room():
    """100,000 groups in 20,000 clusters would be 16 GB as a table of both."""
    rng = np.random.default_rng(7)
    n = 100_000
    rates = estimate_rates(np.arange(n), n, rng.random(n), np.ones(n, np.bool_), np.arange(n) % 20_000)
    assert covariance_of(rates, np.array([3, 9])).shape == (2, 2)

"""Quantile effects against the bootstrap, and the test of every look against naive loops."""

import math

import numpy as np
import pytest

from shipway.maths.effect import compare, effect_interval
from shipway.maths.quantile import estimate_quantile, quantile_test


@pytest.mark.parametrize("p", [0.5, 0.9, 0.99])
def test_error_is_that_of_the_bootstrap(p):
    rng = np.random.default_rng(1)
    values = rng.lognormal(0, 1, 5000)
    drawn = np.quantile(values[rng.integers(0, 5000, (800, 5000))], p, axis=1)
    got = estimate_quantile(values, p)
    assert got.value == pytest.approx(np.quantile(values, p), rel=1e-12)
    assert got.standard_error == pytest.approx(drawn.std(), rel=0.25)


def test_clusters_count_as_clusters():
    # Each value ten times over: the error is that of the values once, not of ten times as many.
    rng = np.random.default_rng(2)
    once = rng.lognormal(0, 1, 1500)
    got = estimate_quantile(once.repeat(10), 0.8, np.arange(1500).repeat(10))
    assert got.standard_error == pytest.approx(estimate_quantile(once, 0.8).standard_error, rel=0.05)
    assert got.clusters == 1500
    naive = estimate_quantile(once.repeat(10), 0.8)
    assert got.standard_error > 2.5 * naive.standard_error


def test_interval_of_an_effect_covers():
    rng, inside = np.random.default_rng(3), 0
    true = 0.3 * math.exp(1.2815515655)
    for _ in range(400):
        a, b = rng.lognormal(0, 1, 600), 1.3 * rng.lognormal(0, 1, 500)
        low, high = effect_interval(compare(estimate_quantile(a, 0.9), estimate_quantile(b, 0.9)))
        inside += low <= true <= high
    assert inside / 400 == pytest.approx(0.95, abs=0.035)


def test_few_values_do_not_tell_an_outer_quantile():
    assert estimate_quantile(np.arange(30.0), 0.99).standard_error == math.inf


def test_equal_arms_are_called_as_seldom_as_it_says():
    rng, called = np.random.default_rng(4), 0
    for _ in range(150):
        a, b = rng.exponential(size=400), rng.exponential(size=400)
        called += any(quantile_test(a[:n], b[:n], 0.75, n_opt=200) <= 0.05 for n in (50, 100, 200, 400))
    assert called / 150 <= 0.05


def test_a_difference_is_found_and_order_does_not_matter():
    rng = np.random.default_rng(5)
    a, b = rng.normal(size=500), rng.normal(0.7, 1, 500)
    p = quantile_test(a, b, 0.5, n_opt=300)
    assert p < 1e-4
    assert quantile_test(b[::-1], a, 0.5, n_opt=300) == pytest.approx(p, rel=1e-9)


def test_ties_say_no_more_than_they_can():
    zeros, some = np.zeros(400), np.concatenate([np.zeros(280), np.ones(120)])
    assert quantile_test(zeros, some, 0.5, n_opt=100) == 1.0  # both medians are 0
    assert quantile_test(zeros, 1 - some, 0.5, n_opt=100) < 0.05


@pytest.mark.parametrize(("values", "p"), [([], 0.5), ([1.0, math.nan], 0.5), ([1.0], 0.0), ([1.0], 1.0)])
def test_what_has_no_quantile_is_refused(values, p):
    with pytest.raises(ValueError, match="quantile"):
        estimate_quantile(np.array(values), p)


def test_empty_arm_is_refused():
    with pytest.raises(ValueError, match="no values"):
        quantile_test(np.array([]), np.ones(3), 0.5, n_opt=10)

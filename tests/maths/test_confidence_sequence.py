"""Uniform boundaries: published numbers beside those of test_published, and error rates by simulation."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipway.maths import confidence_sequence as cs
from shipway.maths.effect import Effect


def test_published_one_sided_values():
    # gostevehoward/confseq, test/uniform_boundaries_unittest.cpp (targets of a reference implementation in R).
    rho = cs.normal_rho(100, sides=1)
    r = cs.beta_binomial_r(100, 0.2, 0.8, sides=1)
    assert cs.normal_log_mixture(10, 100, rho, sides=1) == pytest.approx(-0.06502391, abs=1e-6)
    assert cs.normal_mixture_bound(100, 0.05, rho, sides=1) == pytest.approx(27.66071, abs=1e-5)
    assert cs.beta_binomial_log_mixture(10, 100, r, 0.2, 0.8, sides=1) == pytest.approx(-0.07134019, abs=1e-6)
    assert cs.beta_binomial_mixture_bound(100, 0.05, r, 0.2, 0.8, sides=1) == pytest.approx(28.41238, abs=1e-5)
    assert cs.stitched_bound(100, 0.05, 10, -1) == pytest.approx(28.99389, abs=1e-5)


@settings(max_examples=40)
@given(st.floats(1, 1e4), st.floats(0.001, 0.5), st.sampled_from([1, 2]))
def test_bounds_are_where_the_mixture_is_one_over_alpha(v, alpha, sides):
    rho = cs.normal_rho(100, sides=sides)
    bound = cs.normal_mixture_bound(v, alpha, rho, sides=sides)
    assert cs.normal_log_mixture(bound, v, rho, sides=sides) == pytest.approx(-math.log(alpha), rel=1e-7)
    bound = cs.gamma_exponential_mixture_bound(v, alpha, rho, 0.5)
    assert cs.gamma_exponential_log_mixture(bound, v, rho, 0.5) == pytest.approx(-math.log(alpha), rel=1e-6)


def test_normal_mixture_is_crossed_as_seldom_as_it_says():
    rng, v = np.random.default_rng(2), np.arange(1, 2001, dtype=float)
    bound = np.array([cs.normal_mixture_bound(one, 0.05, cs.normal_rho(200)) for one in v])
    paths = np.cumsum(rng.normal(size=(1500, v.size)), axis=1)
    crossed = float((np.abs(paths) >= bound).any(axis=1).mean())
    assert 0.005 < crossed <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 1500)


def test_share_interval_holds_at_every_look():
    rng, missed = np.random.default_rng(3), 0
    ends = {}
    for _ in range(300):
        successes = np.cumsum(rng.random(300) < 0.2)
        for n in (10, 30, 60, 100, 200, 300):
            held = (int(successes[n - 1]), n)
            low, high = ends.setdefault(held, None) or cs.share_interval(*held, 0.05, 100)
            ends[held] = (low, high)
            if not low <= 0.2 <= high:
                missed += 1
                break
    assert missed / 300 <= 0.05


def test_share_interval_at_the_ends():
    assert cs.share_interval(0, 40, 0.05, 50)[0] == 0.0
    assert cs.share_interval(40, 40, 0.05, 50)[1] == 1.0
    low, high = cs.share_interval(40, 40, 0.05, 50)
    mirrored = cs.share_interval(0, 40, 0.05, 50)
    assert (low, high) == pytest.approx((1 - mirrored[1], 1 - mirrored[0]), abs=1e-9)


def effect_of(value, error):
    return Effect(1.0, 1.0 + value, value, error, 100.0, value, error, 100.0, error / 2)


@settings(max_examples=50)
@given(st.floats(-3, 3), st.floats(0.01, 2), st.integers(10, 10**6))
def test_sequence_and_its_p_agree(value, error, n):
    low, high = cs.effect_sequence(effect_of(value, error), n, 0.05, 1000)
    p = cs.effect_sequence_p(effect_of(value, error), n, 0.05, 1000)
    if abs(min(abs(low), abs(high))) > 1e-9:
        assert (p < 0.05) == (low > 0 or high < 0)


def test_least_sample_has_the_tightest_sequence_near_its_optimum():
    rho = cs.asymptotic_rho(1000, 0.05)
    scaled = {n: cs.asymptotic_half_width(1.0, n, 0.05, rho) * math.sqrt(n) for n in (100, 500, 1000, 3000, 20_000)}
    assert min(scaled, key=scaled.__getitem__) == 1000


def test_asymptotic_sequence_misses_as_seldom_as_it_says_on_skewed_values():
    rng, missed, n = np.random.default_rng(5), 0, np.arange(50, 3001, 50)
    for _ in range(400):
        x = rng.lognormal(0, 1, 3000) - math.exp(0.5)
        mean = np.cumsum(x)[n - 1] / n
        error = np.sqrt(np.maximum(np.cumsum(x * x)[n - 1] / n - mean**2, 1e-12) / n)
        ends = [cs.effect_sequence(effect_of(m, e), int(k), 0.05, 1500) for m, e, k in zip(mean, error, n, strict=True)]
        missed += any(low > 0 or high < 0 for low, high in ends)
    assert missed / 400 <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 400)


def test_nothing_known_says_nothing():
    assert cs.effect_sequence(effect_of(1.0, math.inf), 10, 0.05, 100) == (-math.inf, math.inf)
    assert cs.effect_sequence_p(effect_of(1.0, math.inf), 10, 0.05, 100) == 1.0
    assert cs.effect_sequence_p(effect_of(1.0, 0.0), 10, 0.05, 100) == 0.0
    assert cs.effect_sequence_p(effect_of(0.0, 0.0), 10, 0.05, 100) == 1.0
    assert cs.empirical_process_bound(50, 0.05, 100) == math.inf


def test_empirical_process_is_within_its_bound():
    rng, outside = np.random.default_rng(6), 0
    bounds = {n: cs.empirical_process_bound(n, 0.05, 100) for n in (100, 150, 220, 300, 400)}
    for _ in range(200):
        x = rng.random(400)
        for n, bound in bounds.items():
            ordered = np.sort(x[:n])
            far = max((np.arange(1, n + 1) / n - ordered).max(), (ordered - np.arange(n) / n).max())
            if far > bound:
                outside += 1
                break
    assert outside / 200 <= 0.05


@pytest.mark.parametrize(("v", "alpha"), [(0.0, 0.05), (10.0, 0.0), (10.0, 1.0)])
def test_what_is_out_of_range_is_refused(v, alpha):
    with pytest.raises(ValueError, match="out of range"):
        cs.normal_rho(v, alpha)


def test_impossible_counts_are_refused():
    with pytest.raises(ValueError, match="not possible"):
        cs.share_interval(3, 2, 0.05, 10)
    with pytest.raises(ValueError, match="not above"):
        cs.empirical_process_bound(200, 0.05, 100, a=0.7)

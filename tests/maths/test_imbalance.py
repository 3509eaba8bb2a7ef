"""Sample ratio mismatch against scipy, a mixture by hand, and by simulation at every unit."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from shipway.maths.imbalance import imbalance_log_e, imbalance_p, imbalance_sequential_p

counts = st.lists(st.integers(1, 10**6), min_size=2, max_size=5)


@given(counts, st.data())
def test_chi_square_is_that_of_scipy(numbers, data):
    shares = np.array(data.draw(st.lists(st.floats(0.05, 1), min_size=len(numbers), max_size=len(numbers))))
    expected = shares / shares.sum() * sum(numbers)
    oracle = stats.chisquare(numbers, expected).pvalue
    assert imbalance_p(np.array(numbers), shares) == pytest.approx(oracle, rel=1e-6, abs=1e-300)


def test_mixture_of_two_arms_is_beta_binomial():
    got = imbalance_log_e(np.array([30, 12]), np.array([0.5, 0.5]), concentration=20)
    expected = stats.betabinom.logpmf(30, 42, 10, 10) - stats.binom.logpmf(30, 42, 0.5)
    assert got == pytest.approx(expected, rel=1e-9)


def test_one_unit_more_is_a_fair_bet():
    # The mean of the e-value after one more unit, drawn by the plan, is what it was.
    shares, now = np.array([0.2, 0.3, 0.5]), np.array([7, 9, 21])
    after = [math.exp(imbalance_log_e(now + np.eye(3, dtype=int)[arm], shares)) for arm in range(3)]
    assert shares @ after == pytest.approx(math.exp(imbalance_log_e(now, shares)), rel=1e-10)


def test_watching_every_unit_is_wrong_as_seldom_as_it_says():
    rng, called, p = np.random.default_rng(4), 0, 0
    at = np.unique(np.geomspace(1, 20_000, 60).astype(int))
    for _ in range(150):
        treated = np.cumsum(rng.random(20_000) < 0.5)[at - 1]
        tables = np.column_stack([at - treated, treated])
        called += any(imbalance_log_e(one, np.ones(2)) >= math.log(20) for one in tables)
        p += any(imbalance_p(one, np.ones(2)) <= 0.05 for one in tables[20:])
    assert called / 150 <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 150)
    assert p / 150 > 0.15  # the test for one look, watched


def test_a_mismatch_is_found():
    assert imbalance_sequential_p(np.array([50_600, 49_400]), np.ones(2)) < 0.02
    assert imbalance_sequential_p(np.array([50_060, 49_940]), np.ones(2)) > 0.2


def test_no_units_say_nothing():
    none = np.array([0, 0])
    assert (imbalance_p(none, np.ones(2)), imbalance_sequential_p(none, np.ones(2))) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("numbers", "shares"), [([1], [1.0]), ([1, 2], [1.0, 0.0]), ([-1, 2], [1.0, 1.0]), ([1, 2], [1.0])]
)
def test_what_does_not_fit_is_refused(numbers, shares):
    with pytest.raises(ValueError):
        imbalance_p(np.array(numbers), np.array(shares))


def test_a_concentration_of_none_is_refused():
    with pytest.raises(ValueError, match="concentration"):
        imbalance_log_e(np.array([1, 2]), np.ones(2), concentration=0.0)

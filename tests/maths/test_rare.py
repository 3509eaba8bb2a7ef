"""Rates of rare events against scipy and statsmodels, and their error by exact enumeration."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.rates import test_poisson_2indep as poisson_test

from shipway.maths.rare import compare_rates

events = st.integers(0, 60)
exposures = st.floats(1, 1e4)


@settings(max_examples=60)
@given(events, exposures, events, exposures)
def test_interval_is_clopper_pearson(a, exposed_a, b, exposed_b):
    got = compare_rates(a, exposed_a, b, exposed_b)
    if not a + b:
        assert (got.low, got.high, got.p) == (0.0, math.inf, 1.0)
        return
    share = exposed_b / (exposed_a + exposed_b)
    oracle = stats.binomtest(b, a + b, share).proportion_ci(method="exact")
    for mine, end in ((got.low, oracle.low), (got.high, oracle.high)):
        expected = end / (1 - end) * exposed_a / exposed_b if end < 1 else math.inf
        assert mine == pytest.approx(expected, rel=1e-6)
    assert (got.p < 0.05) == (not got.low <= 1 <= got.high) or got.p == pytest.approx(0.05, abs=1e-6)


def test_mid_p_is_that_of_statsmodels():
    oracle = poisson_test(11, 1000.0, 3, 900.0, method="cond-midp")
    less = stats.binom.cdf(2, 14, 900 / 1900) + 0.5 * stats.binom.pmf(3, 14, 900 / 1900)
    assert compare_rates(11, 1000.0, 3, 900.0, exact=False).p == pytest.approx(2 * less, rel=1e-9)
    assert oracle.pvalue == pytest.approx(2 * less, rel=0.35)  # it adds the other tail, where it is as unlikely


def test_exact_never_errs_more_than_it_says_and_mid_p_hardly():
    # All pairs of counts of two Poisson variables with mean 4, weighted by their probability.
    seen = np.arange(25)
    weight = np.outer(stats.poisson.pmf(seen, 4), stats.poisson.pmf(seen, 4))
    for exact, most in ((True, 0.05), (False, 0.062)):
        called = [[compare_rates(a, 1.0, b, 1.0, exact=exact).p <= 0.05 for b in seen.tolist()] for a in seen.tolist()]
        assert 0.01 < float(weight[np.array(called)].sum()) <= most


def test_no_control_events_leave_the_ratio_open():
    got = compare_rates(0, 10.0, 5, 10.0)
    assert (got.ratio, got.high) == (math.inf, math.inf)
    assert got.low > 0.5


@pytest.mark.parametrize("arguments", [(-1, 1.0, 1, 1.0), (1, 0.0, 1, 1.0), (1, 1.0, 1, math.nan)])
def test_what_is_no_rate_is_refused(arguments):
    with pytest.raises(ValueError, match="exposure"):
        compare_rates(*arguments)


def test_a_confidence_of_one_is_refused():
    with pytest.raises(ValueError, match="confidence"):
        compare_rates(1, 1.0, 1, 1.0, confidence=1.0)

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
def test_ends_are_the_ratios_that_mid_p_just_rejects(a, exposed_a, b, exposed_b):
    got = compare_rates(a, exposed_a, b, exposed_b)
    assert 0 <= got.low <= got.high
    if not a + b:
        assert (got.low, got.high, got.p) == (0.0, math.inf, 1.0)
        return
    for end, events in ((got.low, b), (got.high, a)):
        fall = exposed_b * end / (exposed_a + exposed_b * end) if end < math.inf else 1.0
        fall = fall if events == b and end == got.low else 1 - fall
        tail = stats.binom.sf(events, a + b, fall) + 0.5 * stats.binom.pmf(events, a + b, fall)
        assert tail == pytest.approx(0.025 if events else 0.5, rel=1e-6)
    clopper = stats.binomtest(b, a + b).proportion_ci(method="exact")
    even = compare_rates(a, 1.0, b, 1.0)
    assert even.low >= clopper.low / (1 - clopper.low) * (1 - 1e-6)  # mid-p is sharper than the exact ends


def test_mid_p_is_that_of_statsmodels():
    oracle = poisson_test(11, 1000.0, 3, 900.0, method="cond-midp")
    less = stats.binom.cdf(2, 14, 900 / 1900) + 0.5 * stats.binom.pmf(3, 14, 900 / 1900)
    assert compare_rates(11, 1000.0, 3, 900.0).p == pytest.approx(2 * less, rel=1e-9)
    assert oracle.pvalue == pytest.approx(2 * less, rel=0.35)  # it adds the other tail, where it is as unlikely


def test_the_error_is_about_what_it_says():
    # All pairs of counts of two Poisson variables with mean 4, weighted by their probability.
    seen = np.arange(25)
    weight = np.outer(stats.poisson.pmf(seen, 4), stats.poisson.pmf(seen, 4))
    called = [[compare_rates(a, 1.0, b, 1.0).p <= 0.05 for b in seen.tolist()] for a in seen.tolist()]
    assert 0.03 < float(weight[np.array(called)].sum()) <= 0.062


def test_no_control_events_leave_the_ratio_open():
    got = compare_rates(0, 10.0, 5, 10.0)
    assert got.high == math.inf
    assert got.low > 0.5


@pytest.mark.parametrize("arguments", [(-1, 1.0, 1, 1.0), (1, 0.0, 1, 1.0), (1, 1.0, 1, math.nan)])
def test_what_is_no_rate_is_refused(arguments):
    with pytest.raises(ValueError, match="exposure"):
        compare_rates(*arguments)


def test_a_confidence_of_one_is_refused():
    with pytest.raises(ValueError, match="confidence"):
        compare_rates(1, 1.0, 1, 1.0, confidence=1.0)

"""Sample sizes against statsmodels, simulation and each other."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.power import NormalIndPower, TTestIndPower

from shipway.maths.effect import Effect, Term, compare, estimate_term, p_value
from shipway.maths.power import (
    Aim,
    cluster_factor,
    conditional_power,
    detectable_effect,
    detectable_ratio,
    events_needed,
    events_power,
    expected_events,
    more_needed,
    power_of,
    t_power,
    t_units_needed,
    units_needed,
)
from shipway.maths.spending import inflation
from shipway.maths.summary import sum_clusters, summarise


@given(st.floats(0.05, 1), st.floats(0.5, 0.99), st.floats(0.2, 0.8))
def test_units_are_those_of_statsmodels(difference, power, share):
    aim = Aim(power=power, share=share)
    oracle = NormalIndPower().solve_power(difference, power=power, alpha=0.05, ratio=share / (1 - share))
    # Its solver counts results on the wrong side too.
    assert units_needed(difference, aim, 1.0) == pytest.approx(oracle / (1 - share), rel=2e-3)


@settings(max_examples=30)
@given(st.floats(0.1, 1.5), st.floats(0.3, 3), st.floats(0.3, 0.95))
def test_t_test_is_that_of_statsmodels(difference, ratio, power):
    n = t_units_needed(difference, alpha=0.05, power=power, ratio=ratio)
    oracle = TTestIndPower()
    assert oracle.power(difference, n, 0.05, ratio) == pytest.approx(power, abs=1e-6)
    one_sided = oracle.power(difference, n, 0.05, ratio, alternative="larger")
    assert t_power(difference, n, n * ratio, sides=1) == pytest.approx(one_sided, abs=1e-6)


@settings(max_examples=20, deadline=None)
@given(st.floats(0.01, 10), st.sampled_from([1, 5]), st.sampled_from([1, 2]))
def test_units_effect_and_power_are_one_another(effect, looks, sides):
    aim = Aim(looks=looks, sides=sides)
    units = units_needed(effect, aim, 2.0, 3.0)
    assert detectable_effect(units, aim, 2.0, 3.0) == pytest.approx(effect, rel=1e-9)
    assert power_of(effect, units, aim, 2.0, 3.0) == pytest.approx(0.8, abs=1e-6)


def test_looks_cost_what_the_inflation_says():
    ratio = units_needed(0.1, Aim(looks=20), 1.0) / units_needed(0.1, Aim(), 1.0)
    assert ratio == pytest.approx(inflation(np.arange(1, 21) / 20, 0.05, 0.8), rel=1e-12)


def test_planned_proportions_have_their_power():
    rng, p, lift = np.random.default_rng(1), 0.2, 0.06
    units = round(units_needed(lift, Aim(), p * (1 - p), (p + lift) * (1 - p - lift)))
    found = 0
    for _ in range(1500):
        a = rng.binomial(units // 2, p)
        b = rng.binomial(units // 2, p + lift)
        n = units // 2
        arms = [summarise((np.arange(n) < k).astype(float)[:, None]) for k in (a, b)]
        found += p_value(compare(*(estimate_term(arm, Term(0)) for arm in arms))) <= 0.05
    assert found / 1500 == pytest.approx(0.8, abs=0.035)


def test_planned_clusters_have_their_power():
    rng, size, rho, effect = np.random.default_rng(2), 10, 0.15, 0.25
    units = units_needed(effect, Aim(), 1.0) * cluster_factor(size, rho)
    clusters = math.ceil(units / size / 2) * 2
    found = 0
    for _ in range(600):
        shared = rng.normal(0, math.sqrt(rho), clusters).repeat(size)
        treated = (np.arange(clusters) % 2).repeat(size)
        y = shared + rng.normal(0, math.sqrt(1 - rho), shared.size) + effect * treated
        names = np.arange(clusters).repeat(size)
        arms = [summarise(sum_clusters(y[treated == arm][:, None], names[treated == arm])[1]) for arm in (0, 1)]
        found += p_value(compare(*(estimate_term(arm, Term(0, 1)) for arm in arms))) <= 0.05
    assert found / 600 == pytest.approx(0.8, abs=0.06)


def seen(value, error):
    return Effect(1.0, 1.0 + value, value, error, 1e6, value, error, 1e6, error / 2)


def test_conditional_power_is_how_often_it_ends_well():
    rng = np.random.default_rng(3)
    now = seen(0.06, 0.05)
    for more, assumed in ((1.0, 0.1), (3.0, 0.0)):
        rest = rng.normal(assumed, 0.05 / math.sqrt(more), 200_000)
        last = (0.06 + more * rest) / (1 + more)
        expected = np.mean(np.abs(last) >= 1.959964 * 0.05 / math.sqrt(1 + more))
        assert conditional_power(now, more, assumed) == pytest.approx(expected, abs=0.005)
        one_sided = np.mean(last >= 1.644854 * 0.05 / math.sqrt(1 + more))
        assert conditional_power(now, more, assumed, sides=1) == pytest.approx(one_sided, abs=0.005)


def test_what_is_still_needed_reaches_the_power():
    more = more_needed(seen(0.02, 0.05), 0.1, 0.9)
    assert conditional_power(seen(0.02, 0.05), more, 0.1) == pytest.approx(0.9, abs=1e-8)
    assert more_needed(seen(0.5, 0.05), 0.5, 0.8) == pytest.approx(0.0, abs=1e-5)


@pytest.mark.parametrize(
    "aim", [{"alpha": 0.0}, {"power": 0.04}, {"power": 1.0}, {"share": 1.0}, {"sides": 3}, {"looks": 0}]
)
def test_an_aim_that_is_none_is_refused(aim):
    with pytest.raises(ValueError):
        Aim(**aim)


def test_what_cannot_be_planned_is_refused():
    with pytest.raises(ValueError, match="planned"):
        units_needed(0.0, Aim(), 1.0)
    with pytest.raises(ValueError, match="find nothing"):
        detectable_effect(0, Aim(), 1.0)
    with pytest.raises(ValueError, match="tell nothing"):
        conditional_power(seen(0.1, math.inf), 1.0, 0.1)
    with pytest.raises(ValueError, match="too small"):
        t_units_needed(1e-9, alpha=0.05, power=0.8)


@given(st.integers(5, 60), st.floats(0.2, 0.8), st.floats(1.2, 6))
def test_one_look_at_events_is_the_binomial_test(events, share, ratio):
    counts = np.arange(events + 1)
    fall, truth = share, share * ratio / (1 - share + share * ratio)
    crossed = stats.binom.sf(counts - 1, events, fall) <= 0.025
    oracle = float(stats.binom.pmf(counts, events, truth)[crossed].sum())
    assert events_power(events, ratio, Aim(share=share)) == pytest.approx(oracle, abs=1e-12)


def test_many_events_are_those_of_the_normal_distribution():
    # A throw's own deviations under the null and the truth, as a sample size for one share has them.
    null, truth, aim = 0.5, 1.25 / 2.25, Aim()
    z = (1.959964 * math.sqrt(null * (1 - null)) + 0.841621 * math.sqrt(truth * (1 - truth))) / (truth - null)
    assert events_needed(1.25, aim) == pytest.approx(z**2, rel=0.06)
    assert events_needed(1.25, Aim(looks=10)) == pytest.approx(
        inflation(np.arange(1, 11) / 10, 0.05, 0.8) * z**2, rel=0.06
    )


@settings(max_examples=12, deadline=None)
@given(st.sampled_from([0.3, 0.5, 1.6, 2.0, 4.0]), st.floats(0.3, 0.6), st.integers(1, 8))
def test_events_needed_have_the_power_and_the_smallest_ratio_is_theirs(ratio, share, looks):
    aim = Aim(share=share, looks=looks)
    events = events_needed(ratio, aim)
    assert all(events_power(more, ratio, aim) >= 0.8 for more in range(events, events + 5))
    assert events_power(events - 1, ratio, aim) < 0.8
    smallest = detectable_ratio(events, aim, up=ratio > 1)
    assert abs(math.log(smallest)) <= abs(math.log(ratio)) + 1e-9
    assert abs(math.log(smallest)) > 0.85 * abs(math.log(ratio))
    assert events_power(events, smallest, aim) == pytest.approx(0.8, abs=1e-6)


def test_a_margin_is_told_from_equal_rates():
    aim = Aim(looks=10)
    events = events_needed(1.0, aim, 2.0)
    assert events_power(events, 1.0, aim, 2.0) >= 0.8
    assert detectable_ratio(events, aim, margin=True) == pytest.approx(2.0, rel=0.04)
    assert detectable_ratio(events, aim, up=False, margin=True) == pytest.approx(0.5, rel=0.04)


def test_the_smallest_ratio_is_counted_from_the_bound_that_is_tested():
    aim = Aim(looks=10)
    for ratio, null in ((3.0, 1.5), (0.4, 0.8)):
        smallest = detectable_ratio(events_needed(ratio, aim, null), aim, up=ratio > null, null=null)
        assert smallest == pytest.approx(ratio, rel=0.06)


@given(st.integers(1, 400), st.floats(0.5, 0.95))
def test_as_many_are_expected_as_bring_the_events_with_a_chance(events, chance):
    assert stats.poisson.sf(events - 1, expected_events(events, chance)) == pytest.approx(chance)


def test_what_no_number_of_events_finds_is_told():
    assert detectable_ratio(3, Aim()) is None
    assert detectable_ratio(3, Aim(), null=2.0) is None
    for ratio, null in ((1.0, 1.0), (-0.1, 1.0), (2.0, 0.0), (1.02, 1.0), (1.09, 1.0)):
        with pytest.raises(ValueError, match="ratio"):
            events_needed(ratio, Aim(), null)

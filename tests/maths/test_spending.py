"""Boundaries against published tables, exact error rates and simulated Brownian motion."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from shipway.maths.spending import (
    adjust_for_looks,
    critical_values,
    crossing_probabilities,
    design_drift,
    expected_fraction,
    inflation,
    spent,
)


def even(looks):
    return np.arange(1, looks + 1) / looks


def simulate(rng, fractions, drift, runs):
    """Return float64[runs, k], z of Brownian motion with a drift at the looks."""
    steps = np.diff(fractions, prepend=0.0)
    path = np.cumsum(rng.normal(drift * steps, np.sqrt(steps), (runs, fractions.size)), axis=1)
    return path / np.sqrt(fractions)


looks = st.lists(st.floats(0.02, 1.0), min_size=1, max_size=6, unique=True).map(lambda t: np.array(sorted(t)))


@settings(max_examples=25, deadline=None)
@given(looks, st.sampled_from(["obrien-fleming", "pocock"]), st.sampled_from([1, 2]))
def test_just_what_may_be_spent_is_spent(fractions, spending, sides):
    if (np.diff(fractions) < 1e-4).any():
        return
    critical = critical_values(fractions, 0.05, sides=sides, spending=spending)
    crossing = crossing_probabilities(fractions, critical, sides=sides)
    until = [spent(t, 0.05 / sides, spending) for t in fractions]
    np.testing.assert_allclose(np.cumsum(crossing.upper), until, rtol=1e-5, atol=1e-12)
    if sides == 2:
        np.testing.assert_allclose(crossing.lower, crossing.upper, rtol=1e-6, atol=1e-13)


def test_a_later_look_does_not_change_an_earlier_one():
    whole = critical_values(even(5), 0.05)
    np.testing.assert_allclose(critical_values(even(5)[:3], 0.05), whole[:3], rtol=1e-12)


def test_one_look_is_the_fixed_test():
    assert critical_values(np.ones(1), 0.05)[0] == pytest.approx(1.959964, abs=1e-6)
    assert critical_values(np.ones(1), 0.05, sides=1)[0] == pytest.approx(1.644854, abs=1e-6)
    assert inflation(np.ones(1), 0.05, 0.8) == pytest.approx(1.0, rel=1e-6)


def test_beyond_the_planned_end_all_is_spent():
    critical = critical_values(np.array([0.5, 1.1]), 0.05)
    assert crossing_probabilities(np.array([0.5, 1.1]), critical).upper.sum() == pytest.approx(0.025, rel=1e-9)
    after = critical_values(np.array([1.0, 1.2]), 0.05)
    assert after[1] == math.inf


@pytest.mark.parametrize(
    ("looks", "spending", "factor"),
    # docs of the field's reference: simulated in shared/reference/stats.md 2.3, within simulation error.
    [(5, "obrien-fleming", 1.03), (20, "obrien-fleming", 1.05), (100, "obrien-fleming", 1.05), (20, "pocock", 1.26)],
)
def test_inflation_of_known_designs(looks, spending, factor):
    assert inflation(even(looks), 0.05, 0.8, spending=spending) == pytest.approx(factor, abs=0.011)


def test_crossings_are_those_of_brownian_motion():
    fractions = np.array([0.1, 0.25, 0.6, 1.0])
    for sides in (1, 2):
        critical = critical_values(fractions, 0.1, sides=sides, spending="pocock")
        for drift in (0.0, 1.5):
            z = simulate(np.random.default_rng(5), fractions, drift, 200_000)
            up = z >= critical
            crossed = up | (z <= -critical) if sides == 2 else up
            first = np.where(crossed.any(axis=1), crossed.argmax(axis=1), -1)
            upper = [np.mean((first == look) & up[:, look]) for look in range(4)]
            got = crossing_probabilities(fractions, critical, drift, sides=sides)
            np.testing.assert_allclose(got.upper, upper, atol=0.004)
            share = np.where(first < 0, 1.0, fractions[first]).mean()
            assert expected_fraction(fractions, critical, drift, sides=sides) == pytest.approx(share, abs=0.004)


def test_drift_gives_the_power():
    critical = critical_values(even(10), 0.05)
    drift = design_drift(even(10), critical, 0.9)
    assert crossing_probabilities(even(10), critical, drift).upper.sum() == pytest.approx(0.9, abs=1e-8)


def test_one_look_is_adjusted_for_nothing():
    for z in (-1.0, 0.5, 2.4):
        adjusted = adjust_for_looks(np.ones(1), critical_values(np.ones(1), 0.05), z)
        assert adjusted.p == pytest.approx(2 * stats.norm.sf(abs(z)), rel=1e-9)
        assert (adjusted.drift, adjusted.low, adjusted.high) == pytest.approx((z, z - 1.959964, z + 1.959964), abs=1e-5)


def test_p_at_the_boundary_is_what_is_spent():
    critical = critical_values(even(5), 0.05)
    adjusted = adjust_for_looks(even(5)[:4], critical[:4], float(critical[3]))
    assert adjusted.p == pytest.approx(2 * spent(0.8, 0.025, "obrien-fleming"), rel=1e-6)


def test_adjusted_estimates_cover_and_are_not_biased():
    # A path stops where it first crosses; plain estimates there exaggerate, these are right in the median.
    fractions, drift = even(4), 2.0
    critical = critical_values(fractions, 0.05, spending="pocock")
    z = simulate(np.random.default_rng(8), fractions, drift, 120)
    covered, above, plain = 0, 0, []
    for path in z:
        crossed = np.flatnonzero(np.abs(path) >= critical)
        look = int(crossed[0]) if crossed.size else 3
        found = adjust_for_looks(fractions[: look + 1], critical[: look + 1], float(path[look]))
        covered += found.low <= drift <= found.high
        above += found.drift > drift
        plain.append(path[look] / math.sqrt(fractions[look]))
    assert covered / 120 == pytest.approx(0.95, abs=0.06)
    assert above / 120 == pytest.approx(0.5, abs=0.15)
    assert np.mean(plain) > drift + 0.2


@pytest.mark.parametrize(
    ("fractions", "message"), [([], "rise"), ([0.0, 1.0], "rise"), ([0.5, 0.5], "rise"), ([[0.5, 1.0]], "rise")]
)
def test_looks_that_do_not_rise_are_refused(fractions, message):
    with pytest.raises(ValueError, match=message):
        critical_values(np.array(fractions), 0.05)


def test_what_is_out_of_range_is_refused():
    with pytest.raises(ValueError, match="sides"):
        critical_values(np.ones(1), 0.05, sides=3)
    with pytest.raises(ValueError, match="out of range"):
        spent(0.5, 1.5, "pocock")
    with pytest.raises(ValueError, match="no spending function"):
        spent(0.5, 0.05, "linear")
    with pytest.raises(ValueError, match="looks"):
        crossing_probabilities(even(2), np.ones(1))
    with pytest.raises(ValueError, match="confidence"):
        adjust_for_looks(np.ones(1), np.ones(1), 1.0, confidence=1.0)

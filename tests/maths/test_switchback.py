"""Switchback effects: carry-over, errors by simulation, and randomisation against enumeration."""

from itertools import combinations

import numpy as np
import pytest

from shipway.maths.effect import p_value
from shipway.maths.interval import clustered_ratio
from shipway.maths.switchback import after_carry_over, randomisation_p, switchback_effect


def test_rows_after_a_switch_wait():
    times = np.array([-1.0, 0.0, 4.9, 5.0, 59.0, 60.0, 64.0, 66.0])
    kept = after_carry_over(times, np.array([0.0, 60.0]), 5.0)
    assert kept.tolist() == [False, False, False, True, True, False, False, True]
    assert after_carry_over(times, np.array([0.0, 60.0]), 0.0).tolist() == [False] + [True] * 7


def test_error_is_that_of_clusters():
    rng = np.random.default_rng(1)
    stretch = rng.integers(0, 40, 3000)
    y = rng.normal(size=3000) + rng.normal(size=40)[stretch]
    treated = np.arange(40) % 2 == 1
    sums, sizes = np.bincount(stretch, y), np.bincount(stretch).astype(float)
    effect = switchback_effect(sums, sizes, treated)
    arms = [
        clustered_ratio(
            y[treated[stretch] == one], np.ones((treated[stretch] == one).sum()), stretch[treated[stretch] == one]
        )
        for one in (False, True)
    ]
    assert effect.value == pytest.approx(arms[1].value - arms[0].value)
    assert effect.standard_error == pytest.approx(np.hypot(arms[0].standard_error, arms[1].standard_error))


def test_called_as_seldom_as_said_where_rows_share_their_hour():
    rng, called, naive = np.random.default_rng(2), 0, 0
    for _ in range(600):
        level = rng.normal(0, 1, 28)
        sizes = rng.poisson(60, 28).astype(float)
        sums = sizes * level + rng.normal(0, np.sqrt(sizes))
        treated = rng.permutation(28) < 14
        called += p_value(switchback_effect(sums, sizes, treated)) <= 0.05
        means = [sums[treated == one].sum() / sizes[treated == one].sum() for one in (False, True)]
        naive += abs(means[1] - means[0]) > 1.96 * np.sqrt(2 * 2 / sizes.sum() * 2)
    assert called / 600 == pytest.approx(0.05, abs=0.03)
    assert naive / 600 > 0.5


def test_randomisation_is_the_share_of_all_assignments():
    rng = np.random.default_rng(3)
    sums, sizes = rng.normal(10, 2, 8), rng.uniform(5, 9, 8)
    treated = np.array([1, 1, 0, 0, 1, 0, 1, 0], dtype=bool)

    def difference(chosen):
        held = np.isin(np.arange(8), chosen)
        return abs(sums[held].sum() / sizes[held].sum() - sums[~held].sum() / sizes[~held].sum())

    seen = difference(np.flatnonzero(treated))
    exact = np.mean([difference(one) >= seen - 1e-12 for one in combinations(range(8), 4)])
    got = randomisation_p(sums, sizes, treated, np.zeros(8, int), draws=20_000)
    assert got.p == pytest.approx(exact, abs=0.012)


def test_shuffles_stay_within_blocks():
    # In each block one stretch is treated and greater: of 2^6 assignments, two are as far apart.
    sums, treated = np.tile([1.0, 2.0], 6), np.tile([False, True], 6)
    got = randomisation_p(sums, np.ones(12), treated, np.arange(12) // 2, draws=20_000)
    assert got.p == pytest.approx(2 / 64, abs=0.005)


def test_what_does_not_fit_is_refused():
    ones, arms = np.ones(4), np.array([True, False, True, False])
    with pytest.raises(ValueError, match="no stretch"):
        switchback_effect(ones, ones, np.ones(4, bool))
    with pytest.raises(ValueError, match="length"):
        randomisation_p(ones, ones, arms, np.zeros(3, int))
    with pytest.raises(ValueError, match="burn-in"):
        after_carry_over(ones, np.array([1.0, 0.0]), 1.0)

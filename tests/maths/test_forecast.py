"""Scores of forecasts against numerical integrals, closed forms and simulation."""

import numpy as np
import pytest
from scipy import integrate, stats
from sklearn import metrics

from shipway.maths import forecast as ours

RNG = np.random.default_rng(13)
Y = RNG.normal(0, 1, 50)


def test_the_score_of_a_normal_is_the_integral_that_defines_it():
    mean, deviation = RNG.normal(0, 0.5, 50), RNG.uniform(0.5, 2, 50)
    due = [
        integrate.quad(lambda x, y=y, m=m, s=s: (stats.norm.cdf(x, m, s) - (x >= y)) ** 2, y - 30, y + 30, points=[y])[
            0
        ]
        for y, m, s in zip(Y[:8], mean, deviation, strict=False)
    ]
    found = ours.crps_of_normal(Y[:8], mean[:8], deviation[:8])
    assert found.value == pytest.approx(np.mean(due), abs=1e-6)


def test_samples_and_quantiles_come_to_the_score_of_their_distribution():
    mean, deviation = np.full(50, 0.2), np.full(50, 1.3)
    due = ours.crps_of_normal(Y, mean, deviation).value
    samples = RNG.normal(0.2, 1.3, (50, 4_000))
    assert ours.crps_of_samples(Y, samples).value == pytest.approx(due, rel=0.01)
    levels = np.arange(0.005, 1, 0.01)
    quantiles = np.tile(stats.norm.ppf(levels, 0.2, 1.3), (50, 1))
    assert ours.crps_of_quantiles(Y, quantiles, levels).value == pytest.approx(due, rel=0.005)


def test_samples_are_scored_by_all_pairs_and_the_median_alone_by_its_distance():
    samples = RNG.normal(size=(50, 6))
    pairs = np.abs(samples[:, :, None] - samples[:, None, :]).sum(axis=(1, 2)) / (6 * 5)
    due = np.abs(samples - Y[:, None]).mean(axis=1) - pairs / 2
    assert ours.crps_of_samples(Y, samples).value == pytest.approx(due.mean())
    median = samples[:, :1]
    found = ours.crps_of_quantiles(Y, median, np.array([0.5])).value
    assert found == pytest.approx(metrics.mean_absolute_error(Y, median[:, 0]))


def test_intervals_are_scored_by_width_and_what_they_miss():
    low, high = np.full(50, -1.0), np.full(50, 1.0)
    assert ours.interval_coverage(Y, low, high).value == (np.abs(Y) <= 1).mean()
    due = 2 + 2 / 0.1 * np.maximum(np.abs(Y) - 1, 0).mean()
    assert ours.interval_score(Y, low, high, 0.9).value == pytest.approx(due)
    # Twice the pinball loss of both ends, over the level (Bracher et al. 2021).
    ends = metrics.mean_pinball_loss(Y, low, alpha=0.05) + metrics.mean_pinball_loss(Y, high, alpha=0.95)
    assert due == pytest.approx(ends * 2 / 0.1)


def test_calibrated_forecasts_have_a_uniform_transform():
    y, samples = RNG.normal(size=2_000), RNG.normal(size=(2_000, 99))
    assert stats.kstest(ours.probability_transform(y, samples), "uniform").pvalue > 0.01
    assert ours.probability_transform(np.array([1.0]), np.array([[0.0, 1.0, 1.0, 2.0]]))[0] == 0.5


def test_what_is_no_forecast_is_refused():
    two = np.ones((50, 2))
    for refused in (
        lambda: ours.crps_of_samples(Y, two[:, :1]),
        lambda: ours.crps_of_samples(Y, two[:4]),
        lambda: ours.crps_of_quantiles(Y, two, np.array([0.9, 0.1])),
        lambda: ours.crps_of_quantiles(Y, two, np.array([0.5])),
        lambda: ours.crps_of_normal(Y, Y, np.zeros(50)),
        lambda: ours.interval_coverage(Y, Y + 1, Y),
        lambda: ours.interval_score(Y, Y, Y + 1, 1.0),
        lambda: ours.interval_score(Y, Y + 1, Y, 0.9),
    ):
        with pytest.raises(ValueError, match=r"."):
            refused()

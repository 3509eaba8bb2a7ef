"""Calibration against statsmodels, its definitions, and simulation."""

import tracemalloc

import numpy as np
import pytest
import statsmodels.api as sm

from shipway.maths import calibration as ours
from shipway.maths.influence import clustered
from shipway.maths.metric import calibration_bins


def drawn(seed: int, n: int = 4_000, days: int = 40, slope: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    day = rng.integers(0, days, n)
    odds = rng.normal(-1, 1, n) + rng.normal(0, 0.4, days)[day]
    y = rng.random(n) < 1 / (1 + np.exp(-odds))
    return y, 1 / (1 + np.exp(-slope * odds)), day


def test_the_line_and_its_clustered_errors_are_those_of_statsmodels():
    y, p, day = drawn(0, slope=1.6)
    x = sm.add_constant(np.log(p / (1 - p)))
    robust = sm.GLM(y.astype(float), x, family=sm.families.Binomial()).fit(
        cov_type="cluster", cov_kwds={"groups": day, "use_correction": False}
    )
    slope, intercept = (clustered(each, day) for each in ours.calibration_line(y, p))
    assert (intercept.value, slope.value) == pytest.approx(tuple(robust.params), rel=1e-7)
    factor = np.sqrt(40 / 39)
    assert slope.standard_error == pytest.approx(robust.bse[1] * factor, rel=1e-6)
    assert intercept.standard_error == pytest.approx(robust.bse[0] * factor, rel=1e-6)
    assert slope.value < 0.8


def test_the_error_is_that_of_the_bins_and_its_interval_holds_nothing_for_a_calibrated_model():
    y, p, day = drawn(1)
    table = calibration_bins(y, p)
    due = float((table.n * np.abs(table.mean_p - table.rate)).sum() / table.n.sum())
    found = ours.expected_calibration_error(y, p, day)
    assert found.value == pytest.approx(due, abs=1e-12)
    assert found.low == 0.0 < found.chance
    assert found == ours.expected_calibration_error(y, p, day)


def test_a_model_too_sure_of_itself_is_told():
    y, p, day = drawn(2, slope=2.5)
    found = ours.expected_calibration_error(y, p, day)
    assert found.low > 0
    assert found.value > 2 * found.chance


def test_the_noise_is_that_of_weights_drawn_for_each_cluster():
    y, p, day = drawn(5, n=600)
    found = ours.expected_calibration_error(y, p, day)
    place = np.searchsorted(np.sort(p), p) * 10 // p.size
    signed = (p - y) / y.size
    rows = np.bincount(place)
    moved = signed - (np.bincount(place, signed) / rows)[place]
    levels = np.unique(day)
    sums = np.array([np.bincount(place[day == each], moved[day == each], minlength=10) for each in levels])
    weights = np.random.default_rng(1).standard_normal((20_000, levels.size))
    noise = np.abs(weights @ sums).sum(axis=1) * np.sqrt(levels.size / (levels.size - 1))
    assert found.chance == pytest.approx(noise.mean(), rel=0.03)
    assert found.high - found.value == pytest.approx(np.quantile(noise, 0.95), rel=0.05)


def test_many_clusters_take_little_room():
    n = 20_000
    p = np.random.default_rng(6).random(n)
    tracemalloc.start()
    ours.expected_calibration_error(p > 0.4, p, np.arange(n))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50e6  # a weight for each draw and cluster would be 640 MB


def test_one_cluster_leaves_the_error_open():
    y, p, _ = drawn(3, n=200)
    found = ours.expected_calibration_error(y, p, np.zeros(200, np.int64))
    assert (found.low, found.high, found.clusters) == (0.0, 1.0, 1)


def test_the_parts_of_the_brier_score_add_up_to_that_of_the_bins():
    y, p, _ = drawn(4)
    table = calibration_bins(y, p)
    edges = np.repeat(table.mean_p, table.n)
    order = np.argsort(p, kind="stable")
    parts = ours.decompose_brier(y, p)
    whole = parts.reliability - parts.resolution + parts.uncertainty
    assert whole == pytest.approx(np.square(edges - y[order]).mean())


def test_what_has_no_line_is_refused():
    p = np.array([0.1, 0.2, 0.8, 0.9])
    with pytest.raises(ValueError, match="outcomes are equal"):
        ours.calibration_line(np.ones(4, bool), p)
    with pytest.raises(ValueError, match="predictions are equal"):
        ours.calibration_line(np.array([True, False]), np.array([0.5, 0.5]))
    with pytest.raises(ValueError, match="no finite line"):
        ours.calibration_line(p > 0.5, p)
    with pytest.raises(ValueError, match="differ in length"):
        ours.expected_calibration_error(p > 0.5, p, np.zeros(3, np.int64))

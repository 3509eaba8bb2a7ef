"""Drift of a window's features: which moved, by how much, and what is no drift."""

import math

import numpy as np
import polars as pl
import pytest
from scipy import stats

from shipway.core.error import ShipwayError
from shipway.monitoring.drift import measure_drift


def test_the_column_that_moved_comes_first_with_its_effects():
    rng = np.random.default_rng(1)
    before = pl.DataFrame({"still": rng.normal(size=4000), "moved": rng.normal(10, 2, 4000)})
    live = pl.DataFrame({"still": rng.normal(size=900), "moved": rng.normal(11, 2, 900)})
    moved, still = measure_drift(before, live, ["still", "moved"])
    assert (moved.column, moved.kind, still.column) == ("moved", "number", "still")
    assert moved.distance == pytest.approx(
        stats.wasserstein_distance(before["moved"], live["moved"]) / before["moved"].to_numpy().std(), rel=1e-9
    )
    assert moved.smirnov == pytest.approx(stats.ks_2samp(before["moved"], live["moved"]).statistic, abs=1e-12)
    assert moved.effect == moved.stability - moved.chance > 0.15
    assert still.effect < 0.01


def test_missing_values_are_drift_of_their_own():
    before = pl.DataFrame({"x": [1.0, 2.0, 3.0, 4.0] * 100})
    live = pl.DataFrame({"x": [1.0, None, 3.0, math.nan] * 50})
    (drift,) = measure_drift(before, live, ["x"])
    assert (drift.missing, drift.missing_reference) == (0.5, 0.0)
    assert drift.stability > 1


def test_levels_are_compared_by_name():
    before = pl.DataFrame({"c": ["UA", "AA", None, "B6"] * 50})
    live = pl.DataFrame({"c": ["AA", "XX", None, "B6"] * 50})
    (drift,) = measure_drift(before, live, ["c"])
    assert (drift.kind, drift.unseen, drift.missing, drift.distance, drift.smirnov) == (
        "category",
        0.25,
        0.25,
        None,
        None,
    )
    p, q = np.array([50.5, 50.5, 50.5, 50.5, 0.5]) / 202.5, np.array([50.5, 0.5, 50.5, 50.5, 50.5]) / 202.5
    assert drift.stability == pytest.approx(float(((q - p) * np.log(q / p)).sum()), rel=1e-9)


def test_categories_of_a_frame_are_text():
    before = pl.DataFrame({"c": pl.Series(["a", "b"] * 20, dtype=pl.Categorical)})
    (drift,) = measure_drift(before, pl.DataFrame({"c": ["a", "b"] * 20}), ["c"])
    assert (drift.kind, drift.stability) == ("category", 0.0)


def test_many_rare_levels_alone_are_no_drift():
    rng, names = np.random.default_rng(3), np.array([f"N{i}" for i in range(3000)])
    before, live = (pl.DataFrame({"tail": names[rng.integers(0, 3000, n)]}) for n in (20_000, 6_000))
    (drift,) = measure_drift(before, live, ["tail"])
    assert drift.stability > 0.25
    assert drift.effect == 0


def test_a_reference_that_does_not_vary_has_no_distance():
    (drift,) = measure_drift(pl.DataFrame({"x": [2, 2, 2]}), pl.DataFrame({"x": [3, 3]}), ["x"])
    assert (drift.distance, drift.smirnov) == (None, 1.0)


def test_nothing_served_is_nothing_measured():
    assert measure_drift(pl.DataFrame({"x": [1.0]}), pl.DataFrame({"x": []}), ["x"]) == []


@pytest.mark.parametrize(
    ("before", "live", "code"),
    [
        ({"x": [1.0]}, {"y": [1.0]}, "SW-202"),
        ({"y": [1.0]}, {"x": [1.0]}, "SW-202"),
        ({"x": ["a"]}, {"x": [1.0]}, "SW-203"),
    ],
)
def test_columns_that_cannot_be_compared_are_refused(before, live, code):
    with pytest.raises(ShipwayError) as caught:
        measure_drift(pl.DataFrame(before), pl.DataFrame(live), ["x"])
    assert caught.value.code == code

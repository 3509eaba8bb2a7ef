"""Drift of a window's features: which moved, by how much, and what is no drift."""

import math

import numpy as np
import polars as pl
import pytest
from scipy import stats

from shipway.core.error import ShipwayError
from shipway.core.reference import refer_category, refer_number
from shipway.monitoring.drift import ColumnDrift, find_moved, measure_drift, measure_reference


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


def make_references(rows):
    levels = tuple(sorted(set(rows["c"].drop_nulls())))
    codes = rows["c"].replace_strict(dict(zip(levels, range(len(levels)), strict=True)), return_dtype=pl.Float64)
    return [
        refer_number("x", rows["x"].to_numpy().astype(np.float32).astype(np.float64)),
        refer_category("c", codes.fill_null(np.nan).to_numpy(), levels),
    ]


def test_a_reference_of_counts_says_what_the_rows_say():
    rng = np.random.default_rng(7)
    before = pl.DataFrame({"x": rng.normal(size=3_000), "c": rng.choice(["a", "b", None], 3_000).tolist()})
    live = pl.DataFrame({"x": [*rng.normal(0.2, 1, 499), None], "c": rng.choice(["a", "b", "z"], 500).tolist()})
    rows = measure_drift(before, live, ["x", "c"])
    counted = measure_reference(make_references(before), live)
    for whole, each in zip(rows, counted, strict=True):
        for name in ("column", "kind", "stability", "chance", "p", "missing", "missing_reference", "unseen"):
            assert getattr(each, name) == getattr(whole, name), name
        assert each.distance is each.smirnov is None
    (moved,) = [each for each in counted if each.column == "x"]
    there = live["x"].drop_nulls().to_numpy()
    assert moved.shift == pytest.approx((there.mean() - before["x"].mean()) / before["x"].std(ddof=0), rel=1e-6)


def test_numbers_are_rounded_as_training_rounded_them():
    """0.7 is more than the single-precision number next to it, and would fall into the bin above its own edge."""
    before = pl.DataFrame({"x": [0.7, 0.9] * 50, "c": ["a"] * 100})
    (found, _) = measure_reference(make_references(before), before)
    assert (found.stability, found.p) == (0.0, 1.0)


def test_what_has_no_value_is_missing_whatever_its_type():
    before = pl.DataFrame({"x": [1.0, 2.0] * 50, "c": ["a", "b"] * 50})
    for empty in (pl.Null, pl.String, pl.Float64):
        live = pl.DataFrame({"x": pl.Series([None] * 9, dtype=empty), "c": pl.Series([None] * 9, dtype=empty)})
        for found in measure_reference(make_references(before), live):
            assert (found.missing, found.shift) == (1.0, None)
            assert found.p < 1e-9


@pytest.mark.parametrize(
    ("live", "code"), [({"x": [1.0]}, "SW-202"), ({"x": ["a"], "c": ["a"]}, "SW-203"), ({"x": [1], "c": [1]}, "SW-203")]
)
def test_rows_that_a_reference_does_not_fit_are_refused(live, code):
    before = pl.DataFrame({"x": [1.0, 2.0], "c": ["a", "b"]})
    with pytest.raises(ShipwayError) as caught:
        measure_reference(make_references(before), pl.DataFrame(live))
    assert caught.value.code == code


def test_nothing_to_compare_is_nothing_measured():
    before = pl.DataFrame({"x": [1.0, 2.0], "c": ["a", "b"]})
    assert measure_reference(make_references(before), before.clear()) == []
    assert find_moved([]) == frozenset()


def drift_of(column, p):
    fields = dict.fromkeys(("stability", "chance", "missing", "missing_reference"), 0.0)
    return ColumnDrift(
        column=column, kind="number", p=p, shift=None, distance=None, smirnov=None, unseen=None, **fields
    )


def test_columns_are_said_to_have_moved_so_that_few_are_wrong():
    """Where nothing moves, 20 columns that depend on each other are told of in a look at most as often as is said."""
    rng, looks = np.random.default_rng(11), 400
    before = rng.normal(size=(4_000, 1)) * 0.6 + rng.normal(size=(4_000, 20)) * 0.8
    references = [refer_number(str(i), before[:, i]) for i in range(20)]
    told = 0
    for _ in range(looks):
        rows = rng.normal(size=(200, 1)) * 0.6 + rng.normal(size=(200, 20)) * 0.8
        live = pl.DataFrame({str(i): rows[:, i] for i in range(20)})
        told += bool(find_moved(measure_reference(references, live), rate=0.1))
    assert told <= 0.1 * looks
    assert find_moved([drift_of("a", 1e-9), drift_of("b", 0.02), drift_of("c", 0.9)]) == {"a"}

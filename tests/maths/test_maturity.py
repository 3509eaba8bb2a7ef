"""Delays with censoring against the textbook, against counting where nothing is censored, and against each other."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.maths.maturity import (
    delay_quantile,
    early_difference,
    estimate_delays,
    expect_labels,
    follow_up_suffices,
    share_within,
    weigh_labels,
)

# Remission in weeks under 6-mercaptopurine (Freireich et al. 1963), as in Kalbfleisch and Prentice 2002. The figures
# below are also what lifelines 0.30.3 prints for them, interval and all.
WEEKS = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
SEEN = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
rows = st.lists(st.tuples(st.integers(0, 12), st.booleans(), st.integers(0, 4)), min_size=2, max_size=40)


def curve_of(took, seen, clusters=None):
    took = np.asarray(took, dtype=np.float64)
    clusters = np.arange(took.size) if clusters is None else np.asarray(clusters)
    return estimate_delays(took, np.asarray(seen, dtype=np.bool_), clusters)


@pytest.mark.parametrize(
    ("week", "without", "error", "low", "high"),
    [
        (6, 0.8571, 0.0764, 0.6197, 0.9516),
        (7, 0.8067, 0.0869, 0.5631, 0.9228),
        (10, 0.7529, 0.0963, 0.5032, 0.8894),
        (13, 0.6902, 0.1068, 0.4316, 0.8491),
        (16, 0.6275, 0.1141, 0.3675, 0.8049),
        (22, 0.5378, 0.1282, 0.2678, 0.7468),
        (23, 0.4482, 0.1346, 0.1881, 0.6801),
    ],
)
def test_the_textbook_example(week, without, error, low, high):
    value, lowest, highest = share_within(curve_of(WEEKS, SEEN), week)
    assert (round(1 - value, 4), round(1 - highest, 4), round(1 - lowest, 4)) == (without, low, high)
    greenwood = math.sqrt(sum(d / (r * (r - d)) for t, r, d in RISK if t <= week)) * without
    assert greenwood == pytest.approx(error, abs=1e-4)


RISK = [(6, 21, 3), (7, 17, 1), (10, 15, 1), (13, 12, 1), (16, 11, 1), (22, 7, 1), (23, 6, 1)]


@given(st.lists(st.integers(0, 12), min_size=2, max_size=40), st.integers(0, 12))
def test_where_nothing_is_censored_it_is_a_count(took, time):
    value, low, high = share_within(curve_of(took, [True] * len(took)), time)
    assert value == pytest.approx(np.mean(np.asarray(took) <= time))
    assert low - 1e-12 <= value <= high + 1e-12


@given(rows, st.integers(0, 12))
def test_clusters_of_one_row_give_greenwood(drawn, time):
    took, seen, _ = (np.asarray(column) for column in zip(*drawn, strict=True))
    curve = curve_of(took, seen)
    value, low, high = share_within(curve, time)
    passed = curve.times <= time
    left = curve.at_risk - curve.events
    if not 0 < value < 1:
        assert low == high == value
        return
    error = math.sqrt(float((curve.events[passed] / (curve.at_risk * left)[passed]).sum()))
    width = math.exp(1.959963984540054 * error / abs(math.log(1 - value)))
    assert 1 - high == pytest.approx((1 - value) ** width)
    assert 1 - low == pytest.approx((1 - value) ** (1 / width))


@given(rows)
def test_order_of_rows_does_not_matter_and_the_curve_only_rises(drawn):
    took, seen, day = (np.asarray(column) for column in zip(*drawn, strict=True))
    first, again = curve_of(took, seen, day), curve_of(took[::-1], seen[::-1], day[::-1])
    shares = [share_within(first, time)[0] for time in range(13)]
    assert shares == sorted(shares)
    for time in range(13):
        assert share_within(again, time) == pytest.approx(share_within(first, time))


def test_one_cluster_does_not_tell():
    curve = curve_of(WEEKS, SEEN, [1] * len(WEEKS))
    assert share_within(curve, 10)[1:] == (0.0, 1.0)
    assert expect_labels(curve, np.array([1.0, 2.0]))[1:] == (0.0, 2.0)


def test_rows_that_fall_together_make_the_interval_wider():
    took = np.repeat(np.arange(1.0, 11.0), 20)
    seen = np.repeat(np.arange(10) % 2 == 0, 20)
    alone, together = curve_of(took, seen), curve_of(took, seen, np.repeat(np.arange(10), 20))
    spread = [high - low for _, low, high in (share_within(alone, 5), share_within(together, 5))]
    assert spread[1] > 3 * spread[0]


def test_quantiles_are_of_the_labels_that_come():
    curve = curve_of([1, 2, 3, 4, 50, 50, 50, 50], [1, 1, 1, 1, 0, 0, 0, 0])
    assert curve.level == 0.5
    assert [delay_quantile(curve, share) for share in (0.25, 0.5, 0.99)] == [1, 2, 4]
    assert delay_quantile(curve_of([5.0, 5.0], [0, 0]), 0.5) is None


def test_follow_up_suffices_where_the_curve_has_been_level_for_as_long_as_it_rose():
    took = np.arange(1.0, 41.0)
    curve = curve_of(took, [1] * 40)
    assert follow_up_suffices(curve, np.full(40, 80.0))
    assert not follow_up_suffices(curve, np.full(40, 79.0))
    assert not follow_up_suffices(curve, np.array([80.0] * 29 + [40.0] * 11))
    assert not follow_up_suffices(curve_of([1.0, 2.0], [0, 0]), np.full(50, 9.0))


def test_what_is_expected_is_what_comes_after_the_time_followed():
    curve = curve_of([1, 2, 3, 4, 50, 50, 50, 50], [1, 1, 1, 1, 0, 0, 0, 0])
    assert expect_labels(curve, np.array([0.0]))[0] == pytest.approx(0.5)
    assert expect_labels(curve, np.array([2.0]))[0] == pytest.approx(1 - 0.5 / 0.75)
    assert expect_labels(curve, np.array([4.0, 60.0]))[0] == pytest.approx(0.0)
    assert expect_labels(curve, np.array([]))[0] == 0.0
    value, low, high = expect_labels(curve, np.array([0.0] * 100))
    assert value == pytest.approx(50)
    assert low < value < high


def test_weights_stand_for_what_was_followed_for_less():
    followed = np.array([1.0, 2.0, 3.0, 4.0])
    assert weigh_labels(np.array([0.5, 2.0, 4.0]), followed) == pytest.approx([1, 4 / 3, 4])
    assert weigh_labels(np.array([5.0]), followed) == pytest.approx([0.0])


@given(st.lists(st.tuples(st.floats(-5, 5), st.booleans()), min_size=2, max_size=30))
def test_early_against_all_is_a_difference_of_means(drawn):
    values, early = np.array([v for v, _ in drawn]), np.array([e for _, e in drawn])
    if not early.any():
        with pytest.raises(ValueError, match="early"):
            early_difference(values, early, np.arange(values.size))
        return
    found = early_difference(values, early, np.arange(values.size))
    assert found.value == pytest.approx(values[early].mean() - values.mean())
    if early.all():
        assert found.standard_error == pytest.approx(0, abs=1e-9)


def test_wrong_columns_are_refused():
    with pytest.raises(ValueError, match="length"):
        estimate_delays(np.array([1.0]), np.array([True, False]), np.array([0]))
    with pytest.raises(ValueError, match="negative"):
        estimate_delays(np.array([-1.0]), np.array([True]), np.array([0]))

"""Bounds from what past deliveries came to."""

import pytest

from shipway.data.rehearsal import Series, alarm_rate, set_bounds
from shipway.kit.duration import DAY


def test_a_bound_is_never_inside_what_was_seen():
    values = (1.0, 1.1, 0.9, 1.0, 1.05, 9.0)
    for upper in (True, False):
        bound = set_bounds({"a": Series(values, "log", upper, "g")}, 0.05)["a"]
        assert bound.value >= 9.0 if upper else bound.value <= 0.9


def test_rarer_alarms_are_wider_bounds():
    series = {"a": Series((1.0, 1.2, 0.8, 1.1, 0.9), "plain", True, "g")}
    often, rarely = (set_bounds(series, alpha)["a"].value for alpha in (0.01, 0.0001))
    assert often < rarely


def test_like_columns_share_their_variance():
    alone = {"a": Series((1.0, 1.2, 0.8, 1.1, 0.9), "plain", True, "g")}
    others = {f"b{k}": Series((1.0, 1.2, 0.8, 1.1, 0.9 + k / 100), "plain", True, "g") for k in range(5)}
    shared = set_bounds(alone | others, 0.001)["a"]
    assert shared.freedom > 4
    assert shared.value < set_bounds(alone, 0.001)["a"].value


@pytest.mark.parametrize("values", [(1.0, 2.0, 3.0), (0.0, 1.0, 2.0, 3.0), (1.0, float("nan"), 2.0, 3.0)])
def test_too_few_numbers_and_those_off_their_scale_have_no_bound(values):
    assert set_bounds({"a": Series(values, "log", True, "g")}, 0.01) == {}


def test_alarms_are_shared_out():
    assert alarm_rate(1.0, 100, 365 * DAY) == pytest.approx(0.01)
    assert alarm_rate(2.0, 10, 36 * DAY + 12 * 3_600_000_000) == pytest.approx(0.02)
    assert alarm_rate(1000.0, 1, DAY) == 0.05

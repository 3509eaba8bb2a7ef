"""Costs of decisions against the cost of each row, and against every action tried."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.maths.decision import choose_actions, choose_by_class, cost_curve, cost_of_actions, find_bounds
from shipway.maths.metric import Costs, decision_cost

COSTS = Costs(act_if_true=65, act_if_false=25, skip_if_true=100, skip_if_false=0)
money = st.floats(-100, 100).map(lambda x: round(x, 1))


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 20)), min_size=1, max_size=60))
def test_each_point_of_the_curve_is_the_cost_at_its_threshold(rows):
    y, p = np.array([true for true, _ in rows]), np.array([score / 20 for _, score in rows])
    thresholds = np.array([0.7, 0.0, 0.25, 1.0])
    curve = cost_curve(y, p, COSTS, thresholds)
    for threshold, cost, share in zip(thresholds, curve.cost, curve.share_acted, strict=True):
        assert cost == pytest.approx(decision_cost(y, p, threshold, COSTS).mean())
        assert share == pytest.approx((p > threshold).mean())


@given(st.lists(st.tuples(money, money), min_size=1, max_size=6), st.floats(0, 1))
def test_the_action_chosen_is_the_cheapest_and_the_bounds_say_so(costs, p):
    table = np.array(costs)
    expected = table[:, 0] + p * (table[:, 1] - table[:, 0])
    chosen = int(choose_actions(np.array([p]), table)[0])
    assert expected[chosen] == expected.min()
    bounds = find_bounds(table)
    assert bounds[0][0] == 0
    named = [action for at, action in bounds if at <= p][-1]
    assert expected[named] == pytest.approx(expected.min(), abs=1e-9)
    assert [at for at, _ in bounds] == sorted(at for at, _ in bounds)


def test_two_actions_are_a_threshold():
    table = np.array([[0.0, 100.0], [25.0, 65.0]])
    assert find_bounds(table) == [(0.0, 0), (pytest.approx(25 / 60), 1)]
    y, p = np.array([True, False, True]), np.array([0.9, 0.5, 0.1])
    action = choose_actions(p, table)
    np.testing.assert_array_equal(cost_of_actions(y, action, table), decision_cost(y, p, 25 / 60, COSTS))


@given(st.lists(st.tuples(money, money), min_size=1, max_size=6), st.lists(st.integers(0, 8), min_size=1))
def test_of_two_classes_actions_are_chosen_as_of_a_condition(costs, eighths):
    table, p = np.array(costs), np.array(eighths) / 8
    binary = choose_actions(p, table)
    chosen = choose_by_class(np.column_stack([1 - p, p]), table)
    due, got = (table[each, 0] * (1 - p) + table[each, 1] * p for each in (binary, chosen))
    np.testing.assert_allclose(got, due, atol=1e-9)


def test_the_cheapest_action_over_classes_is_chosen_whatever_is_tried():
    rng = np.random.default_rng(4)
    p, table, y = rng.dirichlet(np.ones(5), 200), rng.normal(0, 10, (3, 5)), rng.integers(0, 5, 200)
    chosen = choose_by_class(p, table)
    np.testing.assert_array_equal(chosen, (p @ table.T).argmin(axis=1))
    np.testing.assert_array_equal(
        cost_of_actions(y, chosen, table), [table[a, c] for a, c in zip(chosen, y, strict=True)]
    )


def test_what_is_no_curve_is_refused():
    with pytest.raises(ValueError, match="not two columns"):
        cost_curve(np.array([True]), np.array([0.1, 0.2]), COSTS, np.array([0.5]))

"""Shapley values against their definition over all orders, the axioms, and closed forms."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.maths.shapley import (
    MOST_EXACT,
    Floats,
    Value,
    add_values,
    enumerate_values,
    sample_values,
)


def by_orders(value: Value, row: Floats, background: Floats) -> Floats:
    """Return Shapley values by their definition: what a feature changes, on average over all orders."""
    features = row.size
    total, orders = np.zeros(features), list(permutations(range(features)))
    for start in background:
        for order in orders:
            now = start.copy()
            before = value(now[None])[0]
            for feature in order:
                now[feature] = row[feature]
                after = value(now[None])[0]
                total[feature] += after - before
                before = after
    return total / (len(orders) * len(background))


def make_game(seed: int, features: int) -> tuple[Value, Floats, Floats]:
    """Return a function with steps and interactions of all orders, a row and a background with a gap."""
    random = np.random.default_rng(seed)
    weights = random.normal(size=features)
    pairs = random.normal(size=(features, features))

    def value(x: Floats) -> Floats:
        filled = np.nan_to_num(x, nan=-0.7)
        steps = (filled > 0.2).astype(np.float64)
        return filled @ weights + ((filled @ pairs) * filled).sum(axis=1) + np.tanh(filled.prod(axis=1)) + steps.prod(1)

    row, background = random.normal(size=features), random.normal(size=(5, features))
    background[1, 0] = np.nan
    return value, row, background


@pytest.mark.parametrize(("seed", "features"), [(1, 1), (2, 2), (3, 3), (4, 5)])
def test_exact_values_are_those_of_the_definition(seed: int, features: int) -> None:
    value, row, background = make_game(seed, features)
    found = enumerate_values(value, row, background)
    np.testing.assert_allclose(found.values, by_orders(value, row, background), atol=1e-12)
    assert (found.errors == 0).all()


def test_the_glove_game_has_its_published_value() -> None:
    """Two hold a left glove and one a right one: 1/6, 1/6 and 2/3 (Shapley 1953, as in any textbook)."""
    found = enumerate_values(lambda x: np.minimum(x[:, 0] + x[:, 1], x[:, 2]).clip(0, 1), np.ones(3), np.zeros((1, 3)))
    np.testing.assert_allclose(found.values, [1 / 6, 1 / 6, 2 / 3], atol=1e-15)


@given(st.integers(0, 2**16), st.integers(1, 6))
def test_values_add_up(seed: int, features: int) -> None:
    value, row, background = make_game(seed, features)
    for found in (
        enumerate_values(value, row, background),
        sample_values(value, row, background, tolerance=0.5, most_rounds=3, seed=seed),
    ):
        assert found.said == pytest.approx(value(row[None])[0], abs=1e-12)
        assert found.baseline == pytest.approx(value(background).mean(), abs=1e-12)
        assert found.values.sum() == pytest.approx(found.said - found.baseline, abs=1e-9)


@given(st.integers(0, 2**16), st.integers(1, 5))
def test_a_feature_that_is_not_read_is_worth_nothing(seed: int, features: int) -> None:
    value, row, background = make_game(seed, features)
    random = np.random.default_rng(seed)
    row, background = np.append(row, 3.0), np.column_stack([background, random.normal(size=len(background))])

    def blind(x: Floats) -> Floats:
        return value(x[:, :-1])

    assert enumerate_values(blind, row, background).values[-1] == pytest.approx(0, abs=1e-13)
    assert sample_values(blind, row, background, tolerance=0.1, most_rounds=2).values[-1] == 0


@given(st.integers(0, 2**16), st.integers(2, 5))
def test_features_that_do_the_same_are_worth_the_same(seed: int, features: int) -> None:
    value, row, background = make_game(seed, features)
    row[1], background[:, 1] = row[0], background[:, 0]

    def even(x: Floats) -> Floats:
        swapped = x.copy()
        swapped[:, [0, 1]] = x[:, [1, 0]]
        return value(x) + value(swapped)

    found = enumerate_values(even, row, background).values
    assert found[0] == pytest.approx(found[1], abs=1e-10)


@given(st.integers(0, 2**16), st.integers(1, 5), st.floats(-3, 3), st.floats(-3, 3))
def test_values_of_a_sum_are_the_sum_of_values(seed: int, features: int, a: float, b: float) -> None:
    first, row, background = make_game(seed, features)
    second, _, _ = make_game(seed + 1, features)

    def both(x: Floats) -> Floats:
        return a * first(x) + b * second(x)

    def explain(value: Value) -> list[Floats]:
        sampled = sample_values(value, row, background, tolerance=0.0, most_rounds=2, seed=seed)
        return [enumerate_values(value, row, background).values, sampled.values]

    for whole, one, other in zip(explain(both), explain(first), explain(second), strict=True):
        np.testing.assert_allclose(whole, a * one + b * other, atol=1e-9)


def test_pairs_of_features_leave_no_error() -> None:
    """Walked both ways, each of two features comes first once, so that no order matters."""
    random = np.random.default_rng(5)
    pairs = random.normal(size=(12, 12))
    row, background = random.normal(size=12), random.normal(size=(9, 12))
    found = sample_values(lambda x: ((x @ pairs) * x).sum(axis=1), row, background, tolerance=1e-9)
    assert (found.rounds, found.settled) == (2, True)
    assert found.errors.max() < 1e-12
    again = sample_values(lambda x: ((x @ pairs) * x).sum(axis=1), row, background, tolerance=1e-9, seed=99)
    np.testing.assert_allclose(found.values, again.values, atol=1e-12)


def test_a_sum_of_single_features_is_exact_and_anything_else_does_not_add_up() -> None:
    random = np.random.default_rng(6)
    row, background = random.normal(size=6), random.normal(size=(20, 6))

    def additive(x: Floats) -> Floats:
        return np.sin(x).sum(axis=1) + 2 * x[:, 0]

    found = add_values(additive, row, background)
    own = np.sin(row) - np.sin(background).mean(axis=0)
    own[0] += 2 * (row[0] - background[:, 0].mean())
    np.testing.assert_allclose(found.values, own, atol=1e-12)
    assert found.values.sum() == pytest.approx(found.said - found.baseline)
    other = add_values(lambda x: x.prod(axis=1), row, background)
    assert abs(other.values.sum() - (other.said - other.baseline)) > 1e-3


def test_sampling_is_right_within_its_error_and_says_how_large_that_is() -> None:
    """The errors stated are those found: over many seeds the squared deviations have a mean of about one."""
    value, row, background = make_game(11, 6)
    exact = enumerate_values(value, row, background).values
    z = []
    for seed in range(150):
        found = sample_values(value, row, background, tolerance=0.0, most_rounds=8, seed=seed)
        assert (found.rounds, found.settled) == (8, False)
        z.append((found.values - exact) / found.errors)
    assert 0.8 < np.mean(np.square(z)) < 1.25
    assert np.abs(np.mean(z)) < 0.1


def test_sampling_stops_when_the_error_is_small_enough() -> None:
    value, row, background = make_game(11, 6)
    loose = sample_values(value, row, background, tolerance=0.3)
    tight = sample_values(value, row, background, tolerance=0.02, most_rounds=500)
    assert loose.rounds < tight.rounds < 500
    assert tight.settled
    assert tight.errors.max() <= 0.02 * np.abs(tight.values).max()


def test_the_same_seed_gives_the_same_values() -> None:
    value, row, background = make_game(3, 6)
    once, again = (sample_values(value, row, background, tolerance=0.05, seed=4) for _ in range(2))
    np.testing.assert_array_equal(once.values, again.values)


def test_what_cannot_be_explained_is_refused() -> None:
    with pytest.raises(ValueError, match="too many coalitions"):
        enumerate_values(lambda x: x[:, 0], np.zeros(MOST_EXACT + 1), np.zeros((1, MOST_EXACT + 1)))
    with pytest.raises(ValueError, match="background of"):
        add_values(lambda x: x[:, 0], np.zeros(3), np.zeros((0, 3)))
    with pytest.raises(ValueError, match="background of"):
        sample_values(lambda x: x[:, 0], np.zeros(3), np.zeros((2, 4)), tolerance=0.1)
    with pytest.raises(ValueError, match="two rounds"):
        sample_values(lambda x: x[:, 0], np.zeros(3), np.zeros((2, 3)), tolerance=0.1, most_rounds=1)

"""The nearest row on the other side: found where there is one, and none nearer among all values."""

from itertools import product

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shipway.maths.counterfactual import Floats, Option, find_counterfactuals

GRID = np.array([0.0, 0.25, 0.5, 0.75, 1.0])


def make_options(row: Floats, *, ordered: bool = False) -> list[Option]:
    """Return every value of the grid but the row's own, at the distance between them."""
    return [
        Option(column, GRID[own != GRID], np.abs(GRID[own != GRID] - own), ordered) for column, own in enumerate(row)
    ]


@given(st.integers(0, 2**16), st.integers(1, 4), st.floats(0.2, 0.8))
def test_nothing_nearer_is_on_the_other_side(seed: int, columns: int, threshold: float) -> None:
    random = np.random.default_rng(seed)
    row, weights = random.choice(GRID, columns), random.normal(size=columns) * 3

    def predict(x: Floats) -> Floats:
        return 1 / (1 + np.exp(-(x @ weights) + 2 * x.prod(axis=1)))

    found = find_counterfactuals(predict, row, make_options(row), threshold)
    above = predict(row[None])[0] > threshold
    rows = np.array(list(product(GRID, repeat=columns)))
    changed = (rows != row).sum(axis=1)
    there = ((predict(rows) > threshold) != above) & (changed <= 2)
    assert bool(found) == bool(there.any())
    for each in found:
        assert (each.p > threshold) != above
        assert len(each.changes) <= 2
    if found:
        assert np.isclose(found[0].distance, np.abs(rows[there] - row).sum(axis=1).min())


def test_a_number_is_moved_no_farther_than_it_must_be() -> None:
    row = np.array([0.0])
    found = find_counterfactuals(lambda x: (x[:, 0] > 0.6).astype(float), row, make_options(row, ordered=True), 0.5)
    assert 0.6 < found[0].changes[0] < 0.601
    assert abs(found[0].distance - 0.6) < 0.001


def test_a_whole_number_stays_whole() -> None:
    row = np.array([0.0])
    option = Option(0, np.array([8.0, 16.0]), np.array([0.4, 0.8]), ordered=True, whole=True)
    found = find_counterfactuals(lambda x: (x[:, 0] > 4.5).astype(float), row, [option], 0.5)
    assert found[0].changes == {0: 5.0}


def test_there_is_none_where_nothing_crosses_or_nothing_can_be_changed() -> None:
    row = np.zeros(2)
    assert find_counterfactuals(lambda x: np.zeros(len(x)), row, make_options(row), 0.5) == []
    assert find_counterfactuals(lambda x: x[:, 0], row, [], 0.5) == []


def test_each_answer_has_other_features() -> None:
    row = np.zeros(3)
    found = find_counterfactuals(lambda x: x.max(axis=1), row, make_options(row), 0.3, most=5)
    assert [set(each.changes) for each in found] == [{0}, {1}, {2}]

"""Sizes, losses and curves against what they must be in closed form, and their intervals against many samples."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.maths.importance import accumulate_effects, loss_without, mean_size, overlap_at, share_of
from shipway.maths.interval import interval


def test_shares_of_parts_add_up_and_sizes_are_means() -> None:
    random = np.random.default_rng(1)
    values, days = random.normal(size=(200, 5)) * [1, 2, 3, 0, 1], random.integers(0, 20, 200)
    parts = [share_of(values, columns, days).value for columns in ([0, 1], [2], [3], [4])]
    assert sum(parts) == pytest.approx(1)
    assert parts[2] == 0
    np.testing.assert_allclose([each.value for each in mean_size(values, days)], np.abs(values).mean(axis=0))


@pytest.mark.parametrize(
    ("first", "second", "top", "expected"),
    [
        # The two lists of Webber et al. 2010, section 3.1: overlaps 0, 0, 2/3, 2/4 and 2/5.
        ("abcdefg", "zcavwxy", 5, (0 + 0 + 2 / 3 + 2 / 4 + 2 / 5) / 5),
        ("abc", "abc", 3, 1.0),
        ("abc", "cba", 3, (0 + 1 / 2 + 1) / 3),
        ("abc", "xyz", 3, 0.0),
    ],
)
def test_overlap_is_that_of_published_lists(first: str, second: str, top: int, expected: float) -> None:
    letters = sorted({*first, *second})

    def sizes(word: str) -> np.ndarray:
        return np.array([[float(len(word) - word.index(each)) if each in word else 0.0 for each in letters]])

    assert overlap_at(sizes(first), -sizes(second), top)[0] == pytest.approx(expected)


@given(st.integers(0, 2**16), st.integers(1, 6), st.integers(1, 8))
def test_overlap_is_symmetric_and_whole_with_itself(seed: int, columns: int, top: int) -> None:
    random = np.random.default_rng(seed)
    one, other = (random.normal(size=(4, columns)) * random.integers(0, 2, (4, columns)) for _ in range(2))
    found = overlap_at(one, other, top)
    assert ((found >= 0) & (found <= 1)).all()
    np.testing.assert_allclose(found, overlap_at(other, one, top))
    np.testing.assert_allclose(overlap_at(one, one, top), 1)


def test_the_loss_rises_by_twice_what_a_column_explains() -> None:
    """Of a linear model moving a column costs 2 b^2 var in squared error (Gregorutti et al. 2015, proposition 1)."""
    random = np.random.default_rng(2)
    x, days = random.normal(size=(40_000, 3)), np.arange(40_000) // 400
    y = 2 * x[:, 0] + x[:, 1]

    def predict(rows: np.ndarray) -> np.ndarray:
        return 2 * rows[:, 0] + rows[:, 1]

    def loss(said: np.ndarray) -> np.ndarray:
        return np.square(said - y)

    for columns, expected in (([0], 8.0), ([1], 2.0), ([2], 0.0), ([0, 1], 10.0)):
        found = loss_without(predict, loss, x, columns, days, repeats=3)
        low, high = interval(found, 0.999)
        assert low <= expected <= high
        assert high - low < 1


def test_columns_that_say_the_same_matter_only_together() -> None:
    random = np.random.default_rng(3)
    x = np.repeat(random.normal(size=(5_000, 1)), 2, axis=1)
    days = np.arange(5_000) // 50

    def predict(rows: np.ndarray) -> np.ndarray:
        return np.where(np.abs(rows[:, 0] - rows[:, 1]) < 1e-9, rows[:, 0], x[:, 0])

    def loss(said: np.ndarray) -> np.ndarray:
        return np.square(said - x[:, 0])

    assert loss_without(predict, loss, x, [0], days).value < 1e-3
    assert loss_without(predict, loss, x, [0, 1], days).value == pytest.approx(2, abs=0.15)


def test_effects_of_a_sum_are_its_own_function_also_where_columns_correlate() -> None:
    """Apley and Zhu 2020, section 5.1: of f = x1 + x2^2 the effect of x2 is x2^2 less its mean, however correlated."""
    random = np.random.default_rng(4)
    x = random.normal(size=(8_000, 2))
    x[:, 1] = 0.95 * x[:, 0] + 0.3 * x[:, 1]
    curve = accumulate_effects(lambda rows: rows[:, 0] + rows[:, 1] ** 2, x, 1, np.arange(8_000) // 80, bins=40)
    assert curve is not None
    # The last bins are wide, and a step through one is that of its ends; so it is the shape between that is compared.
    shape = curve.effect - curve.at**2
    assert np.ptp(shape) < 1e-9
    assert np.abs(shape.mean() + 1) < 0.3
    assert curve.rows.sum() == 8_000
    assert (np.diff(curve.at) > 0).all()


def test_intervals_of_a_curve_cover_it() -> None:
    """Rows of a day share what the other column is, so that only intervals by day cover the effect at the edges."""
    covered = []
    for seed in range(200):
        random = np.random.default_rng(seed)
        days = np.repeat(np.arange(30), 20)
        shared = random.normal(size=30)[days]
        x = np.column_stack([random.uniform(size=600), shared])
        curve = accumulate_effects(lambda rows: rows[:, 0] * (1 + rows[:, 1]), x, 0, days, bins=5)
        assert curve is not None
        # The slope is 1 on average over days, so the whole rise is that of the column.
        rise, width = curve.effect[-1] - curve.effect[0], curve.at[-1] - curve.at[0]
        half = curve.high[-1] - curve.effect[-1]
        covered.append(abs(rise / 2 - width / 2) <= half)
    assert 0.9 <= np.mean(covered) <= 0.99


def test_a_column_of_one_value_has_no_curve_and_gaps_say_nothing() -> None:
    x = np.array([[1.0, np.nan], [1.0, 2.0], [1.0, 3.0], [1.0, np.nan]])
    days = np.arange(4)
    assert accumulate_effects(lambda rows: rows[:, 1], x, 0, days) is None
    curve = accumulate_effects(lambda rows: rows[:, 1], x, 1, days)
    assert curve is not None
    assert curve.at.tolist() == [2.0, 3.0]

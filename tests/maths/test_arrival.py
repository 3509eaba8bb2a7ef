"""Arrivals: constant ones by hand, Poisson ones by their distribution, and rates that change by their counts."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from shipway.maths.arrival import BLOCK, Stretch, draw_arrivals

rates = st.floats(0, 500)
stretches = st.lists(st.builds(Stretch, st.floats(0.1, 5), rates, rates), min_size=1, max_size=4)


def draw(parts, kind="constant", seed=1):
    blocks = list(draw_arrivals(parts, kind, seed))
    return np.concatenate(blocks) if blocks else np.zeros(0, dtype=np.int64)


def test_constant_pace_is_even():
    assert draw([Stretch(0.5, 8, 8)]).tolist() == [0, 125_000_000, 250_000_000, 375_000_000]


def test_ramp_from_nothing_comes_by_the_root_of_time():
    found = draw([Stretch(10, 0, 20)]) / 1e9
    assert found == pytest.approx(np.sqrt(np.arange(100)), abs=1e-8)


def test_rate_changes_where_a_stretch_ends():
    found = draw([Stretch(1, 10, 10), Stretch(1, 100, 100), Stretch(1, 10, 10)]) / 1e9
    assert [int(((found >= at) & (found < at + 1)).sum()) for at in range(3)] == [10, 100, 10]


@given(stretches)
def test_there_are_as_many_as_expected_in_order_and_within_the_load(parts):
    found, expected = draw(parts), sum(part.expected for part in parts)
    assert abs(found.size - expected) <= 1
    assert (np.diff(found) >= 0).all()
    assert found.size == 0 or 0 <= found[0] <= found[-1] <= sum(part.seconds for part in parts) * 1e9 + 1


def test_gaps_of_a_poisson_process_are_exponential():
    found = draw([Stretch(40, 500, 500)], "poisson", 3) / 1e9
    assert stats.kstest(np.diff(found), "expon", args=(0, 1 / 500)).pvalue > 0.01
    assert abs(found.size - 20_000) < 4 * np.sqrt(20_000)


def test_poisson_process_of_a_ramp_is_uniform_in_its_expected_count():
    found = draw([Stretch(100, 0, 100)], "poisson", 5) / 1e9
    assert stats.kstest(found**2 / 100**2, "uniform").pvalue > 0.01


def test_same_seed_gives_the_same_and_another_one_others():
    part = [Stretch(2, 100, 200)]
    assert (draw(part, "poisson", 1) == draw(part, "poisson", 1)).all()
    assert draw(part, "poisson", 1)[:20].tolist() != draw(part, "poisson", 2)[:20].tolist()


def test_hours_come_in_blocks():
    blocks = draw_arrivals([Stretch(1e6, 1e5, 1e5)], "poisson", 1)
    assert [block.size for block in itertools.islice(blocks, 3)] == [BLOCK] * 3

"""Floats as whole numbers: they add up and compare exactly, or are refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.maths.fixed import floats_of, quantise, rank_floats


@given(st.lists(st.integers(-(2**53), 2**53)))
def test_whole_numbers_pass_unchanged_at_resolution_one(numbers):
    values = np.array(numbers, dtype=np.float64)
    assert quantise(values, np.ones(values.size, np.bool_), 1.0).tolist() == numbers


@given(st.lists(st.floats(-1e9, 1e9)), st.sampled_from([0.25, 1.0, 8.0, 0.001]))
def test_quantised_value_is_the_nearest_multiple(numbers, resolution):
    values = np.array(numbers, dtype=np.float64)
    units = quantise(values, np.ones(values.size, np.bool_), resolution)
    assert units.tolist() == [round(number / resolution) for number in numbers]


def test_halves_round_to_even_and_nulls_to_zero():
    values = np.array([0.5, 1.5, -0.5, 2.5, np.nan, np.inf])
    valid = np.array([True, True, True, True, False, False])
    assert quantise(values, valid, 1.0).tolist() == [0, 2, 0, 2, 0, 0]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 2.0**53 + 2, -1e300])
def test_value_that_does_not_fit_is_refused(value):
    with pytest.raises(ValueError, match="2\\^53 units"):
        quantise(np.array([1.0, value]), np.array([True, True]), 1.0)


def test_value_beyond_float_range_in_units_is_refused():
    with pytest.raises(ValueError, match="2\\^53 units"):
        quantise(np.array([1e300]), np.array([True]), 1e-300)


@pytest.mark.parametrize("resolution", [0.0, -1.0, np.inf, np.nan])
def test_unusable_resolution_is_refused(resolution):
    with pytest.raises(ValueError, match="resolution"):
        quantise(np.array([1.0]), np.array([True]), resolution)


def test_validity_of_another_length_is_refused():
    with pytest.raises(ValueError, match="one length"):
        quantise(np.array([1.0]), np.array([True, False]), 1.0)


@given(st.lists(st.floats(allow_nan=False), min_size=1))
def test_ranks_of_floats_are_ordered_like_them_and_lead_back(values: list[float]) -> None:
    floats = np.array(values)
    ranks = rank_floats(floats)
    assert np.array_equal(floats_of(ranks), floats)
    assert np.array_equal(ranks[:, None] < ranks, floats[:, None] < floats)


def test_both_zeros_have_one_rank() -> None:
    assert rank_floats(np.array([0.0, -0.0])).tolist() == [0, 0]

"""Numbers are compared in their own size, and probabilities as they are."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.core.bundle import NUMBER, Golden, declare_outputs, find_off, find_scale, make_golden, measure_difference

# Numbers so small that they have fewer digits than others cannot keep them in another unit.
sized = st.floats(-1e6, 1e6).map(lambda number: number if abs(number) > 1e-250 else 0.0)
numbers = st.lists(sized, min_size=1, max_size=30).map(np.array)


@given(numbers, numbers, st.sampled_from([2.0**-40, 2.0**-3, 2.0**30]))
def test_no_unit_changes_a_difference(expected, moved, unit):
    found = np.resize(moved, expected.shape)
    one, other = find_scale(expected), find_scale(expected * unit)
    if expected.any():
        assert other == one * unit
        np.testing.assert_array_equal(
            measure_difference(found * unit, expected * unit, other), measure_difference(found, expected, one)
        )


def test_the_scale_is_the_median_size_without_zeros_and_the_infinite():
    assert find_scale(np.array([0.0, -4.0, 2.0, np.nan, np.inf, 0.0, 1e30])) == 4.0
    assert find_scale(np.zeros(3)) == 1.0
    assert find_scale(np.empty(0)) == 1.0


def test_numbers_are_off_by_a_share_and_others_where_they_differ():
    expected = np.array([100.0, 0.001, math.nan, 0.0])
    found = np.array([100.5, 0.0015, math.nan, 0.4])
    np.testing.assert_allclose(measure_difference(found, expected), [0.005, 0.0005, 0.0, 0.4])
    np.testing.assert_allclose(measure_difference(found, expected, 10.0), [0.005, 0.00005, 0.0, 0.04])
    assert find_off(found, expected, 1e-3).tolist() == [True, False, False, True]
    assert find_off(np.array(["a", "b"], object), np.array(["a", "c"], object), 1.0).tolist() == [False, True]


@pytest.mark.parametrize(("name", "scale"), [("probability", 1.0), ("prediction", 3e-6), ("score", 1.0)])
def test_only_a_number_that_is_predicted_has_a_scale_of_its_own(name, scale):
    said = np.array([1e-6, 3e-6, 9e-6])
    golden = make_golden({"x": np.zeros((3, 1))}, {name: said})
    assert isinstance(golden, Golden)
    assert golden.scale == scale
    otherwise = golden.compare({name: said + 3e-8}, 1e-4)
    assert bool(otherwise) == (name == NUMBER[0].name)


def test_what_a_model_of_a_label_gives_is_declared_once():
    assert declare_outputs("number") == NUMBER
    (column,) = declare_outputs("class", ("early", "late"))
    assert (column.name, column.shape, column.classes) == ("probabilities", (-1, 2), ("early", "late"))

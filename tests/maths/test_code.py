"""Dense codes against `np.unique`."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.maths.code import compact, locate, order_codes


@given(st.lists(st.one_of(st.integers(0, 9), st.integers(0, 2**63 - 1))))
def test_same_as_unique(numbers):
    codes = np.array(numbers, dtype=np.int64)
    levels, index = compact(codes)
    expected_levels, expected_index = np.unique(codes, return_inverse=True)
    assert levels.dtype == index.dtype == np.int64
    assert levels.tolist() == expected_levels.tolist()
    assert index.tolist() == expected_index.tolist()


@pytest.mark.parametrize("dtype", [np.int8, np.uint16, np.int32, np.uint32])
def test_narrow_integers_are_taken(dtype):
    levels, index = compact(np.array([7, 3, 7], dtype=dtype))
    assert (levels.tolist(), index.tolist()) == ([3, 7], [1, 0, 1])


@pytest.mark.parametrize("codes", [np.array([0, -1]), np.array([0.0]), np.array([[0]])])
def test_what_is_no_code_is_refused(codes):
    with pytest.raises(ValueError, match=r"negative|not a column"):
        compact(codes)


@given(st.lists(st.one_of(st.integers(0, 9), st.integers(0, 2**63 - 1))), st.lists(st.integers(-3, 12)))
def test_codes_are_found_among_levels(numbers, asked):
    levels, _ = compact(np.array(numbers, dtype=np.int64))
    codes = np.array(asked + numbers[:3], dtype=np.int64)
    expected = [levels.tolist().index(code) if code in levels else -1 for code in codes.tolist()]
    assert locate(levels, codes).tolist() == expected


@given(st.lists(st.integers(-1, 5) | st.integers(-1, 2**17) | st.integers(-1, 2**40)))
def test_codes_are_ordered_as_a_stable_sort_does(numbers):
    codes = np.array(numbers, dtype=np.int64)
    order = order_codes(codes, int(codes.max(initial=-1)) + 1)
    assert order.tolist() == sorted(range(len(numbers)), key=numbers.__getitem__)

"""Dense codes against `np.unique`."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.maths.code import compact


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

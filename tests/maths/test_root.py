"""Roots of rising functions, and what is returned where there is none."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.maths.root import find_root


@given(st.floats(-50, 50), st.floats(0.01, 20))
def test_root_of_a_curve(place, steepness):
    root = find_root(lambda x: math.expm1(min(steepness * (x - place), 500)), -100, 100)
    assert root == pytest.approx(place, abs=1e-7)


def test_jump_is_found():
    assert find_root(lambda x: -1.0 if x < 0.3 else 1.0, 0, 1) == pytest.approx(0.3, abs=1e-9)


def test_an_end_where_there_is_no_root():
    assert find_root(lambda x: x + 5, 0, 1) == 0
    assert find_root(lambda x: x - 5, 0, 1) == 1

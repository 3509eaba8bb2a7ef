"""Positions say how far a source was read, part by part."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.core.change import START, Record, covers, least, read_position, write_place, write_position

positions = st.dictionaries(st.sampled_from("abc"), st.integers(0, 1 << 62).map(write_place))


@given(st.lists(positions, min_size=1, max_size=4), st.sampled_from("abcd"), st.integers(0, 1 << 62).map(write_place))
def test_the_least_position_is_behind_none(found, part, place):
    record = Record(part, place, b"")
    assert covers(least(found), record) == all(covers(position, record) for position in found)


@given(positions)
def test_positions_survive_their_text(position):
    assert read_position(write_position(position)) == position


@given(st.integers(0, 10**20 - 1), st.integers(0, 10**20 - 1))
def test_places_sort_as_numbers(one, other):
    assert (write_place(one) < write_place(other)) == (one < other)


@pytest.mark.parametrize("body", [None, b"", b"{}"])
def test_nothing_is_the_start(body):
    assert read_position(body) == START
    assert least([]) == START

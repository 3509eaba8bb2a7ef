"""What bins are made of is checked where it stands, and kept as numbers that compare equal."""

import math

import pytest

from shipway.core.error import ShipwayError
from shipway.core.sketch import take_categories, take_edges, take_place, take_relative, take_share
from shipway.maths.bins import MOST, Categories, Edges, count_bins


def test_there_is_one_zero_and_one_kind_of_number():
    edges = take_edges([-1, -0.0, 2.5])
    assert edges == Edges((-1.0, 0.0, 2.5))
    assert [math.copysign(1, edge) for edge in edges.edges] == [-1, 1, 1]
    assert take_categories(["b", "a"]) == Categories(("b", "a"))
    assert [type(value) for value in take_categories([1, 2.5]).values] == [int, float]


def test_the_most_bins_are_taken_and_one_more_is_not():
    assert count_bins(take_edges(list(range(MOST - 1)))) == MOST
    with pytest.raises(ShipwayError, match="SW-106"):
        take_edges(list(range(MOST)))
    made = take_relative(0.01, 1e-6, 1e6)
    assert count_bins(made) <= MOST


@pytest.mark.parametrize("share", [0.5, 0.999999, 0.000001, 1e-6 * 123457])
def test_a_share_in_whole_millionths_is_taken(share):
    assert take_share(share) == share


@pytest.mark.parametrize("place", [0, 3, True, 1.0])
def test_a_place_is_one_of_those_there_are(place):
    with pytest.raises(ShipwayError, match="SW-106"):
        take_place(place, 2)

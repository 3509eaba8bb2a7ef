"""Every bin has one path from the root of its tree, and every node few enough children."""

import pytest

from shipway.core.feature import Source
from shipway.core.tree import FAN, count_levels, list_trees
from shipway.maths.bins import MOST, Categories, Edges, Hashes, count_bins

X = Source("t", ("id",), (), {"done": ("x",)}).event("done").x


@pytest.mark.parametrize(
    ("bins", "levels"),
    [
        (Categories((1,)), 1),
        (Edges(tuple(map(float, range(15)))), 1),
        (Edges(tuple(map(float, range(16)))), 2),
        (Hashes(256), 2),
        (Edges(tuple(map(float, range(256)))), 3),
        (Hashes(MOST), 3),
    ],
)
def test_every_bin_is_reached_by_one_path(bins, levels):
    trees = list_trees(X, bins)
    assert count_levels(bins) == len(trees) == levels
    for found in range(count_bins(bins)):
        number = 0
        for tree in trees:
            child = found // tree.below % FAN
            assert child < tree.children <= FAN
            number = number * FAN + child
        assert number == found

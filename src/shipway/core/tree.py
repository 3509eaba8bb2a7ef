"""Trees of bins: how counts of many bins are kept so that neither a read nor a write touches more than a few of them.

The bins of a feature are the leaves of a tree in which every node has `FAN` children. Each level is a series of the
store, keyed by the entity and the node, and an entry's totals are the counts of the node's children: an event adds one
to each level, and a question walks down.
"""

from typing import Final

import msgspec

from shipway.core.feature import Expr
from shipway.maths.bins import Bins, count_bins

FAN: Final = 16
"""Children of a node: what an entry holds against how many levels an event is added to."""


class Tree(msgspec.Struct, frozen=True):
    """One level of a tree of bins.

    Attributes:
        value: the expression on a row whose bin is counted.
        bins: the bins.
        level: 0 for the root.
    """

    value: Expr
    bins: Bins
    level: int

    @property
    def below(self) -> int:
        """Return how many bins a child of this level's nodes has below it."""
        return int(FAN ** (count_levels(self.bins) - 1 - self.level))

    @property
    def children(self) -> int:
        """Return how many children a node of this level has at most."""
        return min(FAN, -(-count_bins(self.bins) // self.below))


def count_levels(bins: Bins) -> int:
    """Return how many levels the tree of some bins has."""
    levels, reach = 1, FAN
    while reach < count_bins(bins):
        levels, reach = levels + 1, reach * FAN
    return levels


def list_trees(value: Expr, bins: Bins) -> tuple[Tree, ...]:
    """Return the levels of a tree, from the root down."""
    return tuple(Tree(value, bins, level) for level in range(count_levels(bins)))

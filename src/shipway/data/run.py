"""Runs: many rows of many entities added up at once, where all of an entity's are later than all it had.

The same sums as one row after the other, in one pass over sorted arrays.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shipway.core.level import BLOCK
from shipway.data.instant import Row
from shipway.maths.window import Bools, Ints

_MOST: Final = 2.0**62
"""Up to here sums surely fit in 64 bits, rounded as they are when they are looked at."""


@dataclass(frozen=True, slots=True, eq=False)
class Contributions:
    """What n rows add to a series, as arrays; a row that is taken back adds the opposite.

    Attributes:
        names: names of the entities' series, each once.
        codes: int[n], which of the names a row belongs to; -1 where its key is null.
        instants: int64[n], when each became known.
        deltas: int64[n, 1 + 2 * sums]: one row, then for each sum whether it is valid and its value.
        rows: what else the series keeps of each; None if nothing.
    """

    names: Sequence[bytes]
    codes: NDArray[np.integer[Any]]
    instants: Ints
    deltas: Ints
    rows: Sequence[Row] | None

    def pick(self, places: Ints) -> "Contributions":
        """Return some of the rows."""
        chosen: list[int] = places.tolist()
        rows = None if self.rows is None else [self.rows[place] for place in chosen]
        return Contributions(self.names, self.codes[places], self.instants[places], self.deltas[places], rows)


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """The rows of each entity and instant put together: g groups of m entities, sorted by entity and instant.

    Attributes:
        order: the rows' places, sorted; those of no entity are left out.
        begins: int[g], where in that order each group begins.
        of: int[g], which entity each is of, from 0.
        firsts: int[m], each entity's first group.
        codes: int[m], each entity's code.
        instants: int64[g].
        deltas: int64[g, 1 + 2 * sums], added up.
    """

    order: Ints
    begins: Ints
    of: Ints
    firsts: Ints
    codes: Ints
    instants: Ints
    deltas: Ints

    @property
    def lasts(self) -> Ints:
        """Return each entity's last group."""
        return np.append(self.firsts[1:], len(self.begins)) - 1


def group_rows(rows: Contributions) -> Groups:
    """Put the rows of each entity and instant together."""
    there = np.flatnonzero(rows.codes >= 0)
    order = there[np.lexsort((rows.instants[there], rows.codes[there]))]
    codes, instants = rows.codes[order].astype(np.int64), rows.instants[order]
    other = np.ones(len(order), dtype=np.bool_)
    other[1:] = np.diff(codes) != 0
    new = other.copy()
    new[1:] |= np.diff(instants) != 0
    begins = np.flatnonzero(new)
    deltas = rows.deltas[order]
    return Groups(
        order=order,
        begins=begins,
        of=np.cumsum(other[begins]) - 1,
        firsts=np.flatnonzero(other[begins]),
        codes=codes[other],
        instants=instants[begins],
        deltas=deltas if len(begins) == len(order) else np.add.reduceat(deltas, begins, axis=0),
    )


def add_up(groups: Groups, bases: Ints, totals: Ints) -> tuple[Bools, Ints, Ints]:
    """Return of each group whether a block begins there, the totals before its block, and those since.

    Args:
        groups: the rows.
        bases: int64[m, 1 + 2 * sums], of each entity the totals before its last block up to now.
        totals: int64[m, 1 + 2 * sums], and those since.
    """
    cuts = find_cuts(groups.instants)
    running = np.cumsum(groups.deltas, axis=0)
    before = running[groups.firsts] - groups.deltas[groups.firsts]
    running += (bases + totals - before)[groups.of]
    # Each group's block begins at the last cut before it; or at its entity's first group, in the block there was.
    marks = cuts.copy()
    marks[groups.firsts] = True
    block = np.maximum.accumulate(np.where(marks, np.arange(len(cuts)), 0))
    under = np.where(cuts[block][:, None], running[block] - groups.deltas[block], bases[groups.of])
    return cuts, under, running - under


def are_large(groups: Groups, bases: Ints, totals: Ints) -> bool:
    """Tell whether sums may not fit in 64 bits."""
    added = np.abs(groups.deltas.astype(np.float64)).sum(axis=0).max(initial=0.0)
    before = sum(np.abs(some.astype(np.float64)).max(initial=0.0) for some in (bases, totals))
    return bool(added + before > _MOST)


def find_cuts(instants: Ints) -> Bools:
    """Tell which instants are cuts, as `is_cut` does."""
    mixed = instants.view(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (mixed ^ (mixed >> np.uint64(31))) % np.uint64(BLOCK) == 0


def find_needed(groups: Groups, chosen: Bools, since: int | None) -> Bools:
    """Tell which of the chosen groups a question about an edge at or after an instant can need.

    One is not needed if the next chosen one of its entity is old enough to answer in its place.
    """
    needed = chosen.copy()
    places = np.flatnonzero(chosen)
    if since is not None:
        following, own = places[1:], places[:-1]
        needed[own] = (groups.of[following] != groups.of[own]) | (groups.instants[following] > since)
    return needed

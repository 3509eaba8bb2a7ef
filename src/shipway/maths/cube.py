"""All slices of a table by one and by two columns at once: how many rows each has and what they add up to.

A pass over the rows need not serve one pair of columns. Counted by three columns at once, rows give the cells of all
three pairs as margins of one small table; so columns are packed into blocks whose cells stay in the cache, every pair
in at least one, and the rows are passed once a block (for 15 columns of few levels some 40 passes in place of 105).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Codes = NDArray[np.integer[Any]]

BLOCK_CELLS: Final = 1 << 13
"""Cells counted in one pass: 64 KiB of counters, which stay in a core's own cache."""
_CHUNK: Final = 1 << 17
"""Rows whose cells are numbered at once, so that the numbers are still near when they are counted."""


@dataclass(frozen=True, slots=True, eq=False)
class Cube:
    """Where each slice by one column and by two columns stands in one long array: the cells.

    Attributes:
        cards: how many levels each column has.
        views: the columns that cut, `(i,)` or `(i, j)` with i < j; first those by one column, in order.
        starts: int64[views + 1], where the cells of each view begin; those of `(i, j)` are in row-major order.
    """

    cards: tuple[int, ...]
    views: tuple[tuple[int, ...], ...]
    starts: Ints

    @property
    def cells(self) -> int:
        """Return how many slices there can be."""
        return int(self.starts[-1])

    def name(self, cell: int) -> tuple[tuple[int, int], ...]:
        """Return a slice as `(column, level)` of each column that cuts it."""
        at = int(np.searchsorted(self.starts, cell, side="right")) - 1
        view, rest = self.views[at], int(cell - self.starts[at])
        if len(view) == 1:
            return ((view[0], rest),)
        first, second = divmod(rest, self.cards[view[1]])
        return (view[0], first), (view[1], second)


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """What the rows of each slice add up to, by cluster where rows depend on each other.

    Attributes:
        n: int64[cells], rows.
        clusters: int64[cells], clusters those rows come from.
        mean: float64[cells], the mean value; 0 where there is no row.
        standard_error: float64[cells], of the mean, as `shipway.maths.slice.slice_cells` has it; infinite for fewer
            than two clusters.
    """

    n: Ints
    clusters: Ints
    mean: Floats
    standard_error: Floats


def make_cube(cards: Sequence[int]) -> Cube:
    """Lay out the slices of columns with so many levels each; ValueError if one has none."""
    if any(card < 1 for card in cards):
        raise ValueError(f"columns have {list(cards)} levels: each needs one")
    columns = range(len(cards))
    views = (*((i,) for i in columns), *combinations(columns, 2))
    sizes = [int(np.prod([cards[i] for i in view])) for view in views]
    return Cube(tuple(cards), views, np.concatenate([[0], np.cumsum(np.array(sizes, np.int64))]).astype(np.int64))


def count_rows(cube: Cube, codes: Sequence[Codes], rows: Ints | None = None) -> Ints:
    """Count the rows of every slice.

    Args:
        cube: the slices.
        codes: integer[n] for each column, the level of each row, 0 to its card - 1.
        rows: integer[k], the rows to count; all of them where None.

    Returns:
        int64[cells].
    """
    chosen = codes if rows is None else [column.take(rows) for column in codes]
    blocks = _pack(cube)
    tables = [np.zeros(_size(cube, block), np.int64) for block in blocks]
    for chunk in _chunks(chosen):
        for table, block in zip(tables, blocks, strict=True):
            table += np.bincount(_number(cube, chunk, block), minlength=table.size)
    return _margins(cube, blocks, tables)


def add_values(cube: Cube, codes: Sequence[Codes], values: Floats) -> Floats:
    """Add up a value over the rows of every slice, float64[cells]."""
    blocks = _pack(cube)
    tables = [np.zeros(_size(cube, block)) for block in blocks]
    start = 0
    for chunk in _chunks(codes):
        stop = start + chunk[0].size
        for table, block in zip(tables, blocks, strict=True):
            table += np.bincount(_number(cube, chunk, block), weights=values[start:stop], minlength=table.size)
        start = stop
    return _margins(cube, blocks, tables)


def sum_slices(cube: Cube, codes: Sequence[Codes], values: Floats, clusters: Codes | None = None) -> Sums:
    """Estimate the mean of every slice with its cluster-robust (CR1) standard error.

    With S and N the sum and the rows of a slice in one cluster, the sum of squared residuals is that of (S - mean N)^2,
    which takes the sums of S^2, S N and N^2 over clusters: one pass, and no memory that grows with slices x clusters.

    Args:
        cube: the slices.
        codes: integer[n] for each column, the level of each row.
        values: float64[n], finite.
        clusters: integer[n], the cluster of each row, 0 or more; None where rows are independent.
    """
    if not np.isfinite(values).all():
        raise ValueError("a value is not finite")
    middle = float(values.mean()) if values.size else 0.0
    moved = values - middle  # nearer to 0, so that squares do not cancel
    if clusters is None:
        n = count_rows(cube, codes)
        sums, squares = add_values(cube, codes, moved), add_values(cube, codes, np.square(moved))
        return _estimate(n, n, sums, squares, sums, n.astype(np.float64), middle)
    order = np.argsort(clusters, kind="stable")
    sorted_clusters = clusters.take(order)
    edges = np.concatenate([[0], np.flatnonzero(np.diff(sorted_clusters)) + 1, [values.size]]).astype(np.int64)
    whole = bool((order[:-1] < order[1:]).all())
    ordered = list(codes) if whole else [column.take(order) for column in codes]
    moments = np.zeros((6, cube.cells))
    for rows, group, groups in _cluster_chunks(edges):
        chunk = [column[rows].astype(np.int64) for column in ordered]
        weights = moved[rows] if whole else moved.take(order[rows])
        for at, view in enumerate(cube.views):
            if len(view) == 2:
                moments[:, cube.starts[at] : cube.starts[at + 1]] += _moments(cube, chunk, view, group, groups, weights)
        for i in range(len(cube.cards)):
            moments[:, cube.starts[i] : cube.starts[i + 1]] += _moments(cube, chunk, (i,), group, groups, weights)
    n, count, sums, squares, crossed, doubled = moments
    return _estimate(n.astype(np.int64), count.astype(np.int64), sums, squares, crossed, doubled, middle)


def _moments(cube: Cube, chunk: list[Ints], view: tuple[int, ...], group: Ints, groups: int, weights: Floats) -> Floats:
    """Return rows, clusters, S, S^2, S N and N^2 of every slice of a view, over all clusters: float64[6, cells]."""
    size = _size(cube, view)
    index = _number(cube, chunk, view)
    if groups * size <= 4 * index.size:
        index += group * size
        n = np.bincount(index, minlength=groups * size).reshape(groups, size).astype(np.float64)
        s = np.bincount(index, weights=weights, minlength=groups * size).reshape(groups, size)
        every = (n.sum(0), np.count_nonzero(n, axis=0), s.sum(0))
        return np.stack([*every, *(np.einsum("gc,gc->c", a, b) for a, b in ((s, s), (s, n), (n, n)))])
    # Most slices meet few clusters: only the cells that occur.
    cells, place = np.unique(group * size + index, return_inverse=True)
    n = np.bincount(place).astype(np.float64)
    s = np.bincount(place, weights=weights)
    owner = cells % size
    each = (n, np.ones_like(n), s, s * s, s * n, n * n)
    return np.stack([np.bincount(owner, weights=moment, minlength=size) for moment in each]).astype(np.float64)


def _estimate(
    n: Ints, clusters: Ints, sums: Floats, squares: Floats, crossed: Floats, doubled: Floats, middle: float
) -> Sums:
    rows = np.maximum(n, 1)
    mean = sums / rows
    several = clusters > 1
    spread = np.maximum(squares - 2 * mean * crossed + mean * mean * doubled, 0.0)
    error = np.full(n.size, np.inf)
    error[several] = np.sqrt(spread[several] * clusters[several] / (clusters[several] - 1)) / n[several]
    return Sums(n, clusters, np.where(n > 0, mean + middle, 0.0), error)


def _cluster_chunks(edges: Ints) -> Iterator[tuple[slice, Ints, int]]:
    """Yield rows of whole clusters, some 2^17 at a time, with the number of each row's cluster among them."""
    first = 0
    while first < edges.size - 1:
        last = max(first + 1, int(np.searchsorted(edges, edges[first] + _CHUNK, side="right")) - 1)
        sizes = np.diff(edges[first : last + 1])
        yield slice(int(edges[first]), int(edges[last])), np.repeat(np.arange(sizes.size), sizes), sizes.size
        first = last


def _pack(cube: Cube) -> list[tuple[int, ...]]:
    """Pack columns into blocks of at most so many cells that every pair is in one; a pair of many cells is a block."""
    if len(cube.cards) == 1:
        return [(0,)]
    left = set(combinations(range(len(cube.cards)), 2))
    blocks: list[tuple[int, ...]] = []
    # Pairs of many cells first: they have the least room for others beside them.
    for pair in sorted(left, key=lambda pair: (-cube.cards[pair[0]] * cube.cards[pair[1]], pair)):
        if pair not in left:
            continue
        block = list(pair)
        while True:
            gains = [
                (sum(_pair(i, j) in left for j in block), -cube.cards[i], i)
                for i in range(len(cube.cards))
                if i not in block and _size(cube, (*block, i)) <= BLOCK_CELLS
            ]
            if not gains or max(gains)[0] < 2:
                break
            block.append(max(gains)[2])
        blocks.append(tuple(sorted(block)))
        left -= set(combinations(blocks[-1], 2))
    return blocks


def _pair(i: int, j: int) -> tuple[int, int]:
    return (i, j) if i < j else (j, i)


def _size(cube: Cube, view: tuple[int, ...]) -> int:
    return int(np.prod([cube.cards[i] for i in view], dtype=np.int64))


def _chunks(codes: Sequence[Codes]) -> Iterator[list[Ints]]:
    """Yield the rows some 2^17 at a time, as the numbers that counting takes."""
    for start in range(0, codes[0].size if codes else 0, _CHUNK):
        yield [column[start : start + _CHUNK].astype(np.int64) for column in codes]


def _number(cube: Cube, chunk: list[Ints], view: tuple[int, ...]) -> Ints:
    """Return the cell of each row in a table by these columns, in row-major order."""
    index = chunk[view[0]].copy() if len(view) == 1 else chunk[view[0]] * cube.cards[view[1]]
    for at, column in enumerate(view[1:], start=1):
        if at > 1:
            index *= cube.cards[column]
        index += chunk[column]
    return index


def _margins(cube: Cube, blocks: list[tuple[int, ...]], tables: list[NDArray[Any]]) -> NDArray[Any]:
    """Sum tables of blocks over all but one or two of their columns, into the places of the cube."""
    whole = np.zeros(cube.cells, tables[0].dtype if tables else np.int64)
    places = {view: at for at, view in enumerate(cube.views)}
    filled: set[tuple[int, ...]] = set()
    for block, table in zip(blocks, tables, strict=True):
        shaped = table.reshape([cube.cards[i] for i in block])
        for view in (view for size in (1, 2) for view in combinations(block, size) if view not in filled):
            away = tuple(axis for axis, column in enumerate(block) if column not in view)
            at = places[view]
            whole[cube.starts[at] : cube.starts[at + 1]] = shaped.sum(axis=away).ravel()
            filled.add(view)
    return whole

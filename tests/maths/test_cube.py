"""The cube against a loop over slices, and against the sums of one column at a time."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.maths import cube as cubes
from shipway.maths.cube import add_values, count_rows, make_cube, sum_slices
from shipway.maths.slice import slice_cells


def draw(cards: list[int], n: int, seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.integers(0, card, n).astype(np.uint16) for card in cards]


tables = st.tuples(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers(0, 300), st.integers(0, 2**31))


@given(tables, st.sampled_from([1, 40, 5000]))
def test_every_slice_is_counted_whatever_fits_into_a_block(table, block_cells):
    cards, n, seed = table
    codes, cube = draw(cards, n, seed), make_cube(cards)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cubes, "BLOCK_CELLS", block_cells)
        patch.setattr(cubes, "_CHUNK", 77)
        counts, values = count_rows(cube, codes), add_values(cube, codes, np.arange(n, dtype=np.float64))
    assert cube.cells == sum(cards) + sum(a * b for a, b in combinations(cards, 2))
    for cell in range(cube.cells):
        inside = np.logical_and.reduce([codes[column] == level for column, level in cube.name(cell)])
        assert counts[cell] == inside.sum()
        assert values[cell] == np.flatnonzero(inside).sum()


def test_some_of_the_rows_can_be_counted():
    codes, cube = draw([3, 4, 5], 200, 1), make_cube([3, 4, 5])
    rows = np.flatnonzero(codes[0] == 2)
    assert np.array_equal(count_rows(cube, codes, rows), count_rows(cube, [column[rows] for column in codes]))


@pytest.mark.parametrize("groups", [2, 11, 190])
@pytest.mark.parametrize("in_order", [True, False])
def test_errors_are_those_of_one_column_at_a_time(monkeypatch: pytest.MonkeyPatch, groups, in_order):
    """Few clusters take the dense way and many the sparse one; chunks end between clusters."""
    monkeypatch.setattr(cubes, "_CHUNK", 64)
    cards, n = [3, 7, 4], 700
    codes, cube, rng = draw(cards, n, 3), make_cube(cards), np.random.default_rng(4)
    clusters = rng.integers(0, groups, n)
    if in_order:
        clusters = np.sort(clusters)
    values = rng.normal(5.0, 1.0, n) + rng.normal(0.0, 1.0, groups)[clusters]
    sums = sum_slices(cube, codes, values, clusters)
    for at, view in enumerate(cube.views):
        code = codes[view[0]].astype(np.int64)
        if len(view) == 2:
            code = code * cards[view[1]] + codes[view[1]]
        table = slice_cells(code, values, clusters)
        cells = cube.starts[at] + table.code
        assert np.array_equal(sums.n[cells], table.n)
        assert np.array_equal(sums.clusters[cells], table.clusters)
        assert sums.mean[cells] == pytest.approx(table.mean)
        assert sums.standard_error[cells] == pytest.approx(table.standard_error, abs=1e-9)
    empty = sums.n == 0
    assert not sums.mean[empty].any()
    assert np.isinf(sums.standard_error[empty]).all()


def test_without_clusters_errors_are_the_textbook_ones():
    codes, cube = draw([2, 3], 90, 5), make_cube([2, 3])
    values = np.random.default_rng(6).normal(size=90)
    alone, rows = sum_slices(cube, codes, values), sum_slices(cube, codes, values, np.arange(90))
    assert alone.standard_error == pytest.approx(rows.standard_error)
    inside = values[(codes[0] == 1) & (codes[1] == 2)]
    cell = next(at for at in range(cube.cells) if cube.name(at) == ((0, 1), (1, 2)))
    assert alone.standard_error[cell] == pytest.approx(inside.std(ddof=1) / np.sqrt(inside.size))


def test_a_column_without_levels_and_a_value_that_is_no_number_are_refused():
    with pytest.raises(ValueError, match="levels"):
        make_cube([3, 0])
    with pytest.raises(ValueError, match="finite"):
        sum_slices(make_cube([1]), [np.zeros(2, np.int64)], np.array([1.0, np.nan]))

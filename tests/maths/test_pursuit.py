"""Effects that were planted are named, and slices that only share their rows are not."""

import numpy as np
import pytest

from shipway.maths.cube import Cube, count_rows, make_cube, sum_slices
from shipway.maths.pursuit import Effects, Line, explain_slices

CARDS = [6, 5, 8, 4]
N = 40_000


def world(planted: dict[tuple[tuple[int, int], ...], float], ground: float = -0.02, seed: int = 1):
    rng = np.random.default_rng(seed)
    codes = [rng.integers(0, card, N).astype(np.int64) for card in CARDS]
    mean = np.full(N, ground)
    for parts, effect in planted.items():
        mean[np.logical_and.reduce([codes[column] == level for column, level in parts])] += effect
    return make_cube(CARDS), codes, mean + rng.normal(0.0, 0.3, N)


def explain(cube: Cube, codes: list[np.ndarray], values: np.ndarray, **given) -> tuple[Line, ...]:
    sums = sum_slices(cube, codes, values)
    variance = np.where(np.isfinite(sums.standard_error), sums.standard_error, 1.0) ** 2 * sums.n
    may = (sums.n >= 100) & (sums.mean > 2 * sums.standard_error)
    effects = Effects(sums.n, sums.n * sums.mean, variance, may, N, float(values.sum()))
    return explain_slices(cube, codes, effects, **given).lines


def test_overlapping_causes_are_told_apart_and_their_parents_left_out():
    planted = {((0, 2), (1, 3)): 0.12, ((0, 2), (2, 5)): 0.1, ((3, 1),): 0.05}
    cube, codes, values = world(planted)
    lines = explain(cube, codes, values)
    assert {cube.name(line.cell) for line in lines} == set(planted)
    for line in lines:
        error = line.effect / line.score
        assert line.effect == pytest.approx(planted[cube.name(line.cell)], abs=4 * error)
    assert [line.score for line in lines] == sorted((line.score for line in lines), reverse=True)


def test_nothing_is_told_where_nothing_stands_out():
    cube, codes, values = world({})
    assert explain(cube, codes, values) == ()


def test_there_are_no_more_lines_than_asked_for():
    planted = {((0, 2), (1, 3)): 0.3, ((2, 5), (3, 1)): 0.25, ((1, 1), (2, 2)): 0.2}
    cube, codes, values = world(planted)
    assert {cube.name(line.cell) for line in explain(cube, codes, values, most=2)} == set(list(planted)[:2])


def test_only_what_was_found_can_be_a_line():
    cube, codes, values = world({((0, 2), (1, 3)): 0.3})
    sums = sum_slices(cube, codes, values)
    effects = Effects(sums.n, sums.n * sums.mean, np.full(cube.cells, 0.09), sums.n < 0, N, float(values.sum()))
    explained = explain_slices(cube, codes, effects)
    assert explained.lines == ()
    assert explained.background == pytest.approx(values.mean())


def test_effects_are_those_of_least_squares():
    planted = {((0, 2),): 0.1, ((1, 3),): 0.15}
    cube, codes, values = world(planted)
    lines = {cube.name(line.cell): line.effect for line in explain(cube, codes, values)}
    design = np.column_stack([np.ones(N), codes[0] == 2, codes[1] == 3])
    fitted = np.linalg.lstsq(design, values, rcond=None)[0]
    assert lines[(0, 2),] == pytest.approx(fitted[1])
    assert lines[(1, 3),] == pytest.approx(fitted[2])
    assert count_rows(cube, codes).sum() == N * (4 + 6)

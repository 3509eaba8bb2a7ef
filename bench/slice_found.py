"""What does the search for regressed slices find of what is there, how much is false, and what do 20 lines keep?

1.01 M flights with 15 columns (`bench/slice_cube.py`), all slices by one and by two. A candidate gets fewer rows wrong
than its baseline (.79 points over all), by a background that differs between hours, carriers and destinations; in
16 slices, drawn from all that hold the given share of the rows, it gets 1.5 to 5 points more wrong. A slice is truly
worse if its expected difference is above 0, so also parents and neighbours of what was planted may be, and are no false
discovery. Four worlds:

    rows         rows are independent; exact McNemar tests
    days         the difference moves with the day, and with the hour of a day, by amounts their rows share; t tests
                 with errors clustered by day
    wide         as rows, with slices of up to a seventh of the rows, which overlap
    small        as rows, with slices a tenth as large: what cannot be seen

For each: recall (planted slices that are found), false (share of what is found that is not truly worse), by BH
(Benjamini-Hochberg over the slices that look worse, as it is in shipway), BH of all slices, BY, e-BH, and p < .05 as if
one slice had been looked at. Then the short explanation of what BH finds, by each of

    top          the 20 slices with the least p
    greedy       the slice that stands out most, its rows removed, again until nothing is found (the prototype)
    no ground    matching pursuit, effects fitted anew, above zero instead of above a background
    pursuit      the same above a background, as it is in shipway (`shipway.maths.pursuit`)

with lines, named (planted slices that some line matches with a Jaccard index of 1/2), exact, and false lines. At last
the null: both models equal everywhere, so whatever is found is false.

    python bench/slice_found.py [seeds] [null draws]
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shipway.maths.cube import Cube, add_values, count_rows, make_cube, sum_slices
from shipway.maths.interval import wilson
from shipway.maths.multiplicity import benjamini_hochberg, benjamini_yekutieli, e_benjamini_hochberg
from shipway.maths.pursuit import Effects, explain_slices
from shipway.maths.significance import condition_p, mcnemar_chance, mcnemar_p, one_sided_p
from slice_cube import SUPPORT, Table, read_flights

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
PLANTED, POINTS, GAIN, RATE, LINES = 16, (0.015, 0.05), 0.0079, 0.05, 20
FLIPS: Final = 0.06
"""Share of rows that only the candidate gets wrong where it is no worse, and that only the baseline gets wrong."""
GROUND: Final = {"hour": 0.003, "carrier": 0.003, "dest": 0.003}
SHARE: Final = {"rows": (0.002, 0.05), "days": (0.002, 0.05), "wide": (0.01, 0.15), "small": (0.0003, 0.003)}
DAY_SD: Final = 0.02


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """Where slices are, how many rows each has, and what is planted: cells, and per row the expected difference."""

    table: Table
    cube: Cube
    n: Ints
    cells: Ints
    expected: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Tested:
    """All slices of one draw with support: their p-values, as such and given the side, and what the pursuit takes."""

    places: Ints
    p: Floats
    given: Floats
    e: Floats | None
    effects: Effects
    d: NDArray[np.int8]


def mcnemar_e(worse: Ints, better: Ints, prior: float = 20.0) -> Floats:
    """Return the e-value of "more rows became worse than better" for each pair of counts.

    The likelihood of the counts averaged over a Beta(prior, prior) cut to shares above 1/2, against that of 1/2; its
    expectation is at most 1 where rows become worse no more often than better (Vovk and Wang 2021, Ann. Statist. 49).

    Args:
        worse: integer[m], rows that only the first model gets wrong.
        better: integer[m], rows that only the second gets wrong.
        prior: how near to 1/2 the share is expected.

    Returns:
        float64[m], 0 or more; infinite where it is above what a float holds.
    """
    from scipy.special import betainc, betaln

    x, y = worse + prior, better + prior
    # P(Beta(x, y) > 1/2) = P(Beta(y, x) < 1/2)
    with np.errstate(over="ignore", divide="ignore"):
        log_e = (worse + better + 1) * np.log(2.0) + betaln(x, y) - betaln(prior, prior) + np.log(betainc(y, x, 0.5))
        return np.exp(log_e)


def inside(world: World, cell: int) -> Bools:
    """Return which rows a slice holds."""
    return np.logical_and.reduce([world.table.codes[column] == level for column, level in world.cube.name(cell)])


def plant(world: World, rng: np.random.Generator, share: tuple[float, float]) -> World:
    """Draw slices to be worse, and the background that makes up for them."""
    table = world.table
    large = np.flatnonzero((world.n >= share[0] * table.n) & (world.n <= share[1] * table.n))
    cells = rng.choice(large, PLANTED, replace=False)
    worse, held = np.zeros(table.n), np.zeros(table.n, np.bool_)
    for cell, points in zip(cells, rng.uniform(*POINTS, PLANTED), strict=True):
        rows = inside(world, int(cell))
        worse[rows] = np.maximum(worse[rows], points)
        held |= rows
    ground = np.zeros(table.n)
    for name, sd in GROUND.items():
        at = table.names.index(name)
        ground += rng.normal(0.0, sd, table.cards[at])[table.codes[at]]
    ground[held] = 0.0
    shift = -(GAIN + worse.mean() + ground.mean()) / (~held).mean()
    return replace(world, cells=cells, expected=np.where(held, worse, ground + shift))


def draw(world: World, rng: np.random.Generator, days: bool) -> NDArray[np.int8]:
    """Draw which rows only the candidate gets wrong (+1), and which only the baseline (-1)."""
    table, expected = world.table, world.expected
    if days:
        hour = table.codes[table.names.index("hour")]
        moved = rng.normal(0.0, DAY_SD, int(table.day.max()) + 1)[table.day]
        moved += rng.normal(0.0, DAY_SD, (int(table.day.max()) + 1, 20))[table.day, hour]
        expected = expected + moved
    u = rng.random(table.n)
    up, down = FLIPS + np.maximum(expected, 0.0), FLIPS + np.maximum(-expected, 0.0)
    return (u < up).astype(np.int8) - (u > 1 - down).astype(np.int8)


def test(world: World, d: NDArray[np.int8], days: bool) -> Tested:
    """Test every slice with support."""
    cube, codes = world.cube, world.table.codes
    may = np.zeros(cube.cells, np.bool_)
    if days:
        sums = sum_slices(cube, codes, d.astype(np.float64), world.table.day)
        places = np.flatnonzero((sums.n >= SUPPORT) & (sums.clusters >= 20))
        p, e = one_sided_p(sums.mean[places], sums.standard_error[places], sums.clusters[places]), None
        given = condition_p(p, np.full(p.size, 0.5))
        total = sums.n * sums.mean
        variance = np.square(np.where(np.isfinite(sums.standard_error), sums.standard_error, 1.0)) * sums.n
    else:
        worse, better = (count_rows(cube, codes, np.flatnonzero(d == side)) for side in (1, -1))
        places = np.flatnonzero(world.n >= SUPPORT)
        p, e = mcnemar_p(worse[places], better[places]), mcnemar_e(worse[places], better[places])
        given = condition_p(p, mcnemar_chance(worse[places], better[places]))
        total = (worse - better).astype(np.float64)
        rows = np.maximum(world.n, 1)
        variance = (worse + better) / rows - np.square(total / rows)
    may[places] = reject_worse(given)
    effects = Effects(world.n, total, np.maximum(variance, 1e-6), may, d.size, float(d.sum()))
    return Tested(places, p, given, e, effects, d)


def reject_worse(given: Floats) -> Bools:
    """Return which slices are found, of p-values that are not numbers for slices that look better."""
    found, there = np.zeros(given.size, np.bool_), np.isfinite(given)
    found[there] = benjamini_hochberg(given[there], RATE)
    return found


def reject(tested: Tested) -> dict[str, Bools]:
    """Return which slices each procedure finds."""
    rejected = {
        "BH": reject_worse(tested.given),
        "BH of all": benjamini_hochberg(tested.p, RATE),
        "BY": benjamini_yekutieli(tested.p, RATE),
    }
    if tested.e is not None:
        rejected["e-BH"] = e_benjamini_hochberg(tested.e, RATE)
    return {**rejected, "p < .05": tested.p < RATE}


def list_top(_: World, tested: Tested) -> list[int]:
    """Return the slices with the least p among those found."""
    order = tested.places[np.argsort(tested.p, kind="stable")]
    return [int(cell) for cell in order if tested.effects.may[cell]][:LINES]


def list_greedy(world: World, tested: Tested) -> list[int]:
    """Return slices by removing the rows of the strongest again and again; counts of removed rows are subtracted."""
    left, lines = np.ones(world.table.n, np.bool_), list[int]()
    n, total = world.n.astype(np.float64), tested.effects.total.copy()
    spread = tested.effects.variance[tested.places]
    while len(lines) < LINES:
        few = n[tested.places] < SUPPORT
        error = np.sqrt(spread / np.maximum(n[tested.places], 1))
        mean = total[tested.places] / np.maximum(n[tested.places], 1)
        many = np.full(few.size, world.table.n)
        p = np.where(few, 1.0, one_sided_p(mean, error, many))
        found = benjamini_hochberg(p, RATE)
        if not found.any():
            break
        lines.append(int(tested.places[np.where(found, mean / error, -np.inf).argmax()]))
        rows = np.flatnonzero(inside(world, lines[-1]) & left)
        left[rows] = False
        codes = [column.take(rows) for column in world.table.codes]
        n -= count_rows(world.cube, codes)
        total -= add_values(world.cube, codes, tested.d[rows].astype(np.float64))
    return lines


def list_above_zero(world: World, tested: Tested) -> list[int]:
    """Return the lines of a pursuit whose background is 0."""
    effects = replace(tested.effects, overall=0.0, rows=10**15)
    return _pursue(world, effects)


def list_pursuit(world: World, tested: Tested) -> list[int]:
    """Return the lines of the pursuit as it is in shipway."""
    return _pursue(world, tested.effects)


def _pursue(world: World, effects: Effects) -> list[int]:
    explained = explain_slices(world.cube, world.table.codes, effects, most=LINES)
    return [line.cell for line in explained.lines]


METHODS: Final[dict[str, Callable[[World, Tested], list[int]]]] = {
    "top": list_top, "greedy": list_greedy, "no ground": list_above_zero, "pursuit": list_pursuit,
}  # fmt: skip


def name_planted(world: World, lines: list[int]) -> int:
    """Return how many planted slices some line matches with a Jaccard index of at least 1/2."""
    held = [inside(world, cell) for cell in lines]
    planted = (inside(world, int(cell)) for cell in world.cells)
    return sum(any(2 * (rows & line).sum() >= (rows | line).sum() for line in held) for rows in planted)


def run(world: World, kind: str, seeds: int) -> None:
    """Print what is found in one world, and what each short explanation keeps."""
    found: dict[str, list[tuple[int, int, int]]] = {}
    kept: dict[str, list[tuple[int, int, int, int]]] = {}
    spent = dict.fromkeys(METHODS, 0.0)
    for seed in range(seeds):
        rng = np.random.default_rng([seed, len(kind)])
        drawn = plant(world, rng, SHARE[kind])
        truly = add_values(drawn.cube, drawn.table.codes, drawn.expected) > 0
        tested = test(drawn, draw(drawn, rng, kind == "days"), kind == "days")
        for name, chosen in reject(tested).items():
            cells = tested.places[chosen]
            row = (int(np.isin(drawn.cells, cells).sum()), cells.size, int((~truly[cells]).sum()))
            found.setdefault(name, []).append(row)
        for name, method in METHODS.items():
            started = time.process_time()
            lines = method(drawn, tested)
            spent[name] += time.process_time() - started
            exact = int(np.isin(drawn.cells, lines).sum())
            row = (len(lines), name_planted(drawn, lines), exact, int((~truly[lines]).sum()))
            kept.setdefault(name, []).append(row)
    low, high = SHARE[kind]
    print(f"{kind}: {PLANTED} planted in slices of {low:.2%} to {high:.2%} of the rows, {seeds} seeds")
    for name, rows in found.items():
        hit, size, false = np.array(rows).T
        share = float((false / np.maximum(size, 1)).mean())
        print(
            f"  {name:10} recall {hit.mean() / PLANTED:6.1%}, least {hit.min():2}  found {size.mean():6.0f}  "
            f"false {share:6.2%}"
        )
    for name, rows in kept.items():
        size, named, exact, false = np.array(rows).T
        share = float((false / np.maximum(size, 1)).mean())
        print(
            f"  {name:10} lines {size.mean():5.1f}  named {named.mean() / PLANTED:6.1%}, least {named.min():2}  "
            f"exact {exact.mean() / PLANTED:6.1%}  false {share:6.2%}  {spent[name] / seeds:5.2f} CPU s"
        )


def run_null(world: World, draws: int) -> None:
    """Print how often anything is found where both models are equal."""
    print(f"null, {draws} draws: share of draws in which anything is found, slices found a draw")
    world = replace(world, expected=np.zeros(world.table.n))
    for days in (False, True):
        alarms: dict[str, list[int]] = {}
        for seed in range(draws):
            tested = test(world, draw(world, np.random.default_rng([seed, 99]), days), days)
            for name, chosen in reject(tested).items():
                alarms.setdefault(name, []).append(int(chosen.sum()))
        for name, counts in alarms.items():
            hit = sum(count > 0 for count in counts)
            low, high = wilson(hit, draws)
            print(
                f"  {'days' if days else 'rows'} {name:10} {hit / draws:6.1%} [{low:.1%}, {high:.1%}]  "
                f"{np.mean(counts):6.2f}"
            )


def main() -> None:
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    draws = int(sys.argv[2]) if len(sys.argv) > 2 else 100
    table = read_flights()
    cube = make_cube(table.cards)
    world = World(table, cube, count_rows(cube, table.codes), np.empty(0, np.int64), np.zeros(table.n))
    print(f"{table.n:,} rows, {len(table.names)} columns, {int((world.n >= SUPPORT).sum()):,} slices of {SUPPORT} rows")
    for kind in SHARE:
        run(world, kind, seeds)
    run_null(world, draws)


if __name__ == "__main__":
    main()

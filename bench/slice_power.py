"""How small a slice, and how small a regression, can a search that holds its share of false discoveries find at all?

power     the least rows in which a regression of 1.5, 3 and 5 points is found half of the time, and four times in
          five: by the exact test of McNemar, than which no unbiased test of the rows of one slice is more powerful
          (Lehmann 1986, "Testing Statistical Hypotheses", section 4.4), at the p-value that a search of some 13,700
          slices asks for. That falls as more is found: as the only one, as one of 10, and of 100
oracle    in the world `small` of `slice_found.py`, 16 regressions in slices of .03 to .3 % of 1.01 M flights: what
          is found by the procedure there, beside one that nobody has, who knows how good or bad every slice would
          be without a regression, how many there are, of which sizes they are and by how much, and lists slices by
          their odds as long as the expected share of false ones is at most .05 (Sun and Cai 2007, J. Am. Stat.
          Assoc. 102). No procedure that tests slice by slice finds more

python bench/slice_power.py [seeds]
"""

import sys
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shipway.maths.cube import add_values, count_rows, make_cube
from slice_cube import SUPPORT, read_flights
from slice_found import FLIPS, PLANTED, POINTS, RATE, SHARE, Tested, World, draw, plant, reject_worse, test

Floats = NDArray[np.float64]
SIZES: Final = tuple(round(10 ** (2 + step / 10)) for step in range(31))
"""Rows of slices, from 100 to 100,000."""
LOOKING: Final = 1_800
"""Slices of 13,755 that look worse where most are better."""
GRID: Final = np.linspace(*POINTS, 15)
"""Regressions that the oracle expects, all as likely."""


def find_power(rows: int, points: float, level: float) -> float:
    """Return how likely a regression is found by the exact test at a level, counts of differing rows drawn as well.

    Args:
        rows: of the slice.
        points: how many more of them only the candidate gets wrong, as a share.
        level: the p-value up to which it is found.
    """
    from scipy import stats

    binom: Any = stats.binom  # pyright: ignore[reportUnknownMemberType]
    differing = np.arange(rows + 1)
    mass = binom.pmf(differing, rows, 2 * FLIPS + points)
    likely = np.flatnonzero(mass > 1e-12)
    # The fewest worse rows at which the test is sure enough, for each number of differing rows.
    least = binom.isf(level, differing[likely], 0.5) + 1
    worse = (FLIPS + points) / (2 * FLIPS + points)
    return float((mass[likely] * binom.sf(least - 1, differing[likely], worse)).sum())


def show_power() -> None:
    """Print the least rows that it takes."""
    print("rows that a slice needs to be found in half (four fifths) of all draws; > where 100,000 do not do")
    for found in (1, 10, 100):
        # Of p-values given the side: RATE * found / LOOKING of them, which is half as much of p.
        level = RATE * found / LOOKING / 2
        cells: list[str] = []
        for points in (0.015, 0.03, 0.05):
            power = np.array([find_power(rows, points, level) for rows in SIZES])
            least = [next((rows for rows, each in zip(SIZES, power, strict=True) if each >= share), 0)
                     for share in (0.5, 0.8)]  # fmt: skip
            half, most = (f"{rows:,}" if rows else ">" for rows in least)
            cells.append(f"{points:.1%}: {half} ({most})")
        print(f"  one of {found:3} found, p <= {level:.1e}:  {'   '.join(cells)}", flush=True)


def ask_oracle(world: World, tested: Tested, without: Floats) -> NDArray[np.bool_]:
    """Return which slices are listed by one that knows everything but which slices have a regression.

    Args:
        world: what was planted.
        tested: what was seen.
        without: float64[cells], the expected difference of each slice without a regression.
    """
    places = tested.places
    n, mean = world.n[places].astype(np.float64), tested.effects.total[places] / world.n[places]
    error = np.sqrt(2 * FLIPS / n)
    low, high = (share * world.table.n for share in SHARE["small"])
    may = (n >= low) & (n <= high)
    null = -0.5 * np.square((mean - without[places]) / error)
    real = np.logaddexp.reduce([-0.5 * np.square((mean - points) / error) for points in GRID]) - np.log(GRID.size)
    prior = PLANTED / may.sum()
    odds = np.where(may, real - null + np.log(prior / (1 - prior)), -np.inf)
    false = 1 / (1 + np.exp(np.minimum(odds, 500.0)))
    order = np.argsort(false, kind="stable")
    share = np.cumsum(false[order]) / np.arange(1, false.size + 1)
    listed = np.zeros(false.size, np.bool_)
    listed[order[: int((share <= RATE).sum())]] = True
    return listed


def main() -> None:
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    show_power()
    table = read_flights()
    cube = make_cube(table.cards)
    world = World(table, cube, count_rows(cube, table.codes), np.empty(0, np.int64), np.zeros(table.n))
    print(f"{table.n:,} rows, {int((world.n >= SUPPORT).sum()):,} slices, {seeds} seeds")
    rows: dict[str, list[tuple[int, int]]] = {"BH": [], "oracle": []}
    for seed in range(seeds):
        rng = np.random.default_rng([seed, len("small")])
        drawn = plant(world, rng, SHARE["small"])
        tested = test(drawn, draw(drawn, rng, days=False), days=False)
        truly = add_values(cube, table.codes, drawn.expected)
        # Without a regression a planted slice would be as the others are on average.
        calm = replace(drawn, expected=np.where(drawn.expected > 0, drawn.expected[drawn.expected < 0].mean(),
                                                drawn.expected))  # fmt: skip
        without = add_values(cube, table.codes, calm.expected) / np.maximum(world.n, 1)
        listed = {"BH": reject_worse(tested.given), "oracle": ask_oracle(drawn, tested, without)}
        for name, chosen in listed.items():
            cells = tested.places[chosen]
            false = int((truly[cells] <= 0).sum())
            rows[name].append((int(np.isin(drawn.cells, cells).sum()), false))
    for name, each in rows.items():
        hit, false = np.array(each).T
        print(f"  {name:7} recall {hit.mean() / PLANTED:6.1%}, false slices a seed {false.mean():.2f}")


if __name__ == "__main__":
    main()

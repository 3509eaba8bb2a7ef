"""What is estimated when a group-sequential experiment stops: the plain effect, and the one with its looks allowed for.

Users with skewed revenue, up to five even looks, O'Brien-Fleming and Pocock boundaries of 5 %, a true lift of none,
half of what was planned for, that, and half as much more. Each experiment stops at its first crossing or at the end.
Printed: by how much the median and the mean of either estimate are off, how often the interval of 95 % holds the true
lift, and how often experiments stopped before the end.

    python bench/experiment_estimate.py [runs]
"""

import sys
import time
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shipway.core.effect import Effect
from shipway.core.experiment import Spending
from shipway.maths.expression import Aggregate
from shipway.maths.interval import wilson
from shipway.maths.summary import Summary, merge, summarise
from shipway.validation.look import Measured, bound, interval_of, measure, unbias

Floats = NDArray[np.float64]

LOOKS: Final = 5
USERS: Final = 4_000
PLANNED: Final = 0.15
"""The lift that so many users find with a power of 80 %, about."""
SPENT = Effect(kind="mean", value=Aggregate("count", "visits.opened"), width_us=1)


def run(
    random: np.random.Generator, lift: float, spending: Spending
) -> tuple[float, tuple[float, float], float, tuple[float, float], int]:
    """Return the plain estimate and interval where an experiment stopped, the others, and at which look."""
    size = USERS // LOOKS // 2
    parts: tuple[list[Summary], list[Summary]] = ([], [])
    fractions: list[float] = []
    boundaries: list[float] = []
    for look in range(1, LOOKS + 1):
        for arm, part in enumerate(parts):
            values = np.where(random.random(size) < 0.7, random.lognormal(0, 1, size), 0.0) * (1 + lift * arm)
            part.append(summarise(values[:, None]))
        found: Measured = measure("spent", SPENT, merge(parts[0]), merge(parts[1]))
        fractions.append(look / LOOKS)
        boundaries.append(bound(spending, fractions, 0.05).z)
        low, high = interval_of(SPENT, found, boundaries[-1])
        if low > 0 or high < 0 or look == LOOKS:
            plain = interval_of(SPENT, found, 1.959964)
            better = unbias(SPENT, found, 0.0, fractions, boundaries, 0.05)
            assert better is not None
            return found.estimate, plain, better[0], (better[1], better[2]), look
    raise AssertionError


def main(runs: int) -> None:
    """Print bias and coverage of both estimates."""
    began = time.process_time()
    print(f"{runs:,} experiments each, at most {LOOKS} looks of {USERS:,} users; errors in points of lift")
    print(
        f"{'':<16}{'true':>6}  {'early':>6}  {'plain: median, mean, holds':<38}looks allowed for: median, mean, holds"
    )
    for spending in ("obrien_fleming", "pocock"):
        for share in (0.0, 0.5, 1.0, 1.5):
            lift = share * PLANNED
            random = np.random.default_rng([3, round(100 * share)])
            found = [run(random, lift, spending) for _ in range(runs)]
            early = np.mean([each[4] < LOOKS for each in found])
            cells: list[str] = []
            for place in (0, 2):
                off = np.array([each[place] for each in found], dtype=np.float64) - lift
                ends = [each[place + 1] for each in found]
                held = sum(low <= lift <= high for low, high in ends)  # pyright: ignore
                low, high = wilson(held, runs)
                said = (
                    f"{100 * np.median(off):+.2f}, {100 * off.mean():+.2f}, {held / runs:.1%} ({low:.1%} to {high:.1%})"
                )
                cells.append(f"{said:<38}")
            print(f"{spending:<16}{lift:>6.1%}  {early:>6.0%}  {cells[0]}{cells[1]}", flush=True)
    print(f"{time.process_time() - began:.0f} s CPU")


if __name__ == "__main__":
    main(int((*sys.argv[1:], "1500")[0]))

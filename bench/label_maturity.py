"""Do the intervals on label maturity hold, and what is the correction for early labels worth?

Rows are asked all day long. Whether a label comes, how long it takes and whether it is true depend on the day, which
its rows share (a storm), and a true label takes longer. Each run is judged at the end of the last day, when labels of
the last hours have not come. Printed over all runs, with the 95 % interval of each share of runs:

    within        the interval of the share of labels within 3 hours holds the true share: errors by day, and by row
    mature        the interval of the maturity of a window holds the share that turns out in the end
    rate          error of the label rate of a window on the labels that have come, and weighted for those that have
                  not, against the rate among all labels that come in the end, in parts per thousand
    interval      the interval of the weighted rate holds the true rate of all days

    python bench/label_maturity.py [runs]
"""

import sys
import time
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from shipway.core.maturity import NEVER, Asked, measure_maturity
from shipway.maths.interval import wilson
from shipway.maths.maturity import estimate_delays, share_within

Floats = NDArray[np.float64]
HOUR, DAY = 3_600_000_000, 86_400_000_000
DAYS, ROWS_PER_DAY, WINDOWS = 40, 200, (1, 3, 28)
WITHIN = 3 * HOUR


@dataclass(frozen=True, slots=True, eq=False)
class Draw:
    """One simulated history: the rows, whether each label is true, and whether it ever comes."""

    rows: Asked
    y: NDArray[np.bool_]
    comes: NDArray[np.bool_]


def draw(rng: np.random.Generator, days: int, stormy: float) -> Draw:
    """Simulate days; `stormy` is how much their rows share."""
    n = days * ROWS_PER_DAY
    day = np.repeat(np.arange(days, dtype=np.int64), ROWS_PER_DAY)
    storm = rng.normal(0.0, stormy, days)[day]
    y = rng.random(n) < 1 / (1 + np.exp(1.3 - storm))
    comes = rng.random(n) > 1 / (1 + np.exp(3.5 - storm))
    delay = np.exp(rng.normal(0.9, 0.4, n) + 0.1 * storm) + np.where(y, 1.0, 0.0)
    at = day * DAY + rng.integers(0, DAY, n)
    known_at = np.where(comes, at + (delay * HOUR).astype(np.int64), NEVER)
    return Draw(Asked(at=at, known_at=known_at, day=day), y, comes)


@dataclass
class Tally:
    """What runs came to: hits by what was asked, and errors of the rate on the labels seen and corrected."""

    hits: dict[str, list[bool]] = field(default_factory=dict[str, list[bool]])
    seen: dict[int, list[float]] = field(default_factory=dict[int, list[float]])
    corrected: dict[int, list[float]] = field(default_factory=dict[int, list[float]])

    def hit(self, name: str, value: bool) -> None:
        """Count a run for which an interval held, or did not."""
        self.hits.setdefault(name, []).append(value)


def run(rng: np.random.Generator, stormy: float, truth: tuple[float, float], tally: Tally) -> None:
    """Judge one history and count what held."""
    drawn = draw(rng, DAYS, stormy)
    rows, now = drawn.rows, DAYS * DAY
    took, seen, _ = rows.follow(now)
    for name, clusters in (("by day", rows.day), ("by row", np.arange(rows.day.size))):
        _, low, high = share_within(estimate_delays(took, seen, clusters), WITHIN)
        tally.hit(f"within 3 h, errors {name}", low <= truth[0] <= high)
    for width in WINDOWS:
        within = rows.at >= now - width * DAY
        window = Asked(at=rows.at[within], known_at=rows.known_at[within], day=rows.day[within])
        found = measure_maturity(window, now, before=rows, y=drawn.y[within])
        comes = drawn.comes[within]
        tally.hit(f"mature, last {width} d", found.low <= found.labelled / comes.sum() <= found.high)
        (rate,) = found.bias
        final = float(drawn.y[within][comes].mean())
        tally.seen.setdefault(width, []).append(rate.seen - final)
        if rate.corrected is not None:
            tally.corrected.setdefault(width, []).append(rate.corrected - final)
        if rate.low is not None and rate.high is not None:
            tally.hit(f"interval of the rate, last {width} d", rate.low <= truth[1] <= rate.high)


def main() -> None:
    """Print what the runs came to, where rows are independent and where the rows of a day share their weather."""
    runs, begun = int(sys.argv[1]) if len(sys.argv) > 1 else 400, time.perf_counter()
    for stormy in (0.0, 0.8):
        many = draw(np.random.default_rng(7), 4_000, stormy)
        came = many.rows.known_at != NEVER
        early = (many.rows.known_at - many.rows.at)[came] <= WITHIN
        truth = float(early.sum() / came.size), float(many.y[came].mean())
        tally, rng = Tally(), np.random.default_rng(1)
        for _ in range(runs):
            run(rng, stormy, truth, tally)
        print(f"\ndays {'share their weather' if stormy else 'are alike'}, {runs:,} runs of {DAYS} days")
        for name, hits in tally.hits.items():
            low, high = wilson(sum(hits), len(hits))
            print(f"  {name:<36} held in {np.mean(hits):6.1%} [{low:.1%}, {high:.1%}]")
        for width in WINDOWS:
            seen, corrected = np.asarray(tally.seen[width]), np.asarray(tally.corrected[width])
            parts = [f"{1000 * each.mean():+7.2f} {1000 * np.abs(each).mean():6.2f}" for each in (seen, corrected)]
            print(f"  rate, last {width:>2} d: bias and mean error {parts[0]} as seen, {parts[1]} weighted (per 1,000)")
    print(f"\n{time.perf_counter() - begun:.1f} s")


if __name__ == "__main__":
    main()

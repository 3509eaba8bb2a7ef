"""What does fairness of many groups cost beside fairlearn, and do its intervals hold?

cost         100,000 rows, 80 groups (8 x 5 x 2), selection rate, true positive rate, false positive rate and accuracy:
fairlearn's MetricFrame; shipway's rates with clustered covariances and the simultaneous interval of the
greatest difference on top. CPU seconds; the rates are equal, which is checked
intervals    groups are treated alike or 10 points apart at most, rows come in days that share their weather: how
often the interval of the greatest difference misses the true one on either side. Beside it: what
the interval of the two groups that happen to be furthest apart would claim, and rows taken as
independent

python bench/fairness.py [runs]
"""

import sys
import time
from itertools import combinations
from typing import Any, Final, cast

import numpy as np
from fairlearn import metrics
from numpy.typing import NDArray

from shipway.maths.fairness import Rates, Spread, covariance_of, estimate_rates, spread_of
from shipway.maths.interval import wilson

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
N, CARDS = 100_000, (8, 5, 2)
DAYS, ROWS_PER_DAY = 60, 120


def share_right(y: Any, acts: Any) -> float:
    """Return how often acting is right."""
    return float((y == acts).mean())


def measure_fairlearn(y: Any, acts: Any, groups: Any) -> Any:
    """Return fairlearn's rates by group."""
    library = cast("Any", metrics)
    asked = {
        "acts": library.selection_rate, "true": library.true_positive_rate, "false": library.false_positive_rate,
        "right": share_right,
    }  # fmt: skip
    frame = library.MetricFrame(metrics=asked, y_true=y, y_pred=acts, sensitive_features=groups)
    return frame.by_group


def measure_shipway(
    y: NDArray[np.bool_], acts: NDArray[np.bool_], group: Ints, day: Ints, *, spreads: bool
) -> dict[str, Rates]:
    """Return the same rates with their errors, and where asked for the interval of the greatest difference of each."""
    groups, every = int(np.prod(CARDS)), np.ones(y.size, np.bool_)
    value = acts.astype(np.float64)
    asked = {"acts": (value, every), "true": (value, y), "false": (value, ~y), "right": ((acts == y) * 1.0, every)}
    pairs = np.array(list(combinations(range(groups), 2)))
    found: dict[str, Rates] = {}
    for name, (each, inside) in asked.items():
        found[name] = estimate_rates(group, groups, each, inside, day, share=True)
        if spreads:
            spread_of(
                found[name].value,
                covariance_of(found[name], np.arange(found[name].value.size)),
                int(found[name].clusters.min()) - 1,
                pairs,
            )
    return found


def compare_cost() -> None:
    """Print what both cost on the same rows."""
    rng = np.random.default_rng(3)
    codes = [rng.integers(0, card, N) for card in CARDS]
    group = (codes[0] * CARDS[1] + codes[1]) * CARDS[2] + codes[2]
    y, acts, day = rng.random(N) < 0.3, rng.random(N) < 0.4, rng.integers(0, 90, N)
    started = time.process_time()
    theirs = measure_fairlearn(y, acts, np.column_stack(codes))
    fairlearn_s = time.process_time() - started
    measure_shipway(y, acts, group, day, spreads=True)  # imports
    spent: dict[bool, float] = {}
    ours: dict[str, Rates] = {}
    for spreads in (False, True):
        started = time.process_time()
        ours = measure_shipway(y, acts, group, day, spreads=spreads)
        spent[spreads] = time.process_time() - started
    for name, rates in ours.items():
        assert np.allclose(theirs[name].to_numpy(), rates.value, rtol=1e-12), name
    print(f"cost, {N:,} rows, {int(np.prod(CARDS))} groups, 4 rates, equal values")
    print(f"  fairlearn {fairlearn_s:6.3f} CPU s, rates alone")
    for spreads, what in ((False, "rates with clustered errors"), (True, "and simultaneous intervals of all pairs")):
        print(f"  shipway   {spent[spreads]:6.3f} CPU s, {what}: {fairlearn_s / spent[spreads]:.0f} times less")


def draw(rng: np.random.Generator, shares: Floats) -> tuple[Floats, Ints, Ints]:
    """Draw who is acted on, the group and the day of each row; the weather of a day moves the groups unequally."""
    n = DAYS * ROWS_PER_DAY
    day = np.repeat(np.arange(DAYS), ROWS_PER_DAY)
    group = rng.integers(0, shares.size, n)
    weather = rng.normal(0.0, 0.08, DAYS)[day] + rng.normal(0.0, 0.08, (DAYS, shares.size))[day, group]
    return (rng.random(n) < np.clip(shares[group] + weather, 0, 1)).astype(np.float64), group, day


METHODS: Final = ("shipway", "the two alone", "rows")


def check_intervals(groups: int, apart: float, runs: int) -> None:
    """Print how often each interval lies wholly above or wholly below the true greatest difference."""
    shares, pairs = np.linspace(0.35, 0.35 + apart, groups), np.array(list(combinations(range(groups), 2)))
    missed: dict[str, list[int]] = {method: [0, 0] for method in METHODS}
    width: dict[str, float] = dict.fromkeys(METHODS, 0.0)
    for run in range(runs):
        value, group, day = draw(np.random.default_rng([run, groups]), shares)
        every = np.ones(value.size, np.bool_)
        by_day = estimate_rates(group, groups, value, every, day, share=True)
        by_row = estimate_rates(group, groups, value, every, None, share=True)
        whole = spread_of(by_day.value, covariance_of(by_day, np.arange(groups)), DAYS - 1, pairs)
        two = np.array([[whole.most, whole.least]])
        found: dict[str, Spread] = {
            "shipway": whole,
            "the two alone": spread_of(by_day.value, covariance_of(by_day, np.arange(groups)), DAYS - 1, two),
            "rows": spread_of(by_row.value, covariance_of(by_row, np.arange(groups)), value.size // groups, pairs),
        }
        for method, spread in found.items():
            missed[method][0] += spread.low > apart
            missed[method][1] += spread.high < apart
            width[method] += (spread.high - spread.low) / runs
    print(f"intervals, {groups} groups, {apart:.2f} apart at most, {runs} runs: above the truth, below it, mean width")
    for method, (above, below) in missed.items():
        shares = "  ".join(
            f"{count / runs:6.1%} [{low:.1%}, {high:.1%}]"
            for count, (low, high) in ((count, wilson(count, runs)) for count in (above, below))
        )
        print(f"  {method:14} {shares}  {width[method]:.3f}")


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    compare_cost()
    for groups, apart in ((2, 0.0), (2, 0.1), (8, 0.0), (8, 0.1), (30, 0.0)):
        check_intervals(groups, apart, runs)


if __name__ == "__main__":
    main()

"""How often is a version of a number taken back that is not worse, and how soon one that is? Both rules, day by day.

A service says how many minutes late a flight will be, some 930 times a day. Labels are skewed and have storms that last
for days; a storm makes both versions err more, each in its own way. The walk has four steps that are judged: shadow,
2 % and 10 % for two days each, then 50 % for as long as is looked. At the end of each of 40 days both rules that need a
number are measured and judged, and nothing else ends the walk:

    prediction_shift <= 0.25                                        places among the stable version's, each step anew
    shown_loss("mean_absolute_error", relative=True) <= 0.02        labels landed, over the whole release

Nothing wrong: the candidate errs as much as the stable version, in its own way. At the bound: its expected absolute
error is 2 % greater, so that each time it is taken back for that is an error. For speed the rules are computed from
arrays; on the first release of every case each number is compared with what `measure_canary` makes of the same requests
as a log. Exits with 1 where more are taken back that should not be than the rules are designed for, as far as the runs
can tell: the lower end of the share's 95 % interval is above it.

    python bench/canary_number.py [runs]
"""

import math
import sys
import time
from collections import Counter
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shipway.core.canary import prediction_shift, shown_loss
from shipway.core.gate import judge
from shipway.maths.drift import find_places
from shipway.maths.interval import clustered_ratio, wilson
from shipway.maths.sequential import confidence_sequence_distance, confidence_sequence_mean
from shipway.monitoring.canary import measure_canary
from shipway.monitoring.window import CanaryWindow

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
DAY, LANDS = 86_400_000_000, 5 * 3_600_000_000
DAYS, ALPHA = 40, 0.05
STEPS = ((0, 0.0), (2, 0.02), (4, 0.1), (6, 0.5))
"""First day and weight of each step."""
SHIFT, LOSS = prediction_shift <= 0.25, shown_loss("mean_absolute_error", relative=True) <= 0.02
DESIGNED = ALPHA
"""Each rule takes a version back at one end of its interval, for which half of its alpha is designed."""


@dataclass(frozen=True, slots=True)
class Case:
    """What is wrong with a candidate: its errors are so many times as large, or its predictions moved by minutes."""

    name: str
    errors: float = 1.0
    moved: float = 0.0
    more: float = 0.0
    wrong: bool = True


CASES = (
    Case("nothing wrong", wrong=False),
    Case("error + 2 %, at the bound", more=0.02, wrong=False),
    Case("errors x 1.25", errors=1.25),
    Case("errors x 1.5", errors=1.5),
    Case("errors x 2", errors=2.0),
    Case("10 minutes too many", moved=10.0),
    Case("40 minutes too many", moved=40.0),
)


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """All requests of one release, ascending: when, who would answer, what came, and what either version says."""

    at: Ints
    place: Floats
    y: Floats
    stable: Floats
    candidate: Floats
    scale: Floats


def draw_history(rng: np.random.Generator, case: Case) -> History:
    """Simulate one release; the scale is of 5,000 predictions that the stable version made before it."""
    storm = np.zeros(DAYS + 20)
    shocks = rng.gamma(0.35, 1.6, storm.size)
    for i in range(1, storm.size):
        storm[i] = 0.35 * storm[i - 1] + shocks[i]
    storm = storm[20:]
    day = np.repeat(np.arange(DAYS, dtype=np.int64), rng.integers(840, 1_020, DAYS))
    at = np.sort(day * DAY + (rng.random(day.size) * DAY).astype(np.int64))
    usual = rng.lognormal(2.3, 0.8, day.size + 5_000)
    expected = usual[: day.size] * (1 + 0.5 * storm[day])

    def err() -> Floats:
        by_day = (0.6 + 0.8 * storm) * rng.normal(size=DAYS)
        return by_day[day] + (6 + 3 * storm[day]) * rng.standard_t(4, day.size)

    y = expected + (4 + 2 * storm[day]) * rng.normal(size=day.size)
    errors = err(), err()
    stable, candidate = expected + errors[0], expected + case.errors * errors[1] + case.moved
    before = usual[day.size :] + 6 * rng.standard_t(4, 5_000)
    return History(at, rng.random(day.size), y, stable, candidate, np.quantile(before, np.linspace(0, 1, 21)))


def find_errors(more: float) -> float:
    """Return how large a candidate's errors are at which its expected absolute error is greater by a share."""
    low, high = 1.0, 2.0
    while high - low > 0.002:
        factor = (low + high) / 2
        ours = theirs = 0.0
        for seed in range(60):
            found = draw_history(np.random.default_rng([7, seed]), Case("", errors=factor))
            ours += float(np.abs(found.candidate - found.y).mean())
            theirs += float(np.abs(found.stable - found.y).mean())
        low, high = (factor, high) if ours / theirs - 1 < more else (low, factor)
    return (low + high) / 2


def look_at_shift(history: History, since: int, weight: float, now: int) -> tuple[float, float, int]:
    """Measure the shift of a step from arrays: the ends of its interval, and of how many requests."""
    part = slice(*np.searchsorted(history.at, [since, now]))
    ours = history.place[part] < weight if weight else np.ones(part.stop - part.start, dtype=np.bool_)
    places = [find_places(x[part][ours], history.scale) for x in (history.candidate, history.stable)]
    low, high = confidence_sequence_distance(places[0], places[1], ALPHA / len(STEPS))
    return low, high, int(ours.sum())


def look_at_loss(history: History, now: int) -> tuple[float, int]:
    """Measure what is shown of the loss from arrays: the lower end of its interval, and of how many requests."""
    days = (now - LANDS) // DAY
    end = int(np.searchsorted(history.at, days * DAY))
    if days < 2:
        return -math.inf, end
    ours, theirs = (np.abs(x[:end] - history.y[:end]) for x in (history.candidate, history.stable))
    return confidence_sequence_mean(clustered_ratio(ours - theirs, theirs, history.at[:end] // DAY), ALPHA)[0], end


def compare_log(history: History, since: int, weight: float, now: int) -> None:
    """Refuse numbers that are not what `measure_canary` makes of the same requests as a log."""
    n = int(np.searchsorted(history.at, now))
    request = pl.Series("request", [f"r{i:06d}" for i in range(n)])
    pairs = pl.DataFrame(
        {
            "request": request, "row": request, "at": history.at[:n],
            "weight": np.where(history.at[:n] >= since, weight, -1.0),
            "p_stable": history.stable[:n], "p_candidate": history.candidate[:n],
            "answered": np.where(history.place[:n] < weight, "candidate", "stable"),
        }
    )  # fmt: skip
    labels = pl.DataFrame({"row": request, "label": history.y[:n], "known_at": history.at[:n] + LANDS})
    window = CanaryWindow(
        pairs=pairs, labels=labels, newest={}, online={"stable": "s", "candidate": "s"},
        versions={"stable": 1, "candidate": 2}, since=since, weight=weight, steps=len(STEPS), now=now - 1,
        predicts="number", scale=tuple(history.scale.tolist()),
    )  # fmt: skip
    shift, loss = (measure_canary(rule.check, window, subject="release:s/1@0") for rule in (SHIFT, LOSS))
    low, high, seen = look_at_shift(history, since, weight, now)
    if not np.allclose((shift.low, shift.high, shift.n), (low, high, seen), rtol=1e-9, atol=1e-12):
        raise AssertionError(f"shift at {now}: {shift} is not {low, high, seen}")
    shown, rows = look_at_loss(history, now - 1)
    if math.isfinite(shown) and not np.allclose((loss.value, loss.n), (shown, rows), rtol=1e-9, atol=1e-12):
        raise AssertionError(f"loss at {now}: {loss} is not {shown, rows}")
    if judge(LOSS, loss).outcome == "fail" and not shown > LOSS.bound:
        raise AssertionError(f"{loss} fails though {shown} is shown")


def watch(history: History, *, compare: bool) -> tuple[int, str]:
    """Return the day on which a release is taken back and by which rule; 0 and nothing where it is not."""
    for day in range(1, DAYS + 1):
        first, weight = max(step for step in STEPS if step[0] < day)
        if compare:
            compare_log(history, first * DAY, weight, day * DAY)
        if look_at_shift(history, first * DAY, weight, day * DAY)[0] > SHIFT.bound:
            return day, "prediction_shift"
        if look_at_loss(history, day * DAY - 1)[0] > LOSS.bound:
            return day, "shown_loss"
    return 0, ""


def main() -> int:
    """Print what becomes of releases with nothing wrong and with each fault."""
    runs, began, worst = int(sys.argv[1]) if len(sys.argv) > 1 else 400, time.process_time(), 0.0
    print("case                        runs  taken back          median day  by")
    for place, case in enumerate(CASES):
        n = max(runs // 8, 20) if case.wrong else runs
        drawn = Case(case.name, find_errors(case.more), case.moved) if case.more else case
        ends: list[tuple[int, str]] = []
        for run in range(n):
            history = draw_history(np.random.default_rng([place, run]), drawn)
            ends.append(watch(history, compare=not run))
        days = [day for day, _ in ends if day]
        low, high = wilson(len(days), n)
        median = f"{np.median(days):.0f}" if days else "-"
        by = ", ".join(f"{rule} {count}" for rule, count in Counter(rule for _, rule in ends if rule).items())
        print(f"{case.name:26} {n:5}  {len(days) / n:6.1%} [{low:4.1%}, {high:6.1%}]  {median:>8}  {by}")
        if not case.wrong:
            worst = max(worst, low)
    print(f"designed for at most {DESIGNED:.0%} in both rules together, where nothing is wrong")
    print(f"{time.process_time() - began:,.0f} s of processor time")
    return int(worst > DESIGNED)


if __name__ == "__main__":
    sys.exit(main())

"""How often is a version of a class taken back that is not worse, and how soon one that is? Both rules, day by day.

A service sorts some 930 parcels a day into classes: three, or twenty of which half are rare. How probable each is
depends on the parcel and on the day, and both versions are wrong about it, each in its own way: by parcel, by class,
and by day, for what is odd about a day is the same for all of its parcels. The walk has four steps that are judged:
shadow, 2 % and 10 % for two days each, then 50 % for as long as is looked. At the end of each of 40 days both rules
that need classes are measured and judged, and nothing else ends the walk:

    prediction_shift <= 0.25                   the class that is furthest apart, each step anew
    shown_loss(relative=True) <= 0.02          labels landed, over the whole release

Nothing wrong: the candidate errs as much as the stable version, in its own way. At the bound: its expected log loss is
2 % greater, so that each time it is taken back for that is an error. With a new class the candidate knows one that the
stable version does not, and one parcel in two hundred is of it, or one in ten, mostly such that it can tell beforehand:
its loss is then measured at the classes that both know, so that it neither pays for what it gives to the new class nor
hides behind it. Or it is sure of the new class for one parcel in five, and none is of it, which is below the bound of
the shift.

For speed the rules are computed from arrays; on the first release of every case each number is compared with what
`measure_canary` makes of the same requests as a log. Exits with 1 where more are taken back that should not be than the
rules are designed for, as far as the runs can tell: the lower end of the share's 95 % interval is above it.

Beside them stands what the two versions give to other classes, row by row (mean total variation), and how far they are
apart by the rule: a bound on the former would not let sound versions of many classes pass. The last column is the share
of the first three steps, each as long as it holds at least, at whose end the shift may pass.

    python bench/canary_class.py [runs]
"""

import math
import sys
import time
from collections import Counter
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shipway.core.canary import prediction_shift, shown_loss
from shipway.core.gate import judge
from shipway.maths.drift import wasserstein
from shipway.maths.interval import clustered_ratio, wilson
from shipway.maths.loss import loss_of
from shipway.maths.multiclass import per_row_known_loss
from shipway.maths.sequential import confidence_sequence_classes, confidence_sequence_mean
from shipway.monitoring.canary import measure_canary
from shipway.monitoring.window import CanaryWindow

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
DAY, LANDS = 86_400_000_000, 5 * 3_600_000_000
DAYS, ALPHA = 40, 0.05
STEPS = ((0, 0.0), (2, 0.02), (4, 0.1), (6, 0.5))
"""First day and weight of each step."""
SHIFT, LOSS = prediction_shift <= 0.25, shown_loss(relative=True) <= 0.02
DESIGNED = ALPHA
"""Each rule takes a version back at one end of its interval, for which half of its alpha is designed."""
ERROR = 0.35
"""How large either version's errors are, in units of log-odds."""


@dataclass(frozen=True, slots=True)
class Case:
    """What is wrong with a candidate: its errors are so many times as large, or classes are taken for one another.

    Attributes:
        new: share of the parcels that are of a class that the candidate alone knows.
        sure: share of the parcels of which it says so with near certainty though none is.
    """

    name: str
    classes: int = 3
    errors: float = 1.0
    more: float = 0.0
    prior: float = 0.0
    turned: bool = False
    new: float = 0.0
    sure: float = 0.0
    wrong: bool = True


CASES = (
    Case("nothing wrong, 3 classes", wrong=False),
    Case("nothing wrong, 20 classes", classes=20, wrong=False),
    Case("loss + 2 %, 3 classes", more=0.02, wrong=False),
    Case("loss + 2 %, 20 classes", classes=20, more=0.02, wrong=False),
    Case("a new class, of .5 %", new=0.005, wrong=False),
    Case("a new class, of a tenth", new=0.1, wrong=False),
    Case("loss + 2 %, a new tenth", more=0.02, new=0.1, wrong=False),
    Case("errors x 2, 3 classes", errors=2.0),
    Case("errors x 2, 20 classes", classes=20, errors=2.0),
    Case("errors x 3, 20 classes", classes=20, errors=3.0),
    Case("errors x 2, a new tenth", errors=2.0, new=0.1),
    Case("sure of a new one, wrongly", sure=0.2),
    Case("prior for half of them", prior=0.5),
    Case("classes in another order", turned=True),
    Case("the same, of 20", classes=20, turned=True),
)


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """All requests of one release, ascending: when, who would answer, what came, and what either version says."""

    at: Ints
    place: Floats
    y: Ints
    stable: Floats
    candidate: Floats


def draw_history(rng: np.random.Generator, case: Case) -> History:
    """Simulate one release; where a class is new, it is the last, and the stable version gives it nothing."""
    k = case.classes
    day = np.repeat(np.arange(DAYS, dtype=np.int64), rng.integers(840, 1_020, DAYS))
    at = np.sort(day * DAY + (rng.random(day.size) * DAY).astype(np.int64))
    usual = np.where(np.arange(k) < max(k // 2, 2), 0.0, -1.5)
    odds = usual + rng.normal(0, 1.2, (day.size, k)) + rng.normal(0, 0.4, (DAYS, k))[day]

    def err(size: float) -> Floats:
        by_day = rng.normal(0, 0.25, (DAYS, k))[day] + rng.normal(0, 0.1, k)
        return size * ERROR * (by_day + rng.standard_t(5, (day.size, k)))

    truth, stable, candidate = (soften(odds + error) for error in (0.0, err(1.0), err(case.errors)))
    if case.turned:
        candidate = np.roll(candidate, 1, axis=1)
    candidate = np.where(rng.random((day.size, 1)) < case.prior, truth.mean(axis=0), candidate)
    y = (rng.random((day.size, 1)) > truth.cumsum(axis=1)).sum(axis=1).clip(max=k - 1).astype(np.int64)
    if case.new or case.sure:
        told = np.where(rng.random((day.size, 1)) < 0.1, 5.5, 0.5) * case.new
        y = np.where(rng.random(day.size) < told[:, 0], k, y)
        told = np.where(rng.random((day.size, 1)) < case.sure, 1 - 1e-6, told)
        stable = np.column_stack([stable, np.zeros(day.size)])
        candidate = np.column_stack([candidate * (1 - told), told])
    return History(at, rng.random(day.size), y, stable, candidate)


def soften(odds: Floats) -> Floats:
    """Return probabilities of log-odds, each row of which makes one together."""
    powers = np.exp(odds - odds.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def find_errors(case: Case) -> float:
    """Return how large a candidate's errors are at which its expected log loss is greater by a share."""
    low, high = 1.0, 2.0
    while high - low > 0.002:
        factor = (low + high) / 2
        ours = theirs = 0.0
        for seed in range(30):
            found = draw_history(np.random.default_rng([7, seed]), Case("", classes=case.classes, errors=factor))
            ours += float(loss_of("class", found.y, found.candidate).mean())
            theirs += float(loss_of("class", found.y, found.stable).mean())
        low, high = (factor, high) if ours / theirs - 1 < case.more else (low, factor)
    return (low + high) / 2


def look_at_shift(history: History, since: int, weight: float, now: int) -> tuple[float, float, int]:
    """Measure the shift of a step from arrays: the ends of its interval, and of how many requests."""
    part = slice(*np.searchsorted(history.at, [since, now]))
    ours = history.place[part] < weight if weight else np.ones(part.stop - part.start, dtype=np.bool_)
    candidate, stable = (p[part][ours] for p in (history.candidate, history.stable))
    return *confidence_sequence_classes(candidate, stable, ALPHA / len(STEPS)), int(ours.sum())


def is_shifted(history: History, since: int, weight: float, now: int) -> bool:
    """Tell whether the shift of a step fails; its lower end is never above the difference of the means."""
    part = slice(*np.searchsorted(history.at, [since, now]))
    ours = history.place[part] < weight if weight else np.ones(part.stop - part.start, dtype=np.bool_)
    if not ours.any():
        return False
    means = [p[part][ours].mean(axis=0) for p in (history.candidate, history.stable)]
    if np.abs(means[0] - means[1]).max() <= SHIFT.bound:
        return False
    return look_at_shift(history, since, weight, now)[0] > SHIFT.bound


def look_at_loss(history: History, now: int) -> tuple[float, int]:
    """Measure what is shown of the loss from arrays: the lower end of its interval, and of how many requests."""
    days = (now - LANDS) // DAY
    end = int(np.searchsorted(history.at, days * DAY))
    if days < 2:
        return -math.inf, end
    y, day = history.y[:end], history.at[:end] // DAY
    tells = history.stable.max(axis=0) > 0
    known = tells[y]
    elsewhere = float(history.candidate[: np.searchsorted(history.at, now, "right")][:, ~tells].sum(axis=1).mean())
    candidate, stable = (p[:end][known] for p in (history.candidate, history.stable))
    theirs = loss_of("class", y[known], stable)
    ours = per_row_known_loss(y[known], candidate, tells, elsewhere)
    found = confidence_sequence_mean(clustered_ratio(ours - theirs, theirs, day[known]), ALPHA)
    return found[0], int(known.sum())


def compare_log(history: History, since: int, weight: float, now: int) -> None:
    """Refuse numbers that are not what `measure_canary` makes of the same requests as a log."""
    n = int(np.searchsorted(history.at, now))
    classes = tuple(f"class {place:02d}" for place in range(history.stable.shape[1]))
    kind = pl.Array(pl.Float64(), len(classes))
    request = pl.Series("request", [f"r{i:06d}" for i in range(n)])
    pairs = pl.DataFrame(
        {
            "request": request, "row": request, "at": history.at[:n],
            "weight": np.where(history.at[:n] >= since, weight, -1.0),
            "p_stable": pl.Series(history.stable[:n], dtype=kind),
            "p_candidate": pl.Series(history.candidate[:n], dtype=kind),
            "answered": np.where(history.place[:n] < weight, "candidate", "stable"),
        }
    )  # fmt: skip
    happened = pl.Series([classes[code] for code in history.y[:n].tolist()])
    labels = pl.DataFrame({"row": request, "label": happened, "known_at": history.at[:n] + LANDS})
    window = CanaryWindow(
        pairs=pairs, labels=labels, newest={}, online={"stable": "s", "candidate": "s"},
        versions={"stable": 1, "candidate": 2}, since=since, weight=weight, steps=len(STEPS), now=now - 1,
        predicts="class", classes=classes,
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
        if compare and day % 7 == 3:
            compare_log(history, first * DAY, weight, day * DAY)
        if is_shifted(history, first * DAY, weight, day * DAY):
            return day, "prediction_shift"
        if look_at_loss(history, day * DAY - 1)[0] > LOSS.bound:
            return day, "shown_loss"
    return 0, ""


def describe(case: Case) -> tuple[float, float, float]:
    """Return how far two versions are apart by rows and by the rule, and the share of steps at whose end they pass."""
    apart, furthest, passed = list[float](), list[float](), list[bool]()
    for seed in range(8):
        history = draw_history(np.random.default_rng([3, seed]), case)
        p, q = history.candidate, history.stable
        apart.append(float(np.abs(p - q).sum(axis=1).mean()) / 2)
        furthest.append(max(wasserstein(p[:, place], q[:, place]) for place in range(p.shape[1])))
        for (first, weight), (last, _) in pairwise(STEPS):
            passed.append(look_at_shift(history, first * DAY, weight, last * DAY)[1] <= SHIFT.bound)
    return float(np.mean(apart)), float(np.mean(furthest)), float(np.mean(passed))


def main() -> int:
    """Print what becomes of releases with nothing wrong and with each fault."""
    runs, began, worst = int(sys.argv[1]) if len(sys.argv) > 1 else 400, time.process_time(), 0.0
    print("case                        rows  class  runs  taken back          median day  may pass  by")
    for place, case in enumerate(CASES):
        n = max(runs // 8, 10) if case.wrong else runs
        drawn = replace(case, errors=find_errors(case)) if case.more else case
        ends: list[tuple[int, str]] = []
        for run in range(n):
            history = draw_history(np.random.default_rng([place, run]), drawn)
            ends.append(watch(history, compare=not run))
        days = [day for day, _ in ends if day]
        low, high = wilson(len(days), n)
        median = f"{np.median(days):.0f}" if days else "-"
        by = ", ".join(f"{rule} {count}" for rule, count in Counter(rule for _, rule in ends if rule).items())
        taken = f"{len(days) / n:6.1%} [{low:4.1%}, {high:6.1%}]"
        rows, furthest, passed = describe(drawn)
        print(
            f"{case.name:26} {rows:5.3f}  {furthest:5.3f} {n:5}  {taken}  {median:>8}  {passed:8.0%}  {by}", flush=True
        )
        if not case.wrong:
            worst = max(worst, low)
    print(f"designed for at most {DESIGNED:.0%} in both rules together, where nothing is wrong")
    print(f"{time.process_time() - began:,.0f} s of processor time")
    return int(worst > DESIGNED)


if __name__ == "__main__":
    sys.exit(main())

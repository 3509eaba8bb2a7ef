"""How often does a release take back a version that is not worse, and how soon one that is? The whole gate, day by day.

A walk in days: shadow 2 days, 2 % 2 days or more, 10 % 2 days, 50 % 2 days, then promoted. Every day some 930 requests
are asked; days differ in their number, their weather (correlated from day to day, with storms), their rate of failures
and their speed, and on some days an incident hits both versions. At the end of each day all five checks are measured,
the gate decides and the release moves by the rules of `shipway.core`.

Nothing wrong: the candidate errs as much as the stable version, in its own way. Faults come one at a time. For speed
the checks are computed from arrays with the functions of `shipway.maths.sequential`; on the first releases each number
is compared with what `shipway.monitoring.canary.measure_canary` makes of the same requests as a log.

Two more tables: the plan of `answers_needed` against simulation, and what intervals for a mean over days do when they
are looked at every day, on days as skewed and correlated as those of recorded flights.

    python bench/canary_error_rate.py [runs]
"""

import math
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import stdtrit

from shipway.core.canary import failed_answers, feature_lag, paired_loss, prediction_shift, slow_answers
from shipway.core.check import Evidence
from shipway.core.gate import decide, make_gate
from shipway.core.release import Release, Step, next_move
from shipway.core.service import Variant
from shipway.maths.interval import Estimate, clustered_mean, wilson
from shipway.maths.metric import per_row_log_loss
from shipway.maths.sequential import (
    answers_needed,
    confidence_sequence_distance,
    confidence_sequence_mean,
    confidence_sequence_share,
    share_log_e,
    stretched_log_e,
)
from shipway.monitoring.canary import measure_canary
from shipway.monitoring.window import CanaryWindow

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
DAY, HOUR = 86_400_000_000, 3_600_000_000
DAYS, BASE, SLOW_MS, LANDS, LATE = 40, 0.005, 50.0, 5 * HOUR, 2 * HOUR
WALK = (*(Step(weight=w, hold_us=2 * DAY) for w in (0.0, 0.02, 0.1, 0.5)), Step(weight=1.0))
STEPS = len(WALK) - 1
RULES = (
    failed_answers(),
    slow_answers(over_ms=SLOW_MS),
    prediction_shift <= 0.15,
    feature_lag(over="2h") <= 0.05,
    paired_loss() <= 0.02,
)
GATE = make_gate("step", *RULES, before="step")
# An interval takes a version back at its lower end only, for which half of its alpha is designed.
DESIGNED = 0.01 + 0.01 + 0.025 + 0.025 + 0.025
VARIANTS = [Variant(version=v, bundle="", online=f"store{v}") for v in (1, 2)]


@dataclass(frozen=True, slots=True)
class Case:
    """What is wrong with a candidate, next to the stable version.

    Attributes:
        name: what it is called in the table.
        failures: by how many times it fails as often.
        slower: by how many times it is slow as often.
        lag_us: how much older its features are.
        shift: what is added to its predictions.
        loss: by how much its expected log loss is greater.
    """

    name: str
    failures: float = 1.0
    slower: float = 1.0
    lag_us: int = 0
    shift: float = 0.0
    loss: float = 0.0


CASES = (
    Case("nothing wrong"),
    Case("better by .005", loss=-0.005),
    Case("failures x 2", failures=2),
    Case("failures x 5", failures=5),
    Case("failures x 20", failures=20),
    Case("slow answers x 5", slower=5),
    Case("slow answers x 20", slower=20),
    Case("features 6 h old", lag_us=6 * HOUR),
    Case("predictions + .3", shift=0.3),
    Case("log loss + .005", loss=0.005),
    Case("log loss + .02", loss=0.02),
    Case("log loss + .05", loss=0.05),
)


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """All requests of one release, ascending, and what either version would do: arrays of stable and candidate."""

    at: Ints
    place: Floats
    y: Bools
    p: tuple[Floats, Floats]
    failed: tuple[Bools, Bools]
    took_us: tuple[Ints, Ints]
    newest: tuple[Ints, Ints]


def draw_weather(rng: np.random.Generator, days: int) -> Floats:
    """Simulate weather by day: correlated, mostly fair, with storms."""
    shocks, level = rng.gamma(0.35, 1.6, days + 20) - 0.56, np.zeros(days + 20)
    for i in range(1, shocks.size):
        level[i] = 0.35 * level[i - 1] + shocks[i]
    return level[20:]


def draw_predictions(rng: np.random.Generator, days: int, scale: float) -> tuple[Ints, Floats, Floats, Floats]:
    """Simulate requests: day, true probability, and predictions of two versions; the second errs by a scale."""
    day = np.repeat(np.arange(days, dtype=np.int64), np.clip(rng.normal(930, 60, days), 560, 1000).astype(np.int64))
    storm, usual = draw_weather(rng, days), rng.normal(-1.4, 0.8, day.size)

    def err() -> Floats:
        return ((0.06 + 0.08 * np.abs(storm)) * rng.normal(size=days))[day] + rng.normal(0, 0.2, day.size)

    seen, errors = usual + 0.6 * storm[day], (err(), err())
    odds = (usual + storm[day], seen + errors[0], seen + scale * errors[1])
    truth, stable, candidate = (1 / (1 + np.exp(-x)) for x in odds)
    return day, truth, stable, candidate


def find_scale(target: float) -> float:
    """Return the scale of the candidate's error at which its expected log loss is greater by a target."""
    if target == 0:
        return 1.0
    low, high = 0.0, 12.0
    while high - low > 0.01:
        scale = (low + high) / 2
        _, q, stable, candidate = draw_predictions(np.random.default_rng(99), 700, scale)
        greater = q * np.log(stable / candidate) + (1 - q) * np.log((1 - stable) / (1 - candidate))
        low, high = (scale, high) if float(greater.mean()) < target else (low, scale)
    return low


def draw_history(rng: np.random.Generator, case: Case, scale: float) -> History:
    """Simulate everything that happens in one release but who answers what."""
    day, truth, *p = draw_predictions(rng, DAYS, scale)
    n = day.size
    at = np.sort(day * DAY + (rng.random(n) * DAY).astype(np.int64))
    rate = BASE * rng.lognormal(-0.25, 0.7, DAYS)[day]
    incident = np.isin(day, rng.choice(DAYS, 4, replace=False)) & (at % DAY < HOUR)
    rate = np.where(incident, 0.3, rate)
    failed = rng.random(n) < rate, rng.random(n) < np.minimum(1, case.failures * rate)
    busy = rng.normal(0, 0.25, DAYS)[day]
    took = [(8000 * np.exp(busy + 0.68 * rng.normal(size=n))).astype(np.int64) for _ in p]
    often = float((took[0] > 1000 * SLOW_MS).mean()) * (case.slower - 1)
    took[1][rng.random(n) < often] += int(1000 * SLOW_MS)
    newest = [at - rng.exponential(600e6, n).astype(np.int64) for _ in p]
    newest[1] -= np.where(rng.random(n) < 0.005, 3 * HOUR, case.lag_us)
    predicted = [
        np.where(bad, np.nan, np.clip(x, 0, 1)) for x, bad in zip((p[0], p[1] + case.shift), failed, strict=True)
    ]
    return History(
        at=at,
        place=rng.random(n),
        y=rng.random(n) < truth,
        p=(predicted[0], predicted[1]),
        failed=failed,
        took_us=(took[0], took[1]),
        newest=(newest[0], newest[1]),
    )


@dataclass(frozen=True, slots=True)
class Ending:
    """How a release ended, after how many days, and for a rollback the rules that failed."""

    outcome: str
    day: int
    rules: tuple[str, ...] = ()


Look = Callable[[History, Release, Floats, Bools, int], dict[str, Evidence]]


def walk(history: History, look: Look) -> Ending:
    """Walk one release to its end, or to the end of its history, looking once a day."""
    stable, candidate = VARIANTS
    release = Release(id="r/1", service="s", model="m", walk=WALK, candidate=candidate, stable=stable, started_at=0)
    weight, ours = np.zeros(history.at.size), np.zeros(history.at.size, dtype=np.bool_)
    for day in range(1, DAYS + 1):
        part = slice(*np.searchsorted(history.at, [(day - 1) * DAY, day * DAY]))
        weight[part], ours[part] = release.weight, history.place[part] < release.weight
        verdict = decide(GATE, release.subject, look(history, release, weight, ours, day * DAY))
        move = next_move(release, verdict, day * DAY)
        if move is not None and move.outcome != "walking":
            failed = [f.rule.partition("(")[0].partition(" ")[0] for f in verdict.findings if f.outcome == "fail"]
            return Ending(move.outcome, day, tuple(failed))
        if move is not None:
            release.step, release.since = move.step, day * DAY
    return Ending("walking", DAYS)


@cache
def plan(share: float) -> int:
    """Return how many answers the default plan of failed and slow answers asks for."""
    return answers_needed(share, 0.01, 10, 0.01 / STEPS)


def look_at_arrays(history: History, release: Release, _weight: Floats, ours: Bools, now: int) -> dict[str, Evidence]:
    """Measure every check from arrays, as `measure_canary` does from the log."""
    step = slice(*np.searchsorted(history.at, [release.since, now]))
    split, theirs = release.weight > 0, ours[step]
    slow = tuple(x > 1000 * SLOW_MS for x in history.took_us)
    values: dict[str, tuple[float, float, float, int, int]] = {}
    for rule, events in zip(RULES[:2], (history.failed, slow), strict=True):
        stable, candidate = (x[step] for x in events)
        n = int(theirs.sum()) if split else theirs.size
        if split:
            place = (history.at[step] - release.since) // DAY
            c, b = (np.bincount(place, x).astype(np.int64) for x in (candidate & theirs, stable & ~theirs))
            log_e = stretched_log_e(c, b, np.bincount(place, theirs) / np.bincount(place))
        else:
            log_e = share_log_e(int((candidate & ~stable).sum()), int((stable & ~candidate).sum()), 0.5)
        e = min(1e9, math.exp(min(log_e, 700.0)) / STEPS)
        share = release.weight if split else 0.5
        values[rule.check.name] = (e, e, e, n, plan(share))
    p = [x[step][theirs] if split else x[step] for x in history.p]
    there = ~np.isnan(p[0]) & ~np.isnan(p[1])
    distance = confidence_sequence_distance(p[1][there], p[0][there], 0.05 / STEPS)
    values["prediction shift"] = (distance[0], *distance, int(there.sum()), 0)
    late = history.newest[0][step] - history.newest[1][step] > LATE
    values[RULES[3].check.name] = (
        0,
        *confidence_sequence_share(int(late.sum()), late.size, 0.05 / STEPS),
        late.size,
        0,
    )
    values["paired log_loss"] = _look_at_loss(history, now)
    return {
        name: Evidence(check=name, subject="", value=value, low=low, high=high, n=n, needs=needs)
        for name, (value, low, high, n, needs) in values.items()
    }


def _look_at_loss(history: History, now: int) -> tuple[float, float, float, int, int]:
    days = (now - LANDS) // DAY
    end = int(np.searchsorted(history.at, days * DAY))
    worst = float(per_row_log_loss(np.array([True]), np.array([0.0]))[0])
    if days < 1:
        return 0.0, -worst, worst, 0, 0
    keep = np.flatnonzero(~np.isnan(history.p[0][:end]) & ~np.isnan(history.p[1][:end]))
    losses = [per_row_log_loss(history.y[keep], p[keep]) for p in history.p]
    found = clustered_mean(losses[1] - losses[0], history.at[keep] // DAY)
    low, high = (min(max(x, -worst), worst) for x in confidence_sequence_mean(found, 0.05))
    return found.value, low, high, found.n, math.ceil(2 * found.n / found.clusters)


def look_at_log(history: History, release: Release, weight: Floats, ours: Bools, now: int) -> dict[str, Evidence]:
    """Measure every check with `measure_canary`, and refuse numbers that are not those of `look_at_arrays`."""
    n = int(np.searchsorted(history.at, now))
    request = pl.Series("request", [f"r{i:06d}" for i in range(n)])
    columns: dict[str, pl.Series | NDArray[np.generic]] = {"request": request, "row": request, "at": history.at[:n]}
    for i, name in enumerate(("stable", "candidate")):
        columns[f"p_{name}"] = history.p[i][:n]
        columns[f"error_{name}"] = pl.Series(history.failed[i][:n]).replace_strict({True: "SW-801", False: None})
        columns[f"latency_{name}_us"] = history.took_us[i][:n]
    columns |= {
        "weight": weight[:n],
        "answered": pl.Series(np.where(ours[:n], "candidate", "stable")),
        "answer_us": np.where(ours[:n], history.took_us[1][:n], history.took_us[0][:n]),
    }
    labels = {"row": request, "label": history.y[:n], "known_at": history.at[:n] + LANDS}
    read = [pl.DataFrame({"request": request, "newest flights.landed": x[:n]}) for x in history.newest]
    window = CanaryWindow(
        pairs=pl.DataFrame(columns),
        labels=pl.DataFrame(labels),
        newest={"stable": read[0], "candidate": read[1]},
        online={"stable": "store1", "candidate": "store2"},
        versions={"stable": 1, "candidate": 2},
        since=release.since,
        weight=release.weight,
        steps=STEPS,
        now=now,
    )
    found = {rule.check.name: measure_canary(rule.check, window, subject=release.subject) for rule in RULES}
    for name, expected in look_at_arrays(history, release, weight, ours, now).items():
        got = found[name]
        numbers = (got.low, got.high, got.n, got.needs), (expected.low, expected.high, expected.n, expected.needs)
        if not np.allclose(*numbers, rtol=1e-9, atol=1e-12):
            raise AssertionError(f"{name} at {now}: {numbers}")
    return found


def print_releases(runs: int) -> None:
    """Print what happens to releases with nothing wrong and with each fault."""
    print("case                 runs  taken back          days   promoted            days   walking  by")
    for i, case in enumerate(CASES):
        n, scale = runs if i == 0 else max(5, runs // 16), find_scale(case.loss)
        ends = [walk(draw_history(np.random.default_rng([i, j]), case, scale), look_at_arrays) for j in range(n)]
        cells: list[str] = []
        for outcome in ("rolled back", "promoted"):
            days = [end.day for end in ends if end.outcome == outcome]
            low, high = wilson(len(days), n)
            median = f"{np.median(days):.0f}" if days else "-"
            cells.append(f"{len(days) / n:6.1%} [{low:4.1%}, {high:5.1%}]  {median:>3}")
        by = Counter(rule for end in ends for rule in end.rules)
        walking = sum(end.outcome == "walking" for end in ends) / n
        rules = ", ".join(f"{rule} {count}" for rule, count in by.items())
        print(f"{case.name:19} {n:5}  {cells[0]}   {cells[1]}   {walking:6.1%}  {rules}")
        if i == 0:
            wrong = sum(end.outcome == "rolled back" for end in ends) / n
            error = math.sqrt(max(wrong, 1 / n) * (1 - wrong) / n)
            print(f"  taken back though nothing is wrong: {wrong:.2%}, standard error {error:.2%}")
            print(f"  designed for at most {DESIGNED:.1%} in all five checks together")


def print_plan(rng: np.random.Generator, runs: int) -> None:
    """Print how often the excess planned for is found out with the answers that the plan asks for."""
    print("\nshare   base  detect   alpha  answers needed  found out with them (plan: 90 %)  with half of them")
    for share, base, detect, alpha in ((0.02, 0.01, 10, 0.01), (0.1, 0.005, 5, 0.0025), (0.5, 0.01, 3, 0.01)):
        needed = answers_needed(share, base, detect, alpha)
        shares: list[float] = []
        for n in (needed, needed // 2):
            canary = rng.binomial(n, detect * base, runs)
            stable = rng.binomial(round(n * (1 - share) / share), base, runs)
            e = [share_log_e(int(c), int(b), share) for c, b in zip(canary, stable, strict=True)]
            shares.append(float((np.array(e) >= math.log(1 / alpha)).mean()))
        print(f"{share:5.0%}  {base:5.1%}  {detect:6}  {alpha:6}  {needed:14,}  {shares[0]:32.1%}  {shares[1]:17.1%}")


def print_intervals(rng: np.random.Generator, runs: int) -> None:
    """Print how often 95 % intervals for a mean over days ever miss it in 60 daily looks, and how wide they are."""
    k = np.arange(3, 61)

    def known_variance() -> Floats:
        r = (-2 * math.log(0.05) + math.log(1 - 2 * math.log(0.05))) / 14
        return np.sqrt(2 * (k * r + 1) / (k * r) * np.log(np.sqrt(k * r + 1) / 0.05))

    def mixture() -> Floats:
        spread = 1 + 10 * k
        edge = np.exp((np.log(spread) / 2 - math.log(0.05)) * 2 / k)
        return np.sqrt((k - 1) * (edge - 1) / (1 - edge / spread))

    methods = {
        "shipway: t, spent": np.array([confidence_sequence_mean(Estimate(0, 1, n, n), 0.05)[1] for n in k.tolist()]),
        "t mixture": mixture(),
        "known variance": known_variance(),
        "t, one look's": stdtrit(k - 1, 0.975),
    }
    print("\n95 % interval over days  half width at 4, 7, 14, 30 days (standard errors)   ever misses, by day kind")
    kinds = {"normal": (0.0, False), "correlated .35": (0.35, False), "skewed": (0.0, True), "both": (0.35, True)}
    missed: dict[str, list[str]] = {name: [] for name in methods}
    for correlation, skewed in kinds.values():
        x = -(rng.gamma(0.5, size=(runs, 80)) - 0.5) / math.sqrt(0.5) if skewed else rng.normal(size=(runs, 80))
        for i in range(1, 80):
            x[:, i] = correlation * x[:, i - 1] + math.sqrt(1 - correlation**2) * x[:, i]
        days = np.arange(1, 61)
        mean = x[:, 20:].cumsum(axis=1) / days
        spread = (np.square(x[:, 20:]).cumsum(axis=1) / days - mean**2) / np.maximum(days - 1, 1)
        t = (mean / np.sqrt(spread + 1e-300))[:, 2:]
        # A bound is passed wrongly at the lower end; two thirds of a day's deviation is .01 where that is .015.
        far = ((mean - 2 / 3) / np.sqrt(spread + 1e-300))[:, 2:]
        for name, width in methods.items():
            low, high, beyond = ((x > width).any(axis=1).mean() for x in (t, -t, far))
            missed[name].append(f"{low:5.1%} {high:5.1%} {beyond:5.1%}")
    print(" " * 50 + "".join(f"{kind:>22}" for kind in kinds) + "   (low end, high end, low end by 2/3 of a day's sd)")
    for name, width in methods.items():
        widths = " ".join(f"{width[n - 3]:6.2f}" for n in (4, 7, 14, 30))
        print(f"{name:22} {widths}" + "".join(f"{cell:>22}" for cell in missed[name]))


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    started = time.perf_counter()
    for j in range(2):
        walk(draw_history(np.random.default_rng([0, j]), CASES[0], 1.0), look_at_log)
    print("every number simulated is measure_canary's on all looks of 2 releases")
    print_releases(runs)
    rng = np.random.default_rng(7)
    print_plan(rng, 5 * runs)
    print_intervals(rng, 5 * runs)
    print(f"{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()

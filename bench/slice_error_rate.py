"""How often does the slice check cry wolf, and what does it find? Against testing slices one by one.

Rows come in days that share their weather: the true rate moves with the day, of which the models see half, and each is
wrong by amounts that a day shares, in all and per hour band. Four ways to call a slice worse at 5 % are compared on the
same draws:

    shipway      errors clustered by day, Benjamini-Yekutieli over all slices (`shipway.validation.slices`)
    clustered    errors clustered by day, each slice by itself
    rows + BY    rows taken as independent, Benjamini-Yekutieli
    rows         rows taken as independent, each slice by itself

Null: both models are wrong in the same way, so every slice called worse is a false discovery. Planted: the candidate
is better on all rows together and worse in one carrier and in one origin x hour band; a slice is truly worse if its
expected difference, averaged over all draws with the label's true probability in place of the label, is above 0.

    python bench/slice_error_rate.py [runs]
"""

import sys
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shipway.core.measure import SliceRegression
from shipway.maths.interval import wilson
from shipway.validation.sample import Group, Sample, make_sample
from shipway.validation.slices import find_regressions

Floats = NDArray[np.float64]
DAYS, ROWS_PER_DAY, RATE = 60, 700, 0.05
CARDINALITY = {"carrier": 10, "origin": 3, "hour_band": 5}
SHIFT = 1.2
PLANTED = ("carrier=3", "origin=1, hour_band=0")
METHODS = ("shipway", "clustered", "rows + BY", "rows")


@dataclass(frozen=True, slots=True, eq=False)
class Draw:
    """One simulated evaluation: the sample, and per row the expected difference in log loss (above 0 is worse)."""

    sample: Sample
    expected: Floats


def draw(rng: np.random.Generator, planted: bool) -> Draw:
    """Simulate days of rows with two models that are wrong in ways the rows of a day share."""
    n = DAYS * ROWS_PER_DAY
    day = np.repeat(np.arange(DAYS, dtype=np.int64), ROWS_PER_DAY)
    codes = {name: rng.integers(0, k, n) for name, k in CARDINALITY.items()}
    band = codes["hour_band"]
    usual, weather = rng.normal(-1.2, 0.8, n), rng.normal(0.0, 0.8, DAYS)[day]
    truth, seen = usual + weather, usual + weather / 2

    def predict(scale: float) -> Floats:
        all_day = rng.normal(0.0, 0.5 * scale, DAYS)[day]
        in_band = rng.normal(0.0, 0.4 * scale, (DAYS, CARDINALITY["hour_band"]))[day, band]
        return seen + all_day + in_band + rng.normal(0.0, 0.3 * scale, n)

    baseline, candidate = predict(1.0), predict(1.0)
    if planted:
        candidate = predict(0.5)
        worse = (codes["carrier"] == 3) | ((codes["origin"] == 1) & (band == 0))
        candidate[worse] += SHIFT
    q, p, p_baseline = (1 / (1 + np.exp(-logit)) for logit in (truth, candidate, baseline))
    sample = make_sample(
        y=rng.random(n) < q,
        p=p,
        baselines={"base rate": np.full(n, 0.25), "current": p_baseline},
        clusters={"day": day, "row": np.arange(n, dtype=np.int64)},
        groups={name: Group(code, tuple(map(str, range(CARDINALITY[name])))) for name, code in codes.items()},
        scored=n,
        x=np.empty((n, 0)),
        columns=(),
        predict=lambda x: x[:, 0],
    )
    expected = q * np.log(p_baseline / p) + (1 - q) * np.log((1 - p_baseline) / (1 - p))
    return Draw(sample, expected)


def call(sample: Sample) -> dict[str, set[str]]:
    """Return the slices that each method calls worse."""
    called: dict[str, set[str]] = {}
    for cluster, corrected, alone in (("day", "shipway", "clustered"), ("row", "rows + BY", "rows")):
        measure = SliceRegression(tuple(CARDINALITY), cluster=cluster, rate=RATE, support_rows=200)
        detail = find_regressions(measure, sample).detail or []
        called[corrected] = {row["slice"] for row in detail if row["regressed"]}
        called[alone] = {row["slice"] for row in detail if row["decides"] and row["p"] < RATE}
    return called


def expected_by_slice(drawn: Draw) -> dict[str, float]:
    """Return the expected difference of every slice by one and by two groups."""
    found: dict[str, float] = {}
    groups = list(drawn.sample.groups.items())
    for i, (name, group) in enumerate(groups):
        for code, value in enumerate(_means(group.codes, drawn.expected)):
            found[f"{name}={group.labels[code]}"] = value
        for other_name, other in groups[i + 1 :]:
            k = len(other.labels)
            for code, value in enumerate(_means(group.codes * k + other.codes, drawn.expected)):
                found[f"{name}={group.labels[code // k]}, {other_name}={other.labels[code % k]}"] = value
    return found


def _means(codes: NDArray[np.int64], values: Floats) -> list[float]:
    return (np.bincount(codes, weights=values) / np.bincount(codes)).tolist()


def run_null(rng: np.random.Generator, runs: int) -> None:
    """Print how often each method claims a regression where there is none."""
    claims: dict[str, list[int]] = {method: [] for method in METHODS}
    for _ in range(runs):
        for method, called in call(draw(rng, planted=False).sample).items():
            claims[method].append(len(called))
    print(f"null, {runs} runs: share of runs with a false regression (= false discovery rate), false slices a run")
    for method in METHODS:
        hit = sum(count > 0 for count in claims[method])
        low, high = wilson(hit, runs)
        print(f"  {method:10} {hit / runs:6.1%} [{low:.1%}, {high:.1%}]  {np.mean(claims[method]):6.2f}")


def run_planted(rng: np.random.Generator, runs: int) -> None:
    """Print what each method finds of planted regressions, and what else it claims."""
    calls: list[dict[str, set[str]]] = []
    total: dict[str, float] = {}
    improved = 0.0
    for _ in range(runs):
        drawn = draw(rng, planted=True)
        calls.append(call(drawn.sample))
        improved -= float(drawn.expected.mean()) / runs
        for name, value in expected_by_slice(drawn).items():
            total[name] = total.get(name, 0.0) + value / runs
    worse = {name for name, value in total.items() if value > 0}
    slices = f"{len(worse)} of {len(total)} slices worse"
    print(f"planted, {runs} runs: log loss of all rows improves by {improved:.4f}; {slices}")
    for name in PLANTED:
        print(f"  planted {name}: expected difference {total[name]:+.4f}")
    print("  method      false share of claims   planted found   all worse slices found")
    for method in METHODS:
        claimed = [called[method] for called in calls]
        false = np.mean([len(c - worse) / max(len(c), 1) for c in claimed])
        power = np.mean([[name in c for name in PLANTED] for c in claimed])
        recall = np.mean([len(c & worse) / len(worse) for c in claimed])
        print(f"  {method:10} {false:10.2%} {power:23.1%} {recall:18.1%}")


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 150
    started = time.perf_counter()
    print(
        f"{DAYS} days of {ROWS_PER_DAY} rows, {', '.join(f'{k} {name}s' for name, k in CARDINALITY.items())}, seed 20"
    )
    rng = np.random.default_rng(20)
    run_null(rng, runs)
    run_planted(rng, runs)
    print(f"{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()

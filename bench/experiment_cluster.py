"""Experiments that assign clusters, without any effect: how often one is called, over five looks.

Customers of cities of uneven size come over twenty days; what they spend is mostly nothing, skewed, and like what
others of their city spend. Cities are assigned by a coin, so arms are uneven too. Every look goes the product's way:
each day's sums by city, put together by city, the ratio's delta-method error, Student's t, Fieller's interval of the
lift, the O'Brien-Fleming boundary for the share of the planned customers that is in. Nominal 5 %, two-sided. Printed
beside it: the same looks with customers taken as independent, as if they had been assigned one by one.

    python bench/experiment_cluster.py [runs [seed]]

A rule that was chosen by what one seed printed is shown by another one.
"""

import sys
import time
from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shipway.core.effect import Effect
from shipway.maths.cluster import measure_clusters as measure_likeness
from shipway.maths.expression import Aggregate
from shipway.maths.interval import wilson
from shipway.maths.summary import summarise
from shipway.validation.cluster import ClusterSums, merge_clusters, sum_days
from shipway.validation.experiment import DAY, VARIANT
from shipway.validation.look import LEAST_CLUSTERS, Measured, bound, interval_of, measure, measure_clusters

Floats = NDArray[np.float64]

DAYS, LOOKS, CUSTOMERS = 20, (4, 8, 12, 16, 20), 2_000
VARIANTS = ("usual", "new")
SPENT = Effect(kind="mean", value=Aggregate("count", "visits.opened"), width_us=1)


def live(random: np.random.Generator, cities: int, alike: float) -> tuple[pl.DataFrame, list[str], Floats]:
    """Return the customers of one experiment: when they came and what they met, where they live, what they spend."""
    sizes = random.lognormal(0, 0.6, cities)
    city = random.choice(cities, CUSTOMERS, p=sizes / sizes.sum())
    habit = random.lognormal(0, alike, cities)
    spends = random.random(CUSTOMERS) < 0.4
    spent = np.where(spends, random.lognormal(0, 1, CUSTOMERS) * habit[city], 0.0)
    met = np.array(VARIANTS)[random.integers(0, 2, cities)][city]
    units = pl.DataFrame({DAY: random.integers(0, DAYS, CUSTOMERS), VARIANT: met})
    return units, [f"c{place}" for place in city], spent[:, None]


def looks(units: pl.DataFrame, cities: list[str], spent: Floats, *, clustered: bool) -> bool | None:
    """Tell whether any of the looks calls an effect; None where an arm has too few cities for any."""
    days = sum_days(units, cities, spent, VARIANTS, ())
    fractions: list[float] = []
    came, met = units[DAY].to_numpy(), units[VARIANT].to_numpy()
    for until in LOOKS:
        found: Measured
        if clustered:
            arms = [merge_clusters(_parts(days, until, variant)) for variant in VARIANTS]
            if min(arm.n for arm in arms) < LEAST_CLUSTERS:
                continue
            found = measure_clusters("spent", SPENT, *arms)
        else:
            arms = [summarise(spent[(came < until) & (met == variant)]) for variant in VARIANTS]
            found = measure("spent", SPENT, arms[0], arms[1])
        fractions.append(sum(found.n) / CUSTOMERS)
        low, high = interval_of(SPENT, found, bound("obrien_fleming", fractions, 0.05).z)
        if low > 0 or high < 0:
            return True
    return False if fractions else None


def _parts(days: dict[int, list[ClusterSums]], until: int, variant: str) -> list[ClusterSums]:
    return [each for day, several in days.items() if day < until for each in several if each.variant == variant]


def rate(runs: int, cities: int, alike: float, seed: Sequence[int], *, clustered: bool) -> str:
    """Return the share of experiments that called an effect, with its 95 % interval."""
    random = np.random.default_rng([cities, round(100 * alike), *seed])
    called, taken = 0, 0
    while taken < runs:
        found = looks(*live(random, cities, alike), clustered=clustered)
        if found is not None:
            called, taken = called + found, taken + 1
    low, high = wilson(called, taken)
    return f"{called / taken:.1%} ({low:.1%} to {high:.1%})"


def main(runs: int, *seed: int) -> None:
    """Print error rates for few and many cities, hardly and very much alike inside."""
    print(f"{runs:,} experiments each, {len(LOOKS)} looks, {CUSTOMERS:,} customers, nominal 5 %")
    print(f"{'cities':>6}  {'alike':>6}  {'clusters assigned, their errors':<32}customers taken as independent")
    for cities in (24, 40, 80):
        for alike in (0.0, 0.4):
            random = np.random.default_rng(1)
            _, where, spent = live(random, cities, alike)
            codes = np.unique(np.array(where), return_inverse=True)[1]
            likeness = measure_likeness(spent[:, 0], codes).correlation
            began = time.process_time()
            ours = rate(runs, cities, alike, seed, clustered=True)
            theirs = rate(max(200, runs // 10), cities, alike, seed, clustered=False)
            cpu = time.process_time() - began
            print(f"{cities:>6}  {likeness:>6.3f}  {ours:<32}{theirs}   ({cpu:.0f} s CPU)", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:] or ["4000"]))

"""Switchbacks: how often one without an effect calls one, over five looks, and what a burn-in keeps out.

Orders of ten regions over fourteen days in slots of an hour, each region's level wandering (correlated from slot to
slot by .8), with a daily rhythm and busy regions. Each slot of each region is assigned by the product's hash. Looks go
the product's way: daily summaries of slots, Student's t, Fieller's interval, the O'Brien-Fleming boundary. Nominal 5 %,
two-sided. Beside it the same data with orders taken as independent. Then an effect of 20 % that takes until the
twentieth minute of a slot to be felt in full, and as long to be gone: what is estimated with a burn-in and without.

    python bench/experiment_switchback.py [runs [seed]]
"""

import sys
import time

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shipway.core.effect import Effect
from shipway.core.split import choose_variant, write_slot
from shipway.maths.assignment import place_unit
from shipway.maths.expression import Aggregate
from shipway.maths.interval import wilson
from shipway.maths.summary import summarise
from shipway.validation.experiment import DAY, VARIANT, merge_days, summarise_days
from shipway.validation.look import bound, choose_variants, interval_of, measure

Floats = NDArray[np.float64]

REGIONS, DAYS, SLOTS = 10, 14, 24
LOOKS = (2, 5, 8, 11, 14)
PARTS, FELT = 12, 4
"""Parts of five minutes in a slot, and those in which the variant of the slot before is still felt."""
VARIANTS = ("usual", "new")
WEIGHTS = (("usual", 1.0), ("new", 1.0))
SOLD = Effect(kind="mean", value=Aggregate("count", "orders.placed"), width_us=1)


def assign(run: int) -> NDArray[np.bool_]:
    """Return bool[regions, slots], which of a run's slots meet the new variant, by the hash that assigns."""
    salt, slots = f"experiment surge@{run}", range(DAYS * SLOTS)
    return np.array(
        [
            [choose_variant(WEIGHTS, place_unit(salt, write_slot(f"r{region}", slot))) == "new" for slot in slots]
            for region in range(REGIONS)
        ]
    )


def live(random: np.random.Generator, treated: NDArray[np.bool_], lift: float) -> Floats:
    """Return float64[regions, slots, 2], the orders while the slot before is still felt, and those after that."""
    count = DAYS * SLOTS
    level = np.zeros((REGIONS, count))
    steps = random.normal(0, 0.3 * np.sqrt(1 - 0.8**2), (REGIONS, count))
    for slot in range(1, count):
        level[:, slot] = 0.8 * level[:, slot - 1] + steps[:, slot]
    rhythm = 0.4 * np.sin(2 * np.pi * np.arange(count) / SLOTS)
    rate = random.lognormal(1.0, 0.5, (REGIONS, 1)) * np.exp(level + rhythm)
    now = treated.astype(np.float64)
    before = np.concatenate([now[:, :1], now[:, :-1]], axis=1)
    taken = float(np.mean((np.arange(FELT) + 1) / (FELT + 1)))  # how much of the new variant is felt on average
    felt = taken * now + (1 - taken) * before
    means = np.stack([FELT * rate * (1 + lift * felt), (PARTS - FELT) * rate * (1 + lift * now)], axis=2)
    return random.poisson(means).astype(np.float64)


def looks(orders: Floats, treated: NDArray[np.bool_], *, burn_in: bool) -> tuple[bool, float]:
    """Tell whether any look calls an effect, and the estimate of the last one."""
    day = np.tile(np.repeat(np.arange(DAYS), SLOTS), REGIONS)
    units = pl.DataFrame({DAY: day, VARIANT: np.where(treated.ravel(), "new", "usual")})
    values = (orders[:, :, 1] if burn_in else orders.sum(axis=2)).ravel()[:, None]
    days = summarise_days(units, values, VARIANTS, ())
    fractions: list[float] = []
    called, estimate = False, 0.0
    for until in LOOKS:
        arms = choose_variants(merge_days(days[each] for each in range(until)), VARIANTS)
        assert arms is not None
        found = measure("sold", SOLD, arms["usual"], arms["new"])
        fractions.append(sum(found.n) / (REGIONS * SLOTS * DAYS))
        low, high = interval_of(SOLD, found, bound("obrien_fleming", fractions, 0.05).z)
        called, estimate = called or low > 0 or high < 0, found.estimate
    return called, estimate


def naive(random: np.random.Generator, orders: Floats, treated: NDArray[np.bool_]) -> bool:
    """Tell whether one test in the end of what each order is worth, orders taken as independent, calls an effect.

    An order is worth more where its region is busy in that hour, as prices do that follow demand.
    """
    total = orders.sum(axis=2)
    worth = np.repeat(np.log1p(total).ravel(), total.ravel().astype(np.int64))
    met = np.repeat(treated.ravel(), total.ravel().astype(np.int64))
    arms = [summarise((worth * random.lognormal(0, 0.3, worth.size))[met == one][:, None]) for one in (False, True)]
    found = measure("worth", SOLD, arms[0], arms[1])
    low, high = interval_of(SOLD, found, 1.96)
    return low > 0 or high < 0


def main(runs: int, seed: int = 0) -> None:
    """Print error rates without an effect, and estimates of one that is felt late."""
    random, began = np.random.default_rng([7, seed] if seed else 7), time.process_time()
    called = other = 0
    # Runs of another seed are assigned by salts of their own.
    for run in range(100_000 * seed + 1, 100_000 * seed + runs + 1):
        treated = assign(run)
        orders = live(random, treated, 0.0)
        called += looks(orders, treated, burn_in=True)[0]
        if run % 10 == 0:
            other += naive(random, orders, treated)
    print(f"{runs:,} switchbacks without an effect, {REGIONS} regions, {DAYS} days of hours, nominal 5 %")
    for name, found, of in (
        ("slots, five looks", called, runs),
        ("orders as independent, one test", other, runs // 10),
    ):
        low, high = wilson(found, of)
        print(f"{name:<34}{found / of:.1%} ({low:.1%} to {high:.1%})")
    some = min(250, runs)
    for name, burn_in in (("burn-in of 20 minutes", True), ("no burn-in", False)):
        random = np.random.default_rng(11)
        estimates: list[float] = []
        for run in range(1, some + 1):
            treated = assign(run)
            estimates.append(looks(live(random, treated, 0.2), treated, burn_in=burn_in)[1])
        mean, error = np.mean(estimates), np.std(estimates) / np.sqrt(some)
        print(f"an effect of 20.0 %, {name:<22} estimated at {mean:.1%} +- {1.96 * error:.1%} ({some} runs)")
    print(f"{time.process_time() - began:.0f} s CPU")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:] or ["4000"]))

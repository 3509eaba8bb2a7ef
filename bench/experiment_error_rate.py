"""How often does an experiment that is read twenty times cry wolf, and how many users does it need? On skewed revenue.

Users are drawn one by one from a population of a million whose revenue is skewed and mostly zero, with revenue of an
earlier period that correlates with it by .5 or .7; a coin gives each an arm. Nothing but the rows is known to the test:
means, variances and theta are estimated at every look from merged summaries, by the functions that a look uses
(`shipway.maths.summary`, `effect`, `spending`). Compared on the same draws:

    sequential   O'Brien-Fleming spending over 20 looks, CUPED
    pocock       Pocock spending over 20 looks, CUPED
    anytime      asymptotic confidence sequence, tightest at half of the units, CUPED
    naive        a fixed test at each of the 20 looks, CUPED
    fixed        one t-test at the end, without CUPED

Null: the arms do not differ, so each call is false; also for a ratio (revenue per visit, CUPED by the earlier ratio).
Design effect: the treatment multiplies revenue; each method has the units that its plan asks for at 80 % power, and
what is printed is how many it used when it stopped.

    python bench/experiment_error_rate.py [runs [null runs [part]]]
"""

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shipway.maths.confidence_sequence import effect_sequence_p
from shipway.maths.effect import Effect, Term, measure_effect, normal_score, p_value, unit_variance
from shipway.maths.interval import wilson
from shipway.maths.power import Aim, units_needed
from shipway.maths.spending import critical_values
from shipway.maths.summary import Summary, merge, summarise, summarise_groups

Floats = NDArray[np.float64]
USERS: Final = 1_000_000
LOOKS: Final = 20
ALPHA: Final = 0.05
LIFT: Final = 0.12
ANYTIME_FACTOR: Final = 1.75  # units of a fixed test, for a power of 80 % (Brownian motion, docs/adr/0046)
FRACTIONS: Final = np.arange(1, LOOKS + 1) / LOOKS
REVENUE, EARLIER, VISITS, EARLIER_VISITS = range(4)
MEAN, PER_VISIT = Term(REVENUE), Term(REVENUE, VISITS)


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """Users to draw from: float64[users, 4], and how the earlier period correlates with the later one."""

    rows: Floats
    rho: float


def make_population(rng: np.random.Generator, rho: float) -> Population:
    """Make users whose revenue is what both periods share and what each has alone, each of them mostly zero."""

    def spend(part: float) -> Floats:
        return np.where(rng.random(USERS) < 0.2, rng.lognormal(0.0, 1.1, USERS), 0.0) * np.sqrt(part)

    common = spend(rho)
    revenue, earlier = common + spend(1 - rho), common + spend(1 - rho)
    visits = 1 + rng.poisson(1.0 + revenue)
    before = 1 + rng.poisson(1.0 + earlier)
    rows = np.column_stack([revenue, earlier, visits, before]).astype(np.float64)
    return Population(rows, float(np.corrcoef(revenue, earlier)[0, 1]))


def plan(population: Population, aim: Aim, covariates: tuple[Term, ...]) -> int:
    """Return the units that an aim needs at the design effect, from the population's variances."""
    treated = population.rows * np.array([1 + LIFT, 1.0, 1.0, 1.0])
    variances = [unit_variance(summarise(rows), MEAN, covariates) for rows in (population.rows, treated)]
    return round(units_needed(LIFT * float(population.rows[:, REVENUE].mean()), aim, *variances))


def draw_looks(
    rng: np.random.Generator, population: Population, units: int, lift: float
) -> Iterator[tuple[Summary, Summary]]:
    """Draw users and yield both arms at each look, merged from the summaries of the stretches between looks."""
    drawn = population.rows[rng.integers(0, USERS, units)]
    treated = rng.integers(0, 2, units)
    if lift:
        drawn[:, REVENUE] *= 1 + lift * treated
    stretch = np.arange(units) * LOOKS // units
    parts = summarise_groups(drawn, treated * LOOKS + stretch, 2 * LOOKS)
    control, treatment = parts[0], parts[LOOKS]
    yield control, treatment
    for look in range(1, LOOKS):
        control, treatment = merge((control, parts[look])), merge((treatment, parts[LOOKS + look]))
        yield control, treatment


def effect_of(arms: tuple[Summary, Summary], term: Term) -> Effect:
    earlier = Term(EARLIER) if term == MEAN else Term(EARLIER, EARLIER_VISITS)
    return measure_effect(*arms, term, [earlier])


def run_null(rng: np.random.Generator, population: Population, term: Term, units: int, runs: int) -> None:
    """Print how often each method calls a difference that is none."""
    bounds = {
        "sequential": critical_values(FRACTIONS, ALPHA),
        "pocock": critical_values(FRACTIONS, ALPHA, spending="pocock"),
        "naive": np.full(LOOKS, 1.959964),
    }
    called = dict.fromkeys([*bounds, "anytime", "fixed"], 0)
    for _ in range(runs):
        looks = list(draw_looks(rng, population, units, 0.0))
        effects = [effect_of(arms, term) for arms in looks]
        sizes = [control.n + treatment.n for control, treatment in looks]
        scores = np.abs([normal_score(effect) for effect in effects])
        for name, bound in bounds.items():
            called[name] += bool((scores >= bound).any())
        sequence = [effect_sequence_p(effect, n, ALPHA, units / 2) for effect, n in zip(effects, sizes, strict=True)]
        called["anytime"] += min(sequence) <= ALPHA
        called["fixed"] += p_value(measure_effect(*looks[-1], term)) <= ALPHA
    kind = "mean" if term == MEAN else "ratio"
    print(
        f"null, {kind}, rho {population.rho:.2f}, {units:,} users, {runs:,} runs: called, with its 95 % interval",
        flush=True,
    )
    for name, count in called.items():
        low, high = wilson(count, runs)
        print(f"  {name:11} {count / runs:6.2%} [{low:.2%}, {high:.2%}]", flush=True)


def run_effect(rng: np.random.Generator, population: Population, runs: int) -> None:
    """Print what each method finds of the design effect, and with how many users."""
    fixed = plan(population, Aim(ALPHA), ())
    adjusted = plan(population, Aim(ALPHA), (Term(EARLIER),))
    methods = {
        "sequential": (plan(population, Aim(ALPHA, looks=LOOKS), (Term(EARLIER),)), critical_values(FRACTIONS, ALPHA)),
        "pocock": (
            plan(population, Aim(ALPHA, looks=LOOKS, spending="pocock"), (Term(EARLIER),)),
            critical_values(FRACTIONS, ALPHA, spending="pocock"),
        ),
        "anytime": (round(ANYTIME_FACTOR * adjusted), None),
    }
    print(f"design effect +{LIFT:.0%}, rho {population.rho:.2f}, {runs:,} runs: found, mean users, against fixed")
    found = sum(
        p_value(measure_effect(*list(draw_looks(rng, population, fixed, LIFT))[-1], MEAN)) <= ALPHA for _ in range(runs)
    )
    print(f"  {'fixed':11} {found / runs:6.1%} {fixed:8,}")
    print(f"  {'CUPED only':11} {'':6} {adjusted:8,} {adjusted / fixed - 1:+.1%}  (planned)")
    for name, (units, bound) in methods.items():
        used = np.array([_used(rng, population, units, bound) for _ in range(runs)])
        stopped, share = used[used > 0], np.where(used > 0, used, LOOKS) / LOOKS * units
        mean, error = float(share.mean()), float(share.std() / np.sqrt(runs))
        saved = f"{mean / fixed - 1:+.1%} (+- {1.96 * error / fixed:.1%})"
        print(f"  {name:11} {stopped.size / runs:6.1%} {mean:8,.0f} {saved}  at most {units:,}", flush=True)


def _used(rng: np.random.Generator, population: Population, units: int, bound: Floats | None) -> int:
    """Return the look at which a method stops with the treatment called better, 0 if it never does."""
    for look, arms in enumerate(draw_looks(rng, population, units, LIFT)):
        effect = effect_of(arms, MEAN)
        if bound is None:
            crossed = effect_sequence_p(effect, arms[0].n + arms[1].n, ALPHA, units / 2) <= ALPHA
        else:
            crossed = abs(normal_score(effect)) >= bound[look]
        if crossed:
            return look + 1 if effect.value > 0 else 0
    return 0


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    null_runs = int(sys.argv[2]) if len(sys.argv) > 2 else 10_000
    only = int(sys.argv[3]) if len(sys.argv) > 3 else None
    started, rng = time.perf_counter(), np.random.default_rng(46)
    print(f"{LOOKS} looks, alpha {ALPHA:.0%}, seed 46")
    for part, rho in enumerate((0.5, 0.7)):
        population = make_population(rng, rho)
        revenue = population.rows[:, REVENUE]
        skew = float((((revenue - revenue.mean()) / revenue.std()) ** 3).mean())
        zero, spread = float((revenue == 0).mean()), float(revenue.std() / revenue.mean())
        print(f"\nrevenue: {zero:.0%} zero, skewness {skew:.1f}, deviation {spread:.1f} means", flush=True)
        units = plan(population, Aim(ALPHA, looks=LOOKS), (Term(EARLIER),))
        # Each part has draws of its own, so that one can be run alone.
        draws = [np.random.default_rng([46, part, place]) for place in range(3)]
        if only in (None, 3 * part):
            run_null(draws[0], population, MEAN, units, null_runs)
        if only in (None, 3 * part + 1):
            run_null(draws[1], population, PER_VISIT, units, null_runs)
        if only in (None, 3 * part + 2):
            run_effect(draws[2], population, runs)
    print(f"{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()

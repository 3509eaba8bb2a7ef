"""How often does an experiment on a rare event cry wolf over ten looks, and does its plan keep what it promises?

Units come one by one, a coin of the declared share gives each an arm, and each has an event with a probability of its
own, which varies from unit to unit and doubles half way through. Nothing but who had an event is known to the test.
Looks are at ten instants, unevenly; the error is spent by events (`shipway.validation.rare`), up to the planned number
or the end of the units. Compared on the same draws, at a nominal two-sided 5 %:

    exact     counts of the conditional binomial walk, as an experiment's look has them
    mid-p     mid-p scores beside the boundaries of Brownian motion
    exact-z   the exact test of one look at the level of those boundaries
    mean      the event as a mean: Fieller's interval beside those boundaries, as without rare=True
    naive     the exact test of one look at 5 %, at every look

Then the power: events and units as `experiment plan` has them, at the effect that was planned.

    python bench/experiment_rare.py [null runs [power runs [seed]]]

Exits with 0 if the exact walk calls at most 6 % by the upper end of its 95 % interval everywhere, and finds what it was
planned for in at least 78 %.
"""

import sys
import time
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, bdtrc, ndtri

from shipway.core.experiment import Spending
from shipway.maths.coin import boundaries, fall_of
from shipway.maths.interval import wilson
from shipway.maths.power import Aim, events_needed, expected_events
from shipway.maths.spending import Spending as SpendingKind
from shipway.maths.spending import critical_values, spent
from shipway.validation.rare import Happened, bound_events

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Drawn = tuple[Ints, Ints, Ints, Ints]
LOOKS: Final = np.array([0.07, 0.18, 0.3, 0.38, 0.5, 0.61, 0.7, 0.83, 0.92, 1.0])
ALPHA: Final = 0.05
KINDS: Final[dict[Spending, SpendingKind]] = {"obrien_fleming": "obrien-fleming", "pocock": "pocock"}
RATE: Final = 0.004
METHODS: Final[list[str]] = ["exact", "mid-p", "exact-z", "mean", "naive"]
PLANS: Final[tuple[tuple[float, float, Spending, float], ...]] = (
    (2.0, 1.0, "obrien_fleming", 0.5),
    (0.4, 1.0, "obrien_fleming", 0.5),
    (3.0, 1.0, "pocock", 0.5),
    (3.0, 1.0, "obrien_fleming", 0.2),
    (1.0, 2.0, "obrien_fleming", 0.5),
)
"""What is planned for: the true ratio, the one that it is told from, the spending, and the share treated."""


def draw(rng: np.random.Generator, units: int, share: float, ratio: float) -> Drawn:
    """Return units and events of the control and of the treatment at each look, int64[10] each."""
    treated = rng.random(units) < share
    # Some units are far likelier than others, and the times get worse.
    chance = RATE * rng.gamma(0.5, 2.0, units) * np.where(np.arange(units) < units / 2, 2 / 3, 4 / 3)
    happened = rng.random(units) < np.minimum(chance * np.where(treated, ratio, 1.0), 1.0)
    ends = (LOOKS * units).astype(int)
    sums = [
        np.cumsum(each, dtype=np.int64)[ends - 1]
        for each in (~treated, treated, happened & ~treated, happened & treated)
    ]
    return sums[0], sums[1], sums[2], sums[3]


def spend(events: Ints, planned: int, kind: SpendingKind) -> tuple[Ints, Floats, Floats]:
    """Return which looks are taken (something new came, and the plan is not over), their information and its error."""
    fractions = events / planned
    fractions[-1] = max(fractions[-1], 1.0)
    over = np.flatnonzero(fractions >= 1)[0]
    new = [n for n in range(over + 1) if events[n] > 0 and (n == 0 or fractions[n] > fractions[n - 1])]
    taken = np.array(new, dtype=np.int64)
    allowed = np.array([spent(float(t), ALPHA / 2, kind) for t in fractions[taken]])
    return taken, fractions[taken], allowed


def call(
    drawn: tuple[Ints, Ints, Ints, Ints], planned: int, spending: Spending, share: float, null: float
) -> dict[str, bool]:
    """Tell of each method whether it calls the ratio other than the null at any look."""
    n_control, n_treated, control, treated = drawn
    events, fall = control + treated, fall_of(null, share)
    taken, fractions, allowed = spend(events, planned, KINDS[spending])
    if not taken.size:
        return dict.fromkeys(METHODS, False)
    upper, lower = boundaries(events[taken], allowed, fall)
    z = critical_values(fractions, ALPHA, spending=KINDS[spending])
    hit, total = treated[taken], events[taken]
    below, above = bdtr(hit, total, fall), np.where(hit > 0, bdtrc(hit - 1, total, fall), 1.0)
    at = above + below - 1  # the probability of just so many
    tail = np.minimum(below, above)
    score = -ndtri(np.maximum(tail - at / 2, 1e-300))
    rates = control[taken] / n_control[taken], hit / n_treated[taken]
    error = np.sqrt(
        rates[1] * (1 - rates[1]) / n_treated[taken] + null**2 * rates[0] * (1 - rates[0]) / n_control[taken]
    )
    return {
        "exact": bool(((hit >= upper) | (hit <= lower)).any()),
        "mid-p": bool((score >= z).any()),
        "exact-z": bool((-ndtri(np.maximum(tail, 1e-300)) >= z).any()),
        "mean": bool((np.abs(rates[1] - null * rates[0]) >= z * np.maximum(error, 1e-12)).any()),
        "naive": bool((2 * tail <= ALPHA).any()),
    }


def run_null(rng: np.random.Generator, runs: int, planned: int, spending: Spending, share: float, null: float) -> bool:
    """Print how often each method calls a ratio that is the null; tell whether the exact walk keeps within 6 %."""
    mix = 1 - share + share * null
    units = round(1.15 * planned / (RATE * mix))
    called = dict.fromkeys(METHODS, 0)
    for _ in range(runs):
        for name, found in call(draw(rng, units, share, null), planned, spending, share, null).items():
            called[name] += found
    said = ", ".join(f"{name} {count / runs:.1%}" for name, count in called.items() if name != "exact")
    low, high = wilson(called["exact"], runs)
    print(
        f"  {planned:4} events, {spending:14} share {share:.0%}, ratio {null:g}: exact {called['exact'] / runs:5.2%}"
        f" [{low:.2%}, {high:.2%}]; {said}",
        flush=True,
    )
    return high <= 0.06


def check_interval(rng: np.random.Generator, runs: int) -> None:
    """Assert that intervals and counts say the same, on some looks, by what a look calls."""
    for _ in range(runs):
        n_control, n_treated, control, treated = draw(rng, 8_000, 0.5, 1.6)
        events = control + treated
        taken, fractions, _ = spend(events, 30, "pocock")
        for place in range(taken.size):
            n = taken[place]
            happened = Happened((int(n_control[n]), int(n_treated[n])), int(control[n]), int(treated[n]), 0.5, 30)
            before = [int(events[each]) for each in taken[:place]]
            seen = bound_events("pocock", happened, before, fractions[: place + 1].tolist(), ALPHA, 0.0)
            if seen.low is not None and seen.low > 0:
                assert happened.variant >= seen.events.many
            if seen.high is not None and seen.high < 0:
                assert happened.variant <= seen.events.few


def run_power(rng: np.random.Generator, runs: int, ratio: float, null: float, spending: Spending, share: float) -> bool:
    """Print how often a planned ratio is told from the null, and with how many events; tell whether as planned."""
    aim = Aim(looks=10, share=share, spending=KINDS[spending])
    planned, fall = events_needed(ratio, aim, null), fall_of(null, share)
    units = round(expected_events(planned, aim.power) / (RATE * (1 - share + share * ratio)))
    found, used = 0, np.zeros(runs)
    for run in range(runs):
        _, _, control, treated = draw(rng, units, share, ratio)
        events = control + treated
        taken, _, allowed = spend(events, planned, KINDS[spending])
        upper, lower = boundaries(events[taken], allowed, fall)
        crossed = treated[taken] >= upper if ratio > null else treated[taken] <= lower
        found += bool(crossed.any())
        used[run] = events[taken][crossed.argmax() if crossed.any() else -1]
    low, high = wilson(found, runs)
    print(
        f"  {ratio:g} told from {null:g}, {spending:14} share {share:.0%}: {planned:4} events and {units:7,} units"
        f" planned; found {found / runs:.1%} [{low:.1%}, {high:.1%}], {used.mean():.0f} events on average",
        flush=True,
    )
    return high >= 0.8 and found / runs >= 0.78


def main() -> None:
    given = [int(word) for word in sys.argv[1:]]
    null_runs, power_runs, seed = (*given, *(4_000, 2_000, 53)[len(given) :])
    began, rng = time.process_time(), np.random.default_rng(seed)
    kept = True
    print(f"no effect, ten looks, nominal {ALPHA:.0%}, {null_runs:,} runs each, seed {seed}: called")
    for planned in (8, 20, 60):
        for spending in KINDS:
            kept &= run_null(rng, null_runs, planned, spending, 0.5, 1.0)
    kept &= run_null(rng, null_runs, 30, "obrien_fleming", 0.2, 1.0)
    kept &= run_null(rng, null_runs, 30, "obrien_fleming", 0.5, 2.0)
    check_interval(rng, 40)
    print(f"the planned effect, nominal power 80%, {power_runs:,} runs each")
    for ratio, null, spending, share in PLANS:
        kept &= run_power(rng, power_runs, ratio, null, spending, share)
    print(f"{time.process_time() - began:.0f} s CPU")
    if not kept:
        raise SystemExit(1)


if __name__ == "__main__":
    main()

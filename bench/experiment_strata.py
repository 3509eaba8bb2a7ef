"""What do groups that are known beforehand bring an experiment, and is its error what it says?

Units come one by one, each of a group whose spending differs from that of the others, and is mostly nothing and skewed;
a coin of the declared share gives each an arm. A look reads merged summaries of every group. Compared on the same
draws, ten even looks with O'Brien-Fleming spending, nominal two-sided 5 %:

    plain        means
    covariates   CUPED with a column for each group, theta of both arms as one sample (`shipway.maths.stratum`)
    weighted     the effect within each group, weighted by the units of both arms (Miratrix, Sekhon and Yu 2013)

Printed: how often each calls an effect where there is none, and the variance of the last look's effect against that of
plain means; with effects that differ from group to group too, where the arms are uneven.

    python bench/experiment_strata.py [runs [seed [row]]]

Each row has draws of its own. Exits with 0 if covariates call at most 6 % by the upper end of the 95 % interval in all.
"""

import sys
import time
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shipway.maths.effect import Effect, Term, compare, estimate_term, measure_effect, normal_score
from shipway.maths.interval import Estimate, wilson
from shipway.maths.spending import critical_values
from shipway.maths.stratum import stratify
from shipway.maths.summary import Summary, merge, summarise_groups

Floats = NDArray[np.float64]
LOOKS: Final = 10
FRACTIONS: Final = np.arange(1, LOOKS + 1) / LOOKS
MEAN: Final = Term(0)


def draw(
    rng: np.random.Generator, units: int, groups: int, share: float, differs: float
) -> list[tuple[dict[str, Summary], dict[str, Summary]]]:
    """Return at each look what the units so far of the control and of the treatment come to, by group."""
    weights = 1 / np.arange(1, groups + 1) ** 0.7
    group = rng.choice(groups, units, p=weights / weights.sum())
    level = np.linspace(0.2, 3.0, groups)[rng.permutation(groups)]
    treated = rng.random(units) < share
    spends = np.where(rng.random(units) < 0.5, rng.lognormal(0.0, 0.7, units), 0.0) * level[group]
    # An effect that differs by group and is none on average: more where spending is high, less where it is low.
    centred = level[group] - float((level * weights).sum() / weights.sum())
    spends = np.where(treated, spends + differs * centred, spends)
    stretch = np.arange(units) * LOOKS // units
    code = (stretch * groups + group) * 2 + treated
    parts = summarise_groups(spends[:, None], code, LOOKS * groups * 2)
    found: list[tuple[dict[str, Summary], dict[str, Summary]]] = []
    merged: list[list[Summary | None]] = [[None] * groups, [None] * groups]
    for look in range(LOOKS):
        arms: list[dict[str, Summary]] = [{}, {}]
        for each in range(groups):
            for arm in (0, 1):
                part, before = parts[(look * groups + each) * 2 + arm], merged[arm][each]
                merged[arm][each] = now = part if before is None else merge((before, part))
                if now.n:
                    arms[arm][f"{each}"] = now
        found.append((arms[0], arms[1]))
    return found


def plain(control: dict[str, Summary], treatment: dict[str, Summary]) -> Effect:
    arms = [merge(tuple(each.values())) for each in (control, treatment)]
    return measure_effect(arms[0], arms[1], MEAN)


def by_covariates(control: dict[str, Summary], treatment: dict[str, Summary]) -> Effect:
    arms, columns = stratify((control, treatment))
    return measure_effect(arms[0], arms[1], MEAN, columns)


def by_weights(control: dict[str, Summary], treatment: dict[str, Summary]) -> Effect:
    """Weight the effects of groups; those with fewer than two units in an arm are one group together."""
    enough = [name for name in control if name in treatment and min(control[name].n, treatment[name].n) >= 2]
    cells = [(control[name], treatment[name]) for name in enough]
    rest = [tuple(each for name, each in arm.items() if name not in enough) for arm in (control, treatment)]
    if all(sum(each.n for each in arm) >= 2 for arm in rest):
        cells.append((merge(rest[0]), merge(rest[1])))
    total = sum(a.n + b.n for a, b in cells)
    estimates: list[Estimate] = []
    for arm in (0, 1):
        found = [(estimate_term(cell[arm], MEAN), (cell[0].n + cell[1].n) / total) for cell in cells]
        value = sum(weight * one.value for one, weight in found)
        error = float(np.sqrt(sum((weight * one.standard_error) ** 2 for one, weight in found)))
        n = sum(one.n for one, _ in found)
        estimates.append(Estimate(value, error, n, n))
    return compare(estimates[0], estimates[1])


METHODS: Final = {"plain": plain, "covariates": by_covariates, "weighted": by_weights}


def run(rng: np.random.Generator, runs: int, units: int, groups: int, share: float, differs: float) -> bool:
    """Print what each method calls and how much it varies; tell whether covariates keep the error."""
    bounds, called = critical_values(FRACTIONS, 0.05), dict.fromkeys(METHODS, 0)
    values = {name: np.zeros(runs) for name in METHODS}
    for each in range(runs):
        looks = draw(rng, units, groups, share, differs)
        for name, method in METHODS.items():
            effects = [method(*arms) for arms in looks]
            called[name] += bool((np.abs([normal_score(effect) for effect in effects]) >= bounds).any())
            values[name][each] = effects[-1].value
    base = values["plain"].var()
    said: list[str] = []
    for name, count in called.items():
        low, high = wilson(count, runs)
        saved = f", variance {values[name].var() / base - 1:+.0%}" if name != "plain" else ""
        said.append(f"{name} {count / runs:.1%} [{low:.1%}, {high:.1%}]{saved}")
    what = f"{units:6,} units, {groups:2} groups, share {share:.0%}{', effects differ' if differs else ''}"
    print(f"  {what}: {'; '.join(said)}", flush=True)
    return wilson(called["covariates"], runs)[1] <= 0.06


def main() -> None:
    given = [int(word) for word in sys.argv[1:]]
    runs, seed, only = (*given, *(10_000, 5, 0)[len(given) :])
    began, kept = time.process_time(), True
    print(f"no effect on average, {LOOKS} looks, nominal 5%, {runs:,} runs each, seed {seed}")
    rows = (
        (400, 4, 0.5, 0.0),
        (2_000, 4, 0.5, 0.0),
        (2_000, 30, 0.5, 0.0),
        (6_000, 8, 0.2, 0.0),
        (2_000, 8, 0.5, 1.0),
        (6_000, 8, 0.2, 1.0),
    )
    for place, (units, groups, share, differs) in enumerate(rows):
        if only in (0, place + 1):
            kept &= run(np.random.default_rng([seed, place]), runs, units, groups, share, differs)
    print(f"{time.process_time() - began:.0f} s CPU")
    if not kept:
        raise SystemExit(1)


if __name__ == "__main__":
    main()

"""How often does an experiment without any effect call a lift, and on which side: by the delta method, and by Fieller?

usage: experiment_lift.py [runs]     by default 20,000

Two arms of 550 units each at most, 60 % of whose values are nought and the rest log-normal, are looked at four times at
62, 82, 96 and 103 % of the planned units; boundaries are O'Brien and Fleming's at 5 % (`maths/spending.py`). The delta
method measures the lift in its own standard errors. Fieller's interval, that of `lift_reach`, lets 0 out just where the
difference of the arms is beyond the boundary; that the two agree is asserted on some of the runs.

Exits with 0 if Fieller calls at most 6 % by the upper end of its 95 % interval, and each side at most 3.5 %.
"""

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shipway.maths.effect import compare, lift_reach
from shipway.maths.interval import Estimate, wilson
from shipway.maths.spending import critical_values

UNITS = 550
FRACTIONS = np.array([0.62, 0.82, 0.96, 1.03])
BLOCK = 1_000

Floats = NDArray[np.floating[Any]]


def score(control: Floats, treatment: Floats) -> tuple[Floats, Floats]:
    """Return how many standard errors the lift and the difference are from 0, for runs in rows."""
    n = control.shape[1]
    c, t = control.mean(1), treatment.mean(1)
    var_c, var_t = control.var(1, ddof=1) / n, treatment.var(1, ddof=1) / n
    for row in range(0, len(c), 500):
        effect = compare(
            Estimate(float(c[row]), float(var_c[row]) ** 0.5, n, n),
            Estimate(float(t[row]), float(var_t[row]) ** 0.5, n, n),
        )
        low, high = lift_reach(effect, 2.0)
        assert (low > 0 or high < 0) == (abs(effect.value) > 2.0 * effect.standard_error)
    return (t / c - 1) / np.sqrt(var_t / c**2 + var_c * t**2 / c**4), (t - c) / np.sqrt(var_c + var_t)


def main(runs: int) -> None:
    random = np.random.default_rng(5)
    bounds = critical_values(FRACTIONS, 0.05, spending="obrien-fleming")
    called = {"delta method": [0, 0, 0], "Fieller": [0, 0, 0]}
    for _ in range(runs // BLOCK):
        shape = (2, BLOCK, int(UNITS * FRACTIONS[-1]))
        control, treatment = np.where(random.random(shape) < 0.6, 0.0, random.lognormal(3.0, 0.9, shape))
        scores = [score(control[:, :n], treatment[:, :n]) for n in (UNITS * FRACTIONS).astype(int)]
        for place, counts in enumerate(called.values()):
            z = np.stack([each[place] for each in scores], axis=1)
            below, above = (z < -bounds).any(1), (z > bounds).any(1)
            for at, found in enumerate((below | above, below, above)):
                counts[at] += int(found.sum())
    for name, (either, below, above) in called.items():
        low, high = wilson(either, runs)
        sides = f"{below / runs:.2%} below, {above / runs:.2%} above"
        print(f"{name:<14} calls {either / runs:.2%} [{low:.2%}, {high:.2%}]: {sides}")
    either, below, above = called["Fieller"]
    if wilson(either, runs)[1] > 0.06 or max(below, above) / runs > 0.035:
        raise SystemExit(1)


if __name__ == "__main__":
    main(int((*sys.argv[1:], "20000")[0]))

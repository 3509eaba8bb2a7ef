"""Do the 95 % intervals of metrics of classes hold the truth where classes are rare, and does no worse model pass?

Rows come in days, which share what happens and an error of the model's own. There are six classes, of which the rarest
is one row in a hundred: with 20 days of 50 rows it occurs some ten times. A metric is measured on some days with the
interval shipway gives it; the truth is the metric on 3,000 other days. Beside it is the interval that takes a mean
over classes for one number of all rows, and not for a sum of parts that rest on the rows of each class.

Then two versions that are equally good, each with errors of its own: a gate that asks one to be better than the other
should let it pass in at most one draw of forty (2.5 %).

    python bench/class_interval.py [runs]
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shipway.maths import multiclass, threshold
from shipway.maths.calibration import expected_calibration_error
from shipway.maths.influence import Influence, clustered, subtract
from shipway.maths.interval import Estimate, clustered_auc, interval, wilson

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
DAYS, ROWS, TRUTH_DAYS = (20, 90), 50, 3_000
USUAL: Final = np.log([0.5, 0.25, 0.15, 0.06, 0.035, 0.005])
RARE: Final = 5


@dataclass(frozen=True, slots=True, eq=False)
class Draw:
    """Rows of some days: which class happened, and how probable two models of equal worth said that each was."""

    day: Ints
    y: Ints
    p: Floats
    q: Floats


def draw(rng: np.random.Generator, days: int) -> Draw:
    """Simulate the rows of some days."""
    n, k = days * ROWS, USUAL.size
    day = np.repeat(np.arange(days), ROWS)
    odds = USUAL + rng.normal(0, 1.2, (n, k))
    happened = _softmax(odds + rng.normal(0, 0.4, (days, k))[day])
    y = (happened.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1).clip(0, k - 1)
    p, q = (_softmax(odds + rng.normal(0, 0.3, (n, k)) + rng.normal(0, 0.3, (days, k))[day]) for _ in range(2))
    return Draw(day, y.astype(np.int64), p, q)


def _softmax(odds: Floats) -> Floats:
    shares = np.exp(odds - odds.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


METRICS: Final[dict[str, Callable[[Ints, Floats], Influence]]] = {
    "macro AUC": multiclass.macro_auc,
    "log loss": multiclass.log_loss,
    "Brier": multiclass.brier,
    "accuracy": multiclass.accuracy,
    "macro F1": multiclass.macro_f1,
    "weighted F1": multiclass.weighted_f1,
    "accuracy of first 2": lambda y, p: multiclass.top_accuracy(y, p, 2),
    "calibration gap": multiclass.confidence_gap,
    "recall of the rarest at .05": lambda y, p: threshold.recall(*multiclass.read_class(y, p, RARE), 0.05),
}
AUC, ECE = "AUC of the rarest", "calibration error (ECE)"
SUMS: Final = ("macro AUC", "macro F1", "weighted F1")


def ends_of(name: str, d: Draw, *, parts: bool = True) -> tuple[float, float]:
    """Return the interval of a metric; of a mean over classes as one number of all rows where `parts` is false."""
    if name == AUC:
        happened, said = multiclass.read_class(d.y, d.p, RARE)
        if happened.sum() < 1:
            return 0.0, 1.0
        return interval(clustered_auc(happened, said, d.day))
    if name == ECE:
        found = expected_calibration_error(*multiclass.read_chosen(d.y, d.p), d.day)
        return found.low, found.high
    if "rarest" in name and not (d.y == RARE).any():
        return 0.0, 1.0
    moved = METRICS[name](d.y, d.p)
    return interval(clustered(moved if parts else replace(moved, least=0.0, parts={}), d.day))


def truth_of(name: str, d: Draw) -> float:
    """Return a metric on very many days."""
    if name == AUC:
        happened, said = multiclass.read_class(d.y, d.p, RARE)
        return clustered_auc(happened, said, d.day).value
    if name == ECE:
        right, sure = multiclass.read_chosen(d.y, d.p)
        return expected_calibration_error(right, sure, d.day).value
    return METRICS[name](d.y, d.p).value


def gain_of(name: str, d: Draw) -> Estimate:
    """Return by how much the second model has more of a metric than the first, of the same rows."""
    return clustered(subtract(METRICS[name](d.y, d.q), METRICS[name](d.y, d.p)), d.day)


def say(count: int, runs: int) -> str:
    """Return a share with the 95 % interval of what chance makes of it."""
    low, high = wilson(count, runs)
    return f"{count / runs:.3f} [{low:.3f}, {high:.3f}]"


def main() -> None:
    """Print how often each interval holds the truth, and how often an equal model passes for a better one."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    began = time.process_time()
    names = [AUC, *METRICS, ECE]
    population = draw(np.random.default_rng(10_000), TRUTH_DAYS)
    truth = {name: truth_of(name, population) for name in names}
    print(
        f"coverage of 95 % intervals, {runs} runs, {ROWS} rows a day, six classes of which the rarest is 1 row in 100"
    )
    print(f"{'metric':<28}{'truth':>8}" + "".join(f"{f'{days} days':>24}{'no parts':>10}" for days in DAYS))
    held = {(name, days, parts): 0 for name in names for days in DAYS for parts in (True, False)}
    passed = {(name, days): 0 for name in METRICS for days in DAYS}
    for days in DAYS:
        for run in range(runs):
            d = draw(np.random.default_rng([run, days]), days)
            for name in names:
                for parts in (True, False):
                    low, high = ends_of(name, d, parts=parts)
                    held[name, days, parts] += low <= truth[name] <= high
            for name in METRICS:
                if "rarest" not in name:
                    passed[name, days] += interval(gain_of(name, d))[0] > 0
    for name in names:
        line = f"{name:<28}{truth[name]:>8.4f}"
        for days in DAYS:
            bare = f"{held[name, days, False] / runs:.3f}" if name in SUMS else ""
            line += f"{say(held[name, days, True], runs):>24}{bare:>10}"
        print(line)
    print("how often one of two equally good models is shown to be better than the other, at most .025 is due")
    for name in METRICS:
        if "rarest" not in name:
            print(f"{name:<28}" + "".join(f"{say(passed[name, days], runs):>30}" for days in DAYS))
    print(f"{time.process_time() - began:.0f} s CPU")


if __name__ == "__main__":
    main()

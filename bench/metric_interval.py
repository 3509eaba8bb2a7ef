"""Do the 95 % intervals of metrics hold the truth when rows come in days? Against rows taken one by one.

Each day has weather of its own that moves what happens, and an error of its own that the model makes all day. A metric
is measured on some days with the interval shipway gives it, clustered by day, and with the interval that takes every
row as independent; the truth is the metric on 6,000 other days. "gain" rows are paired differences to a second model
that makes errors of its own on the same rows. The interval of the expected calibration error is built to hold at least
as often as it says.

Then what is rare: all rows in which it happened lie on few of 90 days, and each day the model finds more or fewer of
them. Recall and AUC rest on those rows and days alone. Beside it is what counts all rows and days there are.

    python bench/metric_interval.py [runs]
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shipway.maths import forecast, multiclass, ranking, regression
from shipway.maths.calibration import expected_calibration_error
from shipway.maths.influence import Influence, clustered, influence_of_mean, subtract
from shipway.maths.interval import clustered_auc, interval, wilson
from shipway.maths.metric import Costs, auc, auc_influence, decision_cost
from shipway.maths.scoring import Scoring, influence_of_score

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
DAYS, ROWS, TRUTH_DAYS = (20, 60), 50, 6_000
FEW: Final = (3, 4, 8)
COSTS: Final = Costs(act_if_true=65, act_if_false=25, skip_if_true=100, skip_if_false=0)


@dataclass(frozen=True, slots=True, eq=False)
class Draw:
    """Rows of some days: what happened and what two models said, for every kind of label."""

    day: Ints
    y: NDArray[np.bool_]
    p: Floats
    q: Floats
    number: Floats
    said: Floats
    spread: Floats
    classes: Ints
    shares: Floats
    query: Ints


def draw(rng: np.random.Generator, days: int) -> Draw:
    """Simulate the rows of some days."""
    n = days * ROWS
    day = np.repeat(np.arange(days), ROWS)
    weather, own, other = (rng.normal(0, s, days)[day] for s in (0.6, 0.4, 0.6))
    usual = rng.normal(-0.8, 1.0, n)
    y = rng.random(n) < 1 / (1 + np.exp(-(usual + weather)))
    p, q = (1 / (1 + np.exp(-1.2 * (usual + off + rng.normal(0, 0.3, n)))) for off in (own, other))
    number = 20 + 5 * (usual + weather) + rng.gamma(2, 3, n)
    spread = rng.uniform(4, 8, n)
    said = 26 + 5 * (usual + own)
    logits = rng.normal(0, 1, (n, 3)) + np.array([0.6, 0.0, -0.6]) + rng.normal(0, 0.5, (days, 3))[day]
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    shifted = np.exp(logits + rng.normal(0, 0.6, (days, 3))[day])
    classes = (shifted.cumsum(axis=1) / shifted.sum(axis=1, keepdims=True) < rng.random((n, 1))).sum(axis=1)
    query = np.repeat(np.arange(n // 5), 5)
    return Draw(day, y, p, q, number, said, spread, classes.astype(np.int64), shares, query)


def _binary(name: str, at: float = 0.4) -> Callable[[Draw], Influence]:
    return lambda d: influence_of_score(Scoring(name, at, 2.0, d.query), d.y, d.p)


def _gain(name: str, at: float = 0.4) -> Callable[[Draw], Influence]:
    scoring = Scoring(name, at, 2.0)
    return lambda d: subtract(influence_of_score(scoring, d.y, d.p), influence_of_score(scoring, d.y, d.q))


def _auc_gain(d: Draw) -> Influence:
    a, b = (Influence(auc(d.y, each), auc_influence(d.y, each)) for each in (d.p, d.q))
    return subtract(a, b)


METRICS: Final[dict[str, Callable[[Draw], Influence]]] = {
    "log loss": _binary("log_loss"),
    "precision at .4": _binary("precision"),
    "recall at .4": _binary("recall"),
    "F2 at .4": _binary("f_score"),
    "Matthews at .4": _binary("mcc"),
    "average precision": _binary("average_precision"),
    "calibration slope": _binary("calibration_slope"),
    "value of a row": lambda d: influence_of_mean(
        decision_cost(d.y, d.p, 1.0, COSTS) - decision_cost(d.y, d.p, 25 / 60, COSTS)
    ),
    "NDCG of first 3": lambda d: ranking.ndcg(d.y.astype(np.float64), d.p, d.query, 3),
    "mean reciprocal rank": lambda d: ranking.mean_reciprocal_rank(d.y.astype(np.float64), d.p, d.query),
    "MAE": lambda d: regression.mean_absolute_error(d.number, d.said),
    "RMSE": lambda d: regression.root_mean_squared_error(d.number, d.said),
    "R2": lambda d: regression.r_squared(d.number, d.said),
    "pinball at .9": lambda d: regression.pinball_loss(d.number, d.said, 0.9),
    "CRPS of normal": lambda d: forecast.crps_of_normal(d.number, d.said, d.spread),
    "accuracy, 3 classes": lambda d: multiclass.accuracy(d.classes, d.shares),
    "macro F1": lambda d: multiclass.macro_f1(d.classes, d.shares),
    "weighted F1": lambda d: multiclass.weighted_f1(d.classes, d.shares),
    "macro AUC": lambda d: multiclass.macro_auc(d.classes, d.shares),
    "gain in AUC": _auc_gain,
    "gain in log loss": _gain("log_loss"),
    "gain in recall": _gain("recall"),
    "gain in avg. precision": _gain("average_precision"),
}
AUC, ECE = "AUC (Obuchowski)", "calibration error (ECE)"


def ends_of(name: str, d: Draw, clusters: Ints) -> tuple[float, float]:
    """Return the interval shipway gives a metric."""
    if name == AUC:
        return interval(clustered_auc(d.y, d.p, clusters))
    if name == ECE:
        found = expected_calibration_error(d.y, d.p, clusters)
        return found.low, found.high
    return interval(clustered(METRICS[name](d), clusters))


def truth_of(name: str, d: Draw) -> float:
    """Return a metric on very many days."""
    if name == AUC:
        return auc(d.y, d.p)
    if name == ECE:
        return expected_calibration_error(d.y, d.p, np.zeros(d.y.size, np.int64)).value
    return METRICS[name](d).value


def draw_few(rng: np.random.Generator, true_days: int, days: int = 90, rows: int = 40) -> tuple[Ints, Bools, Floats]:
    """Simulate rows of 90 days of which few have any in which it happened: day, what happened, prediction."""
    day = np.repeat(np.arange(days), rows)
    y = (day < true_days) & (np.tile(np.arange(rows), days) < np.repeat(1 + rng.poisson(3, days), rows))
    own = rng.normal(0, 0.5, days)[day]
    return day, y, 1 / (1 + np.exp(-(rng.normal(0, 1, day.size) + own + np.where(y, 0.9, -0.9))))


def few(runs: int) -> None:
    """Print how often intervals of recall and AUC hold the truth where all that is true lies on few days."""
    _, y, p = draw_few(np.random.default_rng(20_000), 6_000, 6_000)
    recall = Scoring("recall", 0.4)
    truth = {"recall at .4": influence_of_score(recall, y, p).value, AUC: auc(y, p)}
    print(f"it happened on few of 90 days, {runs} runs; beside it with all rows and days counted")
    print(f"{'metric':<24}{'truth':>8}" + "".join(f"{f'{days} days':>24}{'all counted':>12}" for days in FEW))
    lines = {name: f"{name:<24}{true:>8.4f}" for name, true in truth.items()}
    for true_days in FEW:
        held = {(name, how): 0 for name in truth for how in ("told", "all")}
        for run in range(runs):
            day, y, p = draw_few(np.random.default_rng([run, true_days]), true_days)
            found, area = influence_of_score(recall, y, p), Influence(auc(y, p), auc_influence(y, p))
            for name, how, estimate in (
                ("recall at .4", "told", clustered(found, day)),
                ("recall at .4", "all", clustered(Influence(found.value, found.rows), day)),
                (AUC, "told", clustered_auc(y, p, day)),
                (AUC, "all", clustered(area, day)),
            ):
                low, high = interval(estimate)
                held[name, how] += low <= truth[name] <= high
        for name in truth:
            low, high = wilson(held[name, "told"], runs)
            ends = f"{held[name, 'told'] / runs:.3f} [{low:.3f}, {high:.3f}]"
            lines[name] += f"{ends:>24}{held[name, 'all'] / runs:>12.3f}"
    print("\n".join(lines.values()))


def main() -> None:
    """Print how often each interval holds the truth."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    began = time.process_time()
    names = [AUC, *METRICS, ECE]
    population = draw(np.random.default_rng(10_000), TRUTH_DAYS)
    truth = {name: truth_of(name, population) for name in names}
    print(f"coverage of 95 % intervals, {runs} runs, {ROWS} rows a day; in brackets 95 % of what chance makes of it")
    print(f"{'metric':<24}{'truth':>8}" + "".join(f"{f'{days} days':>24}{'rows apart':>12}" for days in DAYS))
    held = {(name, days, how): 0 for name in names for days in DAYS for how in ("day", "row")}
    for days in DAYS:
        for run in range(runs):
            d = draw(np.random.default_rng([run, days]), days)
            alone = np.arange(d.y.size)
            for name in names:
                for how, clusters in (("day", d.day), ("row", alone)):
                    if name == ECE and how == "row":
                        continue  # as many clusters as rows: four thousand draws of each
                    low, high = ends_of(name, d, clusters)
                    held[name, days, how] += low <= truth[name] <= high
    for name in names:
        line = f"{name:<24}{truth[name]:>8.4f}"
        for days in DAYS:
            good = held[name, days, "day"]
            low, high = wilson(good, runs)
            apart = "" if name == ECE else f"{held[name, days, 'row'] / runs:.3f}"
            line += f"{f'{good / runs:.3f} [{low:.3f}, {high:.3f}]':>24}{apart:>12}"
        print(line)
    few(5 * runs)
    print(f"{time.process_time() - began:.0f} s CPU")


if __name__ == "__main__":
    main()

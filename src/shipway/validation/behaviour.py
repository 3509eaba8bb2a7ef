"""Behavioural tests: change features in a way whose effect is known, and count the predictions that do otherwise.

Directional and invariance tests as in Ribeiro, Wu, Guestrin and Singh 2020, "Beyond Accuracy: Behavioral Testing of NLP
Models with CheckList", section 2.2, on tables: the true label is not needed, and every row is a test case.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from shipway.core.error import ShipwayError
from shipway.core.label import SAID
from shipway.core.measure import Directional, Invariance
from shipway.kit.suggestion import did_you_mean
from shipway.validation.reading import Reading, Row, read_nothing
from shipway.validation.row import is_beyond
from shipway.validation.sample import Bools, Floats, Ints, Sample, says


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """One change made to the rows that can be changed.

    Attributes:
        change: what was changed, such as `visibility -5`.
        rows: int64[m], positions of the rows in which a changed feature is there.
        before: float64[m], their predictions as they are.
        after: float64[m], their predictions with the change.
        left: rows that the change would have taken out of the ranges that training saw, and so were left out.
    """

    change: str
    rows: Ints
    before: Floats
    after: Floats
    left: int = 0


def measure_behaviour(measure: Directional | Invariance, sample: Sample) -> Reading:
    """Measure the share of rows whose prediction falls (or moves) where it should not, in the worst single test.

    A missing value stays missing; a row is tested where at least one changed feature is there, and no change takes it
    out of the ranges that training saw. The rows given are all
    that is asked about, so the share is counted and its interval has no width, except that its upper end is 1 where one
    of several tests had no row: what was not tested cannot pass, and what failed elsewhere still fails.

    Args:
        measure: the changes, and how far a prediction may go before it counts.
        sample: the rows; all of them are used.

    Returns:
        The share; `n` counts the rows that took part in any test. Detail has a row per test: `change`, `n`,
        `mean_change` of the probability, `share_violating`, and the row that goes furthest wrong: `worst_row_index`,
        `worst_before` and `worst_after` (None where no row was tested).

    Raises:
        ShipwayError: SW-104 if the candidate has no such feature; SW-403 if it predicts what is no probability.
    """
    together = isinstance(measure, Directional) and measure.together
    tests = [dict(measure.changes)] if together else [{name: delta} for name, delta in measure.changes.items()]
    positions = _find_columns(measure.changes, sample.columns)
    trials = _try_changes([test for test in tests if test], positions, sample)
    detail = [_judge_trial(trial, measure) for trial in trials]
    tried = [row for row in detail if row["n"]]
    facts: dict[str, Any] = {
        "tests": len(detail),
        "left_out": {trial.change: trial.left for trial in trials if trial.left},
        "untested": [row["change"] for row in detail if not row["n"]],
        "mean_change": {row["change"]: row["mean_change"] for row in tried},
        "share_violating": {row["change"]: row["share_violating"] for row in tried},
    }
    if not tried:
        return read_nothing("no row has a value to change", (0.0, 1.0), facts, detail)
    worst = max(tried, key=lambda row: row["share_violating"])
    share = worst["share_violating"]
    return Reading(
        value=share,
        low=share,
        high=1.0 if facts["untested"] else share,
        n=np.unique(np.concatenate([trial.rows for trial in trials])).size,
        clusters=0,
        facts={"said": _say(worst, measure, facts), **facts},
        detail=detail,
    )


def _find_columns(changes: Mapping[str, float], columns: tuple[str, ...]) -> dict[str, int]:
    """Return where each changed feature stands, refusing a name that is none."""
    unknown = next((name for name in changes if name not in columns), None)
    if unknown is not None:
        raise ShipwayError("SW-104", f"the candidate has no feature {unknown!r}", did_you_mean(unknown, columns))
    return {name: columns.index(name) for name in changes}


def _try_changes(tests: list[dict[str, float]], positions: dict[str, int], sample: Sample) -> list[Trial]:
    """Make each test's change and predict, with one prediction of the unchanged rows for all tests."""
    before = predict_rows(sample, sample.x)
    trials: list[Trial] = []
    for test in tests:
        at = [positions[name] for name in test]
        rows = np.flatnonzero(~np.isnan(sample.x[:, at]).all(axis=1)).astype(np.int64, copy=False)
        changed = sample.x[rows]
        changed[:, at] += np.array(list(test.values()))
        inside = _find_inside(sample, at, changed)
        left, rows, changed = int((~inside).sum()), rows[inside], changed[inside]
        change = ", ".join(f"{name} {delta:+g}" for name, delta in test.items())
        trials.append(Trial(change, rows, before[rows], predict_rows(sample, changed), left))
    return trials


def _find_inside(sample: Sample, at: list[int], changed: Floats) -> Bools:
    """Tell of each changed row whether it stays in the ranges that training saw, where those are known."""
    inside = np.ones(len(changed), dtype=np.bool_)
    for place in at if sample.support else ():
        inside &= ~is_beyond(sample.support[place], changed[:, place])
    return inside


def predict_rows(sample: Sample, x: Floats) -> Floats:
    """Predict rows, none for no rows, and refuse an answer that is not one probability, or one finite number, a row."""
    if not len(x):
        return np.empty(0, dtype=np.float64)
    p = sample.predict(x)
    if p.shape != (len(x),) or not says(sample.kind, p):
        raise ShipwayError(
            "SW-403",
            f"the candidate answers {len(x)} rows with {p.dtype}{list(p.shape)} that is not {SAID[sample.kind]} a row",
            "predict must return one number for each row: a probability where the label is a condition",
        )
    return p


def _judge_trial(trial: Trial, measure: Directional | Invariance) -> Row:
    moved = trial.after - trial.before
    wrong = -moved if isinstance(measure, Directional) else np.abs(moved)
    if not wrong.size:
        empty = dict.fromkeys(("mean_change", "share_violating", "worst_row_index", "worst_before", "worst_after"))
        return {"change": trial.change, "n": 0, **empty}
    worst = int(wrong.argmax())
    return {
        "change": trial.change,
        "n": wrong.size,
        "mean_change": float(moved.mean()),
        "share_violating": float((wrong > measure.tolerance).mean()),
        "worst_row_index": int(trial.rows[worst]),
        "worst_before": float(trial.before[worst]),
        "worst_after": float(trial.after[worst]),
    }


def _say(worst: Row, measure: Directional | Invariance, facts: dict[str, Any]) -> str:
    verb = "falls" if isinstance(measure, Directional) else "moves"
    limit = f"{verb} by more than {measure.tolerance:g}"
    count = round(worst["share_violating"] * worst["n"])
    gap = f"; no row could test {', '.join(facts['untested'])}" if facts["untested"] else ""
    left = sum(facts["left_out"].values())
    gap += f"; {left:,} left out that would leave what training saw" if left else ""
    if not count:
        return f"no prediction {limit} in {facts['tests']} test{'' if facts['tests'] == 1 else 's'}{gap}"
    example = f"row {worst['worst_row_index']} from {worst['worst_before']:.3f} to {worst['worst_after']:.3f}"
    return f"{worst['change']}: {limit} in {count:,} of {worst['n']:,} rows, {example}{gap}"

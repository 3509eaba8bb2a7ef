"""Several behavioural tests as one check: make changes whose effect is known, and count what does otherwise.

Directional and invariance tests as in Ribeiro, Wu, Guestrin and Singh 2020, "Beyond Accuracy: Behavioral Testing of NLP
Models with CheckList", section 2.2, on tables: the true label is not needed, and every row is a test case.
"""

from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np

from shipway.core.probe import Behaviour, Probe, describe_change, describe_expectation
from shipway.validation.answer import Answers, Ask, focus, violate
from shipway.validation.counterexample import Counterexample, write_briefly
from shipway.validation.probe import RowCases, ask_of, make_row_cases, read_cases, rows_of, say_no_case
from shipway.validation.reading import Reading, Row, read_nothing
from shipway.validation.row import Rows
from shipway.validation.sample import Ints, Sample
from shipway.validation.shrink import shrink_rows

_MEASURED: Final = ("mean_change", "share_violating", "worst_row_index", "worst_before", "worst_after")
"""What the detail says of a test that had rows."""
EXAMPLE: Final = "counterexample"
"""Under what it has the simplest failure, where there is one."""


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """One test made on the rows that can be changed.

    Attributes:
        row: what came of it, as the detail of the evidence has it.
        at: int64[m], places of the rows that took part.
        left: rows that the change would have taken out of what training saw, and so were left out.
    """

    row: Row
    at: Ints
    left: int


def measure_behaviour(name: str, measure: Behaviour, sample: Sample) -> Reading:
    """Measure the share of rows whose prediction falls (or moves) where it should not, in the worst single test.

    A missing value stays missing; a row is tested where at least one changed feature is there, and no change takes it
    out of what training saw. The rows given are all that is asked about, so the share is counted and its interval has
    no width, except that its upper end is 1 where one of several tests had no row: what was not tested cannot pass, and
    what failed elsewhere still fails.

    Args:
        name: of the check.
        measure: the tests.
        sample: the rows; all of them are used, and predicted once as they are for all tests.

    Returns:
        The share; `n` counts the rows that took part in any test. Detail has a row per test: `change`, `n`,
        `mean_change` of the probability, or mean total variation of those of all classes, `share_violating`, and the
        row that goes furthest wrong: `worst_row_index`, `worst_before` and `worst_after` (None where no row was
        tested), of all classes those of the one that moves most there, `worst_class`; of one that some row fails also
        `counterexample`, the simplest failure that was found.

    Raises:
        ShipwayError: SW-104 if the candidate has no such feature; SW-403 if it predicts what is no probability; SW-431
            if a number is added to a column of texts.
    """
    trials = _try(name, measure, sample)
    detail = [trial.row for trial in trials]
    tried = [row for row in detail if row["n"]]
    facts: dict[str, Any] = {
        "tests": len(detail),
        "left_out": {trial.row["change"]: trial.left for trial in trials if trial.left},
        "untested": [row["change"] for row in detail if not row["n"]],
        "mean_change": {row["change"]: row["mean_change"] for row in tried},
        "share_violating": {row["change"]: row["share_violating"] for row in tried},
    }
    if not tried:
        return read_nothing(say_no_case(sum(facts["left_out"].values())), (0.0, 1.0), facts, detail)
    worst = max(tried, key=lambda row: row["share_violating"])
    share = worst["share_violating"]
    return Reading(
        value=share,
        low=share,
        high=1.0 if facts["untested"] else share,
        n=np.unique(np.concatenate([trial.at for trial in trials])).size,
        clusters=0,
        facts={"said": _say(worst, measure, facts), **facts},
        detail=detail,
    )


def _try(name: str, measure: Behaviour, sample: Sample) -> list[Trial]:
    rows, ask = rows_of(sample), ask_of(sample)
    made = [make_row_cases(name, probe, rows) for probe in measure.probes]
    before = ask(rows.x) if any(cases.at.size for cases in made) else None
    trials: list[Trial] = []
    for probe, cases in zip(measure.probes, made, strict=True):
        change = ", ".join(map(describe_change, probe.change))
        row: Row = {"change": change, "n": cases.at.size, **dict.fromkeys(_MEASURED)}
        if before is not None and cases.at.size:
            row |= _judge(f"{name}: {change}", probe, rows, cases, before.take(cases.at), ask)
        trials.append(Trial(row, cases.at, cases.facts["left_out"]))
    return trials


def _judge(name: str, probe: Probe, rows: Rows, cases: RowCases, before: Answers, ask: Ask) -> Row:
    after = ask(cases.new)
    size = violate(probe.expect, before, after)
    reading = read_cases(probe, size, before, after, None, cases.facts)
    worst = int(size.argmax())
    failing = np.argsort(-size, kind="stable")[: int((size > 0).sum())]
    found: Row = {}
    if failing.size:
        old, new, at = cases.old[failing], cases.new[failing], cases.at[failing]
        found[EXAMPLE] = msgspec.to_builtins(shrink_rows(name, probe, rows, old, new, at, ask))
    shown, then = focus(probe.expect, before.take(np.array([worst])), after.take(np.array([worst])))
    if before.whole is not None and shown.label is not None:
        found["worst_class"] = str(shown.label[0])
    return {
        "mean_change": reading.facts["mean_change"],
        "share_violating": reading.value,
        "worst_row_index": int(cases.at[worst]),
        "worst_before": float(shown.value[0]),
        "worst_after": float(then.value[0]),
        **found,
    }


def _say(worst: Row, measure: Behaviour, facts: dict[str, Any]) -> str:
    expected = describe_expectation(measure.probes[0].expect)
    count = round(worst["share_violating"] * worst["n"])
    gap = f"; no row could test {', '.join(facts['untested'])}" if facts["untested"] else ""
    left = sum(facts["left_out"].values())
    gap += f"; {left:,} left out that would leave what training saw" if left else ""
    if not count:
        return f"{expected} in {facts['tests']} test{'' if facts['tests'] == 1 else 's'}{gap}"
    wrong = expected.removeprefix("no prediction ")
    example = write_briefly(msgspec.convert(worst[EXAMPLE], Counterexample))
    return f"{worst['change']}: {wrong} in {count:,} of {worst['n']:,} rows{gap}; at its simplest {example}"

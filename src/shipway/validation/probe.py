"""Run a behavioural test: make its cases, change them, ask the model, count what fails, and show the simplest of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from zlib import crc32

import msgspec
import numpy as np

from shipway.core.bundle import InputColumn
from shipway.core.error import ShipwayError
from shipway.core.label import SAID
from shipway.core.probe import Probe, Reader, RowChange, Says, TextChange, Within
from shipway.maths.proportion import clustered_wilson
from shipway.validation.answer import Answers, Ask, Cases, move_of, read_answers, violate
from shipway.validation.counterexample import Counterexample, write_briefly
from shipway.validation.reading import Reading, read_nothing
from shipway.validation.row import Rows, change_rows, pick_rows
from shipway.validation.sample import Bools, Floats, Ints, Sample, says, spread_rows
from shipway.validation.shrink import shrink_rows, shrink_text
from shipway.validation.wording import change_text, fill_templates


@dataclass(frozen=True, slots=True, eq=False)
class Probed:
    """What a test came to.

    Attributes:
        reading: the share of cases that fail.
        counterexample: the simplest failure; None where nothing failed.
    """

    reading: Reading
    counterexample: Counterexample | None


@dataclass(frozen=True, slots=True, eq=False)
class RowCases:
    """The cases that a test makes of rows.

    Attributes:
        old: float64[m, f], the rows as they were.
        new: float64[m, f], the rows as the test changes them.
        at: int64[m], their places.
        facts: how many rows were left out, by which column, and how many the change leaves as they are.
    """

    old: Floats
    new: Floats
    at: Ints
    facts: dict[str, Any]


def make_row_cases(name: str, probe: Probe, rows: Rows, *, seed: int = 0) -> RowCases:
    """Make the cases of a test on rows; the arguments are those of `measure_rows`.

    Raises:
        ShipwayError: SW-104 for a column or category there is not, SW-431 for a test that is on texts or changes what
            its column cannot take.
    """
    if probe.on_text:
        raise ShipwayError("SW-431", f"test {name!r} is on texts, and the model reads rows", "run it on a text model")
    changes = [change for change in probe.change if isinstance(change, RowChange)]
    picked = pick_rows(rows, probe.where)
    if picked.size > probe.cases:
        picked = picked[spread_rows(picked.size, probe.cases)]
    old = rows.x[picked]
    changed = change_rows(rows, old, changes, np.random.default_rng([seed, crc32(name.encode())]))
    # What an absolute expectation asks about is the row with all that was put into it; a comparison needs one change.
    made = changed.made.all(axis=1) if isinstance(probe.expect, Within | Says) else changed.made.any(axis=1)
    use = (made | (len(changes) == 0)) & ~changed.left
    facts: dict[str, Any] = {
        "left_out": int(changed.left.sum()),
        "left_out_by": changed.why,
        "unchanged": int((~made & ~changed.left).sum()) if changes else 0,
    }
    return RowCases(old[use], changed.x[use], picked[use], facts)


def measure_rows(name: str, probe: Probe, rows: Rows, ask: Ask, *, seed: int = 0, shrink: bool = True) -> Probed:
    """Measure a test on rows.

    Args:
        name: of the test.
        probe: the test.
        rows: what its cases are taken from, spread evenly.
        ask: the model.
        seed: decides what the test leaves open.
        shrink: whether the simplest failure is looked for.

    Raises:
        ShipwayError: SW-104 for a column or category there is not, SW-431 for a test that is on texts or changes what
            its column cannot take, SW-433 where the model's answer is not what the test expects to compare.
    """
    cases = make_row_cases(name, probe, rows, seed=seed)
    if not cases.at.size:
        return Probed(read_no_case(probe, cases.facts), None)
    before = ask(cases.old) if probe.change else None
    after = ask(cases.new)
    size = violate(probe.expect, before, after)
    clusters = None if rows.clusters is None else rows.clusters[cases.at]
    reading = read_cases(probe, size, before, after, clusters, cases.facts)
    worst = np.argsort(-size, kind="stable")[: int((size > 0).sum())]
    if not (shrink and worst.size):
        return Probed(reading, None)
    return Probed(reading, shrink_rows(name, probe, rows, cases.old[worst], cases.new[worst], cases.at[worst], ask))


def measure_texts(
    name: str,
    probe: Probe,
    lexicons: Mapping[str, Sequence[str]],
    ask: Ask,
    *,
    seed: int = 0,
    shrink: bool = True,
) -> Probed:
    """Measure a test on texts; the arguments are those of `measure_rows`, with the words that fill templates.

    Raises:
        ShipwayError: SW-431 for a test that is on rows, SW-433 as for rows.
    """
    if not probe.on_text:
        raise ShipwayError("SW-431", f"test {name!r} is on rows, and the model reads texts", "run it on a table model")
    changes = [change for change in probe.change if isinstance(change, TextChange)]
    texts = fill_templates(probe.templates, lexicons, probe.cases, seed)
    wordings = [change_text(text, changes, lexicons, f"{seed} {name}") for text in texts]
    used = [each for each in wordings if each.before != each.after] if changes else wordings
    facts: dict[str, Any] = {"left_out": 0, "left_out_by": {}, "unchanged": len(wordings) - len(used)}
    if not used:
        return Probed(read_no_case(probe, facts), None)
    before = ask([each.before for each in used]) if changes else None
    after = ask([each.after for each in used])
    size = violate(probe.expect, before, after)
    reading = read_cases(probe, size, before, after, None, facts)
    worst = np.argsort(-size, kind="stable")[: int((size > 0).sum())]
    if not (shrink and worst.size):
        return Probed(reading, None)
    return Probed(reading, shrink_text(name, probe, [used[int(i)] for i in worst], ask))


def measure_probe(name: str, probe: Probe, sample: Sample) -> Reading:
    """Measure a test on the evaluated rows of a candidate, as a gate asks for it; the arguments are as for rows.

    Returns:
        The share of cases that fail, with the simplest failure as the one row of its detail.
    """
    rows, ask = rows_of(sample), ask_of(sample)
    probed = measure_rows(name, probe, rows, ask)
    found = probed.counterexample
    if found is None:
        return replace(probed.reading, detail=[])
    facts = {**probed.reading.facts, "said": f"{probed.reading.facts['said']}; at its simplest {write_briefly(found)}"}
    return replace(probed.reading, facts=facts, detail=[msgspec.to_builtins(found)])


def rows_of(sample: Sample) -> Rows:
    """Return the rows of a sample with what training saw of their columns: anything, where nothing says."""
    columns = sample.support or tuple(InputColumn(name=c, kind="number", missing=1.0) for c in sample.columns)
    return Rows(sample.x, columns, sample.clusters.get("day"))


def ask_of(sample: Sample) -> Ask:
    """Return a sample's candidate as something that answers rows; SW-403 where an answer is no prediction.

    Of classes the number is the probability of the most probable one, and what must not move is all of them.
    """

    def ask(cases: Cases) -> Answers:
        x = np.asarray(cases, dtype=np.float64)
        p = _predict(sample, x)
        if sample.kind != "class":
            return read_answers(p, Reader(), len(x))
        named = read_answers(p, Reader(classes=sample.classes), len(x))
        return replace(named, value=p.max(axis=1, initial=0.0), whole=p, names=sample.classes)

    return ask


def _predict(sample: Sample, x: Floats) -> Floats:
    """Predict rows, and refuse an answer that is no probability, finite number, or probability of each class, a row."""
    p = sample.predict(x)
    shape = (len(x), len(sample.classes)) if sample.kind == "class" else (len(x),)
    if p.shape != shape or not says(sample.kind, p):
        raise ShipwayError(
            "SW-403",
            f"the candidate answers {len(x)} rows with {p.dtype}{list(p.shape)} that is not {SAID[sample.kind]} a row",
            "predict must return one number for each row, a probability where the label is a condition; of classes all",
        )
    return p


def add_failure(probe: Probe, probed: Probed, found: Counterexample) -> Probed:
    """Return what a test came to with one more case, which fails: a counterexample that was searched for."""
    reading = probed.reading
    failed, n = int(reading.facts["failed"]) + 1, reading.n + 1
    share = failed / n
    low, high = min(reading.facts["rate_low"], share), max(reading.facts["rate_high"], share)
    said = f"{reading.facts['said']}; a search beyond them found one that fails"
    counted = replace(
        reading,
        value=share,
        low=low if probe.sample else share,
        high=high if probe.sample else share,
        n=n,
        facts={**reading.facts, "said": said, "failed": failed, "rate_low": low, "rate_high": high},
    )
    return Probed(counted, found)


def read_cases(
    probe: Probe,
    size: Floats,
    before: Answers | None,
    after: Answers,
    clusters: Ints | None,
    facts: dict[str, Any],
) -> Reading:
    """Return what the cases of a test come to.

    Args:
        probe: the test.
        size: float64[m], by how much each is not as expected; 0 or less where it is.
        before: the answers to the cases as they were; None where nothing was changed.
        after: the answers to the changed cases.
        clusters: int64[m], the group of each; None where they stand alone.
        facts: how the cases came about.
    """
    failed: Bools = size > 0
    count, n = int(failed.sum()), failed.size
    low, high = clustered_wilson(failed, clusters)
    groups = 0 if clusters is None else np.unique(clusters).size
    share = count / n
    moved = None if before is None else move_of(before, after)
    mean = None if moved is None or np.isnan(moved).any() else float(moved.mean())
    left = facts["left_out"]
    out = f"; {left:,} left out that would leave what training saw" if left else ""
    said = f"{count:,} of {n:,} cases fail, {share:.1%} [{low:.1%}, {high:.1%}]{out}"
    return Reading(
        value=share,
        low=low if probe.sample else share,
        high=high if probe.sample else share,
        n=n,
        clusters=groups,
        facts={
            "said": said,
            "style": probe.style,
            "failed": count,
            "rate_low": low,
            "rate_high": high,
            "mean_change": mean,
            **facts,
        },
    )


def read_no_case(probe: Probe, facts: dict[str, Any]) -> Reading:
    """Return what a test without a case comes to, and why it has none."""
    said = say_no_case(facts["left_out"])
    whole = {"style": probe.style, "failed": 0, "rate_low": 0.0, "rate_high": 1.0, "mean_change": None, **facts}
    return read_nothing(said, (0.0, 1.0), whole)


def say_no_case(left: int) -> str:
    """Return why a test has no case, as one clause, by how many rows its change would take out of what training saw."""
    if left:
        return f"all {left:,} changed rows would leave what training saw"
    return "no case is as the test asks, or can be changed"

"""What one measurement came to, before it is evidence about a named subject.

Every number of a reading is finite, because evidence is stored as JSON, which has neither infinity nor NaN. Where too
few clusters leave an interval open it is all that the quantity can be: an area under the curve is between 0 and 1.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np

from shipway.core.check import Check, Evidence
from shipway.core.probe import Probe
from shipway.maths.interval import Estimate, interval
from shipway.validation.sample import Ints, Sample

Range: TypeAlias = tuple[float, float]
Row: TypeAlias = dict[str, Any]

NO_ROWS: Final = "no row has a label yet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A measured value with its interval, its size and the parts behind it.

    Attributes:
        value: the measured number.
        low: lower end of its 95 % interval.
        high: upper end.
        n: rows measured, 0 if there was nothing to measure.
        clusters: independent groups among them, 0 where rows count one by one.
        facts: small named numbers and words; `said` is one clause for a person.
        detail: the rows of the part table; None where there are no parts.
    """

    value: float
    low: float
    high: float
    n: int
    clusters: int
    facts: dict[str, Any]
    detail: list[Row] | None = None


def make_evidence(
    check: Check,
    reading: Reading,
    *,
    subject: str,
    log_digest: str,
    also: Mapping[str, Any] | None = None,
) -> Evidence:
    """Return a reading as evidence about a subject.

    Args:
        check: what was measured, and how many cases it needs.
        reading: what it came to.
        subject: of what, as `kind:name@version`.
        log_digest: digest of the data behind it.
        also: further facts.
    """
    return Evidence(
        check=check.name,
        subject=subject,
        value=reading.value,
        low=reading.low,
        high=reading.high,
        n=reading.n,
        clusters=reading.clusters,
        facts={**reading.facts, **(also or {})},
        log_digest=log_digest,
        needs=check.measure.needs if isinstance(check.measure, Probe) else 0,
    )


def read_estimate(
    estimate: Estimate, possible: Range, facts: dict[str, Any], *, before: str = "", after: str, form: str = ".4f"
) -> Reading:
    """Return the reading of an estimate: its 95 % interval, cut to the range of what is possible.

    Args:
        estimate: the number with its clustered error.
        possible: the least and the greatest the number can be.
        facts: what explains the value.
        before: what the clause for a person says before value and interval.
        after: what it says after them.
        form: how it writes numbers, as a format specification.
    """
    low, high = (min(max(end, possible[0]), possible[1]) for end in interval(estimate))
    said = f"{before}{estimate.value:{form}} [{low:{form}}, {high:{form}}]{after}"
    return Reading(
        value=estimate.value,
        low=low,
        high=high,
        n=estimate.n,
        clusters=estimate.clusters,
        facts={"said": said, **facts},
    )


def read_nothing(said: str, possible: Range, facts: dict[str, Any], detail: list[Row] | None = None) -> Reading:
    """Return the reading of what could not be measured: no rows, any value possible, and a clause that says why."""
    return Reading(
        value=0.0, low=possible[0], high=possible[1], n=0, clusters=0, facts={"said": said, **facts}, detail=detail
    )


def describe_rows(sample: Sample, cluster: str, clusters: Ints) -> str:
    """Return one clause on what was evaluated, such as `over 900 of 1,000 scored rows in 31 day clusters`."""
    rows = f"{sample.n:,} rows" if sample.scored == sample.n else f"{sample.n:,} of {sample.scored:,} scored rows"
    return _describe(rows, cluster, np.unique(clusters).size)


def describe_estimate(
    sample: Sample, cluster: str, clusters: Ints, estimate: Estimate, *, queries: bool = False
) -> str:
    """Return one clause on what an estimate rests on, such as `over 10 of 9,000 rows, those that count, in ...`."""
    if estimate.n < sample.n:
        count = f"{estimate.n:,} queries of {sample.n:,} rows"
        rows = count if queries else f"{estimate.n:,} of {sample.n:,} rows, those that count,"
        return _describe(rows, cluster, estimate.clusters)
    whole = describe_rows(sample, cluster, clusters)
    if estimate.clusters == np.unique(clusters).size:
        return whole
    few = ", too few for an interval" if estimate.clusters < 2 else ""
    return f"{whole}, {estimate.clusters:,} of them with the scarcer class{few}"


def _describe(rows: str, cluster: str, count: int) -> str:
    few = ", too few for an interval" if count < 2 else ""
    return f"over {rows} in {count:,} {cluster} cluster{'' if count == 1 else 's'}{few}"

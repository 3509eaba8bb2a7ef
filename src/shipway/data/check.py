"""Measure data: all rules of a table in one pass, a batch of rows at a time.

What is counted in full has no interval: `low`, `value` and `high` are equal. Evidence on a table without rows has `n`
0, which a gate answers with `hold`: what was not looked at is never passed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import polars as pl

from shipway.core.check import Check, Evidence
from shipway.core.data_measure import (
    Correlation,
    Custom,
    DataMeasure,
    DayRows,
    Distinct,
    Fresh,
    Gaps,
    HasColumns,
    HasRows,
    Holds,
    Mean,
    Past,
    Present,
    Quantile,
    Refers,
    Shift,
    Timely,
    Unique,
    Unseen,
    Vanished,
)
from shipway.core.error import ShipwayError
from shipway.data.batch import Frame, schema_of
from shipway.data.cadence import plan_age, plan_days, plan_gaps
from shipway.data.conclusion import make_evidence
from shipway.data.reading import Reader, Reading
from shipway.data.row import (
    plan_columns,
    plan_condition,
    plan_custom,
    plan_past,
    plan_presence,
    plan_references,
    plan_repeats,
    plan_timely,
)
from shipway.data.scan import Content, Table, find_rows, run_scan, scan_rows
from shipway.data.spread import plan_shift, plan_unseen, plan_vanished
from shipway.data.statistic import plan_correlation, plan_distinct, plan_mean, plan_quantile, plan_rows
from shipway.kit.suggestion import did_you_mean

_PLANS: Final[dict[type, Any]] = {
    HasColumns: plan_columns,
    HasRows: plan_rows,
    Holds: plan_condition,
    Custom: plan_custom,
    Present: plan_presence,
    Unique: plan_repeats,
    Refers: plan_references,
    Fresh: plan_age,
    Past: plan_past,
    Gaps: plan_gaps,
    DayRows: plan_days,
    Mean: plan_mean,
    Quantile: plan_quantile,
    Distinct: plan_distinct,
    Correlation: plan_correlation,
    Shift: plan_shift,
    Unseen: plan_unseen,
    Vanished: plan_vanished,
    Timely: plan_timely,
}


@dataclass(frozen=True, slots=True)
class Measured:
    """Evidence, and up to five of the rows that are against the rule; None where there are none.

    The examples hold the source's key columns, where those were given, and the columns that the rule reads.
    """

    evidence: Evidence
    examples: pl.DataFrame | None


def measure_tables(
    checks: Sequence[Check],
    tables: Mapping[str, Frame | Content],
    *,
    subject: str,
    now: int,
    log_digest: str,
    keys: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, Measured]:
    """Measure checks on data.

    What the value of each is, its measure in `shipway.core.data_measure` says. `n` is the number of rows read; 0 also
    where no row could be judged because the condition, a part of the key, the instant or the value is null in every
    row, and where earlier rows are asked for that are not there. A table that the main branch does not have at all is
    compared with nothing, and does not differ from it.

    Args:
        checks: what to measure.
        tables: table name to rows, beside what the main branch has of it where checks ask for that. Rows in parts are
            gone through without ever being in memory together.
        subject: what is measured, as `kind:name@version`.
        now: the run's domain time in microseconds since 1970 UTC.
        log_digest: digest of the data.
        keys: table name to the columns that identify a row, for the examples.

    Returns:
        Check name to evidence and examples. Facts hold `said`, one clause for a person, and where something can be
        against the rule `count`, how often it is.

    Raises:
        ShipwayError: SW-202 for a column that is not there, SW-203 for one of a type that the rule cannot read, SW-209
            for a table that is not there, SW-105 for two different checks of one name, SW-403 for a check that is not
            about data.
    """
    groups: dict[str, dict[str, Check]] = {}
    names: dict[str, Check] = {}
    for check in checks:
        if not isinstance(check.measure, DataMeasure):
            raise ShipwayError("SW-403", f"{check} cannot be measured on tables", "put it into a gate before release")
        if names.setdefault(check.name, check).measure != check.measure:
            raise ShipwayError("SW-105", f"two different checks are called {check.name!r}", "keep one of the two")
        groups.setdefault(check.measure.table, {})[check.name] = check
    contents = {name: rows if isinstance(rows, Content) else Content(rows) for name, rows in tables.items()}
    measured: dict[str, Measured] = {}
    for name, group in groups.items():
        table = _open_table(name, group, contents, now, (keys or {}).get(name, ()))
        readers: list[Reader] = [_PLANS[type(check.measure)](check.measure, table) for check in group.values()]
        for scan in table.scans.values():
            run_scan(scan)
        readings = [reader() for reader in readers]
        for scan in table.scans.values():
            find_rows(scan)
        for check, reading in zip(group.values(), readings, strict=True):
            measured[check.name] = _conclude(check, reading, table, subject=subject, log_digest=log_digest)
    return {name: measured[name] for name in names}


def _open_table(
    name: str, group: Mapping[str, Check], contents: Mapping[str, Content], now: int, key: Sequence[str]
) -> Table:
    others: dict[str, Frame] = {}
    for check in group.values():
        for needed in (name, check.measure.other) if isinstance(check.measure, Refers) else (name,):
            if needed not in contents:
                raise ShipwayError("SW-209", f"there is no table {needed!r}", did_you_mean(needed, contents))
            others[needed] = contents[needed].rows
    schema = schema_of(contents[name].rows)
    return Table(name, contents[name], tuple(column for column in key if column in schema), now, others)


def _conclude(check: Check, reading: Reading, table: Table, *, subject: str, log_digest: str) -> Measured:
    examples = pl.concat(reading.failing.found) if reading.failing is not None and reading.failing.found else None
    which = cast("DataMeasure", check.measure).rows
    rows, unchanged = scan_rows(table, which).rows, which == "new" and table.content.unchanged
    evidence = make_evidence(
        check, reading, examples, rows, unchanged=unchanged, subject=subject, log_digest=log_digest
    )
    return Measured(evidence, examples)

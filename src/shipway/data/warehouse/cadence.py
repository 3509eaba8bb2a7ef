"""Checks in a warehouse of when rows come: how fresh a feed is, which steps are missing, how full its days are."""

from collections.abc import Callable

import polars as pl

from shipway.core.data_measure import DayRows, Fresh, Gaps
from shipway.core.feature import Expr
from shipway.data.conclusion import conclude_age, conclude_days, conclude_feeds, conclude_gaps
from shipway.data.reading import Reading
from shipway.data.warehouse.scan import (
    Plan,
    Scan,
    Table,
    ask,
    ask_query,
    column_instant,
    day_of,
    scan_main,
    scan_reference,
    scan_rows,
)
from shipway.data.warehouse.translation import floor_divide


def plan_age(measure: Fresh, table: Table) -> Plan:
    """Plan how long before the run's domain time the newest value became known, of the oldest feed."""
    scan = scan_rows(table, measure.rows)
    instant = column_instant(measure.instant, scan)
    if not measure.per:
        newest = ask(scan, f"max({instant})")
        return Plan(lambda: conclude_age(newest(), table.now, scan.rows))
    places, there = _group(measure.per, scan)
    groups = (
        f'select {_named(measure.per, scan)}, max({instant}) as "newest:", count(*) as "rows:"\n'
        f"from {scan.relation.text}\nwhere {there}\ngroup by {places}"
    )
    order = ", ".join(f"k{place}" for place in range(len(measure.per)))
    feeds = ask_query(
        scan,
        f'select g.*, count(*) over () as "feeds:"\nfrom (\n{groups}\n) as g\n'
        f'where "newest:" is not null and "rows:" >= {measure.support_rows}\norder by "newest:", {order}\nlimit 1',
    )

    def read() -> Reading:
        found = feeds().rows(named=True)
        if not found:
            return conclude_feeds(None, 0, 0, table.now, scan.rows)
        oldest = {name: found[0][f"k{place}"] for place, name in enumerate(measure.per)}
        return conclude_feeds(oldest, found[0]["newest:"], found[0]["feeds:"], table.now, scan.rows)

    return Plan(read)


def plan_gaps(measure: Gaps, table: Table) -> Plan:
    """Plan the number of steps without a row, each feed from its first row, or from what main has of it."""
    scan = scan_rows(table, measure.rows)
    steps = _ask_steps(measure, scan)
    main = scan_main(table) if measure.rows == "new" else None
    before = None if main is None else _ask_steps(measure, main)
    return Plan(lambda: conclude_gaps(steps(), None if before is None else before(), measure.per, scan.rows))


def plan_days(measure: DayRows, table: Table) -> Plan:
    """Plan the rows of the thinnest or fullest day, over those of a usual one."""
    scan = scan_rows(table, measure.rows)
    days = _ask_day_rows(measure.by, scan)
    reference = None if measure.against is None else scan_reference(table, measure.against, measure.by)
    usual = days if reference is None else _ask_day_rows(measure.by, reference)
    return Plan(lambda: conclude_days(measure, days(), usual(), scan.rows))


def _ask_steps(measure: Gaps, scan: Scan) -> Callable[[], pl.DataFrame]:
    """Ask for the steps of each feed that have a row: how many, the first and the last."""
    step = floor_divide(column_instant(measure.instant, scan), str(measure.every_us), scan.columns.dialect)
    counted = 'count(*) as "steps:", min("step:") as "first:", max("step:") as "last:"'
    if not measure.per:
        taken = f'select distinct {step} as "step:" from {scan.relation.text}'
        return ask_query(scan, f'select {counted}\nfrom (\n{taken}\n) as s\nwhere "step:" is not null')
    places, there = _group(measure.per, scan)
    taken = f'select distinct {_named(measure.per, scan)}, {step} as "step:" from {scan.relation.text}\nwhere {there}'
    keys = ", ".join(f"k{place}" for place in range(len(measure.per)))
    grouped = ask_query(
        scan, f'select {keys}, {counted}\nfrom (\n{taken}\n) as s\nwhere "step:" is not null\ngroup by {places}'
    )
    return lambda: grouped().rename({f"k{place}": name for place, name in enumerate(measure.per)})


def _ask_day_rows(by: Expr, scan: Scan) -> Callable[[], pl.DataFrame]:
    question = f'select {day_of(by, scan)} as "day:", count(*) as "rows:"\nfrom {scan.relation.text}\ngroup by 1'
    return ask_query(scan, question)


def _group(columns: tuple[str, ...], scan: Scan) -> tuple[str, str]:
    """Return the places of columns that are grouped by, and that all of them are there."""
    there = " and ".join(f"{scan.columns.name(column)} is not null" for column in columns)
    return ", ".join(f"{place}" for place in range(1, len(columns) + 1)), there


def _named(columns: tuple[str, ...], scan: Scan) -> str:
    return ", ".join(f"{scan.columns.plain(column)} as k{place}" for place, column in enumerate(columns))

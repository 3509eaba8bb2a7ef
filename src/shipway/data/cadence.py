"""Checks of when rows come: how fresh a feed is, which of its steps are missing, and how full its days are."""

from collections.abc import Callable

import polars as pl

from shipway.core.data_measure import DayRows, Fresh, Gaps
from shipway.core.error import ShipwayError
from shipway.data.conclusion import conclude_age, conclude_days, conclude_feeds, conclude_gaps
from shipway.data.reading import Reader, Reading
from shipway.data.scan import (
    Scan,
    Table,
    ask_groups,
    ask_most,
    day_of,
    dtype_of,
    instant_of,
    scan_main,
    scan_reference,
    scan_rows,
)
from shipway.maths.expression import Column, render


def plan_age(measure: Fresh, table: Table) -> Reader:
    """Plan how long before the run's domain time the newest value became known, of the oldest feed."""
    scan = scan_rows(table, measure.rows)
    instant = _instant(measure.instant, scan)
    if not measure.per:
        newest = ask_most(scan, instant)

        return lambda: conclude_age(newest(), table.now, scan.rows)
    columns = list(measure.per)
    for column in columns:
        dtype_of(column, scan)
    feeds = ask_groups(
        scan,
        f"feeds:{measure.instant}:{columns}",
        {column: pl.col(column) for column in columns},
        {"newest:": (instant.max(), pl.col("newest:").max()), "rows:": (pl.len(), pl.col("rows:").sum())},
    )

    def read_feeds() -> Reading:
        known = feeds().whole().drop_nulls().filter(pl.col("rows:") >= measure.support_rows).sort("newest:", *columns)
        oldest = None if known.is_empty() else known.select(columns).row(0, named=True)
        newest = 0 if known.is_empty() else int(known["newest:"][0])
        return conclude_feeds(oldest, newest, known.height, table.now, scan.rows)

    return read_feeds


def plan_gaps(measure: Gaps, table: Table) -> Reader:
    """Plan the number of steps without a row, each feed from its first row, or from what the main branch has of it."""
    scan, columns = scan_rows(table, measure.rows), list(measure.per)
    steps = _ask_steps(measure, scan)
    main = scan_main(table) if measure.rows == "new" else None
    before = None if main is None else _ask_steps(measure, main)

    return lambda: conclude_gaps(steps(), None if before is None else before(), columns, scan.rows)


def plan_days(measure: DayRows, table: Table) -> Reader:
    """Plan the rows of the thinnest or fullest day, over those of a usual one."""
    scan = scan_rows(table, measure.rows)
    days = _ask_day_rows(measure, scan)
    reference = None if measure.against is None else scan_reference(table, measure.against, measure.by)
    usual = days if reference is None else _ask_day_rows(measure, reference)

    return lambda: conclude_days(measure, days(), usual(), scan.rows)


def _instant(column: str, scan: Scan) -> pl.Expr:
    dtype = dtype_of(column, scan)
    if not (isinstance(dtype, pl.Datetime | pl.Date) or dtype == pl.Int64):
        raise ShipwayError("SW-203", f"{scan.table}.{column} is {dtype}, not an instant", "parse it in the source")
    return instant_of(Column(scan.table, column), scan)


def _ask_steps(measure: Gaps, scan: Scan) -> Callable[[], pl.DataFrame]:
    """Ask for the steps of each feed that have a row: how many, the first and the last."""
    columns, step = list(measure.per), _instant(measure.instant, scan) // measure.every_us
    for column in columns:
        dtype_of(column, scan)
    keys = {column: pl.col(column) for column in columns} | {"step:": step}
    taken = ask_groups(scan, f"steps:{measure.instant}:{measure.every_us}:{columns}", keys, {}, step.is_not_null())
    counted = (pl.len().alias("steps:"), pl.col("step:").min().alias("first:"), pl.col("step:").max().alias("last:"))

    def read() -> pl.DataFrame:
        steps = taken().whole()
        return steps.group_by(columns).agg(counted) if columns else steps.select(counted)

    return read


def _ask_day_rows(measure: DayRows, scan: Scan) -> Callable[[], pl.DataFrame]:
    asked = {"rows:": (pl.len(), pl.col("rows:").sum())}
    rows = ask_groups(scan, f"day-rows:{render(measure.by)}", {"day:": day_of(measure.by, scan)}, asked)
    return lambda: rows().whole()

"""Checks of when rows come: how fresh a feed is, which of its steps are missing, and how full its days are."""

from collections.abc import Callable
from typing import Any

import polars as pl

from shipway.core.data_measure import DayRows, Fresh, Gaps
from shipway.core.error import ShipwayError
from shipway.data.reading import Reader, Reading, say_age, say_number
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

_NAMED = 5
"""How many feeds or days are named at most."""


def plan_age(measure: Fresh, table: Table) -> Reader:
    """Plan how long before the run's domain time the newest value became known, of the oldest feed."""
    scan = scan_rows(table, measure.rows)
    instant = _instant(measure.instant, scan)
    if not measure.per:
        newest = ask_most(scan, instant)

        def read() -> Reading:
            found = newest()
            if found is None:
                return Reading(0.0, 0, "no row has an instant")
            return Reading(float(table.now - found), scan.rows, say_age(table.now - found), {"newest": found})

        return read
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
        if known.is_empty():
            return Reading(0.0, 0, "no feed has an instant and the rows it takes")
        age = table.now - int(known["newest:"][0])
        oldest = _say_feed(known.row(0, named=True), columns)
        facts = {"newest": int(known["newest:"][0]), "feeds": known.height, "oldest": oldest}
        return Reading(float(age), scan.rows, f"{say_age(age)} of {oldest}, the oldest of {known.height} feeds", facts)

    return read_feeds


def plan_gaps(measure: Gaps, table: Table) -> Reader:
    """Plan the number of steps without a row, each feed from its first row, or from what the main branch has of it."""
    scan, columns = scan_rows(table, measure.rows), list(measure.per)
    steps = _ask_steps(measure, scan)
    main = scan_main(table) if measure.rows == "new" else None
    before = None if main is None else _ask_steps(measure, main)

    def read() -> Reading:
        found = steps().drop_nulls()
        if found.is_empty():
            return Reading(0.0, 0, "no row has an instant")
        end = int(found["last:"].max() or 0)  # pyright: ignore[reportArgumentType]
        feeds = found.with_columns(start=pl.col("first:"))
        if before is not None:
            earlier = before().drop_nulls().select(*columns, pl.col("last:").alias("before:"))
            joined = {"on": columns, "how": "full", "coalesce": True} if columns else {"how": "cross"}
            feeds = found.join(earlier, **joined)  # pyright: ignore[reportArgumentType]
            # Rows that the main branch has already passed are no gap and fill none.
            follows = pl.col("before:").is_not_null() & (pl.col("before:") < pl.col("first:").fill_null(end + 1))
            feeds = feeds.with_columns(
                pl.col("steps:").fill_null(0),
                start=pl.when(follows).then(pl.col("before:") + 1).otherwise(pl.col("first:")),
            ).drop_nulls("start")
        feeds = feeds.with_columns(missing=(end + 1 - pl.col("start") - pl.col("steps:")).clip(lower_bound=0))
        feeds = feeds.sort("missing", *columns, descending=[True, *(False for _ in columns)])
        count, total = int(feeds["missing"].sum()), int((end + 1 - feeds["start"]).sum())
        worst = [row for row in feeds.head(_NAMED).iter_rows(named=True) if row["missing"]]
        said = f"{count:,} of {total:,} steps have no row"
        if worst and columns:
            said += ", " + ", ".join(f"{row['missing']:,} of {_say_feed(row, columns)}" for row in worst)
        return Reading(float(count), scan.rows, said, {"count": count, "steps": total})

    return read


def plan_days(measure: DayRows, table: Table) -> Reader:
    """Plan the rows of the thinnest or fullest day, over those of a usual one."""
    scan = scan_rows(table, measure.rows)
    days = _ask_day_rows(measure, scan)
    reference = None if measure.against is None else scan_reference(table, measure.against, measure.by)
    usual = days if reference is None else _ask_day_rows(measure, reference)

    def read() -> Reading:
        found, known = days().drop_nulls(), usual().drop_nulls()
        if found.is_empty() or known.is_empty():
            return Reading(0.0, 0, "no day has rows to compare")
        median = float(known["rows:"].median() or 0)  # pyright: ignore[reportArgumentType]
        found = found.sort("rows:", "day:", descending=[measure.extreme == "most", False])
        first, last = (int(one) for one in (found["day:"].min(), found["day:"].max()))  # pyright: ignore[reportArgumentType]
        empty = last - first + 1 - found.height
        day, rows = int(found["day:"][0]), int(found["rows:"][0])
        if measure.extreme == "least" and empty:
            rows, said = 0, f"{empty:,} days between the first and the newest have no rows"
        else:
            said = f"{_say_day(day)} has {rows:,} rows"
        facts: dict[str, Any] = {"day": _say_day(day), "rows": rows, "usual": median, "empty": empty}
        return Reading(rows / median, scan.rows, f"{said}, a usual day {say_number(median)}", facts)

    return read


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


def _say_feed(row: dict[str, Any], columns: list[str]) -> str:
    return ", ".join(f"{column} {row[column]}" for column in columns)


def _say_day(day: int) -> str:
    from datetime import date, timedelta

    return (date(1970, 1, 1) + timedelta(days=day)).isoformat() if abs(day) < 700_000 else f"day {day}"

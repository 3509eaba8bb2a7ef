"""Checks of a column's distribution against earlier rows: how far it moved, which values are new or gone.

A distribution is kept as counts of values, numbers to four digits, by day where days are clusters. Such counts are
small, and those of parts are added.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import polars as pl

from shipway.core.data_measure import Shift, Unseen, Vanished
from shipway.core.feature import Expr
from shipway.data.conclusion import (
    NAMED,
    UNCOMPARED,
    conclude_shift,
    conclude_unseen,
    conclude_vanished,
    distribute,
)
from shipway.data.reading import Reader, Reading
from shipway.data.scan import (
    Scan,
    Table,
    ask_groups,
    ask_values,
    day_of,
    dtype_of,
    scan_reference,
    scan_rows,
    seek_rows,
)
from shipway.data.spill import Tally
from shipway.data.translation import kind_of, to_polars
from shipway.maths.distribution import Distribution
from shipway.maths.expression import Column, render

_DIGITS: Final = 4


def ask_distribution(value: Expr, by: Expr | None, scan: Scan) -> Callable[[], Distribution]:
    """Ask for the counts of a number's values, by day where an instant is given."""
    counted = _ask_counts(value, by, scan, number=True)

    return lambda: distribute(counted())


def plan_shift(measure: Shift, table: Table) -> Reader:
    """Plan how far a distribution is from the reference's."""
    scan = scan_rows(table, measure.rows)
    reference = scan_reference(table, measure.against, measure.by)
    number = kind_of(measure.value, scan.schema) in ("int", "float")
    counted = _ask_counts(measure.value, measure.by, scan, number=number)
    before = None if reference is None else _ask_counts(measure.value, measure.by, reference, number=number)

    return lambda: conclude_shift(measure, counted(), None if before is None else before(), number=number)


def plan_unseen(measure: Unseen, table: Table) -> Reader:
    """Plan the share of rows with a value that the reference has not."""
    column = Column(measure.table, measure.column)
    scan = scan_rows(table, measure.rows)
    dtype_of(measure.column, scan)
    reference = scan_reference(table, measure.against, measure.by)
    counted = ask_values(scan, (measure.column,))
    before = None if reference is None else ask_values(reference, (measure.column,))

    def read() -> Reading:
        here = _find_values(counted())
        n = int(here["n:"].sum())
        if before is None:
            return Reading(0.0, n, UNCOMPARED)
        known = _find_values(before())["value:"]
        new = here.filter(~pl.col("value:").is_in(known.implode())).sort("n:", "value:", descending=[True, False])
        count = int(new["n:"].sum())
        values = new.select(pl.col("value:").alias(measure.column))

        def keep(batch: pl.DataFrame) -> pl.DataFrame:
            return batch.join(values, on=measure.column, how="semi", maintain_order="left")

        failing = seek_rows(scan, keep, (), table.shown(measure.column)) if count else None
        found = conclude_unseen(count, n, new["value:"].head(NAMED).to_list(), column, known=len(known) > 0)
        return replace(found, failing=failing)

    return read


def plan_vanished(measure: Vanished, table: Table) -> Reader:
    """Plan the number of usual values that the rows have no more."""
    scan = scan_rows(table, measure.rows)
    dtype_of(measure.column, scan)
    reference = scan_reference(table, measure.against, measure.by)
    counted = ask_values(scan, (measure.column,))
    before = None if reference is None else ask_values(reference, (measure.column,))

    def read() -> Reading:
        here = _find_values(counted())
        n = int(here["n:"].sum())
        if before is None:
            return Reading(0.0, n, UNCOMPARED)
        known = _find_values(before())
        usual = known.filter(pl.col("n:") >= measure.share * int(known["n:"].sum()))
        gone = usual.filter(~pl.col("value:").is_in(here["value:"].implode()))
        gone = gone.sort("n:", "value:", descending=[True, False])
        return conclude_vanished(gone["value:"].to_list(), usual.height, n)

    return read


def _ask_counts(value: Expr, by: Expr | None, scan: Scan, *, number: bool) -> Callable[[], pl.DataFrame]:
    read = to_polars(value, scan.schema)
    keys = {} if by is None else {"day:": day_of(by, scan)}
    name = f"counts:{number}:{render(value)}:{'' if by is None else render(by)}"
    asked = {"n:": (pl.len(), pl.col("n:").sum())}
    # Rounding takes longer than counting: what is whole is counted first, because its values are few.
    whole = kind_of(value, scan.schema) == "int"
    point = pl.col("value:") if whole else read
    point = point.cast(pl.Float64).round_sig_figs(_DIGITS) + 0.0 if number else point.cast(pl.String)
    then = {"value:": point} if whole else {}
    counts = ask_groups(scan, name, keys | {"value:": read if whole else point}, asked, then=then)

    def find() -> pl.DataFrame:
        counted = counts().whole()
        return counted if by is not None else counted.with_columns(pl.lit(0, dtype=pl.Int64).alias("day:"))

    return find


def _find_values(values: Tally) -> pl.DataFrame:
    return values.whole().select(pl.col(values.keys[0]).alias("value:"), "n:")

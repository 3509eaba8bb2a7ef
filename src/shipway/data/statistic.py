"""Checks that are numbers of a column: means, shares, quantiles, correlations, and what differs from earlier rows.

Without an instant (`by`) a number describes the rows that are there, and is known exactly. With one it is an estimate
of what the feed gives: days are clusters, and the interval says how far it depends on which days there were.
"""

import math
from collections.abc import Callable

import numpy as np
import polars as pl

from shipway.core.data_measure import Correlation, Distinct, HasRows, Mean, Quantile, Reference
from shipway.core.error import ShipwayError
from shipway.core.feature import Expr
from shipway.data.conclusion import (
    Estimator,
    conclude_difference,
    conclude_estimate,
    conclude_growth,
    estimate_daily_mean,
    estimate_quantile,
)
from shipway.data.question import Floats
from shipway.data.reading import Reader, Reading
from shipway.data.scan import (
    Scan,
    Table,
    ask,
    ask_days,
    ask_values,
    scan_reference,
    scan_rows,
)
from shipway.data.spread import ask_distribution
from shipway.data.translation import kind_of, to_polars
from shipway.maths.expression import render
from shipway.maths.interval import Estimate
from shipway.maths.moment import clustered_correlation, pool_moments, pooled_correlation


def plan_rows(measure: HasRows, table: Table) -> Reader:
    """Plan the number of rows, or by which share there are more of them than in the reference."""
    scan = scan_rows(table, measure.rows)
    reference = None if measure.against is None else scan_reference(table, measure.against, measure.by)

    def read() -> Reading:
        if measure.against is None:
            return Reading(float(scan.rows), scan.rows, f"{scan.rows:,} rows")
        return conclude_growth(scan.rows, None if reference is None else reference.rows, scan.rows, "rows")

    return read


def plan_distinct(measure: Distinct, table: Table) -> Reader:
    """Plan the number of different values, or by which share there are more of them than in the reference."""
    scan = scan_rows(table, measure.rows)
    reference = None if measure.against is None else scan_reference(table, measure.against, measure.by)
    values = _ask_distinct(measure, scan)
    before = None if reference is None else _ask_distinct(measure, reference)

    def read() -> Reading:
        count = values()
        if measure.against is None:
            return Reading(float(count), scan.rows, f"{count:,} different values in {scan.rows:,} rows")
        return conclude_growth(count, None if before is None else before(), scan.rows, "different values")

    return read


def plan_mean(measure: Mean, table: Table) -> Reader:
    """Plan a mean, or the share of rows where a condition is true."""
    condition = kind_of(measure.value, scan_rows(table, measure.rows).schema) == "bool"
    what = measure.name(condition=condition)
    return _plan_estimate(measure, table, lambda scan: _ask_mean(measure, scan), what, scaled=not condition)


def plan_quantile(measure: Quantile, table: Table) -> Reader:
    """Plan a quantile, exact for whole numbers below ten thousand and to four digits for others."""
    what = f"{measure.at:g} quantile"
    return _plan_estimate(measure, table, lambda scan: _ask_quantile(measure, scan), what, scaled=True)


def plan_correlation(measure: Correlation, table: Table) -> Reader:
    """Plan a correlation."""
    return _plan_estimate(measure, table, lambda scan: _ask_correlation(measure, scan), "correlation", scaled=False)


def number_of(value: Expr, scan: Scan) -> pl.Expr:
    """Return a number as Polars reads it; SW-203 for text."""
    if kind_of(value, scan.schema) == "text":
        raise ShipwayError("SW-203", f"{render(value)} is text, not a number", "take a number, or its .length()")
    return to_polars(value, scan.schema).cast(pl.Float64)


def _plan_estimate(
    measure: Mean | Quantile | Correlation,
    table: Table,
    asked: Callable[[Scan], Estimator],
    what: str,
    *,
    scaled: bool,
) -> Reader:
    """Plan an estimate, or its difference from the reference's; `scaled` in standard deviations of the reference."""
    scan = scan_rows(table, measure.rows)
    against: Reference | None = measure.against
    reference = None if against is None else scan_reference(table, against, measure.by)
    estimate = asked(scan)
    before = None if reference is None else asked(reference)

    def read() -> Reading:
        found, _ = estimate()
        if against is None:
            return conclude_estimate(found, what, estimated=measure.by is not None)
        earlier, unit = (None, 1.0) if before is None else before()
        unit = (unit or 1.0) if scaled else 1.0
        return conclude_difference(found, earlier, unit, what, estimated=measure.by is not None)

    return read


def _ask_mean(measure: Mean, scan: Scan) -> Estimator:
    value = number_of(measure.value, scan)
    if measure.by is None:
        pooled = _ask_moments(value, value, scan, spread=measure.against is not None)

        def read_whole() -> tuple[Estimate, float]:
            n, mean, _, variance, *_ = pooled().tolist()
            return Estimate(mean, 0.0, int(n), 0), math.sqrt(variance) if n else 0.0

        return read_whole
    days = ask_days(scan, measure.by, [value.is_not_null(), value, value * value])

    def read() -> tuple[Estimate, float]:
        n, total, square = days().T
        return estimate_daily_mean(n, total, square)

    return read


def _ask_quantile(measure: Quantile, scan: Scan) -> Estimator:
    number_of(measure.value, scan)
    asked = ask_distribution(measure.value, measure.by, scan)
    return lambda: estimate_quantile(asked(), measure.at, daily=measure.by is not None)


def _ask_correlation(measure: Correlation, scan: Scan) -> Estimator:
    x, y = number_of(measure.left, scan), number_of(measure.right, scan)
    both = x.is_not_null() & y.is_not_null()
    x, y = pl.when(both).then(x), pl.when(both).then(y)
    if measure.by is None:
        pooled = _ask_moments(x, y, scan, spread=True)

        def read_whole() -> tuple[Estimate, float]:
            moments = pooled()
            return Estimate(pooled_correlation(moments), 0.0, int(moments[0]), 0), 1.0

        return read_whole
    days = ask_days(scan, measure.by, [both, x, y, x * x, y * y, x * y])

    def read() -> tuple[Estimate, float]:
        found = days()
        return clustered_correlation(found[found[:, 0] > 0]), 1.0

    return read


def _ask_moments(x: pl.Expr, y: pl.Expr, scan: Scan, *, spread: bool) -> Callable[[], Floats]:
    """Ask for how many pairs there are, for the means of both and, where asked for, for how they spread."""
    asked = [x.count(), x.sum(), y.sum()]
    asked += [x.var(ddof=0), y.var(ddof=0), pl.cov(x, y, ddof=0)] if spread else []
    found = [ask(scan, each) for each in asked]

    def read() -> Floats:
        parts = np.zeros((len(found[0]()), 6))
        for place, one in enumerate(found):
            parts[:, place] = one().cast(pl.Float64).fill_null(0.0).to_numpy()
        return pool_moments(parts)

    return read


def _ask_distinct(measure: Distinct, scan: Scan) -> Callable[[], int]:
    values = ask_values(scan, measure.columns)
    return lambda: sum(part.height for part in values().parts())

"""Checks in a warehouse that are numbers of a column: means, shares, quantiles, correlations, and what differs."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl

from shipway.core.data_measure import Correlation, Distinct, HasRows, Mean, Quantile
from shipway.core.error import ShipwayError
from shipway.core.feature import Expr
from shipway.data.conclusion import (
    Estimator,
    conclude_difference,
    conclude_estimate,
    conclude_growth,
    distribute,
    estimate_daily_mean,
    estimate_quantile,
)
from shipway.data.reading import Reading
from shipway.data.warehouse.scan import (
    Plan,
    Scan,
    Table,
    ask,
    ask_count,
    ask_days,
    ask_query,
    scan_reference,
    scan_rows,
)
from shipway.data.warehouse.spread import ask_counts
from shipway.data.warehouse.translation import cast_to, kind_in, to_sql
from shipway.maths.expression import render
from shipway.maths.interval import Estimate
from shipway.maths.moment import clustered_correlation


def plan_rows(measure: HasRows, table: Table) -> Plan:
    """Plan the number of rows, or by which share there are more of them than in the reference."""
    scan = scan_rows(table, measure.rows)
    if measure.against is None:
        return Plan(lambda: Reading(float(scan.rows), scan.rows, f"{scan.rows:,} rows"))
    before = scan_reference(table, measure.against, measure.by)
    return Plan(lambda: conclude_growth(scan.rows, None if before is None else before.rows, scan.rows, "rows"))


def plan_distinct(measure: Distinct, table: Table) -> Plan:
    """Plan the number of different values, or by which share there are more of them than in the reference."""
    scan = scan_rows(table, measure.rows)
    values = _ask_distinct(measure, scan)
    if measure.against is None:

        def read() -> Reading:
            return Reading(float(values()), scan.rows, f"{values():,} different values in {scan.rows:,} rows")

        return Plan(read)
    reference = scan_reference(table, measure.against, measure.by)
    before = None if reference is None else _ask_distinct(measure, reference)
    return Plan(lambda: conclude_growth(values(), None if before is None else before(), scan.rows, "different values"))


def plan_mean(measure: Mean, table: Table) -> Plan:
    """Plan a mean, or the share of rows where a condition is true."""
    condition = kind_in(measure.value, scan_rows(table, measure.rows).columns) == "bool"
    what = measure.name(condition=condition)
    return _plan_estimate(measure, table, lambda scan: _ask_mean(measure, scan), what, scaled=not condition)


def plan_quantile(measure: Quantile, table: Table) -> Plan:
    """Plan a quantile, exact for whole numbers below ten thousand and to four digits for others."""
    what = f"{measure.at:g} quantile"
    return _plan_estimate(measure, table, lambda scan: _ask_quantile(measure, scan), what, scaled=True)


def plan_correlation(measure: Correlation, table: Table) -> Plan:
    """Plan a correlation."""
    return _plan_estimate(measure, table, lambda scan: _ask_correlation(measure, scan), "correlation", scaled=False)


def _plan_estimate(
    measure: Mean | Quantile | Correlation,
    table: Table,
    asked: Callable[[Scan], Estimator],
    what: str,
    *,
    scaled: bool,
) -> Plan:
    """Plan an estimate, or its difference from the reference's; `scaled` in standard deviations of the reference."""
    scan, estimated = scan_rows(table, measure.rows), measure.by is not None
    estimate = asked(scan)
    if measure.against is None:
        return Plan(lambda: conclude_estimate(estimate()[0], what, estimated=estimated))
    reference = scan_reference(table, measure.against, measure.by)
    before = None if reference is None else asked(reference)

    def read() -> Reading:
        earlier, unit = (None, 0.0) if before is None else before()
        unit = (unit or 1.0) if scaled else 1.0
        return conclude_difference(estimate()[0], earlier, unit, what, estimated=estimated)

    return Plan(read)


def _number(value: Expr, scan: Scan) -> str:
    """Return a number as a float; SW-203 for text."""
    kind = kind_in(value, scan.columns)
    if kind == "text":
        raise ShipwayError("SW-203", f"{render(value)} is text, not a number", "take a number, or its .length()")
    return cast_to("float", to_sql(value, scan.columns), kind, scan.columns.dialect)


def _ask_mean(measure: Mean, scan: Scan) -> Estimator:
    value = _number(measure.value, scan)
    if measure.by is None:
        n, mean = ask_count(scan, f"{value} is not null"), ask(scan, f"avg({value})")
        spread = (lambda: 0.0) if measure.against is None else ask(scan, f"stddev_pop({value})")
        return lambda: (Estimate(_float(mean()), 0.0, int(n()), 0), _float(spread()))
    sums = (f"count({value})", f"sum({value})", f"sum({value} * {value})")
    asked = [ask_days(scan, measure.by, one) for one in sums]
    return lambda: estimate_daily_mean(*(_array(one()) for one in asked))


def _ask_quantile(measure: Quantile, scan: Scan) -> Estimator:
    counted = ask_counts(_number(measure.value, scan), measure.by, scan, number=True)
    return lambda: estimate_quantile(distribute(counted()), measure.at, daily=measure.by is not None)


def _ask_correlation(measure: Correlation, scan: Scan) -> Estimator:
    x, y = _number(measure.left, scan), _number(measure.right, scan)
    both = f"{x} is not null and {y} is not null"
    if measure.by is None:
        pairs, whole = ask_count(scan, both), ask(scan, f"corr({x}, {y})")
        return lambda: (Estimate(_float(whole()), 0.0, int(pairs()), 0), 1.0)
    left, right = f"case when {both} then {x} end", f"case when {both} then {y} end"
    products = ((left, ""), (right, ""), (left, left), (right, right), (left, right))
    sums = [f"sum({a})" if not b else f"sum(({a}) * ({b}))" for a, b in products]
    by = measure.by
    days = [ask_days(scan, by, one) for one in (f"count(case when {both} then 1 end)", *sums)]

    def read() -> tuple[Estimate, float]:
        found = np.stack([_array(one()) for one in days], axis=1)
        return clustered_correlation(found[found[:, 0] > 0]), 1.0

    return read


def _ask_distinct(measure: Distinct, scan: Scan) -> Callable[[], int]:
    plain = [scan.columns.plain(column) for column in measure.columns]
    missing = scan.columns.any_missing(measure.columns)
    if len(plain) == 1:
        return ask(scan, f"count(distinct case when not {missing} then {plain[0]} end)")
    rows = f"select distinct {', '.join(plain)} from {scan.relation.text} where not {missing}"
    names = ", ".join(f"k{place}" for place in range(len(plain)))
    counted = ask_query(scan, f"select count(*) as n\nfrom (\n{rows}\n) as d({names})")
    return lambda: int(counted()["n"][0])


def _array(column: pl.Series) -> Any:
    return column.cast(pl.Float64).fill_null(0).to_numpy()


def _float(value: object) -> float:
    return float(value) if isinstance(value, int | float) else math.nan

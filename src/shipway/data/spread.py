"""Checks of a column's distribution against earlier rows: how far it moved, which values are new or gone.

A distribution is kept as counts of values, numbers to four digits, by day where days are clusters. Such counts are
small, and those of parts are added.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import polars as pl

from shipway.core.data_measure import Shift, Unseen, Vanished
from shipway.core.feature import Expr
from shipway.data.reading import Reader, Reading, say_number, say_share
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
from shipway.maths.distribution import Distribution, deviation, place_values, transport, transport_spread
from shipway.maths.expression import Column, render

_DIGITS: Final = 4
_NAMED: Final = 5


def ask_distribution(value: Expr, by: Expr | None, scan: Scan) -> Callable[[], Distribution]:
    """Ask for the counts of a number's values, by day where an instant is given."""
    counted = _ask_counts(value, by, scan, number=True)

    def read() -> Distribution:
        found = counted().drop_nulls()
        points, at = place_values(found["value:"].to_numpy())
        return _spread_out(points.astype(np.float64), at, found)

    return read


def plan_shift(measure: Shift, table: Table) -> Reader:
    """Plan how far a distribution is from the reference's."""
    scan = scan_rows(table, measure.rows)
    reference = scan_reference(table, measure.against, measure.by)
    number = kind_of(measure.value, scan.schema) in ("int", "float")
    counted = _ask_counts(measure.value, measure.by, scan, number=number)
    before = None if reference is None else _ask_counts(measure.value, measure.by, reference, number=number)

    def read() -> Reading:
        here = counted().drop_nulls()
        n = int(here["n:"].sum())
        if before is None:
            return Reading(0.0, n, "the main branch has no such table: there is nothing to compare with")
        there = before().drop_nulls()
        if not n or there.is_empty():
            return Reading(0.0, 0, "no row has a value to compare")
        live, earlier = _align(here, there, number=number)
        unit = (deviation(earlier) if number else 0.0) or 1.0
        ordered = number and deviation(earlier) > 0
        distance = transport(earlier, live, ordered=ordered) / unit
        facts: dict[str, Any] = {"rows": n, "reference_rows": earlier.n}
        if ordered:
            facts |= {"unit": unit, "means": [_mean(earlier), _mean(live)]}
            means = f"mean {say_number(_mean(live))}, {say_number(_mean(earlier))} before"
            said = f"{means}, deviation {say_number(unit)}"
        else:
            said = f"{100 * distance:.3g} % of {n:,} rows have another value than before"
        if measure.by is None:
            return Reading(distance, n, said, facts)
        clusters = min(len(live.counts), len(earlier.counts))
        if clusters < 2:
            return Reading(distance, 0, f"{said}; all of one day, which says nothing of others", facts)
        spread = transport_spread(earlier, live, ordered=ordered) / unit
        return Reading(
            distance, n, said, facts, interval=(max(0.0, distance - spread), distance + spread), clusters=clusters
        )

    return read


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
            return Reading(0.0, n, "the main branch has no such table: there is nothing to compare with")
        known = _find_values(before())["value:"]
        new = here.filter(~pl.col("value:").is_in(known.implode())).sort("n:", "value:", descending=[True, False])
        count = int(new["n:"].sum())
        said = say_share(count, n, f"have a {column} not seen before")
        if count:
            said += f": {_say_values(new)}"
        values = new.select(pl.col("value:").alias(measure.column))

        def keep(batch: pl.DataFrame) -> pl.DataFrame:
            return batch.join(values, on=measure.column, how="semi", maintain_order="left")

        return Reading(
            count / max(n, 1),
            n if len(known) else 0,
            said,
            {"count": count, "values": new["value:"].head(_NAMED).to_list()},
            seek_rows(scan, keep, (), table.shown(measure.column)) if count else None,
        )

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
            return Reading(0.0, n, "the main branch has no such table: there is nothing to compare with")
        known = _find_values(before())
        usual = known.filter(pl.col("n:") >= measure.share * int(known["n:"].sum()))
        gone = usual.filter(~pl.col("value:").is_in(here["value:"].implode()))
        gone = gone.sort("n:", "value:", descending=[True, False])
        said = f"{gone.height} of {usual.height} usual values are gone"
        if gone.height:
            said += f": {_say_values(gone)}"
        facts = {"count": gone.height, "values": gone["value:"].head(_NAMED).to_list()}
        return Reading(float(gone.height), n if usual.height else 0, said, facts)

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


def _align(here: pl.DataFrame, there: pl.DataFrame, *, number: bool) -> tuple[Distribution, Distribution]:
    """Return both sides on the same points."""
    values = [side["value:"].to_numpy() for side in (here, there)]
    points, at = place_values(np.concatenate(values))
    places = np.split(at, [len(values[0])])
    numbers = points.astype(np.float64) if number else np.arange(len(points), dtype=np.float64)
    live, earlier = (_spread_out(numbers, place, side) for place, side in zip(places, (here, there), strict=True))
    return live, earlier


def _spread_out(points: Any, at: Any, found: pl.DataFrame) -> Distribution:
    days, row = place_values(found["day:"].to_numpy())
    counts = np.zeros((len(days), len(points)), dtype=np.int64)
    np.add.at(counts, (row, at), found["n:"].to_numpy().astype(np.int64))
    return Distribution(points, counts)


def _mean(distribution: Distribution) -> float:
    return float(distribution.pooled @ distribution.points) / distribution.n


def _say_values(found: pl.DataFrame) -> str:
    return ", ".join(str(value) for value in found["value:"].head(_NAMED).to_list())

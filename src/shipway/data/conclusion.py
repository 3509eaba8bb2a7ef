"""From what was counted to what a check came to, whoever counted: Polars here, or a warehouse where the table lies."""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final, TypeAlias

import numpy as np
import polars as pl

from shipway.core.check import NOTHING_CAME, Check, Evidence
from shipway.core.data_measure import ColumnKind, DayRows, Fresh, HasColumns, HasRows, Shift
from shipway.data.reading import Reading, say_age, say_number, say_share
from shipway.maths.distribution import (
    Distribution,
    deviation,
    place_values,
    quantile,
    quantile_interval,
    transport,
    transport_spread,
)
from shipway.maths.interval import Estimate, clustered_ratio, interval

Estimator: TypeAlias = Callable[[], tuple[Estimate, float]]
"""Gives an estimate, with what its differences are measured in, once all is counted."""

UNCOMPARED: Final = "the main branch has no such table: there is nothing to compare with"
NAMED: Final = 5
"""How many values, feeds or days are named at most."""

_SHOWN: Final = 4
"""How many columns of a failing row are said."""
_IS_KIND: Final[dict[ColumnKind, Callable[[pl.DataType], bool]]] = {
    "int": lambda dtype: dtype.is_integer(),
    "float": lambda dtype: dtype.is_float() or dtype.is_decimal(),
    "text": lambda dtype: isinstance(dtype, pl.String | pl.Categorical | pl.Enum),
    "bool": lambda dtype: dtype == pl.Boolean,
    "instant": lambda dtype: isinstance(dtype, pl.Datetime),
    "date": lambda dtype: dtype == pl.Date,
}


def make_evidence(
    check: Check,
    reading: Reading,
    examples: pl.DataFrame | None,
    rows: int,
    *,
    unchanged: bool,
    subject: str,
    log_digest: str,
) -> Evidence:
    """Return what a check came to as evidence, with the first of the failing rows among its words.

    Args:
        check: what was measured.
        reading: what it came to.
        examples: some of the rows that are against it.
        rows: how many rows were looked at.
        unchanged: whether these are new rows of a table that is what main has already.
        subject: what is measured, as `kind:name@version`.
        log_digest: digest of the data.
    """
    said = reading.said if examples is None else f"{reading.said}, e.g. {_say_row(examples)}"
    facts = {**reading.facts, "said": said if rows else "there are no rows"}
    if unchanged and not isinstance(check.measure, HasRows | Fresh):
        # How many rows come and how old they are is asked just then; nothing else can be wrong with what did not come.
        facts |= {NOTHING_CAME: True, "said": "the table is what main has already"}
    low, high = reading.interval or (reading.value, reading.value)
    return Evidence(
        check=check.name,
        subject=subject,
        value=reading.value,
        low=low,
        high=high,
        n=reading.n,
        clusters=reading.clusters,
        facts=facts,
        log_digest=log_digest,
    )


def conclude_share(count: int, unknown: int, rows: int, what: str) -> Reading:
    """Return the share of rows that are against a rule; where none could be judged, nothing was measured."""
    facts = {"count": count, "unknown": unknown}
    return Reading(count / max(rows, 1), rows if unknown < rows else 0, say_share(count, rows, what), facts)


def conclude_repeats(repeats: int, without: int, rows: int) -> Reading:
    """Return how many rows repeat the key of an earlier one, where some have no whole key."""
    said = f"{repeats:,} of {rows:,} rows repeat an earlier one"
    said = f"{said}, {without:,} without a whole key are not compared" if without else said
    return Reading(float(repeats), rows if without < rows else 0, said, {"count": repeats, "unkeyed": without})


def conclude_references(count: int, without: int, rows: int, other: str) -> Reading:
    """Return the share of rows with a whole key that another table does not have."""
    said = say_share(count, rows - without, f"have a key that {other} has not")
    facts = {"count": count, "unkeyed": without}
    return Reading(count / max(rows - without, 1), rows if without < rows else 0, said, facts)


def conclude_columns(measure: HasColumns, schema: Mapping[str, pl.DataType], rows: int) -> Reading:
    """Return how many columns are missing, or of another type than was declared."""
    missing = [name for name in measure.columns if name not in schema]
    wrong = {
        name: str(schema[name])
        for name, kind in measure.columns.items()
        if name in schema and not _IS_KIND[kind](schema[name])
    }
    faults = [f"{name} is missing" for name in missing]
    faults += [f"{name} is {dtype}, not {measure.columns[name]}" for name, dtype in wrong.items()]
    total = len(measure.columns)
    said = f"{len(faults)} of {total} columns: {', '.join(faults)}" if faults else f"all {total} columns are there"
    facts: dict[str, Any] = {"count": len(faults), "missing": missing, "wrong": wrong}
    return Reading(float(len(faults)), rows, said, facts)


def conclude_age(newest: int | None, now: int, rows: int) -> Reading:
    """Return how old the newest row is."""
    if newest is None:
        return Reading(0.0, 0, "no row has an instant")
    return Reading(float(now - newest), rows, say_age(now - newest), {"newest": newest})


def conclude_feeds(oldest: Mapping[str, Any] | None, newest: int, feeds: int, now: int, rows: int) -> Reading:
    """Return how old the newest row of the oldest of several feeds is.

    Args:
        oldest: the values that name the feed; None where no feed counts.
        newest: its newest instant.
        feeds: how many feeds count.
        now: the run's domain time.
        rows: rows read.
    """
    if oldest is None:
        return Reading(0.0, 0, "no feed has an instant and the rows it takes")
    name = _say_feed(oldest, [*oldest])
    facts = {"newest": newest, "feeds": feeds, "oldest": name}
    return Reading(float(now - newest), rows, f"{say_age(now - newest)} of {name}, the oldest of {feeds} feeds", facts)


def conclude_gaps(found: pl.DataFrame, earlier: pl.DataFrame | None, columns: Sequence[str], rows: int) -> Reading:
    """Return how many steps of each feed have no row.

    Args:
        found: of each feed the steps with a row, `steps:`, and the first and the last of them, `first:` and `last:`.
        earlier: the same of the main branch, where the rows follow on what it has.
        columns: those whose values name a feed.
        rows: rows read.
    """
    found = found.drop_nulls()
    if found.is_empty():
        return Reading(0.0, 0, "no row has an instant")
    end = int(found["last:"].max() or 0)  # pyright: ignore[reportArgumentType]
    feeds = found.with_columns(start=pl.col("first:"))
    if earlier is not None:
        earlier = earlier.drop_nulls().select(*columns, pl.col("last:").alias("before:"))
        joined = {"on": list(columns), "how": "full", "coalesce": True} if columns else {"how": "cross"}
        feeds = found.join(earlier, **joined)  # pyright: ignore[reportArgumentType]
        # Rows that the main branch has already passed are no gap and fill none.
        follows = pl.col("before:").is_not_null() & (pl.col("before:") < pl.col("first:").fill_null(end + 1))
        start = pl.when(follows).then(pl.col("before:") + 1).otherwise(pl.col("first:"))
        feeds = feeds.with_columns(pl.col("steps:").fill_null(0), start=start).drop_nulls("start")
    feeds = feeds.with_columns(missing=(end + 1 - pl.col("start") - pl.col("steps:")).clip(lower_bound=0))
    feeds = feeds.sort("missing", *columns, descending=[True, *(False for _ in columns)])
    count, total = int(feeds["missing"].sum()), int((end + 1 - feeds["start"]).sum())
    worst = [row for row in feeds.head(NAMED).iter_rows(named=True) if row["missing"]]
    said = f"{count:,} of {total:,} steps have no row"
    if worst and columns:
        said += ", " + ", ".join(f"{row['missing']:,} of {_say_feed(row, columns)}" for row in worst)
    return Reading(float(count), rows, said, {"count": count, "steps": total})


def conclude_days(measure: DayRows, found: pl.DataFrame, known: pl.DataFrame, rows: int) -> Reading:
    """Return the rows of the thinnest or fullest day over those of a usual one.

    Args:
        measure: which.
        found: `day:` and `rows:` of each day.
        known: the same of the days that say what is usual.
        rows: rows read.
    """
    found, known = found.drop_nulls(), known.drop_nulls()
    if found.is_empty() or known.is_empty():
        return Reading(0.0, 0, "no day has rows to compare")
    median = float(known["rows:"].median() or 0)  # pyright: ignore[reportArgumentType]
    found = found.sort("rows:", "day:", descending=[measure.extreme == "most", False])
    first, last = (int(one) for one in (found["day:"].min(), found["day:"].max()))  # pyright: ignore[reportArgumentType]
    empty = last - first + 1 - found.height
    day, held = int(found["day:"][0]), int(found["rows:"][0])
    if measure.extreme == "least" and empty:
        held, said = 0, f"{empty:,} days between the first and the newest have no rows"
    else:
        said = f"{_say_day(day)} has {held:,} rows"
    facts: dict[str, Any] = {"day": _say_day(day), "rows": held, "usual": median, "empty": empty}
    return Reading(held / median, rows, f"{said}, a usual day {say_number(median)}", facts)


def conclude_growth(count: int, before: int | None, rows: int, what: str) -> Reading:
    """Return by which share there is more of something than before; `before` is None where main has no such table."""
    if before is None:
        return Reading(0.0, rows, f"{count:,} {what}; {UNCOMPARED}")
    if not before:
        return Reading(0.0, 0, f"{count:,} {what}; the reference has none")
    facts: dict[str, Any] = {"count_now": count, "reference": before}
    return Reading(count / before - 1, rows, f"{count:,} {what}, {before:,} before", facts)


def conclude_estimate(found: Estimate, what: str, *, estimated: bool) -> Reading:
    """Return a number of the rows; as an estimate with its interval where days are clusters."""
    if not found.n or math.isnan(found.value):
        return Reading(0.0, 0, f"no row has a {what}")
    return _conclude(found, _say_estimate(found, what), {what: found.value}, estimated=estimated)


def conclude_difference(
    found: Estimate, earlier: Estimate | None, unit: float, what: str, *, estimated: bool
) -> Reading:
    """Return by how many units a number differs from the reference's; None where main has no such table."""
    if not found.n or math.isnan(found.value):
        return Reading(0.0, 0, f"no row has a {what}")
    said, facts = _say_estimate(found, what), {what: found.value}
    if earlier is None:
        return Reading(0.0, found.n, f"{said}; {UNCOMPARED}", facts)
    if not earlier.n or math.isnan(earlier.value):
        return Reading(0.0, 0, f"{said}; the reference has no {what}")
    error = math.hypot(found.standard_error, earlier.standard_error) / unit
    clusters = min(found.clusters, earlier.clusters)
    difference = Estimate((found.value - earlier.value) / unit, error, found.n, clusters)
    facts |= {"reference": earlier.value, "unit": unit}
    said = f"{said}, {say_number(earlier.value)} of {earlier.n:,} before"
    return _conclude(difference, said, facts, estimated=estimated)


def estimate_daily_mean(n: Any, total: Any, square: Any) -> tuple[Estimate, float]:
    """Return a mean with days as clusters, and the standard deviation, from counts, sums and sums of squares by day."""
    held = n > 0
    if not held.any():
        return Estimate(math.nan, 0.0, 0, 0), 0.0
    n, total = n[held], total[held]
    found = clustered_ratio(total, n, np.arange(len(n)))
    rows = float(n.sum())
    variance = float(square.sum()) / rows - found.value**2
    return Estimate(found.value, found.standard_error, int(rows), len(n)), math.sqrt(max(variance, 0.0))


def estimate_quantile(found: Distribution, at: float, *, daily: bool) -> tuple[Estimate, float]:
    """Return a quantile, with days as clusters where they are, and the standard deviation."""
    if not found.n:
        return Estimate(math.nan, 0.0, 0, 0), 0.0
    value = quantile(found, at)
    if not daily or len(found.counts) < 2:
        return Estimate(value, 0.0, found.n, len(found.counts)), deviation(found)
    from scipy.special import stdtrit

    # The interval is made symmetric, about its wider half, so that it can be subtracted from another.
    half = max(abs(end - value) for end in quantile_interval(found, at))
    error = half / float(stdtrit(len(found.counts) - 1, 0.975))
    return Estimate(value, error, found.n, len(found.counts)), deviation(found)


def distribute(counted: pl.DataFrame) -> Distribution:
    """Return the distribution of a number from how often each `value:` occurs on each `day:`, `n:`."""
    found = counted.drop_nulls()
    points, at = place_values(found["value:"].to_numpy())
    return _spread_out(points.astype(np.float64), at, found)


def conclude_shift(measure: Shift, here: pl.DataFrame, there: pl.DataFrame | None, *, number: bool) -> Reading:
    """Return how far a distribution is from the reference's, each as how often a `value:` occurs on a `day:`, `n:`."""
    here = here.drop_nulls()
    n = int(here["n:"].sum())
    if there is None:
        return Reading(0.0, n, UNCOMPARED)
    there = there.drop_nulls()
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
    ends = (max(0.0, distance - spread), distance + spread)
    return Reading(distance, n, said, facts, interval=ends, clusters=clusters)


def conclude_unseen(count: int, n: int, values: Sequence[object], column: object, *, known: bool) -> Reading:
    """Return the share of rows with a value that the reference has not; `known` tells whether that has any."""
    said = say_share(count, n, f"have a {column} not seen before")
    if count:
        said += f": {_say_values(values)}"
    facts = {"count": count, "values": list(values[:NAMED])}
    return Reading(count / max(n, 1), n if known else 0, said, facts)


def conclude_vanished(gone: Sequence[object], usual: int, n: int) -> Reading:
    """Return how many of the usual values are gone."""
    said = f"{len(gone)} of {usual} usual values are gone"
    if gone:
        said += f": {_say_values(gone)}"
    facts = {"count": len(gone), "values": list(gone[:NAMED])}
    return Reading(float(len(gone)), n if usual else 0, said, facts)


def _conclude(found: Estimate, said: str, facts: dict[str, Any], *, estimated: bool) -> Reading:
    if not estimated:
        return Reading(found.value, found.n, said, facts)
    if found.clusters < 2:
        return Reading(found.value, 0, f"{said}; all of one day, which says nothing of others", facts)
    return Reading(found.value, found.n, said, facts, interval=interval(found), clusters=found.clusters)


def _say_estimate(found: Estimate, what: str) -> str:
    return f"{what} {say_number(found.value)} of {found.n:,} rows"


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


def _say_values(values: Sequence[object]) -> str:
    return ", ".join(str(value) for value in values[:NAMED])


def _say_feed(row: Mapping[str, Any], columns: Sequence[str]) -> str:
    return ", ".join(f"{column} {row[column]}" for column in columns)


def _say_row(examples: pl.DataFrame) -> str:
    values = examples.row(0, named=True)
    return ", ".join(f"{name} {'null' if value is None else value}" for name, value in [*values.items()][:_SHOWN])


def _say_day(day: int) -> str:
    return (date(1970, 1, 1) + timedelta(days=day)).isoformat() if abs(day) < 700_000 else f"day {day}"

"""Checks that judge rows: conditions, presence, uniqueness, references to other tables, and columns as a whole."""

import io
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import polars as pl
from polars.exceptions import PolarsError

from shipway.core.data_measure import (
    Custom,
    HasColumns,
    Holds,
    Past,
    Present,
    Refers,
    Timely,
    Unique,
)
from shipway.core.error import ShipwayError
from shipway.data.batch import columns_of, is_rowwise
from shipway.data.conclusion import conclude_columns, conclude_references, conclude_repeats, conclude_share
from shipway.data.question import EXAMPLES, Hunt
from shipway.data.reading import Reader, Reading, say_share
from shipway.data.scan import (
    Scan,
    Table,
    any_missing,
    ask_count,
    ask_failing,
    ask_groups,
    ask_hashes,
    ask_values,
    dtype_of,
    hash_of,
    instant_of,
    is_missing,
    read_scan,
    refuse_unmeasured,
    scan_other,
    scan_rows,
    seek_rows,
)
from shipway.data.spill import KeyHashes, Sought, Tally, pair_parts
from shipway.data.translation import kind_of, to_polars
from shipway.kit.suggestion import did_you_mean
from shipway.maths.expression import Column, render, walk

_SOUGHT_KEYS: Final = 1 << 16
"""How many keys are looked for at most when rows that have one are to be shown."""

_KEPT_ROWS: Final = 1 << 16
"""How many rows whose key may repeat are kept, so that they need not be looked for again."""


def plan_condition(measure: Holds, table: Table) -> Reader:
    """Plan the share of rows where a condition is false."""
    scan = scan_rows(table, measure.rows)
    if kind_of(measure.condition, scan.schema) != "bool":
        raise ShipwayError(
            "SW-203", f"{render(measure.condition)} is not true or false", "compare it, such as flights.delay > 0"
        )
    columns = tuple(dict.fromkeys(node.name for node in walk(measure.condition) if isinstance(node, Column)))
    return _plan_share(table, scan, ~to_polars(measure.condition, scan.schema), columns, "break it")


def plan_custom(measure: Custom, table: Table) -> Reader:
    """Plan the share of rows where a condition in Polars or SQL is false."""
    scan = scan_rows(table, measure.rows)
    condition = _read_custom(measure, scan)
    columns = tuple(columns_of(condition, scan.schema))
    if not columns or not is_rowwise(condition, scan.schema):
        return _plan_whole(table, scan, ~condition, columns)
    return _plan_share(table, scan, ~condition, columns, "break it")


def plan_presence(measure: Present, table: Table) -> Reader:
    """Plan the share of rows where a column is null or not a number."""
    scan = scan_rows(table, measure.rows)
    against, failing = ask_failing(scan, is_missing(measure.column, scan), table.shown(measure.column))

    def read() -> Reading:
        count = against()
        return Reading(
            count / max(scan.rows, 1),
            scan.rows,
            say_share(count, scan.rows, "are null"),
            {"count": count},
            failing,
        )

    return read


def plan_past(measure: Past, table: Table) -> Reader:
    """Plan the share of rows with an instant after the run's domain time."""
    scan = scan_rows(table, measure.rows)
    dtype_of(measure.instant, scan)
    instant = instant_of(Column(measure.table, measure.instant), scan)
    return _plan_share(table, scan, instant > table.now, (measure.instant,), "lie ahead")


def plan_timely(measure: Timely, table: Table) -> Reader:
    """Plan the share of rows whose label is known too early."""
    scan = scan_rows(table, measure.rows)
    labelled = to_polars(measure.value, scan.schema).is_not_null()
    known = instant_of(Column(measure.table, measure.instant), scan)
    asked = instant_of(measure.asked, scan)
    early = known.is_null() | (known > table.now) | (known <= asked).fill_null(value=False)
    columns = [
        measure.instant,
        *(n.name for e in (measure.asked, measure.value) for n in walk(e) if isinstance(n, Column)),
    ]
    return _plan_share(table, scan, labelled & early, tuple(dict.fromkeys(columns)), "have a label too early")


def plan_repeats(measure: Unique, table: Table) -> Reader:
    """Plan the number of rows beyond the first with a key.

    Equal keys have equal hashes: only keys whose hash repeats are compared as they are, which are few.
    """
    scan, columns = scan_rows(table, measure.rows), list(measure.columns)
    unkeyed = ask_count(scan, any_missing(measure.columns, scan).sum())
    hashes = ask_hashes(scan, columns)

    def read() -> Reading:
        rows, without = scan.rows, unkeyed()
        repeats, failing = _find_repeats(scan, columns, hashes(), table.shown(*columns))
        return replace(conclude_repeats(repeats, without, rows), failing=failing)

    return read


def plan_references(measure: Refers, table: Table) -> Reader:
    """Plan the share of rows whose key another table does not have: each different key is looked for once."""
    scan, columns, others = scan_rows(table, measure.rows), list(measure.columns), list(measure.others)
    other = scan_other(table, measure.other)
    for name in others:
        if name not in other.schema:
            hint = did_you_mean(name, other.schema)
            raise ShipwayError("SW-202", f"table {measure.other!r} has no column {name!r}", hint)
    for name, its in zip(columns, others, strict=True):
        mine, theirs = dtype_of(name, scan), other.schema[its]
        if mine != theirs and not (mine.is_integer() and theirs.is_integer()):
            fact = f"{measure.table}.{name} is {mine} and {measure.other}.{its} is {theirs}, so no key is in the other"
            raise ShipwayError("SW-203", fact, "make them of one type in a source's function")
    unkeyed = ask_count(scan, any_missing(measure.columns, scan).sum())
    theirs = {name: pl.col(its).cast(scan.schema[name]) for name, its in zip(columns, others, strict=True)}
    used = ask_values(scan, columns)
    there = ask_groups(other, f"there:{others}:{columns}", theirs, {})

    def read() -> Reading:
        rows, without, count = scan.rows, unkeyed(), 0
        some: list[pl.DataFrame] = []
        for here, known in pair_parts(used(), there()):
            orphans = here.join(known, on=columns, how="anti")
            count += int(orphans["n:"].cast(pl.Int64).sum())
            left = _SOUGHT_KEYS - sum(keys.height for keys in some)
            some.append(orphans.select(columns).sort(columns).head(left))

        def keep(batch: pl.DataFrame) -> pl.DataFrame:
            return batch.join(pl.concat(some), on=columns, how="semi", maintain_order="left")

        failing = seek_rows(scan, keep, columns, table.shown(*columns)) if count else None
        return replace(conclude_references(count, without, rows, measure.other), failing=failing)

    return read


def plan_columns(measure: HasColumns, table: Table) -> Reader:
    """Plan the number of columns that are missing or of another type."""
    scan = scan_rows(table, measure.rows)
    return lambda: conclude_columns(measure, scan.schema, scan.rows)


def _plan_share(table: Table, scan: Scan, broken: pl.Expr, columns: tuple[str, ...], what: str) -> Reader:
    """Plan the share of all rows where something is true; a row where it is null does not count."""
    against, failing = ask_failing(scan, broken, table.shown(*columns))
    unknown = ask_count(scan, broken.null_count())
    return lambda: _say_broken(scan, against(), unknown(), failing, what)


def _plan_whole(table: Table, scan: Scan, broken: pl.Expr, columns: tuple[str, ...]) -> Reader:
    """Plan the same for what compares rows with one another, such as with a mean: its columns are read whole."""
    shown = table.shown(*columns)

    def read() -> Reading:
        frame = pl.concat(list(read_scan(scan, [*columns_of(broken, scan.schema), *shown])))
        failing = Hunt(lambda rows: rows.filter(broken), (), shown)
        with refuse_unmeasured(scan.table):
            against, unknown = frame.select(broken.sum().alias("a"), broken.null_count().alias("u")).row(0)
            if against:
                failing.take(frame)
        return _say_broken(scan, int(against or 0), int(unknown), failing, "break it")

    return read


def _say_broken(scan: Scan, count: int, unknown: int, failing: Hunt, what: str) -> Reading:
    return replace(conclude_share(count, unknown, scan.rows, what), failing=failing)


def _find_repeats(scan: Scan, columns: list[str], hashes: KeyHashes, shown: Sequence[str]) -> tuple[int, Hunt | None]:
    """Return how many rows repeat a key, and what looks for rows of the first such keys in their order."""
    repeats, some = 0, pl.DataFrame(schema={name: scan.schema[name] for name in columns})
    hashed = hash_of(columns, scan)
    kept: list[pl.DataFrame] | None = None
    for portion, suspects in enumerate(hashes.repeated()):
        kept = None if portion else []
        sought, tally = Sought(suspects), Tally(columns, [pl.col("len:").sum()])
        for batch in read_scan(scan, [*columns, *shown]):
            suspected = batch[sought.places(batch.select(hashed).to_series())]
            tally.add(suspected.group_by(columns).agg(pl.len().alias("len:")))
            if kept is not None:
                kept = [*kept, suspected] if sum(rows.height for rows in kept) < _KEPT_ROWS else None
        for keys in tally.parts():
            repeated = keys.filter(pl.col("len:") > 1)
            repeats += int(repeated["len:"].cast(pl.Int64).sum()) - repeated.height
            some = pl.concat([some, repeated.select(columns)]).sort(columns).head(EXAMPLES)
    if not repeats:
        return 0, None

    def keep(batch: pl.DataFrame) -> pl.DataFrame:
        return batch.join(some, on=columns, how="semi", maintain_order="left")

    if kept is None:
        return repeats, seek_rows(scan, keep, columns, shown)
    hunt = Hunt(keep, tuple(columns), tuple(shown))
    hunt.take(pl.concat(kept))
    return repeats, hunt


def _read_custom(measure: Custom, scan: Scan) -> pl.Expr:
    """Return a condition in another language; SW-203 where it is none on these columns."""
    try:
        if measure.language == "sql":
            condition = pl.sql_expr(measure.text)
        else:
            condition = pl.Expr.deserialize(io.StringIO(measure.text), format="json")
        kind = pl.LazyFrame(schema=scan.schema).select(condition).collect_schema().dtypes()
    except PolarsError as fault:
        reason = str(fault).partition("\n")[0]
        raise ShipwayError(
            "SW-203", f"a condition on {measure.table} cannot be read: {reason}", "use the columns of the table"
        ) from fault
    if kind != [pl.Boolean]:
        raise ShipwayError("SW-203", f"a condition on {measure.table} is {kind[0]}, not true or false", "compare it")
    if not condition.meta.is_column() and condition.meta.has_multiple_outputs():
        raise ShipwayError("SW-203", f"a condition on {measure.table} is several", "join them with & or and")
    return condition

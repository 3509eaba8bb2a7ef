"""Checks that judge rows: conditions, presence, uniqueness, references to other tables, and columns as a whole."""

import io
from collections.abc import Callable
from typing import Any, Final

import polars as pl
from polars.exceptions import PolarsError

from shipway.core.data_measure import (
    ColumnKind,
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
from shipway.data.reading import Reader, Reading, say_share
from shipway.data.scan import (
    Scan,
    Table,
    any_missing,
    ask,
    ask_query,
    dtype_of,
    instant_of,
    is_missing,
    run_query,
    scan_rows,
)
from shipway.data.translation import kind_of, to_polars
from shipway.kit.suggestion import did_you_mean
from shipway.maths.expression import Column, render, walk

EXAMPLES: Final = 5
"""How many failing rows are kept at most."""

_IS_KIND: Final[dict[ColumnKind, Callable[[pl.DataType], bool]]] = {
    "int": lambda dtype: dtype.is_integer(),
    "float": lambda dtype: dtype.is_float() or dtype.is_decimal(),
    "text": lambda dtype: isinstance(dtype, pl.String | pl.Categorical | pl.Enum),
    "bool": lambda dtype: dtype == pl.Boolean,
    "instant": lambda dtype: isinstance(dtype, pl.Datetime),
    "date": lambda dtype: dtype == pl.Date,
}


def plan_condition(measure: Holds, table: Table) -> Reader:
    """Plan the share of rows where a condition is false."""
    scan = scan_rows(table, measure.rows)
    if kind_of(measure.condition, scan.schema) != "bool":
        raise ShipwayError(
            "SW-203", f"{render(measure.condition)} is not true or false", "compare it, such as flights.delay > 0"
        )
    columns = tuple(dict.fromkeys(node.name for node in walk(measure.condition) if isinstance(node, Column)))
    return _plan_share(scan, ~to_polars(measure.condition, scan.schema), columns, "break it")


def plan_custom(measure: Custom, table: Table) -> Reader:
    """Plan the share of rows where a condition in Polars or SQL is false."""
    scan = scan_rows(table, measure.rows)
    condition = _read_custom(measure, scan)
    columns = tuple(dict.fromkeys(condition.meta.root_names()))
    return _plan_share(scan, ~condition, columns, "break it")


def plan_presence(measure: Present, table: Table) -> Reader:
    """Plan the share of rows where a column is null or not a number."""
    scan = scan_rows(table, measure.rows)
    missing = is_missing(measure.column, scan)
    against = ask(scan, missing.sum())

    def read() -> Reading:
        count = against() or 0
        return Reading(
            count / max(scan.rows, 1),
            scan.rows,
            say_share(count, scan.rows, "are null"),
            {"count": count},
            lambda: scan.frame.filter(missing),
            (measure.column,),
        )

    return read


def plan_past(measure: Past, table: Table) -> Reader:
    """Plan the share of rows with an instant after the run's domain time."""
    scan = scan_rows(table, measure.rows)
    dtype_of(measure.instant, scan)
    instant = instant_of(Column(measure.table, measure.instant), scan)
    return _plan_share(scan, instant > table.now, (measure.instant,), "lie ahead")


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
    return _plan_share(scan, labelled & early, tuple(dict.fromkeys(columns)), "have a label too early")


def plan_repeats(measure: Unique, table: Table) -> Reader:
    """Plan the number of rows beyond the first with a key, in one group-by."""
    scan, columns = scan_rows(table, measure.rows), list(measure.columns)
    missing = any_missing(measure.columns, scan)
    unkeyed = ask(scan, missing.sum())

    # Equal keys have equal hashes: only keys whose hash repeats are compared as they are, which are few.
    hashed = pl.when(~missing).then(pl.struct(columns).hash()).alias("hash:")

    def repeated(frame: pl.LazyFrame) -> pl.LazyFrame:
        counted = frame.select(hashed).group_by("hash:").agg(pl.len().alias("len:"))
        return counted.filter((pl.col("len:") > 1) & pl.col("hash:").is_not_null()).select("hash:")

    suspects = ask_query(scan, f"unique:{columns}", repeated)

    def read_groups() -> pl.DataFrame:
        if suspects().is_empty():
            return suspects().select(pl.col("hash:").alias("len:"))
        keys = scan.frame.select(*columns, hashed)
        same = keys.join(suspects().lazy(), on="hash:", how="semi").group_by(columns).agg(pl.len().alias("len:"))
        return run_query(scan.table, same.filter(pl.col("len:") > 1)).sort(columns)

    def read() -> Reading:
        rows, without = scan.rows, unkeyed() or 0
        groups = read_groups()
        repeats = int(groups["len:"].sum()) - groups.height
        some = groups.head(EXAMPLES)
        said = f"{repeats:,} of {rows:,} rows repeat an earlier one"
        return Reading(
            float(repeats),
            rows if without < rows else 0,
            f"{said}, {without:,} without a whole key are not compared" if without else said,
            {"count": repeats, "unkeyed": without},
            lambda: scan.frame.join(some.lazy(), on=columns, how="semi", maintain_order="left"),
            measure.columns,
        )

    return read


def plan_references(measure: Refers, table: Table) -> Reader:
    """Plan the share of rows whose key another table does not have."""
    scan, columns, others = scan_rows(table, measure.rows), list(measure.columns), list(measure.others)
    other = table.others[measure.other]
    schema = other.collect_schema()
    for name in others:
        if name not in schema:
            raise ShipwayError("SW-202", f"table {measure.other!r} has no column {name!r}", did_you_mean(name, schema))
    for name, its in zip(columns, others, strict=True):
        mine, theirs = dtype_of(name, scan), schema[its]
        if mine != theirs and not (mine.is_integer() and theirs.is_integer()):
            fact = f"{measure.table}.{name} is {mine} and {measure.other}.{its} is {theirs}, so no key is in the other"
            raise ShipwayError("SW-203", fact, "make them of one type in a source's function")
    missing = any_missing(measure.columns, scan)
    unkeyed = ask(scan, missing.sum())
    keys = other.select(
        pl.col(its).cast(scan.schema[name]).alias(name) for name, its in zip(columns, others, strict=True)
    )

    def orphans(frame: pl.LazyFrame) -> pl.LazyFrame:
        return frame.filter(~missing).join(keys.unique(), on=columns, how="anti")

    counted = ask_query(
        scan,
        f"refers:{columns}:{measure.other}:{others}",
        lambda frame: orphans(frame.select(columns)).select(pl.len()),
    )

    def read() -> Reading:
        rows, without, count = scan.rows, unkeyed() or 0, int(counted().item())
        return Reading(
            count / max(rows - without, 1),
            rows if without < rows else 0,
            say_share(count, rows - without, f"have a key that {measure.other} has not"),
            {"count": count, "unkeyed": without},
            lambda: orphans(scan.frame),
            measure.columns,
        )

    return read


def plan_columns(measure: HasColumns, table: Table) -> Reader:
    """Plan the number of columns that are missing or of another type."""
    scan = scan_rows(table, measure.rows)

    def read() -> Reading:
        schema = scan.schema
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
        return Reading(float(len(faults)), scan.rows, said, facts)

    return read


def _plan_share(scan: Scan, broken: pl.Expr, columns: tuple[str, ...], what: str) -> Reader:
    """Plan the share of all rows where something is true; a row where it is null does not count."""
    against, unknown = ask(scan, broken.sum()), ask(scan, broken.null_count())

    def read() -> Reading:
        rows, count, unjudged = scan.rows, against() or 0, unknown() or 0
        return Reading(
            count / max(rows, 1),
            rows if unjudged < rows else 0,
            say_share(count, rows, what),
            {"count": count, "unknown": unjudged},
            lambda: scan.frame.filter(broken),
            columns,
        )

    return read


def _read_custom(measure: Custom, scan: Scan) -> pl.Expr:
    """Return a condition in another language; SW-203 where it is none on these columns."""
    try:
        if measure.language == "sql":
            condition = pl.sql_expr(measure.text)
        else:
            condition = pl.Expr.deserialize(io.StringIO(measure.text), format="json")
        kind = scan.frame.clear().select(condition).collect_schema().dtypes()
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

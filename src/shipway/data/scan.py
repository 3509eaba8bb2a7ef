"""What checks ask of the rows of a table, gathered and answered in one pass.

Everything that a select can count goes into one select, everything by day into one group-by for each way to cut days,
and what needs its own groups (keys, values) is a query of its own that reads no column but its own. The engine is the
streaming one: a table that is read from Parquet goes through in parts.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, cast

import polars as pl
from polars.exceptions import PolarsError

from shipway.core.data_measure import Reference, Rows
from shipway.core.error import ShipwayError
from shipway.core.feature import Expr
from shipway.data.translation import to_polars
from shipway.kit.duration import DAY
from shipway.kit.suggestion import did_you_mean
from shipway.maths.expression import render

ENGINE: Final = "streaming"


@dataclass(frozen=True, slots=True)
class Content:
    """A table as it is judged, beside what the main branch held of it before.

    Attributes:
        rows: all rows that it would have.
        new: those that the main branch does not have; None where all are new.
        main: the rows of the main branch; None where it has no such table.
    """

    rows: pl.DataFrame | pl.LazyFrame
    new: pl.DataFrame | pl.LazyFrame | None = None
    main: pl.DataFrame | pl.LazyFrame | None = None


@dataclass(slots=True)
class Scan:
    """The questions to some rows of a table, and once it has run, their answers."""

    table: str
    frame: pl.LazyFrame
    schema: pl.Schema
    selected: dict[str, pl.Expr] = field(default_factory=lambda: {"rows": pl.len()})
    days: dict[str, tuple[pl.Expr, dict[str, pl.Expr]]] = field(default_factory=dict[str, Any])
    queries: dict[str, pl.LazyFrame] = field(default_factory=dict[str, pl.LazyFrame])
    found: dict[str, pl.DataFrame] = field(default_factory=dict[str, pl.DataFrame])

    @property
    def rows(self) -> int:
        """Return how many rows were read."""
        return int(self.found["select"]["rows"][0])


@dataclass(slots=True)
class Table:
    """A table and the scans of its parts that checks ask for.

    Attributes:
        name: its name.
        content: its rows.
        key: columns that identify a row, for examples.
        now: the run's domain time in microseconds since 1970 UTC.
        others: the tables that checks refer to, by name.
    """

    name: str
    content: Content
    key: tuple[str, ...]
    now: int
    others: dict[str, pl.LazyFrame]
    scans: dict[tuple[str, ...], Scan] = field(default_factory=dict[tuple[str, ...], Scan])


def scan_rows(table: Table, rows: Rows) -> Scan:
    """Return the scan of all rows of a table, or of the new ones."""
    new = rows == "new" and table.content.new is not None
    return _scan(
        table, ("new" if new else "all",), lambda: cast("Any", table.content.new if new else table.content.rows)
    )


def scan_main(table: Table) -> Scan | None:
    """Return the scan of what the main branch held; None where it has no such table."""
    main = table.content.main
    return None if main is None else _scan(table, ("main",), lambda: main)


def scan_reference(table: Table, reference: Reference, by: Expr | None) -> Scan | None:
    """Return the scan of what is compared with; None where the main branch has no such table.

    A period counts back from the newest instant there, so that a wrong instant among new rows does not move it.
    """
    main = table.content.main
    if main is None or reference.last_us is None or by is None:
        return scan_main(table)

    def cut() -> pl.LazyFrame:
        instant = to_polars(by, main.collect_schema())
        newest = cast("Any", run_query(table.name, main.lazy().select(instant.max()))).item()
        if newest is None:
            return main.lazy().clear()
        end = newest - reference.ago_us
        return main.lazy().filter(instant > end - cast("int", reference.last_us), instant <= end)

    return _scan(table, ("main", render(by), str(reference.last_us), str(reference.ago_us)), cut)


def ask(scan: Scan, expr: pl.Expr) -> Callable[[], Any]:
    """Ask for one number of the whole; the answer is there once the scan has run."""
    # An aggregate asked twice would be made a column of its own by Polars, for which all rows are held in memory.
    name = next((name for name, asked in scan.selected.items() if asked.meta.eq(expr)), f"{len(scan.selected)}")
    scan.selected[name] = expr
    return lambda: scan.found["select"][name][0]


def ask_days(scan: Scan, by: Expr, expr: pl.Expr) -> Callable[[], pl.Series]:
    """Ask for one number of each day of an instant, days in order; rows without one belong to no day."""
    group = f"days:{render(by)}"
    _, asked = scan.days.setdefault(group, (day_of(by, scan), {"rows": pl.len()}))
    name = f"{len(asked)}"
    asked[name] = expr
    return lambda: scan.found[group][name]


def ask_query(scan: Scan, name: str, query: Callable[[pl.LazyFrame], pl.LazyFrame]) -> Callable[[], pl.DataFrame]:
    """Ask for a table of its own; of equal names only the first query is run."""
    if name not in scan.queries:
        scan.queries[name] = query(scan.frame)
    return lambda: scan.found[name]


def run_scan(scan: Scan) -> None:
    """Answer everything that was asked."""
    queries = {"select": scan.frame.select(expr.alias(name) for name, expr in scan.selected.items())}
    for group, (day, asked) in scan.days.items():
        named = [expr.alias(name) for name, expr in asked.items()]
        queries[group] = scan.frame.group_by(day.alias("day:")).agg(named).filter(pl.col("day:").is_not_null())
    queries |= scan.queries
    scan.found = dict(zip(queries, run_queries(scan.table, list(queries.values())), strict=True))
    for group in scan.days:
        scan.found[group] = scan.found[group].sort("day:")


def run_query(table: str, query: pl.LazyFrame) -> pl.DataFrame:
    """Answer one query at once."""
    return run_queries(table, [query])[0]


def run_queries(table: str, queries: list[pl.LazyFrame]) -> list[pl.DataFrame]:
    """Answer several queries, each by itself: together, rows wait in memory for the slowest of them.

    Raises:
        ShipwayError: SW-403 where Polars cannot.
    """
    try:
        return [query.collect(engine=ENGINE) for query in queries]
    except PolarsError as fault:
        reason = str(fault).partition("\n")[0]
        hint = "bring its columns into range in the source's function"
        raise ShipwayError("SW-403", f"table {table!r} cannot be measured: {reason}", hint) from fault


def day_of(by: Expr, scan: Scan) -> pl.Expr:
    """Return the day of an instant, in days since 1970 UTC."""
    return instant_of(by, scan) // DAY


def instant_of(by: Expr, scan: Scan) -> pl.Expr:
    """Return an instant in microseconds since 1970 UTC.

    Raises:
        ShipwayError: SW-203 if it is none.
    """
    instant = to_polars(by, scan.schema)
    kinds = {name: scan.schema[name] for name in instant.meta.root_names()}
    if not any(isinstance(kind, pl.Datetime | pl.Date) or kind == pl.Int64 for kind in kinds.values()):
        said = ", ".join(f"{scan.table}.{name} is {kind}" for name, kind in kinds.items())
        raise ShipwayError("SW-203", f"{said}, not an instant", "parse it in the source")
    return instant


def is_missing(column: str, scan: Scan) -> pl.Expr:
    """Tell where a column is null or not a number."""
    read = pl.col(column)
    return (read.fill_nan(None) if dtype_of(column, scan).is_float() else read).is_null()


def any_missing(columns: tuple[str, ...], scan: Scan) -> pl.Expr:
    """Tell where one of several columns is null or not a number."""
    first, *rest = (is_missing(column, scan) for column in columns)
    return pl.any_horizontal(first, *rest) if rest else first


def dtype_of(column: str, scan: Scan) -> pl.DataType:
    """Return the type of a column; SW-202 where there is none of the name."""
    if column not in scan.schema:
        raise ShipwayError(
            "SW-202", f"table {scan.table!r} has no column {column!r}", did_you_mean(column, scan.schema)
        )
    return scan.schema[column]


def _scan(table: Table, key: tuple[str, ...], frame: Callable[[], pl.DataFrame | pl.LazyFrame]) -> Scan:
    if key not in table.scans:
        rows = frame()
        table.scans[key] = Scan(table.name, rows.lazy(), rows.collect_schema())
    return table.scans[key]

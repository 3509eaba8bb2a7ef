"""What checks ask of the rows of a table, gathered and answered in one pass.

The pass goes through the table a batch at a time. What can be counted goes into one select of each batch, what has
groups of its own (days, keys, values) into a group-by of each; both are put together from batch to batch, so that no
more than a batch is held, whatever the size of the table.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from polars.exceptions import PolarsError

from shipway.core.data_measure import Reference, Rows
from shipway.core.error import ShipwayError
from shipway.core.feature import Expr
from shipway.data.batch import Frame, columns_of, read_batches, schema_of
from shipway.data.question import Days, Floats, Groups, Hunt, compute
from shipway.data.spill import KeyHashes, Tally, hash_keys
from shipway.data.translation import to_polars
from shipway.kit.duration import DAY
from shipway.kit.suggestion import did_you_mean
from shipway.maths.expression import render


@dataclass(frozen=True, slots=True)
class Content:
    """A table as it is judged, beside what the main branch held of it before.

    Attributes:
        rows: all rows that it would have.
        new: those that the main branch does not have; None where all are new.
        main: the rows of the main branch; None where it has no such table.
        unchanged: whether the table is what the main branch has already, no row added and none corrected.
    """

    rows: Frame
    new: Frame | None = None
    main: Frame | None = None
    unchanged: bool = False


@dataclass(slots=True)
class Scan:
    """The questions to some rows of a table, and once it has run, their answers.

    Attributes:
        table: its name.
        frame: its rows.
        schema: its columns.
        where: only the rows where this is true; None for all.
        selected: the numbers asked of each batch.
        days: the sums by day, by the instant that gives it.
        groups: the group-bys asked.
        hashed: the keys whose hashes are gathered, null where a row has no whole one.
        hunts: what looks for failing rows, by the number that counts those of a batch.
        sought: what looks for rows that can only be told once the scan has run.
        found: the numbers, a row for each batch.
    """

    table: str
    frame: Frame
    schema: pl.Schema
    where: pl.Expr | None = None
    selected: dict[str, pl.Expr] = field(default_factory=lambda: {"rows": pl.len()})
    days: dict[str, Days] = field(default_factory=dict[str, Days])
    groups: dict[str, Groups] = field(default_factory=dict[str, Groups])
    hashed: dict[str, tuple[pl.Expr, KeyHashes]] = field(default_factory=dict[str, Any])
    hunts: list[tuple[str, Hunt]] = field(default_factory=list[tuple[str, Hunt]])
    sought: list[Hunt] = field(default_factory=list[Hunt])
    found: pl.DataFrame = field(default_factory=pl.DataFrame)

    @property
    def rows(self) -> int:
        """Return how many rows were read."""
        return int(self.found["rows"].cast(pl.Int64).sum())


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
    others: dict[str, Frame]
    scans: dict[tuple[str, ...], Scan] = field(default_factory=dict[tuple[str, ...], Scan])

    def shown(self, *columns: str) -> tuple[str, ...]:
        """Return what is shown of a failing row: what identifies it, and the columns that a rule reads."""
        return tuple(dict.fromkeys([*self.key, *columns]))


def scan_rows(table: Table, rows: Rows) -> Scan:
    """Return the scan of all rows of a table, or of the new ones."""
    if rows == "new" and table.content.new is not None:
        return _scan(table, ("new",), table.content.new)
    return _scan(table, ("all",), table.content.rows)


def scan_main(table: Table) -> Scan | None:
    """Return the scan of what the main branch held; None where it has no such table."""
    main = table.content.main
    return None if main is None else _scan(table, ("main",), main)


def scan_other(table: Table, name: str) -> Scan:
    """Return the scan of all rows of a table that is referred to."""
    return scan_rows(table, "all") if name == table.name else _scan(table, ("other", name), table.others[name], name)


def scan_reference(table: Table, reference: Reference, by: Expr | None) -> Scan | None:
    """Return the scan of what is compared with; None where the main branch has no such table.

    A period counts back from the newest instant there, so that a wrong instant among new rows does not move it.
    """
    main = table.content.main
    if main is None or reference.last_us is None or by is None:
        return scan_main(table)
    key = ("main", render(by), str(reference.last_us), str(reference.ago_us))
    if key not in table.scans:
        instant = to_polars(by, schema_of(main))
        newest = Scan(table.name, main, schema_of(main))
        found = ask_most(newest, instant)
        run_scan(newest)
        end = None if found() is None else found() - reference.ago_us
        where = pl.lit(value=False) if end is None else (instant > end - reference.last_us) & (instant <= end)
        table.scans[key] = Scan(table.name, main, schema_of(main), where)
    return table.scans[key]


def ask(scan: Scan, expr: pl.Expr) -> Callable[[], pl.Series]:
    """Ask for one number of each batch; the answers are there once the scan has run."""
    name = next((name for name, asked in scan.selected.items() if asked.meta.eq(expr)), f"{len(scan.selected)}")
    scan.selected[name] = expr
    return lambda: scan.found[name]


def ask_count(scan: Scan, expr: pl.Expr) -> Callable[[], int]:
    """Ask for a whole number that is the sum of that of each batch, such as how many rows meet a condition."""
    counts = ask(scan, expr)
    return lambda: int(counts().cast(pl.Int64).sum())


def ask_most(scan: Scan, expr: pl.Expr) -> Callable[[], Any]:
    """Ask for the greatest value; None where every row's is null."""
    values = ask(scan, expr.max())
    return lambda: values().max()


def ask_days(scan: Scan, by: Expr, values: Sequence[pl.Expr]) -> Callable[[], Floats]:
    """Ask for the sums of values by day of an instant: a row a day, days in order; rows without one are of no day."""
    days = scan.days.setdefault(render(by), Days(day_of(by, scan)))
    places: list[int] = []
    for value in values:
        place = next((n for n, asked in enumerate(days.values) if asked.meta.eq(value)), len(days.values))
        days.values[place:place] = [value] if place == len(days.values) else []
        places.append(place)
    return lambda: np.array([days.sums[day][places] for day in sorted(days.sums)]).reshape(-1, len(places))


def ask_groups(
    scan: Scan,
    name: str,
    keys: Mapping[str, pl.Expr],
    numbers: Mapping[str, tuple[pl.Expr, pl.Expr]],
    where: pl.Expr | None = None,
    then: Mapping[str, pl.Expr] | None = None,
) -> Callable[[], Tally]:
    """Ask for the groups of a key with numbers of each; of equal names only the first is asked.

    Args:
        scan: whose rows.
        name: what is asked, so that it is asked once.
        keys: name to key.
        numbers: name to aggregate, and how that of the whole comes of those of batches.
        where: only the rows where this is true; None for all.
        then: what takes the place of a key once a batch is counted.
    """
    if name not in scan.groups:
        tally = Tally(list(keys), [merged.alias(number) for number, (_, merged) in numbers.items()])
        counted = {number: expr for number, (expr, _) in numbers.items()}
        scan.groups[name] = Groups(dict(keys), counted, tally, where, dict(then or {}))
    return lambda: scan.groups[name].tally


def ask_values(scan: Scan, columns: Sequence[str]) -> Callable[[], Tally]:
    """Ask for the different values of columns that are there, with `n:`, how many rows have each."""
    keys = {column: pl.col(column) for column in columns}
    asked = {"n:": (pl.len(), pl.col("n:").sum())}
    return ask_groups(scan, f"values:{list(columns)}", keys, asked, ~any_missing(tuple(columns), scan))


def ask_hashes(scan: Scan, columns: Sequence[str]) -> Callable[[], KeyHashes]:
    """Ask for the hashes of the keys that are whole."""
    hashes = scan.hashed.setdefault(f"{list(columns)}", (hash_of(columns, scan), KeyHashes()))[1]
    return lambda: hashes


def ask_failing(scan: Scan, broken: pl.Expr, shown: Sequence[str]) -> tuple[Callable[[], int], Hunt]:
    """Ask for how many rows something is true, and for the first of them."""
    count = broken.sum()
    hunt = Hunt(lambda batch: batch.filter(broken), (), tuple(shown))
    counted = ask_count(scan, count)
    name = next(name for name, asked in scan.selected.items() if asked.meta.eq(count))
    scan.hunts.append((name, hunt))
    return counted, hunt


def run_scan(scan: Scan) -> None:
    """Answer everything that was asked."""
    selected = [expr.alias(name) for name, expr in scan.selected.items()]
    exprs = [*scan.selected.values(), *(key for key, _ in scan.hashed.values())]
    exprs += [expr for days in scan.days.values() for expr in (days.day, *days.values)]
    for asked in scan.groups.values():
        exprs += [*asked.keys.values(), *asked.numbers.values(), *(() if asked.where is None else (asked.where,))]
    read = [name for expr in exprs for name in columns_of(expr, scan.schema)]
    read += [name for _, hunt in scan.hunts for name in hunt.shown]
    found: list[pl.DataFrame] = []
    for batch in read_scan(scan, read):
        with refuse_unmeasured(scan.table):
            numbers = compute(batch.lazy().select(selected))
            found.append(numbers)
            for key, hashes in scan.hashed.values():
                hashes.add(batch.select(key).to_series().drop_nulls().to_numpy())
            for each in (*scan.days.values(), *scan.groups.values()):
                each.take(batch)
            for name, hunt in scan.hunts:
                if numbers[name][0]:
                    hunt.take(batch)
    scan.found = pl.concat(found)


def read_scan(scan: Scan, columns: Iterable[str]) -> Iterator[pl.DataFrame]:
    """Yield the rows of a scan in batches, these of their columns."""
    where = [] if scan.where is None else columns_of(scan.where, scan.schema)
    with refuse_unmeasured(scan.table):
        for batch in read_batches(scan.frame, [*columns, *where]):
            yield batch if scan.where is None else batch.filter(scan.where)


def seek_rows(
    scan: Scan, keep: Callable[[pl.DataFrame], pl.DataFrame], reads: Sequence[str], shown: Sequence[str]
) -> Hunt:
    """Ask for the first rows that something keeps, which can only be told now; they are there after `find_rows`."""
    scan.sought.append(Hunt(keep, tuple(reads), tuple(shown)))
    return scan.sought[-1]


def find_rows(scan: Scan) -> None:
    """Look for the rows that are sought, in one pass that ends when all are found."""
    hunts = [hunt for hunt in scan.sought if hunt.wanted]
    if not hunts:
        return
    for batch in read_scan(scan, [name for hunt in hunts for name in (*hunt.reads, *hunt.shown)]):
        with refuse_unmeasured(scan.table):
            for hunt in hunts:
                hunt.take(batch)
        if not any(hunt.wanted for hunt in hunts):
            return


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


def hash_of(columns: Sequence[str], scan: Scan) -> pl.Expr:
    """Return the hash of a row's key, null where it is not whole."""
    return pl.when(~any_missing(tuple(columns), scan)).then(hash_keys(columns, scan.schema))


def dtype_of(column: str, scan: Scan) -> pl.DataType:
    """Return the type of a column; SW-202 where there is none of the name."""
    if column not in scan.schema:
        raise ShipwayError(
            "SW-202", f"table {scan.table!r} has no column {column!r}", did_you_mean(column, scan.schema)
        )
    return scan.schema[column]


def _scan(table: Table, key: tuple[str, ...], frame: Frame, name: str | None = None) -> Scan:
    if key not in table.scans:
        table.scans[key] = Scan(name or table.name, frame, schema_of(frame))
    return table.scans[key]


@contextmanager
def refuse_unmeasured(table: str) -> Generator[None]:
    """Say which table Polars could not measure; SW-403."""
    try:
        yield
    except PolarsError as fault:
        reason = str(fault).partition("\n")[0]
        hint = "bring its columns into range in the source's function"
        raise ShipwayError("SW-403", f"table {table!r} cannot be measured: {reason}", hint) from fault

"""Measure data: all column rules of a table in one scan, each uniqueness rule in one group-by.

Everything here is counted in full, so evidence has no interval: `low`, `value` and `high` are equal. Evidence on a
table without rows has `n` 0, which a gate answers with `hold`: what was not looked at is never passed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

import polars as pl
from polars.exceptions import PolarsError

from shipway.core.check import Check, Evidence
from shipway.core.data_measure import ColumnKind, DataMeasure, Fresh, HasColumns, HasRows, Holds, Present, Unique
from shipway.core.error import ShipwayError
from shipway.data.translation import kind_of, to_polars
from shipway.kit.duration import DAY, HOUR, MINUTE, SECOND, format_duration
from shipway.kit.suggestion import did_you_mean
from shipway.maths.expression import Column, render, walk

EXAMPLES: Final = 5
"""How many failing rows are kept at most."""

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


@dataclass(frozen=True, slots=True)
class Measured:
    """Evidence, and up to five of the rows that are against the rule; None where there are none.

    The examples hold the source's key columns, where those were given, and the columns that the rule reads.
    """

    evidence: Evidence
    examples: pl.DataFrame | None


@dataclass(frozen=True, slots=True)
class _Table:
    """A table with its key and what it is measured against."""

    name: str
    frame: pl.DataFrame
    key: tuple[str, ...]
    now: int


@dataclass(frozen=True, slots=True)
class _Reading:
    """What one check came to.

    Attributes:
        value: the number that a rule is compared with.
        n: rows measured.
        said: the clause that explains the value.
        facts: what else explains it.
        failing: gives the rows against the rule, shown when there are any.
        shown: the columns that the rule reads.
    """

    value: float
    n: int
    said: str
    facts: dict[str, Any] = field(default_factory=dict[str, Any])
    failing: Callable[[pl.LazyFrame], pl.LazyFrame] | None = None
    shown: tuple[str, ...] = ()


def measure_tables(
    checks: Sequence[Check],
    tables: Mapping[str, pl.DataFrame],
    *,
    subject: str,
    now: int,
    log_digest: str,
    keys: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, Measured]:
    """Measure checks on data.

    The value is, by the check's measure: `HasColumns` the number of columns that are missing or of another type;
    `HasRows` the number of rows; `Holds` the share of rows where the condition is false; `Present` the share of rows
    where the column is null or not a number; `Unique` the number of rows beyond the first with a key, where rows with
    a null in the key are equal to none; `Fresh` how long before `now` the newest instant lies, in microseconds. `n` is
    the number of rows read; 0 also where no row could be judged because the condition, a part of the key or the instant
    is null in every row.

    Args:
        checks: what to measure.
        tables: table name to rows.
        subject: what is measured, as `kind:name@version`.
        now: the run's domain time in microseconds since 1970 UTC.
        log_digest: digest of the data.
        keys: table name to the columns that identify a row, for the examples.

    Returns:
        Check name to evidence and examples. Facts hold `said`, one clause for a person, and where something can be
        against the rule `count`, how often it is.

    Raises:
        ShipwayError: SW-202 for a column that is not there, SW-203 for one of a type that the rule cannot read, SW-209
            for a table that is not there, SW-105 for two different checks of one name, SW-403 for a check that is not
            about data.
    """
    groups: dict[str, dict[str, Check]] = {}
    names: dict[str, Check] = {}
    for check in checks:
        if not isinstance(check.measure, DataMeasure):
            raise ShipwayError("SW-403", f"{check} cannot be measured on tables", "put it into a gate before release")
        if names.setdefault(check.name, check).measure != check.measure:
            raise ShipwayError("SW-105", f"two different checks are called {check.name!r}", "keep one of the two")
        groups.setdefault(check.measure.table, {})[check.name] = check
    measured: dict[str, Measured] = {}
    for name, group in groups.items():
        if name not in tables:
            raise ShipwayError("SW-209", f"there is no table {name!r}", did_you_mean(name, tables))
        frame = tables[name]
        key = tuple(column for column in (keys or {}).get(name, ()) if column in frame.columns)
        table = _Table(name, frame, key, now)
        for check, reading in zip(group.values(), _read_table(table, list(group.values())), strict=True):
            measured[check.name] = _conclude(check, reading, table, subject=subject, log_digest=log_digest)
    return {name: measured[name] for name in names}


def _read_table(table: _Table, checks: Sequence[Check]) -> list[_Reading]:
    """Read all checks of one table from one scan; only uniqueness goes over the rows again."""
    counted = [_compile(cast("DataMeasure", check.measure), table) for check in checks]
    named = [expr.alias(f"{place}:{name}") for place, counts in enumerate(counted) for name, expr in counts.items()]
    try:
        row = table.frame.lazy().select(pl.len().alias("rows"), *named).collect().row(0, named=True)
    except PolarsError as fault:
        reason = str(fault).partition("\n")[0]
        hint = "bring its columns into range in the source's function"
        raise ShipwayError("SW-403", f"table {table.name!r} cannot be measured: {reason}", hint) from fault
    return [
        _read(cast("DataMeasure", check.measure), table, {name: row[f"{place}:{name}"] for name in counts})
        for place, (check, counts) in enumerate(zip(checks, counted, strict=True))
    ]


def _compile(measure: DataMeasure, table: _Table) -> dict[str, pl.Expr]:
    """Return what a measure needs to know from the scan, by name."""
    schema = table.frame.schema
    match measure:
        case Holds():
            if kind_of(measure.condition, schema) != "bool":
                raise ShipwayError(
                    "SW-203",
                    f"{render(measure.condition)} is not true or false",
                    "compare it, such as flights.delay > 0",
                )
            condition = to_polars(measure.condition, schema)
            return {"against": (~condition).sum(), "unknown": condition.null_count()}
        case Present():
            return {"against": _is_missing(measure.column, table).sum()}
        case Fresh():
            dtype = _dtype_of(measure.instant, table)
            if not (isinstance(dtype, pl.Datetime | pl.Date) or dtype == pl.Int64):
                raise ShipwayError(
                    "SW-203", f"{table.name}.{measure.instant} is {dtype}, not an instant", "parse it in the source"
                )
            return {"newest": to_polars(Column(table.name, measure.instant), schema).max()}
        case Unique():
            return {"unkeyed": _any_missing(measure.columns, table).sum()}
        case HasColumns() | HasRows():
            return {}
        case _:
            raise ShipwayError("SW-403", f"a {type(measure).__name__} cannot be measured yet", "leave it out")


def _read(measure: DataMeasure, table: _Table, counts: Mapping[str, int | None]) -> _Reading:
    match measure:
        case Holds():
            return _read_condition(measure, table, against=counts["against"] or 0, unknown=counts["unknown"] or 0)
        case Present():
            return _read_presence(measure, table, against=counts["against"] or 0)
        case Fresh():
            return _read_age(table, counts["newest"])
        case Unique():
            return _read_repeats(measure, table, unkeyed=counts["unkeyed"] or 0)
        case HasColumns():
            return _read_columns(measure, table)
        case HasRows():
            rows = table.frame.height
            return _Reading(float(rows), rows, f"{rows:,} rows")
        case _:
            raise ShipwayError("SW-403", f"a {type(measure).__name__} cannot be measured yet", "leave it out")


def _read_condition(measure: Holds, table: _Table, *, against: int, unknown: int) -> _Reading:
    rows, schema = table.frame.height, table.frame.schema
    shown = tuple(dict.fromkeys(node.name for node in walk(measure.condition) if isinstance(node, Column)))
    return _Reading(
        against / max(rows, 1),
        rows if unknown < rows else 0,
        _say_share(against, rows, "break it"),
        {"count": against, "unknown": unknown},
        lambda frame: frame.filter(~to_polars(measure.condition, schema)),
        shown,
    )


def _read_presence(measure: Present, table: _Table, *, against: int) -> _Reading:
    rows = table.frame.height
    return _Reading(
        against / max(rows, 1),
        rows,
        _say_share(against, rows, "are null"),
        {"count": against},
        lambda frame: frame.filter(_is_missing(measure.column, table)),
        (measure.column,),
    )


def _read_age(table: _Table, newest: int | None) -> _Reading:
    if newest is None:
        return _Reading(0.0, 0, "no row has an instant")
    return _Reading(float(table.now - newest), table.frame.height, _say_age(table.now - newest), {"newest": newest})


def _read_repeats(measure: Unique, table: _Table, *, unkeyed: int) -> _Reading:
    rows, columns = table.frame.height, list(measure.columns)
    groups = (
        table.frame.lazy()
        .filter(~_any_missing(columns, table))
        .group_by(columns, maintain_order=True)
        .agg(pl.len().alias("len:"))
        .filter(pl.col("len:") > 1)
        .collect()
    )
    repeats = int(groups["len:"].sum()) - groups.height
    said = f"{repeats:,} of {rows:,} rows repeat an earlier one"
    return _Reading(
        float(repeats),
        rows if unkeyed < rows else 0,
        f"{said}, {unkeyed:,} without a whole key are not compared" if unkeyed else said,
        {"count": repeats, "unkeyed": unkeyed},
        lambda frame: frame.join(groups.head(EXAMPLES).lazy(), on=columns, how="semi", maintain_order="left"),
        measure.columns,
    )


def _read_columns(measure: HasColumns, table: _Table) -> _Reading:
    schema = table.frame.schema
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
    facts = {"count": len(faults), "missing": missing, "wrong": wrong}
    return _Reading(float(len(faults)), table.frame.height, said, facts)


def _conclude(check: Check, reading: _Reading, table: _Table, *, subject: str, log_digest: str) -> Measured:
    examples, said = None, reading.said
    if reading.failing is not None and reading.facts["count"]:
        columns = list(dict.fromkeys([*table.key, *reading.shown]))
        examples = reading.failing(table.frame.lazy()).select(columns).head(EXAMPLES).collect()
        said = f"{said}, e.g. {_say_row(examples)}"
    evidence = Evidence(
        check=check.name,
        subject=subject,
        value=reading.value,
        low=reading.value,
        high=reading.value,
        n=reading.n,
        facts={**reading.facts, "said": said if table.frame.height else "the table has no rows"},
        log_digest=log_digest,
    )
    return Measured(evidence, examples)


def _dtype_of(column: str, table: _Table) -> pl.DataType:
    schema = table.frame.schema
    if column not in schema:
        raise ShipwayError("SW-202", f"table {table.name!r} has no column {column!r}", did_you_mean(column, schema))
    return schema[column]


def _is_missing(column: str, table: _Table) -> pl.Expr:
    read = pl.col(column)
    return (read.fill_nan(None) if _dtype_of(column, table).is_float() else read).is_null()


def _any_missing(columns: Sequence[str], table: _Table) -> pl.Expr:
    return pl.any_horizontal(_is_missing(column, table) for column in columns)


def _say_share(against: int, rows: int, what: str) -> str:
    share = f" ({100 * against / rows:.3g} %)" if against else ""
    return f"{against:,} of {rows:,} rows {what}{share}"


def _say_row(examples: pl.DataFrame) -> str:
    values = examples.row(0, named=True)
    return ", ".join(f"{name} {'null' if value is None else value}" for name, value in [*values.items()][:_SHOWN])


def _say_age(us: int) -> str:
    past = abs(us)
    if past >= 3 * DAY:
        text = format_duration(past - past % HOUR)
    elif past >= HOUR:
        hours, minutes = divmod(past // MINUTE, 60)
        text = f"{hours}h{minutes}m" if minutes else f"{hours}h"
    else:
        text = format_duration(past - past % SECOND)
    return f"newest is {text} old" if us >= 0 else f"newest is {text} ahead"

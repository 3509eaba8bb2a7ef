"""What checks ask of the rows of a table in a warehouse, gathered into as few questions as it takes.

Everything that a select can count goes into one select, everything by day into one group-by for each way to cut days,
and what needs its own groups (keys, values) is a question of its own.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import polars as pl

from shipway.core.data_measure import Reference, Rows
from shipway.core.error import ShipwayError
from shipway.core.feature import Expr
from shipway.data.reading import Reader
from shipway.data.warehouse.translation import ROW, Columns, floor_divide, to_sql
from shipway.kit.duration import DAY
from shipway.maths.expression import Column, walk

SELECT: Final = "select"


@dataclass(frozen=True, slots=True)
class Relation:
    """Rows that lie in a warehouse.

    Attributes:
        text: what stands behind `from`, with the rows under their name.
        columns: what they hold.
    """

    text: str
    columns: Columns


@dataclass(frozen=True, slots=True)
class Plan:
    """How one check is measured.

    Attributes:
        read: gives what it came to, once the scans have run.
        failing: the condition of the rows against it, in SQL; empty where no row can be.
        shown: the columns that the rule reads.
    """

    read: Reader
    failing: str = ""
    shown: tuple[str, ...] = ()


@dataclass(slots=True)
class Scan:
    """The questions to some rows of a table, and once they were asked, the answers."""

    relation: Relation
    selected: dict[str, str] = field(default_factory=lambda: {"count(*)": "n0"})
    days: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    queries: list[str] = field(default_factory=list[str])
    found: dict[str, pl.DataFrame] = field(default_factory=dict[str, pl.DataFrame])

    @property
    def columns(self) -> Columns:
        """Return what the rows hold."""
        return self.relation.columns

    @property
    def rows(self) -> int:
        """Return how many rows were read."""
        return int(self.found[SELECT]["n0"][0])


@dataclass(slots=True)
class Table:
    """A table in a warehouse and the scans of its parts that checks ask for.

    Attributes:
        name: what it is called in the project.
        rows: all its rows.
        new: those that main does not have; None where all are new.
        main: the rows of main; None where it has no such table.
        key: columns that identify a row, for examples.
        now: the run's domain time in microseconds since 1970 UTC.
        describe: tells the columns of whatever can stand behind `from`.
        changed: whether main does not have a row as it is; empty where its columns are others.
        others: the tables that checks refer to, by name.
    """

    name: str
    rows: Relation
    new: Relation | None
    main: Relation | None
    key: tuple[str, ...]
    now: int
    describe: Callable[[str], Mapping[str, pl.DataType]]
    changed: str = ""
    others: dict[str, Relation] = field(default_factory=dict[str, Relation])
    scans: dict[str, Scan] = field(default_factory=dict[str, Scan])


def scan_rows(table: Table, rows: Rows) -> Scan:
    """Return the scan of all rows of a table, or of the new ones."""
    return _scan(table, table.new if rows == "new" and table.new is not None else table.rows)


def scan_main(table: Table) -> Scan | None:
    """Return the scan of what main holds; None where it has no such table."""
    return None if table.main is None else _scan(table, table.main)


def scan_reference(table: Table, reference: Reference, by: Expr | None) -> Scan | None:
    """Return the scan of what is compared with; None where main has no such table.

    A period counts back from the newest instant there, so that a wrong instant among new rows does not move it.
    """
    main = table.main
    if main is None or reference.last_us is None or by is None:
        return scan_main(table)
    instant = to_sql(by, main.columns)
    end = f"(select max({instant}) - {reference.ago_us} from {main.text})"
    period = f"{instant} > {end} - {reference.last_us} and {instant} <= {end}"
    return _scan(table, Relation(f"(select {ROW}.* from {main.text} where {period}) as {ROW}", main.columns))


def ask(scan: Scan, aggregate: str) -> Callable[[], Any]:
    """Ask for one number of the whole; the answer is there once the scan has run."""
    name = scan.selected.setdefault(aggregate, f"n{len(scan.selected)}")
    return lambda: scan.found[SELECT][name][0]


def ask_count(scan: Scan, condition: str) -> Callable[[], int]:
    """Ask in how many rows a condition is true."""
    return ask(scan, f"count(case when {condition} then 1 end)")


def ask_days(scan: Scan, by: Expr, aggregate: str) -> Callable[[], pl.Series]:
    """Ask for one number of each day of an instant, days in order; rows without one belong to no day."""
    instant = instant_of(by, scan)
    asked = scan.days.setdefault(instant, {"count(*)": "n0"})
    name = asked.setdefault(aggregate, f"n{len(asked)}")
    return lambda: scan.found[_ask_day(scan, instant)][name]


def ask_query(scan: Scan, question: str) -> Callable[[], pl.DataFrame]:
    """Ask a question of its own; what is asked twice is asked once."""
    if question not in scan.queries:
        scan.queries.append(question)
    return lambda: scan.found[question]


def questions_of(scan: Scan) -> dict[str, str]:
    """Return all questions of a scan, by what their answers are found under."""
    wanted = ",\n  ".join(f"{aggregate} as {name}" for aggregate, name in scan.selected.items())
    questions = {SELECT: f"select\n  {wanted}\nfrom {scan.relation.text}"}
    questions |= {_ask_day(scan, instant): _ask_day(scan, instant) for instant in scan.days}
    return questions | {question: question for question in scan.queries}


def instant_of(by: Expr, scan: Scan) -> str:
    """Return an instant in microseconds since 1970 UTC.

    Raises:
        ShipwayError: SW-203 if it is none.
    """
    columns = scan.columns
    instant = to_sql(by, columns)
    kinds = {node.name: columns.dtype(node.name) for node in walk(by) if isinstance(node, Column)}
    if not any(isinstance(kind, pl.Datetime | pl.Date) or kind == pl.Int64 for kind in kinds.values()):
        said = ", ".join(f"{columns.table}.{name} is {kind}" for name, kind in kinds.items())
        raise ShipwayError("SW-203", f"{said}, not an instant", "parse it in the source")
    return instant


def day_of(by: Expr, scan: Scan) -> str:
    """Return the day of an instant, in days since 1970 UTC."""
    return floor_divide(instant_of(by, scan), str(DAY), scan.columns.dialect)


def column_instant(column: str, scan: Scan) -> str:
    """Return the instant that a column holds; SW-203 if it holds none."""
    scan.columns.dtype(column)
    return instant_of(Column(scan.columns.table, column), scan)


def _ask_day(scan: Scan, instant: str) -> str:
    day = floor_divide(instant, str(DAY), scan.columns.dialect)
    wanted = ",\n  ".join(f"{aggregate} as {name}" for aggregate, name in scan.days[instant].items())
    return (
        f'select\n  {day} as "day:",\n  {wanted}\nfrom {scan.relation.text}\nwhere {instant} is not null\n'
        "group by 1\norder by 1"
    )


def _scan(table: Table, relation: Relation) -> Scan:
    return table.scans.setdefault(relation.text, Scan(relation))

"""Checks in a warehouse that judge rows: conditions, presence, uniqueness, references, and columns as a whole."""

import polars as pl
from polars.exceptions import PolarsError

from shipway.core.data_measure import Custom, HasColumns, Holds, Past, Present, Refers, Timely, Unique
from shipway.core.error import ShipwayError
from shipway.data.conclusion import (
    conclude_columns,
    conclude_references,
    conclude_repeats,
    conclude_share,
)
from shipway.data.question import EXAMPLES
from shipway.data.reading import Reading, say_share
from shipway.data.warehouse.scan import (
    Plan,
    Scan,
    Table,
    ask_count,
    ask_query,
    column_instant,
    instant_of,
    scan_rows,
)
from shipway.data.warehouse.translation import Columns, kind_in, to_sql
from shipway.maths.expression import Column, render, walk

_OTHER = "o"
"""What a row of another table is called in a question."""


def plan_condition(measure: Holds, table: Table) -> Plan:
    """Plan the share of rows where a condition is false."""
    scan = scan_rows(table, measure.rows)
    if kind_in(measure.condition, scan.columns) != "bool":
        raise ShipwayError(
            "SW-203", f"{render(measure.condition)} is not true or false", "compare it, such as flights.delay > 0"
        )
    columns = tuple(dict.fromkeys(node.name for node in walk(measure.condition) if isinstance(node, Column)))
    return _plan_share(scan, f"(not {to_sql(measure.condition, scan.columns)})", columns, "break it")


def plan_custom(measure: Custom, table: Table) -> Plan:
    """Plan the share of rows where a condition in SQL is false, in the words of the warehouse.

    Raises:
        ShipwayError: SW-403 for a condition in Polars.
    """
    scan = scan_rows(table, measure.rows)
    if measure.language != "sql":
        fact = f"a rule on {measure.table} is a Polars expression, which {scan.columns.dialect.name} cannot compute"
        raise ShipwayError("SW-403", fact, "write the condition with sw.holds, or as SQL")
    try:
        named = pl.sql_expr(measure.text).meta.root_names()
    except PolarsError:
        named = []  # in words that only the warehouse knows; its key alone names a row then
    shown = tuple(name for name in dict.fromkeys(named) if name in scan.columns.schema)
    # On lines of its own, so that a comment at its end ends there.
    condition = f"(\n{measure.text}\n)"
    _check_condition(condition, measure.table, scan, table)
    return _plan_share(scan, f"(not {condition})", shown, "break it")


def plan_presence(measure: Present, table: Table) -> Plan:
    """Plan the share of rows where a column is null or not a number."""
    scan = scan_rows(table, measure.rows)
    missing = scan.columns.missing(measure.column)
    against = ask_count(scan, missing)

    def read() -> Reading:
        count = against()
        said = say_share(count, scan.rows, "are null")
        return Reading(count / max(scan.rows, 1), scan.rows, said, {"count": count})

    return Plan(read, missing, (measure.column,))


def plan_past(measure: Past, table: Table) -> Plan:
    """Plan the share of rows with an instant after the run's domain time."""
    scan = scan_rows(table, measure.rows)
    broken = f"({column_instant(measure.instant, scan)} > {table.now})"
    return _plan_share(scan, broken, (measure.instant,), "lie ahead")


def plan_timely(measure: Timely, table: Table) -> Plan:
    """Plan the share of rows whose label is known too early."""
    scan = scan_rows(table, measure.rows)
    label = to_sql(measure.value, scan.columns)
    known, asked = column_instant(measure.instant, scan), instant_of(measure.asked, scan)
    early = f"({known} is null or {known} > {table.now} or coalesce({known} <= {asked}, false))"
    named = [n.name for e in (measure.asked, measure.value) for n in walk(e) if isinstance(n, Column)]
    columns = tuple(dict.fromkeys([measure.instant, *named]))
    return _plan_share(scan, f"({label} is not null and {early})", columns, "have a label too early")


def plan_repeats(measure: Unique, table: Table) -> Plan:
    """Plan the number of rows beyond the first with a key, in one group-by."""
    scan = scan_rows(table, measure.rows)
    missing = scan.columns.any_missing(measure.columns)
    unkeyed = ask_count(scan, missing)
    keys = [scan.columns.plain(column) for column in measure.columns]
    places = ", ".join(f"{place}" for place in range(1, len(keys) + 1))
    groups = (
        f"select {', '.join(f'{key} as k{place}' for place, key in enumerate(keys))}, count(*) as n\n"
        f"from {scan.relation.text}\nwhere not {missing}\ngroup by {places}\nhaving count(*) > 1"
    )
    counted = ask_query(scan, f"select cast(coalesce(sum(n - 1), 0) as bigint) as n\nfrom (\n{groups}\n) as g")
    same = " and ".join(f"g.k{place} = {key}" for place, key in enumerate(keys))
    some = f"select * from (\n{groups}\norder by {places} limit {EXAMPLES}\n) as g where {same}"

    def read() -> Reading:
        return conclude_repeats(int(counted()["n"][0]), unkeyed(), scan.rows)

    return Plan(read, f"exists (\n{some}\n)", measure.columns)


def plan_references(measure: Refers, table: Table) -> Plan:
    """Plan the share of rows whose key another table does not have."""
    scan, other = scan_rows(table, measure.rows), table.others[measure.other]
    for name, its in zip(measure.columns, measure.others, strict=True):
        mine, theirs = scan.columns.dtype(name), other.columns.dtype(its)
        if mine != theirs and not (mine.is_integer() and theirs.is_integer()):
            fact = f"{measure.table}.{name} is {mine} and {measure.other}.{its} is {theirs}, so no key is in the other"
            raise ShipwayError("SW-203", fact, "make them of one type in a source's function")
    missing = scan.columns.any_missing(measure.columns)
    unkeyed = ask_count(scan, missing)
    names = ", ".join(f"{other.columns.plain(its)} as k{place}" for place, its in enumerate(measure.others))
    same = " and ".join(f"{_OTHER}.k{place} = {scan.columns.plain(name)}" for place, name in enumerate(measure.columns))
    orphan = (
        f"(not {missing} and not exists (\n"
        f"select 1 from (select {names} from {other.text}) as {_OTHER} where {same}\n))"
    )
    counted = ask_query(scan, f"select count(*) as n\nfrom {scan.relation.text}\nwhere {orphan}")

    def read() -> Reading:
        return conclude_references(int(counted()["n"][0]), unkeyed(), scan.rows, measure.other)

    return Plan(read, orphan, measure.columns)


def plan_columns(measure: HasColumns, table: Table) -> Plan:
    """Plan the number of columns that are missing or of another type, as frames read from there have them."""
    scan = scan_rows(table, measure.rows)
    return Plan(lambda: conclude_columns(measure, scan.columns.schema, scan.rows))


def difference_of(rows: Columns, main: Columns, text: str, key: tuple[str, ...]) -> str:
    """Return whether no row of another table has what a row has in its key; a null is equal to a null here.

    Args:
        rows: the columns of the row.
        main: those of the other table.
        text: what stands behind `from` for that.
        key: the columns, in both; all of them, where a row is looked for as it is.
    """
    # Not `is not distinct from`, by which PostgreSQL joins each row with each.
    named = ", ".join(f"{main.plain(name)} as k{place}" for place, name in enumerate(key))
    same: list[str] = []
    for place, name in enumerate(key):
        mine, theirs = rows.plain(name), f"{_OTHER}.k{place}"
        same.append(f"({mine} is null) = ({theirs} is null)")
        if rows.dtype(name).is_integer() and main.dtype(name).is_integer():
            same.append(f"coalesce({mine}, 0) = coalesce({theirs}, 0)")
        else:
            same.append(f"coalesce(cast({mine} as text), '') = coalesce(cast({theirs} as text), '')")
    return f"not exists (select 1 from (select {named} from {text}) as {_OTHER} where {' and '.join(same)})"


def _check_condition(condition: str, name: str, scan: Scan, table: Table) -> None:
    """Refuse what is no condition on these columns: DuckDB would take a number for one."""
    try:
        kinds = table.describe(f"(select {condition} as x from {scan.relation.text}) as c")
    except ShipwayError as refusal:
        fact = f"a condition on {name} cannot be read: {refusal.fact.rpartition(' as c cannot be read: ')[2]}"
        raise ShipwayError("SW-203", fact, "use the columns of the table") from refusal
    if kinds["x"] != pl.Boolean:
        raise ShipwayError("SW-203", f"a condition on {name} is {kinds['x']}, not true or false", "compare it")


def _plan_share(scan: Scan, broken: str, columns: tuple[str, ...], what: str) -> Plan:
    """Plan the share of all rows where something is true; a row where it is null does not count."""
    against, unknown = ask_count(scan, broken), ask_count(scan, f"{broken} is null")
    return Plan(lambda: conclude_share(against(), unknown(), scan.rows, what), broken, columns)

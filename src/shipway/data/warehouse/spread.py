"""Checks in a warehouse of a column's distribution against earlier rows: how far it moved, which values are new."""

from collections.abc import Callable

import polars as pl

from shipway.core.data_measure import Shift, Unseen, Vanished
from shipway.core.feature import Expr
from shipway.data.conclusion import NAMED, UNCOMPARED, conclude_shift, conclude_unseen, conclude_vanished
from shipway.data.reading import Reading
from shipway.data.warehouse.scan import Plan, Scan, Table, ask_count, ask_query, day_of, scan_reference, scan_rows
from shipway.data.warehouse.translation import cast_to, kind_in, to_sql
from shipway.maths.expression import Column


def ask_counts(value: str, by: Expr | None, scan: Scan, *, number: bool) -> Callable[[], pl.DataFrame]:
    """Ask how often each value occurs, numbers to four digits, by day where an instant is given.

    Args:
        value: what is counted, in SQL: a float, or a text.
        by: the instant.
        scan: of which rows.
        number: whether it is a number.
    """
    day = "cast(0 as bigint)" if by is None else day_of(by, scan)
    rows = f'select {value} as x, {day} as "day:" from {scan.relation.text}'
    read = "x"
    if number:
        # As Polars rounds to significant figures: by a power of ten, or divided by one, each of them exact.
        rows = f'select x, "day:", 3 - floor(log10(abs(nullif(x, 0)))) as e from (\n{rows}\n) as v'
        power = "power(cast(10 as double precision), {})"
        scale = f"case when e >= 0 then {power.format('e')} else 1 / {power.format('- e')} end"
        rows = f'select x, "day:", {scale} as m from (\n{rows}\n) as s'
        rounded = scan.columns.dialect.round.format("(x * m)")
        read = f"case when x = 0 then 0 else {rounded} / m + 0.0 end"
    return ask_query(
        scan,
        f'select {read} as "value:", "day:", count(*) as "n:"\nfrom (\n{rows}\n) as c\n'
        'where x is not null and "day:" is not null\ngroup by 1, 2',
    )


def plan_shift(measure: Shift, table: Table) -> Plan:
    """Plan how far a distribution is from the reference's."""
    scan = scan_rows(table, measure.rows)
    reference = scan_reference(table, measure.against, measure.by)
    number = kind_in(measure.value, scan.columns) in ("int", "float")

    def asked(scan: Scan) -> Callable[[], pl.DataFrame]:
        kind = kind_in(measure.value, scan.columns)
        text = to_sql(measure.value, scan.columns)
        text = (
            cast_to("float", text, kind, scan.columns.dialect)
            if number
            else text
            if kind == "text"
            else f"cast({text} as text)"
        )
        return ask_counts(text, measure.by, scan, number=number)

    here = asked(scan)
    there = None if reference is None else asked(reference)
    return Plan(lambda: conclude_shift(measure, here(), None if there is None else there(), number=number))


def plan_unseen(measure: Unseen, table: Table) -> Plan:
    """Plan the share of rows with a value that the reference has not."""
    column = Column(measure.table, measure.column)
    scan = scan_rows(table, measure.rows)
    there = f"not {scan.columns.missing(measure.column)}"
    n = ask_count(scan, there)
    reference = scan_reference(table, measure.against, measure.by)
    if reference is None:
        return Plan(lambda: Reading(0.0, n(), UNCOMPARED))
    known = ask_count(reference, f"not {reference.columns.missing(measure.column)}")
    new = f"{there} and not {_is_in(measure.column, scan, reference)}"
    found = ask_query(
        scan,
        'select v, n, cast(sum(n) over () as bigint) as "sum:"\n'
        f"from (\n{_values(measure.column, scan, new)}\n) as h\norder by n desc, v\nlimit {NAMED}",
    )

    def read() -> Reading:
        values = found()
        count = int(values["sum:"][0]) if values.height else 0
        return conclude_unseen(count, n(), values["v"].to_list(), column, known=known() > 0)

    return Plan(read, f"({new})", (measure.column,))


def plan_vanished(measure: Vanished, table: Table) -> Plan:
    """Plan the number of usual values that the rows have no more."""
    scan = scan_rows(table, measure.rows)
    n = ask_count(scan, f"not {scan.columns.missing(measure.column)}")
    reference = scan_reference(table, measure.against, measure.by)
    if reference is None:
        return Plan(lambda: Reading(0.0, n(), UNCOMPARED))
    values = _values(measure.column, reference, f"not {reference.columns.missing(measure.column)}")
    here = _values(measure.column, scan, f"not {scan.columns.missing(measure.column)}")
    share = f"cast('{measure.share!r}' as double precision)"
    total = 'cast(sum(n) over () as double precision) as "sum:"'
    # No more values are usual than the share goes into 1.
    found = ask_query(
        reference,
        f"select k.v, case when h.v is null then true else false end as gone\nfrom (\nselect v, n, {total} from (\n"
        f'{values}\n) as a\n) as k\nleft join (\n{here}\n) as h on h.v = k.v\nwhere k.n >= {share} * k."sum:"\n'
        "order by k.n desc, k.v",
    )

    def read() -> Reading:
        usual = found()
        return conclude_vanished(usual.filter(pl.col("gone"))["v"].to_list(), usual.height, n())

    return Plan(read)


def _values(column: str, scan: Scan, where: str) -> str:
    value = scan.columns.plain(column)
    return f"select {value} as v, count(*) as n from {scan.relation.text}\nwhere {where}\ngroup by 1"


def _is_in(column: str, scan: Scan, reference: Scan) -> str:
    """Return whether a value is in any row of the reference."""
    known = f"select {reference.columns.plain(column)} as v from {reference.relation.text}"
    return f"exists (\nselect 1 from ({known}) as k where k.v = {scan.columns.plain(column)}\n)"

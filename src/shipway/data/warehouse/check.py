"""Measure checks on tables that lie in a warehouse, by questions that bring out counts, sums and a few examples."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import polars as pl

from shipway.core.check import Check
from shipway.core.data_measure import (
    Correlation,
    Custom,
    DataMeasure,
    DayRows,
    Distinct,
    Fresh,
    Gaps,
    HasColumns,
    HasRows,
    Holds,
    Mean,
    Past,
    Present,
    Quantile,
    Refers,
    Rows,
    Shift,
    Timely,
    Unique,
    Unseen,
    Vanished,
    reads_main,
)
from shipway.core.error import ShipwayError
from shipway.data.check import Measured
from shipway.data.conclusion import make_evidence
from shipway.data.question import EXAMPLES
from shipway.data.warehouse.cadence import plan_age, plan_days, plan_gaps
from shipway.data.warehouse.dialect import dialect_of
from shipway.data.warehouse.relation import Place, Question, Relations
from shipway.data.warehouse.row import (
    difference_of,
    plan_columns,
    plan_condition,
    plan_custom,
    plan_past,
    plan_presence,
    plan_references,
    plan_repeats,
    plan_timely,
)
from shipway.data.warehouse.scan import SELECT, Plan, Relation, Table, ask_query, questions_of, scan_main, scan_rows
from shipway.data.warehouse.spread import plan_shift, plan_unseen, plan_vanished
from shipway.data.warehouse.statistic import plan_correlation, plan_distinct, plan_mean, plan_quantile, plan_rows
from shipway.data.warehouse.translation import ROW
from shipway.ports.warehouse import Warehouse

_PLANS: Final[dict[type, Callable[[Any, Table], Plan]]] = {
    HasColumns: plan_columns,
    HasRows: plan_rows,
    Holds: plan_condition,
    Custom: plan_custom,
    Present: plan_presence,
    Unique: plan_repeats,
    Refers: plan_references,
    Fresh: plan_age,
    Past: plan_past,
    Gaps: plan_gaps,
    DayRows: plan_days,
    Mean: plan_mean,
    Quantile: plan_quantile,
    Distinct: plan_distinct,
    Correlation: plan_correlation,
    Shift: plan_shift,
    Unseen: plan_unseen,
    Vanished: plan_vanished,
    Timely: plan_timely,
}


@dataclass(frozen=True, slots=True)
class _Group:
    """The checks of one table, how each is measured, and which asked a question of its own first."""

    table: Table
    checks: dict[str, Check] = field(default_factory=dict[str, Check])
    plans: dict[str, Plan] = field(default_factory=dict[str, Plan])
    askers: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def changes(self) -> str:
        """Return the question how many rows main does not have as they are."""
        return f"select count(*) as n from {self.table.rows.text} where {self.table.changed}"

    def is_unchanged(self) -> bool:
        """Tell whether the table is what main has: every row as it is, and no other."""
        main, scan = scan_main(self.table), scan_rows(self.table, "all")
        if not self.table.changed or main is None or main.rows != scan.rows:
            return False
        return ask_query(scan, self.changes)().item() == 0

    def plan(self, check: Check) -> None:
        """Plan a check."""
        self.plans[check.name] = _PLANS[type(check.measure)](check.measure, self.table)
        if getattr(check.measure, "rows", "all") == "new" and self.table.changed:
            ask_query(scan_rows(self.table, "all"), self.changes)
            self.askers.setdefault(self.changes, f"{self.table.name}, rows that main does not have as they are")
            scan_main(self.table)
        for scan in self.table.scans.values():
            for question in scan.queries:
                self.askers.setdefault(question, check.name)


def measure_warehouse(
    checks: Sequence[Check],
    warehouse: Warehouse,
    places: Mapping[str, Place],
    *,
    mains: Mapping[str, Place] | None = None,
    subject: str,
    now: int,
    log_digest: str,
    keys: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, Measured]:
    """Measure checks on data where it lies; the evidence is that of `shipway.data.check.measure_tables`.

    Sums of floats come in the order that the warehouse adds them, so their last digits may differ. Examples are the
    first by their key, as a table there has no order.

    Args:
        checks: what to measure.
        warehouse: where the tables lie.
        places: table name to where it lies.
        mains: table name to where its rows are as the main branch holds them, for what is compared with those; None
            where the warehouse holds nothing of it.
        subject: what is measured, as `kind:name@version`.
        now: the run's domain time in microseconds since 1970 UTC.
        log_digest: digest of the data.
        keys: table name to the columns that identify a row, by which new rows are told and examples are named.

    Returns:
        Check name to evidence and examples.

    Raises:
        ShipwayError: SW-403 for what the warehouse cannot compute exactly, naming every such check, or refuses to; and
            for the reasons of `measure_tables`.
    """
    groups = _plan(checks, warehouse, places, mains, now, keys or {})
    measured: dict[str, Measured] = {}
    for group in groups:
        table = group.table
        for scan in table.scans.values():
            for name, question in questions_of(scan).items():
                scan.found[name] = warehouse.ask(question, about=f"table {table.name!r}")
        for name, check in group.checks.items():
            plan, measure = group.plans[name], check.measure
            reading = plan.read()
            examples = None
            if plan.failing and reading.facts.get("count"):
                examples = warehouse.ask(_ask_examples(plan, check, table), about=f"table {table.name!r}")
            which: Rows = getattr(measure, "rows", "all")
            rows, unchanged = scan_rows(table, which).rows, which == "new" and group.is_unchanged()
            evidence = make_evidence(
                check, reading, examples, rows, unchanged=unchanged, subject=subject, log_digest=log_digest
            )
            measured[name] = Measured(evidence, examples)
    return {check.name: measured[check.name] for check in checks}


def write_questions(
    checks: Sequence[Check],
    warehouse: Warehouse,
    places: Mapping[str, Place],
    *,
    mains: Mapping[str, Place] | None = None,
    now: int,
    keys: Mapping[str, Sequence[str]] | None = None,
) -> list[Question]:
    """Return the questions that `measure_warehouse` would ask; only the columns of the tables are looked up.

    Raises:
        ShipwayError: for the reasons of `measure_warehouse` that show before anything is asked.
    """
    questions: list[Question] = []
    for group in _plan(checks, warehouse, places, mains, now, keys or {}):
        name = group.table.name
        for scan in group.table.scans.values():
            for place, sql in questions_of(scan).items():
                what = f"{name}, in one pass" if place == SELECT else group.askers.get(sql, f"{name}, by day")
                questions.append(Question(table=name, what=what, sql=sql))
        for check in group.checks.values():
            plan = group.plans[check.name]
            if plan.failing:
                sql = _ask_examples(plan, check, group.table)
                questions.append(Question(table=name, what=f"{check.name}, failing rows", sql=sql))
    return questions


def _plan(
    checks: Sequence[Check],
    warehouse: Warehouse,
    places: Mapping[str, Place],
    mains: Mapping[str, Place] | None,
    now: int,
    keys: Mapping[str, Sequence[str]],
) -> list[_Group]:
    dialect = dialect_of(warehouse.dialect)
    relations = Relations(warehouse, dialect, places)
    groups: dict[str, _Group] = {}
    refused: list[ShipwayError] = []
    for check in checks:
        measure = check.measure
        if not isinstance(measure, DataMeasure):
            raise ShipwayError("SW-403", f"{check} cannot be measured on tables", "put it into a gate before release")
        if measure.table not in groups:
            main = None if mains is None or measure.table not in mains else mains[measure.table]
            table = _open(relations, measure.table, main, now, keys.get(measure.table, ()), warehouse)
            groups[measure.table] = _Group(table)
        group = groups[measure.table]
        if group.checks.setdefault(check.name, check).measure != measure:
            raise ShipwayError("SW-105", f"two different checks are called {check.name!r}", "keep one of the two")
        if isinstance(measure, Refers):
            group.table.others[measure.other] = relations.find(measure.other)
        try:
            if mains is None and reads_main(measure):
                fact = "it compares with what the main branch holds, and nothing says where that lies"
                raise ShipwayError("SW-403", fact, "say in which schema it lies: --main SCHEMA")
            group.plan(check)
        except ShipwayError as refusal:
            if refusal.code != "SW-403":
                raise
            named = f"{check.name}: {refusal.fact}"
            refused.append(ShipwayError("SW-403", named, refusal.hint))
    if refused:
        count = f"{len(refused)} check{'s are' if len(refused) > 1 else ' is'} not to be had in {dialect.name}"
        raise ShipwayError("SW-403", f"{count}: {'; '.join(each.fact for each in refused)}", refused[0].hint)
    return [*groups.values()]


def _open(
    relations: Relations, name: str, place: Place | None, now: int, key: Sequence[str], warehouse: Warehouse
) -> Table:
    """Return a table with what main has of it, and the rows that main does not have, by its key."""
    rows = relations.find(name)
    main = None if place is None else relations.find_at(name, place)
    new, changed = None, ""
    columns = tuple(column for column in key if column in rows.columns.schema)
    if main is not None and key:
        missing = difference_of(rows.columns, main.columns, main.text, tuple(key))
        new = Relation(f"(select {ROW}.* from {rows.text} where {missing}) as {ROW}", rows.columns)
        # A column that main lacks is one that changed.
        alike = rows.columns.schema.keys() <= main.columns.schema.keys()
        changed = difference_of(rows.columns, main.columns, main.text, tuple(rows.columns.schema)) if alike else ""
    return Table(name, rows, new, main, columns, now, warehouse.columns, changed)


def _ask_examples(plan: Plan, check: Check, table: Table) -> str:
    """Return the question for some of the failing rows: the first by their key, or by what the rule reads."""
    measure: Any = check.measure
    relation = scan_rows(table, measure.rows).relation
    columns, dialect = relation.columns, relation.columns.dialect
    shown = list(dict.fromkeys([*table.key, *plan.shown]))
    if not shown:
        shown = [*columns.schema]
    wanted = [
        f"{columns.plain(name) if isinstance(columns.dtype(name), pl.Unknown) else columns.name(name)} "
        f"as {dialect.write_name(name)}"
        for name in shown
    ]
    order = ", ".join(f"{columns.plain(name)} nulls last" for name in shown)
    return f"select {', '.join(wanted)}\nfrom {relation.text}\nwhere {plan.failing}\norder by {order}\nlimit {EXAMPLES}"

"""What must hold of tables in a warehouse before a frame of them is right: asked there, refused as here.

The questions are those of `shipway.data.known`, that no column is read before it is known, and those of
`shipway.data.stream`, that sums are exact.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import polars as pl

from shipway.core.error import ShipwayError
from shipway.core.feature import ALWAYS, Source, windows_of
from shipway.data.known import (
    EarlyRead,
    keys_of,
    own_columns,
    say_example,
    say_lead,
    spine_keys,
    static_reads,
    stream_columns,
    stream_reads,
)
from shipway.data.plan import Plan, PlannedColumn
from shipway.data.stream import NEVER
from shipway.data.warehouse.feature import instant_in, known_instant
from shipway.data.warehouse.fit import guard_sums
from shipway.data.warehouse.relation import Ask, Guard, Question
from shipway.data.warehouse.scan import Relation
from shipway.data.warehouse.translation import to_sql
from shipway.maths.expression import Aggregate, Column, render

_MOST: Final = 2**63 - 1
_BEGINNING: Final = -(2**63)
_LINE: Final = ",\n  "


def guard_frame(plan: Plan, relations: Callable[[str], Relation]) -> list[Guard]:
    """Return what has to be asked before a frame is built, in the order in which its answers refuse.

    Args:
        plan: which columns over which rows.
        relations: gives the rows of a source by its name.
    """
    guards = [_guard_asked(plan, relations(plan.spine.name))]
    reads: dict[str, list[_Read]] = {}
    for read in _reads(plan, relations):
        reads.setdefault(read.source.name, []).append(read)
    guards += [_guard_reads(found, relations(table)) for table, found in reads.items()]
    guards += _guard_plans(plan, relations)
    if plan.label is not None:
        guards.append(_guard_label(plan, relations(plan.spine.name)))
    return [*guards, *guard_sums(plan, relations)]


@dataclass(frozen=True, slots=True)
class _Read:
    """A column that is read, in SQL: when it is asked for, null where it is not, and when it is known."""

    source: Source
    column: str
    features: tuple[str, ...]
    through: str
    asked: str
    read: str
    known: str

    @property
    def early(self) -> str:
        return f"{self.read} and ({self.known} is null or {self.known} > {self.asked})"


def _guard_asked(plan: Plan, relation: Relation) -> Guard:
    at = instant_in(plan.at, relation.columns)

    def refuse(answer: pl.DataFrame, ask: Ask) -> None:
        del ask
        if count := int(answer.item()):
            raise ShipwayError(
                "SW-302",
                f"{render(plan.at)} is null in {count:,} rows of {plan.spine.name}",
                "every row that is predicted needs an instant at which it is asked",
            )

    sql = f"select count(case when {at} is null then 1 end) as n0\nfrom {relation.text}"
    return Guard(Question(table=plan.spine.name, what="rows that are asked about at no instant", sql=sql), refuse)


def _reads(plan: Plan, relations: Callable[[str], Relation]) -> Iterator[_Read]:
    """Yield every read of a column that is known from some instant on; see `find_early_reads`."""
    spine, columns = plan.spine, relations(plan.spine.name).columns
    at = instant_in(plan.at, columns)

    def read(
        source: Source, column: str, features: tuple[str, ...], through: str, asked: str, when: str
    ) -> Iterator[_Read]:
        instant = source.instant_of(column)
        if instant not in (None, ALWAYS):
            known = to_sql(Column(source.name, str(instant)), relations(source.name).columns)
            yield _Read(source, column, features, through, asked, when, known)

    for column in dict.fromkeys(own_columns(plan.at)):
        yield from read(spine, column, ("the instant of the prediction",), "the row", at, "true")
    for column, features in static_reads(plan).items():
        yield from read(spine, column, features, "the row", at, "true")
    for column, features in spine_keys(plan).items():
        yield from read(spine, column, features, "its key", at, f"{columns.name(column)} is not null")
    for (stream, column), features in stream_reads(plan).items():
        event = plan.events[stream]
        asked = known_instant(event.source, event.known_at, relations)
        yield from read(event.source, column, features, f"event {stream}", asked, f"{asked} is not null")
    if plan.label is not None:
        event, value = plan.events[plan.label.stream], plan.label.value
        asked = known_instant(event.source, event.known_at, relations)
        told = f"{asked} is not null and {to_sql(value, relations(event.source.name).columns)} is not null"
        for column in dict.fromkeys(own_columns(value)):
            yield from read(event.source, column, (f"label {plan.label.name}",), f"event {event.name}", asked, told)


def _guard_reads(reads: list[_Read], relation: Relation) -> Guard:
    """Count the reads of one table that come too early."""
    table = relation.columns.table
    wanted = [
        f"count(case when {read.early} then 1 end) as n{place},\n  count(case when {read.read} then 1 end) as r{place}"
        for place, read in enumerate(reads)
    ]

    def refuse(answer: pl.DataFrame, ask: Ask) -> None:
        counts = answer.row(0, named=True)
        for place, read in enumerate(reads):
            if counts[f"n{place}"]:
                rows = ask(_ask_example(read, relation))
                asked, known = (rows[name].fill_null(NEVER).to_numpy() for name in ("asked_us", "known_us"))
                example = say_example(read.source, read.column, rows, 0, asked, known)
                name = f"{table}.{read.column}"
                n, of = counts[f"n{place}"], counts[f"r{place}"]
                raise EarlyRead(name, read.features, read.through, n, of, example).refusal()

    sql = f"select {_LINE.join(wanted)}\nfrom {relation.text}"
    return Guard(Question(table=table, what=f"{table}, values that are read before they are known", sql=sql), refuse)


def _ask_example(read: _Read, relation: Relation) -> Question:
    """Return the question for the first row by its key that is read too early."""
    columns, dialect = relation.columns, relation.columns.dialect
    names = dict.fromkeys([*read.source.key, read.column])
    wanted = [f"{columns.name(name)} as {dialect.write_name(name)}" for name in names]
    wanted += [f"{read.asked} as asked_us", f"{read.known} as known_us"]
    order = ", ".join(columns.plain(name) for name in read.source.key)
    sql = f"select {', '.join(wanted)}\nfrom {relation.text}\nwhere {read.early}\norder by {order}\nlimit 1"
    return Question(table=columns.table, what=f"{columns.table}, a row that is read too early", sql=sql)


def _guard_plans(plan: Plan, relations: Callable[[str], Relation]) -> list[Guard]:
    """Check windows that look past the prediction: their events must be known early enough for all rows."""
    guards: list[Guard] = []
    for column in plan.columns:
        for entity, node in windows_of(column.expr, column.entity):
            if node.anchor is not None:
                event, keys = plan.events[node.stream], keys_of(entity)
                guards += [
                    _guard_plan(plan, column, (keys, node), name, relations)
                    for name in dict.fromkeys((event.known_at, *keys, *stream_columns(node)))
                ]
    return guards


def _guard_plan(
    plan: Plan,
    column: PlannedColumn,
    window: tuple[tuple[str, ...], Aggregate],
    name: str,
    relations: Callable[[str], Relation],
) -> Guard:
    keys, node = window
    event, spine = plan.events[node.stream], relations(plan.spine.name)
    source, there = event.source, relations(event.source.name)
    planned = known_instant(source, event.known_at, relations)
    known = known_instant(source, source.instant_of(name) or name, relations)
    happens = " and ".join([f"{planned} is not null", *(f"{there.columns.name(key)} is not null" for key in keys)])
    dated = f"{happens} and {known} > {known_instant(source, ALWAYS, relations)}"
    never = f"count(case when {happens} and {known} is null then 1 end) > 0"
    least, most = (there.columns.dialect.cast("int", str(bound)) for bound in (_BEGINNING, _MOST))
    shortest = f"coalesce(min(case when {dated} then {planned} - {known} end), {most})"
    lead = f"select case when {never} then {least} else {shortest} end as lead\nfrom {there.text}"
    assert node.anchor is not None
    anchor = f"{instant_in(node.anchor, spine.columns)} + {node.after_us} - {instant_in(plan.at, spine.columns)}"
    reach = f"select {anchor} as reach\nfrom {spine.text}"
    sql = (
        "select min(l.lead) as lead, max(q.reach) as reach, count(q.reach) as asked, "
        f"count(case when q.reach > l.lead then 1 end) as early\nfrom (\n{reach}\n) as q\ncross join (\n{lead}\n) as l"
    )

    def refuse(answer: pl.DataFrame, ask: Ask) -> None:
        del ask
        found = answer.row(0, named=True)
        if found["early"]:
            example = say_lead(found["reach"], found["lead"])
            through = f"a plan, event {node.stream},"
            read = (f"{source.name}.{name}", (column.name,), through, found["early"], found["asked"], example)
            raise EarlyRead(*read).refusal()

    what = f"{node.stream}, how long before they happen plans are known"
    return Guard(Question(table=source.name, what=what, sql=sql), refuse)


def _guard_label(plan: Plan, relation: Relation) -> Guard:
    """Check that something is left to predict when the rows are asked about."""
    label, columns = plan.label, relation.columns
    assert label is not None
    event = plan.events[label.stream]
    known = columns.dialect.cast("int", str(_BEGINNING))
    if event.known_at != ALWAYS:
        known = to_sql(Column(columns.table, event.known_at), columns)
    told = f"{known} is not null and {to_sql(label.value, columns)} is not null"
    ahead = f"{told} and {known} > {instant_in(plan.at, columns)}"

    def refuse(answer: pl.DataFrame, ask: Ask) -> None:
        del ask
        found = answer.row(0, named=True)
        if found["told"] and not found["ahead"]:
            raise ShipwayError(
                "SW-301",
                f"label {label.name!r} is known through event {event.name} when its row is asked about, "
                f"in all {found['told']:,} rows that have one",
                f"ask earlier than {render(plan.at)}, while there is something to predict",
            )

    counted = f"count(case when {told} then 1 end) as told, count(case when {ahead} then 1 end) as ahead"
    what = f"{columns.table}, labels that are known when their row is asked about"
    return Guard(Question(table=columns.table, what=what, sql=f"select {counted}\nfrom {relation.text}"), refuse)

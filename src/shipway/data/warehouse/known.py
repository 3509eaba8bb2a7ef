"""What must hold of tables in a warehouse before a frame of them is right: asked there, refused as here.

The questions are those of `shipway.data.known`, that no column is read before it is known, and those of
`shipway.data.stream`, that sums are exact.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl

from shipway.core.error import ShipwayError
from shipway.core.feature import ALWAYS, Expr, Source, windows_of
from shipway.core.online import RESOLUTION
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
from shipway.data.stream import FINEST, NEVER
from shipway.data.warehouse.feature import instant_in
from shipway.data.warehouse.relation import Question
from shipway.data.warehouse.scan import Relation
from shipway.data.warehouse.translation import cast_to, kind_in, to_sql
from shipway.maths.expression import Aggregate, Column, Constant, render

Ask = Callable[[Question], pl.DataFrame]

_MOST: Final = 2**63 - 1
_BEGINNING: Final = -(2**63)
_EXACT: Final = 2**53
_LINE: Final = ",\n  "


@dataclass(frozen=True, slots=True)
class Guard:
    """A question whose answer may refuse a frame.

    Attributes:
        question: what is asked.
        refuse: raises for an answer that refuses the frame; it may ask for an example.
    """

    question: Question
    refuse: Callable[[pl.DataFrame, Ask], None]


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
    return [*guards, *_guard_sums(plan, relations)]


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
        asked = _instant(event.source, event.known_at, relations)
        yield from read(event.source, column, features, f"event {stream}", asked, f"{asked} is not null")
    if plan.label is not None:
        event, value = plan.events[plan.label.stream], plan.label.value
        asked = _instant(event.source, event.known_at, relations)
        told = f"{asked} is not null and {to_sql(value, relations(event.source.name).columns)} is not null"
        for column in dict.fromkeys(own_columns(value)):
            yield from read(event.source, column, (f"label {plan.label.name}",), f"event {event.name}", asked, told)


def _instant(source: Source, instant: str, relations: Callable[[str], Relation]) -> str:
    if instant == ALWAYS:
        return relations(source.name).columns.dialect.cast("int", str(_BEGINNING))
    return to_sql(Column(source.name, instant), relations(source.name).columns)


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
    planned = _instant(source, event.known_at, relations)
    known = _instant(source, source.instant_of(name) or name, relations)
    happens = " and ".join([f"{planned} is not null", *(f"{there.columns.name(key)} is not null" for key in keys)])
    dated = f"{happens} and {known} > {_instant(source, ALWAYS, relations)}"
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


def _guard_sums(plan: Plan, relations: Callable[[str], Relation]) -> list[Guard]:
    """Check that what is added up can be added up exactly."""
    summed: dict[str, dict[_Sum, None]] = {}
    for column in plan.columns:
        for entity, node in windows_of(column.expr, column.entity):
            if node.value is not None and node.kind in ("sum", "mean", "share"):
                place = _Sum(node.stream, keys_of(entity), node.where, node.value)
                summed.setdefault(plan.events[node.stream].source.name, {})[place] = None
    return [_guard_table(plan, [*places], relations(table), relations) for table, places in summed.items()]


@dataclass(frozen=True, slots=True)
class _Sum:
    """A value that is added up, over the events of a stream that a condition chooses, for an entity."""

    stream: str
    keys: tuple[str, ...]
    where: Expr | None
    value: Expr


def _guard_table(
    plan: Plan,
    places: list[_Sum],
    relation: Relation,
    relations: Callable[[str], Relation],
) -> Guard:
    columns, dialect = relation.columns, relation.columns.dialect
    wanted: list[str] = []
    for number, place in enumerate(places):
        event, text, kind = plan.events[place.stream], to_sql(place.value, columns), kind_in(place.value, columns)
        there = [f"{_instant(event.source, event.known_at, relations)} is not null"]
        there += [f"not {columns.missing(key)}" for key in place.keys]
        if place.where is not None:
            there.append(to_sql(place.where, columns))
        if kind == "float":
            units = f"{text} / {to_sql(Constant(RESOLUTION), columns)}"
            fits = f"abs({units}) <= {_EXACT}"
            wanted.append(f"max(abs({text})) as g{number}")
            wanted.append(f"count(case when not ({fits}) then 1 end) as u{number}")
            there.append(fits)
            text = dialect.whole.format(f"({units})")
        else:
            text = cast_to("int", text, kind, dialect)
        total = f"sum(case when {' and '.join(there)} then abs({dialect.cast('wide', text)}) end)"
        wanted.append(f"case when {total} > {_MOST} then 1 else 0 end as b{number}")

    def refuse(answer: pl.DataFrame, ask: Ask) -> None:
        del ask
        found = answer.row(0, named=True)
        for number, place in enumerate(places):
            _refuse_sum(place.value, found, number)

    sql = f"select {_LINE.join(wanted)}\nfrom {relation.text}"
    return Guard(Question(table=columns.table, what=f"{columns.table}, whether sums are exact", sql=sql), refuse)


def _refuse_sum(value: Expr, found: dict[str, Any], number: int) -> None:
    greatest = found.get(f"g{number}") or 0.0
    if 0 < greatest < FINEST:
        raise ShipwayError(
            "SW-303",
            f"{render(value)} is at most {greatest:.3g}, and sums are kept to {RESOLUTION:g}",
            f"use a smaller unit, such as ({render(value)}) * 1000000",
        )
    if found.get(f"u{number}"):
        said = f"{np.float64(greatest)} at resolution {RESOLUTION} is not finite or needs more than 2^53 units"
        fact = f"{render(value)} cannot be summed exactly: {said}"
        raise ShipwayError("SW-303", fact, "use numbers of a smaller range")
    if found[f"b{number}"]:
        fact = f"sums of {render(value)}: the absolute values sum to more than int64 holds"
        raise ShipwayError("SW-303", fact, "use smaller numbers")

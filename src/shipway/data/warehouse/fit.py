"""Whether what is added up in a warehouse can be added up exactly: asked there, refused as `build_frame` refuses it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl

from shipway.core.error import ShipwayError
from shipway.core.feature import Expr, windows_of
from shipway.core.online import RESOLUTION, SCALE
from shipway.data.known import keys_of
from shipway.data.plan import Plan
from shipway.data.stream import FINEST
from shipway.data.warehouse.dialect import Dialect
from shipway.data.warehouse.feature import known_instant
from shipway.data.warehouse.relation import Ask, Guard, Question
from shipway.data.warehouse.scan import Relation
from shipway.data.warehouse.translation import Columns, cast_to, kind_in, to_sql, write_constant
from shipway.data.warehouse.wide import power_of_two
from shipway.maths.expression import render
from shipway.maths.wide import MOST_EVENTS

_MOST: Final = 2**63 - 1
_EXACT: Final = 2**53
_HALF: Final = 1 << 32
_LINE: Final = ",\n  "


@dataclass(frozen=True, slots=True)
class _Sum:
    """A value that is added up, over the events of a stream that a condition chooses, for an entity."""

    stream: str
    keys: tuple[str, ...]
    where: Expr | None
    value: Expr


@dataclass(frozen=True, slots=True)
class _Square:
    """A value whose squares are added up, over all rows of a source."""

    value: Expr


@dataclass(frozen=True, slots=True)
class _Fading:
    """A value whose sum fades, over all rows of a source."""

    value: Expr


def guard_sums(plan: Plan, relations: Callable[[str], Relation]) -> list[Guard]:
    """Return what has to be asked before anything is added up.

    Args:
        plan: which columns over which rows.
        relations: gives the rows of a source by its name.
    """
    summed: dict[str, dict[_Sum | _Square | _Fading, None]] = {}
    for column in plan.columns:
        for entity, node in windows_of(column.expr, column.entity):
            if node.value is not None:
                found = summed.setdefault(plan.events[node.stream].source.name, {})
                if node.kind in ("sum", "mean", "share", "variance", "deviation"):
                    found[_Sum(node.stream, keys_of(entity), node.where, node.value)] = None
                if node.kind in ("variance", "deviation"):
                    found[_Square(node.value)] = None
                if node.kind == "decayed":
                    found[_Fading(node.value)] = None
    return [_guard_table(plan, [*sums], relations(table), relations) for table, sums in summed.items() if sums]


def _guard_table(
    plan: Plan, sums: list[_Sum | _Square | _Fading], relation: Relation, relations: Callable[[str], Relation]
) -> Guard:
    """Ask about all sums of one table: the greatest float, how many do not fit, whether the sum is too great."""
    columns = relation.columns
    wanted: list[str] = []
    for number, each in enumerate(sums):
        text, kind = to_sql(each.value, columns), kind_in(each.value, columns)
        fits = ""
        if kind == "float":
            units = f"{text} / {write_constant(RESOLUTION, columns.dialect)}"
            fits = f"abs({units}) <= {_EXACT}"
            wanted.append(f"max(abs({text})) as g{number}")
            wanted.append(f"count(case when not ({fits}) then 1 end) as u{number}")
            text = columns.dialect.whole.format(f"({units})")
        else:
            text = cast_to("int", text, kind, columns.dialect)
        match each:
            case _Sum():
                flag = _ask_sum(plan, each, text, fits, columns, relations)
            case _Square():
                flag = _ask_square(f"case when {fits} then {text} end" if fits else text, columns.dialect)
            case _Fading():
                if not fits:
                    most = int(_EXACT / SCALE)
                    wanted.append(f"count(case when {text} > {most} or {text} < -{most} then 1 end) as u{number}")
                    fits, text = f"{text} between -{most} and {most}", f"{text} * {int(SCALE)}"
                flag = _ask_fading(f"case when {fits} then {text} end", columns.dialect)
        wanted.append(f"{flag} as b{number}")

    def refuse(answer: pl.DataFrame, ask: Ask) -> None:
        del ask
        found = answer.row(0, named=True)
        for number, each in enumerate(sums):
            _refuse(each, found, number)

    sql = f"select {_LINE.join(wanted)}\nfrom {relation.text}"
    return Guard(Question(table=columns.table, what=f"{columns.table}, whether sums are exact", sql=sql), refuse)


def _ask_sum(
    plan: Plan, each: _Sum, text: str, fits: str, columns: Columns, relations: Callable[[str], Relation]
) -> str:
    """Return whether the absolute values of an entity's events could sum to more than 64 bits with a sign."""
    event = plan.events[each.stream]
    there = [f"{known_instant(event.source, event.known_at, relations)} is not null"]
    there += [f"not {columns.missing(key)}" for key in each.keys]
    if each.where is not None:
        there.append(to_sql(each.where, columns))
    if fits:
        there.append(fits)
    total = f"sum(case when {' and '.join(there)} then abs({columns.dialect.cast('wide', text)}) end)"
    return f"case when {total} > {_MOST} then 1 else 0 end"


def _ask_square(number: str, dialect: Dialect) -> str:
    """Return whether the number of values times the sum of their squares needs more bits than there are.

    A value is a 2^32 + b, so that is n (A 2^64 + 2 B 2^32 + C), of which no part leaves 126 bits by itself. What is
    left of the limit once the first two are taken from it has to be more than the third.
    """
    upper, lower = (f"abs({form.format(number, _HALF)})" for form in (dialect.divide, dialect.modulo))
    a, b = (dialect.cast("vast", half) for half in (upper, lower))
    count = f"count({number})"
    most, middle, least = (
        f"{dialect.cast('vast', count)} * coalesce(sum({product}), 0)"
        for product in (f"{a} * {a}", f"{a} * {b}", f"{b} * {b}")
    )
    limit = power_of_two(dialect.vast_bits - 32, dialect)
    left = f"({limit} - {most} * {power_of_two(32, dialect)} - 2 * {middle})"
    return (
        f"case when {count} >= {MOST_EVENTS} or {most} >= {power_of_two(dialect.vast_bits - 64, dialect)} then 1 "
        f"when {left} >= {power_of_two(94, dialect)} then 0 when {left} <= 0 then 1 "
        f"when {left} * {power_of_two(32, dialect)} > {least} then 0 else 1 end"
    )


def _ask_fading(units: str, dialect: Dialect) -> str:
    """Return whether a sum that fades needs more than 62 bits in millionths."""
    total = f"sum(abs({dialect.cast('wide', units)}))"
    return f"case when count(*) >= {MOST_EVENTS} or {total} >= {1 << 61} then 1 else 0 end"


def _refuse(each: _Sum | _Square | _Fading, found: dict[str, Any], number: int) -> None:
    greatest = found.get(f"g{number}") or 0.0
    said = render(each.value)
    if 0 < greatest < FINEST:
        raise ShipwayError(
            "SW-303",
            f"{said} is at most {greatest:.3g}, and sums are kept to {RESOLUTION:g}",
            f"use a smaller unit, such as ({said}) * 1000000",
        )
    if found.get(f"u{number}"):
        if f"g{number}" not in found:
            raise ShipwayError("SW-303", f"{said} needs more than 53 bits in millionths", "use smaller numbers")
        value = f"{np.float64(greatest)} at resolution {RESOLUTION} is not finite or needs more than 2^53 units"
        raise ShipwayError("SW-303", f"{said} cannot be summed exactly: {value}", "use numbers of a smaller range")
    if found[f"b{number}"]:
        match each:
            case _Sum():
                fact = f"sums of {said}: the absolute values sum to more than int64 holds"
                raise ShipwayError("SW-303", fact, "use smaller numbers")
            case _Square():
                fact = f"squares of {said} add up to more than 127 bits"
                raise ShipwayError("SW-303", fact, "use smaller numbers, or a larger unit")
            case _Fading():
                fact = f"{said} adds up to more than 62 bits in millionths"
                raise ShipwayError("SW-303", fact, "use a larger unit")

"""Frames: one row for each row asked about, every feature as it was known at that row's instant.

The work is shared: rows are coded once for each entity, a stream is sorted once for each entity, and all windows over
it are differences of exact running sums.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

import numpy as np
import polars as pl

from shipway.core.error import ShipwayError
from shipway.core.feature import ALWAYS, Event, Label
from shipway.data.aggregate import aggregate, gather_newest
from shipway.data.batch import Parts, read_batches
from shipway.data.column import (
    evaluate_feature,
    evaluate_instant,
    evaluate_row,
    series_of,
    vector_of,
)
from shipway.data.composition import Window, combine, list_turns
from shipway.data.embedding import push_component, take_component
from shipway.data.known import find_early_reads, instants_of
from shipway.data.plan import AT, LABEL, LABEL_KNOWN_AT, Plan, PlannedColumn, require
from shipway.data.stream import NEVER, Ints, Streams
from shipway.maths.expression import Aggregate, Column, Feature, Operation, render
from shipway.maths.vector import Vector

SLICE_ROWS: Final = 1 << 19
"""How many rows of a spine are built at once: enough that sorting the streams again costs little beside them."""


def build_frame(
    plan: Plan,
    tables: Mapping[str, pl.DataFrame],
    *,
    refuse: bool = True,
    report: Callable[[int, int], None] | None = None,
) -> pl.DataFrame:
    """Build a frame as known at each row's instant.

    Args:
        plan: which columns over which rows.
        tables: the sources' rows by name, each row's key unique.
        refuse: whether a read before known-at is refused, and whether a label that was known when its row was asked
            about is left out; only the pricing of a leak lifts it.
        report: called with columns done and columns in all, for progress.

    Returns:
        The spine's key columns, `_at`, the features in the plan's order, and, if the plan has a label, `_label` and
        `_label_known_at`; exactly the rows of the spine in their order. A row that is asked about when its outcome
        is known has no label: there is nothing to predict, and its own outcome is among the past it is asked with.

    Raises:
        ShipwayError: SW-301 for a value read before it is known, or where every label is known already; SW-302 for
            a value that never says when it is known, SW-202 for a column a table lacks, SW-203 for one of the wrong
            type, SW-303 if a sum does not fit.
    """
    return pl.concat(list(build_slices(plan, tables, refuse=refuse, report=report)))


def build_slices(
    plan: Plan,
    tables: Mapping[str, pl.DataFrame],
    *,
    spine: Parts | None = None,
    rows: int | None = None,
    refuse: bool = True,
    whole: bool = True,
    report: Callable[[int, int], None] | None = None,
) -> Iterator[pl.DataFrame]:
    """Build a frame some rows at a time, so that what is held on the way does not grow with the spine.

    All rows are looked at before the first ones are built: what is refused is refused then.

    Args:
        plan: as for `build_frame`.
        tables: as for `build_frame`.
        spine: the rows asked about where they are too many for memory, in place of those in `tables`. If they also are
            events, the columns that they are read by as such are in `tables`.
        rows: how many are built at once.
        refuse: as for `build_frame`.
        whole: whether the tables have all events there are; of a part nobody can tell that values are too small.
        report: as for `build_frame`.

    Yields:
        The frame's rows in their order.

    Raises:
        ShipwayError: as for `build_frame`; what is said of numbers of rows is of the first part that has some where
            the spine is read in parts.
    """
    for event in plan.events.values() if spine is None else plan.streams:
        require(event.source.name, _instant_columns(event), tables)
    asked = tables[plan.spine.name] if spine is None else spine
    # A spine in memory is looked at whole, so that a refusal counts all rows.
    parts = [asked] if isinstance(asked, pl.DataFrame) else read_batches(asked, asked.schema.names(), rows)
    total = _check(plan, tables, parts, refuse=refuse)
    done, all_columns = 0, len(plan.columns) * -(-total // (rows or SLICE_ROWS))

    def count() -> None:
        nonlocal done
        done += 1
        if report is not None:
            report(done, all_columns)

    streams = Streams(plan, tables, whole=whole)
    for part in _cut(asked, rows or SLICE_ROWS):
        at = instants_asked(plan, part)
        streams.ask(part, at)
        built = [part[name] for name in plan.spine.key]
        built += [_instants(plan, part, at), *_build_columns(streams, count)]
        if plan.label is not None:
            built.extend(_label(plan, plan.label, part, at if refuse else None))
        yield pl.DataFrame(built)


def _cut(spine: pl.DataFrame | Parts, rows: int) -> Iterator[pl.DataFrame]:
    if isinstance(spine, Parts):
        yield from read_batches(spine, spine.schema.names(), rows)
    elif spine.height <= rows:
        yield spine
    else:
        yield from spine.iter_slices(rows)


def _check(plan: Plan, tables: Mapping[str, pl.DataFrame], spine: Iterable[pl.DataFrame], *, refuse: bool) -> int:
    """Refuse what cannot be asked, and return how many rows there are."""
    total, told, ahead = 0, 0, 0
    for part in spine:
        at = instants_asked(plan, part)
        total += part.height
        if not refuse:
            continue
        for read in find_early_reads(plan, tables, at, part):
            raise read.refusal()
        if plan.label is not None:
            value, known = _outcome(plan, plan.label, part)
            told += int(np.count_nonzero(value.valid))
            ahead += int(np.count_nonzero(value.valid & (known > at)))
    if plan.label is not None and told and not ahead:
        raise ShipwayError(
            "SW-301",
            f"label {plan.label.name!r} is known through event {plan.label.stream} when its row is asked about, "
            f"in all {told:,} rows that have one",
            f"ask earlier than {render(plan.at)}, while there is something to predict",
        )
    return total


def instants_asked(plan: Plan, spine: pl.DataFrame) -> Ints:
    """Return when each row of the spine is asked about, int64 microseconds since 1970 UTC.

    Raises:
        ShipwayError: SW-203 if that is no instant with a time zone, SW-302 if it is null anywhere.
    """
    asked = evaluate_instant(plan.at, plan.spine.name, {plan.spine.name: spine})
    if not asked.valid.all():
        row = int(np.flatnonzero(~asked.valid)[0])
        raise ShipwayError(
            "SW-302",
            f"{render(plan.at)} is null in {int((~asked.valid).sum()):,} rows of {plan.spine.name}, first in row {row}",
            "every row that is predicted needs an instant at which it is asked",
        )
    return asked.values


def _outcome(plan: Plan, label: Label, rows: pl.DataFrame) -> tuple[Vector, Ints]:
    """Return what came true of some rows, valid where it did, and when that was known."""
    event = plan.events[label.stream]
    known = instants_of(event.source, event.known_at, rows)
    value = evaluate_row(label.value, event.source.name, {event.source.name: rows})
    if value.values.dtype.kind not in "bifO":
        raise ShipwayError(
            "SW-203",
            f"label {label.name!r} is {render(label.value)}, which is no condition, number or text",
            "compare it, such as delay > 15",
        )
    # A frame holds numbers of labels in one type, whatever their columns have.
    values = value.values.astype(np.float64) if value.values.dtype.kind in "if" else value.values
    return Vector(values, value.valid & (known != NEVER)), known


def _label(plan: Plan, label: Label, rows: pl.DataFrame, at: Ints | None) -> list[pl.Series]:
    value, known = _outcome(plan, label, rows)
    told = value.valid if at is None else value.valid & (known > at)
    return [
        series_of(LABEL, Vector(value.values, told)),
        series_of(LABEL_KNOWN_AT, Vector(known, known != NEVER)).cast(pl.Datetime("us", "UTC")),
    ]


def _instants(plan: Plan, spine: pl.DataFrame, at: Ints) -> pl.Series:
    kind = pl.Datetime("us", "UTC")
    if isinstance(plan.at, Column) and spine[plan.at.name].dtype == kind:
        return spine[plan.at.name].alias(AT)  # as it lies
    return pl.Series(AT, at).cast(kind)


def _build_columns(streams: Streams, count: Callable[[], None]) -> list[pl.Series]:
    """Return all features in the plan's order, computed entity by entity, so that no two of them are in memory.

    Features made of those of other views come last, of what the entities' turns have left.
    """
    turns, kept = list_turns(streams.plan.columns), dict[Window, Vector]()
    built: dict[str, pl.Series] = {}
    for done, (entity, turn) in enumerate(turns.items()):
        for column in turn.columns:
            built[column.name] = _column(streams, column).alias(column.name)
            count()
        if entity is not None:
            kept |= {(entity, node): aggregate(streams, node, entity) for node in turn.windows}
            streams.forget(entity, [other for other in list(turns)[done + 1 :] if other is not None])
    for column in streams.plan.columns:
        if column.name not in built:
            values = combine(column, kept, lambda name: vector_of(streams.own(name)), len(streams.at))
            built[column.name] = series_of(column.name, values)
            count()
    return [built[column.name] for column in streams.plan.columns]


def _column(streams: Streams, column: PlannedColumn) -> pl.Series:
    """Return one feature for all rows."""
    expr, entity = push_component(column.expr), column.entity
    if isinstance(expr, Column):
        return streams.own(expr.name)
    if isinstance(expr, Operation):
        part = take_component(expr, streams.own)
        if part is not None:
            return part
    if isinstance(expr, Aggregate) and expr.kind == "last" and entity is not None:
        return gather_newest(streams, expr, entity)

    def leaf(node: Column | Aggregate | Feature) -> Vector:
        if isinstance(node, Column):
            return vector_of(streams.own(node.name))
        if entity is None or isinstance(node, Feature):
            raise ShipwayError("SW-106", f"{render(node)} needs an entity", "move it to a view of an entity")
        return aggregate(streams, node, entity)

    return series_of(column.name, evaluate_feature(column.name, expr, leaf, len(streams.at)))


def _instant_columns(event: Event) -> tuple[str, ...]:
    return () if event.known_at == ALWAYS else (event.known_at,)

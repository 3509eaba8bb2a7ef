"""The refusal at the heart of shipway: no feature may read a value before it is known.

Known-at is declared by the sources, so the check needs no trust in the features. It is made on the rows themselves: a
column read by the row asked about, also to say when it is asked, must be known at the row's instant; and a column read
through a stream, also by the label, must be known when the stream says the event is.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shipway.core.error import ShipwayError
from shipway.core.feature import ALWAYS, Entity, Event, Expr, Source, definition_of, entities_of, windows_of
from shipway.data.column import evaluate_instant, evaluate_row, instant_hint
from shipway.data.plan import Plan, PlannedColumn, require
from shipway.kit.duration import format_duration
from shipway.maths.expression import Aggregate, Column, Feature, Operation, walk

Instants = NDArray[np.int64]
_NEVER = np.iinfo(np.int64).max
_BEGINNING = np.iinfo(np.int64).min


@dataclass(frozen=True, slots=True)
class EarlyRead:
    """One column that features read before it is known.

    Attributes:
        column: the column, as `table.column`.
        features: names of the frame's columns that read it, or what else does.
        through: how it is read: the stream or the row.
        rows: how many rows are read too early.
        of: how many rows are read in all.
        example: one of them, in words.
    """

    column: str
    features: tuple[str, ...]
    through: str
    rows: int
    of: int
    example: str

    def refusal(self) -> ShipwayError:
        """Return the error that names the column, the rows and the example."""
        names = ", ".join(self.features[:3]) + (f" and {len(self.features) - 3} more" if len(self.features) > 3 else "")
        verb = "reads" if len(self.features) == 1 else "read"
        return ShipwayError(
            "SW-301",
            f"{names} {verb} {self.column} through {self.through} before it is known, "
            f"in {self.rows:,} of {self.of:,} rows; {self.example}",
            "read it through the event at which it becomes known, or, if it is known earlier, declare that in known_at",
        )


def find_early_reads(
    plan: Plan, tables: Mapping[str, pl.DataFrame], at: Instants, rows: pl.DataFrame | None = None
) -> list[EarlyRead]:
    """Compare every read of a plan with the instants its sources declare.

    Args:
        plan: what is read.
        tables: the sources' rows by name.
        at: when each row of the spine is asked about, shape (rows of the spine,).
        rows: the spine's rows where they are others than those in `tables`.

    Returns:
        Every column read too early, static reads first; empty if nothing is.

    Raises:
        ShipwayError: SW-302 for a column that is read and has no known-at, SW-202 for one its table lacks, SW-203 for
            an instant that is none.
    """
    found: list[EarlyRead | None] = []
    spine = plan.spine
    static, keys = static_reads(plan), spine_keys(plan)
    asked_of = {spine.name: tables[spine.name] if rows is None else rows}
    frame = require(spine.name, [*static, *keys], asked_of)
    memo: dict[str, tuple[Instants, NDArray[np.bool_]]] = {}
    for column in dict.fromkeys(own_columns(plan.at)):
        asks = ("the instant of the prediction",)
        found.append(_early(spine, column, asks, "the row", frame, at, memo, null_is_value=True))
    for column, features in static.items():
        found.append(_early(spine, column, features, "the row", frame, at, memo, null_is_value=True))
    for column, features in keys.items():
        found.append(_early(spine, column, features, "its key", frame, at, memo, null_is_value=False))
    for (stream, column), features in stream_reads(plan).items():
        event = plan.events[stream]
        events = require(event.source.name, [column], tables)
        if event.source.instant_of(column) == event.known_at:
            continue  # the event and the value are known at one instant
        asked = instants_of(event.source, event.known_at, events)
        found.append(_early(event.source, column, features, f"event {stream}", events, asked, {}, null_is_value=True))
    found.extend(_label_reads(plan, asked_of))
    found.extend(_ahead(plan, column, tables, asked_of, at) for column in plan.columns)
    return [read for read in found if read is not None]


def instants_of(source: Source, instant: str, rows: pl.DataFrame) -> Instants:
    """Return an instant column as int64 microseconds, the greatest int64 where it is null (never).

    Raises:
        ShipwayError: SW-202 if the table lacks the column, SW-203 if it is no instant.
    """
    if instant == ALWAYS:
        return np.full(rows.height, _BEGINNING, dtype=np.int64)
    series = require(source.name, (instant,), {source.name: rows})[instant]
    if not isinstance(series.dtype, pl.Datetime) or series.dtype.time_zone is None:
        raise ShipwayError(
            "SW-203",
            f"{source.name}.{instant} is {series.dtype}, and what says when a value is known must be an instant",
            instant_hint(series.dtype),
        )
    if series.dtype.time_unit != "us":
        series = series.dt.cast_time_unit("us")
    whole = series.cast(pl.Int64)
    return (whole.fill_null(_NEVER) if whole.null_count() else whole).to_numpy()


def _early(
    source: Source,
    column: str,
    features: tuple[str, ...],
    through: str,
    rows: pl.DataFrame,
    asked: Instants,
    memo: dict[str, tuple[Instants, NDArray[np.bool_]]],
    *,
    null_is_value: bool,
) -> EarlyRead | None:
    """Compare when a column is known with when it is read, row by row; `never` in `asked` is a row that is not read.

    What one instant of a source comes to is in the memo, for reads at the same instants.
    """
    instant = source.instant_of(column)
    if instant is None:
        raise ShipwayError(
            "SW-302",
            f"{source.name}.{column} is read by {features[0]} and nothing says when it is known",
            f"add it to known_at of source {source.name}",
        )
    if instant == ALWAYS:
        return None
    if instant not in memo:
        known = instants_of(source, instant, rows)
        memo[instant] = (known, known > asked)
    known, late = memo[instant]
    if not late.any():
        return None
    read = asked != _NEVER
    if not null_is_value:
        read &= rows[column].is_not_null().to_numpy()
    early = read & late
    count = int(np.count_nonzero(early))
    if count == 0:
        return None
    example = say_example(source, column, rows, int(np.flatnonzero(early)[0]), asked, known)
    return EarlyRead(f"{source.name}.{column}", features, through, count, int(np.count_nonzero(read)), example)


def say_example(source: Source, column: str, rows: pl.DataFrame, row: int, asked: Instants, known: Instants) -> str:
    """Return one row that is read too early in words."""
    key = ", ".join(f"{name} {rows[name][row]}" for name in source.key)
    when = "never" if known[row] == _NEVER else f"at {_say(known[row])}"
    return f"e.g. {key}: {column} = {rows[column][row]!r} is read as of {_say(asked[row])} and known {when}"


def _say(instant: np.int64) -> str:
    if instant == _BEGINNING:
        return "the beginning"
    return str(np.datetime64(int(instant), "us").astype("datetime64[m]")).replace("T", " ") + " UTC"


def _collect(pairs: list[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    collected: dict[str, dict[str, None]] = {}
    for key, feature in pairs:
        collected.setdefault(key, {})[feature] = None
    return {key: tuple(features) for key, features in collected.items()}


def own_columns(expr: Expr) -> list[str]:
    """Return the columns an expression reads from the row itself: everything outside windows, and their anchors."""
    if isinstance(expr, Column):
        return [expr.name]
    if isinstance(expr, Operation):
        return [name for arg in expr.args for name in own_columns(arg)]
    if isinstance(expr, Aggregate) and expr.anchor is not None:
        return own_columns(expr.anchor)
    if isinstance(expr, Feature):
        return own_columns(definition_of(expr))
    return []


def static_reads(plan: Plan) -> dict[str, tuple[str, ...]]:
    """Return what is read of the row asked about itself: column to the features that read it."""
    return _collect([(name, column.name) for column in plan.columns for name in own_columns(column.expr)])


def spine_keys(plan: Plan) -> dict[str, tuple[str, ...]]:
    """Return what is read of the row asked about to tell its entities: column to the features that need it."""
    pairs = [(key, c.name) for c in plan.columns for entity in entities_of(c.expr, c.entity) for key in entity.keys]
    return _collect(pairs)


def stream_reads(plan: Plan) -> dict[tuple[str, str], tuple[str, ...]]:
    """Return what is read through each stream: values, entity keys, and the stream's own instant."""
    collected: dict[tuple[str, str], dict[str, None]] = {}
    for column in plan.columns:
        for entity, node in windows_of(column.expr, column.entity):
            read = stream_columns(node)
            event = plan.events[node.stream]
            if node.kind != "around" and event.known_at != ALWAYS:
                read.append(event.known_at)
            for name in (*read, *keys_of(entity)):
                collected.setdefault((node.stream, name), {})[column.name] = None
    return {key: tuple(features) for key, features in collected.items()}


def keys_of(entity: Entity | None) -> tuple[str, ...]:
    """Return the columns that tell an entity; none for the row itself."""
    return () if entity is None else entity.keys


def stream_columns(node: Aggregate) -> list[str]:
    """Return the columns of a stream that a window over it reads, in its value and in its condition."""
    exprs = [expr for expr in (node.value, node.where) if expr is not None]
    return [column.name for expr in exprs for column in walk(expr) if isinstance(column, Column)]


def _label_reads(plan: Plan, tables: Mapping[str, pl.DataFrame]) -> list[EarlyRead | None]:
    """Check that a label is known when its stream says so; a row whose label is null teaches nothing."""
    if plan.label is None:
        return []
    event, value = plan.events[plan.label.stream], plan.label.value
    rows = tables[event.source.name]
    told = evaluate_row(value, event.source.name, tables).valid
    asked = np.where(told, instants_of(event.source, event.known_at, rows), _NEVER)
    names, through = (f"label {plan.label.name}",), f"event {event.name}"
    memo: dict[str, tuple[Instants, NDArray[np.bool_]]] = {}
    return [
        _early(event.source, column, names, through, rows, asked, memo, null_is_value=True)
        for column in dict.fromkeys(own_columns(value))
    ]


def _ahead(
    plan: Plan,
    column: PlannedColumn,
    tables: Mapping[str, pl.DataFrame],
    asked: Mapping[str, pl.DataFrame],
    at: Instants,
) -> EarlyRead | None:
    """Check windows that look past the prediction time: all planned events must be known early enough for all rows.

    An event is known once its instant, its entity and what its condition reads are, for without any of them nobody
    could say where it counts.
    """
    for entity, node in windows_of(column.expr, column.entity):
        if node.anchor is None:
            continue
        event, keys = plan.events[node.stream], keys_of(entity)
        anchor = evaluate_instant(node.anchor, plan.spine.name, asked)
        reach = (anchor.values + node.after_us - at)[anchor.valid]
        for name in (event.known_at, *keys, *stream_columns(node)):
            lead = _shortest_lead(event, name, keys, tables)
            count = int(np.count_nonzero(reach > lead))
            if count:
                through, example = f"a plan, event {node.stream},", say_lead(int(reach.max()), lead)
                return EarlyRead(f"{event.source.name}.{name}", (column.name,), through, count, len(reach), example)
    return None


def _shortest_lead(event: Event, column: str, keys: tuple[str, ...], tables: Mapping[str, pl.DataFrame]) -> int:
    """Return the shortest time, in microseconds, between an event's instant and when one of its columns was known.

    The greatest int64 where all were known beforehand, the least where one never says when it is known.
    """
    source = event.source
    rows = require(source.name, keys, tables)
    planned = instants_of(source, event.known_at, rows)
    known = instants_of(source, source.instant_of(column) or column, rows)
    happens = planned != _NEVER
    for key in keys:
        happens &= rows[key].is_not_null().to_numpy()
    if np.any(happens & (known == _NEVER)):
        return _BEGINNING
    dated = happens & (known != _BEGINNING)
    return int((planned[dated] - known[dated]).min(initial=_NEVER))


def say_lead(reach: int, lead: int) -> str:
    """Return how far a window reaches ahead, and how long before they happen its events are known, in words."""
    said = f"the window reaches {format_duration(reach)} past the prediction, and"
    if lead == _BEGINNING:
        return f"{said} some events never say when they are known"
    if lead < 0:
        return f"{said} some events are known only {format_duration(-lead)} after they happen"
    return f"{said} events are known only {format_duration(lead)} ahead"

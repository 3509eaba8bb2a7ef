"""Frames that are more than memory holds: how many rows are built at once, and how they become one file.

The spine is read, and the frame written, some rows at a time. What is read through streams is in memory as a whole, in
the columns that are read.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import polars as pl
from polars.io.plugins import register_io_source

from shipway.core.error import ShipwayError
from shipway.core.feature import ALWAYS, Source
from shipway.data.composition import list_turns
from shipway.data.known import own_columns, spine_keys, static_reads, stream_reads
from shipway.data.plan import Plan

BESIDE_BYTES: Final = 256 * 10**6
"""What a process takes beside what is counted here: libraries, and the pages of the file that is written."""

LEAST_ROWS: Final = 1 << 14
"""Fewer rows are never built at once, for sorting the streams would cost more than all else."""

STREAM_FACTOR: Final = 3
"""A stream's columns, and what they are sorted and joined by."""

VALUE_BYTES: Final = 48
"""A value of a slice: read or built, copied once, and on its way to the file."""


def spine_columns(plan: Plan) -> tuple[str, ...]:
    """Return the columns of the spine that a frame is built from."""
    read = [*plan.spine.key, *own_columns(plan.at), *static_reads(plan), *spine_keys(plan)]
    if plan.label is not None:
        read += [*own_columns(plan.label.value), plan.events[plan.label.stream].known_at]
    return _dated(plan.spine, read)


def stream_columns(plan: Plan) -> dict[str, tuple[str, ...]]:
    """Return the columns of each table that a frame reads through streams, by the table's name."""
    read = {event.source.name: [*event.source.key] for event in plan.streams}
    for event in plan.streams:
        read[event.source.name].append(event.known_at)
    for stream, column in stream_reads(plan):
        read[plan.events[stream].source.name].append(column)
    return {event.source.name: _dated(event.source, read[event.source.name]) for event in plan.streams}


def table_columns(plan: Plan) -> dict[str, tuple[str, ...]]:
    """Return the columns of each table that a frame is built from, by the table's name."""
    found = dict.fromkeys(plan.tables, ()) | stream_columns(plan)
    return found | {plan.spine.name: tuple(dict.fromkeys((*spine_columns(plan), *found[plan.spine.name])))}


def size_slices(plan: Plan, streams: Mapping[str, pl.DataFrame], memory_bytes: int) -> int:
    """Return how many rows are built at once so that a process stays below an amount of memory.

    It stays below that and `BESIDE_BYTES` together, if what is read through streams leaves room for `LEAST_ROWS` rows.

    Args:
        plan: the frame.
        streams: the tables read through streams.
        memory_bytes: the amount.
    """
    held = STREAM_FACTOR * sum(rows.estimated_size() for rows in streams.values())
    kept = sum(len(turn.windows) for turn in list_turns(plan.columns).values())
    row = VALUE_BYTES * (len(spine_columns(plan)) + len(plan.columns) + kept + len(plan.spine.key) + 3)
    return max(LEAST_ROWS, int(memory_bytes - held) // row)


def write_slices(slices: Iterator[pl.DataFrame], path: Path, **how: Any) -> None:
    """Write slices to one Parquet file, the same bytes as if they had been one frame.

    Args:
        slices: at least one.
        path: the file.
        **how: as for `polars.DataFrame.write_parquet`.

    Raises:
        ShipwayError: what building a slice refuses.
    """
    first = next(slices)
    refused: list[ShipwayError] = []

    def read(*_: object) -> Iterator[pl.DataFrame]:
        yield first
        try:
            yield from slices
        except ShipwayError as error:
            refused.append(error)  # Polars would wrap it
            raise

    try:
        register_io_source(read, schema=first.schema).sink_parquet(path, maintain_order=True, **how)
    except pl.exceptions.PolarsError:
        if refused:
            raise refused[0] from None
        raise


def _dated(source: Source, columns: list[str]) -> tuple[str, ...]:
    """Return columns of a source with the instants from which they are known."""
    instants = [source.instant_of(column) or ALWAYS for column in columns]
    return tuple(dict.fromkeys(name for name in (*columns, *instants) if name != ALWAYS))

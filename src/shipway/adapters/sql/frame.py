"""Arrow batches of a database as frames of bounded size."""

from collections.abc import Iterator
from importlib import import_module
from typing import Any, Final, cast

import polars as pl

from shipway.core.error import ShipwayError

BATCH_ROWS: Final = 1 << 17
"""How many rows are put together where a database hands over fewer at a time."""

_UUID: Final = (8, 4, 4, 4, 12)


def make_frames(reader: Any, where: str) -> Iterator[pl.DataFrame]:
    """Yield Arrow batches as frames, small ones put together; at least one, so that the columns are known.

    Args:
        reader: a pyarrow.RecordBatchReader.
        where: what a refusal calls the input.

    Raises:
        ShipwayError: SW-203 for a column of a type that no frame holds.
    """
    held: list[pl.DataFrame] = []
    rows, empty = 0, True
    for batch in reader:
        held.append(make_frame(batch, where))
        rows += held[-1].height
        if rows >= BATCH_ROWS:
            yield pl.concat(held)
            held, rows = [], 0
            empty = False
    if not held and empty:
        held = [make_frame(_empty(reader.schema), where)]
    if held:
        yield pl.concat(held)


def make_frame(batch: Any, where: str) -> pl.DataFrame:
    """Return one Arrow batch as a frame with instants in UTC, and decimals, JSON and UUIDs as what they are."""
    columns: list[pl.Series] = []
    for number, field in enumerate(batch.schema):
        columns.append(_make_column(field, batch.column(number), where))
    return pl.DataFrame(columns)


def _make_column(field: Any, values: Any, where: str) -> pl.Series:
    metadata = cast("dict[bytes, bytes]", field.metadata or {})
    kind = metadata.get(b"POSTGRESQL:type", str(field.type).encode()).decode()
    if kind in ("interval", "money") or "interval" in str(field.type):
        raise _cannot_hold(field.name, kind, where)
    if hasattr(values, "storage"):
        values = values.storage
    column = pl.Series(field.name, values)
    if kind == "uuid":
        return _write_uuid(column)
    if kind == "numeric":
        return _read_numeric(column, int(metadata.get(b"POSTGRESQL:typmod", b"-1")), where)
    if isinstance(column.dtype, pl.Datetime) and column.dtype.time_zone not in (None, "UTC"):
        return column.dt.convert_time_zone("UTC")
    if column.dtype == pl.Binary and "opaque" in str(field.type):
        raise _cannot_hold(field.name, kind, where)
    return column


def _empty(schema: Any) -> Any:
    pa: Any = import_module("pyarrow")
    arrays: list[Any] = [pa.array([], field.type) for field in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _write_uuid(column: pl.Series) -> pl.Series:
    digits = pl.col(column.name).bin.encode("hex")
    starts = [sum(_UUID[:place]) for place in range(len(_UUID))]
    parts = [digits.str.slice(start, size) for start, size in zip(starts, _UUID, strict=True)]
    return column.to_frame().select(pl.concat_str(parts, separator="-").alias(column.name)).to_series()


def _read_numeric(column: pl.Series, modifier: int, where: str) -> pl.Series:
    """Return numbers of PostgreSQL that are declared with a precision as decimals; others stay text, which loses none.

    The modifier holds precision and scale as the documented catalog column `atttypmod` does.
    """
    if modifier < 0:
        return column
    precision, scale = (modifier - 4) >> 16 & 0xFFFF, (modifier - 4) & 0x7FF
    if precision > 38 or scale > precision:
        return column
    found = column.cast(pl.Decimal(precision, scale), strict=False)
    if found.null_count() > column.null_count():
        raise _cannot_hold(column.name, "numeric with a value that is no number", where)
    return found


def _cannot_hold(name: str, kind: str, where: str) -> ShipwayError:
    return ShipwayError(
        "SW-203",
        f"column {name!r} of {where} is {kind}, which no frame holds",
        f"read it by a query that casts it, such as select cast({name} as text) as {name}",
    )

"""Files written anew for publication where the stored one cannot be read as it is: its rows, with Iceberg's types."""

import io
from collections.abc import Sequence
from typing import Any, Final

import polars as pl
import pyarrow
from pyarrow import parquet
from pyiceberg.io import pyarrow as translation
from pyiceberg.schema import Schema
from pyiceberg.types import NestedField

from shipway.core.error import ShipwayError

_GROUP_ROWS: Final = 1 << 17
# Neither has types.
_ARROW: Final[Any] = pyarrow
_PARQUET: Final[Any] = parquet
_TRANSLATION: Final[Any] = translation


def rewrite(data: bytes, columns: Sequence[tuple[str, NestedField]], *, table: str) -> tuple[bytes, Any]:
    """Write a stored file anew.

    Args:
        data: the stored file.
        columns: the columns that the new one has, by the names they have in the stored one.
        table: the table, for the message.

    Returns:
        The new file, and its footer.

    Raises:
        ShipwayError: SW-212 for a value that the column's Iceberg type does not keep.
    """
    frame = pl.read_parquet(data, columns=[name for name, _ in columns])
    arrays: list[Any] = []
    target: Any = _TRANSLATION.schema_to_pyarrow(Schema(*[column for _, column in columns]))
    for place, (name, column) in enumerate(columns):
        try:
            arrays.append(_cast(frame[name], target.field(place).type))
        except (ValueError, NotImplementedError, pl.exceptions.PolarsError) as fault:
            kept = f"{frame[name].dtype} as {column.field_type} ({_line(fault)})"
            fact = f"column {column.name!r} of table {table!r} has a value that Iceberg does not keep: {kept}"
            hint = "round or cast the column to a type that Iceberg has, such as microseconds or Int64"
            raise ShipwayError("SW-212", fact, hint) from fault
    sink = io.BytesIO()
    written: Any = _ARROW.Table.from_arrays(arrays, schema=target)
    _PARQUET.write_table(written, sink, compression="zstd", row_group_size=_GROUP_ROWS)
    data = sink.getvalue()
    return data, _PARQUET.read_metadata(io.BytesIO(data))


def _cast(series: pl.Series, kind: Any) -> Any:
    if isinstance(series.dtype, pl.Int128 | pl.UInt128):
        # Arrow has no word for such integers; as decimals they have 38 digits.
        series = series.cast(pl.Decimal(38, 0))
    elif isinstance(series.dtype, pl.Categorical | pl.Enum):
        series = series.cast(pl.String)
    untyped: Any = series
    array = untyped.to_arrow()
    if isinstance(series.dtype, pl.Duration):
        # Arrow casts a duration to its number of units and to nothing else.
        array = array.cast(_ARROW.int64())
    return array.cast(kind, safe=True)


def _line(fault: Exception) -> str:
    return str(fault).partition("\n")[0]

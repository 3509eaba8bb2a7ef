"""Ties: what orders the rows of one instant, as values that can be kept beside a row.

Frames order them by rank among all rows. Whoever takes rows one after the other does not know those ranks, so here the
key itself is written such that it sorts as the ranks do.
"""

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shipway.core.error import ShipwayError
from shipway.data.column import vector_of
from shipway.maths.fixed import rank_floats


def read_ties(rows: pl.DataFrame, key: tuple[str, ...]) -> NDArray[Any]:
    """Return for each row what its key is as a tie: a number or text, a list where the key has several columns.

    Raises:
        ShipwayError: SW-203 for a key that is null in some row.
    """
    columns = [_sortable(rows[name]) for name in key]
    if len(columns) == 1:
        return columns[0]
    ties = np.empty(rows.height, dtype=np.object_)
    ties[:] = list(map(list, zip(*(column.tolist() for column in columns), strict=True)))
    return ties


def _sortable(column: pl.Series) -> NDArray[Any]:
    if column.null_count():
        raise ShipwayError(
            "SW-203",
            f"key column {column.name!r} is null in {column.null_count():,} rows",
            "drop them in the source's function, or choose a key that every row has",
        )
    if isinstance(column.dtype, pl.Enum):
        return column.to_physical().to_numpy()  # in the order of its categories
    if column.dtype.is_decimal():
        return column.to_physical().cast(pl.Int64).to_numpy()  # as a float, two keys could be one
    values = vector_of(column).values
    return rank_floats(values) if values.dtype.kind == "f" else values

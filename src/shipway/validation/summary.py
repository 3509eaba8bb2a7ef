"""Raw rows to sufficient statistics: one row per unit in, one summary per variant and day out.

Rows are read in batches, so memory is bounded by a batch whatever the table holds. Summaries of different batches,
files or days are merged where their keys are the same (`shipway.maths.summary`): what was summarised once is not read
again.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shipway.core.error import ShipwayError
from shipway.maths.code import compact
from shipway.maths.summary import Summary, merge, summarise_columns

Key = tuple[Any, ...]

BATCH_ROWS: Final = 1 << 19

_MOST_GROUPS: Final = 1 << 10
"""Keys that may be thought of, beyond which those that occur are counted first."""

_LEAST_ROWS: Final = 1 << 14
"""Rows of a chunk on average, below which chunks are joined."""

_HEAD: Final = 1 << 12
"""Rows in which most keys are met already."""


def read_batches(path: Path, columns: Sequence[str], rows: int = BATCH_ROWS) -> Iterator[pl.DataFrame]:
    """Yield the columns of a parquet file in batches.

    Args:
        path: the file.
        columns: the columns to read; others are not decoded.
        rows: at most how many rows a batch has.
    """
    whole = pl.scan_parquet(path).select(columns)
    total = int(whole.select(pl.len()).collect().item())
    for start in range(0, total, rows):
        yield whole.slice(start, rows).collect()


def summarise_units(batches: Iterable[pl.DataFrame], columns: Sequence[str], by: Sequence[str]) -> dict[Key, Summary]:
    """Summarise columns of units for every key that occurs.

    Args:
        batches: frames with one row per unit; a unit is in one row of one frame.
        columns: the k columns to summarise, numbers or booleans without nulls, in the order of the summaries.
        by: what makes the key, such as variant and day.

    Returns:
        Key to summary, in the order of the keys' first rows.

    Raises:
        ShipwayError: SW-202 if a column is missing, SW-203 if one to be summarised holds neither numbers nor booleans,
            SW-403 if a value is null or not finite.
    """
    parts: dict[Key, list[Summary]] = {}
    for batch in batches:
        for piece in _cut(batch):
            for key, summary in _summarise_batch(piece, columns, by).items():
                parts.setdefault(key, []).append(summary)
    return {key: merge(summaries) for key, summaries in parts.items()}


def merge_over(summaries: Mapping[Key, Summary], place: int = 0) -> dict[Any, Summary]:
    """Merge summaries whose keys have the same part at a place, such as the variant, over all that differs beside it.

    Args:
        summaries: key to summary, the keys sharing no unit.
        place: where the part stands in the keys.
    """
    parts: dict[Any, list[Summary]] = {}
    for key, summary in summaries.items():
        parts.setdefault(key[place], []).append(summary)
    return {part: merge(held) for part, held in parts.items()}


def _cut(batch: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Yield a batch in pieces, which end where its chunks do, so that no value is copied to be read."""
    lengths = batch.to_series(0).chunk_lengths() if batch.width else []
    if len(lengths) * _LEAST_ROWS > batch.height:
        lengths = [batch.height]
    start = 0
    for length in lengths:
        yield from batch.slice(start, length).iter_slices(BATCH_ROWS)
        start += length


def _summarise_batch(batch: pl.DataFrame, columns: Sequence[str], by: Sequence[str]) -> dict[Key, Summary]:
    values = [_numbers(batch, name) for name in columns]
    if not batch.height:
        return {}
    codes, groups = _codes(batch, by)
    try:
        summaries = summarise_columns(values, codes, groups)
    except ValueError:
        bad = next(name for name, column in zip(columns, values, strict=True) if not np.isfinite(column).all())
        raise ShipwayError(
            "SW-403", f"column {bad!r} holds values that are not finite", "leave such units out, or give them a value"
        ) from None
    first = _find_first(codes, groups)
    occurring = [group for group in np.argsort(first).tolist() if first[group] >= 0]
    keys = zip(*(_column(batch, name)[first[occurring]].to_list() for name in by), strict=True)
    return {key: summaries[group] for key, group in zip(keys, occurring, strict=True)}


def _find_first(codes: NDArray[np.integer[Any]], groups: int) -> NDArray[np.int64]:
    """Return the first row of each group, int64[groups]; -1 where it has none."""
    first = np.full(groups, -1, np.int64)
    # Written from the last row to the first, what remains is the first row of each key; most stand near the begin.
    for rows in (codes[:_HEAD], codes):
        first[rows[::-1]] = np.arange(rows.size - 1, -1, -1)
        if (first >= 0).all():
            break
    return first


def _numbers(batch: pl.DataFrame, name: str) -> NDArray[np.float64]:
    """Return a column as float64[n], without a copy if that is what it is."""
    column = _column(batch, name)
    if not (column.dtype.is_numeric() or column.dtype == pl.Boolean):
        raise ShipwayError("SW-203", f"column {name!r} holds {column.dtype}, not numbers", "summarise numbers only")
    if column.null_count():
        raise ShipwayError(
            "SW-403",
            f"column {name!r} is null for {column.null_count()} units",
            "fill it with what a unit without a value is worth, such as 0 for spend, or leave those units out",
        )
    return column.cast(pl.Float64).rechunk().to_numpy()


def _codes(batch: pl.DataFrame, by: Sequence[str]) -> tuple[NDArray[np.integer[Any]], int]:
    """Return integer[n], a number for each combination of the key's columns, and one more than the greatest."""
    codes, groups = np.zeros(batch.height, np.uint8), 1
    for name in by:
        places, levels = _places(_column(batch, name))
        if levels == 1:
            continue
        if groups == 1:
            codes, groups = places, levels
        elif groups * levels <= _MOST_GROUPS:
            codes, groups = codes.astype(np.int32, copy=False) * levels + places, groups * levels
        else:
            among, codes = compact(codes.astype(np.int64) * levels + places)
            groups = among.size
    return codes, groups


def _places(column: pl.Series) -> tuple[NDArray[np.integer[Any]], int]:
    """Return integer[n], the place of each value among those of its column, and how many places there are."""
    if column.null_count():
        raise ShipwayError("SW-403", f"column {column.name!r} is null for some units", "every unit needs a whole key")
    if not (column.dtype.is_integer() or column.dtype.is_temporal() or column.dtype == pl.Boolean):
        column = column.cast(pl.String).cast(pl.Categorical)
    whole = column if column.dtype == pl.Int64 else column.to_physical().cast(pl.Int64)
    numbers = whole.rechunk().to_numpy()
    least, most = int(numbers.min()), int(numbers.max())
    if most - least < _MOST_GROUPS:
        near = numbers if least == 0 else numbers - least
        return near.astype(np.uint8 if most - least < 1 << 8 else np.int32), most - least + 1
    levels, places = compact(numbers - least)
    return places, levels.size


def _column(batch: pl.DataFrame, name: str) -> pl.Series:
    if name not in batch.columns:
        raise ShipwayError("SW-202", f"there is no column {name!r}", f"the columns are {', '.join(batch.columns)}")
    return batch[name]

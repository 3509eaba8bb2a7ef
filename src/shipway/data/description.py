"""Describing the columns of a frame in one pass: each is read once, and a few at a time are in memory."""

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shipway.core.statistic import BARS, LEVELS, ColumnStatistic

BATCH: Final = 16
"""Columns that are in memory at once."""
_COMMON: Final = 8


def describe_columns(
    frame: pl.LazyFrame, columns: Sequence[str], *, embeddings: Mapping[str, Sequence[str]] | None = None
) -> list[ColumnStatistic]:
    """Describe columns, each read once.

    Sums are made in the order of the rows by one thread, so that equal frames have equal statistics to the bit.

    Args:
        frame: the rows.
        columns: numbers, texts and conditions, in the order wanted; of an embedding its Euclidean length is described.
        embeddings: name of an embedding to the columns that its components are in; of these only their length is.
    """
    wholes = embeddings or {}
    within = {part for parts in wholes.values() for part in parts}
    columns = [column for column in columns if column not in within]
    norms = {name: _norm([pl.col(part) for part in parts]).alias(name) for name, parts in wholes.items()}
    found: list[ColumnStatistic] = []
    for place in range(0, len(columns), BATCH):
        batch = frame.select(columns[place : place + BATCH]).collect()
        found += [_describe(series) for series in batch]
    for norm in norms.values():
        found += [_describe(series) for series in frame.select(norm).collect()]
    return found


def _norm(components: Sequence[pl.Expr]) -> pl.Expr:
    squares = [component.cast(pl.Float64).pow(2) for component in components]
    return pl.sum_horizontal(squares, ignore_nulls=False).sqrt()


def _describe(series: pl.Series) -> ColumnStatistic:
    if isinstance(series.dtype, pl.Array):
        components = [pl.col(series.name).arr.get(place) for place in range(series.dtype.size)]
        series = series.to_frame().select(_norm(components).alias(series.name)).to_series()
    if series.dtype.is_float():
        series = series.fill_nan(None)
    there = series.drop_nulls()
    rows, missing = len(series), len(series) - len(there)
    if series.dtype == pl.Boolean or not (series.dtype.is_numeric() or series.dtype.is_temporal()):
        return _describe_words(there, rows, missing)
    values = there.to_physical().cast(pl.Float64).to_numpy()
    numbers = values[np.isfinite(values)]
    infinite = len(values) - len(numbers)
    distinct = there.n_unique() if len(there) else 0
    if not len(numbers):
        return ColumnStatistic(column=series.name, rows=rows, missing=missing, infinite=infinite, distinct=distinct)
    ordered = np.sort(numbers)
    quantiles = ordered[[int(np.floor(level * (len(ordered) - 1))) for level in LEVELS]]
    with np.errstate(over="ignore", invalid="ignore"):
        mean, deviation = float(numbers.mean()), float(numbers.std())
    return ColumnStatistic(
        column=series.name,
        rows=rows,
        missing=missing,
        infinite=infinite,
        distinct=distinct,
        mean=mean if math.isfinite(mean) else None,
        deviation=deviation if math.isfinite(deviation) else None,
        low=float(ordered[0]),
        high=float(ordered[-1]),
        quantiles=tuple(float(value) for value in quantiles),
        bars=_count_bars(ordered, float(quantiles[0]), float(quantiles[-1])),
    )


def _describe_words(there: pl.Series, rows: int, missing: int) -> ColumnStatistic:
    """Describe texts or conditions by the commonest of them."""
    truth = there.dtype == pl.Boolean
    words = there.cast(pl.String)
    counts = words.value_counts(name="rows").sort(["rows", there.name], descending=[True, False]).head(_COMMON)
    return ColumnStatistic(
        column=there.name,
        rows=rows,
        missing=missing,
        distinct=words.n_unique() if len(words) else 0,
        mean=float(there.cast(pl.Float64).to_numpy().mean()) if truth and len(there) else None,
        common=tuple((str(word), int(count)) for word, count in counts.iter_rows()),
    )


def _count_bars(ordered: NDArray[np.float64], low: float, high: float) -> tuple[int, ...]:
    """Count ascending numbers by equal parts of a span; a span without width is one part."""
    if not high > low or not math.isfinite(high - low):
        return (len(ordered),)
    edges = low + (high - low) * np.arange(1, BARS) / BARS
    places = np.concatenate([[0], np.searchsorted(ordered, edges, side="left"), [len(ordered)]])
    return tuple(int(count) for count in np.diff(places))

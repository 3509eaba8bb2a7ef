"""Cutting a column into parts to make slices of: numbers at their quantiles, categories with a part for the rest."""

from itertools import pairwise
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shipway.validation.sample import Group

NOTHING: Final = "(none)"
"""The part of rows without a value."""
LEVELS: Final = 60
"""Categories kept as they are; the rows of all others together are one part."""


def cut_name(name: str, bins: int) -> str:
    """Return what a group is called that a column was cut into."""
    return f"{name} in {bins}"


def cut_column(values: pl.Series, bins: int = 10, levels: int = LEVELS) -> Group:
    """Cut a column into parts.

    Numbers of more than `bins` different values are cut at their quantiles, so that parts have about as many rows; a
    value that many rows share stays in one part, so there may be fewer. A part is from above its lower edge to its
    upper. Anything else is a category; beyond `levels` of them the most frequent are kept and the rest are one part,
    which says how many it holds. Rows without a value (null or NaN) are a part of their own.

    Args:
        values: the column, of any type.
        bins: parts that numbers are cut into, 2 or more.
        levels: categories that are kept.

    Returns:
        The code of each row, and what the codes stand for in order.
    """
    if values.dtype.is_numeric():
        numbers = values.cast(pl.Float64).fill_nan(None)
        if numbers.drop_nulls().n_unique() > bins:
            return _cut_numbers(numbers, bins)
    return _cut_categories(values, levels)


def _cut_numbers(values: pl.Series, bins: int) -> Group:
    known = values.is_not_null().to_numpy()
    numbers = values.fill_null(0.0).to_numpy()
    edges = np.unique(np.quantile(numbers[known], np.arange(1, bins) / bins, method="inverted_cdf"))
    edges = edges[edges < numbers[known].max()]
    codes = np.where(known, np.searchsorted(edges, numbers, side="left"), edges.size + 1)
    return _drop_empty(codes, [*_write_parts(edges), NOTHING])


def _write_parts(edges: NDArray[np.float64]) -> list[str]:
    """Return what the parts between edges are called, with as few digits as tell them apart."""
    texts: list[str] = []
    for digits in range(4, 18):
        texts = [f"{edge:.{digits}g}" for edge in edges]
        if len(set(texts)) == len(texts):
            break
    if not texts:
        return ["(all)"]
    between = [f"{low} to {high}" for low, high in pairwise(texts)]
    return [f"up to {texts[0]}", *between, f"above {texts[-1]}"]


def _cut_categories(values: pl.Series, levels: int) -> Group:
    if values.dtype.is_float():
        values = values.fill_nan(None)
    known = values.drop_nulls().alias("value")  # a column may be called `count`
    counts = known.value_counts(sort=False).sort(["count", "value"], descending=[True, False])
    kept = counts["value"].head(levels).sort()
    rest = counts.height - kept.len()
    labels = [*kept.cast(pl.String).to_list(), *([f"({rest} others)"] if rest else []), NOTHING]
    places = pl.DataFrame({"value": kept, "code": np.arange(kept.len(), dtype=np.int64)})
    codes = (
        pl.DataFrame({"value": values})
        .join(places, on="value", how="left", maintain_order="left")
        .select(
            pl.when(pl.col("value").is_null())
            .then(len(labels) - 1)
            .otherwise(pl.col("code").fill_null(kept.len()))
            .cast(pl.Int64)
        )
        .to_series()
        .to_numpy()
    )
    return _drop_empty(codes, labels)


def _drop_empty(codes: NDArray[np.int64], labels: list[str]) -> Group:
    """Return the group without the labels that no row has."""
    occurs = np.bincount(codes, minlength=len(labels)) > 0
    numbered = (np.cumsum(occurs) - 1)[codes] if codes.size else codes.astype(np.int64)
    kept = tuple(label for label, there in zip(labels, occurs, strict=True) if there)
    return Group(codes=numbered.astype(np.int64, copy=False), labels=kept)

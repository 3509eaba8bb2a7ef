"""All slices of one column in one pass: the mean of each with its cluster-robust standard error."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shipway.maths.code import compact

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Codes = NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class SliceTable:
    """One row per slice that occurs, ascending by code.

    Attributes:
        code: int64[k], the slice.
        n: int64[k], its rows.
        clusters: int64[k], the clusters those rows come from.
        mean: float64[k], the mean value of its rows.
        standard_error: float64[k], of that mean, as `shipway.maths.interval.clustered_mean` has it; infinite for a
            slice of one cluster.
    """

    code: Ints
    n: Ints
    clusters: Ints
    mean: Floats
    standard_error: Floats


def slice_cells(code: Codes, values: Floats, clusters: Codes) -> SliceTable:
    """Estimate the mean of every slice of a column, with its cluster-robust (CR1) standard error.

    Rows are summed into cells, one per slice and cluster that meet, so no slice costs a pass of its own. Slices of two
    columns at once are slices of one column with the code `code_a * card_b + code_b`.

    Args:
        code: integer[n], the slice of each row; a row with a negative code (null) is in no slice.
        values: float64[n], finite.
        clusters: integer[n], the cluster of each row, 0 or more.

    Returns:
        The table; empty if no row is in a slice.

    Raises:
        ValueError: if the arrays differ in length, a value is not finite or a cluster is negative.
    """
    if not code.shape == values.shape == clusters.shape:
        raise ValueError(f"columns differ in length: {code.shape}, {values.shape}, {clusters.shape}")
    if not np.isfinite(values).all():
        raise ValueError("a value is not finite")
    inside = code >= 0
    if not inside.all():
        code, values, clusters = code[inside], values[inside], clusters[inside]
    levels, index = compact(code)
    groups, group = compact(clusters)
    n = np.bincount(index, minlength=levels.size)
    mean = np.bincount(index, weights=values, minlength=levels.size) / n
    cells, cell = compact(index * max(groups.size, 1) + group)
    owner = cells // max(groups.size, 1)
    moved = np.bincount(cell, weights=values - mean[index], minlength=cells.size)
    squares = np.bincount(owner, weights=np.square(moved), minlength=levels.size)
    count = np.bincount(owner, minlength=levels.size)
    several = count > 1
    standard_error = np.full(levels.size, np.inf)
    standard_error[several] = np.sqrt(squares[several] * count[several] / (count[several] - 1)) / n[several]
    return SliceTable(
        code=levels,
        n=n.astype(np.int64, copy=False),
        clusters=count.astype(np.int64, copy=False),
        mean=mean,
        standard_error=standard_error,
    )

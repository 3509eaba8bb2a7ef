"""What a model was trained on and what it said, as counts: the reference of drift where no training row is at hand."""

from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from shipway.maths.drift import bin_counts, bin_edges

QUANTILES = tuple(place / 20 for place in range(21))
"""Which quantiles of a number are kept."""


class ColumnReference(msgspec.Struct, frozen=True, kw_only=True):
    """One column.

    Attributes:
        name: what it is called.
        rows: how many rows were counted.
        missing: how many of them have no value.
        edges: inner edges of the bins of a number, ascending; a bin holds what is above the edge before it up to and
            with its own.
        counts: rows in each bin, one more than edges; of a category, rows of each of its levels.
        levels: texts of a category; none for a number.
        quantiles: of a number's values, at `QUANTILES`; none where there is no value.
        mean: of the values; None where there is none.
        deviation: their standard deviation.
    """

    name: str
    rows: int
    missing: int
    edges: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()
    levels: tuple[str, ...] = ()
    quantiles: tuple[float, ...] = ()
    mean: float | None = None
    deviation: float | None = None

    @property
    def kind(self) -> Literal["number", "category"]:
        """Return which of the two it is: a number has a bin also where it has no value."""
        return "number" if self.counts and not self.levels else "category"

    @property
    def bins(self) -> NDArray[np.int64]:
        """Return its counts, and behind them that of rows without a value."""
        return np.array([*self.counts, self.missing], dtype=np.int64)


class DriftReference(msgspec.Struct, frozen=True, kw_only=True):
    """A model's inputs as training saw them, and its predictions on rows it did not learn from.

    Attributes:
        inputs: the columns it reads, in its order.
        outputs: what it said of the rows that were held out.
    """

    inputs: tuple[ColumnReference, ...]
    outputs: tuple[ColumnReference, ...]


def refer_number(name: str, values: NDArray[np.float64]) -> ColumnReference:
    """Count a number in bins of equal count, as far as its ties allow.

    Args:
        name: what it is called.
        values: shape (rows,), NaN where missing; an infinite value counts as one beyond the last edge.
    """
    edges = bin_edges(values)
    edges = edges[np.isfinite(edges)]
    *counts, missing = bin_counts(values, edges).tolist()
    there = values[np.isfinite(values)]
    return ColumnReference(
        name=name,
        rows=len(values),
        missing=missing,
        edges=tuple(edges.tolist()),
        counts=tuple(counts),
        quantiles=tuple(np.quantile(there, QUANTILES).tolist()) if there.size else (),
        mean=float(there.mean()) if there.size else None,
        deviation=float(there.std()) if there.size else None,
    )


def refer_category(name: str, codes: NDArray[np.float64], levels: tuple[str, ...]) -> ColumnReference:
    """Count the levels of a category.

    Args:
        name: what it is called.
        codes: the level of each row, shape (rows,), NaN where missing.
        levels: texts by code.
    """
    there = codes[~np.isnan(codes)].astype(np.int64)
    counts = np.bincount(there, minlength=len(levels))
    return ColumnReference(
        name=name, rows=len(codes), missing=len(codes) - len(there), counts=tuple(counts.tolist()), levels=levels
    )

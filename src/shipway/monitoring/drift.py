"""Drift of features: each column of a live window against the rows a version was trained on, as effect sizes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shipway.core.error import ShipwayError
from shipway.maths.drift import (
    bin_counts,
    bin_edges,
    chance_index,
    kolmogorov_smirnov,
    stability_index,
    standardised_distance,
)
from shipway.monitoring.skew import both_text

Floats: TypeAlias = NDArray[np.float64]
Kind: TypeAlias = Literal["number", "category"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDrift:
    """How far one column is from its reference.

    Attributes:
        column: its name.
        kind: `number` or `category`.
        stability: population stability index, over ten bins of the reference or over levels; a missing value is one.
        chance: what the index comes to on average where nothing drifts, with so many rows and bins.
        distance: Wasserstein-1 distance over the reference's standard deviation; None for a category, and where the
            reference does not vary.
        smirnov: greatest difference of the distribution functions; None for a category.
        missing: share of the live rows without a value.
        missing_reference: share of the reference's.
        unseen: share of the live rows with a level that the reference has not; None for a number.
    """

    column: str
    kind: Kind
    stability: float
    chance: float
    distance: float | None
    smirnov: float | None
    missing: float
    missing_reference: float
    unseen: float | None

    @property
    def effect(self) -> float:
        """Return the index less what it comes to by chance, 0 or more: many rare levels alone are no drift."""
        return max(0.0, self.stability - self.chance)


def measure_drift(reference: pl.DataFrame, live: pl.DataFrame, columns: Sequence[str]) -> list[ColumnDrift]:
    """Measure every column, the greatest effect first.

    Args:
        reference: the rows a version was trained on.
        live: the rows of a live window.
        columns: the features, numbers, truth or text, in both frames.

    Returns:
        One entry a column; none where either frame has no rows.

    Raises:
        ShipwayError: SW-202 for a column that either frame lacks, SW-203 for one that is text in just one of them.
    """
    for side, frame in (("the reference", reference), ("the live window", live)):
        if missing := [name for name in columns if name not in frame.columns]:
            raise ShipwayError("SW-202", f"{side} lacks column {missing[0]!r}", "compare what the version reads")
    if not (reference.height and live.height):
        return []
    found = [_measure_column(reference[name], live[name]) for name in columns]
    return sorted(found, key=lambda drift: (-drift.effect, -drift.stability, drift.column))


def _measure_column(reference: pl.Series, live: pl.Series) -> ColumnDrift:
    return (_measure_category if both_text(reference, live) else _measure_number)(reference, live)


def _measure_number(reference: pl.Series, live: pl.Series) -> ColumnDrift:
    before, now = (side.cast(pl.Float64).fill_null(np.nan).to_numpy() for side in (reference, live))
    edges = bin_edges(before)
    counts = bin_counts(before, edges), bin_counts(now, edges)
    distance = standardised_distance(before, now)
    return ColumnDrift(
        column=live.name,
        kind="number",
        stability=stability_index(*counts),
        chance=chance_index(*counts),
        distance=distance if np.isfinite(distance) else None,
        smirnov=kolmogorov_smirnov(before, now),
        missing=float(np.isnan(now).mean()),
        missing_reference=float(np.isnan(before).mean()),
        unseen=None,
    )


def _measure_category(reference: pl.Series, live: pl.Series) -> ColumnDrift:
    before, now = (side.cast(pl.String) for side in (reference, live))
    levels = pl.concat([before, now]).unique().sort()
    counts = [_count_levels(side, levels) for side in (before, now)]
    return ColumnDrift(
        column=live.name,
        kind="category",
        stability=stability_index(*counts),
        chance=chance_index(*counts),
        distance=None,
        smirnov=None,
        missing=now.null_count() / len(now),
        missing_reference=before.null_count() / len(before),
        unseen=float(counts[1][counts[0] == 0].sum()) / len(now),
    )


def _count_levels(values: pl.Series, levels: pl.Series) -> NDArray[np.int64]:
    counted = values.alias("level").value_counts()
    rows = levels.to_frame("level").join(counted, on="level", how="left", nulls_equal=True, maintain_order="left")
    return rows["count"].fill_null(0).cast(pl.Int64).to_numpy()

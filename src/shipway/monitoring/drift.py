"""Drift of features: each column of a live window against the rows a version was trained on, or against its bundle."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shipway.core.error import ShipwayError
from shipway.core.reference import ColumnReference, refer_number
from shipway.maths.drift import (
    bin_counts,
    chance_index,
    homogeneity_p,
    kolmogorov_smirnov,
    stability_index,
    standardised_distance,
)
from shipway.maths.encoding import round_single
from shipway.maths.multiplicity import benjamini_yekutieli
from shipway.monitoring.skew import both_text, is_text

Floats: TypeAlias = NDArray[np.float64]
Kind: TypeAlias = Literal["number", "category"]

RATE: Final = 0.01
"""Which share of the columns that are said to have moved may be wrong: one look in a hundred where nothing moves."""
LITTLE: Final = 0.1
"""Which effect is little, as the stability index is commonly read; above .25 it is much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDrift:
    """How far one column is from its reference.

    Attributes:
        column: its name.
        kind: `number` or `category`.
        stability: population stability index, over ten bins of the reference or over levels; a missing value is one.
        chance: what the index comes to on average where nothing drifts, with so many rows and bins.
        p: how likely a difference as great is where nothing drifts (`homogeneity_p`), for rows that are independent.
        shift: how much greater the mean is than the reference's, over its standard deviation; None for a category, and
            where the reference does not vary.
        distance: Wasserstein-1 distance over the reference's standard deviation; None for a category, where the
            reference does not vary, and where it is counts.
        smirnov: greatest difference of the distribution functions; None for a category, and where the reference is
            counts.
        missing: share of the live rows without a value.
        missing_reference: share of the reference's.
        unseen: share of the live rows with a level that the reference has not; None for a number.
    """

    column: str
    kind: Kind
    stability: float
    chance: float
    p: float
    shift: float | None
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
    """Measure every column against rows, the greatest effect first.

    Args:
        reference: the rows a version was trained on.
        live: the rows of a live window.
        columns: the features, numbers, truth or text, in both frames.

    Returns:
        One entry a column; none where either frame has no rows.

    Raises:
        ShipwayError: SW-202 for a column that either frame lacks, SW-203 for one that is text in just one of them.
    """
    _require("the reference", reference, columns)
    _require("the live window", live, columns)
    if not (reference.height and live.height):
        return []
    return _order(_measure_column(reference[name], live[name]) for name in columns)


def measure_reference(references: Sequence[ColumnReference], live: pl.DataFrame) -> list[ColumnDrift]:
    """Measure columns against what a bundle says of them, the greatest effect first.

    Numbers are rounded to single precision, as those were that the reference counted.

    Args:
        references: what training saw of each column, or what the model said of rows that were held out.
        live: rows with these columns, as they are before a model reads them.

    Returns:
        One entry a column; none where there are no rows. The two distances are None: they need the rows themselves.

    Raises:
        ShipwayError: SW-202 for a column that is not there, SW-203 for one that is text where a number is due, or the
            other way round.
    """
    _require("what is compared", live, [each.name for each in references])
    if not live.height:
        return []
    return _order(_compare(each, _read(live[each.name], each.kind)) for each in references if each.rows)


def find_moved(found: Sequence[ColumnDrift], rate: float = RATE) -> frozenset[str]:
    """Return the columns whose difference is no chance, so that few of them are told wrongly.

    Of the columns returned, at most the share `rate` on average did not move, and where none moved any is returned
    with that probability at most: Benjamini and Yekutieli's procedure, as columns depend on each other. That is for one
    look at rows that are independent of each other.

    Args:
        found: every column that was measured.
        rate: the share, between 0 and 1.
    """
    rejected = benjamini_yekutieli(np.array([each.p for each in found], dtype=np.float64), rate)
    return frozenset(each.column for each, moved in zip(found, rejected, strict=True) if moved)


def _order(found: Iterable[ColumnDrift]) -> list[ColumnDrift]:
    return sorted(found, key=lambda drift: (-drift.effect, -drift.stability, drift.column))


def _require(side: str, frame: pl.DataFrame, columns: Sequence[str]) -> None:
    if missing := [name for name in columns if name not in frame.columns]:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise ShipwayError("SW-202", f"{side} lacks column {missing[0]!r}{more}", "compare what the version reads")


def _measure_column(reference: pl.Series, live: pl.Series) -> ColumnDrift:
    if both_text(reference, live):
        before = reference.cast(pl.String)
        levels = before.drop_nulls().unique().sort()
        counts = tuple(_count_levels(before, levels).tolist())
        refer = ColumnReference(
            name=live.name, rows=len(before), missing=before.null_count(), counts=counts, levels=tuple(levels)
        )
        return _compare(refer, live.cast(pl.String))
    before, now = (_read_number(side) for side in (reference, live))
    distance = standardised_distance(before, now)
    return replace(
        _compare(refer_number(live.name, before), now),
        distance=distance if np.isfinite(distance) else None,
        smirnov=kolmogorov_smirnov(before, now),
    )


def _read(live: pl.Series, kind: Kind) -> pl.Series | Floats:
    """Return a column's values as its reference counted them."""
    if live.null_count() == len(live):
        return live.cast(pl.String) if kind == "category" else np.full(len(live), np.nan)
    if is_text(live) != (kind == "category"):
        fact = f"{live.name!r} is {live.dtype}, and was a {kind} in training"
        raise ShipwayError("SW-203", fact, "give it as the model reads it")
    return live.cast(pl.String) if kind == "category" else round_single(_read_number(live))


def _read_number(live: pl.Series) -> Floats:
    return live.cast(pl.Float64).fill_null(np.nan).to_numpy()


def _compare(reference: ColumnReference, live: pl.Series | Floats) -> ColumnDrift:
    """Measure values against a reference: text by levels, numbers by bins."""
    before, shift, unseen = reference.bins, None, None
    if isinstance(live, pl.Series):
        new = live.drop_nulls().unique().sort().to_frame().filter(~pl.col(live.name).is_in(list(reference.levels)))
        levels = pl.concat([pl.Series(live.name, list(reference.levels), dtype=pl.String), new[live.name]])
        now = np.append(_count_levels(live, levels), live.null_count())
        unseen = float(now[len(reference.levels) : -1].sum()) / len(live)
        before = np.insert(before, -1, np.zeros(len(new), dtype=np.int64))
    else:
        now = bin_counts(live, np.array(reference.edges, dtype=np.float64))
        there = live[np.isfinite(live)]
        if reference.mean is not None and reference.deviation and there.size:
            shift = float((there.mean() - reference.mean) / reference.deviation)
    return ColumnDrift(
        column=reference.name,
        kind=reference.kind,
        stability=stability_index(before, now),
        chance=chance_index(before, now),
        p=homogeneity_p(before, now),
        shift=shift,
        distance=None,
        smirnov=None,
        missing=float(now[-1]) / len(live),
        missing_reference=reference.missing / reference.rows,
        unseen=unseen,
    )


def _count_levels(values: pl.Series, levels: pl.Series) -> NDArray[np.int64]:
    counted = values.alias("level").value_counts()
    rows = levels.to_frame("level").join(counted, on="level", how="left", maintain_order="left")
    return rows["count"].fill_null(0).cast(pl.Int64).to_numpy()

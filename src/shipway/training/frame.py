"""What a training function is given: numbers, labels, and what the columns are; and the same encoding for scoring."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shipway.core.bundle import InputColumn
from shipway.core.error import ShipwayError
from shipway.kit.suggestion import did_you_mean
from shipway.maths.encoding import encode_categories

FEWEST_ROWS: Final = 100
"""Below this a model is not trained: whatever it said would be noise."""


@dataclass(frozen=True, slots=True)
class TrainFrame:
    """The rows a model learns from.

    Attributes:
        x: features, float64 of shape (rows, columns); a missing value is NaN, a category is its code.
        y: the label, bool of shape (rows,).
        at: when each row was asked about, int64 microseconds since 1970 UTC, shape (rows,).
        columns: names of the feature columns.
        categories: category column to its texts by code.
        monotone: for each column 1 if a rise must never lower the prediction, -1 if it must never raise it, else 0.
        threads: threads a library may use; more than there are cores to spare stalls some of them.
        seed: where randomness starts.
    """

    x: NDArray[np.float64]
    y: NDArray[np.bool_]
    at: NDArray[np.int64]
    columns: tuple[str, ...]
    categories: dict[str, tuple[str, ...]]
    monotone: tuple[int, ...]
    threads: int
    seed: int

    @property
    def rows(self) -> int:
        """Return how many rows there are."""
        return len(self.y)

    @property
    def category_columns(self) -> list[int]:
        """Return the positions of the category columns."""
        return [position for position, name in enumerate(self.columns) if name in self.categories]


def prepare_frame(
    frame: pl.DataFrame,
    *,
    columns: Sequence[str],
    rising: Sequence[str],
    falling: Sequence[str],
    cut: int,
    label: str,
    label_known_at: str,
    at: str,
    threads: int,
    seed: int,
) -> tuple[TrainFrame, tuple[InputColumn, ...]]:
    """Take the rows a model may learn from at a cut, and encode them.

    A row counts if it was asked about before the cut and its label was known at the cut. Categories are the texts of
    those rows and no others, so that nothing of the future is in the vocabulary either.

    Args:
        frame: rows as known at their instants.
        columns: the feature columns, in the model's order.
        rising: columns whose rise must never lower the prediction.
        falling: columns whose rise must never raise it.
        cut: microseconds since 1970 UTC.
        label: column of the label.
        label_known_at: column of the instant the label is known at.
        at: column of the instant a row is asked about.
        threads: threads a library may use.
        seed: where randomness starts.

    Returns:
        The rows, and what the model will read, column by column.

    Raises:
        ShipwayError: SW-402 for too few rows or a label that never varies, SW-104 for a constrained column that is no
            feature, SW-203 for a column of a type no model reads.
    """
    for column in (*rising, *falling):
        if column not in columns:
            raise ShipwayError("SW-104", f"constrained column {column!r} is no feature", did_you_mean(column, columns))
    limit = pl.lit(cut).cast(pl.Datetime("us", "UTC"))
    known = frame.filter((pl.col(at) < limit) & (pl.col(label_known_at) <= limit) & pl.col(label).is_not_null())
    y = known[label].to_numpy().astype(np.bool_)
    if len(y) < FEWEST_ROWS or y.all() or not y.any():
        varies = "" if len(y) < FEWEST_ROWS else ", and the label is the same in all of them"
        raise ShipwayError(
            "SW-402",
            f"{len(y):,} rows have a label that was known at the cut{varies}",
            f"train at a later cut: at least {FEWEST_ROWS} rows of both kinds are needed",
        )
    inputs = tuple(_describe(known[name], _direction(name, rising, falling)) for name in columns)
    prepared = TrainFrame(
        x=encode_frame(known.select(columns), inputs),
        y=y,
        at=known[at].dt.cast_time_unit("us").to_physical().to_numpy(),
        columns=tuple(columns),
        categories={column.name: column.categories for column in inputs if column.kind == "category"},
        monotone=tuple(column.monotone for column in inputs),
        threads=threads,
        seed=seed,
    )
    return prepared, inputs


def encode_frame(frame: pl.DataFrame, inputs: Sequence[InputColumn]) -> NDArray[np.float64]:
    """Turn a frame's columns into the numbers a model reads.

    Args:
        frame: has a column for each input.
        inputs: what the model reads, in order.

    Returns:
        float64 of shape (rows, inputs), column-major; NaN for a missing value and for a text training never saw.

    Raises:
        ShipwayError: SW-202 for a missing column, SW-203 for one whose type changed.
    """
    x = np.empty((frame.height, len(inputs)), dtype=np.float64, order="F")
    for position, column in enumerate(inputs):
        if column.name not in frame.columns:
            raise ShipwayError(
                "SW-202", f"the frame has no column {column.name!r}", did_you_mean(column.name, frame.columns)
            )
        series = frame[column.name]
        if (series.dtype == pl.String) != (column.kind == "category"):
            raise ShipwayError(
                "SW-203",
                f"column {column.name!r} is {series.dtype}, and the model reads a {column.kind}",
                "give the feature the type it had when the model was trained, or train again",
            )
        if column.kind == "category":
            valid = series.is_not_null().to_numpy()
            x[:, position] = encode_categories(series.fill_null("").to_numpy(), valid, column.categories)
        else:
            x[:, position] = series.cast(pl.Float64).fill_null(np.nan).to_numpy()
    return x


def _describe(series: pl.Series, monotone: int) -> InputColumn:
    """Say what a column is and what training saw of it."""
    kind = series.dtype
    missing = series.null_count() / max(len(series), 1)
    if kind == pl.String:
        texts = tuple(series.drop_nulls().unique().sort().to_list())
        return InputColumn(name=series.name, kind="category", categories=texts, missing=missing, monotone=monotone)
    if not (kind.is_numeric() or kind == pl.Boolean):
        raise ShipwayError(
            "SW-203",
            f"feature {series.name!r} is {kind}, which no model reads",
            "make it a number, a truth value or a text",
        )
    numbers = series.cast(pl.Float64).drop_nulls().drop_nans()
    low, high = (numbers.min(), numbers.max()) if len(numbers) else (None, None)
    return InputColumn(
        name=series.name,
        kind="number",
        low=low if low is None else float(low),  # type: ignore[arg-type]
        high=high if high is None else float(high),  # type: ignore[arg-type]
        missing=missing,
        monotone=monotone,
    )


def _direction(name: str, rising: Sequence[str], falling: Sequence[str]) -> int:
    return 1 if name in rising else -1 if name in falling else 0

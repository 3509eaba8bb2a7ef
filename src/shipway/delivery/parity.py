"""Whether the portable form of a model is the native one, and the rows that let anyone ask again later."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shipway.core.bundle import Golden, Parity
from shipway.core.error import ShipwayError
from shipway.ports.model import Predictor

FEWEST_ROWS: Final = 5_000
"""Fewer rows than this cannot show that two forms of a model agree."""
TOLERANCE: Final = 1e-4
"""How far the probability of the portable form may be from the native one on any row."""
GOLDEN_ROWS: Final = 100
"""Rows that travel with a bundle."""


def measure_parity(
    native: Predictor, portable: Predictor, x: NDArray[np.float64], tolerance: float = TOLERANCE
) -> Parity:
    """Measure how far the portable form of a model is from the native one.

    Args:
        native: the model as it was trained.
        portable: the same model, as it will be served.
        x: rows to compare them on, shape (rows, columns).
        tolerance: what the greatest difference of probabilities may be.

    Raises:
        ShipwayError: SW-402 for fewer than 5,000 rows, SW-501 if a difference is greater, or no number.
    """
    if len(x) < FEWEST_ROWS:
        raise ShipwayError(
            "SW-402",
            f"{len(x):,} rows cannot show that both forms of the model agree: it takes {FEWEST_ROWS:,}",
            "make the test period longer",
        )
    difference = np.abs(portable.predict(x) - native.predict(x))
    worst = int(np.argmax(np.where(np.isnan(difference), np.inf, difference)))
    if not difference[worst] <= tolerance:
        over = int(len(difference) - np.sum(difference <= tolerance))
        raise ShipwayError(
            "SW-501",
            f"the portable model is off by {difference[worst]:.2g} in row {worst}, and by more than "
            f"{tolerance:g} in {over:,} of {len(x):,} rows",
            "train on frame.x as it is handed over; a feature that is computed again loses its single precision",
        )
    return Parity(rows=len(x), largest=float(difference[worst]), mean=float(difference.mean()), tolerance=tolerance)


def complete_rows(x: NDArray[np.float64], rows: int = FEWEST_ROWS, *, seed: int = 0) -> NDArray[np.float64]:
    """Add recombined rows to those of a small project until there are enough to compare two forms of a model.

    A recombined row takes each column's value from another row, so that the forms are compared on values that occur, in
    combinations that need not.

    Args:
        x: held-out rows, shape (any, columns); at least one.
        rows: how many there shall be at least.
        seed: where randomness starts.

    Returns:
        The rows given, followed by recombined ones if they are fewer than asked for.
    """
    missing = rows - len(x)
    if missing <= 0 or not len(x):
        return x
    random = np.random.default_rng(seed)
    chosen = random.integers(0, len(x), size=(missing, x.shape[1]))
    return np.vstack([x, np.take_along_axis(x, chosen, axis=0)])


def choose_golden(native: Predictor, x: NDArray[np.float64], columns: Sequence[str]) -> Golden:
    """Choose up to 100 rows, evenly spread over those given, with what the native form predicts for them.

    Rows with an infinite value, which JSON has no word for, are passed over.

    Args:
        native: the model as it was trained.
        x: held-out rows, shape (rows, columns).
        columns: the columns' names.

    Raises:
        ShipwayError: SW-501 if every row has an infinite value.
    """
    usable = np.flatnonzero(~np.isinf(x).any(axis=1))
    if not len(usable):
        column = columns[int(np.argmax(np.isinf(x).sum(axis=0)))]
        raise ShipwayError(
            "SW-501",
            f"every held-out row has an infinite value, most of them in {column!r}",
            "keep features within single precision: a number beyond 3.4e38 is infinite to a model",
        )
    spread = np.linspace(0, len(usable) - 1, min(GOLDEN_ROWS, len(usable))).round().astype(np.int64)
    chosen = x[usable[spread]]
    rows = tuple(tuple(None if value != value else value for value in row) for row in chosen.tolist())
    return Golden(columns=tuple(columns), rows=rows, predictions=tuple(native.predict(chosen).tolist()))

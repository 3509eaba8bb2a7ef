"""Whether the portable form of a model is the native one, and the rows that let anyone ask again later."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shipway.core.bundle import TOLERANCE, Golden, Parity, make_golden, measure_difference
from shipway.core.error import ShipwayError
from shipway.core.tensor import MATRIX, Tensors
from shipway.ports.model import Predictor

FEWEST_ROWS: Final = 5_000
"""Fewer rows than this cannot show that two forms of a model agree."""
GOLDEN_ROWS: Final = 100
"""Rows that travel with a bundle."""
GOLDEN_VALUES: Final = 200_000
"""Values that travel with it: of wide tensors there are fewer rows."""


def measure_parity(
    native: Predictor, portable: Predictor, sample: Tensors, tolerance: float = TOLERANCE, scale: float = 1.0
) -> Parity:
    """Measure how far the portable form of a model is from the native one.

    Args:
        native: the model as it was trained.
        portable: the same model, as it will be served.
        sample: rows to compare them on, as the model is given them.
        tolerance: what the greatest difference of what they say may be (`core.bundle.measure_difference`).
        scale: what a difference is a share of where the number itself is smaller (`core.bundle.Golden.scale`).

    Raises:
        ShipwayError: SW-402 for fewer than 5,000 rows of a matrix, or none of anything else; SW-501 if a difference is
            greater, or no number, or the forms do not say the same things.
    """
    rows = count_rows(sample)
    if rows < (FEWEST_ROWS if is_matrix(sample) else 1):
        raise ShipwayError(
            "SW-402",
            f"{rows:,} rows cannot show that both forms of the model agree: it takes {FEWEST_ROWS:,}",
            "make the test period longer",
        )
    difference = _measure_rows(native.infer(sample), portable.infer(sample), rows, scale)
    worst = int(np.argmax(np.where(np.isnan(difference), np.inf, difference)))
    if not difference[worst] <= tolerance:
        over = int(len(difference) - np.sum(difference <= tolerance))
        raise ShipwayError(
            "SW-501",
            f"the portable model is off by {difference[worst]:.2g} in row {worst}, and by more than "
            f"{tolerance:g} in {over:,} of {rows:,} rows",
            "train on frame.x as it is handed over; a feature that is computed again loses its single precision",
        )
    return Parity(rows=rows, largest=float(difference[worst]), mean=float(difference.mean()), tolerance=tolerance)


def count_rows(sample: Tensors) -> int:
    """Return how many rows tensors have; SW-202 where they do not have equally many."""
    counts = {len(array) for array in sample.values()}
    if len(counts) != 1:
        said = ", ".join(f"{name!r} {len(array):,}" for name, array in sample.items()) or "nothing"
        raise ShipwayError("SW-202", f"the tensors have different numbers of rows: {said}", "give equally many of each")
    return counts.pop()


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


def complete_sample(sample: Tensors) -> Tensors:
    """Add recombined rows to a small sample of a matrix (`complete_rows`); anything else is left as it is."""
    return {MATRIX: complete_rows(sample[MATRIX])} if is_matrix(sample) else sample


def is_matrix(sample: Tensors) -> bool:
    """Tell whether a sample is one matrix of numbers, `x`: a tensor of texts or images may be called so too."""
    return list(sample) == [MATRIX] and sample[MATRIX].ndim == 2 and sample[MATRIX].dtype.kind == "f"


def choose_golden(native: Predictor, sample: Tensors, columns: Sequence[str]) -> Golden:
    """Choose up to 100 rows, evenly spread over those given, with what the native form says of them.

    Rows with an infinite value, which JSON has no word for, are passed over; of wide tensors fewer rows are taken.

    Args:
        native: the model as it was trained.
        sample: held-out rows, as the model is given them.
        columns: the inputs' names.

    Raises:
        ShipwayError: SW-402 if there is no row, SW-501 if every row has an infinite value, or the model says something
            that is no number.
    """
    if not count_rows(sample):
        raise ShipwayError(
            "SW-402", "there are no held-out rows to take golden ones from", "make the test period longer"
        )
    usable = np.flatnonzero(~_find_infinite(sample))
    if not len(usable):
        raise ShipwayError(
            "SW-501",
            f"every held-out row has an infinite value, most of them in {_find_worst(sample, columns)!r}",
            "keep features within single precision: a number beyond 3.4e38 is infinite to a model",
        )
    width = sum(math.prod(array.shape[1:]) for array in sample.values())
    rows = min(GOLDEN_ROWS, max(1, GOLDEN_VALUES // max(1, width)), len(usable))
    chosen = usable[np.linspace(0, len(usable) - 1, rows).round().astype(np.int64)]
    inputs = {name: array[chosen] for name, array in sample.items()}
    outputs = native.infer(inputs)
    for name, array in outputs.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            hint = "look at the row: a model that divides by what it is given, or takes its logarithm, says such things"
            raise ShipwayError("SW-501", f"the model gives {name!r} that is no number for a held-out row", hint)
    return make_golden(inputs, outputs)


def _measure_rows(native: Tensors, portable: Tensors, rows: int, scale: float) -> NDArray[np.float64]:
    """Return for each row how far what two forms say of it is apart; 1 where what is no number is not the same."""
    if native.keys() != portable.keys():
        said = f"{', '.join(map(repr, portable))}, not {', '.join(map(repr, native))}"
        raise ShipwayError("SW-501", f"the portable model gives {said}", "convert it with the outputs it has")
    found = np.zeros(rows)
    for name, due in native.items():
        if due.shape != portable[name].shape or len(due) != rows:
            said = f"shape {list(portable[name].shape)} as {name!r}, not {list(due.shape)}"
            raise ShipwayError("SW-501", f"the portable model gives {said}", "convert it with a free number of rows")
        if due.dtype.kind == "f":
            each = measure_difference(portable[name], due, scale)
        else:
            each = np.asarray(portable[name] != due, dtype=np.float64)
        # A NaN is the greatest of all: it stays one.
        found = np.maximum(found, each.reshape(rows, -1).max(axis=1, initial=0.0))
    return found


def _find_infinite(sample: Tensors) -> NDArray[np.bool_]:
    found = np.zeros(count_rows(sample), dtype=np.bool_)
    for array in sample.values():
        if array.dtype.kind == "f":
            found |= np.isinf(array).reshape(len(array), -1).any(axis=1)
    return found


def _find_worst(sample: Tensors, columns: Sequence[str]) -> str:
    if list(sample) == [MATRIX]:
        return columns[int(np.argmax(np.isinf(sample[MATRIX]).sum(axis=0)))]
    counts = {name: int(np.isinf(array).sum()) for name, array in sample.items() if array.dtype.kind == "f"}
    return max(counts, key=lambda name: counts[name])

"""Rows for a model that comes without any: drawn within what its inputs declare, or read from a file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from shipway.core.bundle import GoldenTensor, InputColumn
from shipway.core.error import ShipwayError
from shipway.core.tensor import DATATYPES, fits

ROWS: Final = 100
"""Rows drawn where the model takes any number."""
LENGTH: Final = 8
"""How long an axis is drawn that the model leaves open."""
_LARGEST: Final = 8
"""Whole numbers are drawn below this: they may be places in a table of the model's."""
_TEXTS: Final = ("a", "b", "c", "")


def draw_sample(inputs: Sequence[InputColumn], *, seed: int = 0) -> dict[str, NDArray[Any]]:
    """Draw rows within the datatypes and shapes that a model declares; the same for the same seed.

    Numbers are standard normal, whole ones below 8, texts among four. They show that a model is what it was, and
    nothing about what it is for: rows that it meets in service do that (`read_sample`).

    Args:
        inputs: what the model reads.
        seed: where randomness starts.
    """
    random = np.random.default_rng(seed)
    fixed = [column.shape[0] for column in inputs if column.shape[0] > 0]
    rows = fixed[0] if fixed else ROWS
    return {column.name: _draw(random, column, rows) for column in inputs}


def read_sample(path: Path, inputs: Sequence[InputColumn]) -> dict[str, NDArray[Any]]:
    """Read rows from a file.

    Args:
        path: Parquet with a column for each input, lists where an input has more axes than the rows; or JSON, an object
            with the rows of each input by its name, or a request of the Open Inference Protocol.
        inputs: what the model reads.

    Raises:
        ShipwayError: SW-201 if the file cannot be read, SW-202 if an input is missing, SW-203 if one is of another kind
            or shape than the model declares, SW-204 if there are no rows.
    """
    given = _read_parquet(path) if path.suffix == ".parquet" else _read_json(path)
    found = {column.name: _take(path, given, column) for column in inputs}
    rows = {len(array) for array in found.values()}
    if rows == {0}:
        raise ShipwayError("SW-204", f"{path} has no rows", "give some rows that the model meets in service")
    if len(rows) > 1:
        said = ", ".join(f"{len(array)} of {name!r}" for name, array in found.items())
        raise ShipwayError("SW-203", f"{path} has {said}", "give equally many rows of each input")
    return found


def _draw(random: np.random.Generator, column: InputColumn, rows: int) -> NDArray[Any]:
    shape = (rows, *(length if length > 0 else LENGTH for length in column.shape[1:]))
    dtype = DATATYPES[column.datatype]
    if dtype.kind == "f":
        return random.normal(size=shape).astype(dtype)
    if dtype.kind == "b":
        return random.random(shape) < 0.5
    if dtype.kind == "O":
        return np.array(_TEXTS, dtype=object)[random.integers(0, len(_TEXTS), shape)]
    return random.integers(0, _LARGEST, shape).astype(dtype)


def _read_parquet(path: Path) -> Mapping[str, Any]:
    try:
        return pl.read_parquet(path).to_dict(as_series=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise _unreadable(path, error) from error


def _read_json(path: Path) -> Mapping[str, Any]:
    try:
        document = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
        asked = document.get("inputs")
        if isinstance(asked, list):
            tensors = msgspec.convert(asked, list[GoldenTensor])
            return {tensor.name: tensor.array for tensor in tensors}
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, ValueError) as error:
        raise _unreadable(path, error) from error
    return document if not isinstance(asked, dict) else msgspec.convert(asked, dict[str, Any])


def _take(path: Path, given: Mapping[str, Any], column: InputColumn) -> NDArray[Any]:
    """Return one input's rows as the model reads them."""
    if column.name not in given:
        there = ", ".join(map(repr, given)) or "nothing"
        fact = f"{path} has no rows of input {column.name!r}"
        raise ShipwayError("SW-202", fact, f"give one column for each input; there is {there}")
    try:
        values: Any = given[column.name]
        array = np.array(values if isinstance(values, np.ndarray) else list(values), dtype=DATATYPES[column.datatype])
    except (TypeError, ValueError, OverflowError) as error:
        fact = f"{path} has rows of input {column.name!r} that are not {column.datatype} ({error})"
        raise ShipwayError("SW-203", fact, "give values of the datatype that the model declares") from error
    if array.ndim == 1 and column.shape[1:] in ((1,), (-1,)):
        array = array[:, None]
    if not fits(array.shape, column.shape):
        fact = (
            f"{path} has input {column.name!r} in shape {list(array.shape)}, and the model reads {list(column.shape)}"
        )
        raise ShipwayError("SW-203", fact, "-1 is any length; the first place is the rows")
    return array


def _unreadable(path: Path, error: Exception) -> ShipwayError:
    said = str(error).splitlines()[0] if str(error) else type(error).__name__
    return ShipwayError("SW-201", f"{path} cannot be read ({said})", "give Parquet, or JSON with rows by input")

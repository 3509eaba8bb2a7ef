"""Tensors as models take and give them: NumPy arrays by name, with the datatypes of the Open Inference Protocol."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shipway.core.error import ShipwayError
from shipway.core.label import LabelKind

MATRIX: Final = "x"
"""Name of the one tensor that a model which reads a matrix is given, shape (rows, columns)."""
PROBABILITY: Final = "probability"
"""Name of the one output of a binary model: the probability that the label is true, shape (rows,)."""
PREDICTION: Final = "prediction"
"""Name of the one output of a model of a number: that number, shape (rows,)."""
PROBABILITIES: Final = "probabilities"
"""Name of the one output of a model of a class: the probability of each, shape (rows, classes)."""
PREDICTED: Final[dict[LabelKind, str]] = {"condition": PROBABILITY, "number": PREDICTION, "class": PROBABILITIES}
"""Name of the one output of a model of each kind of label."""
DATATYPES: Final[dict[str, np.dtype[Any]]] = {
    "BOOL": np.dtype(np.bool_),
    "UINT8": np.dtype(np.uint8),
    "UINT16": np.dtype(np.uint16),
    "UINT32": np.dtype(np.uint32),
    "UINT64": np.dtype(np.uint64),
    "INT8": np.dtype(np.int8),
    "INT16": np.dtype(np.int16),
    "INT32": np.dtype(np.int32),
    "INT64": np.dtype(np.int64),
    "FP16": np.dtype(np.float16),
    "FP32": np.dtype(np.float32),
    "FP64": np.dtype(np.float64),
    "BYTES": np.dtype(object),
}
"""Name of a datatype to what holds its values; BYTES are texts, None where one is missing."""
_NAMES: Final = {dtype: name for name, dtype in DATATYPES.items()}

Tensors = Mapping[str, NDArray[Any]]
"""Arrays by name; the first place of each shape is the rows."""


def name_datatype(dtype: np.dtype[Any]) -> str:
    """Return the protocol's name of what an array holds; SW-203 where it has none."""
    if dtype.kind == "U":
        return "BYTES"
    name = _NAMES.get(dtype.newbyteorder("="))
    if name is None:
        hint = f"make it one of {', '.join(sorted(_NAMES.values()))}"
        raise ShipwayError("SW-203", f"a tensor of {dtype} has no datatype in the Open Inference Protocol", hint)
    return name


def read_matrix(tensors: Tensors) -> NDArray[np.float64]:
    """Return the rows that a model which reads a matrix is given; SW-202 where they are not the one tensor `x`."""
    if list(tensors) != [MATRIX]:
        given = ", ".join(map(repr, tensors)) or "nothing"
        hint = f"give one tensor {MATRIX!r} of shape (rows, columns)"
        raise ShipwayError("SW-202", f"the model reads one matrix {MATRIX!r} and was given {given}", hint)
    return np.asarray(tensors[MATRIX], dtype=np.float64)


def fits(shape: tuple[int, ...], declared: tuple[int, ...]) -> bool:
    """Tell whether an array's shape is a declared one, in which -1 is any length."""
    return len(shape) == len(declared) and all(due in (-1, length) for length, due in zip(shape, declared, strict=True))

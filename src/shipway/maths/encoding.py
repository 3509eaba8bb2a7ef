"""What a model reads, the way a bundle carries it: categories as integer codes, numbers in single precision."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def encode_categories(values: NDArray[Any], valid: NDArray[np.bool_], categories: Sequence[str]) -> NDArray[np.float64]:
    """Turn texts into their codes, as floating point so that a missing value can be NaN.

    Args:
        values: texts, an object array of shape (n,).
        valid: where there is a text, shape (n,).
        categories: the texts by code, in the order training saw them.

    Returns:
        Codes of shape (n,); NaN where there is no text or it is not among the categories.
    """
    codes = {text: float(code) for code, text in enumerate(categories)}
    found = [codes.get(text, np.nan) if ok else np.nan for text, ok in zip(values, valid, strict=True)]
    return np.asarray(found, dtype=np.float64)


def round_single(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return numbers as single precision holds them; one beyond its range becomes infinite."""
    with np.errstate(over="ignore"):
        return values.astype(np.float32).astype(np.float64)

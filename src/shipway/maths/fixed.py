"""Floats as whole numbers: multiples of a resolution that add up exactly, and ranks that compare exactly."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shipway.maths.instant import Ints

_INT64_MAX: Final = 2**63 - 1
# Up to here every whole number has its own float64; above, neighbouring multiples of the resolution run together.
_FLOAT_EXACT: Final = 2.0**53


def quantise(values: NDArray[np.floating[Any]], valid: NDArray[np.bool_], resolution: float) -> Ints:
    """Round floats to whole multiples of a resolution, so that sums of them are exact integers.

    Halves round to even. Whole numbers up to 2^53 pass unchanged at resolution 1.

    Args:
        values: float[n]; what stands where `valid` is false does not matter.
        valid: bool[n], false where the value is null.
        resolution: the size of one unit of the result, in the unit of the values; finite and above 0.

    Returns:
        int64[n], how many resolutions each value is; 0 where not valid.

    Raises:
        ValueError: if the resolution is unusable, or a valid value is not finite or more than 2^53 resolutions from 0,
            where float64 no longer tells neighbouring multiples apart.
    """
    if not (np.isfinite(resolution) and resolution > 0):
        raise ValueError(f"a resolution of {resolution} is not a finite number above 0")
    if values.shape != valid.shape or values.ndim != 1:
        raise ValueError(f"values {values.shape} and valid {valid.shape} are not two columns of one length")
    kept = np.where(valid, values, 0.0).astype(np.float64, copy=False)
    with np.errstate(over="ignore"):
        units = np.rint(kept / resolution)
    unfit = ~(np.abs(units) <= _FLOAT_EXACT)
    if unfit.any():
        raise ValueError(f"{kept[unfit][0]} at resolution {resolution} is not finite or needs more than 2^53 units")
    return units.astype(np.int64)


def rank_floats(values: NDArray[np.floating[Any]]) -> Ints:
    """Map floats to integers of the same order, so that extrema of them are exact; both zeros are one.

    The bits of an IEEE 754 double are ordered like its value if the sign is clear, and against it otherwise.
    """
    return _flip((values.astype(np.float64) + 0.0).view(np.int64))


def floats_of(ranks: Ints) -> NDArray[np.float64]:
    """Return the floats that `rank_floats` mapped to these integers."""
    return _flip(ranks).view(np.float64)


def _flip(bits: Ints) -> Ints:
    """Reverse the order of the negative numbers among themselves; done twice, nothing has changed."""
    return np.where(bits < 0, bits ^ np.int64(_INT64_MAX), bits)

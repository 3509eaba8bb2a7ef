"""Embeddings: vectors of a fixed length in single precision, and how near two of them are.

One embedding is the bytes of its numbers, little-endian; a column of them is an array of such bytes (`V12` for three
numbers), so that whoever picks, keeps or sends values need not know what is in them. `numbers_of` shows the numbers
without a copy.

What is summed over the components is summed in double precision in one order: the further half is added to the nearer
one, until one number is left. So the bits depend neither on the machine nor on how many rows are asked about at once.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float32]
Near: TypeAlias = Literal["dot", "cosine", "distance"]

LONGEST: Final = 16_384
"""How many numbers an embedding may have."""
NEAR: Final[tuple[Near, ...]] = ("dot", "cosine", "distance")
"""The operators that compare two embeddings."""
_SINGLE: Final = np.dtype("<f4")
_KIND: Final = re.compile(r"embedding\[([1-9][0-9]{0,4})\]")
_BLOCK: Final = 1 << 17
"""How many numbers are compared at once: a megabyte of double precision, which stays in the cache."""


def write_kind(length: int) -> str:
    """Return what the kind of embeddings of a length is called, such as `embedding[384]`."""
    return f"embedding[{length}]"


@lru_cache(maxsize=256)
def length_of(kind: str) -> int | None:
    """Return how many numbers embeddings of a kind have; None where it is no kind of embeddings."""
    found = _KIND.fullmatch(kind)
    return None if found is None or int(found[1]) > LONGEST else int(found[1])


def dtype_of(length: int) -> np.dtype[Any]:
    """Return the type of the elements of a column of embeddings."""
    return np.dtype((np.void, length * _SINGLE.itemsize))


def pack_numbers(numbers: NDArray[np.floating[Any]]) -> NDArray[np.void]:
    """Return rows of numbers, of shape (n, length), as a column of embeddings; they are rounded to single precision."""
    with np.errstate(over="ignore"):
        single = np.ascontiguousarray(numbers, dtype=_SINGLE)
    return single.view(dtype_of(numbers.shape[1])).reshape(len(numbers))


def numbers_of(embeddings: NDArray[Any]) -> Floats:
    """Return the numbers of a column of embeddings, of shape (n, length), without a copy where it lies in one piece."""
    length = embeddings.dtype.itemsize // _SINGLE.itemsize
    return np.ascontiguousarray(embeddings).view(_SINGLE).reshape(len(embeddings), length)


def view_numbers(embedding: bytes) -> Floats:
    """Return the numbers of one embedding, of shape (length,): a view that cannot be written to."""
    return np.frombuffer(embedding, dtype=_SINGLE)


def compare_all(op: Near, left: NDArray[Any], right: NDArray[Any]) -> NDArray[np.float64]:
    """Compare two columns of embeddings of one length, row by row, as `compare` does."""
    found = np.empty(len(left), dtype=np.float64)
    rows = max(1, _BLOCK * _SINGLE.itemsize // left.dtype.itemsize)
    for begin in range(0, len(left), rows):
        some = slice(begin, begin + rows)
        found[some] = _COMPARE[op](numbers_of(left[some]), numbers_of(right[some]))
    return found


def compare(op: Near, left: bytes, right: bytes) -> float | None:
    """Return how near two embeddings of one length are.

    Args:
        op: `dot`, the sum of products; `cosine`, that over the product of both lengths, from -1 to 1; `distance`, the
            square root of the sum of squared differences.
        left: the one.
        right: the other.

    Returns:
        The number; None for the cosine of an embedding that is zero everywhere, which has no direction.
    """
    value = float(_COMPARE[op](view_numbers(left), view_numbers(right)))
    return value if value == value else None  # NaN alone differs from itself


def _dot(left: Floats, right: Floats) -> NDArray[np.float64]:
    # A product of two single-precision numbers is exact in double precision.
    return _sum(left.astype(np.float64) * right)


def _cosine(left: Floats, right: Floats) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore"):
        # One root of the product: of an embedding and itself it is the very sum above it, so that they are at 1.
        found = _dot(left, right) / np.sqrt(_dot(left, left) * _dot(right, right))
    return np.clip(found, -1.0, 1.0)


def _distance(left: Floats, right: Floats) -> NDArray[np.float64]:
    apart = left.astype(np.float64) - right
    return np.sqrt(_sum(apart * apart))


def _sum(terms: NDArray[np.float64]) -> NDArray[np.float64]:
    """Add up the last axis, which is lost: the further half is added to the nearer one until one is left.

    The error grows with the logarithm of the number of terms (Higham 2002, "Accuracy and Stability", section 4.2).
    """
    count = terms.shape[-1]
    while count > 1:
        half = (count + 1) // 2
        terms[..., : count - half] += terms[..., half:count]
        count = half
    return terms[..., 0]


_COMPARE: Final[dict[Near, Callable[[Floats, Floats], NDArray[np.float64]]]] = {
    "dot": _dot,
    "cosine": _cosine,
    "distance": _distance,
}

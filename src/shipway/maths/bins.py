"""Fixed bins that values are counted in, so that what a sketch keeps is whole numbers and the same everywhere.

Bins are declared with a feature. Which bin a value falls into depends on nothing but the value, so counts of bins are
sums: exact in any order, in batch, stream and online.
"""

import decimal
import hashlib
import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from shipway.maths.vector import Kind, Vector, kind_of_scalar

Ints = NDArray[np.int64]
Scalar: TypeAlias = bool | int | float | str

MOST: Final = 4096
"""More bins than this are refused: what is kept for each entity grows with them."""
MIXES: Final = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1))
"""By how many bits a hash moves a word down onto itself, and what it multiplies it by then, thrice.

The finaliser of SplitMix64 (Steele, Lea and Flood 2014, figure 18).
"""
OUTSIDE: Final = -1
"""In place of a bin, for a value that is missing or that no bin is for."""


class Edges(msgspec.Struct, frozen=True, tag="edges"):
    """Bins between declared numbers: below the first, from each up to below the next, from the last on.

    Attributes:
        edges: ascending numbers.
    """

    edges: tuple[float, ...]


class Relative(msgspec.Struct, frozen=True, tag="relative"):
    """Bins that widen with their values, so that one value stands for all of a bin with a relative error.

    The bins of DDSketch (Masson, Rim and Lee 2019, section 2.2), of a declared range: between `least * g^i` and
    `least * g^(i+1)` with g = (1 + accuracy) / (1 - accuracy), mirrored below zero, and one bin for what is nearer to
    zero than `least`. What is beyond `greatest` falls into the last bin.

    Attributes:
        accuracy: the greatest relative error within the range.
        least: the least magnitude that is told from zero.
        greatest: the greatest magnitude that is told from greater ones.
    """

    accuracy: float
    least: float
    greatest: float


class Categories(msgspec.Struct, frozen=True, tag="categories"):
    """A bin for each of some declared values; other values are not counted.

    Attributes:
        values: the values, all of them texts, numbers or truth values.
    """

    values: tuple[Scalar, ...]


class Hashes(msgspec.Struct, frozen=True, tag="hashes"):
    """Bins that values are spread over by a hash.

    Attributes:
        count: how many, a power of two.
    """

    count: int


Bins: TypeAlias = Edges | Relative | Categories | Hashes


def count_bins(bins: Bins) -> int:
    """Return how many bins there are."""
    match bins:
        case Edges(edges=edges):
            return len(edges) + 1
        case Relative():
            return len(_spread(bins)[0]) + 1
        case Categories(values=values):
            return len(values)
        case Hashes(count=count):
            return count


def place(bins: Bins, vector: Vector) -> Ints:
    """Return the bin of each value, `OUTSIDE` where it is missing or no bin is for it.

    Args:
        bins: the bins.
        vector: values of shape (n,); numbers for edges and relative bins.

    Raises:
        ValueError: if text is to be compared with numbers, or the declared values are of another kind than the column;
            for embeddings.
    """
    if vector.values.dtype.kind == "V":
        raise ValueError("an embedding is no number, text or condition")
    if isinstance(bins, Categories):
        placed = _place_categories(bins.values, vector)
    elif isinstance(bins, Hashes):
        placed = (_hash(vector) >> np.uint64(65 - bins.count.bit_length())).astype(np.int64)
    else:
        if vector.values.dtype.kind == "O":
            raise ValueError("text has no place among numbers")
        edges = np.array(edges_of(bins))
        placed = np.searchsorted(edges, vector.values.astype(np.float64), side="right").astype(np.int64)
    return np.where(vector.valid, placed, OUTSIDE)


def edges_of(bins: Edges | Relative) -> tuple[float, ...]:
    """Return the numbers between the bins, ascending."""
    return bins.edges if isinstance(bins, Edges) else _spread(bins)[0]


def middles_of(bins: Relative) -> tuple[float, ...]:
    """Return the number that stands for all values of each bin."""
    return _spread(bins)[1]


def rank_of(share: float, count: int) -> int:
    """Return the place, from 0, of the value that stands for a quantile among some in order: floor(share * (n - 1)).

    Args:
        share: the quantile in whole millionths, so that the place is exact.
        count: how many values there are, at least 1.
    """
    return round(share * 1e6) * (count - 1) // 1_000_000


def ranks_of(share: float, count: Ints) -> Ints:
    """Return what `rank_of` does, for many counts at once."""
    return round(share * 1e6) * (count - 1) // 1_000_000


def value_at(bins: Edges | Relative, found: int, inside: int, count: int) -> float:
    """Return the number that stands for one of the values of a bin.

    In a relative bin it is the one whose relative error is the least at both ends. Between edges the values of a bin
    are taken to lie at even distances, `lower + (upper - lower) * (inside + 1/2) / count`; in the two outer bins it is
    the edge.

    Args:
        bins: the bins.
        found: the bin.
        inside: the place of the value among those of its bin, from 0.
        count: how many values the bin has.
    """
    if isinstance(bins, Relative):
        return _spread(bins)[1][found]
    edges = bins.edges
    if found in (0, len(edges)):
        return edges[0] if found == 0 else edges[-1]
    lower, upper = edges[found - 1], edges[found]
    return lower + (upper - lower) * ((inside + 0.5) / count)


def values_at(bins: Edges | Relative, found: Ints, inside: Ints, count: Ints) -> NDArray[np.float64]:
    """Return what `value_at` does, for many values at once and to the bit."""
    if isinstance(bins, Relative):
        return np.array(_spread(bins)[1])[found]
    edges = np.array(bins.edges)
    lower, upper = edges[np.maximum(found - 1, 0)], edges[np.minimum(found, len(edges) - 1)]
    return lower + (upper - lower) * ((inside + 0.5) / count)


@lru_cache(maxsize=64)
def estimates(count: int) -> tuple[float, ...]:
    """Return how many different values there are likely to be for each number of hashed bins that hold some.

    Linear counting (Whang, Vander-Zanden and Taylor 1990, equation 1): -B ln(z), z being the share of the B bins that
    are empty. Where none is, half a bin is taken for empty.

    Args:
        count: how many bins there are.

    Returns:
        float[count + 1], at the number of bins that hold a value.
    """
    found = [0.0]
    with decimal.localcontext(prec=40):
        for filled in range(1, count + 1):
            empty = decimal.Decimal(count - filled) if filled < count else decimal.Decimal("0.5")
            # Logarithms of a library may differ in their last bit between machines; these do not.
            found.append(float(-count * (empty / count).ln()))
    return tuple(found)


def check_categories(values: Sequence[object]) -> str | None:
    """Return what is wrong with declared values, None if nothing is."""
    if not 1 <= len(values) <= MOST:
        return f"{len(values)} values are declared, and there may be 1 to {MOST}"
    kinds = {bool if type(v) is bool else float if type(v) in (int, float) else type(v) for v in values}
    if len(kinds) > 1 or not kinds <= {bool, float, str}:
        return "the values declared are not all texts, all numbers or all truth values"
    return "a value is declared twice" if len(set(values)) < len(values) else None


def kind_of_categories(values: Sequence[Scalar]) -> Kind:
    """Return the kind of column that declared values make."""
    kinds: list[Kind] = [kind_of_scalar(value) for value in values]
    return "float" if "float" in kinds else kinds[0]


def column_of(values: Sequence[Scalar]) -> NDArray[Any]:
    """Return declared values as a column."""
    dtypes = {"bool": np.bool_, "int": np.int64, "float": np.float64, "text": np.object_}
    return np.array(values, dtype=dtypes[kind_of_categories(values)])


@lru_cache(maxsize=64)
def _spread(bins: Relative) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the edges of relative bins, and the value of each bin."""
    growth = (1 + bins.accuracy) / (1 - bins.accuracy)
    above = [bins.least]
    while above[-1] < bins.greatest and len(above) <= MOST:
        above.append(above[-1] * growth)
    middles = [edge * (2 * growth / (1 + growth)) for edge in above]
    # The mirror of a bin holds its edge that is nearer to zero, and not the other one.
    edges = (*(math.nextafter(-edge, math.inf) for edge in reversed(above)), *above)
    return edges, (*(-value for value in reversed(middles)), 0.0, *middles)


def _place_categories(values: tuple[Scalar, ...], vector: Vector) -> Ints:
    kind, texts = vector.values.dtype.kind, isinstance(values[0], str)
    if (kind == "O") != texts or (kind == "b") != isinstance(values[0], bool):
        said = {"O": "text", "b": "a condition"}.get(kind, "a number")
        raise ValueError(f"{values[0]!r} is none of its values: it is {said}")
    placed = np.full(len(vector.values), OUTSIDE, dtype=np.int64)
    for number, value in enumerate(values):
        placed[np.asarray(vector.values == value, dtype=np.bool_)] = number
    return placed


def _hash(vector: Vector) -> NDArray[np.uint64]:
    """Return 64 bits of each value that tell nothing of its neighbours; zeros of both signs are one."""
    values: NDArray[Any] = vector.values
    if values.dtype.kind == "O":
        texts = np.where(vector.valid, values, "")
        codes = {text: _hash_text(text) for text in set(texts.tolist())}
        return np.array([codes[text] for text in texts.tolist()], dtype=np.uint64)
    floats = values.dtype.kind == "f"
    word = (
        (values.astype(np.float64) + 0.0).view(np.uint64) if floats else values.astype(np.int64).view(np.uint64)
    ) + 0
    for shift, factor in MIXES:
        word = (word ^ (word >> np.uint64(shift))) * np.uint64(factor)
    return word


def _hash_text(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")

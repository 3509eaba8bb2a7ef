"""Whole numbers of up to 126 bits and a sign, in NumPy, for sums that 64 bits do not hold.

A wide number is kept as *limbs* of 32 bits, each with the sign of the whole and each summed in an int64 of its own, so
that adding up costs what it does for small numbers. Once a sum is complete it is put together and rounded once, to the
same double that Python's `float` gives for the same whole number.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Words = NDArray[np.uint64]

LIMBS: Final = 4
"""How many limbs a wide number has, the least first."""
MOST_EVENTS: Final = 1 << 31
"""How many numbers may be added up limb by limb before a limb could overflow."""
_LIMB: Final = np.uint64(32)
_MASK: Final = np.uint64(0xFFFFFFFF)
_FIT: Final = 1 << 127


@dataclass(frozen=True, slots=True, eq=False)
class Wide:
    """Numbers without a sign below 2^127, `high * 2^64 + low`.

    Attributes:
        high: uint64[n].
        low: uint64[n].
    """

    high: Words
    low: Words


def split(values: Ints, shift: Ints | int = 0) -> Ints:
    """Split whole numbers, each moved to the left by some bits, into limbs.

    Args:
        values: int64[n].
        shift: by how many bits, 0 to 63.

    Returns:
        int64[n, LIMBS], limbs with the sign of the number.
    """
    size = magnitude(values)
    moved = np.asarray(shift, dtype=np.uint64)
    low = size << moved
    # A shift by 64 bits means nothing, so it is done in two steps.
    high = (size >> np.uint64(1)) >> (np.uint64(63) - moved)
    return limbs_of(Wide(high, low)) * np.sign(values)[:, None]


def split_square(values: Ints) -> Ints:
    """Split the squares of whole numbers into limbs; int64[n, LIMBS]."""
    size = magnitude(values)
    return limbs_of(multiply(size, size))


def join(limbs: Ints) -> tuple[Wide, NDArray[np.bool_]]:
    """Put sums of limbs together.

    Args:
        limbs: int64[n, LIMBS], what the limbs add up to.

    Returns:
        The magnitudes of the numbers, and which of them are below zero; they have to be below 2^127.
    """
    carry = np.zeros(limbs.shape[0], dtype=np.int64)
    words: list[Words] = []
    for place in range(LIMBS):
        # What is above a limb's 32 bits, rounded down, belongs to the next one.
        total = limbs[:, place] + carry
        words.append(total.view(np.uint64) & _MASK)
        carry = total >> np.int64(32)
    low, high = words[0] | (words[1] << _LIMB), words[2] | (words[3] << _LIMB)
    negative = carry < 0
    # Two's complement: minus x is not-x and one more.
    low, high = np.where(negative, ~low + np.uint64(1), low), np.where(negative, ~high, high)
    high += (negative & (low == 0)).astype(np.uint64)
    return Wide(high, low), negative


def magnitude(values: Ints) -> Words:
    """Return whole numbers without their sign, the least int64 too."""
    return np.abs(values).view(np.uint64)


def multiply(left: Words, right: Words) -> Wide:
    """Multiply numbers of 64 bits (Knuth 1997, The Art of Computer Programming 2, 4.3.1, algorithm M)."""
    a, b, c, d = left >> _LIMB, left & _MASK, right >> _LIMB, right & _MASK
    least, one, other, most = b * d, a * d, b * c, a * c
    middle = (least >> _LIMB) + (one & _MASK) + (other & _MASK)
    low = (middle << _LIMB) | (least & _MASK)
    high = most + (one >> _LIMB) + (other >> _LIMB) + (middle >> _LIMB)
    return Wide(high, low)


def scale(wide: Wide, factor: Words) -> Wide:
    """Multiply wide numbers by small ones; the products have to be below 2^127."""
    low = multiply(wide.low, factor)
    return Wide(low.high + wide.high * factor, low.low)


def subtract(left: Wide, right: Wide) -> Wide:
    """Subtract wide numbers from others that are not less."""
    borrow = (left.low < right.low).astype(np.uint64)
    return Wide(left.high - right.high - borrow, left.low - right.low)


def shift_left(wide: Wide, bits: Ints) -> Wide:
    """Move numbers to the left by 0 to 63 bits; the results have to be below 2^127."""
    moved = bits.astype(np.uint64)
    carried = (wide.low >> np.uint64(1)) >> (np.uint64(63) - moved)
    return Wide((wide.high << moved) | carried, wide.low << moved)


def to_float(wide: Wide) -> NDArray[np.float64]:
    """Round to the nearest double, halves to even; what Python's `float` gives for the same whole number."""
    # The exponent of a number that was rounded up may be one too great: there is room for that.
    bits = np.frexp(wide.high.astype(np.float64))[1].clip(0, 63).astype(np.uint64)
    down = (np.uint64(63) - bits) & np.uint64(63)
    kept = ((wide.high << down) << np.uint64(1)) | (wide.low >> bits)
    lost = wide.low & ((np.uint64(1) << bits) - np.uint64(1))
    # A last bit that says whether anything was lost settles which way a half is rounded.
    kept |= (lost != 0).astype(np.uint64)
    return np.ldexp(kept.astype(np.float64), bits.astype(np.int32))


def limbs_of(wide: Wide) -> Ints:
    """Return the limbs of numbers without a sign; int64[n, LIMBS]."""
    words = [wide.low & _MASK, wide.low >> _LIMB, wide.high & _MASK, wide.high >> _LIMB]
    return np.stack(words, axis=1).astype(np.int64)


def fits(bound: int) -> bool:
    """Tell whether a number, and so all that are not greater, can be a wide one."""
    return bound < _FIT

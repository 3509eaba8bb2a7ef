"""Sums that fade with time, exact until they are read.

An event at t weighs `2^(-(T - t) / h)` at T, h being the half-life. With `t = (k + f) h`, k whole and 0 <= f < 1, that
is `2^(k - K) * 2^f * 2^-F`. The middle factor belongs to the event alone: `q = round(x * 2^f)` is a whole number of
units, fixed once and for all. The powers of two move whole numbers about. So what fades is the exact whole number

    M(T) = sum of q * 2^(63 - (K - k)) over the events with K - 63 <= k <= K,

and only `M(T) * 2^-63 * 2^-F / unit` is rounded. An event leaves M when T reaches its 64th period, whatever the order
in which events came: at that instant it weighs at most 2^-63.

For that M is kept in *blocks* of 64 periods. An event of period k adds `q * 2^(k mod 64)` to the lanes of the blocks
with the parity of its own, as limbs of 32 bits (`maths/wide.py`): lanes are sums, as all that the store keeps. The
period K - 63 begins a window over lanes whose events are of two blocks, one of each parity, and M is the one moved up
plus the other moved down, without a remainder.
"""

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from shipway.maths import wide

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_Real = TypeVar("_Real", float, NDArray[Any])

PERIODS: Final = 64
"""After so many half-lives an event counts no longer."""
LANES: Final = 2 * wide.LIMBS
"""What an event adds to: limbs of even blocks, then limbs of odd ones."""
ULP: Final = 1.25
"""By how many units in the last place `power` may be off."""
LONGEST_US: Final = 1 << 50
"""The longest half-life, some 35 years, for which all steps stay within 64 bits."""

STEPS: Final = 128
"""Into how many steps a half-life is cut."""
_BITS: Final = 160


def _roots() -> tuple[float, ...]:
    """Return 2^(i / 128) rounded to the nearest double, from whole numbers of 160 bits after the point."""
    root = 2 << _BITS
    for _ in range(STEPS.bit_length() - 1):
        root = math.isqrt(root << _BITS)
    powers, value = [1.0], 1 << _BITS
    for _ in range(STEPS):
        value = value * root >> _BITS
        powers.append(float(Fraction(value, 1 << _BITS)))
    return (*powers[:-1], 2.0)


ROOTS: Final = _roots()
"""The powers of two at the beginning of each step, and at the end of the last."""
_ARRAY: Final = np.array(ROOTS)
LOG: Final = math.log(2) / STEPS
"""The natural logarithm of what a sum grows by in a step."""
SERIES: Final = (1 / 2, 1 / 6, 1 / 24, 1 / 120, 1 / 720)
"""The factors of `_tail` after the first, which is 1."""


def power(rest: int, half_us: int) -> float:
    """Return 2^(rest / half) for 0 <= rest <= half, within `ULP` units in the last place.

    A table of 2^(i/128) and the polynomial of degree six that begins the series of e^x - 1 (Tang 1989, "Table-driven
    implementation of the exponential function"). Only multiplications and additions of doubles, none of them fused.
    """
    step, left = divmod(rest * STEPS, half_us)
    x = left / half_us * LOG
    root = ROOTS[step]
    return root + root * (x * _tail(x))


def powers(rest: Ints, half_us: int) -> Floats:
    """Return what `power` does, for many at once and to the bit."""
    step, left = np.divmod(rest * np.int64(STEPS), np.int64(half_us))
    x = left / np.float64(half_us) * LOG
    root = _ARRAY[step]
    return root + root * (x * _tail(x))


def split_events(units: Ints, instants: Ints, half_us: int) -> Ints:
    """Return what events add to the lanes.

    Args:
        units: int64[n], the value of each in units, at most 2^53 from 0.
        instants: int64[n], when each became known, microseconds since 1970 UTC.
        half_us: the half-life.

    Returns:
        int64[n, LANES].
    """
    period, rest = np.divmod(instants, np.int64(half_us))
    weighed = np.rint(units.astype(np.float64) * powers(rest, half_us)).astype(np.int64)
    limbs = wide.split(weighed, period % PERIODS)
    odd = ((period // PERIODS) % 2 == 1)[:, None]
    return np.concatenate([np.where(odd, 0, limbs), np.where(odd, limbs, 0)], axis=1)


def lower_edge(instant: int, half_us: int) -> int:
    """Return the instant that the window over the lanes begins after: the last before the 64th period back."""
    return (instant // half_us - (PERIODS - 1)) * half_us - 1


def conclude(lanes: Sequence[int], instant: int, half_us: int, unit: float) -> float:
    """Return the faded sum at an instant.

    Args:
        lanes: what the events after `lower_edge` and up to the instant add up to.
        instant: as of when.
        half_us: the half-life.
        unit: how many units make one.
    """
    period, rest = divmod(instant, half_us)
    block, place = divmod(period, PERIODS)
    sums = [sum(limb << 32 * at for at, limb in enumerate(half)) for half in (lanes[: wide.LIMBS], lanes[wide.LIMBS :])]
    exact = (sums[block % 2] << (PERIODS - 1 - place)) + (sums[1 - block % 2] >> (place + 1))
    return float(exact) * 2.0**-PERIODS * power(half_us - rest, half_us) / unit


def conclude_all(lanes: Ints, instants: Ints, half_us: int, unit: float) -> Floats:
    """Return what `conclude` does, for many at once and to the bit; lanes are int64[n, LANES]."""
    period, rest = np.divmod(instants, np.int64(half_us))
    block, place = np.divmod(period, np.int64(PERIODS))
    odd = (block % 2 == 1)[:, None]
    even_limbs, odd_limbs = lanes[:, : wide.LIMBS], lanes[:, wide.LIMBS :]
    this, last = np.where(odd, odd_limbs, even_limbs), np.where(odd, even_limbs, odd_limbs)
    exact, negative = wide.join(_move(this, PERIODS - 1 - place) + _move_down(last, place + 1))
    size = wide.to_float(exact)
    signed = np.where(negative, -size, size)
    return signed * 2.0**-PERIODS * powers(half_us - rest, half_us) / unit


def _move(limbs: Ints, bits: Ints) -> Ints:
    """Move sums of limbs up by 0 to 63 bits, and return limbs."""
    return _signed(*wide.join(limbs), up=bits)


def _move_down(limbs: Ints, bits: Ints) -> Ints:
    """Move sums of limbs down by 1 to 64 bits, which loses nothing here, and return limbs."""
    size, negative = wide.join(limbs)
    rest = (bits - 1).astype(np.uint64)
    # By one bit first, for a shift by 64 means nothing.
    high, low = size.high >> np.uint64(1), (size.low >> np.uint64(1)) | (size.high << np.uint64(63))
    carried = (high << np.uint64(1)) << (np.uint64(63) - rest)
    carried = np.where(rest == 0, np.uint64(0), carried)
    return _signed(wide.Wide(high >> rest, (low >> rest) | carried), negative)


def _signed(size: wide.Wide, negative: NDArray[np.bool_], up: Ints | None = None) -> Ints:
    moved = size if up is None else wide.shift_left(size, up)
    return wide.limbs_of(moved) * np.where(negative, -1, 1)[:, None]


def _tail(x: _Real) -> _Real:
    """Return (e^x - 1) / x as its series, of the same operations whether x is one number or many."""
    return 1.0 + x * (1 / 2 + x * (1 / 6 + x * (1 / 24 + x * (1 / 120 + x * (1 / 720)))))

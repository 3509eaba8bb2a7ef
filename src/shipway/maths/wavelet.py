"""Order statistics of any run of an array, many runs at once, without looking at what is in them.

A wavelet matrix (Claude, Navarro and Ordonez 2015, "The wavelet matrix", section 3) keeps, bit by bit from the highest,
how many of the first i numbers have the bit clear, and orders the numbers by that bit before the next. A question about
a run becomes a question about a shorter run at each bit: O(log m) for numbers below m, however long the run is.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Wavelet:
    """An array of n whole numbers, ready to be asked about.

    Attributes:
        zeros: for each bit, from the highest: int64[n + 1], how many of the first i numbers have it clear, in the order
            that the bits before leave.
    """

    zeros: tuple[Ints, ...]


def build_wavelet(numbers: Ints, end: int) -> Wavelet:
    """Make an array ready; O(n log end) time and memory.

    Args:
        numbers: int64[n], each from 0 to below `end`.
        end: what all numbers are below, at least 1.
    """
    levels: list[Ints] = []
    for bit in reversed(range(max(1, (end - 1).bit_length()))):
        clear = (numbers >> bit) & 1 == 0
        zeros = np.zeros(len(numbers) + 1, dtype=np.int64)
        np.cumsum(clear, out=zeros[1:])
        levels.append(zeros)
        numbers = np.concatenate([numbers[clear], numbers[~clear]])
    return Wavelet(tuple(levels))


def find_ranked(wavelet: Wavelet, low: Ints, high: Ints, rank: Ints) -> tuple[Ints, Ints, Ints]:
    """Find in each run the number that has a place when the run is put in order.

    Args:
        wavelet: the array.
        low: int64[q], where each run begins.
        high: int64[q], one past where it ends.
        rank: int64[q], the place, from 0 to below the length of the run; what is found for another means nothing.

    Returns:
        `(number, inside, count)`: the number, the place among the numbers of the run that are equal to it, and how many
        those are.
    """
    number = np.zeros(len(low), dtype=np.int64)
    for zeros in wavelet.zeros:
        below_low, below_high = zeros[low], zeros[high]
        clear = below_high - below_low
        one = rank >= clear
        total = int(zeros[-1])
        low = np.where(one, total + low - below_low, below_low)
        high = np.where(one, total + high - below_high, below_high)
        rank = np.where(one, rank - clear, rank)
        number = number * 2 + one
    return number, rank, high - low


def count_below(wavelet: Wavelet, low: Ints, high: Ints, bound: Ints) -> Ints:
    """Count in each run the numbers below a bound.

    Args:
        wavelet: the array.
        low: int64[q], where each run begins.
        high: int64[q], one past where it ends.
        bound: int64[q], each from 0 to below the end that the array was made for.
    """
    count = np.zeros(len(low), dtype=np.int64)
    bits = len(wavelet.zeros)
    for level, zeros in enumerate(wavelet.zeros):
        below_low, below_high = zeros[low], zeros[high]
        one = (bound >> (bits - 1 - level)) & 1 == 1
        count += np.where(one, below_high - below_low, 0)
        total = int(zeros[-1])
        low = np.where(one, total + low - below_low, below_low)
        high = np.where(one, total + high - below_high, below_high)
    return count

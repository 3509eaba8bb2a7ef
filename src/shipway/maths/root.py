"""Where a rising function is 0."""

import math
from collections.abc import Callable
from typing import Final

_MOST_STEPS: Final = 200


def find_root(function: Callable[[float], float], low: float, high: float) -> float:
    """Return where a rising function is 0 between two ends.

    Ridders 1979, "A New Algorithm for Computing a Single Root of a Real Continuous Function": a false position on the
    function times the exponential that straightens it, kept between the ends, until no float lies between them or two
    guesses agree to 12 digits and the sign changes around the second.

    Returns:
        The lower end if the function is not below 0 there, the upper one if it is not above 0 there.
    """
    below, above = function(low), function(high)
    if below >= 0 or above <= 0:
        return low if below >= 0 else high
    last = math.nan
    for _ in range(_MOST_STEPS):
        middle = (low + high) / 2
        value = function(middle)
        if value == 0 or middle in (low, high):
            return middle
        guess = middle - (middle - low) * value / math.sqrt(value * value - below * above)
        near = 1e-12 * max(1.0, abs(guess))
        if abs(guess - last) <= near and function(guess - near) <= 0 <= function(guess + near):
            return guess
        last = guess
        for place, found in ((middle, value), (guess, function(guess))):
            if low < place < high:
                low, below, high, above = (low, below, place, found) if found >= 0 else (place, found, high, above)
        if above == 0:
            return high
    return (low + high) / 2

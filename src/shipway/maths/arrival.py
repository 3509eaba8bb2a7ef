"""When requests are due: arrivals at a rate that changes in time, drawn before anything is sent.

Both kinds are events of a process with rate 1 carried through the inverse of the expected count (Cinlar 1975,
"Introduction to Stochastic Processes", section 4.7): evenly spaced ones give a constant pace, those with exponential
gaps a Poisson process. A request that is late moves none of those after it, which is what makes the load an open one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Arrivals: TypeAlias = Literal["poisson", "constant"]
BLOCK: Final = 4_096
"""Arrivals that are drawn at a time, so that a load of hours takes no more memory than one of seconds."""
_NS: Final = 1e9


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a load, in which the rate goes straight from one value to another.

    Attributes:
        seconds: how long it lasts, above 0.
        start: requests a second at its begin, 0 or more.
        end: requests a second at its end.
    """

    seconds: float
    start: float
    end: float

    @property
    def expected(self) -> float:
        """Return how many requests are expected in it."""
        return self.seconds * (self.start + self.end) / 2


def draw_arrivals(stretches: Sequence[Stretch], kind: Arrivals, seed: int) -> Iterator[NDArray[np.int64]]:
    """Yield when requests are due, in blocks, nanoseconds from the begin of the load, ascending.

    Args:
        stretches: the rate over time.
        kind: at a constant pace, or as a Poisson process.
        seed: of the Poisson process.
    """
    chance = np.random.default_rng(seed)
    before = np.concatenate([[0.0], np.cumsum([each.expected for each in stretches])])
    begins = np.concatenate([[0.0], np.cumsum([each.seconds for each in stretches])])
    reached, number = 0.0, 0
    while reached < before[-1]:
        if kind == "constant":
            counts = np.arange(number, number + BLOCK, dtype=np.float64)
        else:
            counts = reached + np.cumsum(chance.exponential(1.0, BLOCK))
        reached, number = float(counts[-1]) + (1.0 if kind == "constant" else 0.0), number + BLOCK
        counts = counts[counts < before[-1]]
        if counts.size:
            yield np.rint(_invert(stretches, before, begins, counts) * _NS).astype(np.int64)


def _invert(
    stretches: Sequence[Stretch], before: NDArray[np.float64], begins: NDArray[np.float64], counts: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return at which second each count is expected to be reached.

    In a stretch of T seconds from rate a to b, a t + (b - a) t^2 / (2 T) requests are expected by t; the root is
    written so that nothing cancels where the rate does not change.
    """
    place = np.clip(np.searchsorted(before, counts, side="right") - 1, 0, len(stretches) - 1)
    start = np.array([each.start for each in stretches])[place]
    slope = np.array([(each.end - each.start) / each.seconds for each in stretches])[place]
    more = counts - before[place]
    root = start + np.sqrt(np.maximum(start * start + 2 * slope * more, 0.0))
    # A stretch that begins at rate 0 has its first arrival at its begin.
    return begins[place] + np.divide(2 * more, root, out=np.zeros_like(more), where=root > 0)

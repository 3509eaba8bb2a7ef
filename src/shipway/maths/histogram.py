"""Counts of durations in bins whose width grows with what they hold: bounded memory, bounded relative error.

Each octave, from one power of two of nanoseconds to the next, is cut into 128 equal bins. A duration is told as the
middle of its bin, which is off by at most one part in 256 of it (.4 %), from 256 ns to 275 s; what lies outside is
counted in the first or the last bin. Counts of two histograms add up, so any number of them is one.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

CUTS: Final = 128
"""Bins of an octave."""
FIRST: Final = 8
"""The power of two of nanoseconds that the first octave begins at."""
OCTAVES: Final = 30
BINS: Final = CUTS * OCTAVES
RELATIVE_ERROR: Final = 1 / (2 * CUTS)
"""By which share of it a duration inside the range may be told wrongly."""

Counts = NDArray[np.integer[Any]]


def find_bins(ns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the bin of each duration, int64 of nanoseconds."""
    bounded = np.clip(ns, 1 << FIRST, (1 << (FIRST + OCTAVES)) - 1)
    mantissa, exponent = np.frexp(bounded.astype(np.float64))
    # frexp gives a mantissa from one half: twice it, less one, is the place within the octave.
    within = ((2 * mantissa - 1) * CUTS).astype(np.int64)
    return np.minimum((exponent.astype(np.int64) - 1 - FIRST) * CUTS + within, BINS - 1)


def bin_middles() -> NDArray[np.float64]:
    """Return the middle of each bin, nanoseconds, float64[BINS]."""
    octave, within = np.divmod(np.arange(BINS), CUTS)
    return np.ldexp(1 + (within + 0.5) / CUTS, octave + FIRST)


def find_quantile(counts: Counts, share: float) -> float:
    """Return the least duration that a share of those counted does not exceed, nanoseconds; NaN where none is counted.

    Args:
        counts: integer[BINS].
        share: from 0 to 1.
    """
    reached = np.cumsum(counts)
    total = int(reached[-1])
    if not total:
        return float("nan")
    rank = min(max(int(np.ceil(share * total - 1e-9)), 1), total)
    return float(bin_middles()[int(np.searchsorted(reached, rank))])


def count_above(counts: Counts, ns: float) -> NDArray[np.int64]:
    """Return how many of those counted exceed a duration, of each histogram of integer[..., BINS].

    What is in the bin of the duration itself does not exceed it; told from outside, the error is that of the bins.
    """
    last = int(find_bins(np.array([int(ns)]))[0])
    return counts[..., last + 1 :].sum(axis=-1, dtype=np.int64)

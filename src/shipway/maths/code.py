"""Dense codes: whole numbers that name groups, renumbered without gaps so that `bincount` can group by them."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

# Below this many possible codes a table of all of them is cheaper than a sort, whatever the number of rows.
_SMALL: Final = 1 << 16


def compact(codes: NDArray[np.integer[Any]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Renumber codes 0, 1, 2, ... in ascending order, leaving out those that do not occur.

    Args:
        codes: integer[n], each 0 or more.

    Returns:
        `(levels, index)`: the codes that occur, int64[k] ascending, and per row where its code stands in `levels`,
        int64[n]. The same as `np.unique(codes, return_inverse=True)`, without the sort where codes are nearly dense.

    Raises:
        ValueError: if the codes are not a column of integers or one is negative.
    """
    if codes.ndim != 1 or codes.dtype.kind not in "iu":
        raise ValueError(f"codes are {codes.dtype}{list(codes.shape)}, not a column of integers")
    if codes.size and int(codes.min()) < 0:
        raise ValueError("a code is negative: a null is not a group, leave its row out or give it a code of its own")
    if codes.size and int(codes.max()) >= max(_SMALL, 4 * codes.size):
        levels, index = np.unique(codes, return_inverse=True)
        return levels.astype(np.int64), index.astype(np.int64, copy=False)
    occurs = np.bincount(codes) > 0
    return np.flatnonzero(occurs).astype(np.int64, copy=False), (np.cumsum(occurs) - 1)[codes]


def locate(levels: NDArray[np.int64], codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return where each code stands in the levels that `compact` found among others, -1 where it is none of them.

    Args:
        levels: int64[k], ascending, each 0 or more.
        codes: int64[n], of any sign.
    """
    if not levels.size:
        return np.full(codes.size, -1, dtype=np.int64)
    last = int(levels[-1])
    if last < max(_SMALL, 4 * codes.size):
        places = np.full(last + 2, -1, dtype=np.int64)
        places[levels] = np.arange(levels.size)
        # The last place belongs to no level; every code without one is sent there.
        return places.take(np.where((codes < 0) | (codes > last), last + 1, codes))
    index = np.searchsorted(levels, codes)
    index[index == levels.size] = 0
    return np.where(levels.take(index) == codes, index, -1)


def order_codes(codes: NDArray[np.integer[Any]], end: int) -> NDArray[np.int64]:
    """Return the positions of codes in ascending order, equal ones in the order of the input.

    NumPy sorts integers of 16 bits by counting, in time that grows with their number alone, so wider ones are sorted by
    their lower and then by their upper half (a radix sort: Knuth 1998, "The Art of Computer Programming", 5.2.5).

    Args:
        codes: integer[n], each -1 or more.
        end: one more than the greatest code.
    """
    if end >= (1 << 32) - 1:
        return np.argsort(codes, kind="stable").astype(np.int64, copy=False)
    if end < 1 << 16:
        return _order_halves((codes + 1).astype(np.uint16))
    wide = (codes + 1).astype(np.uint32)
    order = _order_halves((wide & np.uint32(0xFFFF)).astype(np.uint16))
    return order.take(_order_halves((wide >> np.uint32(16)).astype(np.uint16).take(order)))


def _order_halves(halves: NDArray[np.uint16]) -> NDArray[np.int64]:
    return np.argsort(halves, kind="stable").astype(np.int64, copy=False)

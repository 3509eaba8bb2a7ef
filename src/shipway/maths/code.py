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

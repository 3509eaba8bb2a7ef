"""Instants sorted once, so that everything that is about them need not be sorted again for each entity."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
AnyInts = NDArray[np.integer[Any]]


@dataclass(frozen=True, eq=False)
class Instants:
    """Instants of n events or questions, in order of time.

    Attributes:
        order: int64[n], for each in order its position in the original input; None where that is in order already.
        ordered: int64[n], the instants in that order, microseconds since 1970 UTC.
    """

    order: Ints | None
    ordered: Ints

    @property
    def size(self) -> int:
        """Return how many there are."""
        return self.ordered.size

    @cached_property
    def ranks(self) -> AnyInts:
        """Return integer[n], for each in order the index of its instant in `unique`."""
        ranks = np.cumsum(self._begins, dtype=index_type(self.size))
        ranks -= 1
        return ranks

    @cached_property
    def unique(self) -> Ints:
        """Return int64[u], the instants that occur, ascending."""
        return self.ordered[self._begins]

    @property
    def _begins(self) -> NDArray[np.bool_]:
        begins = np.ones(self.size, dtype=np.bool_)
        np.not_equal(self.ordered[1:], self.ordered[:-1], out=begins[1:])
        return begins


def sort_instants(instants: AnyInts, ties: AnyInts | None = None) -> Instants:
    """Sort instants, which costs little where they are in order already.

    Args:
        instants: integer[n], microseconds since 1970 UTC.
        ties: integer[n], which of several of one instant comes later (greater is later). Those equal in this too keep
            the order of the input.

    Raises:
        ValueError: if the arrays differ in length or are not integers that fit in int64.
    """
    instants = check_integers("instants", instants)
    ties = None if ties is None else check_integers("ties", ties, size=instants.size)
    order = None
    if not _is_sorted(instants, ties):
        # A sort that keeps the order of the input breaks ties by itself where they ascend in it.
        stable = ties is None or bool((ties[1:] >= ties[:-1]).all())
        order = np.argsort(instants, kind="stable") if stable else np.lexsort((ties, instants))  # pyright: ignore[reportArgumentType]
        order = order.astype(np.int64, copy=False)
        instants = instants.take(order)
    return Instants(order=order, ordered=instants)


def index_type(size: int) -> type[np.int32 | np.int64]:
    """Return the narrowest type for positions among so many, where very many are kept for long."""
    return np.int32 if size < 1 << 31 else np.int64


def check_integers(name: str, array: AnyInts, size: int | None = None) -> Ints:
    """Check that an array is one-dimensional, of integers that int64 holds, and of a size; return it as int64.

    Raises:
        ValueError: if it is not.
    """
    if not np.can_cast(array.dtype, np.int64, "safe") or array.dtype == np.bool_:
        raise ValueError(f"{name} is an array of {array.dtype}, not of integers that fit in int64")
    if array.ndim != 1 or size not in (None, array.size):
        raise ValueError(f"{name} has shape {array.shape}, not ({'n' if size is None else size},)")
    return array.astype(np.int64, copy=False)


def _is_sorted(instants: Ints, ties: Ints | None) -> bool:
    if not (instants[1:] >= instants[:-1]).all():
        return False
    return ties is None or bool(((ties[1:] >= ties[:-1]) | (instants[1:] > instants[:-1])).all())

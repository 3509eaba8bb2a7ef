"""Assignment of units to variants by a salted hash: no state, the same answer in every process."""

import hashlib
from functools import lru_cache
from typing import Any, Final

_KEPT: Final = 256
"""Salts whose digests are kept begun; a server splits for as many services."""


def place_unit(salt: str, unit: str) -> float:
    """Return where a unit stands in [0, 1): uniform over units, and independent between salts.

    The first 53 bits of BLAKE2b keyed by nothing and personalised by nothing, over the salt, a zero byte and the unit:
    53 bits are what a float64 holds exactly.

    Args:
        salt: what makes one split independent of another.
        unit: what is assigned as a whole, such as a customer.
    """
    digest = _begin(salt).copy()
    digest.update(unit.encode())
    return (int.from_bytes(digest.digest(), "big") >> 11) * 2.0**-53


@lru_cache(_KEPT)
def _begin(salt: str) -> Any:
    """Return a digest that has taken the salt and the zero byte; it is copied, and never used itself."""
    return hashlib.blake2b(f"{salt}\x00".encode(), digest_size=8)

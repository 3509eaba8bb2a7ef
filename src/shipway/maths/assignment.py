"""Assignment of units to variants by a salted hash: no state, the same answer in every process."""

import hashlib


def place_unit(salt: str, unit: str) -> float:
    """Return where a unit stands in [0, 1): uniform over units, and independent between salts.

    The first 53 bits of BLAKE2b keyed by nothing and personalised by nothing, over the salt, a zero byte and the unit:
    53 bits are what a float64 holds exactly.

    Args:
        salt: what makes one split independent of another.
        unit: what is assigned as a whole, such as a customer.
    """
    digest = hashlib.blake2b(f"{salt}\x00{unit}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) * 2.0**-53

"""One byte string for one value: canonical JSON and the SHA-256 digests made from it."""

import hashlib
from typing import Any, Final

import msgspec

_ENCODER: Final = msgspec.json.Encoder(order="deterministic")


def canonical_json(value: Any) -> bytes:
    """Encode a value as JSON with sorted keys and no white space, so that one value always gives the same bytes.

    A number that is not finite becomes null, as JSON has no other word for it; 1 and 1.0 are two values.

    Args:
        value: anything msgspec can encode: structs, mappings, sequences, numbers, text, bytes, datetimes.

    Returns:
        UTF-8 encoded JSON.

    Raises:
        TypeError: if the value holds something JSON cannot carry.
    """
    return _ENCODER.encode(value)


def digest_bytes(data: bytes) -> str:
    """Return the SHA-256 of some bytes as 64 lower-case hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def digest_value(value: Any) -> str:
    """Return the SHA-256 of a value's canonical JSON as 64 lower-case hexadecimal digits."""
    return digest_bytes(canonical_json(value))

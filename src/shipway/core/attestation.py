"""Statements about a bundle that are not its content: they name its digest, and it does not change by them."""

from typing import Any, Final

import msgspec

ATTESTED: Final = "attestations"
"""Folder of such statements, beside a bundle's files."""


class Attestation(msgspec.Struct, frozen=True, kw_only=True):
    """A statement about a bundle.

    Attributes:
        kind: what is said, such as `latency`; the file's name.
        bundle: digest of the bundle.
        body: what it says.
    """

    kind: str
    bundle: str
    body: dict[str, Any]


def read_attestation(data: bytes) -> Attestation | None:
    """Return a statement; None for one that has a form of its own, such as a signature."""
    try:
        return msgspec.json.decode(data, type=Attestation)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None

"""Signatures at the server: nothing of a bundle is loaded before one of the trusted keys is known to have signed it."""

import msgspec

from shipway.core.bundle import Manifest
from shipway.core.checksum import digest_files
from shipway.core.error import ShipwayError
from shipway.core.signature import refuse_unsigned
from shipway.ports.signature import Verifier
from shipway.serving.exported import Source


def check_signature(bundle: str, signature: str, blobs: Source, verifier: Verifier) -> None:
    """Refuse a bundle that none of the trusted keys signed.

    Args:
        bundle: digest of the bundle.
        signature: digest of its signature; empty where it is not signed.
        blobs: where both are.
        verifier: knows the trusted keys.

    Raises:
        ShipwayError: SW-511 without a signature, SW-512 or SW-513 for one that does not count, SW-502 for a manifest
            that cannot be read, SW-605 if one of the two is missing or damaged.
    """
    if not signature:
        raise refuse_unsigned(f"bundle {bundle[:12]}")
    try:
        manifest = msgspec.json.decode(blobs.get(bundle), type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        fact = f"bundle {bundle[:12]} has a manifest that cannot be read ({error})"
        raise ShipwayError(
            "SW-502", fact, "fetch the bundle again, or make it again with shipway run --force"
        ) from error
    verifier.verify(blobs.get(signature), digest_files(manifest, bundle))

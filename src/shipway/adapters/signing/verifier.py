"""Verifying signatures with `cryptography` alone, so that a server may do it and stay light."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec

from shipway.adapters.signing.key import CURVES, name_key, read_public_key
from shipway.core.error import ShipwayError
from shipway.core.signature import Signed, read_signature, refuse_signature


class KeyVerifier:
    """Trusts some public keys; it answers the port `Verifier`.

    The signature is ECDSA over the pre-authentication encoding of the envelope (DSSE protocol 1.0.0).
    """

    def __init__(self, keys: Sequence[Path]) -> None:
        """Read the keys that are trusted, each from a PEM file; SW-514 if one cannot be used."""
        self._keys = {name_key(key): key for key in map(read_public_key, keys)}

    def verify(self, signature: bytes, digests: Mapping[str, str]) -> str:
        """Verify a signature and return the name of the key it is by.

        Raises:
            ShipwayError: SW-512 if it is not a signature of these files, SW-513 if it is of a key not trusted here.
        """
        signed = read_signature(signature)
        signer = self._find_signer(signed)
        said = signed.compare(digests)
        if said:
            more = f", and {len(said) - 1} more" if len(said) > 1 else ""
            raise refuse_signature(f"is of other files: {said[0]}{more}")
        return signer

    def _find_signer(self, signed: Signed) -> str:
        if not signed.signer:
            found = (name for name, key in self._keys.items() if _proves(key, signed))
            if signer := next(found, None):
                return signer
        elif key := self._keys.get(signed.signer):
            if _proves(key, signed):
                return signed.signer
            raise refuse_signature("does not fit what it signs: one of the two was changed")
        trusted = ", ".join(name[:12] for name in self._keys)
        raise ShipwayError(
            "SW-513",
            f"the signature is by key {signed.signer[:12] or 'of no name'}, and trusted is {trusted or 'none'}",
            "verify it with the public half of the key it was signed with, or sign the bundle again with one of yours",
        )


def _proves(key: ec.EllipticCurvePublicKey, signed: Signed) -> bool:
    try:
        key.verify(signed.proof, signed.message, ec.ECDSA(CURVES[key.curve.name]))
    except InvalidSignature:
        return False
    return True

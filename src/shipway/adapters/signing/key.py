"""Elliptic curve keys in PEM files, as `openssl` writes them."""

import hashlib
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from shipway.core.error import ShipwayError

CURVES: Final[dict[str, hashes.HashAlgorithm]] = {
    "secp256r1": hashes.SHA256(),
    "secp384r1": hashes.SHA384(),
    "secp521r1": hashes.SHA512(),
}
"""Curve to the hash that messages are signed by with it, as Sigstore pairs them."""
_MAKE: Final = "make one with openssl ecparam -name prime256v1 -genkey -noout -out release.pem"


def read_public_key(path: Path) -> ec.EllipticCurvePublicKey:
    """Return the public key in a PEM file; SW-514 if there is none that can be used."""
    try:
        key = serialization.load_pem_public_key(_read(path))
    except (ValueError, UnsupportedAlgorithm) as error:
        hint = "name the public half: openssl ec -in release.pem -pubout -out release.pub"
        raise ShipwayError("SW-514", f"{path} holds no public key", hint) from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in CURVES:
        raise _wrong_kind(path)
    return key


def check_private_key(path: Path, password: bytes | None) -> None:
    """Refuse a PEM file with SW-514 unless it holds a private key that can sign."""
    try:
        key = serialization.load_pem_private_key(_read(path), password)
    except TypeError as error:
        said = "is locked by a password" if password is None else "is not locked, and a password was given for it"
        hint = "give the password of the key, and only where it has one, in SHIPWAY_KEY_PASSWORD"
        raise ShipwayError("SW-514", f"{path} {said}", hint) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        fact = f"{path} holds no private key" + (" that this password unlocks" if password else "")
        raise ShipwayError("SW-514", fact, _MAKE) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name not in CURVES:
        raise _wrong_kind(path)


def name_key(key: ec.EllipticCurvePublicKey) -> str:
    """Return the name of a public key: the SHA-256 of its PEM."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return hashlib.sha256(key.public_bytes(serialization.Encoding.PEM, form)).hexdigest()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ShipwayError("SW-514", f"{path} cannot be read ({error.strerror})", "name the key's PEM file") from error


def _wrong_kind(path: Path) -> ShipwayError:
    return ShipwayError("SW-514", f"the key in {path} is not one of P-256, P-384 or P-521", _MAKE)

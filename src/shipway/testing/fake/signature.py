"""Fakes of the ports Signer and Verifier: a keyed hash of the files' digests, which needs no library."""

import hmac
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from shipway.core.error import ShipwayError
from shipway.core.signature import Signed, refuse_signature
from shipway.kit.canonical import canonical_json, digest_bytes


def name_secret(secret: str) -> str:
    """Return the name of a key."""
    return digest_bytes(secret.encode())


class SecretSigner:
    """Signs with a secret that the verifier must know as well; it answers the port `Signer`."""

    def __init__(self, secret: str) -> None:
        """Keep the secret."""
        self._secret = secret

    def sign(self, folder: Path, *, beside: Sequence[str]) -> bytes:
        """Return a signature of every file below a folder but those beside its content."""
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        named = {path.relative_to(folder): path for path in paths if path.relative_to(folder).parts[0] not in beside}
        digests = {path.as_posix(): digest_bytes(file.read_bytes()) for path, file in named.items()}
        message = canonical_json(digests)
        signed = Signed(
            signer=name_secret(self._secret), message=message, proof=_prove(self._secret, message), digests=digests
        )
        return canonical_json(signed)


class SecretVerifier:
    """Trusts some secrets; it answers the port `Verifier`."""

    def __init__(self, secrets: Sequence[str]) -> None:
        """Keep the secrets by their names."""
        self._secrets = {name_secret(secret): secret for secret in secrets}

    def verify(self, signature: bytes, digests: Mapping[str, str]) -> str:
        """Verify a signature and return the name of the secret it is by.

        Raises:
            ShipwayError: SW-512 if it is not a signature of these files, SW-513 if it is by a secret not known here.
        """
        try:
            signed = msgspec.json.decode(signature, type=Signed)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise refuse_signature(f"cannot be read ({error})") from error
        if signed.signer not in self._secrets:
            fact = f"the signature is by key {signed.signer[:12]}, which is not trusted"
            raise ShipwayError("SW-513", fact, "trust the secret it was signed with")
        proof = _prove(self._secrets[signed.signer], signed.message)
        if not hmac.compare_digest(proof, signed.proof) or canonical_json(signed.digests) != signed.message:
            raise refuse_signature("was changed")
        said = signed.compare(digests)
        if said:
            raise refuse_signature(f"is of other files: {said[0]}")
        return signed.signer


def _prove(secret: str, message: bytes) -> bytes:
    return hmac.digest(secret.encode(), message, "sha256")

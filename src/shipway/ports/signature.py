"""The ports of signatures: who signs the files of a bundle, and who says whether a signature is one of theirs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol


class Signer(Protocol):
    """Signs folders with one private key."""

    def sign(self, folder: Path, *, beside: Sequence[str]) -> bytes:
        """Return a signature that names the digest of each file below a folder.

        Args:
            folder: what is signed.
            beside: paths in it that are not part of it, and never will be: a file may come to lie there afterwards.
        """
        ...


class Verifier(Protocol):
    """Says whether a signature is one of the files it lies beside, by one of the keys that are trusted.

    Contract (the conformance suite `shipway.testing.signature` checks it, together with that of a signer):
        * What a signer signs is verified by whoever trusts its key, whatever the folder is called and wherever it is.
        * A file that was changed, added or taken away is refused with SW-512, which names it.
        * A signature that was changed in any byte of the statement or of the proof is refused.
        * A signature of a key that is not trusted is refused with SW-513.
    """

    def verify(self, signature: bytes, digests: Mapping[str, str]) -> str:
        """Verify a signature and return whose it is: the SHA-256 of the public key in PEM.

        Args:
            signature: the signature's bytes.
            digests: path of each file to its SHA-256.

        Raises:
            ShipwayError: SW-512 if it is not a signature of these files, SW-513 if it is somebody else's.
        """
        ...

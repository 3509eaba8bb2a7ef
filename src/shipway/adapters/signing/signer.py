"""Signing with the OpenSSF's model signing, whose command line verifies what comes of it."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from model_signing import hashing, signing

from shipway.adapters.signing.key import check_private_key

# The library takes a password's type for text and passes it on to `cryptography`, which takes bytes.
_hashing: Final[Any] = hashing.Config
_signing: Final[Any] = signing.Config


class KeySigner:
    """Signs with a private key in a PEM file; it answers the port `Signer`."""

    def __init__(self, key: Path, *, password: str = "") -> None:
        """Look at the key before anything is done with it.

        Args:
            key: the private key, PEM.
            password: what unlocks it, where it is locked.

        Raises:
            ShipwayError: SW-514 if it cannot be used.
        """
        self._key = key
        self._password = password.encode() or None
        check_private_key(key, self._password)

    def sign(self, folder: Path, *, beside: Sequence[str]) -> bytes:
        """Return a signature over every file below a folder but those that may lie beside the content."""
        ignored = _hashing().set_ignored_paths(paths=[Path(path) for path in beside], ignore_git_paths=False)
        config = _signing().use_elliptic_key_signer(private_key=self._key, password=self._password)
        with tempfile.TemporaryDirectory() as place:
            written = Path(place, "signature")
            config.set_hashing_config(ignored).sign(folder, written)
            return written.read_bytes()

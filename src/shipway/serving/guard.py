"""Who may reach a server: its keys and its certificate, read at the start and again when it is told to."""

import logging
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Final

from shipway.core.error import ShipwayError
from shipway.serving.key import Keys
from shipway.serving.setting import Settings

logger: Final = logging.getLogger(__name__)


class Guard:
    """Keys and TLS of one server.

    Attributes:
        keys: the callers; None where everybody may ask.
        tls: what the web server speaks TLS with; None where it speaks none.
    """

    def __init__(self, settings: Settings) -> None:
        """Read the files.

        Raises:
            ShipwayError: SW-102 if one of them cannot be used.
        """
        self._settings = settings
        if (settings.certificate is None) != (settings.private_key is None):
            raise ShipwayError("SW-102", "TLS needs a certificate and its key", "name both, or neither")
        if settings.clients is not None and settings.certificate is None:
            raise ShipwayError("SW-102", "callers show a certificate over TLS only", "name the server's own too")
        self.keys = None if settings.keys is None else Keys(settings.keys)
        self.tls = self._make_context()
        self._renew: Callable[..., None] | None = None

    def follow(self, renew: Callable[..., None]) -> None:
        """Have a server that takes the files as bytes told of new ones.

        Args:
            renew: is given what `read_files` returns, each time they were read again.
        """
        self._renew = renew

    def reload(self) -> None:
        """Read the files again; what cannot be used leaves what was there before in force, and is logged."""
        try:
            if self.keys is not None:
                self.keys.reload()
                logger.warning("%d keys are known now", len(self.keys))
            if self.tls is not None:
                # Whether the files can be used is found out with a context that nobody speaks with.
                self._make_context()
                files = self.read_files()
                self._fill(self.tls)
                if self._renew is not None:
                    self._renew(**files)
                logger.warning("new connections see the new certificate")
        except ShipwayError as error:
            logger.error("%s %s; what was in force before still is", error.code, error.fact)

    def read_files(self) -> dict[str, bytes]:
        """Return the certificate, its key and whom callers' own are signed by, for a server that takes them as bytes.

        Raises:
            ShipwayError: SW-102 if one of them cannot be read.
        """
        names = ("certificate", "private_key", "clients")
        paths: dict[str, Path | None] = {name: getattr(self._settings, name) for name in names}
        files: dict[str, bytes] = {}
        for name, path in paths.items():
            if path is not None:
                try:
                    files[name] = path.read_bytes()
                except OSError as error:
                    raise _unusable(path, error) from error
        return files

    def _make_context(self) -> ssl.SSLContext | None:
        if self._settings.certificate is None:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
        context.set_alpn_protocols(["http/1.1"])
        self._fill(context)
        return context

    def _fill(self, context: ssl.SSLContext) -> None:
        certificate, key, clients = self._settings.certificate, self._settings.private_key, self._settings.clients
        assert certificate is not None
        try:
            context.load_cert_chain(certificate, key, password=_refuse_password)
        except (OSError, ValueError) as error:
            raise _unusable(certificate, error) from error
        if clients is not None:
            try:
                context.load_verify_locations(clients)
            except (OSError, ValueError) as error:
                raise _unusable(clients, error) from error
            context.verify_mode = ssl.CERT_REQUIRED


def _refuse_password() -> str:
    raise ValueError("the key is encrypted")


def _unusable(path: Path, error: Exception) -> ShipwayError:
    said = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
    return ShipwayError(
        "SW-102", f"{path} cannot be used for TLS ({said})", "name PEM files of a certificate and its key"
    )

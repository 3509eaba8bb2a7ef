"""The traffic of shipway's own server, moved over HTTP."""

import socket
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

import msgspec

from shipway.core.error import CODES, ShipwayError
from shipway.core.service import Routing
from shipway.kit.canonical import canonical_json

_TIMEOUT_S: Final = 120.0
"""How long a server may take to load a version."""
_FOUND: Final = 200
_HINT: Final = "start the server: shipway serve"


class HttpTraffic:
    """Asks the server of a project; it answers the port `Traffic`.

    Nothing is kept here: the server holds the routing in force, writes it to the disk, and is found anew by its address
    file at each call, because it may have been started again meanwhile.
    """

    def __init__(self, state: Path) -> None:
        """Keep where the server says its address.

        Args:
            state: the project's folder of state.
        """
        self._address = state / "serving" / "server.json"

    def apply(self, routing: Routing) -> None:
        """Put a routing in force.

        Raises:
            ShipwayError: SW-801 if nobody answers, SW-803 for an overtaken token, SW-502, SW-605 or SW-606 for a
                version that cannot be loaded, SW-802 for one on trial that callers of the stable one could not read, or
                a fixed answer that it could not give, SW-601 or SW-602 if the server cannot keep the routing.
        """
        status, body = self._ask("PUT", routing.service, canonical_json(routing))
        if status != _FOUND:
            raise _read_error(status, body)

    def current(self, service: str) -> Routing | None:
        """Return the routing in force, None before the first; SW-801 if nobody answers."""
        status, body = self._ask("GET", service, None)
        if status == _FOUND:
            try:
                return msgspec.json.decode(body, type=Routing)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                raise _stranger(f"an answer that is no routing: {error}") from error
        error = _read_error(status, body)
        if error.code == "SW-104":
            return None
        raise error

    def _ask(self, method: str, service: str, body: bytes | None) -> tuple[int, bytes]:
        try:
            told = msgspec.json.decode(self._address.read_bytes(), type=dict[str, Any])
            url, unix = str(told.get("url")), told.get("unix")
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError, ValueError) as error:
            raise ShipwayError(
                "SW-801", f"no server serves this project ({self._address} is not there)", _HINT
            ) from error
        connection = HTTPConnection(host or "", port, timeout=_TIMEOUT_S)
        try:
            if unix is not None:
                # Over the Unix socket a server that asks for keys asks for none.
                connection.sock = stream = socket.socket(socket.AF_UNIX)
                stream.settimeout(_TIMEOUT_S)
                stream.connect(str(unix))
            path = f"/v1/services/{quote(service, safe='')}/routing"
            connection.request(method, path, body, {"content-type": "application/json"} if body else {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, HTTPException) as error:
            said = str(error) or type(error).__name__
            raise ShipwayError("SW-801", f"the server at {url} does not answer ({said})", _HINT) from error
        finally:
            connection.close()


class _Said(msgspec.Struct):
    code: str
    fact: str
    hint: str


def _read_error(status: int, body: bytes) -> ShipwayError:
    try:
        said = msgspec.json.decode(body, type=_Said)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return _stranger(f"status {status}")
    if said.code not in CODES:
        return _stranger(f"status {status}: {said.fact}")
    return ShipwayError(said.code, said.fact, said.hint)


def _stranger(said: str) -> ShipwayError:
    return ShipwayError("SW-801", f"what answers is not this project's server ({said})", _HINT)

"""Where a client asks: the addresses of servers that give the same answers, and which of them to ask next."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from shipway.core.error import ShipwayError

_PORTS: Final = {"http": 80, "https": 443}
_FIRST_S: Final = 0.5
"""How long an endpoint that failed is left alone; twice as long with each further failure."""
_LONGEST_S: Final = 30.0
_HINT: Final = "write such as http://127.0.0.1:8080"


@dataclass(slots=True, eq=False)
class Endpoint:
    """One server.

    Attributes:
        host: its name or address.
        port: its port.
        secure: whether TLS is spoken.
        prefix: what paths begin with there, without a slash at the end.
        failures: how often it failed since it last answered.
        rests_until: until when it is asked only where no other is there, by the client's stopwatch.
    """

    host: str
    port: int
    secure: bool = False
    prefix: str = ""
    failures: int = 0
    rests_until: float = 0.0

    @property
    def authority(self) -> str:
        """Return the host and the port, as a URL has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def read_endpoint(url: str) -> Endpoint:
    """Return the endpoint that a URL names.

    Raises:
        ShipwayError: SW-802 for what is no URL of a server.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError) as error:
        raise ShipwayError("SW-802", f"{url!r} is no URL of a server", _HINT) from error
    if not parts.hostname or parts.query or parts.fragment or parts.username is not None:
        raise ShipwayError("SW-802", f"{url!r} is no URL of a server", _HINT)
    if not url.isascii() or any(letter.isspace() for letter in url):
        raise ShipwayError("SW-802", f"{url!r} has letters that no URL has", _HINT)
    return Endpoint(parts.hostname, port, parts.scheme == "https", parts.path.rstrip("/"))


class Endpoints:
    """Several servers, asked in turn; one that fails is left alone for a while."""

    def __init__(self, urls: Sequence[str], now: Callable[[], float]) -> None:
        """Keep the servers.

        Args:
            urls: of each.
            now: the stopwatch, seconds.
        """
        if not urls:
            raise ShipwayError("SW-802", "a client has no server to ask", _HINT)
        self.all: Final = [read_endpoint(url) for url in urls]
        self._now = now
        self._next = 0
        self._lock = threading.Lock()

    def choose(self, *, but: Endpoint | None = None) -> Endpoint:
        """Return the server to ask next.

        Args:
            but: one that is asked only if there is no other that does not rest.
        """
        if len(self.all) == 1:
            return self.all[0]
        with self._lock:
            turn = [self.all[(self._next + place) % len(self.all)] for place in range(len(self.all))]
            self._next += 1
        now = self._now()
        awake = [endpoint for endpoint in turn if endpoint.rests_until <= now]
        other = [endpoint for endpoint in awake if endpoint is not but]
        return (other or awake or sorted(turn, key=lambda endpoint: endpoint.rests_until))[0]

    def note(self, endpoint: Endpoint, *, fine: bool) -> None:
        """Note whether a server answered, as far as that tells of its health."""
        if fine:
            if endpoint.failures:
                endpoint.failures, endpoint.rests_until = 0, 0.0
            return
        rest = min(_LONGEST_S, _FIRST_S * 2.0**endpoint.failures)
        endpoint.failures = min(endpoint.failures + 1, 16)
        endpoint.rests_until = self._now() + rest

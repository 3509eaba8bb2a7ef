"""Where a server of HTTP is, and requests to it as they stand on the wire."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from shipway.core.error import ShipwayError

_WORD: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(r"[\t\x20-\x7e]*")
_OWN: Final = ("host", "content-length", "transfer-encoding", "connection")
"""Headers that are made here."""


@dataclass(frozen=True, slots=True)
class Address:
    """A server.

    Attributes:
        host: its name or address.
        port: its port.
        tls: whether TLS is spoken.
    """

    host: str
    port: int
    tls: bool

    @property
    def authority(self) -> str:
        """Return the address as the header `host` has it."""
        shown = f"[{self.host}]" if ":" in self.host else self.host
        return shown if self.port == (443 if self.tls else 80) else f"{shown}:{self.port}"


def split_url(url: str) -> tuple[Address, str]:
    """Return the server and the path of a URL; SW-441 where it is none of HTTP."""
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError:
        parts, port, host = urlsplit(""), None, None
    if parts.scheme not in ("http", "https") or not host or not url.isascii() or any(each <= " " for each in url):
        raise ShipwayError("SW-441", f"{url!r} is no address of HTTP", "write such as http://127.0.0.1:8080/v2/...")
    tls = parts.scheme == "https"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Address(host, port or (443 if tls else 80), tls), path


def write_request(method: str, address: Address, path: str, headers: Sequence[tuple[str, str]], body: bytes) -> bytes:
    """Return a whole request of HTTP/1.1, ready to be sent as often as one likes.

    Args:
        method: such as `POST`.
        address: the server.
        path: with its question.
        headers: further ones.
        body: may be empty.

    Raises:
        ShipwayError: SW-441 for a method or a header that cannot be sent, or is made here.
    """
    if not _WORD.fullmatch(method) or method.upper() in ("HEAD", "CONNECT"):
        raise ShipwayError("SW-441", f"no load is made of {method!r}", "ask with GET, POST, PUT, PATCH or DELETE")
    lines = [f"{method} {path} HTTP/1.1", f"host: {address.authority}"]
    for name, value in headers:
        if not _WORD.fullmatch(name) or not _VALUE.fullmatch(value) or name.lower() in _OWN:
            raise ShipwayError("SW-441", f"header {name!r} cannot be sent", f"write 'name: value', none of {_OWN}")
        lines.append(f"{name}: {value}")
    if body or method not in ("GET", "DELETE"):
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body

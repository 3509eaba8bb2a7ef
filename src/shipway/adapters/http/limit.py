"""What clients have to keep to, and what a server that can take no more says to all alike."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Limits:
    """What a client has to keep to.

    Attributes:
        body_bytes: size of a request's body; a larger one is answered with 413.
        head_bytes: size of what stands before the body; a larger one is answered with 431.
        held_bytes: size of all bodies that are in memory at a time; one that would exceed it is answered with 503.
        request_s: how long sending one request may take, and reading an answer; 408 otherwise.
        idle_s: how long a connection may stay open without a request.
        connections: how many may be open; one beyond is answered with 503 and closed.
        pipelined: requests of one connection at a time; no more is read before they are answered.
        linger_s: how long a client that was refused may go on sending before the connection ends.
    """

    body_bytes: int = 8 << 20
    head_bytes: int = 32 << 10
    held_bytes: int = 256 << 20
    request_s: float = 30.0
    idle_s: float = 900.0
    connections: int = 16_384
    pipelined: int = 64
    linger_s: float = 2.0


class Door(Protocol):
    """Tells whether the server can take more, and what it says where it cannot.

    Attributes:
        unread: how requests begin that may be refused without being read.
        refusal: the body they are answered with, status 503.
        retry_s: after how many seconds they may try again.
    """

    unread: tuple[bytes, ...]
    refusal: bytes
    retry_s: int

    @property
    def full(self) -> bool:
        """Tell whether such a request is to be refused now."""
        ...

    def count_unread(self, requests: int) -> None:
        """Take note of requests that were refused so."""
        ...


class OpenDoor:
    """A door that is never closed."""

    unread: tuple[bytes, ...] = ()
    refusal = b"{}"
    retry_s = 1
    full = False

    def count_unread(self, requests: int) -> None:
        """Take note of nothing, because nothing is refused."""

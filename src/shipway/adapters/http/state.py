"""What the connections of one server share."""

from collections.abc import Callable
from email.utils import formatdate
from typing import Protocol

from shipway.adapters.http.call import Call, Opening
from shipway.adapters.http.glance import Refusal
from shipway.adapters.http.head import Heads
from shipway.adapters.http.limit import Door, Limits


class Client(Protocol):
    """A connection, as the server that it belongs to sees it."""

    def expire(self, now: float) -> None:
        """End what took too long."""
        ...

    def drain(self) -> None:
        """End the connection as soon as nothing is asked over it."""
        ...

    def abort(self) -> None:
        """End the connection now."""
        ...


class State:
    """What the connections of one server share.

    Attributes:
        handle: answers requests.
        limits: what clients have to keep to.
        door: whether the server can take more.
        refusal: what is answered where it cannot.
        connections: those that are open.
        held_bytes: size of the bodies in memory.
        draining: whether the server is about to stop.
        now: the loop's time at the last tick, seconds.
        opening: how answers begin at present.
        heads: of requests that were read before.
    """

    def __init__(self, handle: Callable[[Call], None], limits: Limits, door: Door) -> None:
        """Start without any connection."""
        self.handle = handle
        self.limits = limits
        self.door = door
        self.refusal = Refusal(door.refusal, door.retry_s)
        self.held_bytes = 0
        self.connections: set[Client] = set()
        self.draining = False
        self.now = 0.0
        self.heads = Heads(door.unread)
        self.opening = Opening(b"")
        self.tick(0.0)

    def tick(self, now: float) -> None:
        """Move time on, and end what took too long."""
        self.now = now
        self.opening = Opening(formatdate(usegmt=True).encode("ascii"))
        for connection in list(self.connections):
            connection.expire(now)

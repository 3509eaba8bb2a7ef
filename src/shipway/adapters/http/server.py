"""An HTTP/1.1 server on asyncio: httptools parses, uvloop waits, a handler answers.

It knows connections and nothing of what is asked over them. Requests of one connection are handled as they arrive,
several at a time where the client does not wait (pipelining), and answered in the order they came in. Whatever is no
HTTP is answered too, and then the connection is closed: what follows on it could not be told apart.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, Final, TypeVar

import uvloop

from shipway.adapters.http.call import Call
from shipway.adapters.http.connection import Connection, Limits, State
from shipway.core.error import ShipwayError

Result = TypeVar("Result")
Handle = Callable[[Call], None]

_BACKLOG: Final = 1024
_TICK_S: Final = 1.0
_WAIT_S: Final = 0.02


class AsyncioHttp:
    """A web server on one event loop.

    A handler is called once for each whole request, in the loop, and must not wait; sooner or later, from the loop, it
    calls `answer` once on what it was given.
    """

    def __init__(self, handle: Handle, *, limits: Limits | None = None, most_bytes: int | None = None) -> None:
        """Keep what answers; nothing listens yet.

        Args:
            handle: is given each request.
            limits: sizes and times that a client has to keep to.
            most_bytes: size of a request's body, in place of that in the limits.
        """
        limits = limits or Limits()
        self._state = State(handle, limits if most_bytes is None else replace(limits, body_bytes=most_bytes))
        self._server: asyncio.Server | None = None
        self._ticking: asyncio.Task[None] | None = None

    @property
    def connections(self) -> int:
        """Return how many clients are connected."""
        return len(self._state.connections)

    async def listen(self, host: str, port: int) -> int:
        """Start to listen and return the port.

        Args:
            host: the address to listen on.
            port: 0 for any that is free.

        Raises:
            ShipwayError: SW-801 if the address is taken, or not one of this machine.
        """
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(
                lambda: Connection(self._state), host, port, backlog=_BACKLOG, reuse_address=True
            )
        except (OSError, OverflowError) as fault:
            said = getattr(fault, "strerror", None) or str(fault)
            hint = "choose another port, or 0 for any that is free"
            raise ShipwayError("SW-801", f"cannot listen on {host}:{port} ({said})", hint) from fault
        self._ticking = loop.create_task(self._tick())
        return self._server.sockets[0].getsockname()[1]

    async def close(self, *, grace_s: float) -> None:
        """Stop listening, answer what was asked, and close every connection.

        Args:
            grace_s: how long a client may take to finish a request that it began, and to read its answers.
        """
        if self._server is not None:
            self._server.close()
        if self._ticking is not None:
            self._ticking.cancel()
        self._state.draining = True
        for connection in list(self._state.connections):
            connection.drain()
        loop = asyncio.get_running_loop()
        until = loop.time() + grace_s
        while self._state.connections and loop.time() < until:
            await asyncio.sleep(_WAIT_S)
        for connection in list(self._state.connections):
            connection.abort()

    @staticmethod
    def run(main: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine on a new event loop to its end."""
        return uvloop.run(main)

    async def _tick(self) -> None:
        while True:
            self._state.tick(asyncio.get_running_loop().time())
            await asyncio.sleep(_TICK_S)

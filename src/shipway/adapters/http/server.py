"""An HTTP/1.1 server on asyncio: httptools parses, uvloop waits, a handler answers.

It knows connections and nothing of what is asked over them. Requests of one connection are handled as they arrive,
several at a time where the client does not wait (pipelining), and answered in the order they came in. Whatever is no
HTTP is answered too, and then the connection is closed: what follows on it could not be told apart.
"""

import asyncio
import os
import socket
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeVar

import uvloop

from shipway.adapters.http.call import Call
from shipway.adapters.http.connection import Connection
from shipway.adapters.http.limit import Door, Limits, OpenDoor
from shipway.adapters.http.state import State
from shipway.core.error import ShipwayError

Result = TypeVar("Result")
Handle = Callable[[Call], None]

_BACKLOG: Final = 1024
_HANDSHAKE_S: Final = 10.0
_TICK_S: Final = 1.0
_WAIT_S: Final = 0.02


class AsyncioHttp:
    """A web server on one event loop.

    A handler is called once for each whole request, in the loop, and must not wait; sooner or later, from the loop, it
    calls `answer` once on what it was given.
    """

    def __init__(
        self,
        handle: Handle,
        *,
        limits: Limits | None = None,
        most_bytes: int | None = None,
        most_connections: int | None = None,
        patience_s: float | None = None,
        door: Door | None = None,
    ) -> None:
        """Keep what answers; nothing listens yet.

        Args:
            handle: is given each request.
            limits: sizes and times that a client has to keep to.
            most_bytes: size of a request's body, in place of that in the limits.
            most_connections: how many connections may be open, in place of that in the limits.
            patience_s: how long a request or an answer may take, in place of that in the limits.
            door: whether the server can take more; it always can without one.
        """
        limits = limits or Limits()
        if most_bytes is not None:
            limits = replace(limits, body_bytes=most_bytes)
        if most_connections is not None:
            limits = replace(limits, connections=most_connections)
        if patience_s is not None:
            limits = replace(limits, request_s=patience_s)
        self._state = State(handle, limits, OpenDoor() if door is None else door)
        self._servers: list[asyncio.Server] = []
        self._ticking: asyncio.Task[None] | None = None

    @property
    def connections(self) -> int:
        """Return how many clients are connected."""
        return len(self._state.connections)

    async def listen(self, host: str, port: int, *, tls: Any = None) -> int:
        """Start to listen and return the port.

        Args:
            host: the address to listen on.
            port: 0 for any that is free.
            tls: an `ssl.SSLContext` to speak TLS with; None for none.

        Raises:
            ShipwayError: SW-801 if the address is taken, or not one of this machine.
        """
        loop = asyncio.get_running_loop()
        more: dict[str, Any] = {} if tls is None else {"ssl": tls, "ssl_handshake_timeout": _HANDSHAKE_S}
        try:
            server = await loop.create_server(
                lambda: Connection(self._state), host, port, backlog=_BACKLOG, reuse_address=True, **more
            )
        except (OSError, OverflowError) as fault:
            said = getattr(fault, "strerror", None) or str(fault)
            hint = "choose another port, or 0 for any that is free"
            raise ShipwayError("SW-801", f"cannot listen on {host}:{port} ({said})", hint) from fault
        self._start(server)
        return server.sockets[0].getsockname()[1]

    async def listen_unix(self, path: Path) -> None:
        """Listen on a Unix socket, which only this user may open, as well.

        Args:
            path: the socket's file; one that nobody listens on any more is replaced.

        Raises:
            ShipwayError: SW-801 if somebody listens there, or no socket can be made there.
        """
        loop = asyncio.get_running_loop()
        hint = "name another file, at most 100 characters long"
        if _is_alive(path):
            raise ShipwayError("SW-801", f"somebody listens on {path} already", hint)
        try:
            if path.is_socket():
                path.unlink()
            # The file is made with these permissions: they may not be wider at any moment.
            before = os.umask(0o177)
            try:
                server = await loop.create_unix_server(
                    lambda: Connection(self._state, trusted=True), str(path), backlog=_BACKLOG
                )
            finally:
                os.umask(before)
        except (OSError, ValueError) as fault:
            said = getattr(fault, "strerror", None) or str(fault)
            raise ShipwayError("SW-801", f"cannot listen on {path} ({said})", hint) from fault
        self._start(server)

    async def close(self, *, grace_s: float) -> None:
        """Stop listening, answer what was asked, and close every connection.

        Args:
            grace_s: how long a client may take to finish a request that it began, and to read its answers.
        """
        for server in self._servers:
            server.close()
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

    def _start(self, server: asyncio.Server) -> None:
        self._servers.append(server)
        if self._ticking is None:
            self._ticking = asyncio.get_running_loop().create_task(self._tick())

    async def _tick(self) -> None:
        while True:
            self._state.tick(asyncio.get_running_loop().time())
            await asyncio.sleep(_TICK_S)


def _is_alive(path: Path) -> bool:
    """Tell whether somebody listens on a Unix socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except (OSError, ValueError):
            return False
        return True

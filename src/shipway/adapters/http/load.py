"""An open load over HTTP/1.1: httptools parses answers, uvloop waits, connections are kept alive and taken in turn.

A request is sent when it is due over a connection that is free, over a new one where none is, and waits for one only
where all that are allowed are taken. One request is open on each, as callers do it. What is sent was put together
before; a request costs some thirty microseconds of processor, so that one core sends many thousands a second on time.
"""

import asyncio
import gc
import ssl
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from time import perf_counter_ns
from typing import Final, cast

import httptools
import uvloop

from shipway.adapters.http.address import Address
from shipway.adapters.http.alarm import Alarm
from shipway.core.error import ShipwayError
from shipway.core.load import CLOSED, GARBLED, REFUSED, SILENT
from shipway.ports.load import Due, Notes

WARM: Final = 16
"""Connections that are opened before the first request is due."""
LEAD_NS: Final = 20_000_000
"""From the start to the begin of the load."""
_SWEEP_S: Final = 0.05
_CONNECT_S: Final = 10.0
_NEVER: Final = 1 << 62


class HttpLoad:
    """Sends prepared requests to one server, or to several in turn, as replicas behind a balancer are asked."""

    def __init__(
        self,
        addresses: Sequence[Address],
        requests: Sequence[bytes],
        *,
        connections: int = 256,
        timeout_s: float = 30.0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Keep what is sent.

        Args:
            addresses: the servers, one at least; connections are spread over them evenly.
            requests: whole requests of HTTP/1.1, one at least, sent in turn.
            connections: how many may be open at a time, to all servers together.
            timeout_s: after what time without a whole answer a request is given up.
            tls: how servers are trusted; the system's certificates where None.
        """
        self._addresses = tuple(addresses)
        self._requests = tuple(requests)
        self._connections = max(connections, len(self._addresses))
        self._timeout_ns = int(timeout_s * 1e9)
        self._tls = tls

    @property
    def connections(self) -> int:
        """Return how many requests may be open at a time."""
        return self._connections

    def run(self, due: Due, notes: Notes) -> None:
        """Put a load on the servers."""
        uvloop.run(self._run(due, notes))

    async def _run(self, due: Due, notes: Notes) -> None:
        tls = self._tls or (ssl.create_default_context() if any(each.tls for each in self._addresses) else None)
        course = _Course(self._addresses, self._requests, self._connections, self._timeout_ns, tls, due, notes)
        await course.warm(min(WARM, self._connections))
        # What is there by now stays, and what a request makes is let go of without a collection.
        gc.collect()
        gc.freeze()
        try:
            await course.run()
        finally:
            gc.unfreeze()


class _Course:
    """One load while it lasts."""

    def __init__(
        self,
        addresses: Sequence[Address],
        requests: Sequence[bytes],
        connections: int,
        timeout_ns: int,
        tls: ssl.SSLContext | None,
        due: Due,
        notes: Notes,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._addresses, self._requests, self._most, self._tls = addresses, requests, connections, tls
        self._timeout_ns, self._note = timeout_ns, notes.note
        self._blocks = iter(due)
        self._block: list[int] = []
        self._place = 0
        self._began = 0
        self._next = _NEVER
        self._number = 0
        self._opened = 0
        self._turn = 0
        self._opening: set[asyncio.Task[None]] = set()
        self._idle: list[_Connection] = []
        self._busy: dict[_Connection, None] = {}
        self._waiting: deque[tuple[int, int, bytes]] = deque()
        self._ended = self._loop.create_future()
        self._alarm = Alarm(self._loop, self._wake)

    async def warm(self, count: int) -> None:
        """Open some connections; SW-442 where nothing answers."""
        for _ in range(count):
            try:
                self._idle.append(await self._connect())
            except OSError as fault:
                address = self._addresses[self._turn % len(self._addresses)]
                said = fault.strerror or str(fault) or type(fault).__name__
                fact = f"no connection to {address.host}:{address.port} ({said})"
                raise ShipwayError("SW-442", fact, "see whether the server runs, and at this address") from fault

    async def run(self) -> None:
        """Send what is due and wait for the last answer."""
        self._began = perf_counter_ns() + LEAD_NS
        self._advance()
        sweep = self._loop.create_task(self._sweep_always())
        try:
            self._wake()
            await self._ended
        finally:
            sweep.cancel()
            for task in self._opening:
                task.cancel()
            self._alarm.close()
            for connection in (*self._idle, *self._busy):
                connection.drop()
            await asyncio.sleep(0)

    # what is due

    def _wake(self) -> None:
        """Take up every request that is due, and set the alarm for the next."""
        while self._next <= (now := perf_counter_ns()):
            self._take(self._next - self._began, now)
            self._advance()
        if self._next != _NEVER:
            self._alarm.set(self._next, now)
        else:
            self._settle()

    def _advance(self) -> None:
        """Find out when the next request is due."""
        while self._place >= len(self._block):
            block = next(self._blocks, None)
            if block is None:
                self._next = _NEVER
                return
            self._block, self._place = cast("list[int]", block.tolist()), 0
        self._next = self._began + self._block[self._place]
        self._place += 1

    def _take(self, due: int, now: int) -> None:
        request = self._requests[self._number % len(self._requests)]
        self._number += 1
        if self._idle:
            self._send(self._idle.pop(), due, now - self._began, request)
            return
        self._waiting.append((due, now - self._began, request))
        if self._opened + len(self._opening) < self._most:
            self._open()

    def _send(self, connection: "_Connection", due: int, taken: int, request: bytes) -> None:
        self._busy[connection] = None
        connection.due, connection.taken = due, taken
        connection.sent = perf_counter_ns() - self._began
        connection.write(request)

    # connections

    def _open(self) -> None:
        task = self._loop.create_task(self._open_for_waiting())
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _open_for_waiting(self) -> None:
        try:
            connection = await self._connect()
        except OSError:
            # One that cannot be opened fails the request that it was opened for, unless another one took that.
            if self._waiting:
                due, taken, _ = self._waiting.popleft()
                now = perf_counter_ns() - self._began
                self._note(due, taken, now, now, REFUSED)
                self._settle()
            return
        self.free(connection)

    async def _connect(self) -> "_Connection":
        address = self._addresses[self._turn % len(self._addresses)]
        self._turn += 1
        tls = self._tls if address.tls else None
        waited = self._loop.create_connection(lambda: _Connection(self), address.host, address.port, ssl=tls)
        _, connection = await asyncio.wait_for(waited, _CONNECT_S)
        self._opened += 1
        return connection

    def free(self, connection: "_Connection") -> None:
        """Let a connection carry the request that waits the longest, or wait for one itself."""
        if self._waiting:
            self._send(connection, *self._waiting.popleft())
        else:
            self._idle.append(connection)

    def lose(self, connection: "_Connection") -> None:
        """Forget a connection that is closed, and open one where a request waits that nothing else will carry."""
        self._opened -= 1
        with suppress(ValueError):
            self._idle.remove(connection)
        if len(self._waiting) > len(self._opening) and self._opened + len(self._opening) < self._most:
            self._open()

    def finish(self, connection: "_Connection", outcome: int) -> None:
        """Take down what became of a connection's request."""
        del self._busy[connection]
        self._note(connection.due, connection.taken, connection.sent, perf_counter_ns() - self._began, outcome)
        if self._next == _NEVER:
            self._settle()

    def is_busy(self, connection: "_Connection") -> bool:
        """Tell whether a request is open on a connection."""
        return connection in self._busy

    # the end

    def _settle(self) -> None:
        if self._next == _NEVER and not self._busy and not self._waiting and not self._ended.done():
            self._ended.set_result(None)

    async def _sweep_always(self) -> None:
        """Give up requests whose time is over; those that were sent first come first."""
        while True:
            await asyncio.sleep(_SWEEP_S)
            now = perf_counter_ns() - self._began
            for connection in list(self._busy):
                if now - connection.sent < self._timeout_ns:
                    break
                self.finish(connection, SILENT)
                connection.drop()
            while self._waiting and now - self._waiting[0][1] >= self._timeout_ns:
                due, taken, _ = self._waiting.popleft()
                self._note(due, taken, now, now, SILENT)
            self._settle()


class _Connection(asyncio.Protocol):
    """One connection and the request that is open on it."""

    __slots__ = ("_course", "_headed", "_measured", "_parser", "_transport", "due", "sent", "taken")

    def __init__(self, course: _Course) -> None:
        self._course = course
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._headed = self._measured = False
        self.due = self.taken = self.sent = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def write(self, request: bytes) -> None:
        """Send a request."""
        assert self._transport is not None
        self._headed = self._measured = False
        self._transport.write(request)

    def drop(self) -> None:
        """Close it at once."""
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            if self._course.is_busy(self):
                self._course.finish(self, GARBLED)
            self.drop()
        except httptools.HttpParserUpgrade:
            self.drop()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._course.is_busy(self):
            # An answer without a length ends with its connection; any other one was cut.
            whole = exc is None and self._headed and not self._measured
            self._course.finish(self, self._parser.get_status_code() if whole else CLOSED)
        self._course.lose(self)

    # called by the parser

    def on_header(self, name: bytes, _value: bytes) -> None:
        if len(name) in (14, 17) and name.lower() in (b"content-length", b"transfer-encoding"):
            self._measured = True

    def on_headers_complete(self) -> None:
        self._headed = True

    def on_message_complete(self) -> None:
        status, course = self._parser.get_status_code(), self._course
        if status < 200 or not course.is_busy(self):
            return
        kept = self._parser.should_keep_alive()
        course.finish(self, status)
        if kept:
            course.free(self)
        else:
            self.drop()

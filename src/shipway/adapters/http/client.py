"""An HTTP/1.1 client for many small requests to one server: kept-alive connections, one open request on each.

It waits for all of its connections in one call of the system and has no event loop: whoever sends a batch of requests
has nothing to do before they are answered, and a request costs a third of what it does through asyncio.
"""

import selectors
import socket
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Final

from shipway.core.error import ShipwayError

_CHUNK_BYTES: Final = 1 << 16
_HEAD_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"\r\ncontent-length:"
_CLOSES: Final = b"\r\nconnection: close"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said to one request.

    Attributes:
        status: the status code.
        body: the content.
        latency_ns: real time from before the request's first byte was written until its answer's last was read.
    """

    status: int
    body: bytes
    latency_ns: int


class HttpClient:
    """Several kept-alive connections to one server."""

    def __init__(self, host: str, port: int, *, connections: int = 8, timeout_s: float = 30.0) -> None:
        """Connect.

        Args:
            host: the server's address.
            port: its port.
            connections: how many requests may be open at a time.
            timeout_s: how long the server may be silent while a request is open.

        Raises:
            ShipwayError: SW-801 if nobody listens there.
        """
        self._address = (host, port)
        self._timeout_s = timeout_s
        self._selector = selectors.DefaultSelector()
        self._connections: list[_Connection] = []
        self._host = f"{host}:{port}".encode("ascii")
        with self._expect_server():
            for _ in range(connections):
                self._connections.append(self._open())

    def prepare(self, method: str, path: str, body: bytes = b"") -> bytes:
        """Return a request as bytes, ready to be sent as often as one likes."""
        head = b"%b %b HTTP/1.1\r\nhost: %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
        return head % (method.encode("ascii"), path.encode("ascii"), self._host, len(body)) + body

    def exchange(self, requests: Sequence[bytes]) -> list[Answer]:
        """Send requests, as many at a time as there are connections, and return their answers in the same order.

        Raises:
            ShipwayError: SW-801 if a connection fails, the server is silent for too long, or what it says is no answer.
                How many requests it had taken by then is not known; the client is closed.
        """
        with self._expect_server():
            return self._exchange(requests)

    def close(self) -> None:
        """Close every connection; closing twice does no harm."""
        for connection in self._connections:
            connection.stream.close()
        self._connections.clear()
        self._selector.close()

    def _exchange(self, requests: Sequence[bytes]) -> list[Answer]:
        answers: dict[int, Answer] = {}
        waiting = iter(enumerate(requests))
        busy = sum(_send_next(connection, waiting) for connection in self._connections[: len(requests)])
        while busy:
            ready = self._selector.select(self._timeout_s)
            if not ready:
                raise TimeoutError(f"no answer for {self._timeout_s:g} s")
            for key, _ in ready:
                connection: _Connection = key.data
                place, answer = connection.place, connection.receive()
                if answer is None:
                    continue
                answers[place] = answer
                busy -= 1
                if connection.ended:
                    connection = self._replace(connection)
                busy += _send_next(connection, waiting)
        return [answers[place] for place in range(len(requests))]

    @contextmanager
    def _expect_server(self) -> Generator[None]:
        try:
            yield
        except OSError as fault:
            self.close()
            host, port = self._address
            said = fault.strerror or str(fault)
            raise ShipwayError(
                "SW-801", f"no answer from {host}:{port} ({said})", "see whether the server runs"
            ) from fault

    def _open(self) -> "_Connection":
        stream = socket.create_connection(self._address, timeout=self._timeout_s)
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = _Connection(stream)
        self._selector.register(stream, selectors.EVENT_READ, connection)
        return connection

    def _replace(self, connection: "_Connection") -> "_Connection":
        """Open a connection in place of one that the server ends."""
        self._selector.unregister(connection.stream)
        connection.stream.close()
        fresh = self._open()
        self._connections[self._connections.index(connection)] = fresh
        return fresh


class _Connection:
    """One connection and the request that is open on it."""

    __slots__ = ("_begun_ns", "_body_at", "_buffer", "_whole", "ended", "place", "stream")

    def __init__(self, stream: socket.socket) -> None:
        self.stream = stream
        self.ended = False
        self.place = -1
        self._begun_ns = 0
        self._forget()

    def send(self, place: int, request: bytes) -> None:
        """Send a request that has a place among others."""
        self.place = place
        self._begun_ns = perf_counter_ns()
        self.stream.sendall(request)

    def receive(self) -> Answer | None:
        """Read what has come and return the answer, None while it is not whole."""
        data = self.stream.recv(_CHUNK_BYTES)
        if not data:
            raise ConnectionResetError("the server closed the connection before its answer was whole")
        buffer = self._buffer = self._buffer + data if self._buffer else data
        if not self._whole:
            end = buffer.find(_HEAD_END)
            if end < 0:
                return None
            self._read_head(buffer[:end].lower())
            self._body_at = end + len(_HEAD_END)
            self._whole += self._body_at
        if len(buffer) < self._whole:
            return None
        if len(buffer) > self._whole or self.place < 0:
            raise ConnectionAbortedError("the server said more than it was asked")
        answer = Answer(int(buffer[9:12]), buffer[self._body_at :], perf_counter_ns() - self._begun_ns)
        self._forget()
        return answer

    def _read_head(self, head: bytes) -> None:
        """Read how long the body is and whether the connection ends after it."""
        at = head.find(_LENGTH)
        if not head.startswith(b"http/1.1 ") or not head[9:12].isdigit() or at < 0:
            raise ConnectionAbortedError("what the server said is no answer with a length in HTTP/1.1")
        end = head.find(b"\r\n", at + 2)
        self._whole = int(head[at + len(_LENGTH) : end if end >= 0 else None])
        self.ended = _CLOSES in head

    def _forget(self) -> None:
        self._buffer = b""
        self._body_at = 0
        self._whole = 0
        self.place = -1


def _send_next(connection: _Connection, waiting: Iterator[tuple[int, bytes]]) -> bool:
    """Send the next request that waits, and tell whether there was one."""
    following = next(waiting, None)
    if following is None:
        return False
    connection.send(*following)
    return True

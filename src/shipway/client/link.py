"""Attempts over sockets that block: one connection an attempt, kept for the next, and a second one for a hedge."""

import select
import socket
import ssl
import threading
from time import monotonic
from typing import Final

from shipway.client.endpoint import Endpoint
from shipway.client.pursuit import Answered, Attempt, Fault, Question
from shipway.client.wire import Receiver, Reply
from shipway.client.writing import Writer

_CHUNK_BYTES: Final = 1 << 16
_AGAIN: Final = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Link:
    """One connection to a server, and what has come on it."""

    __slots__ = ("endpoint", "kept", "poller", "receiver", "stream")

    def __init__(self, endpoint: Endpoint, context: ssl.SSLContext | None, deadline: float) -> None:
        """Connect; OSError where that fails, or the deadline passes."""
        left_s = deadline - monotonic()
        if left_s <= 0:
            raise TimeoutError("no time was left to connect")
        stream = socket.create_connection((endpoint.host, endpoint.port), timeout=left_s)
        try:
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if context is not None:
                stream = context.wrap_socket(stream, server_hostname=endpoint.host)
            stream.setblocking(False)
        except BaseException:
            stream.close()
            raise
        self.stream = stream
        self.endpoint = endpoint
        self.receiver = Receiver()
        self.kept = False
        self.poller = select.poll()
        self.poller.register(stream, select.POLLIN)

    @property
    def silent(self) -> bool:
        """Tell whether nothing has come on a connection that waits: neither its end nor what nobody asked for."""
        return not _poll([self], 0.0)

    def send(self, data: bytes, deadline: float) -> None:
        """Send all of a question; TimeoutError where the deadline passes."""
        view = memoryview(data)
        while view:
            try:
                view = view[self.stream.send(view) :]
            except _AGAIN:
                poller = select.poll()
                poller.register(self.stream, select.POLLOUT)
                if not poller.poll(max(deadline - monotonic(), 0.0) * 1e3):
                    raise TimeoutError("the server takes no more of the question") from None

    def receive(self) -> Reply | None:
        """Take what has come, and return the answer if it is whole; OSError or ValueError where it never will be."""
        while True:
            try:
                data = self.stream.recv(_CHUNK_BYTES)
            except _AGAIN:
                return None
            reply = self.receiver.feed(data)
            if reply is not None:
                return reply

    def close(self) -> None:
        """Close the connection, whatever was asked on it."""
        self.stream.close()


class Links:
    """Connections to several servers, kept for what is asked next."""

    def __init__(self, writer: Writer, context: ssl.SSLContext | None, most: int) -> None:
        """Begin without a connection.

        Args:
            writer: writes questions.
            context: how TLS is spoken.
            most: how many to keep for each server.
        """
        self._writer = writer
        self._context = context
        self._most = most
        self._idle: dict[Endpoint, list[Link]] = {}
        self._lock = threading.Lock()
        self._closed = False

    def run(self, question: Question, attempt: Attempt) -> Answered | Fault:
        """Make an attempt, and return what became of it."""
        begun = monotonic()
        first = self._begin(question, attempt.endpoint, attempt.deadline, fresh=attempt.fresh)
        if isinstance(first, Fault):
            return first
        racing, faults = [first], list[Fault]()
        hedge_at = None if attempt.hedge_s is None else begun + attempt.hedge_s
        try:
            while racing:
                until = attempt.deadline if hedge_at is None else min(hedge_at, attempt.deadline)
                ready = _poll(racing, until - monotonic())
                for link in ready:
                    outcome = self._read(link)
                    if isinstance(outcome, Reply):
                        racing.remove(link)
                        self._keep(link, outcome)
                        return Answered(link.endpoint, outcome, monotonic() - begun)
                    if outcome is not None:
                        racing.remove(link)
                        faults.append(outcome)
                if ready:
                    continue
                if monotonic() >= attempt.deadline:
                    return Fault(attempt.endpoint, "its time was over", sent=True, late=True)
                if hedge_at is not None:
                    hedge_at = None
                    self._hedge(question, attempt, racing)
            return faults[0]
        finally:
            for link in racing:
                link.close()

    def close(self) -> None:
        """Close what is kept."""
        with self._lock:
            links = [link for kept in self._idle.values() for link in kept]
            self._idle.clear()
            self._closed = True
        for link in links:
            link.close()

    def _hedge(self, question: Question, attempt: Attempt, racing: list[Link]) -> None:
        """Ask another server as well, where that may be; that it cannot be reached is no matter."""
        other = attempt.other()
        if other is not None:
            second = self._begin(question, other, attempt.deadline)
            if isinstance(second, Link):
                racing.append(second)

    def _begin(self, question: Question, endpoint: Endpoint, deadline: float, *, fresh: bool = False) -> Link | Fault:
        """Send a question, on a kept connection if there is one and it may be."""
        link = None if fresh else self._take(endpoint)
        sent = False
        try:
            if link is None:
                link = Link(endpoint, self._context if endpoint.secure else None, deadline)
            data = self._writer.write(question, endpoint, deadline - monotonic())
            sent = True
            link.send(data, deadline)
            return link
        except OSError as fault:
            stale = link is not None and link.kept
            if link is not None:
                link.close()
            late = isinstance(fault, TimeoutError)
            return Fault(endpoint, _say(fault), sent=sent, late=late, stale=stale and not late)

    def _read(self, link: Link) -> Reply | Fault | None:
        begun = link.receiver.begun
        try:
            return link.receive()
        except (OSError, ValueError) as fault:
            stale = link.kept and not begun and not link.receiver.begun
            link.close()
            return Fault(link.endpoint, _say(fault), sent=True, stale=stale)

    def _take(self, endpoint: Endpoint) -> Link | None:
        while True:
            with self._lock:
                kept = self._idle.get(endpoint)
                link = kept.pop() if kept else None
            if link is None or link.silent:
                return link
            link.close()

    def _keep(self, link: Link, reply: Reply) -> None:
        with self._lock:
            kept = self._idle.setdefault(link.endpoint, [])
            keeps = reply.keeps and len(kept) < self._most and not self._closed
            if keeps:
                link.kept = True
                kept.append(link)
        if not keeps:
            link.close()


def _poll(links: list[Link], seconds: float) -> list[Link]:
    """Return the connections on which something has come, within a time."""
    pending = [link for link in links if isinstance(link.stream, ssl.SSLSocket) and link.stream.pending()]
    if pending:
        return pending
    # Rounded up, so that a wait for less than a millisecond is none that does not wait.
    wait_ms = max(int(seconds * 1e3 + 0.999), 0)
    if len(links) == 1:
        return links[:] if links[0].poller.poll(wait_ms) else []
    poller = select.poll()
    for link in links:
        poller.register(link.stream, select.POLLIN)
    ready = {place for place, _ in poller.poll(wait_ms)}
    return [link for link in links if link.stream.fileno() in ready]


def _say(fault: Exception) -> str:
    said = getattr(fault, "strerror", None) or str(fault) or type(fault).__name__
    return f"{said[:1].lower()}{said[1:]}" if not said[:2].isupper() else said

"""Attempts in an event loop: what `link` does over sockets that block, over connections that are awaited."""

import asyncio
import socket
import ssl
from time import monotonic
from typing import cast

from shipway.client.endpoint import Endpoint
from shipway.client.pursuit import Answered, Attempt, Fault, Question
from shipway.client.wire import Receiver, Reply
from shipway.client.writing import Writer


class Stream(asyncio.Protocol):
    """One connection to a server, and the answer that is awaited on it."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Wait to be connected.

        Args:
            endpoint: the server.
        """
        self.endpoint = endpoint
        self.kept = False
        self.open = False
        self.stale = False
        self._receiver = Receiver()
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[Reply] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be connected."""
        self._transport = cast("asyncio.Transport", transport)
        self.open = True
        opened = transport.get_extra_info("socket")
        if opened is not None and opened.family in (socket.AF_INET, socket.AF_INET6):
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        """Take bytes; what nobody asked for ends the connection."""
        if self._waiting is None:
            self.close()
            return
        self._feed(data)

    def eof_received(self) -> None:
        """Take note that no more comes."""
        if self._waiting is not None:
            self._feed(b"")

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits that there will be no answer."""
        self.open = False
        if self._waiting is not None:
            self._fail(exc or ConnectionResetError("the server closed the connection"))

    def ask(self, data: bytes) -> "asyncio.Future[Reply]":
        """Send a question, and return what its answer is awaited by."""
        assert self._transport is not None
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(data)
        return self._waiting

    def close(self) -> None:
        """Close the connection, whatever was asked on it."""
        self.open = False
        if self._transport is not None:
            self._transport.abort()

    def _feed(self, data: bytes) -> None:
        waiting = self._waiting
        assert waiting is not None
        try:
            reply = self._receiver.feed(data)
        except ValueError as fault:
            self._fail(fault)
            self.close()
            return
        if reply is not None:
            self._waiting = None
            if not waiting.done():
                waiting.set_result(reply)

    def _fail(self, fault: Exception) -> None:
        waiting, self._waiting = self._waiting, None
        self.stale = self.kept and not self._receiver.begun
        if waiting is not None and not waiting.done():
            waiting.set_exception(fault)


class Streams:
    """Connections of an event loop to several servers, kept for what is asked next."""

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
        self._idle: dict[Endpoint, list[Stream]] = {}
        self._closed = False

    async def run(self, question: Question, attempt: Attempt) -> Answered | Fault:
        """Make an attempt, and return what became of it."""
        begun = monotonic()
        first = await self._begin(question, attempt.endpoint, attempt.deadline, fresh=attempt.fresh)
        if isinstance(first, Fault):
            return first
        racing, faults = dict([first]), list[Fault]()
        hedge_at = None if attempt.hedge_s is None else begun + attempt.hedge_s
        try:
            while racing:
                until = attempt.deadline if hedge_at is None else min(hedge_at, attempt.deadline)
                ready, _ = await asyncio.wait(
                    racing, timeout=max(until - monotonic(), 0.0), return_when=asyncio.FIRST_COMPLETED
                )
                for answer in ready:
                    stream = racing.pop(answer)
                    fault = answer.exception()
                    if fault is None:
                        reply = answer.result()
                        self._keep(stream, reply)
                        return Answered(stream.endpoint, reply, monotonic() - begun)
                    faults.append(Fault(stream.endpoint, _say(fault), sent=True, stale=stream.stale))
                if ready:
                    continue
                if monotonic() >= attempt.deadline:
                    return Fault(attempt.endpoint, "its time was over", sent=True, late=True)
                if hedge_at is not None:
                    hedge_at = None
                    await self._hedge(question, attempt, racing)
            return faults[0]
        finally:
            for answer, stream in racing.items():
                answer.cancel()
                stream.close()

    def close(self) -> None:
        """Close what is kept."""
        self._closed = True
        for kept in self._idle.values():
            for stream in kept:
                stream.close()
        self._idle.clear()

    async def _hedge(self, question: Question, attempt: Attempt, racing: "dict[asyncio.Future[Reply], Stream]") -> None:
        """Ask another server as well, where that may be; that it cannot be reached is no matter."""
        other = attempt.other()
        if other is not None:
            second = await self._begin(question, other, attempt.deadline)
            if not isinstance(second, Fault):
                racing[second[0]] = second[1]

    async def _begin(
        self, question: Question, endpoint: Endpoint, deadline: float, *, fresh: bool = False
    ) -> "tuple[asyncio.Future[Reply], Stream] | Fault":
        """Send a question, on a kept connection if there is one and it may be."""
        stream = None if fresh else self._take(endpoint)
        if stream is None:
            try:
                stream = await self._connect(endpoint, deadline)
            except OSError as fault:
                return Fault(endpoint, _say(fault), sent=False, late=isinstance(fault, TimeoutError))
        return stream.ask(self._writer.write(question, endpoint, deadline - monotonic())), stream

    async def _connect(self, endpoint: Endpoint, deadline: float) -> Stream:
        left_s = deadline - monotonic()
        if left_s <= 0:
            raise TimeoutError("no time was left to connect")
        context = self._context if endpoint.secure else None
        name = endpoint.host if context is not None else None
        async with asyncio.timeout(left_s):
            _, stream = await asyncio.get_running_loop().create_connection(
                lambda: Stream(endpoint), endpoint.host, endpoint.port, ssl=context, server_hostname=name
            )
        return stream

    def _take(self, endpoint: Endpoint) -> Stream | None:
        kept = self._idle.get(endpoint)
        while kept:
            stream = kept.pop()
            if stream.open:
                return stream
        return None

    def _keep(self, stream: Stream, reply: Reply) -> None:
        kept = self._idle.setdefault(stream.endpoint, [])
        if reply.keeps and stream.open and len(kept) < self._most and not self._closed:
            stream.kept = True
            kept.append(stream)
        else:
            stream.close()


def _say(fault: BaseException) -> str:
    said = getattr(fault, "strerror", None) or str(fault) or type(fault).__name__
    return f"{said[:1].lower()}{said[1:]}" if not said[:2].isupper() else said

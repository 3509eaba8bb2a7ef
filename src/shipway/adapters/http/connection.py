"""One client's connection: its requests are handed on, and answers become bytes in the order of the requests."""

import asyncio
import logging
from collections import deque
from typing import Final, cast

import httptools
import msgspec

from shipway.adapters.http.call import Call
from shipway.adapters.http.glance import Glance, Refused
from shipway.adapters.http.head import BREAK, Head
from shipway.adapters.http.parser import BUSY, Fault, Parser, check_size, describe_fault
from shipway.adapters.http.state import State

logger: Final = logging.getLogger(__name__)
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_PIECE_BYTES: Final = 32 << 10
"""How much is cut into requests at a time: what follows each is copied, and of a quarter of a megabyte that is dear."""


class Connection(asyncio.Protocol):
    """Hands requests on, and writes the answers in order.

    What comes is cut into requests in one of four ways: by a head that is known, by the parser, and where the server is
    full by passing over, with or without a head that is known. Nobody can tell which it was.
    """

    def __init__(self, state: State, *, trusted: bool = False) -> None:
        """Wait for a client.

        Args:
            state: what the server's connections share.
            trusted: whether only this user can connect so.
        """
        self._state = state
        self._trusted = trusted
        self._calls: deque[Call | Refused] = deque()
        self._held_bytes = 0
        self._parser = Parser(state, self._invite)
        self._glance: Glance | None = None
        self._glanced_bytes = 0
        self._passing_bytes = 0
        self._rest = b""
        self._since = state.now
        self._deaf = False
        self._gone = False
        self._closing = False
        self._ended = False
        self._clogged = False
        self._paused = False

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take up a client."""
        self._transport = cast("asyncio.Transport", transport)
        self._state.connections.add(self)
        if self._state.draining:
            self._transport.close()
        elif len(self._state.connections) > self._state.limits.connections:
            self._refuse((BUSY, "too many clients are connected", "try again later"))
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a client that is gone; what it still asks for is answered into the void."""
        if exc is not None:
            logger.debug("a client went away: %s", exc)
        self._state.connections.discard(self)
        self._deaf = self._gone = True
        self._rest = b""
        self._parser.stop()
        # Bodies of what is not answered yet are in memory until it is.
        self.send()

    def data_received(self, data: bytes) -> None:
        """Hand on the requests that are whole, as long as their client reads what it is answered."""
        for first in range(0, len(data), _PIECE_BYTES):
            piece = data[first : first + _PIECE_BYTES]
            if self._rest:
                self._rest += piece
            else:
                self._take_in(piece)

    def eof_received(self) -> bool:
        """Answer what was asked before the client stopped sending; a request cut off in the middle is refused."""
        self._ended = True
        if not self._deaf and not self._rest:
            self._refuse_half()
        return bool(self._calls or self._rest)

    def pause_writing(self) -> None:
        """Read no more from a client that does not read its answers."""
        self._clogged = True
        self._since = self._state.now
        self._steer()

    def resume_writing(self) -> None:
        """Read on."""
        self._clogged = False
        self._steer()

    # the server

    def send(self) -> None:
        """Write the answers that are due: each one that has none before it that is still open."""
        calls, state = self._calls, self._state
        if self._gone:
            while calls and calls[0].answered:
                self._let_go(len(calls.popleft().body))
            return
        ends = (self._ended or state.draining) and not self._rest
        said, size, last = b"", 0, False
        while calls and calls[0].answered and not last:
            call = calls.popleft()
            last = call.final or (ends and not calls and not self._reading)
            # Nearly always there is one; a client that sends many at once has to wait for them anyhow.
            said += call.compose(state.opening, last=last)
            size += len(call.body)
        if not said:
            return
        self._let_go(size)
        self._since = state.now
        self._transport.write(said)
        if last:
            self._finish()
        elif self._paused:
            self._steer()

    def drain(self) -> None:
        """End the connection as soon as nothing is asked over it."""
        if not self._calls and not self._reading and not self._rest and not self._deaf:
            self._transport.close()

    def expire(self, now: float) -> None:
        """End what took too long."""
        waited, limits = now - self._since, self._state.limits
        if self._deaf:
            # The last answer may be on its way still, and whoever reads it has as long for that as for any other.
            most = limits.request_s if self._transport.get_write_buffer_size() else limits.linger_s
            if not self._calls and waited > most:
                self._transport.abort()
        elif self._clogged:
            if waited > limits.request_s:
                self._transport.abort()
        elif self._reading and not self._paused:
            if waited > limits.request_s:
                self._refuse((408, f"the request was not whole after {limits.request_s:g} s", "send it faster"))
        elif not self._calls and waited > limits.idle_s:
            # A client that does not read its last answers would hold its place as long as it likes.
            if self._transport.get_write_buffer_size():
                self._transport.abort()
            else:
                self._transport.close()

    def abort(self) -> None:
        """End the connection now."""
        self._transport.abort()

    # requests that are taken

    def _refuse_half(self) -> None:
        """Refuse a request that is cut off by the end of what its client sends."""
        if self._reading:
            self._refuse((400, "the request ends in the middle", "send all of it before the connection is closed"))

    @property
    def _reading(self) -> bool:
        """Tell whether a request has begun and not ended."""
        return self._parser.reading or self._glance is not None or self._passing_bytes > 0

    def _take_in(self, data: bytes) -> None:
        """Cut what came into requests, until it is all taken in or no more may be."""
        state, parser = self._state, self._parser
        while data and not self._deaf and not self._closing:
            if self._clogged:
                self._rest = data
                break
            if self._glance is not None:
                self._glance_over(self._glance, data)
                return
            if self._passing_bytes:
                data = self._pass_body(data)
            elif parser.reading:
                end = parser.find_end(data)
                self._parse(data[:end])
                data = data[end:]
            elif state.door.full and data.startswith(state.door.unread):
                data = self._pass_over(data)
            else:
                data = self._recall(data)

    def _invite(self) -> None:
        if not self._calls:
            self._transport.write(_CONTINUE)

    def _parse(self, data: bytes) -> None:
        """Let the parser read, and hand on the requests that are whole."""
        parser = self._parser
        calls = [Call(self.send, head, body, trusted=self._trusted) for head, body in parser.read(data)]
        if calls or parser.reading:
            self._since = max(self._since, parser.begun_s)
        self._calls.extend(calls)
        for call in calls:
            self._held_bytes += len(call.body)
            self._closing |= call.final
        for call in calls:
            self._hand_on(call)
        if parser.fault is not None:
            self._refuse(parser.fault)
        self._steer()

    def _recall(self, data: bytes) -> bytes:
        """Hand on the requests at the beginning, and return what follows them.

        Those whose heads are known are cut out; if the first is not known, it is parsed.
        """
        state, first = self._state, 0
        room = state.limits.held_bytes - state.held_bytes
        while (found := state.heads.cut(data, first)) is not None:
            head, begin, last = found
            if head.length > room:
                break
            room -= head.length
            self._held_bytes += head.length
            state.held_bytes += head.length
            call = Call(self.send, head, data[begin:last], trusted=self._trusted)
            self._calls.append(call)
            self._hand_on(call)
            first = last
            # What is answered at once may have been one too many, and those after it are refused with less ado.
            if first == len(data) or self._deaf or self._clogged or (call.answered and state.door.full):
                break
        if not first:
            # Its head first, so that no more than one request is read at a time.
            end = data.find(BREAK) + len(BREAK)
            end = end if end >= len(BREAK) else len(data)
            self._parse(data[:end])
            return data[end:]
        self._since = state.now
        self._steer()
        return data[first:]

    def _hand_on(self, call: Call) -> None:
        try:
            self._state.handle(call)
        except Exception:
            # Nobody waits for this exception, and the client must not wait for ever.
            logger.exception("%s %s was not foreseen", call.method, call.path)
            if not call.answered:
                call.answer(500, _write_refusal("internal", "the server did not foresee this", "please report it"))

    # requests that are refused

    def _pass_over(self, data: bytes) -> bytes:
        """Refuse requests without reading them, each in its place after those before it, and return what follows."""
        data = self._pass_known(data)
        if not data.startswith(self._state.door.unread):
            return data
        if BREAK in data:
            self._glanced_bytes = 0
            self._glance_over(Glance(self._state.refusal), data)
        else:
            # The one that is cut off in its head is read like any other, so that those after it can be cut out again.
            self._parse(data)
        return b""

    def _pass_known(self, data: bytes) -> bytes:
        """Refuse the requests at the beginning whose heads are known, and return what follows them."""
        state = self._state
        count, first, self._passing_bytes = state.heads.pass_over(data)
        if count:
            self._answer_unread(Refused([state.refusal.whole] * count, final=False))
        if not self._passing_bytes:
            return data[first:]
        self._since = state.now
        return b""

    def _pass_body(self, data: bytes) -> bytes:
        """Pass over the rest of a body, refuse its request once it was all, and return what follows it."""
        rest = data[self._passing_bytes :]
        self._passing_bytes = max(self._passing_bytes - len(data), 0)
        if not self._passing_bytes:
            self._answer_unread(Refused([self._state.refusal.whole], final=False))
        return rest

    def _glance_over(self, glance: Glance, data: bytes) -> None:
        """Refuse requests whose heads are not known."""
        fault: Fault | None = None
        try:
            glance.feed(data)
        except httptools.HttpParserError as error:
            fault = describe_fault(error)
        if glance.begun:
            self._since, self._glanced_bytes = self._state.now, 0
        refused = glance.take()
        self._glance = glance if glance.inside else None
        if glance.inside and fault is None:
            self._glanced_bytes += len(data)
            fault = check_size(self._glanced_bytes, self._state, in_head=False)
        if refused is not None:
            self._answer_unread(refused)
        if fault is not None and not self._deaf:
            self._refuse(fault)

    def _answer_unread(self, refused: Refused) -> None:
        """Answer requests that were passed over, once those before them are answered."""
        self._since = self._state.now
        self._calls.append(refused)
        self._state.door.count_unread(refused.count)
        self.send()
        self._steer()

    def _refuse(self, fault: Fault) -> None:
        """Answer what is no proper request, after all that is still open, and hear no more of this client."""
        status, fact, hint = fault
        self._deaf, self._glance, self._passing_bytes, self._rest = True, None, 0, b""
        self._since = self._state.now
        self._parser.stop()
        call = Call(self.send, Head("", "", {}, keep=False), b"")
        self._calls.append(call)
        if status == BUSY:
            later = [("retry-after", str(self._state.door.retry_s))]
            call.answer(status, _write_refusal("SW-801", fact, hint), headers=later)
        else:
            call.answer(status, _write_refusal("SW-802", fact, hint))

    # the transport

    def _finish(self) -> None:
        """End the connection after its last answer, so that the client can read that."""
        self._calls.clear()
        if self._deaf and self._transport.can_write_eof() and not self._ended:
            # Closing on a client that still sends would make its system throw the answer away unread.
            self._transport.write_eof()
        else:
            self._deaf = True
            self._transport.close()

    def _steer(self) -> None:
        """Read on, or not for now."""
        pause = (self._clogged or len(self._calls) >= self._state.limits.pipelined) and not self._deaf
        if pause != self._paused and not self._transport.is_closing():
            self._paused = pause
            if pause:
                self._transport.pause_reading()
            else:
                self._transport.resume_reading()
        if self._rest and not self._clogged:
            data, self._rest = self._rest, b""
            self.data_received(data)
            if self._ended and not self._rest and not self._deaf:
                self._refuse_half()

    def _let_go(self, size: int) -> None:
        """Count bodies as no longer in memory."""
        self._held_bytes -= size
        self._state.held_bytes -= size


def _write_refusal(code: str, fact: str, hint: str) -> bytes:
    # As the routes write theirs; `error` is where clients of the Open Inference Protocol look.
    return msgspec.json.encode({"code": code, "fact": fact, "hint": hint, "error": f"{code} {fact}"})

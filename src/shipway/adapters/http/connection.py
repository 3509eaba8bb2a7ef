"""One client's connection: bytes become requests, and answers become bytes in the order of the requests."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from email.utils import formatdate
from typing import Final, cast

import httptools
import msgspec

from shipway.adapters.http.call import Call, Opening
from shipway.adapters.http.glance import Glance, Refusal, Refused
from shipway.adapters.http.head import BREAK, Head, Heads
from shipway.adapters.http.limit import Door, Limits

logger: Final = logging.getLogger(__name__)
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_UPGRADE: Final = frozenset({"connection", "upgrade", "http2-settings"})
_BUSY: Final = 503
_OVERHEAD: Final = 8
"""Bytes on the wire for each byte of a body, at most: a chunk of one byte takes six."""


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
        self.connections: set[Connection] = set()
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


class Connection(asyncio.Protocol):
    """Reads requests, hands them on, and writes the answers in order."""

    def __init__(self, state: State, *, trusted: bool = False) -> None:
        """Wait for a client.

        Args:
            state: what the server's connections share.
            trusted: whether only this user can connect so.
        """
        self._state = state
        self._trusted = trusted
        self._calls: deque[Call | Refused] = deque()
        self._ready: list[Call] = []
        self._glance: Glance | None = None
        self._passing_bytes = 0
        self._held_bytes = 0
        self._parser = httptools.HttpRequestParser(self)
        self._reading = False
        self._in_head = False
        self._seen_bytes = 0
        self._begun = 0
        self._since = state.now
        self._refused: tuple[int, str, str] | None = None
        self._deaf = False
        self._ended = False
        self._clogged = False
        self._paused = False
        self._forget()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take up a client."""
        self._transport = cast("asyncio.Transport", transport)
        self._state.connections.add(self)
        if self._state.draining:
            self._transport.close()
        elif len(self._state.connections) > self._state.limits.connections:
            self._refuse(_BUSY, "too many clients are connected", "try again later")
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a client that is gone; what it still asks for is answered into the void."""
        if exc is not None:
            logger.debug("a client went away: %s", exc)
        self._state.connections.discard(self)
        self._deaf = True
        self._calls.clear()
        self._let_go(self._held_bytes)

    def data_received(self, data: bytes) -> None:
        """Parse what came and hand on the requests that are whole."""
        state = self._state
        while data and not self._deaf:
            if self._glance is not None:
                self._glance_over(self._glance, data)
                return
            if self._passing_bytes:
                data = self._pass_body(data)
            elif self._reading:
                end = self._find_end(data)
                self._parse(data[:end])
                data = data[end:]
            elif state.door.full and data.startswith(state.door.unread):
                data = self._pass_over(data)
            else:
                data = self._recall(data)

    def eof_received(self) -> bool:
        """Answer what was asked before the client stopped sending; a request cut off in the middle is refused."""
        if self._deaf:
            return False
        if self._reading:
            self._refuse(400, "the request ends in the middle", "send all of it before the connection is closed")
        self._ended = True
        return bool(self._calls)

    def pause_writing(self) -> None:
        """Read no more from a client that does not read its answers."""
        self._clogged = True
        self._since = self._state.now
        self._steer()

    def resume_writing(self) -> None:
        """Read on."""
        self._clogged = False
        self._steer()

    # httptools

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._reading = self._in_head = True
        self._seen_bytes = 0
        self._begun += 1
        self._since = self._state.now
        self._forget()

    def on_url(self, url: bytes) -> None:
        """Take a piece of the target."""
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; those after the body are passed over."""
        if self._in_head:
            self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Look at what was announced before the body is read."""
        self._in_head = False
        version = self._parser.get_http_version()
        if version not in ("1.0", "1.1"):
            return self._object(400, f"HTTP/{version} is not spoken here", "speak HTTP/1.1")
        if version == "1.1" and "host" not in self._headers:
            return self._object(400, "the request has no header host", "send one, as HTTP/1.1 asks for")
        length = int(self._headers.get("content-length", 0))
        self._length = 0 if "transfer-encoding" in self._headers else length
        if length > self._state.limits.body_bytes:
            return self._object(*self._too_large())
        if self._state.held_bytes + length > self._state.limits.held_bytes:
            return self._object(_BUSY, "the server holds as much as it may", "try again later")
        if self._headers.get("expect", "").lower() == "100-continue" and not self._calls and not self._ready:
            self._transport.write(_CONTINUE)
        return None

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        size = len(body)
        self._body.append(body)
        self._body_bytes += size
        self._held_bytes += size
        self._state.held_bytes += size
        if self._body_bytes > self._state.limits.body_bytes:
            self._object(*self._too_large())
        elif self._state.held_bytes > self._state.limits.held_bytes:
            self._object(_BUSY, "the server holds as much as it may", "try again later")

    def on_message_complete(self) -> None:
        """Take a request that is whole; one that wants another protocol is read again without that wish."""
        if self._parser.should_upgrade():
            return
        self._reading = False
        path, _, _ = self._target.partition(b"?")
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        head = Head(
            self._parser.get_method().decode("ascii"),
            path.decode("latin-1"),
            self._headers,
            length=len(body),
            keep=self._parser.should_keep_alive(),
            old=self._parser.get_http_version() == "1.0",
        )
        self._ready.append(Call(self.send, head, body, trusted=self._trusted))

    # the server

    def send(self) -> None:
        """Write the answers that are due: each one that has none before it that is still open."""
        calls, state = self._calls, self._state
        ends = self._ended or state.draining
        said, size, last = b"", 0, False
        while calls and calls[0].answered and not last:
            call = calls.popleft()
            last = call.final or (ends and not calls and not self._reading)
            # Nearly always there is one; a client that sends many at once has to wait for them anyhow.
            said += call.compose(state.opening, last=last)
            size += len(call.body)
        if not said:
            return
        self._held_bytes -= size
        state.held_bytes -= size
        self._since = state.now
        self._transport.write(said)
        if last:
            self._finish()
        elif self._paused:
            self._steer()

    def drain(self) -> None:
        """End the connection as soon as nothing is asked over it."""
        if not self._calls and not self._reading and not self._deaf:
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
                self._refuse(408, f"the request was not whole after {limits.request_s:g} s", "send it faster")
        elif not self._calls and waited > limits.idle_s:
            self._transport.close()

    def abort(self) -> None:
        """End the connection now."""
        self._transport.abort()

    def _find_end(self, data: bytes) -> int:
        """Return how much of what came belongs to the request that is being read, as far as that can be told.

        The parser is not given more than that, so that what follows need not be parsed where its head is known.
        """
        if self._in_head:
            end = data.find(BREAK)
            return len(data) if end < 0 else end + len(BREAK)
        lacking = self._length - self._body_bytes
        return lacking if 0 < lacking < len(data) else len(data)

    def _parse(self, data: bytes) -> None:
        """Let the parser read, and hand on the requests that are whole."""
        fresh, self._begun = not self._reading, int(self._reading)
        self._feed(data)
        if self._refused is None and self._reading:
            self._seen_bytes += len(data) if self._begun == 1 else self._measure_last(data)
            self._check_size()
        ready, self._ready = self._ready, []
        if fresh and len(ready) == self._begun == 1 and self._refused is None:
            self._state.heads.learn(data, ready[0].head)
        self._calls.extend(ready)
        for call in ready:
            self._hand_on(call)
        if self._refused is not None:
            self._refuse(*self._refused)
        self._steer()

    def _recall(self, data: bytes) -> bytes:
        """Hand on the requests at the beginning, and return what follows them.

        Those whose heads are known are cut out; if the first is not known, all are parsed.
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
            if first == len(data) or self._deaf or (call.answered and state.door.full):
                break
        if not first:
            self._parse(data)
            return b""
        self._since = state.now
        self._steer()
        return data[first:]

    def _pass_over(self, data: bytes) -> bytes:
        """Refuse requests without reading them, each in its place after those before it, and return what follows."""
        data = self._pass_known(data)
        if not data.startswith(self._state.door.unread):
            return data
        if BREAK in data:
            self._glance_over(Glance(self._state.refusal), data)
        else:
            # The one that is cut off in its head is read like any other, so that those after it can be cut out again.
            self._parse(data)
        return b""

    def _pass_known(self, data: bytes) -> bytes:
        """Refuse the requests at the beginning whose heads are known, and return what follows them."""
        state = self._state
        count, first, lacking = state.heads.pass_over(data)
        if count:
            self._answer_unread(Refused([state.refusal.whole] * count, final=False))
        if not lacking:
            return data[first:]
        self._reading, self._in_head, self._passing_bytes, self._since = True, False, lacking, state.now
        return b""

    def _pass_body(self, data: bytes) -> bytes:
        """Pass over the rest of a body, refuse its request once it was all, and return what follows it."""
        rest = data[self._passing_bytes :]
        self._passing_bytes = max(self._passing_bytes - len(data), 0)
        if not self._passing_bytes:
            self._reading = False
            self._answer_unread(Refused([self._state.refusal.whole], final=False))
        return rest

    def _glance_over(self, glance: Glance, data: bytes) -> None:
        """Refuse requests whose heads are not known."""
        try:
            glance.feed(data)
        except httptools.HttpParserError as error:
            self._refused = 400, _describe(error), "speak HTTP/1.1"
        if glance.begun:
            self._since, self._seen_bytes = self._state.now, 0
        refused = glance.take()
        self._reading, self._in_head = glance.inside, False
        self._glance = glance if glance.inside else None
        if glance.inside and self._refused is None:
            self._seen_bytes += len(data)
            self._check_size()
        if refused is not None:
            self._answer_unread(refused)
        if self._refused is not None and not self._deaf:
            self._refuse(*self._refused)

    def _answer_unread(self, refused: Refused) -> None:
        """Answer requests that were passed over, once those before them are answered."""
        self._since = self._state.now
        self._calls.append(refused)
        self._state.door.count_unread(refused.count)
        self.send()
        self._steer()

    def _feed(self, data: bytes) -> None:
        while True:
            try:
                return self._parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                # Nothing but HTTP/1.1 is spoken here. The wish is optional, so the request is read without it.
                rest = self._restart()
                if rest is None:
                    return None
                data = rest + data[upgrade.args[0] :]
            except httptools.HttpParserError as error:
                if self._refused is None:
                    self._refused = (400, _describe(error), "speak HTTP/1.1")
                return None

    def _restart(self) -> bytes | None:
        """Return the head of a request once more without the wish for another protocol, for a new parser."""
        method = self._parser.get_method()
        if method == b"CONNECT":
            self._refused = (405, "this is no proxy", "ask the server itself")
            return None
        head = [b"%b %b HTTP/1.1\r\n" % (method, self._target)]
        kept = ((name, value) for name, value in self._headers.items() if name not in _UPGRADE)
        head += [f"{name}: {value}\r\n".encode("latin-1") for name, value in kept]
        self._parser = httptools.HttpRequestParser(self)
        return b"".join((*head, b"\r\n"))

    def _measure_last(self, data: bytes) -> int:
        """Return how much of a piece belongs to the last of several requests in it; rather less than too much.

        Its head, if it is not whole, begins after the blank line before the last whole request's body, and that body.
        """
        if not self._in_head or not self._ready:
            return 0
        return max(len(data) - data.rfind(b"\r\n\r\n") - 4 - len(self._ready[-1].body), 0)

    def _check_size(self) -> None:
        limits = self._state.limits
        if self._in_head and self._seen_bytes > limits.head_bytes:
            hint = "send fewer and shorter headers"
            self._refused = (431, f"the head of the request is larger than {limits.head_bytes:,} bytes", hint)
        elif self._seen_bytes > limits.head_bytes + _OVERHEAD * limits.body_bytes:
            self._refused = self._too_large()

    def _too_large(self) -> tuple[int, str, str]:
        most = self._state.limits.body_bytes
        return 413, f"the request's body is larger than {most:,} bytes", "send less at a time"

    def _object(self, status: int, fact: str, hint: str) -> None:
        """Refuse a request out of the parser, which stops at the exception."""
        self._refused = (status, fact, hint)
        raise ValueError(fact)

    def _refuse(self, status: int, fact: str, hint: str) -> None:
        """Answer what is no proper request, after all that is still open, and hear no more of this client."""
        self._deaf, self._reading, self._refused, self._glance, self._passing_bytes = True, False, None, None, 0
        self._since = self._state.now
        self._let_go(self._body_bytes)
        self._forget()
        call = Call(self.send, Head("", "", {}, keep=False), b"")
        self._calls.append(call)
        if status == _BUSY:
            later = [("retry-after", str(self._state.door.retry_s))]
            call.answer(status, _write_refusal("SW-801", fact, hint), headers=later)
        else:
            call.answer(status, _write_refusal("SW-802", fact, hint))

    def _hand_on(self, call: Call) -> None:
        try:
            self._state.handle(call)
        except Exception:
            # Nobody waits for this exception, and the client must not wait for ever.
            logger.exception("%s %s was not foreseen", call.method, call.path)
            if not call.answered:
                call.answer(500, _write_refusal("internal", "the server did not foresee this", "please report it"))

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

    def _let_go(self, size: int) -> None:
        """Count bodies as no longer in memory."""
        self._held_bytes -= size
        self._state.held_bytes -= size

    def _forget(self) -> None:
        self._target = b""
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._body_bytes = self._length = 0


def _describe(error: Exception) -> str:
    said = (str(error).splitlines() or ["no reason given"])[0].replace("`", "")
    return f"this is no HTTP request ({said})"


def _write_refusal(code: str, fact: str, hint: str) -> bytes:
    # As the routes write theirs; `error` is where clients of the Open Inference Protocol look.
    return msgspec.json.encode({"code": code, "fact": fact, "hint": hint, "error": f"{code} {fact}"})

"""Requests out of bytes: httptools says what it finds, and what is more than the server takes is refused on the way."""

from collections.abc import Callable
from typing import Final, TypeAlias

import httptools

from shipway.adapters.http.head import BREAK, Head
from shipway.adapters.http.state import State

Fault: TypeAlias = tuple[int, str, str]
"""Why a request is refused: a status code, one sentence and a hint."""
BUSY: Final = 503
_UPGRADE: Final = frozenset({"connection", "upgrade", "http2-settings"})
_OVERHEAD: Final = 8
"""Bytes on the wire for each byte of a body, at most: a chunk of one byte takes six."""


class Parser:
    """Reads the requests of one connection.

    Attributes:
        reading: whether a request has begun and not ended.
        begun_s: when it did, by the server's clock.
        body_bytes: size of what was read of its body.
        fault: why no more is read; None where nothing is wrong.
    """

    def __init__(self, state: State, invite: Callable[[], None]) -> None:
        """Begin between two requests.

        Args:
            state: what the server's connections share.
            invite: tells a client that waits for it to send the body.
        """
        self.reading = False
        self.begun_s = state.now
        self.fault: Fault | None = None
        self._state = state
        self._invite = invite
        self._parser = httptools.HttpRequestParser(self)
        self._whole: list[tuple[Head, bytes]] = []
        self._in_head = False
        self._seen_bytes = 0
        self._begun = 0
        self._said = b""
        self._forget()

    def find_end(self, data: bytes) -> int:
        """Return how much of what came belongs to the request that is being read, as far as that can be told.

        Given no more than that, what follows need not be parsed where its head is known.
        """
        if self._in_head:
            end = data.find(BREAK)
            return len(data) if end < 0 else end + len(BREAK)
        lacking = self._length - self.body_bytes
        return lacking if 0 < lacking < len(data) else len(data)

    def read(self, data: bytes) -> list[tuple[Head, bytes]]:
        """Read on, and return the requests that are whole, as their heads and bodies.

        Their bodies count as held until they are let go of; that of the one that is being read does too.
        """
        if not self.reading:
            # A head that is read by itself can be known again, whether its body comes with it or later.
            self._said = data[: -len(BREAK)] if data.find(BREAK) == len(data) - len(BREAK) else b""
        self._begun = int(self.reading)
        self._feed(data)
        whole, self._whole = self._whole, []
        if self.fault is None and self.reading:
            self._seen_bytes += len(data) if self._begun == 1 else self._measure_last(data, whole)
            self.fault = check_size(self._seen_bytes, self._state, in_head=self._in_head)
        if self._said and len(whole) == self._begun == 1 and self.fault is None:
            self._state.heads.learn(self._said, whole[0][0])
        if whole or self._begun > 1:
            # It was the head of one request and of no other.
            self._said = b""
        return whole

    def stop(self) -> None:
        """Let go of what is being read."""
        self.reading, self.fault = False, None
        self._state.held_bytes -= self.body_bytes
        self._forget()

    # httptools

    def on_message_begin(self) -> None:
        """Begin a request."""
        self.reading = self._in_head = True
        self.begun_s = self._state.now
        self._seen_bytes = 0
        self._begun += 1
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
        state, headers = self._state, self._headers
        version = self._parser.get_http_version()
        if version not in ("1.0", "1.1"):
            return self._object((400, f"HTTP/{version} is not spoken here", "speak HTTP/1.1"))
        if version == "1.1" and "host" not in headers:
            return self._object((400, "the request has no header host", "send one, as HTTP/1.1 asks for"))
        length = int(headers.get("content-length", 0))
        self._length = 0 if "transfer-encoding" in headers else length
        if length > state.limits.body_bytes:
            return self._object(_say_too_large(state))
        if state.held_bytes + length > state.limits.held_bytes:
            return self._object((BUSY, "the server holds as much as it may", "try again later"))
        if headers.get("expect", "").lower() == "100-continue" and not self._whole:
            self._invite()
        return None

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        size = len(body)
        self._body.append(body)
        self.body_bytes += size
        self._state.held_bytes += size
        if self.body_bytes > self._state.limits.body_bytes:
            self._object(_say_too_large(self._state))
        elif self._state.held_bytes > self._state.limits.held_bytes:
            self._object((BUSY, "the server holds as much as it may", "try again later"))

    def on_message_complete(self) -> None:
        """Take a request that is whole; one that wants another protocol is read again without that wish."""
        if self._parser.should_upgrade():
            return
        self.reading = False
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
        self._whole.append((head, body))
        self._forget()

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
                if self.fault is None:
                    self.fault = describe_fault(error)
                return None

    def _restart(self) -> bytes | None:
        """Return the head of a request once more without the wish for another protocol, for a new parser."""
        method = self._parser.get_method()
        if method == b"CONNECT":
            self.fault = (405, "this is no proxy", "ask the server itself")
            return None
        head = [b"%b %b HTTP/1.1\r\n" % (method, self._target)]
        kept = ((name, value) for name, value in self._headers.items() if name not in _UPGRADE)
        head += [f"{name}: {value}\r\n".encode("latin-1") for name, value in kept]
        self._parser = httptools.HttpRequestParser(self)
        return b"".join((*head, b"\r\n"))

    def _measure_last(self, data: bytes, whole: list[tuple[Head, bytes]]) -> int:
        """Return how much of a piece belongs to the last of several requests in it; rather less than too much.

        Its head, if it is not whole, begins after the blank line before the last whole request's body, and that body.
        """
        if not self._in_head or not whole:
            return 0
        return max(len(data) - data.rfind(BREAK) - len(BREAK) - len(whole[-1][1]), 0)

    def _object(self, fault: Fault) -> None:
        """Refuse a request out of httptools, which stops at the exception."""
        self.fault = fault
        raise ValueError(fault[1])

    def _forget(self) -> None:
        self._target = b""
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self.body_bytes = self._length = 0


def check_size(seen_bytes: int, state: State, *, in_head: bool) -> Fault | None:
    """Return why a request is too large, by what came of it so far; None where it is not.

    Args:
        seen_bytes: what came of it.
        state: of the server.
        in_head: whether its head is not whole yet.
    """
    limits = state.limits
    if in_head and seen_bytes > limits.head_bytes:
        hint = "send fewer and shorter headers"
        return 431, f"the head of the request is larger than {limits.head_bytes:,} bytes", hint
    return _say_too_large(state) if seen_bytes > limits.head_bytes + _OVERHEAD * limits.body_bytes else None


def describe_fault(error: Exception) -> Fault:
    """Return what httptools found wrong, as it is answered."""
    said = (str(error).splitlines() or ["no reason given"])[0].replace("`", "")
    return 400, f"this is no HTTP request ({said})", "speak HTTP/1.1"


def _say_too_large(state: State) -> Fault:
    return 413, f"the request's body is larger than {state.limits.body_bytes:,} bytes", "send less at a time"

"""One request over HTTP, and its answer as bytes."""

from collections.abc import Callable, Sequence
from http import HTTPStatus
from time import perf_counter_ns
from typing import Any, Final

from shipway.adapters.http.head import Head

_REASONS: Final = {status.value: status.phrase.encode("ascii") for status in HTTPStatus}
_JSON: Final = "application/json"
_OK: Final = 200
_NONE: Final = (0, b"", "", ())


class Opening:
    """How answers begin at present.

    Attributes:
        date: for the header of that name.
        json: an answer of status 200 in JSON, up to the number of its bytes.
    """

    __slots__ = ("date", "json")

    def __init__(self, date: bytes) -> None:
        """Work out what most answers have in common until the date changes."""
        self.date = date
        self.json = b"HTTP/1.1 200 OK\r\ndate: %b\r\ncontent-type: application/json\r\ncontent-length: " % date


class Call:
    """One request, and the way to answer it.

    Attributes:
        head: what stood before its body.
        path: as it was sent, without the query.
        headers: by name in lower case; of several with one name the last.
        answered: whether the answer is there, sent or waiting for those before it.
        final: whether the connection ends with it.
        body: the content.
        received_ns: when the request was whole, by `time.perf_counter_ns`.
        deadline_ns: when an answer comes too late, on the same clock; 0 where it never does.
        trusted: whether it came over a Unix socket that only this user may open.
        then: called once, after the answer was given.
    """

    __slots__ = (
        "_reply",
        "_send",
        "answered",
        "body",
        "deadline_ns",
        "final",
        "head",
        "headers",
        "path",
        "received_ns",
        "then",
        "trusted",
    )

    def __init__(self, send: Callable[[], None], head: Head, body: bytes, *, trusted: bool = False) -> None:
        """Take a whole request.

        Args:
            send: writes what is answered, as soon as all before it is.
            head: what stood before the body.
            body: the content.
            trusted: whether it came over a Unix socket that only this user may open.
        """
        self.head = head
        self.path = head.path
        self.headers = head.headers
        self.answered = False
        self.final = not head.keep
        self.body = body
        self.received_ns = perf_counter_ns()
        self.deadline_ns = 0
        self.trusted = trusted
        self.then: Callable[[], None] | None = None
        self._send = send
        self._reply: tuple[int, bytes, str, Sequence[tuple[str, str]]] = _NONE

    @property
    def method(self) -> str:
        """Return the method in capitals, such as `GET`."""
        return self.head.method

    @property
    def known(self) -> Any:
        """Return what was worked out of the head of this request, or of an equal one before; None if nothing was."""
        return self.head.known

    @known.setter
    def known(self, known: Any) -> None:
        self.head.known = known

    def answer(self, status: int, body: bytes, *, kind: str = _JSON, headers: Sequence[tuple[str, str]] = ()) -> None:
        """Answer the request; a client that went away meanwhile is no error.

        Args:
            status: the status code.
            body: the content.
            kind: its media type.
            headers: further ones.

        Raises:
            RuntimeError: if it was answered before.
        """
        if self.answered:
            raise RuntimeError(f"{self.method} {self.path} is answered twice")
        self.answered = True
        self._reply = (status, body, kind, headers)
        self._send()
        if self.then is not None:
            self.then()

    def compose(self, opening: Opening, *, last: bool) -> bytes:
        """Return the answer as bytes.

        Args:
            opening: how answers begin now.
            last: whether the connection ends after it.
        """
        status, body, kind, headers = self._reply
        head = self.head
        if status == _OK and kind is _JSON and not headers and not last and head.plain:
            return b"%b%d\r\n\r\n%b" % (opening.json, len(body), body)
        parts = [
            b"HTTP/1.1 %d %b\r\ndate: %b\r\ncontent-type: %b\r\ncontent-length: %d\r\n"
            % (status, _REASONS[status], opening.date, kind.encode("ascii"), len(body))
        ]
        parts += [f"{name}: {value}\r\n".encode("latin-1") for name, value in headers]
        if last:
            parts.append(b"connection: close\r\n")
        elif head.old:
            parts.append(b"connection: keep-alive\r\n")
        parts.append(b"\r\n")
        if head.method != "HEAD":
            parts.append(body)
        return b"".join(parts)

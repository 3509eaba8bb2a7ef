"""One request over HTTP, and its answer as bytes."""

from collections.abc import Callable, Sequence
from http import HTTPStatus
from time import perf_counter_ns
from typing import Final

_REASONS: Final = {status.value: status.phrase.encode("ascii") for status in HTTPStatus}
_JSON: Final = "application/json"


class Call:
    """One request, and the way to answer it.

    Attributes:
        method: in capitals, such as `GET`.
        path: as it was sent, without the query.
        headers: by name in lower case; of several with one name the last.
        body: the content.
        received_ns: when the request was whole, by `time.perf_counter_ns`.
        deadline_ns: when an answer comes too late, on the same clock; 0 where it never does.
        trusted: whether it came over a Unix socket that only this user may open.
        then: called once, after the answer was given.
    """

    __slots__ = (
        "_keep",
        "_old",
        "_reply",
        "_send",
        "body",
        "deadline_ns",
        "headers",
        "method",
        "path",
        "received_ns",
        "then",
        "trusted",
    )

    def __init__(
        self,
        send: Callable[[], None],
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        *,
        keep: bool,
        old: bool,
        trusted: bool = False,
    ) -> None:
        """Take a whole request.

        Args:
            send: writes what is answered, as soon as all before it is.
            method: in capitals.
            path: without the query.
            headers: by name in lower case.
            body: the content.
            keep: whether the connection stays open after the answer.
            old: whether the client speaks HTTP/1.0.
            trusted: whether it came over a Unix socket that only this user may open.
        """
        self.method = method
        self.path = path
        self.headers = headers
        self.body = body
        self.received_ns = perf_counter_ns()
        self.deadline_ns = 0
        self.trusted = trusted
        self.then: Callable[[], None] | None = None
        self._send = send
        self._keep = keep
        self._old = old
        self._reply: tuple[int, bytes, str, Sequence[tuple[str, str]]] | None = None

    @property
    def answered(self) -> bool:
        """Tell whether the answer is there, sent or waiting for those before it."""
        return self._reply is not None

    @property
    def final(self) -> bool:
        """Tell whether the connection ends with this answer."""
        return not self._keep

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
        if self._reply is not None:
            raise RuntimeError(f"{self.method} {self.path} is answered twice")
        self._reply = (status, body, kind, headers)
        self._send()
        if self.then is not None:
            self.then()

    def compose(self, date: bytes, *, last: bool) -> bytes:
        """Return the answer as bytes.

        Args:
            date: the present.
            last: whether the connection ends after it.
        """
        assert self._reply is not None
        status, body, kind, headers = self._reply
        parts = [
            b"HTTP/1.1 %d %b\r\ndate: %b\r\ncontent-type: %b\r\ncontent-length: %d\r\n"
            % (status, _REASONS[status], date, kind.encode("ascii"), len(body))
        ]
        parts += [f"{name}: {value}\r\n".encode("latin-1") for name, value in headers]
        if last:
            parts.append(b"connection: close\r\n")
        elif self._old:
            parts.append(b"connection: keep-alive\r\n")
        parts.append(b"\r\n")
        if self.method != "HEAD":
            parts.append(body)
        return b"".join(parts)

"""HTTP/1.1 as a client speaks it, without a socket: a question as bytes, and an answer out of them (RFC 9112)."""

from dataclasses import dataclass
from typing import Final

_HEAD_END: Final = b"\r\n\r\n"
_LONGEST_HEAD: Final = 1 << 16
_BODILESS: Final = (204, 304)


@dataclass(frozen=True, slots=True, eq=False)
class Reply:
    """What a server said.

    Attributes:
        status: the status code.
        head: the status line and the headers, each line ended, as they came.
        body: the content.
        keeps: whether the connection may be used again.
    """

    status: int
    head: bytes
    body: bytes
    keeps: bool

    def header(self, name: str) -> str | None:
        """Return a header's value; None where it is not there.

        Args:
            name: in lower case.
        """
        return _find(self.head, self.head.lower(), name.encode("ascii"))


class Receiver:
    """Puts one answer together out of the bytes that come."""

    __slots__ = ("_buffer", "_head", "_whole", "begun")

    def __init__(self) -> None:
        """Wait for the first byte."""
        self._forget()

    def feed(self, data: bytes) -> Reply | None:
        """Take bytes, and return the answer once it is whole.

        Args:
            data: what came; empty where the server closed the connection.

        Raises:
            ValueError: where it is no answer in HTTP/1.1, or ends before it is whole; the message is a clause.
        """
        if not data:
            return self._end()
        self.begun = True
        buffer = self._buffer = self._buffer + data if self._buffer else data
        while self._head is None:
            end = buffer.find(_HEAD_END)
            if end < 0:
                if len(buffer) > _LONGEST_HEAD:
                    raise ValueError("the headers of the answer have no end")
                return None
            head = buffer[: end + 2]
            buffer = self._buffer = buffer[end + 4 :]
            if _read_status(head) >= 200:  # what comes before it, such as 100 Continue, is no answer yet
                self._head = head
                self._whole = _read_length(head)
        return self._close(buffer)

    def _close(self, buffer: bytes) -> Reply | None:
        """Return the answer if its body is whole."""
        if self._whole == _CHUNKED:
            body, rest = _join_chunks(buffer)
            if body is None:
                return None
        elif self._whole == _TO_THE_END or len(buffer) < self._whole:
            return None
        else:
            body, rest = buffer[: self._whole], buffer[self._whole :]
        if rest:
            raise ValueError("the server said more than it was asked")
        return self._give(body)

    def _end(self) -> Reply:
        if self._head is not None and self._whole == _TO_THE_END:
            return self._give(self._buffer)
        raise ValueError("the server closed the connection before its answer was whole")

    def _give(self, body: bytes) -> Reply:
        head = self._head
        assert head is not None
        lower = head.lower()
        said = _find(head, lower, b"connection") if b"\r\nconnection:" in lower else None
        keeps = self._whole != _TO_THE_END and head.startswith(b"HTTP/1.1") and "close" not in (said or "").lower()
        self._forget()
        return Reply(int(head[9:12]), head, body, keeps)

    def _forget(self) -> None:
        self._buffer = b""
        self._head: bytes | None = None
        self._whole = 0
        self.begun = False


_CHUNKED: Final = -1
_TO_THE_END: Final = -2


def _read_status(head: bytes) -> int:
    if not head.startswith(b"HTTP/1.") or head[8:9] != b" " or not head[9:12].isdigit():
        raise ValueError("what answers does not speak HTTP/1.1")
    return int(head[9:12])


def _read_length(head: bytes) -> int:
    if _read_status(head) in _BODILESS:
        return 0
    lower = head.lower()
    coding = _find(head, lower, b"transfer-encoding")
    if coding is not None:
        if coding.lower() != "chunked":
            raise ValueError(f"the answer is encoded as {coding[:30]!r}")
        return _CHUNKED
    length = _find(head, lower, b"content-length")
    if length is None:
        return _TO_THE_END
    if not (length.isascii() and length.isdecimal()):
        raise ValueError(f"the answer has a length of {length[:30]!r}")
    return int(length)


def _join_chunks(buffer: bytes) -> tuple[bytes | None, bytes]:
    """Return the body that chunks make up and what follows them; None for a body that is not whole yet."""
    parts: list[bytes] = []
    at = 0
    while True:
        end = buffer.find(b"\r\n", at)
        if end < 0:
            return None, b""
        size = int(buffer[at:end].partition(b";")[0], 16)
        at = end + 2
        if size == 0:
            # What may follow are headers once more, and an empty line.
            last = buffer.find(b"\r\n", at)
            while last > at:
                at = last + 2
                last = buffer.find(b"\r\n", at)
            return (None, b"") if last < 0 else (b"".join(parts), buffer[last + 2 :])
        if len(buffer) < at + size + 2:
            return None, b""
        parts.append(buffer[at : at + size])
        at += size + 2


def _find(head: bytes, lower: bytes, name: bytes) -> str | None:
    """Return a header's value; None where it is not there.

    Args:
        head: the status line and the headers.
        lower: the same in lower case.
        name: of the header, in lower case.
    """
    at = lower.find(b"\r\n" + name + b":")
    if at < 0:
        return None
    start = at + len(name) + 3
    return head[start : head.find(b"\r\n", start)].strip().decode("latin-1")

"""Requests that a full server refuses unread: the parser says where each ends, and nothing else of them is looked at.

At three times what a server can answer, two of three requests are refused; each may cost no more than a twentieth of an
answer, or refusing is all that the server does. Reading the headers of a request alone costs more than that. So its
target and headers are passed over, no object is made for it, and all that came at once is answered at once.
"""

from typing import Final

import httptools

from shipway.adapters.http.call import Opening

_HEAD: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\ncontent-length: %d\r\nretry-after: %d\r\n"
)


class Refusal:
    """One answer for whoever comes, as bytes; a server need not date a status of 503.

    Attributes:
        whole: with its body.
        bare: without, as a HEAD is answered.
    """

    __slots__ = ("bare", "whole")

    def __init__(self, body: bytes, retry_s: int) -> None:
        """Compose it.

        Args:
            body: JSON that says why.
            retry_s: after how many seconds a client may try again.
        """
        head = _HEAD % (len(body), retry_s)
        self.whole = head + b"\r\n" + body
        self.bare = head + b"\r\n"


class Refused:
    """Answers to requests that were refused unread, in their place among the others of a connection.

    Attributes:
        count: how many.
        final: whether the client wants the connection to end with the last of them.
        body: none is kept.
    """

    __slots__ = ("_said", "count", "final")

    answered = True
    body = b""

    def __init__(self, said: list[bytes], *, final: bool) -> None:
        """Keep the answers."""
        self._said = said
        self.count = len(said)
        self.final = final

    def compose(self, opening: Opening, *, last: bool) -> bytes:  # noqa: ARG002
        """Return the answers as bytes.

        Args:
            opening: how others begin; the date need not stand in these.
            last: whether the connection ends after them.
        """
        if last:
            self._said[-1] = self._said[-1].replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n", 1)
        return b"".join(self._said)


class Glance:
    """Passes over the requests of one connection.

    Attributes:
        inside: whether a request has begun and not ended.
        begun: whether one has begun since the last answers were taken.
    """

    __slots__ = ("_final", "_parser", "_refusal", "_said", "begun", "inside")

    def __init__(self, refusal: Refusal) -> None:
        """Begin between two requests."""
        self._refusal = refusal
        self._parser = httptools.HttpRequestParser(self)
        self._said: list[bytes] = []
        self._final = False
        self.inside = False
        self.begun = False

    def feed(self, data: bytes) -> None:
        """Pass over what came.

        Raises:
            HttpParserError: if it is no HTTP; what is before it is answered all the same.
        """
        if self._final:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # After a wish for another protocol the parser does not say where the request's body ends.
            self._final = True

    def take(self) -> Refused | None:
        """Return the answers to the requests that ended since the last time; None if none did."""
        said, self._said, self.begun = self._said, [], False
        return Refused(said, final=self._final) if said else None

    # httptools

    def on_message_begin(self) -> None:
        """Begin a request."""
        self.inside = self.begun = True

    def on_message_complete(self) -> None:
        """Refuse a request that is whole; what follows the last of a connection is no request."""
        self.inside = False
        if not self._final:
            parser, refusal = self._parser, self._refusal
            self._said.append(refusal.bare if parser.get_method() == b"HEAD" else refusal.whole)
            self._final = not parser.should_keep_alive()

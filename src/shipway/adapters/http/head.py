"""The heads of requests: what the parser read of one, and which were read before.

A client sends the same head again and again: its path and its headers do not change between requests, and lengths of
bodies repeat. What the parser made of some bytes, it makes of the same bytes the next time. So heads are remembered by
their bytes, and a request whose head is known is cut out of what arrived without being parsed. Only heads are kept that
leave no question open: HTTP/1.1, the connection stays open, the body has a length, and nothing else is wished for. And
only those that came twice: heads with a number of their own, of a trace or of a time that is left, would push out the
others.
"""

from typing import Any, Final

BREAK: Final = b"\r\n\r\n"
"""Between the head of a request and its body."""
MOST_HEADS: Final = 1_024
"""Heads remembered at a time; with more of them all are forgotten."""
MOST_SEEN: Final = 4_096
"""Heads of which is known that they came once; a number of each."""
MOST_BYTES: Final = 2_048
"""Size of a head that is remembered."""
_OPEN: Final = frozenset({"transfer-encoding", "upgrade", "expect"})
"""Headers that say how the request is to be read, or that something else is wished for."""


class Head:
    """What stands before the body of a request.

    Attributes:
        method: in capitals, such as `GET`.
        path: as it was sent, without the query.
        headers: by name in lower case; of several with one name the last. Nobody changes them.
        length: size of the body as announced.
        keep: whether the connection stays open after the answer.
        old: whether the client speaks HTTP/1.0.
        plain: whether it is answered in HTTP/1.1 with a body.
        unread: whether a full server refuses the request unread.
        known: what those who answer worked out of it; requests with equal heads share it.
    """

    __slots__ = ("headers", "keep", "known", "length", "method", "old", "path", "plain", "unread")

    def __init__(
        self, method: str, path: str, headers: dict[str, str], *, length: int = 0, keep: bool = True, old: bool = False
    ) -> None:
        """Keep what was read."""
        self.method = method
        self.path = path
        self.headers = headers
        self.length = length
        self.keep = keep
        self.old = old
        self.plain = not old and method != "HEAD"
        self.unread = False
        self.known: Any = None


class Heads:
    """Remembers heads by their bytes.

    Attributes:
        known: the heads, by the bytes before the empty line.
    """

    __slots__ = ("_seen", "_unread", "known")

    def __init__(self, unread: tuple[bytes, ...] = ()) -> None:
        """Start with none.

        Args:
            unread: how requests begin that a full server refuses unread.
        """
        self.known: dict[bytes, Head] = {}
        self._unread = unread
        self._seen: set[int] = set()

    def cut(self, data: bytes, first: int) -> tuple[Head, int, int] | None:
        """Return the head of the request that begins at a place, and where its body begins and ends.

        Args:
            data: what a client sent.
            first: where the request begins.

        Returns:
            None where the head is not known, or the request is not there as a whole.
        """
        end = data.find(BREAK, first)
        head = self.known.get(data[first:end]) if end > 0 else None
        if head is None:
            return None
        begin = end + len(BREAK)
        last = begin + head.length
        return None if last > len(data) else (head, begin, last)

    def pass_over(self, data: bytes) -> tuple[int, int, int]:
        """Pass over the requests at the beginning that are refused unread and whose heads are known.

        This is all that a full server does with most requests, and so it is one loop.

        Args:
            data: what a client sent.

        Returns:
            How many there are, where the last whole one ends, and how many bytes are still to come of one after that.
        """
        known, size, first, count = self.known, len(data), 0, 0
        while True:
            end = data.find(BREAK, first)
            head = known.get(data[first:end]) if end > 0 else None
            if head is None or not head.unread:
                return count, first, 0
            last = end + 4 + head.length
            if last > size:
                return count, first, last - size
            first = last
            count += 1

    def learn(self, said: bytes, head: Head) -> None:
        """Remember a head that came before, if a request that begins with its bytes can only be read in one way.

        Args:
            said: its bytes up to the empty line and nothing else, which a parser read between two requests.
            head: what the parser made of them, and of the body that followed.
        """
        if not head.keep or head.old or len(said) > MOST_BYTES:
            return
        if not _OPEN.isdisjoint(head.headers):
            return
        mark = hash(said)
        if mark not in self._seen:
            if len(self._seen) >= MOST_SEEN:
                self._seen.clear()
            self._seen.add(mark)
            return
        if len(self.known) >= MOST_HEADS:
            self.known.clear()
        head.unread = said.startswith(self._unread)
        self.known[said] = head

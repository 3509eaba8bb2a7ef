"""What a web server hands on: one request, and the way to answer it."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol


class Call(Protocol):
    """One request over HTTP; `answer` is called once, from the event loop.

    Attributes:
        method: in capitals, such as `GET`.
        path: as it was sent, without the query.
        headers: by name in lower case.
        body: the content.
        received_ns: when the request was whole, by `time.perf_counter_ns`.
        deadline_ns: when an answer comes too late, on the same clock; 0 where it never does.
        then: called once, after the answer was given.
        known: what was worked out of the method, the path and the headers before, None where nothing was. It may be
            shared by requests in which all of these are the same.
    """

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    received_ns: int
    deadline_ns: int
    then: Callable[[], None] | None
    known: Any

    @property
    def trusted(self) -> bool:
        """Tell whether the call came over a way that only this user can take, and needs no key."""
        ...

    @property
    def answered(self) -> bool:
        """Tell whether the answer was given."""
        ...

    def answer(
        self, status: int, body: bytes, *, kind: str = "application/json", headers: Sequence[tuple[str, str]] = ()
    ) -> None:
        """Answer with a status code, a body of a media type, and further headers."""
        ...

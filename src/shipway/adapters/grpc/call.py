"""One request over gRPC, as the routes are handed one over HTTP."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter_ns
from typing import Any, Final

from shipway.adapters.grpc.translation import Asked, Said

_OURS: Final = frozenset({"accept-encoding", "content-encoding", "content-type", "inference-header-content-length"})
"""Headers that say how a body is written, and here it is the translation that writes it."""


class Call:
    """One request, and the way to its answer.

    Attributes:
        method: in capitals, such as `GET`.
        path: as it would be over HTTP.
        headers: the metadata, by name in lower case.
        body: the content.
        received_ns: when the request was whole, by `time.perf_counter_ns`.
        deadline_ns: when an answer comes too late, on the same clock; 0 where it never does.
        trusted: always false.
        rpc: the full name of the method, such as `package.Service/Method`.
        then: called once, after the answer was given.
        known: what was worked out of the path and the headers.
    """

    __slots__ = (
        "_said",
        "body",
        "deadline_ns",
        "headers",
        "known",
        "method",
        "path",
        "received_ns",
        "rpc",
        "then",
        "trusted",
    )

    def __init__(self, asked: Asked, metadata: Mapping[str, str], remaining_s: float | None, *, rpc: str = "") -> None:
        """Take a request.

        Args:
            asked: what it would be over HTTP.
            metadata: what came with it, by name in lower case.
            remaining_s: how long the caller waits; None for ever.
            rpc: the full name of the method.
        """
        self.method = asked.method
        self.path = asked.path
        self.headers = {name: value for name, value in metadata.items() if name not in _OURS} | dict(asked.headers)
        self.body = asked.body
        self.received_ns = perf_counter_ns()
        self.deadline_ns = 0
        if remaining_s is not None:
            self.deadline_ns = self.received_ns + int(max(remaining_s, 0.0) * 1e9)
        self.trusted = False
        self.rpc = rpc
        self.then: Callable[[], None] | None = None
        self.known: Any = None
        self._said: asyncio.Future[Said] = asyncio.get_running_loop().create_future()

    @property
    def answered(self) -> bool:
        """Tell whether the answer was given, or the caller went away."""
        return self._said.done()

    def answer(
        self, status: int, body: bytes, *, kind: str = "application/json", headers: Sequence[tuple[str, str]] = ()
    ) -> None:
        """Answer the request; a caller that went away meanwhile is no error."""
        if not self._said.done():
            self._said.set_result(Said(status, body, {**dict(headers), "content-type": kind}))
        if self.then is not None:
            then, self.then = self.then, None
            then()

    async def wait(self) -> Said:
        """Return the answer when it is there."""
        return await self._said

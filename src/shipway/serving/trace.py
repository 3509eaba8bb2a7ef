"""What is noted of requests that are traced: when something was done for them, by the stopwatch.

Spans are made of these marks later, in a thread of their own (`span.py`, `exporter.py`): nobody waits for them. Which
requests are traced is decided elsewhere (`tracer.py`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import getrandbits
from time import perf_counter_ns
from typing import Any, Final

from shipway.core.span import Attribute, Link
from shipway.serving.call import Call
from shipway.serving.parent import Parent

WAIT: Final = "shipway.wait"
READ: Final = "shipway.read"
PREDICT: Final = "shipway.predict"
SHADOW: Final = "shipway.shadow"


@dataclass(frozen=True, slots=True)
class Part:
    """What took time.

    Attributes:
        name: what was done.
        began_ns: when, by `time.perf_counter_ns`.
        ended_ns: until when.
        attributes: what is known of it.
        error: why it failed; None if it did not.
    """

    name: str
    began_ns: int
    ended_ns: int
    attributes: dict[str, Attribute]
    error: str | None = None


@dataclass(slots=True, eq=False)
class Trace:
    """What was noted of one request.

    Attributes:
        id: of the trace, 16 bytes.
        span: id of the span of the request.
        parent: where the request was sent from; None where nobody says.
        method: of HTTP.
        path: that was asked.
        rpc: the full name of the method, where it was asked over gRPC.
        headers: by name in lower case.
        received_ns: when the request was whole, by `time.perf_counter_ns`.
        received_bytes: size of its body.
        attributes: what is known of it.
        parts: what took time.
        answered_ns: when it was answered.
        status: of the answer.
        answered_bytes: size of its body.
        said: the body of a refusal.
        more: headers of the answer.
    """

    id: bytes
    span: bytes
    parent: Parent | None
    method: str
    path: str
    rpc: str
    headers: Mapping[str, str]
    received_ns: int
    received_bytes: int
    attributes: dict[str, Attribute]
    parts: list[Part] = field(default_factory=list[Part])
    answered_ns: int = 0
    status: int = 0
    answered_bytes: int = 0
    said: bytes = b""
    more: Sequence[tuple[str, str]] = ()

    @property
    def link(self) -> Link:
        """Return what others point to it with."""
        return Link(self.id, self.span, "" if self.parent is None else self.parent.state)

    @property
    def count(self) -> int:
        """Return how many spans it makes."""
        return 1 + len(self.parts)


@dataclass(frozen=True, slots=True, eq=False)
class Aside:
    """What was done for several requests when they had been answered; it is a trace of its own.

    Attributes:
        part: what.
        links: the requests, those that are traced.
    """

    part: Part
    links: tuple[Link, ...]

    @property
    def count(self) -> int:
        """Return how many spans it makes."""
        return 1


class Traced:
    """A call that is traced; it stands in the place of the one that came."""

    __slots__ = (
        "_call",
        "_tell",
        "body",
        "deadline_ns",
        "headers",
        "method",
        "path",
        "received_ns",
        "then",
        "trace",
    )

    def __init__(self, call: Call, trace: Trace, tell: Callable[[Trace], None]) -> None:
        """Stand in for a call.

        Args:
            call: that came.
            trace: takes what is noted.
            tell: is given the trace when the call was answered.
        """
        self.method = call.method
        self.path = call.path
        self.headers = call.headers
        self.body = call.body
        self.received_ns = call.received_ns
        self.deadline_ns = call.deadline_ns
        self.then: Callable[[], None] | None = None
        self.trace = trace
        self._call = call
        self._tell = tell

    @property
    def trusted(self) -> bool:
        """Tell whether the call came over a way that only this user can take, and needs no key."""
        return self._call.trusted

    @property
    def answered(self) -> bool:
        """Tell whether the answer was given."""
        return self._call.answered

    @property
    def known(self) -> Any:
        """Return what was worked out of the head; None where nothing was."""
        return self._call.known

    @known.setter
    def known(self, known: Any) -> None:
        self._call.known = known

    def answer(
        self, status: int, body: bytes, *, kind: str = "application/json", headers: Sequence[tuple[str, str]] = ()
    ) -> None:
        """Answer as the call does, and note it."""
        self._call.answer(status, body, kind=kind, headers=headers)
        then, self.then = self.then, None
        if then is not None:
            then()
        trace = self.trace
        if trace.status:
            return
        trace.status, trace.answered_bytes, trace.more = status, len(body), headers
        trace.answered_ns = perf_counter_ns()
        if status >= 400:
            trace.said = body
        self._tell(trace)


def make_span_id() -> bytes:
    """Return a new id; those of 64 random bits are taken to be different."""
    return (getrandbits(64) or 1).to_bytes(8, "big")


def make_trace_id() -> bytes:
    """Return the id of a new trace."""
    return (getrandbits(128) or 1).to_bytes(16, "big")


def note_part(call: Call, part: Part, attributes: Mapping[str, Attribute]) -> None:
    """Note what took time in a call, if that is traced, and what is known of the call."""
    if isinstance(call, Traced):
        call.trace.parts.append(part)
        call.trace.attributes.update(attributes)

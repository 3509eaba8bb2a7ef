"""A span: a stretch of time in which something was done, as OpenTelemetry knows it."""

from typing import Literal, TypeAlias

import msgspec

Attribute: TypeAlias = bool | int | float | str | tuple[str, ...]


class Link(msgspec.Struct, frozen=True):
    """A span that another one follows from without being part of it.

    Attributes:
        trace: id of its trace, 16 bytes.
        id: its own, 8 bytes.
        state: what systems before said of its trace, as W3C's `tracestate` writes it.
    """

    trace: bytes
    id: bytes
    state: str = ""


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of time.

    Attributes:
        trace: id of the trace, 16 bytes.
        id: its own, 8 bytes.
        parent: id of the span that it is part of; empty for the first of a trace.
        remote: whether that one is another process's.
        state: what systems before said of the trace, as W3C's `tracestate` writes it.
        name: what was done, one of few.
        kind: `server` for the answer to a request, `internal` for what is part of it.
        began_ns: when, nanoseconds since 1970 UTC.
        ended_ns: until when.
        attributes: what is known of it, by name.
        links: what it follows from.
        error: why it failed, as a sentence; None if it did not.
    """

    trace: bytes
    id: bytes
    parent: bytes = b""
    remote: bool = False
    state: str = ""
    name: str
    kind: Literal["server", "internal"] = "internal"
    began_ns: int
    ended_ns: int
    attributes: dict[str, Attribute]
    links: tuple[Link, ...] = ()
    error: str | None = None

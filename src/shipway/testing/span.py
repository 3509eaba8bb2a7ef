"""The conformance suite of the port Spans."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from shipway.core.span import Attribute, Link, Span
from shipway.ports.span import Spans


@dataclass(frozen=True, slots=True)
class Sink:
    """What is tested, and who collects.

    Attributes:
        spans: sends to the collector.
        away: sends to one that is not there.
        arrived: returns what the collector has: for each time something was sent the resource and the spans.
    """

    spans: Spans
    away: Spans
    arrived: Callable[[], Sequence[tuple[Mapping[str, Attribute], Sequence[Span]]]]


Make = Callable[[], Sink]
Case = Callable[[Make], None]

_TRACE, _ID, _PARENT = bytes(range(16)), b"\x00\x01\x02\x03\x04\x05\x06\x07", b"\xff" * 8
_RESOURCE: Final[Mapping[str, Attribute]] = {"service.name": "fraud", "process.pid": 7}
_SPANS: Final = (
    Span(
        trace=_TRACE,
        id=_ID,
        parent=_PARENT,
        remote=True,
        state="a=1,b=2",
        name="POST /v1/predict/{service}",
        kind="server",
        began_ns=1_700_000_000_000_000_001,
        ended_ns=1_700_000_000_000_000_999,
        attributes={
            "text": "für \N{GRINNING FACE}",
            "no": False,
            "yes": True,
            "number": -7,
            "large": 1 << 62,
            "p": 0.25,
        },
        error="SW-801 it failed",
    ),
    Span(
        trace=_TRACE[::-1],
        id=_PARENT,
        name="shipway.shadow",
        began_ns=0,
        ended_ns=(1 << 63) - 1,
        attributes={"texts": ("a", "", "c" * 300)},
        links=(Link(_TRACE, _ID, "a=1,b=2"), Link(_TRACE, _PARENT)),
    ),
)


def check_what_is_sent_arrives_whole(make: Make) -> None:
    """Ids, times, attributes of every kind, links, what failed and what is known of the process arrive as they were."""
    sink = make()
    assert sink.spans.send(_SPANS, _RESOURCE, 10.0).lost == 0
    assert sink.spans.send(_SPANS[:1], {}, 10.0).lost == 0
    assert [(dict(resource), list(spans)) for resource, spans in sink.arrived()] == [
        (_RESOURCE, list(_SPANS)),
        ({}, list(_SPANS[:1])),
    ]


def check_nobody_there_is_told(make: Make) -> None:
    """A collector that is not there is no exception: all of it is lost, with a reason, and may be sent again."""
    sink = make()
    delivery = sink.away.send(_SPANS, _RESOURCE, 10.0)
    assert (delivery.lost, delivery.again_s) == (2, 0.0)
    assert delivery.error
    assert not sink.arrived()


def check_closing_twice_does_no_harm(make: Make) -> None:
    """What is closed may be closed again."""
    sink = make()
    sink.spans.send(_SPANS, _RESOURCE, 10.0)
    for spans in (sink.spans, sink.away):
        spans.close()
        spans.close()


SPAN_CASES: Final[tuple[Case, ...]] = (
    check_what_is_sent_arrives_whole,
    check_nobody_there_is_told,
    check_closing_twice_does_no_harm,
)
"""The cases that every implementation of the port passes."""

"""The port of spans: where a trace goes that somebody looks at later."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from shipway.core.span import Attribute, Span


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """What became of spans that were sent.

    Attributes:
        lost: how many of them were not taken.
        error: why not, or a word of warning; empty where there is none.
        again_s: after how many seconds, at least, the same spans may be sent once more; None where that is of no use.
    """

    lost: int = 0
    error: str = ""
    again_s: float | None = None


class Spans(Protocol):
    """Takes spans to whoever collects them.

    Contract (the conformance suite `shipway.testing.span` checks it):
        * What is delivered arrives whole: ids, times, attributes, links and what failed.
        * Nothing that happens on the way is raised; it is told. Nothing is sent again by itself.
        * One thread at a time sends.
    """

    def send(self, spans: Sequence[Span], resource: Mapping[str, Attribute], timeout_s: float) -> Delivery:
        """Send spans, and return what became of them.

        Args:
            spans: at least one.
            resource: what is known of the process that they are of.
            timeout_s: how long it may take.
        """
        ...

    def close(self) -> None:
        """Let go of what is held; closing twice does no harm."""
        ...

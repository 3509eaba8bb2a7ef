"""Fake of the port Spans: what is sent is kept in a list, as long as somebody is there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shipway.core.span import Attribute, Span
from shipway.ports.span import Delivery


@dataclass(slots=True)
class ListSpans:
    """Keeps what is sent; it answers the port `Spans`.

    Attributes:
        there: whether somebody takes it.
        sent: what was taken, with what is known of the process.
    """

    there: bool = True
    sent: list[tuple[Mapping[str, Attribute], Sequence[Span]]] = field(
        default_factory=list[tuple[Mapping[str, Attribute], Sequence[Span]]]
    )

    def send(self, spans: Sequence[Span], resource: Mapping[str, Attribute], timeout_s: float) -> Delivery:
        """Keep spans, or tell that nobody is there."""
        if not self.there or timeout_s <= 0:
            return Delivery(lost=len(spans), error="nobody is there", again_s=0.0)
        self.sent.append((resource, list(spans)))
        return Delivery()

    def close(self) -> None:
        """Do nothing."""

"""Who answered what, since when: the spans for which a version had a share of a service."""

from collections.abc import Sequence

import msgspec


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """How a service's requests were shared from an instant on, until the next.

    Attributes:
        at: domain time, microseconds since 1970 UTC.
        stable: the version that answered what the candidate did not.
        candidate: the version on trial; None where none was.
        weight: the candidate's share; 0 is shadow.
        release: id of the release that moved; empty where the service was opened.
        reason: why it moved.
    """

    at: int
    stable: int
    candidate: int | None = None
    weight: float = 0.0
    release: str = ""
    reason: str = ""

    @property
    def weights(self) -> dict[int, float]:
        """Return the share of each version, by its number."""
        if self.candidate is None:
            return {self.stable: 1.0}
        return {self.stable: 1.0 - self.weight, self.candidate: self.weight}


class Tenure(msgspec.Struct, frozen=True, kw_only=True):
    """One span for which a version had the same share of a service.

    Attributes:
        service: the service's name.
        number: the version's.
        weight: its share: 1 where it answered alone, 0 where it only looked on.
        since: domain time it began.
        ended_at: domain time it ended; None while it lasts.
        release: id of the release that began it; empty where the service was opened.
        reason: why it began.
    """

    service: str
    number: int
    weight: float
    since: int
    ended_at: int | None
    release: str
    reason: str


def list_tenures(service: str, shares: Sequence[Share]) -> list[Tenure]:
    """Return who had which share of a service from when to when, oldest first, and the greater share before the other.

    A version whose share does not change goes on with one span, whatever happens beside it; a span of no length is left
    out.
    """
    spans: list[Tenure] = []
    running: dict[int, Tenure] = {}
    for share in shares:
        weights = share.weights
        for number, tenure in list(running.items()):
            if weights.get(number) != tenure.weight:
                spans.append(msgspec.structs.replace(running.pop(number), ended_at=share.at))
        for number, weight in weights.items():
            if number not in running:
                running[number] = Tenure(
                    service=service,
                    number=number,
                    weight=weight,
                    since=share.at,
                    ended_at=None,
                    release=share.release,
                    reason=share.reason,
                )
    spans += running.values()
    return sorted((span for span in spans if span.ended_at != span.since), key=lambda span: (span.since, -span.weight))

"""Releases: a walk of steps from one version of a service to the next, and back, as pure rules.

A release is a state in the ledger and a rule that says what follows from the state, the newest verdict and the domain
time. Whoever applies the rule, once or many times, after whatever crash, comes to the same next step.
"""

from typing import Literal, TypeAlias

import msgspec

from shipway.core.gate import Verdict
from shipway.core.service import Routing, Step, Variant

ReleaseOutcome: TypeAlias = Literal["walking", "promoted", "rolled back"]


class Release(msgspec.Struct, kw_only=True):
    """One release as the ledger tells it.

    Attributes:
        id: its name, `service/number` with the place of the release among the service's.
        service: the service that moves.
        model: the model's name.
        walk: the steps, ascending in weight; the last has weight 1 and is the promotion.
        candidate: the version on trial.
        stable: the version it is tried against.
        started_at: domain time it began.
        step: place of the present step in the walk.
        since: domain time the present step began.
        outcome: `walking`, `promoted` or `rolled back`.
        ended_at: domain time it ended; None while it walks.
        reason: why it ended; empty while it walks.
        verdict: digest of the newest verdict that moved it; empty before the first.
    """

    id: str
    service: str
    model: str
    walk: tuple[Step, ...]
    candidate: Variant
    stable: Variant
    started_at: int
    step: int = 0
    since: int = 0
    outcome: ReleaseOutcome = "walking"
    ended_at: int | None = None
    reason: str = ""
    verdict: str = ""

    @property
    def subject(self) -> str:
        """Return what evidence and verdicts about the present step are about."""
        return f"release:{self.id}@{self.step}"

    @property
    def weight(self) -> float:
        """Return the candidate's present share."""
        return {"walking": self.walk[self.step].weight, "promoted": 1.0, "rolled back": 0.0}[self.outcome]


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """What follows for a release: the next step, or its end.

    Attributes:
        outcome: `walking` for a next step.
        step: place of the step it goes to.
        reason: why.
    """

    outcome: ReleaseOutcome
    step: int
    reason: str


def next_move(release: Release, verdict: Verdict, now: int) -> Move | None:
    """Return what follows for a walking release from the newest verdict on its present step; None where it stays.

    A failed verdict takes it back at once. A passed one moves it on when the step has lasted as long as it has to; a
    verdict that holds leaves it where it is, for as long as it takes: evidence that is missing is not waived.

    Args:
        release: the release, walking.
        verdict: of the gates on its present step.
        now: domain time, microseconds since 1970 UTC.
    """
    if verdict.outcome == "fail":
        return Move(outcome="rolled back", step=release.step, reason=verdict.reason)
    step = release.walk[release.step]
    if verdict.outcome == "hold" or now - release.since < step.hold_us:
        return None
    nxt = release.step + 1
    outcome: ReleaseOutcome = "promoted" if release.walk[nxt].weight == 1 else "walking"
    return Move(outcome=outcome, step=nxt, reason=verdict.reason)


def routing_of(service: str, model: str, stable: Variant, release: Release | None, token: int) -> Routing:
    """Return how a service's requests are to be shared, given the version it has and the release that walks, if any."""
    if release is None or release.outcome != "walking":
        return Routing(service=service, model=model, stable=stable, token=token)
    return Routing(
        service=service,
        model=model,
        stable=stable,
        candidate=release.candidate,
        weight=release.weight,
        salt=release.id,
        token=token,
    )

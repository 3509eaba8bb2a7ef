"""What was decided about a service, told in the order of domain time from the ledger's projection alone."""

from collections.abc import Iterator, Sequence

import msgspec

from shipway.app.live.data import Incident, ReleaseSummary, RetrainSummary, StepSummary
from shipway.core.projection import Judgement, RetrainState, ServiceState, State
from shipway.core.release import Release


def tell_releases(state: State, service: ServiceState) -> tuple[ReleaseSummary, ...]:
    """Return every release with its steps, oldest first."""
    return tuple(
        ReleaseSummary(
            id=release.id,
            candidate=release.candidate,
            stable=release.stable,
            started_at=release.started_at,
            outcome=release.outcome,
            ended_at=release.ended_at,
            reason=release.reason,
            steps=tuple(_steps(state, service, release)),
        )
        for release in service.releases
    )


def tell_retrains(service: ServiceState) -> tuple[RetrainSummary, ...]:
    """Return every retrain with what became of the version it made, oldest first."""
    return tuple(_retrain(service, retrain) for retrain in service.retrains)


def find_incidents(judgements: Sequence[Judgement]) -> tuple[Incident, ...]:
    """Return every stretch in which a rule of a live gate failed, oldest first.

    It opens at the first verdict in which the rule fails and closes at the next one of the same gate in which it does
    not: that may hold, which says that there is too little evidence and not that all is well.

    Args:
        judgements: the verdicts on a service's live windows, in order.
    """
    open_: dict[tuple[str, str], Incident] = {}
    closed: list[Incident] = []
    for judgement in judgements:
        verdict = judgement.verdict
        for finding in verdict.findings:
            key = verdict.gate, finding.rule
            lasting = open_.get(key)
            if finding.outcome == "fail":
                open_[key] = Incident(
                    gate=verdict.gate,
                    rule=finding.rule,
                    reason=finding.reason if lasting is None else lasting.reason,
                    opened_at=judgement.at if lasting is None else lasting.opened_at,
                    closed_at=None,
                    closed_by=None,
                    failed=1 if lasting is None else lasting.failed + 1,
                )
            elif lasting is not None:
                ended = msgspec.structs.replace(lasting, closed_at=judgement.at, closed_by=finding.outcome)
                closed.append(ended)
                del open_[key]
    return tuple(sorted([*closed, *open_.values()], key=lambda each: (each.opened_at, each.gate, each.rule)))


def count_verdicts(judgements: Sequence[Judgement]) -> dict[str, int]:
    """Return how many verdicts each gate gave."""
    counts: dict[str, int] = {}
    for judgement in judgements:
        counts[judgement.verdict.gate] = counts.get(judgement.verdict.gate, 0) + 1
    return counts


def _steps(state: State, service: ServiceState, release: Release) -> Iterator[StepSummary]:
    """Yield every step of a walk, also those that were not come to; the last one is the promotion."""
    since: int | None = release.started_at
    for place, step in enumerate(release.walk):
        subject = f"release:{release.id}@{place}"
        judgements = service.judgements.get(subject, [])
        reached = place <= release.step
        # The verdict that moved a release on is the last on its step.
        until = judgements[-1].at if reached and place < release.step and judgements else None
        if place == release.step:
            until = release.ended_at
        yield StepSummary(
            name=step.name,
            weight=step.weight,
            since=since if reached else None,
            until=until,
            judgements=tuple(judgements),
            evidence=tuple(state.evidence.get(subject, {}).values()),
        )
        since = until


def _retrain(service: ServiceState, retrain: RetrainState) -> RetrainSummary:
    tried = next((r for r in service.releases if r.candidate.version == retrain.number), None)
    return RetrainSummary(
        asked_at=retrain.asked_at,
        reason=retrain.reason,
        number=retrain.number,
        outcome=retrain.outcome,
        ended=retrain.ended,
        release=None if tried is None else tried.id,
        released=None if tried is None else tried.outcome,
    )

"""Where services and their releases stand, read from the ledger's projection; light, and nothing is written."""

from contextlib import closing

import msgspec

from shipway.app.project import Project
from shipway.app.workspace import Workspace
from shipway.core.check import Evidence
from shipway.core.error import ShipwayError
from shipway.core.gate import Outcome
from shipway.core.projection import Judgement, ServiceState, State
from shipway.core.release import Release, ReleaseOutcome
from shipway.core.service import Variant
from shipway.kit.file import lock_holder
from shipway.kit.suggestion import did_you_mean


class ServiceLine(msgspec.Struct, frozen=True, kw_only=True):
    """A service in a line.

    Attributes:
        service: its name.
        model: whose versions answer.
        version: number of the version that answers; None before the service is open.
        since: domain time from which on it did.
        candidate: number of the version that walks; None where none does.
        step: where it is in its walk, such as `shadow` or `10 %`.
        weight: the share that it answers.
    """

    service: str
    model: str
    version: int | None = None
    since: int | None = None
    candidate: int | None = None
    step: str = ""
    weight: float = 0.0


class StepLine(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a walk.

    Attributes:
        step: what people call it.
        weight: the candidate's share.
        since: domain time it began; None for a step that was not come to.
        outcome: what the gates said of it the last time that was remembered; None before the first.
        reason: why, in words.
        at: domain time of that verdict.
        by: who decided.
        evidence: what was measured, the newest of each check.
    """

    step: str
    weight: float
    since: int | None = None
    outcome: Outcome | None = None
    reason: str = ""
    at: int | None = None
    by: str = ""
    evidence: list[Evidence] = []


class ReleaseLine(msgspec.Struct, frozen=True, kw_only=True):
    """One release.

    Attributes:
        release: its id.
        candidate: the version on trial.
        stable: the version it is tried against.
        outcome: `walking`, `promoted` or `rolled back`.
        reason: why it ended; empty while it walks.
        started_at: domain time it began.
        ended_at: domain time it ended; None while it walks.
        steps: its walk; the last step is the promotion.
    """

    release: str
    candidate: Variant
    stable: Variant
    outcome: ReleaseOutcome
    reason: str
    started_at: int
    ended_at: int | None
    steps: list[StepLine]


class ServiceDetail(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about a service and its releases.

    Attributes:
        line: the service in a line.
        holder: number of the process that controls the project now; None if none does.
        releases: every release, oldest first.
    """

    line: ServiceLine
    holder: int | None
    releases: list[ReleaseLine]


def read_services(project: Project, name: str | None = None) -> list[ServiceDetail]:
    """Return where a project's services stand.

    Args:
        project: whose.
        name: only this one.

    Raises:
        ShipwayError: SW-104 for a service that shipway.toml does not configure.
    """
    configured = project.config.services
    if name is not None and name not in configured:
        hint = did_you_mean(name, configured) if configured else "add a [services.NAME] section with its model"
        raise ShipwayError("SW-104", f"shipway.toml configures no service {name!r}", hint)
    with closing(Workspace(project)) as workspace:
        state = workspace.peek()
        holder = lock_holder(workspace.folder / "control.lock")
    return [
        detail_of(state, line, holder) for line in list_services(project, state) if name is None or line.service == name
    ]


def list_services(project: Project, state: State) -> list[ServiceLine]:
    """Return every service that a project configures in a line, also those that are not open yet."""
    return [
        _line(state.services[name]) if name in state.services else ServiceLine(service=name, model=section.model)
        for name, section in project.config.services.items()
    ]


def detail_of(state: State, line: ServiceLine, holder: int | None) -> ServiceDetail:
    """Return a service with its releases."""
    service = state.services.get(line.service)
    releases = [] if service is None else [_release(state, service, release) for release in service.releases]
    return ServiceDetail(line=line, holder=holder, releases=releases)


def _line(service: ServiceState) -> ServiceLine:
    walking = service.walking
    return ServiceLine(
        service=service.name,
        model=service.model,
        version=service.stable.version,
        since=service.history[-1][0],
        candidate=None if walking is None else walking.candidate.version,
        step="" if walking is None else walking.walk[walking.step].name,
        weight=0.0 if walking is None else walking.weight,
    )


def _release(state: State, service: ServiceState, release: Release) -> ReleaseLine:
    steps: list[StepLine] = []
    since: int | None = release.started_at
    for place, step in enumerate(release.walk):
        subject = f"release:{release.id}@{place}"
        judgements = service.judgements.get(subject, [])
        newest = judgements[-1] if judgements and place <= release.step else None
        evidence = state.evidence.get(subject, {})
        steps.append(_step(step.name, step.weight, since, newest, list(evidence.values())))
        # The verdict that moved a release on is the last on its step.
        since = newest.at if newest is not None and place < release.step else None
    return ReleaseLine(
        release=release.id,
        candidate=release.candidate,
        stable=release.stable,
        outcome=release.outcome,
        reason=release.reason,
        started_at=release.started_at,
        ended_at=release.ended_at,
        steps=steps,
    )


def _step(name: str, weight: float, since: int | None, newest: Judgement | None, evidence: list[Evidence]) -> StepLine:
    if newest is None:
        return StepLine(step=name, weight=weight, since=since, evidence=evidence)
    verdict = newest.verdict
    return StepLine(
        step=name,
        weight=weight,
        since=since,
        outcome=verdict.outcome,
        reason=verdict.reason,
        at=newest.at,
        by=verdict.by,
        evidence=evidence,
    )

"""Collecting what a report shows of a service's life from its summary, and of the replay that it lived through."""

from collections.abc import Iterator
from typing import Final

from shipway.app.live.data import Incident, LiveSummary, ReleaseSummary, RetrainSummary, StepSummary
from shipway.app.live.served import list_months
from shipway.app.replay.report import ReplayReport
from shipway.app.report.collection import collect_gate
from shipway.app.report.live import (
    LiveData,
    Mark,
    ReleaseData,
    RetrainData,
    ServerData,
    SpanData,
    StepData,
    TimelineData,
)
from shipway.app.report.number import write_day, write_instant
from shipway.app.workspace import Workspace
from shipway.core.check import Evidence
from shipway.core.gate import Outcome, Verdict
from shipway.core.release import ReleaseOutcome
from shipway.kit.duration import DAY, HOUR, format_duration

ENDS: Final[dict[ReleaseOutcome, str]] = {
    "promoted": "promoted",
    "rolled back": "taken back",
    "walking": "still on its walk",
}
_MARKS: Final[dict[ReleaseOutcome, Mark]] = {"promoted": "pass", "rolled back": "fail", "walking": "hold"}
_OK: Final = "200"


def collect_live(workspace: Workspace, live: LiveSummary, replay: ReplayReport | None = None) -> LiveData:
    """Collect everything a report shows of a service's life.

    Args:
        workspace: the project's state, for its gates and its zone.
        live: what the service came to.
        replay: what the replay came to that it lived through; None where its server was not timed.
    """
    zone = workspace.project.config.project.timezone
    start, end = live.period[0], _lived(live)
    drift = live.drift
    window = ("", "") if drift is None else (write_day(drift.since, zone), write_day(drift.until - 1, zone))
    return LiveData(
        service=live.service,
        period=(write_day(start, zone), write_day(end - 1, zone)),
        known=write_instant(live.known_by, zone),
        opened=live.history[0][1],
        stable=live.history[-1][1],
        answered=live.answered,
        failed=live.failed,
        labelled=live.labelled,
        releases=tuple(_release(workspace, release, zone) for release in live.releases),
        timeline=_timeline(live, zone),
        retrains=tuple(
            RetrainData(
                asked=write_instant(retrain.asked_at, zone),
                reason=retrain.reason,
                number=retrain.number,
                released=retrain.released,
                came=_came(retrain),
            )
            for retrain in live.retrains
        ),
        weeks=live.weeks,
        comparison=live.comparison,
        served_audit=live.served_audit,
        shadow_audit=live.shadow_audit,
        drift=live.drift,
        drift_window=window,
        server=None if replay is None else _server(replay, zone),
        maturity=live.maturity,
        predicts=live.predicts,
        unlabelled=live.unlabelled,
    )


def _release(workspace: Workspace, release: ReleaseSummary, zone: str) -> ReleaseData:
    own = release.candidate.online != release.stable.online
    return ReleaseData(
        id=release.id,
        candidate=release.candidate.version,
        stable=release.stable.version,
        online=release.candidate.online if own else None,
        started=write_instant(release.started_at, zone),
        ended="" if release.ended_at is None else write_instant(release.ended_at, zone),
        outcome=release.outcome,
        reason=release.reason,
        steps=tuple(_step(workspace, step, zone) for step in release.steps),
    )


def _step(workspace: Workspace, step: StepSummary, zone: str) -> StepData:
    newest: dict[str, Verdict] = {}
    for judgement in step.judgements:
        newest[judgement.verdict.gate] = judgement.verdict
    outcomes = {verdict.outcome for verdict in newest.values()}
    outcome: Outcome = "fail" if "fail" in outcomes else "hold" if "hold" in outcomes else "pass"
    evidence: dict[str, Evidence] = {each.check: each for each in step.evidence}
    lasted = "" if step.since is None or step.until is None else _duration(step.until - step.since)
    return StepData(
        name=step.name,
        since="" if step.since is None else write_instant(step.since, zone),
        until="" if step.until is None else write_instant(step.until, zone),
        lasted=lasted,
        outcome=outcome if newest else None,
        held=sum(judgement.verdict.outcome == "hold" for judgement in step.judgements[:-1]),
        gates=tuple(collect_gate(workspace, verdict, evidence) for verdict in newest.values()),
    )


def _timeline(live: LiveSummary, zone: str) -> TimelineData:
    start, end = live.period[0], _lived(live)
    spans = [*_in_service(live, zone), *_walks(live, zone), *_retrains(live, zone), *_incidents(live, zone)]
    return TimelineData(
        start=start,
        end=max([end, *(span.until for span in spans)]),
        months=tuple((at, write_day(at, zone)[:7]) for at in list_months(start, end, zone)),
        spans=tuple(sorted(spans, key=lambda span: span.since)),
        asked=live.gates,
    )


def _lived(live: LiveSummary) -> int:
    """Return until when a service was asked: to the end of the period, or as far as it has come."""
    return max(live.period[0] + 1, min(live.period[1], live.known_by))


def _in_service(live: LiveSummary, zone: str) -> Iterator[SpanData]:
    ends = [at for at, _ in live.history[1:]]
    for place, (since, number) in enumerate(live.history):
        until = ends[place] if place < len(ends) else _lived(live)
        yield SpanData(
            lane="in service",
            name=f"version {number}",
            said="answers from now on",
            since=since,
            until=until,
            began=write_instant(since, zone),
            ended=write_instant(until, zone) if place < len(ends) else "",
            mark="main",
        )


def _walks(live: LiveSummary, zone: str) -> Iterator[SpanData]:
    for release in live.releases:
        until = _lived(live) if release.ended_at is None else release.ended_at
        because = f" at {_last_step(release)}: {release.reason}" if release.outcome == "rolled back" else ""
        yield SpanData(
            lane="releases",
            name=f"version {release.candidate.version}",
            said=f"release {release.id}, {ENDS[release.outcome]}{because}",
            since=release.started_at,
            until=until,
            began=write_instant(release.started_at, zone),
            ended="" if release.ended_at is None else write_instant(release.ended_at, zone),
            mark=_MARKS[release.outcome],
        )


def _retrains(live: LiveSummary, zone: str) -> Iterator[SpanData]:
    for retrain in live.retrains:
        number = "" if retrain.number is None else f" of version {retrain.number}"
        yield SpanData(
            lane="retrains",
            name=f"retrain{number}",
            said=f"asked for by {retrain.reason}; {_came(retrain)}",
            since=retrain.asked_at,
            until=retrain.asked_at,
            began=write_instant(retrain.asked_at, zone),
            ended="",
            mark="plain",
        )


def _incidents(live: LiveSummary, zone: str) -> Iterator[SpanData]:
    for incident in live.incidents:
        yield SpanData(
            lane="incidents",
            name=f"{incident.gate}: {incident.rule}",
            said=_ended(incident),
            since=incident.opened_at,
            until=_lived(live) if incident.closed_at is None else incident.closed_at,
            began=write_instant(incident.opened_at, zone),
            ended="" if incident.closed_at is None else write_instant(incident.closed_at, zone),
            mark="fail",
        )


def _ended(incident: Incident) -> str:
    verdicts = f"{incident.failed} verdict{'' if incident.failed == 1 else 's'} failed"
    ends = {"pass": "then it passed", "hold": "then it held, for want of evidence", None: "it lasts", "fail": ""}
    return f"{incident.reason}; {verdicts}, {ends[incident.closed_by]}"


def _came(retrain: RetrainSummary) -> str:
    """Return what became of a retrain in words."""
    if retrain.outcome is None:
        return "no version yet"
    if retrain.number is None:
        return f"none could be made: {retrain.ended}"
    said = {"pass": "passed its gates", "fail": "failed its gates", "hold": "was held by its gates"}
    version = f"version {retrain.number} {said[retrain.outcome or 'hold']}"
    if retrain.outcome != "pass":
        return f"{version}: {retrain.ended}"
    return f"{version} and was never released" if retrain.released is None else f"{version}, {ENDS[retrain.released]}"


def _last_step(release: ReleaseSummary) -> str:
    return [step.name for step in release.steps if step.since is not None][-1]


def _duration(us: int) -> str:
    grain = HOUR if us >= DAY else 1
    return format_duration(us // grain * grain)


def _server(replay: ReplayReport, zone: str) -> ServerData:
    latency, tally = replay.latency, replay.tally
    return ServerData(
        requests=tally.requests,
        refused=sum(count for status, count in tally.statuses.items() if status != _OK),
        measured=None if latency is None else latency.requests,
        per_second=replay.requests_per_second,
        p50_ms=None if latency is None else latency.p50_ms,
        p99_ms=None if latency is None else latency.p99_ms,
        p999_ms=None if latency is None else latency.p999_ms,
        max_ms=None if latency is None else latency.max_ms,
        seconds=replay.seconds,
        serving_s=replay.serving_s,
        deciding_s=replay.deciding_s,
        restarts=tally.restarts,
        peak_mb=replay.peak_mb,
        together_mb=replay.together_mb,
        since=write_instant(replay.since, zone) if replay.resumed else "",
    )

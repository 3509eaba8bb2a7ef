"""What a service came to: how it did, what was decided about it, and what other policies would have got."""

from shipway.app.answered import describe_answers
from shipway.app.control.offline import keep_labels, read_labels
from shipway.app.frame import frame_of
from shipway.app.ingest import open_data
from shipway.app.live.audit import Auditor, audit_served, audit_shadows, measure_newest_drift
from shipway.app.live.data import LiveSummary
from shipway.app.live.policy import compare_policies, measure_weeks, score_policies
from shipway.app.live.served import lived_period, read_answers
from shipway.app.live.timeline import count_verdicts, find_incidents, tell_releases, tell_retrains
from shipway.app.runner import Runner
from shipway.core.error import ShipwayError
from shipway.monitoring.maturity import read_window
from shipway.monitoring.reading import kind_of

__all__ = ["LiveSummary", "summarise_service"]


def summarise_service(runner: Runner, service: str) -> LiveSummary:
    """Return what a service came to, after a replay or at any time.

    The log, the labels and the ledger say what happened; what a version for every month would have got is trained and
    scored as tasks, so that a second call finds all of it made. Whoever calls holds the workspace, as for a run.

    Args:
        runner: runs and remembers.
        service: its name.

    Raises:
        ShipwayError: SW-104 for a service that is not open; SW-401 if the data may not be trained on; SW-605 for a
            damaged log or blob; what training, scoring and comparing vectors refuse.
    """
    workspace = runner.workspace
    state = workspace.state()
    if service not in state.services:
        raise ShipwayError("SW-104", f"service {service!r} was never open", "shipway control opens it")
    lived, zone = state.services[service], workspace.project.config.project.timezone
    start, end, known_by = lived_period(workspace, lived)
    model = workspace.project.registry.models[lived.model]
    open_data(runner)
    frame, _ = frame_of(runner, model)
    log = workspace.open_log(service)
    told, asked = read_labels(workspace, model)
    predicts, classes = describe_answers(workspace, lived)
    labels = keep_labels(told, predicts)
    answers = read_answers(log, labels, known_by, predicts, classes)
    scored = score_policies(runner, lived, model, frame, answers, (start, end), known_by, classes)
    auditor = Auditor(runner, lived, model, frame, log)
    judgements = lived.judgements.get(lived.subject, [])
    return LiveSummary(
        service=service,
        model=lived.model,
        period=(start, end),
        known_by=known_by,
        history=tuple(lived.history),
        answered=answers.height,
        failed=int(answers["error"].is_not_null().sum()),
        labelled=int((answers["label"].is_not_null() & answers["error"].is_null()).sum()),
        weeks=measure_weeks(answers, scored, known_by=known_by, zone=zone),
        comparison=compare_policies(scored, zone),
        served_audit=audit_served(auditor, answers, (start, min(end, known_by))),
        shadow_audit=audit_shadows(auditor, known_by),
        drift=measure_newest_drift(auditor, min(end, known_by)),
        releases=tell_releases(state, lived),
        retrains=tell_retrains(lived),
        incidents=find_incidents(judgements),
        gates=count_verdicts(judgements),
        maturity=read_window(answers, labels, asked, known_by, zone, classes),
        predicts=predicts,
        declares=kind_of(told) if told.height else predicts,
    )

"""Where services stand: every step of a walk with when it began, what was said of it and on what evidence."""

import msgspec
import pytest

from shipway.app.release import open_service, start_release, stop_release
from shipway.app.service import read_services
from shipway.app.status import read_status
from shipway.core.body import EvidenceRecorded, ReleaseMoved, VerdictGiven
from shipway.core.check import Evidence
from shipway.core.error import ShipwayError
from shipway.core.gate import Finding, Verdict
from shipway.kit.duration import DAY

START = 18_262 * DAY


def judge(workspace, step, at, outcome, *, to=None):
    """Remember a verdict on a step of the desk's first release, and the move that follows."""
    subject = f"release:desk/1@{step}"
    evidence = Evidence(check="prediction shift", subject=subject, value=0.1, low=0.0, high=0.2, n=at - START)
    finding = Finding(rule="prediction_shift <= 0.25", outcome=outcome, reason="0.1", evidence=evidence.id)
    verdict = Verdict(gate="canary", subject=subject, outcome=outcome, findings=(finding,))
    bodies = [EvidenceRecorded(evidence=evidence, at=at), VerdictGiven(verdict=verdict, gates=("canary",), at=at)]
    if to is not None:
        name, number, weight = to
        moved = ReleaseMoved(
            release="desk/1", outcome=name, step=number, weight=weight, verdict="v", reason="all 1 rules pass", at=at
        )
        bodies.append(moved)
    workspace.remember(*((subject, body) for body in bodies))


@pytest.fixture
def walked(desk):
    """Return a desk with a release at its second step."""
    with desk.workspace() as workspace:
        for _ in range(2):
            desk.register(workspace)
        open_service(workspace, "desk", 1, START)
        start_release(workspace, "desk", 2, START)
        judge(workspace, 0, START + DAY, "hold")
        judge(workspace, 0, START + 2 * DAY, "pass", to=("walking", 1, 0.1))
        judge(workspace, 1, START + 3 * DAY, "hold")
    return desk


def steps(detail):
    return [
        (s.step, s.since and (s.since - START) // DAY, s.outcome, s.at and (s.at - START) // DAY, len(s.evidence))
        for s in detail.releases[0].steps
    ]


def test_a_walk_is_told_step_by_step(walked):
    (detail,) = read_services(walked.project)
    line = detail.line
    assert (line.service, line.version, line.since, line.candidate, line.step, line.weight) == (
        "desk",
        1,
        START,
        2,
        "10 %",
        0.1,
    )
    assert steps(detail) == [("shadow", 0, "pass", 2, 1), ("10 %", 2, "hold", 3, 1), ("100 %", None, None, None, 0)]
    assert detail.releases[0].steps[0].reason == "all 1 rules pass"
    assert detail.holder is None


def test_a_promotion_is_the_last_step(walked):
    with walked.workspace() as workspace:
        judge(workspace, 1, START + 4 * DAY, "pass", to=("promoted", 2, 1.0))
    (detail,) = read_services(walked.project, "desk")
    assert (detail.line.version, detail.line.since, detail.line.candidate) == (2, START + 4 * DAY, None)
    assert steps(detail)[1:] == [("10 %", 2, "pass", 4, 1), ("100 %", 4, None, None, 0)]
    assert (detail.releases[0].outcome, detail.releases[0].ended_at) == ("promoted", START + 4 * DAY)


def test_what_a_person_took_back_says_who(walked):
    with walked.workspace() as workspace:
        stop_release(workspace, "desk", START + 4 * DAY, by="ada", reason="nonsense")
    (detail,) = read_services(walked.project)
    assert steps(detail)[1:] == [("10 %", 2, "fail", 4, 1), ("100 %", None, None, None, 0)]
    assert detail.releases[0].steps[1].by == "ada"
    assert detail.line.candidate is None


def test_a_service_that_is_not_open_is_shown_as_such(desk):
    (detail,) = read_services(desk.project)
    assert detail.line.version is None
    assert detail.releases == []
    assert not (desk.root / ".shipway").exists()


def test_a_service_that_is_not_configured_is_refused(desk):
    with pytest.raises(ShipwayError, match="SW-104 shipway") as refused:
        read_services(desk.project, "dask")
    assert "desk" in refused.value.hint


def test_the_status_has_a_line_for_each_service(walked):
    status = read_status(walked.project)
    assert status.services == [read_services(walked.project)[0].line]
    assert msgspec.json.encode(status)

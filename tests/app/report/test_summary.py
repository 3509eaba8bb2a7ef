"""From what a service came to, to what a report shows of it."""

import msgspec
import pytest

from shipway.app.live.data import Incident, LiveSummary, ReleaseSummary, RetrainSummary, StepSummary
from shipway.app.report.summary import collect_live
from shipway.core.canary import shown_loss
from shipway.core.check import Evidence
from shipway.core.gate import decide, make_gate
from shipway.core.projection import Judgement
from shipway.core.service import Variant
from shipway.kit.duration import DAY, HOUR

START = 18_262 * DAY
GATE = make_gate("canary", shown_loss() <= 0.01, before="step")
SUBJECT = "release:desk/1@0"


def judged(at, value, n=500):
    (rule,) = GATE.rules
    evidence = Evidence(
        check=rule.check.name, subject=SUBJECT, value=value, low=value - 0.004, high=value + 0.004, n=n, needs=100
    )
    return evidence, Judgement(at=at, verdict=decide(GATE, SUBJECT, {evidence.check: evidence}))


def make_summary():
    early, late = judged(START + DAY, -0.02, n=50), judged(START + 2 * DAY, -0.02)
    release = ReleaseSummary(
        id="desk/1",
        candidate=Variant(version=2, bundle="b", online="s~6h"),
        stable=Variant(version=1, bundle="a", online="s"),
        started_at=START,
        outcome="rolled back",
        ended_at=START + 3 * DAY + HOUR,
        reason="too late",
        steps=(
            StepSummary(
                name="shadow",
                weight=0.0,
                since=START,
                until=START + 2 * DAY,
                judgements=(early[1], late[1]),
                evidence=(late[0],),
            ),
            StepSummary(name="10 %", weight=0.1, since=START + 2 * DAY, until=START + 3 * DAY + HOUR),
            StepSummary(name="100 %", weight=1.0),
        ),
    )
    retrain = RetrainSummary(
        asked_at=START + 9 * DAY,
        reason="gate calibration",
        number=3,
        outcome="pass",
        ended="all 2 rules pass",
        release=None,
        released=None,
    )
    incident = Incident(
        gate="calibration",
        rule="gap <= 0.01",
        reason="too much",
        opened_at=START + 9 * DAY,
        closed_at=START + 16 * DAY,
        closed_by="hold",
        failed=1,
    )
    return LiveSummary(
        service="desk",
        model="late",
        period=(START, START + 60 * DAY),
        known_by=START + 62 * DAY + HOUR,
        history=((START, 1),),
        answered=100,
        failed=0,
        labelled=90,
        weeks=(),
        comparison=None,
        served_audit=(),
        shadow_audit=(),
        drift=None,
        releases=(release,),
        retrains=(retrain,),
        incidents=(incident,),
        gates={"calibration": 8},
    )


@pytest.fixture
def collected(desk):
    with desk.workspace() as workspace:
        yield collect_live(workspace, make_summary())


def test_instants_are_days_of_the_zone(collected):
    assert (collected.period, collected.known) == (("2020-01-01", "2020-02-29"), "2020-03-03 01:00")
    (release,) = collected.releases
    assert (release.started, release.ended, release.online) == ("2020-01-01", "2020-01-04 01:00", "s~6h")
    assert [(step.since, step.until, step.lasted) for step in release.steps] == [
        ("2020-01-01", "2020-01-03", "2d"),
        ("2020-01-03", "2020-01-04 01:00", "1d1h"),
        ("", "", ""),
    ]


def test_a_step_shows_its_newest_verdict_with_its_evidence(collected):
    shadow, tenth, last = collected.releases[0].steps
    assert (shadow.outcome, shadow.held) == ("pass", 1)
    ((rule,),) = (gate.rules for gate in shadow.gates)
    assert (rule.unit, rule.op, rule.bound, rule.outcome) == ("loss", "<=", 0.01, "pass")
    assert (rule.measured.value, rule.measured.high) == (-0.02, -0.016)
    assert (tenth.outcome, tenth.gates, last.outcome) == (None, (), None)


def test_everything_is_on_the_timeline(collected):
    told = collected.timeline
    assert [(span.lane, span.name, span.mark) for span in told.spans] == [
        ("in service", "version 1", "main"),
        ("releases", "version 2", "fail"),
        ("retrains", "retrain of version 3", "plain"),
        ("incidents", "calibration: gap <= 0.01", "fail"),
    ]
    assert told.spans[1].said == "release desk/1, taken back at 10 %: too late"
    assert told.spans[2].said == "asked for by gate calibration; version 3 passed its gates and was never released"
    assert told.spans[3].said == "too much; 1 verdict failed, then it held, for want of evidence"
    assert told.months == ((START, "2020-01"), (START + 31 * DAY, "2020-02"))
    assert (told.start, told.end) == (START, START + 60 * DAY)


def test_what_became_of_a_retrain_is_told(desk):
    with desk.workspace() as workspace:
        base = make_summary()
        said = []
        changes = [
            {"number": None, "outcome": None},
            {"outcome": "fail", "ended": "auc >= 0.9: 0.8"},
            {"release": "desk/2", "released": "promoted"},
            {"release": "desk/2", "released": "rolled back"},
        ]
        for fields in changes:
            retrain = msgspec.structs.replace(base.retrains[0], **fields)
            live = collect_live(workspace, msgspec.structs.replace(base, retrains=(retrain,)))
            said.append(live.retrains[0].came)
    assert said == [
        "no version yet",
        "version 3 failed its gates: auc >= 0.9: 0.8",
        "version 3 passed its gates, promoted",
        "version 3 passed its gates, taken back",
    ]


def test_a_life_that_goes_on_is_told_as_far_as_it_has_come(desk):
    live = msgspec.structs.replace(make_summary(), known_by=START + 12 * DAY, retrains=())
    lasting = msgspec.structs.replace(live.incidents[0], closed_at=None, closed_by=None)
    with desk.workspace() as workspace:
        found = collect_live(workspace, msgspec.structs.replace(live, incidents=(lasting,)))
    assert found.period == ("2020-01-01", "2020-01-12")
    assert (found.timeline.end, found.timeline.months) == (START + 12 * DAY, ((START, "2020-01"),))
    assert [(span.until - START) // DAY for span in found.timeline.spans] == [12, 3, 12]
    assert found.timeline.spans[2].said == "too much; 1 verdict failed, it lasts"


def test_no_replay_is_no_server(collected):
    assert collected.server is None

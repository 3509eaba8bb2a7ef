"""What follows from evidence: when a gate is due, what is remembered, and when a retrain is asked for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.app.control.decision import (
    STANDARD,
    is_due,
    judge_live,
    judge_step,
    live_gates,
    merge_verdicts,
    step_gates,
)
from shipway.core.body import EvidenceRecorded, ReleaseMoved, RetrainAsked, VerdictGiven
from shipway.core.canary import prediction_shift
from shipway.core.candidate import auc, log_loss
from shipway.core.check import Evidence
from shipway.core.gate import Finding, Verdict, make_gate
from shipway.core.projection import Judgement, RetrainState, ServiceState
from shipway.core.registry import Registry
from shipway.core.release import Release, Step
from shipway.core.service import Variant
from shipway.kit.canonical import digest_value
from shipway.kit.duration import DAY

STABLE, TRIED = (Variant(version=number, bundle=f"b{number}", online="s") for number in (1, 2))
WEEKLY = make_gate("weekly", auc.over("28d") >= 0.7, every="7d", on_fail="retrain")
DAILY = make_gate("daily", log_loss.over("7d") <= 0.5, every="1d")
STEP = make_gate("step", prediction_shift <= 0.25, before="step")


def service(*, walking=False, asked=(), judged=(), since=0):
    releases = []
    if walking:
        walk = (Step(weight=0.0, hold_us=DAY), Step(weight=0.5), Step(weight=1.0))
        releases = [
            Release(id="desk/1", service="desk", model="late", walk=walk, candidate=TRIED, stable=STABLE, started_at=0)
        ]
    found = ServiceState(
        name="desk",
        model="late",
        stable=STABLE,
        opened_at=0,
        release="desk/1" if walking else None,
        history=[(since, 1)],
        releases=releases,
        retrains=[RetrainState(service="desk", model="late", asked_at=at, reason="r", number=1) for at in asked],
    )
    found.judgements[found.subject] = [
        Judgement(at=at, verdict=Verdict(gate=gate, subject=found.subject, outcome="pass", findings=()))
        for at, gate in judged
    ]
    return found


def measured(check, subject, low, high):
    return {check.name: Evidence(check=check.name, subject=subject, value=low, low=low, high=high, n=10)}


def kinds(entries):
    return [type(body) for _, body in entries]


@given(every=st.integers(1, 10), looks=st.lists(st.integers(0, 40), min_size=1, max_size=30))
def test_a_gate_is_asked_at_most_once_a_period_and_whenever_one_has_passed(every, looks):
    gate = make_gate("weekly", auc.over("28d") >= 0.7, every=f"{every}us")
    judged, now = [], 0
    for wait in looks:
        now += wait
        last = judged[-1] if judged else 0
        due = is_due(gate, service(judged=[(at, "weekly") for at in judged]), now)
        assert due == any(last < tick <= now for tick in range(0, now + 1, every))
        if due:
            judged.append(now)
    periods = [at // every for at in judged]
    assert len(set(periods)) == len(periods)


def test_another_gates_verdict_does_not_count_as_this_ones():
    assert is_due(WEEKLY, service(judged=[(7 * DAY, "daily")]), 7 * DAY)
    assert not is_due(WEEKLY, service(judged=[(7 * DAY, "weekly")]), 8 * DAY)


def test_a_gate_before_a_moment_is_never_due():
    assert not is_due(STEP, service(), 100 * DAY)


@pytest.mark.parametrize(
    ("low", "high", "options", "asks"),
    [
        (0.5, 0.6, {}, True),
        (0.6, 0.8, {}, False),
        (0.8, 0.9, {}, False),
        (0.5, 0.6, {"walking": True}, False),
        (0.5, 0.6, {"asked": [73 * DAY]}, False),
        (0.5, 0.6, {"asked": [72 * DAY]}, True),
        (0.5, 0.6, {"since": 73 * DAY}, False),
        (0.5, 0.6, {"since": 72 * DAY}, True),
        (0.5, 0.6, {"learned": False}, False),
    ],
)
def test_a_retrain_is_asked_for_where_a_gate_fails_and_nothing_is_under_way(low, high, options, asks):
    learned = options.get("learned", True)
    found = service(**{name: value for name, value in options.items() if name != "learned"})
    evidence = measured(auc.over("28d"), found.subject, low, high)
    rest_us = 28 * DAY
    entries = judge_live([WEEKLY, DAILY], [WEEKLY], found, evidence, 100 * DAY, rest_us=rest_us, learned=learned)
    assert kinds(entries) == [EvidenceRecorded, VerdictGiven, *([RetrainAsked] if asks else [])]
    assert all(body.at == 100 * DAY for _, body in entries)
    assert entries[1][1].gates == ("weekly", "daily")
    if asks:
        assert entries[-1][1].verdict == digest_value(entries[1][1].verdict)
        assert entries[-1][1].reason.startswith('gate weekly: auc.over("28d") >= 0.7')


def test_a_gate_that_only_alerts_asks_for_no_retrain():
    found = service()
    evidence = measured(log_loss.over("7d"), found.subject, 0.8, 0.9)
    entries = judge_live([DAILY], [DAILY], found, evidence, DAY, rest_us=0, learned=True)
    assert kinds(entries) == [EvidenceRecorded, VerdictGiven]


def test_the_same_hold_is_remembered_once_and_the_move_with_its_evidence():
    found = service(walking=True)
    (release,) = found.releases
    wide = measured(prediction_shift, release.subject, 0.1, 0.5)
    entries = judge_step([STEP], found, release, wide, DAY)
    assert kinds(entries) == [EvidenceRecorded, VerdictGiven]
    found.judgements[release.subject] = [Judgement(at=DAY, verdict=entries[1][1].verdict)]
    assert judge_step([STEP], found, release, measured(prediction_shift, release.subject, 0.2, 0.4), 2 * DAY) == []
    moved = judge_step([STEP], found, release, measured(prediction_shift, release.subject, 0.0, 0.1), 2 * DAY)
    assert kinds(moved) == [EvidenceRecorded, VerdictGiven, ReleaseMoved]
    verdict = moved[1][1].verdict
    assert moved[2][1] == ReleaseMoved(
        release="desk/1",
        outcome="walking",
        step=1,
        weight=0.5,
        verdict=digest_value(verdict),
        reason=verdict.reason,
        at=2 * DAY,
    )
    assert verdict.findings[0].evidence == moved[0][1].evidence.id


def test_a_pass_before_the_hold_is_over_moves_nothing():
    found = service(walking=True)
    entries = judge_step([STEP], found, found.releases[0], measured(prediction_shift, "s", 0.0, 0.1), DAY - 1)
    assert kinds(entries) == [EvidenceRecorded, VerdictGiven]


def test_a_fail_ends_the_walk_at_weight_zero():
    found = service(walking=True)
    entries = judge_step([STEP], found, found.releases[0], measured(prediction_shift, "s", 0.5, 0.6), 1)
    assert (entries[-1][1].outcome, entries[-1][1].weight, entries[-1][1].step) == ("rolled back", 0.0, 0)


def verdict(gate, outcome):
    finding = Finding(rule=f"rule of {gate}", outcome=outcome, reason=outcome, evidence=None)
    return Verdict(gate=gate, subject="s", outcome=outcome, findings=(finding,))


@given(st.lists(st.sampled_from(["pass", "hold", "fail"]), min_size=1, max_size=4))
def test_several_gates_come_to_the_worst_of_them_with_its_reason(outcomes):
    merged = merge_verdicts([verdict(f"g{place}", outcome) for place, outcome in enumerate(outcomes)])
    order = ["fail", "hold", "pass"]
    assert merged.outcome == min(outcomes, key=order.index)
    assert len(merged.findings) == len(outcomes)
    if merged.outcome == "pass":
        assert merged.reason == f"all {len(outcomes)} rules pass"
    else:
        assert f"rule of g{outcomes.index(merged.outcome)}" in merged.reason


def test_without_a_gate_of_its_own_a_project_is_asked_the_standard_one():
    assert step_gates(Registry(), "delay") == [STANDARD]
    registry = Registry(gates={gate.name: gate for gate in (STEP, WEEKLY)})
    assert step_gates(registry, "delay") == [STEP]
    assert live_gates(registry, "delay") == [WEEKLY]

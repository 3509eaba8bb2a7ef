"""The walk of a release as a state machine: whatever the verdicts and the clock, its promises hold."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.core.gate import Finding, Verdict
from shipway.core.release import Release, Step, next_move, routing_of
from shipway.core.service import Variant

OUTCOMES = ["pass", "fail", "hold"]
STABLE, TRIED = (Variant(version=number, bundle=f"b{number}", online="s") for number in (1, 2))


def verdict(outcome):
    finding = Finding(rule="r", outcome=outcome, reason=f"it is {outcome}", evidence=None)
    return Verdict(gate="canary", subject="release:desk/1@0", outcome=outcome, findings=(finding,))


@st.composite
def walks(draw):
    weights = draw(st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=5, unique=True))
    holds = [draw(st.integers(0, 20)) for _ in weights]
    steps = [Step(weight=w, hold_us=h) for w, h in zip(sorted(weights), holds, strict=True)]
    return (*steps, Step(weight=1.0))


def begin(walk):
    return Release(
        id="desk/1", service="desk", model="late", walk=walk, candidate=TRIED, stable=STABLE, started_at=0, since=0
    )


def follow(release, move, now):
    """Do what a move says, as the projection does."""
    release.step, release.since, release.outcome = move.step, now, move.outcome
    if move.outcome != "walking":
        release.ended_at, release.reason = now, move.reason


looks = st.lists(st.tuples(st.integers(0, 15), st.sampled_from(OUTCOMES)), max_size=40)


@given(walk=walks(), looks=looks)
def test_a_walk_keeps_its_promises(walk, looks):
    release, now, trail = begin(walk), 0, []
    for wait, outcome in looks:
        if release.outcome != "walking":
            break
        now += wait
        before = copy.copy(release)
        move = next_move(release, verdict(outcome), now)
        assert move == next_move(before, verdict(outcome), now)
        if outcome == "hold":
            assert move is None
        if outcome == "fail":
            assert move is not None
            assert move.outcome == "rolled back"
        if outcome == "pass":
            assert (move is not None) == (now - before.since >= walk[before.step].hold_us)
        if move is None:
            assert release.weight == before.weight
            continue
        follow(release, move, now)
        if move.outcome == "rolled back":
            assert release.weight == 0
            assert release.step == before.step
        else:
            assert release.step == before.step + 1
            assert release.weight == walk[release.step].weight > before.weight
            trail.append((before.since, now))
    assert all(end - start >= step.hold_us for (start, end), step in zip(trail, walk, strict=False))
    if release.outcome == "promoted":
        assert len(trail) == len(walk) - 1
    else:
        assert release.step < len(walk) - 1


@given(walk=walks())
def test_passing_for_long_enough_promotes_over_every_step(walk):
    release, now, weights = begin(walk), 0, []
    while release.outcome == "walking":
        weights.append(release.weight)
        now += walk[release.step].hold_us
        move = next_move(release, verdict("pass"), now)
        assert move is not None
        follow(release, move, now)
    assert weights == [step.weight for step in walk[:-1]]
    assert (release.outcome, release.weight) == ("promoted", 1.0)
    assert now == sum(step.hold_us for step in walk)


@pytest.mark.parametrize("outcome", ["pass", "fail"])
def test_a_move_says_why(outcome):
    move = next_move(begin((Step(weight=0.0), Step(weight=1.0))), verdict(outcome), 0)
    assert move is not None
    assert move.reason == verdict(outcome).reason


@given(walk=walks(), data=st.data())
def test_the_routing_is_that_of_the_step(walk, data):
    release = begin(walk)
    release.step = data.draw(st.integers(0, len(walk) - 2))
    routing = routing_of("desk", "late", STABLE, release, 7)
    assert (routing.stable, routing.candidate, routing.token) == (STABLE, TRIED, 7)
    assert (routing.weight, routing.salt) == (walk[release.step].weight, "desk/1")


@pytest.mark.parametrize("outcome", ["promoted", "rolled back", None])
def test_without_a_walk_the_stable_version_answers_alone(outcome):
    release = None
    if outcome is not None:
        release = begin((Step(weight=0.0), Step(weight=1.0)))
        release.outcome = outcome
    routing = routing_of("desk", "late", STABLE, release, 7)
    assert (routing.stable, routing.candidate, routing.weight, routing.salt) == (STABLE, None, 0.0, "")


def test_steps_are_called_by_their_share():
    assert [Step(weight=weight).name for weight in (0.0, 0.02, 0.005, 1.0)] == ["shadow", "2 %", "0.5 %", "100 %"]


def test_evidence_of_each_step_is_about_that_step():
    release = begin((Step(weight=0.0), Step(weight=0.5), Step(weight=1.0)))
    first = release.subject
    release.step = 1
    assert [first, release.subject] == ["release:desk/1@0", "release:desk/1@1"]

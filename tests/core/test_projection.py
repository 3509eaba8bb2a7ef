"""Projections are pure: folding in parts, or again from the start, gives the same state to the bit."""

from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.core import body as bodies
from shipway.core.artifact import Artifact
from shipway.core.body import Body, make_draft, read_body
from shipway.core.check import Evidence
from shipway.core.error import ShipwayError
from shipway.core.gate import Finding, Verdict
from shipway.core.ledger import GENESIS, Entry, seal
from shipway.core.projection import State, fold
from shipway.core.standing import AliasMoved, VersionApproved, VersionRestored, VersionRetired, VersionTagged

names = st.sampled_from(["a", "b"])
numbers = st.integers(1, 3)
subjects = st.builds("model:{}@{}".format, names, numbers)
artifacts = st.builds(Artifact, kind=names, digest=names, facts=st.just({"rows": 1}))
evidence = st.builds(
    Evidence, check=names, subject=subjects, value=st.just(0.5), low=st.just(0.4), high=st.just(0.6), n=numbers
)
findings = st.builds(
    Finding, rule=names, outcome=st.sampled_from(["pass", "fail", "hold"]), reason=names, evidence=st.none()
)
verdicts = st.builds(
    Verdict,
    gate=names,
    subject=subjects,
    outcome=st.sampled_from(["pass", "fail", "hold"]),
    findings=st.lists(findings, max_size=2).map(tuple),
)
anything: st.SearchStrategy[Body] = st.one_of(
    st.builds(bodies.DataMoved, branch=names, commit=names, before=st.none(), verdict=names, rows=st.just({"t": 1})),
    st.builds(bodies.EvidenceRecorded, evidence=evidence),
    st.builds(bodies.VerdictGiven, verdict=verdicts),
    st.builds(bodies.VersionOpened, model=names, number=numbers, key=names, cut=numbers),
    st.builds(bodies.VersionRegistered, model=names, number=numbers, bundle=names),
    st.builds(VersionApproved, model=names, number=numbers, bundle=names, by=names, reason=names),
    st.builds(VersionRetired, model=names, number=numbers, by=names, reason=names),
    st.builds(VersionRestored, model=names, number=numbers, by=names, reason=names),
    st.builds(
        VersionTagged,
        model=names,
        number=numbers,
        tags=st.dictionaries(names, st.one_of(st.none(), names)),
        note=names,
        by=names,
    ),
    st.builds(
        AliasMoved,
        model=names,
        alias=names,
        before=st.none(),
        number=st.one_of(st.none(), numbers),
        by=names,
        reason=names,
    ),
    st.builds(bodies.LeakRefused, leak=names, column=names, features=numbers, rows=numbers, of=numbers, example=names),
    st.builds(bodies.LeakLifted, leak=names, reason=names),
)


@st.composite
def histories(draw: st.DrawFn) -> list[Entry]:
    """Draw a chain in which every run that ends has begun."""
    said: list[Body] = []
    for body in draw(st.lists(anything, max_size=15)):
        said.append(body)
        if draw(st.booleans()):
            key = draw(names)
            said.append(bodies.RunStarted(task=key, key=key, inputs={}, params={}))
            end = draw(st.sampled_from(["finished", "failed", "killed"]))
            if end == "finished":
                outputs = {"out": draw(artifacts)}
                said.append(bodies.RunFinished(task=key, key=key, outputs=outputs, seconds=1.0, peak_mb=1.0))
            elif end == "failed":
                said.append(bodies.RunFailed(task=key, key=key, code="SW-206", fact="raised"))
    return chain(said)


def chain(said: list[Body]) -> list[Entry]:
    """Seal bodies into a chain."""
    entries: list[Entry] = []
    prev = GENESIS
    for seq, body in enumerate(said, start=1):
        entry = seal(make_draft(body, subject="s:x", actor="a"), seq=seq, at=seq * 10, prev=prev)
        entries.append(entry)
        prev = entry.digest
    return entries


@given(history=histories(), data=st.data())
def test_folding_in_parts_is_folding_at_once(history: list[Entry], data: Any) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(history)), max_size=3)))
    state = State()
    for start, end in pairwise([0, *cuts, len(history)]):
        state = fold(state, history[start:end])
        stored = msgspec.json.decode(msgspec.json.encode(state), type=State)
        assert stored.digest == state.digest
        state = stored
    assert state.digest == fold(State(), history).digest


@given(history=histories())
def test_every_body_survives_the_ledger(history: list[Entry]) -> None:
    for entry in history:
        body = read_body(entry)
        assert make_draft(body, subject=entry.subject, actor=entry.actor).body == entry.body
        assert make_draft(body, subject=entry.subject, actor=entry.actor).kind == entry.kind


def test_a_killed_run_is_running_until_it_is_made_again() -> None:
    started = bodies.RunStarted(task="t", key="k", inputs={}, params={})
    finished = bodies.RunFinished(task="t", key="k", outputs={}, seconds=2.0, peak_mb=3.0)
    assert fold(State(), chain([started])).runs["k"].state == "running"
    run = fold(State(), chain([started, started, finished])).runs["k"]
    assert (run.state, run.started_at, run.ended_at) == ("finished", 20, 30)


def test_a_version_is_as_good_as_the_worst_of_its_gates() -> None:
    opened = bodies.VersionOpened(model="m", number=1, key="k", cut=0)

    def given_by(gate: str, outcome: Any) -> Body:
        return bodies.VerdictGiven(verdict=Verdict(gate=gate, subject="model:m@1", outcome=outcome, findings=()))

    state = fold(State(), chain([opened, given_by("a", "pass"), given_by("b", "hold")]))
    assert state.models["m"][0].outcome == "hold"
    state = fold(State(), chain([opened, given_by("a", "hold"), given_by("b", "fail"), given_by("a", "pass")]))
    assert state.models["m"][0].outcome == "fail"


def test_an_entry_of_a_newer_version_is_named() -> None:
    entry = chain([bodies.LeakLifted(leak="l", reason="r")])[0]
    newer = msgspec.structs.replace(entry, body=b'{"type":"warp-drive-engaged"}', kind="warp-drive-engaged")
    with pytest.raises(ShipwayError, match="SW-606"):
        read_body(newer)


def test_only_the_gates_there_are_decide_on_a_version() -> None:
    opened = bodies.VersionOpened(model="m", number=1, key="k", cut=0)

    def given_by(gate: str, outcome: Any, *gates: str) -> Body:
        finding = Finding(rule=f"rule of {gate}", outcome=outcome, reason="it is so", evidence=None)
        verdict = Verdict(gate=gate, subject="model:m@1", outcome=outcome, findings=(finding,))
        return bodies.VerdictGiven(verdict=verdict, gates=gates)

    both = [opened, given_by("a", "fail", "a", "b"), given_by("b", "pass", "a", "b")]
    version = fold(State(), chain(both)).models["m"][0]
    assert (version.outcome, version.reason) == ("fail", "rule of a: it is so")
    state = fold(State(), chain([*both, given_by("b", "pass", "b")]))
    assert state.models["m"][0].outcome == "pass"
    assert list(state.verdicts["model:m@1"]) == ["b"]


def test_a_state_names_the_history_it_was_folded_from() -> None:
    said: list[Body] = [bodies.LeakLifted(leak="l", reason="r")]
    other: list[Body] = [bodies.LeakLifted(leak="l", reason="s")]
    assert State().head == GENESIS
    assert fold(State(), chain(said)).head == chain(said)[-1].digest
    assert fold(State(), chain(said)).head != fold(State(), chain(other)).head

"""Gates before traffic: what they keep from being released, and what they let pass."""

from contextlib import closing

import pytest

from shipway.app.control.command import ask_release
from shipway.app.project import find_project
from shipway.app.promise import find_missing, name_subject, traffic_gates
from shipway.app.release import open_service
from shipway.app.workspace import Workspace
from shipway.core.body import VerdictGiven
from shipway.core.gate import Finding, Verdict
from shipway.testing.refusal import expect_refusal

GATE = '\nsw.gate("promise", sw.load_latency_ms(rate={rate}) <= 20, before="traffic")\n'


@pytest.fixture
def guarded(desk):
    """A desk with one version, whose project asks for a promise before traffic."""
    with desk.workspace() as workspace:
        desk.register(workspace)
    write_gate(desk, 200)
    return desk


def write_gate(desk, rate):
    module = desk.root / "project.py"
    text = module.read_text().partition('\nsw.gate("promise"')[0]
    module.write_text(text + GATE.format(rate=rate))


def give(desk, outcome, *, asked=None):
    """Remember a verdict of the gate on the version."""
    with closing(Workspace(find_project(desk.root))) as workspace:
        (gate,) = traffic_gates(workspace.project.registry, "late")
        version = workspace.state().models["late"][0]
        finding = Finding(rule=gate.rules[0].text, outcome=outcome, reason="31 ms", evidence=None)
        verdict = Verdict(gate=gate.name, subject=name_subject(version), outcome=outcome, findings=(finding,),
                          asked=gate.asked if asked is None else asked)  # fmt: skip
        workspace.remember((verdict.subject, VerdictGiven(verdict=verdict, gates=(gate.name,))))


def missing(desk):
    with closing(Workspace(find_project(desk.root))) as workspace:
        state = workspace.state()
        return find_missing(workspace, state, state.models["late"][0])


def test_version_that_was_not_asked_is_not_released(guarded):
    with guarded.workspace() as workspace, expect_refusal("SW-404") as refused:
        open_service(workspace, "desk", 1, 0)
    assert "'promise' before traffic" in refused[0].fact
    assert "shipway load gate late@1" in refused[0].hint


def test_version_that_passed_is(guarded):
    give(guarded, "pass")
    assert missing(guarded) is None
    with closing(Workspace(find_project(guarded.root))) as workspace:
        assert open_service(workspace, "desk", 1, 0).stable.version == 1


@pytest.mark.parametrize("outcome", ["fail", "hold"])
def test_version_that_did_not_pass_is_not_and_the_reason_is_told(guarded, outcome):
    give(guarded, outcome)
    found = missing(guarded)
    assert found is not None
    assert "31 ms" in found.reason


def test_verdict_of_other_rules_does_not_count(guarded):
    give(guarded, "pass")
    write_gate(guarded, 300)
    found = missing(guarded)
    assert found is not None
    assert "others since" in found.reason


def test_release_of_a_second_version_waits_for_its_own_promise(guarded):
    give(guarded, "pass")
    with closing(Workspace(find_project(guarded.root))) as workspace:
        open_service(workspace, "desk", 1, 0)
        guarded.register(workspace)
    with expect_refusal("SW-404") as refused:
        ask_release(find_project(guarded.root), "desk@2")
    assert "late@2" in refused[0].fact


def test_evidence_on_a_bundle_is_none_on_the_version(guarded):
    give(guarded, "fail")
    with closing(Workspace(find_project(guarded.root))) as workspace:
        version = workspace.state().models["late"][0]
        assert workspace.state().verdicts[name_subject(version)]["promise"].outcome == "fail"
        assert "promise" not in workspace.state().verdicts.get(version.subject, {})

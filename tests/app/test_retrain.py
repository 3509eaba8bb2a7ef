"""A retrain makes a version of what was known, judges it on what it has not seen, and ends once."""

from contextlib import closing

import pytest

from shipway.app.assessment import Wanted, assess_version
from shipway.app.bundle import build_version
from shipway.app.override import give_override
from shipway.app.project import find_project
from shipway.app.release import open_service
from shipway.app.retrain import retrain
from shipway.app.run import run_project
from shipway.app.workspace import Workspace
from shipway.core.body import RetrainAsked
from shipway.kit.duration import DAY

SERVICE = """
[services.desk]
model = "returned"
tick = "1d"
rehearsal = "REHEARSAL"
"""


@pytest.fixture
def asked(shop):
    """Return a function that opens a service on the shop's version and retrains it as of a date."""

    def ask(date: str, rehearsal: str):
        toml = shop.root / "shipway.toml"
        toml.write_text(toml.read_text() + SERVICE.replace("REHEARSAL", rehearsal))
        project = find_project(shop.root)
        at = project.instant(project.config.models["returned"].test[0]) + int(date) * DAY
        with closing(Workspace(project)) as workspace:
            open_service(workspace, "desk", 1, at - DAY)
            body = RetrainAsked(service="desk", model="returned", verdict="", reason="drifted", at=at)
            for _ in range(2):  # whoever is killed after the last entry asks again
                state = (
                    workspace.remember(("service:desk", body))
                    if not workspace.state().services["desk"].retrains
                    else workspace.state()
                )
                service = state.services["desk"]
                retrain(workspace, service, service.retrains[0], lambda event: None)
            return workspace.state(), at

    return ask


def test_a_version_is_made_of_what_was_known_and_judged_on_the_rehearsal(asked):
    state, at = asked("90", "80d")
    ended = state.services["desk"].retrains[0]
    version = state.version("returned", 2)
    assert version is not None
    assert (ended.number, version.cut) == (2, at - 80 * DAY)
    assert ended.outcome == version.outcome
    assert (version.bundle is not None) == (ended.outcome == "pass")
    rows = version.evidence["auc"].n
    assert 0 < rows < state.version("returned", 1).evidence["auc"].n
    assert len(state.models["returned"]) == 2


def test_what_a_retrained_version_was_judged_on_is_what_it_is_evaluated_on(shop, asked):
    state, at = asked("90", "80d")
    version = state.version("returned", 2)
    judged, verdicts = dict(version.evidence), state.verdicts[version.subject]
    project = find_project(shop.root)
    found = assess_version(project, "returned@2")
    assert (found.period, found.notes) == ((version.cut, at), ())
    start, end = (project.instant(each) for each in project.config.models["returned"].test)
    told = assess_version(project, "returned@2", Wanted(since=start, until=end))
    assert told.notes  # half of the test period was learned from
    built = build_version(project, "returned@2")
    assert (built.bundle, built.differs) == (built.registered or built.bundle, ())
    with closing(Workspace(project)) as workspace:
        kept = workspace.state()
    evidence = kept.version("returned", 2).evidence
    assert {name: evidence[name] for name in judged} == judged
    assert kept.verdicts[version.subject] == verdicts
    assert any(name.startswith("auc, ") for name in evidence)


def test_what_cannot_be_learned_from_ends_without_a_version(asked):
    state, _ = asked("1", "2000d")
    ended = state.services["desk"].retrains[0]
    assert (ended.number, ended.outcome) == (None, "fail")
    assert ended.ended.startswith("SW-402")


def test_data_without_a_verdict_by_the_present_rules_is_not_retrained_on(shop, asked):
    code = shop.root / "project.py"
    code.write_text(code.read_text().replace("    sw.present(orders.customer),\n", ""))
    state, _ = asked("90", "80d")
    ended = state.services["desk"].retrains[0]
    assert (ended.number, ended.outcome) == (None, "hold")
    assert ended.ended.startswith("SW-401 the verdict of gate 'data' on data:")
    assert len(state.models["returned"]) == 1


def test_a_retrain_by_right_of_an_override_carries_it(shop, asked):
    code = shop.root / "project.py"
    code.write_text(code.read_text().replace("has_rows(orders) >= 10_000", "has_rows(orders) >= 10_000_000"))
    assert run_project(shop.project).outcome == "fail"
    given = give_override(shop.project, "data", by="ana", reason="known")
    state, _ = asked("90", "80d")
    version = state.version("returned", 2)
    assert version is not None
    assert version.overrides == [given.id]
    assert state.version("returned", 1).overrides == []

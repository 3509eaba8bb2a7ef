"""A retrain makes a version of what was known, judges it on what it has not seen, and ends once."""

from contextlib import closing

import pytest

from shipway.app.project import find_project
from shipway.app.release import open_service
from shipway.app.retrain import retrain
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


def test_what_cannot_be_learned_from_ends_without_a_version(asked):
    state, _ = asked("1", "2000d")
    ended = state.services["desk"].retrains[0]
    assert (ended.number, ended.outcome) == (None, "fail")
    assert ended.ended.startswith("SW-402")

"""What the ledger remembers of earlier data: each version once, in the order in which they were last judged."""

from contextlib import closing

import pytest

from shipway.app.report.check import history
from shipway.app.report.check.history import read_history
from shipway.app.workspace import Workspace
from shipway.core.body import EvidenceRecorded
from shipway.core.check import Evidence


def remember(workspace, subject, value, check="rows"):
    evidence = Evidence(check=check, subject=subject, value=value, low=value, high=value, n=9)
    workspace.remember((subject, EvidenceRecorded(evidence=evidence)))


@pytest.fixture
def workspace(desk):
    """Return the state of a project that judged three versions of its data and a model."""
    with closing(Workspace(desk.project)) as opened:
        opened.folder.mkdir(exist_ok=True)
        remember(opened, "data:a", 1.0)
        remember(opened, "data:b", 2.0)
        remember(opened, "data:b", 0.5, check="price present")
        remember(opened, "model:late@1", 9.0)
        remember(opened, "data:c", 3.0)
        yield opened


def values(moments):
    return [(subject, {name: each.value for name, each in evidence.items()}) for _, subject, evidence in moments]


def test_versions_come_oldest_first_with_all_that_was_measured(workspace):
    moments = read_history(workspace, "data:new")
    assert values(moments) == [
        ("data:a", {"rows": 1.0}),
        ("data:b", {"rows": 2.0, "price present": 0.5}),
        ("data:c", {"rows": 3.0}),
    ]
    assert [at for at, _, _ in moments] == sorted(at for at, _, _ in moments)


def test_a_version_has_only_those_before_it(workspace):
    assert [subject for _, subject, _ in read_history(workspace, "data:b")] == ["data:a"]
    assert read_history(workspace, "data:a") == []


def test_a_version_that_was_judged_again_counts_once_and_then(workspace):
    remember(workspace, "data:a", 1.5)
    assert values(read_history(workspace, "data:new"))[-1] == ("data:a", {"rows": 1.5})
    assert len(read_history(workspace, "data:new")) == 3


def test_only_so_many_are_looked_at(workspace, monkeypatch):
    monkeypatch.setattr(history, "KEPT", 2)
    assert [subject for _, subject, _ in read_history(workspace, "data:new")] == ["data:b", "data:c"]

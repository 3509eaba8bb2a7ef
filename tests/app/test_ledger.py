"""What a project remembers."""

import pytest

from shipway.app.ledger import KINDS, read_entries, rebuild_projection, verify_ledger
from shipway.app.project import find_project
from shipway.app.workspace import Workspace
from shipway.core.body import RunFinished, VersionRegistered
from shipway.core.projection import State
from shipway.testing.refusal import expect_refusal


def test_newest_entries_come_oldest_first(ran_shop):
    entries = read_entries(ran_shop.project, limit=10_000)
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
    assert read_entries(ran_shop.project, limit=4) == entries[-4:]
    assert isinstance(entries[-1].body, VersionRegistered)


def test_entries_are_picked_by_kind_and_by_the_beginning_of_the_subject(ran_shop):
    entries = read_entries(ran_shop.project, limit=10_000)
    finished = read_entries(ran_shop.project, limit=10_000, kind="run-finished")
    assert finished == [entry for entry in entries if isinstance(entry.body, RunFinished)]
    about = read_entries(ran_shop.project, limit=10_000, subject="model:returned")
    assert about == [entry for entry in entries if entry.subject == "model:returned@1"]
    assert about
    assert {entry.kind for entry in entries} <= set(KINDS)


def test_kind_that_is_none_is_refused(ran_shop):
    with expect_refusal("SW-104"):
        read_entries(ran_shop.project, kind="run-finish")


def test_whole_ledger_verifies(ran_shop):
    verified = verify_ledger(ran_shop.project)
    assert verified.damage == []
    assert verified.head.seq == len(read_entries(ran_shop.project, limit=10_000))


def test_ledger_that_never_was_verifies_and_is_not_made(fresh):
    project = find_project(fresh)
    assert verify_ledger(project).damage == []
    assert read_entries(project) == []
    assert rebuild_projection(project).entries == 0
    assert not (fresh / ".shipway").exists()


@pytest.mark.parametrize("kept", [True, False])
def test_rebuilt_state_is_identical(shop, kept):
    path = shop.root / ".shipway" / "projection.json"
    content = path.read_bytes()
    if not kept:
        path.unlink()
    rebuilt = rebuild_projection(shop.project)
    assert rebuilt.before == rebuilt.after
    assert rebuilt.entries == len(read_entries(shop.project, limit=10_000))
    assert path.read_bytes() == content


def test_state_that_does_not_follow_from_the_ledger_is_told_and_replaced(shop):
    workspace = Workspace(shop.project)
    state = workspace.state()
    right = state.digest
    state.branches["main"] = "elsewhere"
    workspace.store_state()
    workspace.close()
    rebuilt = rebuild_projection(shop.project)
    assert rebuilt.before != rebuilt.after == right
    assert rebuild_projection(shop.project).before == right
    assert right != State().digest

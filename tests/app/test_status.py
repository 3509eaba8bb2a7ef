"""Where a project stands."""

from contextlib import closing

import pytest

from shipway.app.project import find_project
from shipway.app.run import run_project
from shipway.app.runner import Made, Runner
from shipway.app.status import read_status
from shipway.app.workspace import Workspace
from shipway.core.error import ShipwayError
from shipway.testing.refusal import expect_refusal


def test_project_that_never_ran_has_no_state_and_gets_none(fresh):
    status = read_status(find_project(fresh))
    assert (status.entries, status.commit, status.rows, status.tasks) == (0, None, {}, [])
    assert status.models == {"returned": []}
    assert not (fresh / ".shipway").exists()


def test_project_that_ran_shows_data_and_versions(ran_shop):
    status = read_status(ran_shop.project)
    assert status.commit == ran_shop.run.commit
    assert status.rows == {"orders": 24_000}
    assert [verdict.outcome for verdict in status.data] == ["pass"]
    assert (status.waiting, status.held, status.tasks, status.holder) == (None, [], [], None)
    (version,) = status.models["returned"]
    made = ran_shop.run.versions[0]
    assert (version.ref, version.bundle, version.outcome) == ("returned@1", made.bundle, "pass")
    assert version.metrics["auc"][0] == made.evidence["auc"].value
    with_ledger = Workspace(ran_shop.project)
    assert (status.entries, status.head) == (with_ledger.ledger.head().seq, with_ledger.ledger.head().digest)
    with_ledger.close()


def test_data_that_fails_its_gate_waits_beside_what_was_admitted(shop):
    rows = (shop.root / "orders.csv").read_text().splitlines(keepends=True)
    (shop.root / "orders.csv").write_text("".join(rows[:5000]))
    assert run_project(shop.project).outcome == "fail"
    status = read_status(shop.project)
    assert status.commit == shop.run.commit
    assert status.rows == {"orders": 24_000}
    assert status.waiting is not None
    assert [verdict.outcome for verdict in status.held] == ["fail"]


def test_tasks_that_failed_or_were_cut_off_are_listed_until_they_end_well(shop):
    workspace = Workspace(shop.project)
    runner = Runner(workspace, lambda event: None, code="code")

    def fail(report):
        raise ShipwayError("SW-402", "too few rows", "get more")

    def stop(report):
        raise KeyboardInterrupt

    with expect_refusal("SW-402"):
        runner.make("failing", fail, inputs={}, params={})
    try:
        runner.make("stopped", stop, inputs={}, params={})
    except KeyboardInterrupt:
        workspace.close()
    tasks = {task.task: task for task in read_status(shop.project).tasks}
    assert {name: task.state for name, task in tasks.items()} == {"failing": "failed", "stopped": "interrupted"}
    assert tasks["failing"].error == "SW-402 too few rows"


@pytest.mark.parametrize("end", ["failed", "interrupted"])
def test_task_that_is_found_whole_again_is_no_longer_unfinished(shop, end):
    """Its inputs went back to what they had been: nothing is made, and it is said all the same, once."""

    def make(report):
        return Made({})

    def fail(report):
        raise ShipwayError("SW-301", "too early", "wait") if end == "failed" else KeyboardInterrupt

    def attempt(function, version):
        with closing(Workspace(shop.project)) as workspace:
            runner = Runner(workspace, lambda event: None, code="code")
            try:
                runner.make("frame", function, inputs={"in": version}, params={})
            except (ShipwayError, KeyboardInterrupt):
                return
            finally:
                workspace.store_state()

    attempt(make, "1")
    attempt(fail, "2")
    assert [task.state for task in read_status(shop.project).tasks] == [end]
    attempt(make, "1")
    entries = read_status(shop.project).entries
    assert read_status(shop.project).tasks == []
    attempt(make, "1")
    assert read_status(shop.project).entries == entries


def test_ledger_without_its_anchor_is_damage(shipway, shop):
    assert read_status(shop.project).lost == ""
    (shop.root / ".shipway" / "ledger.anchor").unlink()
    assert "anchor of the ledger" in read_status(shop.project).lost
    answer = shipway("status", cwd=shop.root)
    assert "bad" in answer.out
    assert "missing" in answer.out


def test_ledger_that_is_gone_or_was_begun_anew_is_damage(shop):
    state = shop.root / ".shipway"
    for file in state.glob("ledger.db*"):
        file.unlink()
    assert read_status(shop.project).lost == "the ledger is gone, and its anchor remembers that there was one"
    with closing(Workspace(shop.project)) as workspace:
        assert workspace.ledger.head().seq == 0
    assert read_status(shop.project).lost.startswith("the ledger ends at entry 0, and its anchor remembers entry ")

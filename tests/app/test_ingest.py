"""Only data whose gates pass today is learned from, and the ledger says how main came to be where it is."""

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from shipway.app.ingest import INGEST
from shipway.app.project import find_project
from shipway.app.run import RunReport, run_project
from shipway.app.workspace import Workspace
from shipway.core.body import DataMoved, read_body
from shipway.core.error import ShipwayError
from shipway.core.table import MAIN


def edit(path: Path, old: str, new: str) -> None:
    """Replace text in a file that has it once."""
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def run(root: Path) -> RunReport:
    """Run a project as a new process would."""
    return run_project(find_project(root))


def branches(root: Path) -> dict[str, str]:
    """Return where the branches are."""
    with closing(Workspace(find_project(root))) as workspace:
        return workspace.tables.branches()


def moves(root: Path) -> list[DataMoved]:
    """Return every move of data in the ledger."""
    with closing(Workspace(find_project(root))) as workspace:
        bodies = [read_body(entry) for entry in workspace.ledger.read()]
    return [body for body in bodies if isinstance(body, DataMoved)]


def test_a_gate_that_was_tightened_keeps_data_it_once_let_in_from_being_learned_from(shop: Any) -> None:
    edit(shop.root / "project.py", "has_rows(orders) >= 10_000", "has_rows(orders) >= 10_000_000")
    made = run(shop.root)
    assert made.outcome == "fail"
    assert made.versions == []
    assert made.commit == shop.run.commit == branches(shop.root)[MAIN]
    assert not any(task.name.startswith(("frame", "train")) for task in made.tasks)


def test_data_that_fails_waits_on_its_branch_until_the_source_is_right(shop: Any) -> None:
    good = (shop.root / "orders.csv").read_bytes()
    lines = good.splitlines(keepends=True)
    (shop.root / "orders.csv").write_bytes(b"".join(lines[:500]))
    failed = run(shop.root)
    assert (failed.outcome, failed.versions) == ("fail", [])
    assert branches(shop.root) == {MAIN: shop.run.commit, INGEST: failed.commit}
    (shop.root / "orders.csv").write_bytes(b"".join(lines[:-1]))
    passed = run(shop.root)
    assert passed.data[0].outcome == "pass"
    assert branches(shop.root)[MAIN] == passed.commit
    assert [(move.before, move.commit) for move in moves(shop.root)] == [
        (None, shop.run.commit),
        (shop.run.commit, passed.commit),
    ]


def test_a_crash_between_moving_main_and_remembering_it_is_made_good(fresh: Path, monkeypatch: Any) -> None:
    remember = Workspace.remember

    def die(self: Workspace, *bodies: Any) -> Any:
        if any(isinstance(body, DataMoved) for _, body in bodies):
            raise KeyboardInterrupt
        return remember(self, *bodies)

    with monkeypatch.context() as patched:
        patched.setattr(Workspace, "remember", die)
        with pytest.raises(KeyboardInterrupt):
            run(fresh)
    assert moves(fresh) == []
    made = run(fresh)
    assert [(move.before, move.commit) for move in moves(fresh)] == [(None, made.commit)]
    run(fresh)
    assert len(moves(fresh)) == 1


def test_the_present_matters_only_where_an_age_is_measured(fresh: Path) -> None:
    edit(fresh / "shipway.toml", "at = 2025-01-01", "# at")
    run(fresh)
    assert run(fresh).made == 0
    edit(fresh / "project.py", "sw.present(orders.customer),", 'sw.fresh(orders.placed, within="36500d"),')
    for _ in range(2):
        assert "check data" in [task.name for task in run(fresh).tasks if not task.unchanged]


def test_the_verdict_of_a_gate_that_is_gone_no_longer_counts(shop: Any) -> None:
    edit(shop.root / "project.py", "sw.auc >= 0.65", "sw.auc >= 0.99")
    assert run(shop.root).outcome == "fail"
    edit(shop.root / "project.py", "sw.auc >= 0.99", "sw.auc >= 0.65")
    edit(shop.root / "project.py", '"quality",', '"standard",')
    made = run(shop.root)
    assert made.outcome == "pass"
    with closing(Workspace(find_project(shop.root))) as workspace:
        state = workspace.state()
    assert [version.outcome for version in state.models["returned"]] == ["pass"]
    assert list(state.verdicts["model:returned@1"]) == ["standard"]


def test_two_data_gates_are_each_decided_on_their_own_evidence(fresh: Path) -> None:
    with (fresh / "project.py").open("a") as file:
        file.write('\nsw.gate("types", sw.has_columns(orders, price="float"), before="training")\n')
        file.write('sw.gate("more", sw.has_columns(orders, price="text"), before="training")\n')
    with pytest.raises(ShipwayError, match="SW-105") as refused:
        run(fresh)
    assert "orders columns" in refused.value.fact


TWO_SOURCES = """
import polars as pl

import shipway as sw


@sw.source(key="id", raw="orders", known_at={"always": ("x",)}, restated="x")
def orders(orders: pl.DataFrame) -> pl.DataFrame:
    return orders


@sw.source(key="id", raw="shops", known_at={"always": ("x",)})
def shops(shops: pl.DataFrame) -> pl.DataFrame:
    return shops


sw.gate("data", sw.holds(orders.x > 0).on("new"), sw.holds(shops.x > 0).on("new"), before="training")
"""


def test_a_table_that_delivers_nothing_is_in_nobodys_way(tmp_path: Path) -> None:
    """Rules on its new rows were asked when they came; rules on those of the other are asked now."""
    files = {name: tmp_path / f"{name}.csv" for name in ("orders", "shops")}
    config = '[project]\nname = "x"\nmodule = "project.py"\n[raw]\n'
    (tmp_path / "shipway.toml").write_text(config + "".join(f'{name} = "{name}.csv"\n' for name in files))
    (tmp_path / "project.py").write_text(TWO_SOURCES)
    for path in files.values():
        path.write_text("id,x\n1,1\n2,1\n")
    assert run(tmp_path).outcome == "pass"
    files["orders"].write_text("id,x\n1,1\n2,1\n3,1\n")
    second = run(tmp_path)
    assert (second.outcome, second.commit) == ("pass", branches(tmp_path)[MAIN])
    files["orders"].write_text("id,x\n1,1\n2,1\n3,1\n4,-1\n")
    assert run(tmp_path).outcome == "fail"
    files["orders"].write_text("id,x\n1,1\n2,-1\n3,1\n")
    assert run(tmp_path).outcome == "hold", "a correction alone is no new row, and was not looked at"
    assert branches(tmp_path)[MAIN] == second.commit

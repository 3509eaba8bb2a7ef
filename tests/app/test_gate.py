"""Whatever is committed, judged, overridden or declared in whatever order: nothing is trained without the right to."""

import shutil
import tempfile
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from shipway.app.candidate import make_runner
from shipway.app.frame import frame_of
from shipway.app.gate import data_gates
from shipway.app.ingest import judge_data, open_data
from shipway.app.override import give_override, revoke_override
from shipway.app.project import find_project
from shipway.app.training import train
from shipway.app.workspace import Workspace
from shipway.core.body import RunStarted, read_body
from shipway.core.data_check import has_rows
from shipway.core.error import ShipwayError
from shipway.core.gate import make_gate
from shipway.core.table import MAIN

CUT = 1_600_000_000_000_000
TOML = """\
[project]
name = "yard"
at = 2020-12-01

[raw]
crates = "crates.csv"

[models.broken]
cuts = [2020-09-01]
test = [2020-09-01, 2020-10-01]
"""
CODE = """\
import polars as pl
from sklearn.linear_model import LogisticRegression

import shipway as sw


@sw.source(key="id", raw="crates", known_at={"packed": ("weight",), "opened": ("broken",)})
def crates(crates: pl.DataFrame) -> pl.DataFrame:
    return crates


label = sw.label("broken", crates.event("opened").broken.equals(True))
crate = sw.feature_view("crate", crates, {"weight": crates.weight})


@sw.model("broken", on=crates, at=crates.packed, label=label, features=[crate])
def train(frame: sw.TrainFrame) -> LogisticRegression:
    return LogisticRegression().fit(frame.x, frame.y)
"""


def crates(n: int) -> pl.DataFrame:
    """Make n rows whose labels are known long before the cut."""
    start = datetime(2020, 1, 1, tzinfo=UTC)
    packed = [start + timedelta(hours=hour) for hour in range(n)]
    return pl.DataFrame(
        {
            "id": range(n),
            "packed": pl.Series(packed, dtype=pl.Datetime("us", "UTC")),
            "opened": pl.Series([at + timedelta(hours=1) for at in packed], dtype=pl.Datetime("us", "UTC")),
            "weight": [float(row % 7) for row in range(n)],
            "broken": [row % 3 == 0 for row in range(n)],
        }
    )


def make_yard(root: Path) -> Path:
    """Write a project whose data is put on the main branch by hand."""
    root.mkdir()
    (root / "shipway.toml").write_text(TOML)
    (root / "project.py").write_text(CODE)
    return root


def attempt(call: Callable[[], Any], *codes: str) -> Any:
    """Return what a call returns, or None where it is refused by one of these codes."""
    try:
        return call()
    except ShipwayError as error:
        if error.code not in codes:
            raise
        return None


class Yard(RuleBasedStateMachine):
    """A project in which everybody does as they please, beside a model of what that gives a right to.

    The model knows data by its number of rows and rules by their bound, and nothing of digests, verdicts or ledgers.
    """

    given = Bundle("given")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.project = find_project(make_yard(self.folder / "yard"))
        self.workspace = Workspace(self.project)
        self.workspace.folder.mkdir()
        self.rows: int | None = None
        self.judged: dict[int, int] = {}
        self.overrides: dict[str, tuple[int, int, str]] = {}
        self.held: tuple[Any, int] | None = None
        self.trainings = 0
        self.declare(350, ())

    def declare(self, bound: int, approvers: tuple[str, ...]) -> None:
        self.bound, self.approvers = bound, approvers
        crates = self.project.registry.sources["crates"]
        gate = make_gate("data", has_rows(crates) >= bound, before="training", approvers=approvers)
        self.project.registry.gates["data"] = gate

    def allowed(self, rows: int | None) -> bool:
        if rows is None or self.judged.get(rows) != self.bound:
            return False
        names = [by for data, bound, by in self.overrides.values() if (data, bound) == (rows, self.bound)]
        return rows >= self.bound or any(not self.approvers or by in self.approvers for by in names)

    @rule(rows=st.sampled_from([300, 400, 500]))
    def commit_by_hand(self, rows: int) -> None:
        tables = self.workspace.tables
        tables.commit(MAIN, {"crates": tables.write(crates(rows))}, expect=tables.head(MAIN), message="by hand")
        self.rows = rows

    @rule()
    def judge(self) -> None:
        if self.rows is not None:
            judge_data(make_runner(self.workspace), self.workspace.main_commit())
            self.judged[self.rows] = self.bound

    @rule(bound=st.sampled_from([350, 450, 1000]), approvers=st.sampled_from([(), ("ana",), ("ben",)]))
    def change_rules(self, bound: int, approvers: tuple[str, ...]) -> None:
        self.declare(bound, approvers)

    @rule(target=given, by=st.sampled_from(["ana", "ben"]))
    def override(self, by: str) -> str:
        rows = self.rows
        may = rows is not None and self.judged.get(rows) == self.bound and rows < self.bound
        may = may and (not self.approvers or by in self.approvers)
        found = attempt(lambda: give_override(self.project, "data", by=by, reason="known"), "SW-401", "SW-405")
        assert (found is not None) == may
        if found is None:
            return ""
        assert rows is not None
        self.overrides[found.override.id] = (rows, self.bound, by)
        return found.override.id

    @rule(name=given)
    def revoke(self, name: str) -> None:
        if name in self.overrides and (not self.approvers or "ana" in self.approvers):
            revoke_override(self.project, name, by="ana", reason="wrong")
            del self.overrides[name]

    @rule()
    def open(self) -> None:
        """Take a right to train that may be gone by the time it is used."""
        runner = make_runner(self.workspace)
        opened = attempt(lambda: open_data(runner), "SW-401")
        assert (opened is not None) == self.allowed(self.rows)
        if opened is not None and self.rows is not None:
            self.held = runner, self.rows

    @rule()
    def train_by_a_right_taken_before(self) -> None:
        if self.held is not None:
            runner, rows = self.held
            self.train(runner, rows)

    @rule()
    def train_anew(self) -> None:
        runner = make_runner(self.workspace)
        if self.allowed(self.rows):
            open_data(runner)
        self.train(runner, self.rows)

    def train(self, runner: Any, rows: int | None) -> None:
        if rows is None:
            return
        model = self.project.registry.models["broken"]
        frame, _ = frame_of(runner, model)
        made = attempt(lambda: train(runner, model, frame, CUT, name=f"train {rows}"), "SW-401")
        assert (made is not None) == self.allowed(rows)
        if made is not None:
            assert made.facts["rows"] == rows
            self.trainings += 1

    @invariant()
    def every_training_was_counted(self) -> None:
        bodies = [read_body(entry) for entry in self.workspace.ledger.read()]
        started = [body for body in bodies if isinstance(body, RunStarted) and body.task.startswith("train")]
        assert len(started) <= self.trainings

    def teardown(self) -> None:
        self.workspace.close()
        shutil.rmtree(self.folder)


TestYard = Yard.TestCase
TestYard.settings = settings(max_examples=10, stateful_step_count=25, deadline=None, derandomize=True)


@pytest.fixture
def yard(tmp_path):
    """Return a project and its workspace, empty."""
    project = find_project(make_yard(tmp_path / "yard"))
    with closing(Workspace(project)) as workspace:
        workspace.folder.mkdir()
        workspace.state()
        yield workspace


def put(workspace: Workspace, rows: int) -> None:
    """Put data on the main branch by hand."""
    tables = workspace.tables
    tables.commit(MAIN, {"crates": tables.write(crates(rows))}, expect=tables.head(MAIN), message="by hand")


def refusal(workspace: Workspace) -> ShipwayError:
    """Return why nothing may be trained."""
    with pytest.raises(ShipwayError, match="SW-401") as refused:
        open_data(make_runner(workspace))
    return refused.value


def test_a_project_without_gates_on_data_asks_every_source_for_rows(yard):
    (gate,) = data_gates(yard.project.registry)
    assert [rule.text for rule in gate.rules] == ["has_rows(crates) >= 1"]


def test_a_training_is_refused_and_told_why_in_every_case(yard):
    registry = yard.project.registry
    source = registry.sources["crates"]

    def declare(bound):
        registry.gates["data"] = make_gate("data", has_rows(source) >= bound, before="training")

    declare(350)
    assert "no data has passed its gate yet" in refusal(yard).fact
    put(yard, 400)
    assert "has given no verdict on data:" in refusal(yard).fact
    judge_data(make_runner(yard), yard.main_commit())
    open_data(make_runner(yard))
    put(yard, 500)
    said = refusal(yard)
    assert "gave its verdict on other data, and none on data:" in said.fact
    assert said.hint == "shipway run asks the gates again"
    judge_data(make_runner(yard), yard.main_commit())
    open_data(make_runner(yard))
    declare(450)
    assert "is by other rules than it has now" in refusal(yard).fact
    judge_data(make_runner(yard), yard.main_commit())
    open_data(make_runner(yard))
    put(yard, 300)
    judge_data(make_runner(yard), yard.main_commit())
    said = refusal(yard)
    assert "gate 'data' failed on data:" in said.fact
    assert said.hint.startswith("shipway check data --rows")
    registry.gates["more"] = make_gate("more", has_rows(source) >= 1, before="training")
    put(yard, 500)
    assert "gate 'data' failed" not in refusal(yard).fact


def test_a_gate_that_holds_keeps_data_from_being_trained_on(yard):
    registry = yard.project.registry
    source = registry.sources["crates"]
    registry.gates["data"] = make_gate("data", has_rows(source) >= 0, before="training")
    tables = yard.tables
    tables.commit(MAIN, {"crates": tables.write(crates(3).clear())}, expect=None, message="by hand")
    judged = judge_data(make_runner(yard), yard.main_commit())
    assert judged.outcome == "hold"
    assert "gate 'data' holds on data:" in refusal(yard).fact


def test_an_age_is_judged_anew_where_time_is_real(yard, monkeypatch):
    (yard.project.root / "shipway.toml").write_text(TOML.replace("at = 2020-12-01\n", ""))
    (yard.project.root / "project.py").write_text(
        f'{CODE}\nsw.gate("data", sw.fresh(crates.packed, within="36500d"), before="training")\n'
    )
    with closing(Workspace(find_project(yard.project.root))) as workspace:
        workspace.state()
        put(workspace, 400)
        judge_data(make_runner(workspace), workspace.main_commit())
        open_data(make_runner(workspace))
        century = workspace.clock.now() + 36_500 * 86_400_000_000
        monkeypatch.setattr(type(workspace), "now", property(lambda self: century))
        assert "gate 'data' failed" in refusal(workspace).fact

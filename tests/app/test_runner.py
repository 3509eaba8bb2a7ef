"""A task is made once, whoever made it and however the last try ended."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from shipway.app.progress import Event
from shipway.app.project import find_project
from shipway.app.runner import Made, Runner
from shipway.app.workspace import Workspace
from shipway.core.body import LeakLifted
from shipway.core.error import ShipwayError

Report = Callable[[int, int], None]
calls: list[str] = []


def write(content: bytes, said: str, report: Report) -> Made:
    """Make one output."""
    calls.append(said)
    report(1, 1)
    return Made({"out": ("text", content, {"bytes": len(content)})}, said=said)


def refuse(report: Report) -> Made:
    """Raise what a step raises."""
    calls.append("refuse")
    raise ShipwayError("SW-204", "there is nothing", "bring something")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shipway.toml").write_text('[project]\nname = "tiny"\n')
    (tmp_path / "project.py").write_text('"""Nothing yet."""\n')
    (tmp_path / ".shipway").mkdir()
    calls.clear()
    return tmp_path


def runner(folder: Path, *, force: bool = False, code: str = "c1") -> tuple[Runner, list[Event]]:
    """Open the project as a new process would."""
    events: list[Event] = []
    return Runner(Workspace(find_project(folder)), events.append, code=code, force=force), events


def stages(events: list[Event]) -> list[str]:
    """Return what happened."""
    return [event.stage for event in events]


def test_a_task_is_made_once(folder: Path) -> None:
    first, events = runner(folder)
    made = first.make("t", partial(write, b"x", "one"), inputs={"in": "1"}, params={"p": 1})
    assert stages(events) == ["started", "moved", "done"]
    again, events = runner(folder)
    assert again.make("t", partial(write, b"x", "one"), inputs={"in": "1"}, params={"p": 1}) == made
    assert stages(events) == ["unchanged"]
    assert calls == ["one"]


@pytest.mark.parametrize(
    ("inputs", "params", "code"),
    [({"in": "2"}, {"p": 1}, "c1"), ({"in": "1"}, {"p": 2}, "c1"), ({"in": "1"}, {"p": 1}, "c2")],
)
def test_whatever_it_depends_on_makes_it_another_task(
    folder: Path, inputs: dict[str, str], params: dict[str, int], code: str
) -> None:
    runner(folder)[0].make("t", partial(write, b"x", "one"), inputs={"in": "1"}, params={"p": 1})
    runner(folder, code=code)[0].make("t", partial(write, b"x", "two"), inputs=inputs, params=params)
    assert calls == ["one", "two"]


def test_user_code_is_part_of_the_key_only_where_it_runs(folder: Path) -> None:
    for text in ('"""One."""\n', '"""Two."""\n'):
        (folder / "project.py").write_text(text)
        runner(folder)[0].make("own", partial(write, b"x", "own"), inputs={}, params={})
        runner(folder)[0].make("user", partial(write, b"x", "user"), inputs={}, params={"u": 1}, user_code=True)
    assert calls == ["own", "user", "user"]


def test_force_makes_it_again(folder: Path) -> None:
    for force in (False, True):
        runner(folder, force=force)[0].make("t", partial(write, b"x", "one"), inputs={}, params={})
    assert calls == ["one", "one"]


def test_a_failure_is_remembered_and_tried_again(folder: Path) -> None:
    for _ in range(2):
        with pytest.raises(ShipwayError, match="SW-204"):
            runner(folder)[0].make("t", refuse, inputs={}, params={})
    assert calls == ["refuse", "refuse"]
    run = next(iter(Workspace(find_project(folder)).state().runs.values()))
    assert (run.state, run.error) == ("failed", "SW-204 there is nothing")


def test_a_lost_blob_is_made_again(folder: Path) -> None:
    first, _ = runner(folder)
    made = first.make("t", partial(write, b"x", "one"), inputs={}, params={})
    path = first.workspace.blobs.path(made["out"].digest)
    path.chmod(0o644)
    path.unlink()
    assert runner(folder)[0].make("t", partial(write, b"x", "one"), inputs={}, params={}) == made
    assert calls == ["one", "one"]
    assert first.workspace.blobs.get(made["out"].digest) == b"x"


def test_records_and_the_end_of_the_run_are_one_step(folder: Path) -> None:
    def make(report: Report) -> Made:
        return Made({}, [("leak:l", LeakLifted(leak="l", reason="r"))])

    first, _ = runner(folder)
    first.make("t", make, inputs={}, params={})
    kinds = [entry.kind for entry in first.workspace.ledger.read()]
    assert kinds == ["run-started", "leak-lifted", "run-finished"]
    assert first.workspace.ledger.verify() == []


def test_a_file_is_taken_over(folder: Path) -> None:
    first, _ = runner(folder)
    path = first.workspace.scratch("big")

    def make(report: Report) -> Made:
        path.write_bytes(b"much")
        return Made({"out": ("table", path, {})})

    made = first.make("t", make, inputs={}, params={})
    assert first.workspace.blobs.get(made["out"].digest) == b"much"
    assert not path.exists()


def test_the_projection_can_be_dropped_and_comes_back_identical(folder: Path) -> None:
    first, _ = runner(folder)
    first.make("t", partial(write, b"x", "one"), inputs={}, params={})
    first.workspace.store_state()
    stored = Workspace(find_project(folder))
    assert stored.state().digest == stored.rebuild_state().digest
    (folder / ".shipway" / "projection.json").write_bytes(b"garbage")
    assert Workspace(find_project(folder)).state().digest == stored.state().digest


def test_a_second_run_is_kept_out(folder: Path) -> None:
    first, second = Workspace(find_project(folder)), Workspace(find_project(folder))
    with first.hold(), pytest.raises(ShipwayError, match="SW-603"), second.hold():
        pass
    with second.hold():
        pass

"""The stored projection is used only for the very history it was folded from."""

import shutil
from contextlib import closing
from pathlib import Path

import pytest

from shipway.adapters.file.blob import FileBlobs
from shipway.adapters.sqlite.catalog import SqliteCatalog
from shipway.app.project import find_project
from shipway.app.workspace import Workspace
from shipway.core.body import LeakLifted


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shipway.toml").write_text('[project]\nname = "tiny"\n')
    (tmp_path / ".shipway").mkdir()
    return tmp_path


def lift(folder: Path, *leaks: str) -> None:
    """Remember something about each leak, and store the projection."""
    with closing(Workspace(find_project(folder))) as workspace:
        for leak in leaks:
            workspace.remember((f"leak:{leak}", LeakLifted(leak=leak, reason="to price it")))
        workspace.store_state()


def leaks_of(folder: Path) -> list[str]:
    """Return what the state of a new process says."""
    with closing(Workspace(find_project(folder))) as workspace:
        state = workspace.state()
        assert state.seq == workspace.ledger.head().seq
        return list(state.leaks)


@pytest.mark.parametrize("after", [("c",), ("c", "d"), ("c", "d", "e")])
def test_a_ledger_put_back_and_continued_is_folded_anew(folder: Path, after: tuple[str, ...]) -> None:
    """Shorter, equal or longer than the history that the stored projection was folded from."""
    state, backup = folder / ".shipway", folder / "backup"
    lift(folder, "a")
    shutil.copytree(state, backup)
    lift(folder, "b", "x")
    stale = (state / "projection.json").read_bytes()
    shutil.rmtree(state)
    shutil.copytree(backup, state)
    with closing(Workspace(find_project(folder))) as workspace:
        for leak in after:
            workspace.remember((f"leak:{leak}", LeakLifted(leak=leak, reason="to price it")))
    (state / "projection.json").write_bytes(stale)
    assert leaks_of(folder) == ["a", *after]


def test_a_projection_beside_an_empty_ledger_is_not_believed(folder: Path) -> None:
    lift(folder, "a")
    for path in (folder / ".shipway").glob("ledger*"):
        path.unlink()
    assert leaks_of(folder) == []


def test_storage_is_where_the_project_file_says(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(Workspace(find_project(folder))) as workspace:
        assert isinstance(workspace.blobs, FileBlobs)
        assert not workspace.has_data
        assert isinstance(workspace.catalog, SqliteCatalog)
        assert workspace.has_data
    opened: list[tuple[str, object]] = []

    def load(name: str) -> object:
        return lambda address, **_: opened.append((name, address))

    storage = '[storage]\nfiles = "s3://bucket/prefix"\ncatalog = "postgresql://db/tiny"\n'
    (folder / "shipway.toml").write_text('[project]\nname = "tiny"\n' + storage)
    workspace = Workspace(find_project(folder))
    monkeypatch.setattr("shipway.ports.blobs.load_adapter", load)
    monkeypatch.setattr("shipway.app.workspace.load_adapter", load)
    assert workspace.has_data
    assert (workspace.blobs, workspace.catalog) == (None, None)
    assert opened == [("blobs.s3", "s3://bucket/prefix"), ("catalog.postgres", "postgresql://db/tiny")]

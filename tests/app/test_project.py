"""A project that cannot be loaded says which file and line, and what would be right."""

import os
import sys
from pathlib import Path

import pytest

from shipway.app.project import find_project
from shipway.core.error import ShipwayError
from shipway.ports.adapter import BUILT_IN, load_adapter

TOML = '[project]\nname = "tiny"\n[raw]\ntrips = "trips.csv"\n'
SOURCE = """import shipway as sw

@sw.source(key="id", raw="trips", known_at={"known": ("line",)})
def trips(trips):
    return trips
"""


def project(folder: Path, toml: str = TOML, module: str | None = SOURCE) -> Path:
    """Write a project."""
    (folder / "shipway.toml").write_text(toml)
    if module is not None:
        (folder / "project.py").write_text(module)
    return folder


def test_a_project_is_found_from_a_folder_below(tmp_path: Path) -> None:
    below = project(tmp_path) / "a" / "b"
    below.mkdir(parents=True)
    found = find_project(below)
    assert found.root == tmp_path.resolve()
    assert list(found.registry.sources) == ["trips"]


def test_no_project_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ShipwayError, match="SW-101") as refused:
        find_project(tmp_path)
    assert "shipway init" in refused.value.hint


@pytest.mark.parametrize(
    ("toml", "module", "code", "said"),
    [
        ("[project\n", SOURCE, "SW-102", "not valid TOML"),
        (TOML, None, "SW-103", "project.py is not there"),
        (TOML, "def (:\n", "SW-103", "project.py:1 is not valid Python"),
        (TOML.replace("[raw]", 'module = "shipway.toml"\n[raw]'), SOURCE, "SW-103", "no Python file"),
        (TOML, "x = 1\ny = x / 0\n", "SW-103", "project.py:2: ZeroDivisionError"),
        (TOML, "import not_a_library_at_all\n", "SW-701", "not_a_library_at_all"),
        (TOML, SOURCE + "trips.lien\n", "SW-104", "project.py:6: "),
        (TOML, SOURCE + 'sw.gate("g", sw.auc > 0.7, before="release", models=["late"])\n', "SW-104", "model 'late'"),
        (TOML.replace("trips =", "trip ="), SOURCE, "SW-104", "raw input 'trips'"),
        (TOML + "[models.delay]\ncuts = [2024-01-01]\ntest = [2024-01-01, 2024-02-01]\n", SOURCE, "SW-104", "'delay'"),
    ],
)
def test_what_cannot_be_loaded_is_named(tmp_path: Path, toml: str, module: str | None, code: str, said: str) -> None:
    with pytest.raises(ShipwayError) as refused:
        _ = find_project(project(tmp_path, toml, module)).registry
    assert refused.value.code == code
    assert said in refused.value.fact
    assert refused.value.hint


def test_two_loads_do_not_meet(tmp_path: Path) -> None:
    project(tmp_path)
    assert find_project(tmp_path).registry.sources == find_project(tmp_path).registry.sources


def test_what_runs_is_the_file_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of the same size, changed within the same second, is not mistaken for what it was."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    folder = project(tmp_path)
    for name in ("trips", "rides"):
        (folder / "project.py").write_text(SOURCE.replace("trips", name))
        os.utime(folder / "project.py", (1_700_000_000,) * 2)
        (folder / "shipway.toml").write_text(TOML.replace("trips", name))
        assert list(find_project(folder).registry.sources) == [name]


def test_the_digest_of_the_sources_follows_them_and_nothing_else(tmp_path: Path) -> None:
    folder = project(tmp_path)
    before = find_project(folder).sources_digest
    (folder / ".shipway").mkdir()
    (folder / ".shipway" / "x.py").write_text("1")
    (folder / "notes.txt").write_text("1")
    assert find_project(folder).sources_digest == before
    (folder / "more.py").write_text("1")
    assert find_project(folder).sources_digest != before


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_every_adapter_of_ours_loads(name: str) -> None:
    try:
        adapter = load_adapter(name)
    except ShipwayError as refused:
        if refused.code != "SW-701" or not refused.hint.startswith("pip install 'shipway["):
            raise
        pytest.skip(refused.fact)
    assert callable(adapter)


def test_an_unknown_adapter_is_answered_with_the_nearest() -> None:
    with pytest.raises(ShipwayError, match="SW-702") as refused:
        load_adapter("ledger.sqllite")
    assert "ledger.sqlite" in refused.value.hint

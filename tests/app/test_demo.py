"""The demonstration's folder; what runs in it is the flights example's own test."""

import shutil

from shipway.app.demo import find_example, prepare_demo, run_demo
from shipway.testing.refusal import expect_refusal


def test_example_is_copied_once_and_then_left_as_it_is(tmp_path):
    project = prepare_demo(tmp_path / "demo")
    assert project.root == tmp_path / "demo"
    assert (project.root / "project.py").read_bytes() == (find_example() / "project.py").read_bytes()
    (project.root / "project.py").write_text("changed")
    assert prepare_demo(tmp_path / "demo").root == project.root
    assert (project.root / "project.py").read_text() == "changed"


def test_only_definitions_are_copied(tmp_path):
    root = prepare_demo(tmp_path / "demo").root
    assert {path.name for path in root.iterdir()} >= {"project.py", "shipway.toml"}
    assert all(path.suffix in (".py", ".toml", ".md") for path in root.iterdir())


def test_folder_of_another_project_is_refused(fresh):
    before = sorted(fresh.iterdir())
    with expect_refusal("SW-107"):
        run_demo(fresh)
    assert sorted(fresh.iterdir()) == before


def test_folder_with_something_else_is_refused(tmp_path):
    (tmp_path / "mine").touch()
    with expect_refusal("SW-107"):
        prepare_demo(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_missing_library_is_told_before_anything_is_made(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("shipway.app.demo", fromlist=["EXTRAS"]).EXTRAS, "no_such_library", "train")
    with expect_refusal("SW-701"):
        run_demo(tmp_path / "demo")
    assert not (tmp_path / "demo").exists()


def test_folder_inside_a_project_is_a_project_of_its_own(fresh):
    shutil.rmtree(fresh / "__pycache__", ignore_errors=True)
    assert prepare_demo(fresh / "demo").root == fresh / "demo"

"""New projects."""

import pytest

from shipway.app.project import find_project
from shipway.app.scaffold import TEMPLATE, init_project
from shipway.testing.refusal import expect_refusal


def test_project_is_whole_and_carries_its_name(tmp_path):
    created = init_project("corner-shop", tmp_path)
    root = tmp_path / "corner-shop"
    assert created.files == (".gitignore", "README.md", "orders.csv", "project.py", "shipway.toml")
    assert created.files == tuple(sorted(path.name for path in root.iterdir()))
    project = find_project(root)
    assert project.config.project.name == "corner-shop"
    assert list(project.registry.models) == ["returned"]
    assert "{name}" not in (root / "README.md").read_text()
    assert (root / "project.py").read_text() == (TEMPLATE / "project.py").read_text()


def test_projects_of_one_template_are_equal(tmp_path):
    for folder in ("a", "b"):
        init_project("shop", tmp_path / folder)
    for path in (tmp_path / "a" / "shop").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / "shop" / path.name).read_bytes()


def test_project_runs_as_it_is_and_passes_its_gates(ran_shop):
    assert ran_shop.run.outcome == "pass"
    (version,) = ran_shop.run.versions
    assert version.bundle is not None
    assert version.prediction["rows"] == version.prediction["labelled"]
    assert version.evidence["log_loss against basket_only"].low > 0


@pytest.mark.parametrize("name", ["", "Shop", "1st", "my shop", "../up", "a/b"])
def test_name_that_is_none_is_refused(tmp_path, name):
    with expect_refusal("SW-106"):
        init_project(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_folder_with_something_in_it_is_left_alone(tmp_path):
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "mine").touch()
    with expect_refusal("SW-107"):
        init_project("shop", tmp_path)
    assert [path.name for path in tmp_path.rglob("*")] == ["shop", "mine"]


def test_place_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with expect_refusal("SW-602"):
        init_project("shop", tmp_path / "file")

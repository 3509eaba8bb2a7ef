"""Where an answer is to be written."""

import os

import pytest

from shipway.app.target import check_target
from shipway.testing.refusal import expect_refusal


def test_file_that_can_be_written_is_let_through_and_not_made(tmp_path, monkeypatch):
    check_target(tmp_path / "new.html")
    (tmp_path / "old.html").write_text("old")
    check_target(tmp_path / "old.html")
    monkeypatch.chdir(tmp_path)
    check_target(tmp_path.joinpath("new.html").relative_to(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["old.html"]


@pytest.mark.parametrize("name", [".", "nodir/out.html", "file/out.html"])
def test_anything_else_is_refused(tmp_path, name):
    (tmp_path / "file").write_text("")
    with expect_refusal("SW-602"):
        check_target(tmp_path / name)


def test_folder_that_is_closed_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with expect_refusal("SW-602"):
        check_target(tmp_path / "out.html")

"""A page gets to its file whole, or the reason why not is said."""

from errno import ENOSPC

import pytest

from shipway.app.report import file
from shipway.app.report.file import write_page
from shipway.testing.refusal import expect_refusal


def test_a_page_takes_the_place_of_what_was_there(tmp_path):
    path = tmp_path / "made" / "page.html"
    assert write_page(path, "one é") == path
    write_page(path, "two")
    assert path.read_text() == "two"
    assert list(path.parent.iterdir()) == [path]


def test_a_place_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "taken").mkdir()
    with expect_refusal("SW-602"):
        write_page(tmp_path / "taken", "one")


def test_a_full_disk_is_told_apart(tmp_path, monkeypatch: pytest.MonkeyPatch):
    def fill(*_):
        raise OSError(ENOSPC, "No space left on device")

    monkeypatch.setattr(file, "write_atomic", fill)
    with expect_refusal("SW-601"):
        write_page(tmp_path / "page.html", "one")

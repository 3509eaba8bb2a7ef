"""Folders that are whole or absent."""

import pytest

from shipway.kit.folder import stage_folder


def test_folder_appears_whole_at_the_end_of_the_block(tmp_path):
    target = tmp_path / "above" / "target"
    with stage_folder(target) as staged:
        (staged / "file").write_text("content")
        assert not target.exists()
    assert (target / "file").read_text() == "content"
    assert list(target.parent.iterdir()) == [target]
    assert target.stat().st_mode & 0o777 == 0o755


def test_empty_folder_is_taken_over(tmp_path):
    target = tmp_path / "target"
    target.mkdir()
    with stage_folder(target) as staged:
        (staged / "file").write_text("content")
    assert [path.name for path in target.iterdir()] == ["file"]


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_is_there_stays(tmp_path, kind):
    target = tmp_path / "target"
    if kind == "file":
        target.write_text("mine")
    else:
        target.mkdir()
        (target / "mine").touch()
    with pytest.raises(FileExistsError), stage_folder(target):
        raise AssertionError("the block must not run")
    assert [path.name for path in tmp_path.rglob("*")] == (["target"] if kind == "file" else ["target", "mine"])


def test_nothing_stays_behind_when_the_block_raises(tmp_path):
    def fill():
        with stage_folder(tmp_path / "target") as staged:
            (staged / "file").touch()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fill()
    assert list(tmp_path.iterdir()) == []

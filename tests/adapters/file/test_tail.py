"""Growing files are followed line by line, whatever they are called meanwhile."""

import json
import os

import pytest

from shipway.adapters.file import tail
from shipway.adapters.file.tail import FileChanges
from shipway.core.change import START
from shipway.core.error import ShipwayError
from shipway.core.raw import RawSection
from shipway.testing.changes import CASES, Tap, drain
from shipway.testing.changes_process import check_killed_readers_keep_what_the_source_has


def raw_of(uri):
    return RawSection(uri=uri, key="id", stream=True).input("notes")


def write(path, notes):
    with path.open("a") as file:
        file.writelines(json.dumps({"id": key, "note": note}) + "\n" for key, note in notes)


def one_file(root):
    """Return a file that is rotated at every third delivery, and sometimes cut inside a line for a moment."""
    raw, count = raw_of("notes.jsonl"), [0]
    path = root / "notes.jsonl"
    path.touch()

    def emit(notes):
        count[0] += 1
        if count[0] % 3 == 0:
            path.rename(root / f"notes.jsonl.{count[0]:03d}")
        write(path, notes)

    return Tap(raw, lambda: FileChanges(raw, root), emit, deletes=False)


def folder(root):
    raw, count = raw_of("notes/"), [0]
    (root / "notes").mkdir()

    def emit(notes):
        count[0] += 1
        write(root / "notes" / f"{count[0]:06d}.jsonl", notes)

    return Tap(raw, lambda: FileChanges(raw, root), emit, deletes=False)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("kind", [one_file, folder])
def test_files_conform(case, kind, tmp_path):
    case(lambda: kind(tmp_path))


def test_killed_readers_take_each_line_once(tmp_path):
    root = tmp_path / "project"
    root.mkdir()
    check_killed_readers_keep_what_the_source_has(
        lambda: one_file(root), "changes.file", root, tmp_path / "lake", kills=6
    )


def read(root, uri, after=START):
    records, position = drain(FileChanges(raw_of(uri), root), after)
    return [record.payload for record in records], position


def test_half_a_line_waits_for_its_other_half(tmp_path):
    path = tmp_path / "notes.jsonl"
    path.write_bytes(b'{"id": 1}\n{"id": 2, "no')
    first, position = read(tmp_path, "notes.jsonl")
    assert first == [b'{"id": 1}']
    with path.open("ab") as file:
        file.write(b'te": "x"}\n')
    assert read(tmp_path, "notes.jsonl", position)[0] == [b'{"id": 2, "note": "x"}']


def test_a_whole_object_without_a_line_end_is_taken_once(tmp_path):
    path = tmp_path / "notes.jsonl"
    path.write_bytes(b'{"id": 1}')
    first, position = read(tmp_path, "notes.jsonl")
    with path.open("ab") as file:
        file.write(b'\n{"id": 2}')
    assert first == [b'{"id": 1}']
    assert read(tmp_path, "notes.jsonl", position)[0] == [b'{"id": 2}']


def test_the_rest_of_a_rotated_file_is_read_before_the_new_one(tmp_path):
    path = tmp_path / "notes.jsonl"
    path.write_bytes(b'{"id": 1}\n')
    _, position = read(tmp_path, "notes.jsonl")
    with path.open("ab") as file:
        file.write(b'{"id": 2}\n{"id": 3, "cut')
    path.rename(tmp_path / "notes.jsonl.1")
    path.write_bytes(b'{"id": 4}\n')
    os.utime(path, ns=(1, 1))  # by its time it would come first
    assert read(tmp_path, "notes.jsonl", position)[0] == [b'{"id": 2}', b'{"id": 3, "cut', b'{"id": 4}']


@pytest.mark.parametrize("moment", range(12))
@pytest.mark.parametrize("shifts", [False, True], ids=["by date", "by number"])
def test_wherever_in_a_look_files_are_rotated_each_line_comes_once_and_in_order(shifts, moment, tmp_path, monkeypatch):
    """Of three generations some was read before; the rotation happens at one of the moments when a file is opened."""
    path = tmp_path / "notes.jsonl"
    lines = [b'{"id": %d}' % number for number in range(6)]
    (tmp_path / "notes.jsonl.1").write_bytes(lines[0] + b"\n")
    source = FileChanges(raw_of("notes.jsonl"), tmp_path)
    _, position = drain(source, START)
    with (tmp_path / "notes.jsonl.1").open("ab") as file:
        file.write(lines[1] + b"\n")
    path.write_bytes(lines[2] + b"\n" + lines[3] + b"\n")
    for age, name in enumerate(("notes.jsonl", "notes.jsonl.1")):
        os.utime(tmp_path / name, ns=(10 - age, 10 - age))
    opened, identify = [0], tail._identify

    def rotate():
        if shifts:
            (tmp_path / "notes.jsonl.1").rename(tmp_path / "notes.jsonl.2")
        path.rename(tmp_path / ("notes.jsonl.1" if shifts else "notes.jsonl.3"))
        path.write_bytes(lines[4] + b"\n" + lines[5] + b"\n")

    def identify_between(number):
        opened[0] += 1
        if opened[0] == moment:
            rotate()
        return identify(number)

    monkeypatch.setattr(tail, "_identify", identify_between)
    records, position = drain(source, position)
    monkeypatch.undo()
    if moment == 0 or opened[0] < moment:
        rotate()
    records += drain(source, position)[0]
    assert [record.payload for record in records] == lines[1:]


def test_a_file_of_a_folder_that_is_renamed_between_two_looks_is_not_read_again(tmp_path, monkeypatch):
    (tmp_path / "notes").mkdir()
    old, new = tmp_path / "notes" / "a.jsonl", tmp_path / "notes" / "b.jsonl"
    old.write_bytes(b'{"id": 1}\n')
    _, position = read(tmp_path, "notes/")
    listed = tail.list_files

    def list_and_rename(base, pattern):
        names = listed(base, pattern)
        if old.exists():
            old.rename(new)
        return names

    monkeypatch.setattr(tail, "list_files", list_and_rename)
    assert read(tmp_path, "notes/", position)[0] == []


def test_a_file_that_lost_its_end_is_refused(tmp_path):
    path = tmp_path / "notes.jsonl"
    path.write_bytes(b'{"id": 1}\n{"id": 2}\n')
    _, position = read(tmp_path, "notes.jsonl")
    os.truncate(path, 10)
    with pytest.raises(ShipwayError, match=r"SW-201.*shorter"):
        read(tmp_path, "notes.jsonl", position)


@pytest.mark.parametrize(("uri", "said"), [("notes.csv", "not a file of JSON lines"), ("nowhere/", "no folder")])
def test_what_cannot_be_followed_is_refused(uri, said, tmp_path):
    with pytest.raises(ShipwayError, match=f"SW-201.*{said}"):
        read(tmp_path, uri)


def test_other_files_of_a_folder_are_refused_and_hidden_ones_passed_over(tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "_SUCCESS").touch()
    (tmp_path / "notes" / "a.jsonl").write_bytes(b'{"id": 1}\n')
    assert read(tmp_path, "notes/")[0] == [b'{"id": 1}']
    assert read(tmp_path, "notes/*.jsonl")[0] == [b'{"id": 1}']
    (tmp_path / "notes" / "b.csv").touch()
    with pytest.raises(ShipwayError, match=r"SW-201.*b\.csv"):
        read(tmp_path, "notes/")

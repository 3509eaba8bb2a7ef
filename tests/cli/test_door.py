"""What every command is given."""

import io
import json

import pytest

from shipway.app.project import find_project
from shipway.cli.door import Door, read_time
from shipway.cli.failure import UsageError
from shipway.testing.refusal import expect_refusal


def test_project_is_looked_for_upward_unless_its_folder_is_named(fresh, monkeypatch):
    below = fresh / "below"
    below.mkdir()
    monkeypatch.chdir(below)
    assert Door().project().root == fresh
    assert Door(folder=fresh).project().root == fresh
    with expect_refusal("SW-101"):
        Door(folder=below).project()


def test_answer_is_a_document_or_is_shown():
    plain, typed = io.StringIO(), io.StringIO()
    Door(out=plain).answer({"n": 1}, lambda console, value: console.print(f"n is {value['n']}"))
    Door(json=True, out=typed).answer({"n": 1}, lambda console, value: console.print("never"))
    assert plain.getvalue() == "n is 1\n"
    assert json.loads(typed.getvalue()) == {"n": 1}


def test_time_is_read_in_the_projects_zone(fresh):
    toml = fresh / "shipway.toml"
    toml.write_text(toml.read_text().replace('"UTC"', '"America/New_York"'))
    project = find_project(fresh)
    assert read_time(None, "--at", project) is None
    assert read_time("1970-01-01", "--at", project) == 5 * 3_600_000_000
    with pytest.raises(UsageError, match="--from"):
        read_time("soon", "--from", project)

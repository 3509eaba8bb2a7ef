"""The path as a whole: what makes it run again, and what it leaves open."""

import json
from pathlib import Path
from typing import Any

import pytest

from shipway.app import candidate
from shipway.app import run as path
from shipway.app.progress import Event
from shipway.app.project import find_project
from shipway.core.error import ShipwayError


def test_another_version_of_a_library_makes_everything_again(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = candidate.lock_environment()
    assert "lightgbm==" in lock
    assert path.run_project(find_project(shop.root)).made == 0
    monkeypatch.setattr(candidate, "lock_environment", lambda: lock.replace("lightgbm==", "lightgbm==0."))
    made = path.run_project(find_project(shop.root))
    assert made.unchanged == 0
    assert [version.number for version in made.versions] == [1]


def test_a_run_that_is_refused_leaves_the_project_free(fresh: Any) -> None:
    whole = (fresh / "orders.csv").read_bytes()
    (fresh / "orders.csv").write_bytes(b"")
    with pytest.raises(ShipwayError, match="SW-204"):
        path.run_project(find_project(fresh))
    (fresh / "orders.csv").write_bytes(whole)
    assert path.run_project(find_project(fresh)).outcome == "pass"


def edit(path: Path, old: str, new: str) -> None:
    """Replace text in a file that has it once."""
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def test_tasks_are_named_by_the_day_of_the_cut_in_the_projects_zone(fresh: Path) -> None:
    edit(fresh / "shipway.toml", '"UTC"', '"Europe/Paris"')
    made = path.run_project(find_project(fresh))
    assert "train returned 2024-09-01" in [task.name for task in made.tasks]


def test_a_test_period_without_a_row_is_told_before_it_is_scored(fresh: Path) -> None:
    edit(fresh / "shipway.toml", "test = ", "test = [2031-01-01, 2031-02-01] # ")
    events: list[Event] = []
    path.run_project(find_project(fresh), watch=events.append)
    steps = [event.step for event in events]
    (place,) = [place for place, step in enumerate(steps) if step == "test period of returned"]
    assert place < steps.index("score returned@1")
    assert "no row of orders is asked about from 2031-01-01 to 2031-02-01" in events[place].said
    assert "they run from 20" in events[place].said


def test_a_ledger_that_is_gone_is_refused_before_another_one_is_begun(shop: Any) -> None:
    state = shop.root / ".shipway"
    for file in state.glob("ledger.db*"):
        file.unlink()
    with pytest.raises(ShipwayError, match="SW-604 the ledger is gone"):
        path.run_project(find_project(shop.root))
    assert not (state / "ledger.db").exists()


def test_damage_of_an_entry_is_told_after_its_number(shop: Any) -> None:
    anchor = shop.root / ".shipway" / "ledger.anchor"
    head = json.loads(anchor.read_text())
    anchor.write_text(json.dumps({**head, "digest": "0" * 64}))
    fact = f"SW-604 entry {head['seq']} of the ledger: differs from the anchor"
    with pytest.raises(ShipwayError, match=fact):
        path.run_project(find_project(shop.root))

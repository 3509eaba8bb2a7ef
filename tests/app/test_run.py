"""The path as a whole: what makes it run again, and what it leaves open."""

from typing import Any

import pytest

from shipway.app import run as path
from shipway.app.project import find_project
from shipway.core.error import ShipwayError


def test_another_version_of_a_library_makes_everything_again(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = path.lock_environment()
    assert "lightgbm==" in lock
    assert path.run_project(find_project(shop.root)).made == 0
    monkeypatch.setattr(path, "lock_environment", lambda: lock.replace("lightgbm==", "lightgbm==0."))
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

"""A shop that lives through three weeks of orders: the real server, store and log, and a controller that only opens."""

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from shipway.app.progress import Event
from shipway.app.project import Project, find_project
from shipway.app.replay import ReplayReport, run_replay

CONTROL = Path(__file__).parent / "control.py"
SECTIONS = """
[services.returns]
model = "returned"
walk = [{ weight = 0.0, hold = "2d" }, { weight = 0.5, hold = "2d" }, { weight = 1.0 }]
tick = "1d"

[replay]
service = "returns"
period = [2024-09-01, 2024-09-22]
"""


@dataclass(frozen=True)
class Living:
    """A project with a service and a history to live through, and the command that decides in it."""

    root: Path
    controller: list[str]

    @property
    def project(self) -> Project:
        """Return the project, its file read anew."""
        return find_project(self.root)

    @property
    def state(self) -> Path:
        """Return the project's folder of state."""
        return self.root / ".shipway"


@pytest.fixture(scope="session")
def living_shop(ran_shop, tmp_path_factory) -> Living:
    """Return the template's project after a run, with a replay that has not begun; read it only."""
    root = tmp_path_factory.mktemp("living") / "shop"
    shutil.copytree(ran_shop.root, root)
    toml = root / "shipway.toml"
    toml.write_text(toml.read_text() + SECTIONS)
    return Living(root, [])


@pytest.fixture
def living(living_shop, tmp_path) -> Callable[..., Living]:
    """Return a function that copies the shop, with a controller that is given words of its own."""

    def copy(name: str = "shop", *words: str) -> Living:
        return copy_shop(living_shop, tmp_path / name, *words)

    return copy


@pytest.fixture(scope="module")
def lived(living_shop, tmp_path_factory) -> tuple[Living, ReplayReport, list[Event]]:
    """Return a shop after its replay, with what it came to and what was told of it; read it only."""
    shop, events = copy_shop(living_shop, tmp_path_factory.mktemp("lived") / "shop"), list[Event]()
    return shop, run_replay(shop.project, watch=events.append, controller=shop.controller), events


def copy_shop(shop: Living, to: Path, *words: str) -> Living:
    """Copy a shop to a folder of its own, with a controller that is given words."""
    root = Path(shutil.copytree(shop.root, to))
    return Living(root, [sys.executable, str(CONTROL), str(root), *words])

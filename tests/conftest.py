"""A small project that really ran, shared by whatever only reads it and copied for whatever does not.

Hypothesis has no hidden time limit here, and tries the same examples on every machine.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings

from shipway.app.project import Project, find_project
from shipway.app.run import RunReport, run_project
from shipway.app.scaffold import init_project
from shipway.cli.main import main
from shipway.testing.collector import run_collector
from shipway.testing.postgres import run_postgres
from shipway.testing.redis import find_redis, run_redis

settings.register_profile("shipway", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("shipway")


@dataclass(frozen=True)
class Shop:
    """The template's project after a run."""

    root: Path
    run: RunReport

    @property
    def project(self) -> Project:
        """Return the project, its file read anew."""
        return find_project(self.root)


@dataclass(frozen=True)
class Answer:
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def document(self):
        """Return the one JSON document of standard output."""
        return json.loads(self.out)

    @property
    def error(self):
        """Return the JSON error, the last line of standard error."""
        return json.loads(self.err.splitlines()[-1])["error"]


@pytest.fixture(scope="session")
def new_shop(tmp_path_factory):
    """Return the folder of the template's project, never run; read it only."""
    folder = tmp_path_factory.mktemp("template")
    init_project("shop", folder)
    toml = folder / "shop" / "shipway.toml"
    toml.write_text(toml.read_text().replace("threads = 2", "threads = 1"))
    return folder / "shop"


@pytest.fixture(scope="session")
def ran_shop(new_shop, tmp_path_factory):
    """Return the template's project after a run; read it only."""
    root = tmp_path_factory.mktemp("ran") / "shop"
    shutil.copytree(new_shop, root)
    return Shop(root, run_project(find_project(root)))


@pytest.fixture
def fresh(new_shop, tmp_path):
    """Return a copy of the template's project, never run."""
    return Path(shutil.copytree(new_shop, tmp_path / "shop"))


@pytest.fixture
def shop(ran_shop, tmp_path):
    """Return a copy of the template's project after a run."""
    return Shop(Path(shutil.copytree(ran_shop.root, tmp_path / "shop")), ran_shop.run)


@pytest.fixture
def shipway(monkeypatch, capfd):
    """Run the command line in a folder and return what it said."""

    def call(*words, cwd):
        monkeypatch.chdir(cwd)
        capfd.readouterr()
        code = main([str(word) for word in words])
        said = capfd.readouterr()
        return Answer(code, said.out, said.err)

    return call


@pytest.fixture(scope="session")
def postgres():
    """Return a real PostgreSQL server for the session; each test makes a database of its own in it."""
    with run_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def redis():
    """Return a real Redis server for the session; each test takes a database of its own in it."""
    if find_redis() is None:
        pytest.skip("needs redis-server (Debian package redis-server), which is not installed")
    with run_redis() as server:
        yield server


@pytest.fixture
def collector():
    """Return a real collector of spans, with nothing in it."""
    with run_collector() as found:
        yield found

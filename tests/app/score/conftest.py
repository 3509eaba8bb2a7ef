"""A shop that ran, its features in the online store, and a server that answers with its version."""

import http.client
import json
import shutil
import subprocess
import sys
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec
import pytest
from tests.app.conftest import gather_fate, tell_fates

from shipway.app.candidate import make_runner
from shipway.app.packaging import package, register
from shipway.app.project import find_project
from shipway.app.release import variant_of
from shipway.app.replay.history import History
from shipway.app.replay.store import Stores
from shipway.app.workspace import Workspace
from shipway.core.body import ServiceOpened
from shipway.core.bundle import Manifest
from shipway.core.service import Routing
from shipway.kit.canonical import canonical_json
from shipway.kit.duration import DAY

START = 1_725_148_800_000_000
"""The first of September 2024 in UTC."""


@contextmanager
def run_server(root):
    """Run the server of a project, and yield what asks it: a call with method, path and body."""
    with subprocess.Popen(
        [sys.executable, "-m", "shipway.serving", "--state", str(root / ".shipway"), "--replay", "--watch-stdin"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        port = int(process.stdout.readline().rpartition(":")[2])
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:

            def ask(method, path, body=None):
                connection.request(method, path, body, {"content-type": "application/json"})
                answer = connection.getresponse()
                found = json.loads(answer.read())
                assert answer.status == 200, found
                return found

            yield ask
        process.stdin.close()
        assert process.wait(timeout=30) == 0


@pytest.fixture(scope="module")
def world(ran_shop, tmp_path_factory):
    """Return a copy of the shop for the tests of a module."""
    root = Path(shutil.copytree(ran_shop.root, tmp_path_factory.mktemp("score") / "shop"))
    return find_project(root)


@pytest.fixture(scope="module")
def fates(new_shop, tmp_path_factory):
    """Return the shop with a label of classes, of which a version is registered that nobody judged."""
    root = Path(shutil.copytree(new_shop, tmp_path_factory.mktemp("fates") / "shop"))
    project = find_project(tell_fates(root))
    with closing(Workspace(project)) as workspace, workspace.hold():
        runner = make_runner(workspace)
        makings = gather_fate(runner)
        register(runner, makings.version, package(runner, makings))
        workspace.store_state()
    return project


@contextmanager
def serve_desk(project):
    """Serve the newest version of a shop, whose store says what was known at any instant of the end of 2024."""
    with closing(Workspace(project)) as workspace:
        version = workspace.state().models["returned"][-1]
        variant = variant_of(workspace, version)
        manifest = msgspec.json.decode(workspace.blobs.get(variant.bundle), type=Manifest)
        history = History(workspace, project.registry.models["returned"], (START, START + 122 * DAY))
        with closing(Stores(workspace.folder, history.make_feed)) as stores:
            stores.follow({variant.online: manifest.keyed.make_layout()}, START)
            stores.advance(START + 122 * DAY)
        opened = ServiceOpened(service="desk", model="returned", variant=variant, at=START)
        workspace.remember(("service:desk", opened))
    with run_server(project.root) as ask:
        routing = Routing(service="desk", model="returned", stable=variant)
        ask("PUT", "/v1/services/desk/routing", canonical_json(routing))
        yield ask


@pytest.fixture(scope="module")
def served(world):
    """Ask the server of the shop."""
    with serve_desk(world) as ask:
        yield ask


@pytest.fixture(scope="module")
def told(fates):
    """Ask the server of the shop with a label of classes."""
    with serve_desk(fates) as ask:
        yield ask

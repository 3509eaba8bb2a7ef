"""`shipway release` and the line of a service in `shipway status`, as people and scripts read them."""

import subprocess
import sys
from contextlib import closing

import pytest

from shipway.app.project import find_project
from shipway.app.release import open_service
from shipway.app.workspace import Workspace
from shipway.core.body import VersionOpened, VersionRegistered

SERVICE = '\n[services.desk]\nmodel = "returned"\n'


@pytest.fixture
def served(shop):
    """Return the ran shop with a service, and a second version with the bundle of the first."""
    toml = shop.root / "shipway.toml"
    toml.write_text(toml.read_text() + SERVICE)
    with closing(Workspace(find_project(shop.root))) as workspace:
        first = workspace.state().version("returned", 1)
        workspace.remember(
            ("model:returned@2", VersionOpened(model="returned", number=2, key="two", cut=first.cut)),
            ("model:returned@2", VersionRegistered(model="returned", number=2, bundle=first.bundle)),
        )
        open_service(workspace, "desk", 1, workspace.clock.now())
    return shop.root


def test_before_it_is_open_a_service_says_how_to_open_it(shipway, shop):
    toml = shop.root / "shipway.toml"
    assert "no service yet" in shipway("release", cwd=shop.root).out
    toml.write_text(toml.read_text() + SERVICE)
    assert "not open yet: shipway control opens it" in shipway("release", cwd=shop.root).out
    assert "none yet" in shipway("status", cwd=shop.root).out


def test_a_walk_is_begun_shown_and_taken_back(shipway, served):
    begun = shipway("release", "start", "desk@2", cwd=served)
    assert begun.code == 0, begun.err
    assert "version 2 against 1, walking" in begun.out
    assert "no controller runs" in begun.err
    shown = shipway("release", "desk", cwd=served)
    lines = shown.out.splitlines()
    assert lines[0].startswith("desk  returned@1 since 20")
    assert [line.split("  ")[0] for line in lines if line.startswith(("shadow", "2 %", "10 %", "50 %", "100 %"))] == [
        "shadow",
        "2 %",
        "10 %",
        "50 %",
        "100 %",
    ]
    (line,) = [line for line in shipway("status", cwd=served).out.splitlines() if line.startswith("desk")]
    assert "returned@2" in line
    assert "shadow" in line
    stopped = shipway("release", "stop", "desk", "--because", "the desk reports nonsense", cwd=served)
    assert stopped.code == 0
    assert "rolled back" in stopped.out
    assert "the desk reports nonsense" in stopped.out
    again = shipway("release", "stop", "desk", "--because", "again", cwd=served)
    assert again.code == 1
    assert "SW-804" in again.err


def test_answers_are_documents_with_instants_as_text(shipway, served):
    (detail,) = shipway("release", "--json", cwd=served).document
    assert detail["line"]["version"] == 1
    assert detail["line"]["since"].endswith("Z")
    started = shipway("release", "start", "desk", "--json", cwd=served).document
    assert started["line"]["candidate"] == 2
    assert started["releases"][0]["started_at"].endswith("Z")
    assert started["releases"][0]["ended_at"] is None
    services = shipway("status", "--json", cwd=served).document["services"]
    assert services[0]["step"] == "shadow"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["release", "dask"], 1, "SW-104"),
        (["release", "start", "desk@9"], 1, "SW-104"),
        (["release", "start", "desk@1"], 1, "SW-804"),
        (["release", "stop", "desk"], 2, "because"),
        (["release", "start"], 2, "usage"),
    ],
)
def test_what_cannot_be_done_says_why(shipway, served, words, code, said):
    answer = shipway(*words, cwd=served)
    assert answer.code == code
    assert said.lower() in answer.err.lower()


def test_showing_where_releases_stand_imports_no_heavy_library(served):
    source = "import sys; from shipway.cli.main import main; main(['release']); print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True, cwd=served)
    assert "returned@1" in done.stdout
    modules = done.stdout.splitlines()[-1]
    assert not [name for name in ("polars", "scipy", "onnxruntime", "lightgbm", "sklearn") if f"'{name}'" in modules]


def test_what_was_decided_stands_in_the_ledger(shipway, served):
    shipway("release", "start", "desk", cwd=served)
    shipway("release", "stop", "desk", "--because", "nonsense", cwd=served)
    out = shipway("ledger", "--limit", "4", cwd=served).out
    assert "version 1 answers" in out
    assert "version 2 against 1" in out
    assert "rolled back, 0 of the requests" in out

"""`shipway models` as people and scripts read it."""

import subprocess
import sys
from contextlib import closing

import pytest

from shipway.app.project import find_project
from shipway.app.release import open_service
from shipway.app.workspace import Workspace
from shipway.core.body import EvidenceRecorded, VersionOpened, VersionRegistered

SERVICE = '\n[services.desk]\nmodel = "returned"\n'


@pytest.fixture
def root(shop):
    """Return the ran shop with a service, and a second version with the bundle and the evidence of the first."""
    toml = shop.root / "shipway.toml"
    toml.write_text(toml.read_text() + SERVICE)
    with closing(Workspace(find_project(shop.root))) as workspace:
        first = workspace.state().version("returned", 1)
        workspace.remember(
            ("model:returned@2", VersionOpened(model="returned", number=2, key="two", cut=first.cut)),
            *(
                ("model:returned@2", EvidenceRecorded(evidence=type(each)(**each_fields(each, "model:returned@2"))))
                for each in first.evidence.values()
            ),
            ("model:returned@2", VersionRegistered(model="returned", number=2, bundle=first.bundle)),
        )
        open_service(workspace, "desk", 1, workspace.clock.now())
    return shop.root


def each_fields(evidence, subject):
    """Return the fields of evidence as it would be of another subject."""
    return {name: getattr(evidence, name) for name in evidence.__struct_fields__} | {"subject": subject}


def test_a_version_is_named_approved_tagged_and_told_of(shipway, root):
    def call(*words):
        answer = shipway("models", *words, cwd=root)
        assert answer.code == 0, answer.err
        return answer.out

    assert "no alias yet" in call("alias")
    moved = call("alias", "returned@champion", "returned@1", "--reason", "the first", "--by", "ana")
    assert "returned@champion  returned@1" in moved
    assert "the first" in call("alias")
    assert "fine" in call("approve", "returned@champion", "--by", "bo", "--reason", "fine")
    assert "team=risk" in call("tag", "returned@2", "team=risk", "--note", "look again")
    listed = call()
    assert "champion, desk 100 %, approved" in listed
    shown = call("show", "returned@2")
    assert "team=risk" in shown
    assert "look again" in shown
    assert "retired" in call("retire", "returned@2", "--reason", "old")
    history = call("history", "returned")
    for word in ("desk", "100 %", "now", "named", "approved", "retired", "noted"):
        assert word in history
    assert "use" not in call("restore", "returned@2", "--reason", "after all")
    said = shipway("ledger", "--limit", "2", cwd=root).out
    assert "version 2 is retired by" in said
    assert "version 2 is restored by" in said


def test_versions_are_searched_and_compared(shipway, root):
    found = shipway("models", "search", "auc > 0.5", "--use", "registered", "--sort", "auc", cwd=root)
    assert found.out.count("returned@") == 2
    none = shipway("models", "search", "auc > 0.999", cwd=root)
    assert none.out == "no version is so\n"
    compared = shipway("models", "compare", "returned@1", "returned@2", cwd=root)
    assert compared.code == 0, compared.err
    assert "returned@2 against returned@1" in compared.out
    assert "- the model is the same to the byte" in compared.out
    (line,) = [line for line in compared.out.splitlines() if line.startswith("size")]
    assert line.count("MB") == 2
    (line,) = [line for line in compared.out.splitlines() if line.startswith("latency of 256 rows")]
    assert line.count("p50") == line.count("p99") == 2
    shown = shipway("models", "show", "returned@2", cwd=root).out
    assert "latency without a server" in shown


def test_answers_are_documents_with_instants_as_text(shipway, root):
    (line,) = shipway(
        "models", "alias", "returned@champion", "returned@1", "--reason", "first", "--json", cwd=root
    ).document
    assert (line["ref"], line["moves"][0]["number"]) == ("returned@1", 1)
    assert line["since"].endswith("Z")
    assert line["moves"][0]["at"].endswith("Z")
    (found,) = shipway("models", "search", "--alias", "champion", "--json", cwd=root).document
    assert found["aliases"] == ["champion"]
    assert found["serving"] == {"desk": 1.0}
    history = shipway("models", "history", "desk", "--json", cwd=root).document
    assert history["served"][0]["since"].endswith("Z")
    assert history["served"][0]["ended_at"] is None
    compared = shipway("models", "compare", "returned@1", "returned@2", "--json", cwd=root).document
    assert compared["bundles"][0]["size_bytes"] > 1000
    assert compared["differences"][0]["inputs"] == []


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["approve", "returned@1", "--reason", "fine"], 2, "by"),
        (["approve", "returned@1", "--by", "ana"], 2, "reason"),
        (["retire", "returned@1", "--reason", "old"], 1, "SW-407"),
        (["alias", "returned@champion", "returned@1"], 1, "SW-405"),
        (["alias", "returned@champion", "returned@1", "--remove"], 2, "at once"),
        (["alias", "return"], 1, "did you mean 'returned'?"),
        (["compare", "returned@1"], 1, "SW-106"),
        (["search", "--use", "liked"], 2, "liked"),
        (["search", "--since", "soon"], 2, "--since"),
        (["history", "nobody"], 1, "SW-104"),
        (["show", "returned@champion"], 1, "SW-104"),
    ],
)
def test_what_cannot_be_done_says_why(shipway, root, words, code, said):
    answer = shipway("models", *words, cwd=root)
    assert answer.code == code, answer.err
    assert said.lower() in answer.err.lower()


def test_the_registry_imports_no_heavy_library(root):
    words = (["alias"], ["search"], ["history", "returned"], ["compare", "returned@1", "returned@2"])
    source = (
        "import sys; from shipway.cli.main import main\n"
        f"assert [main(['models', *words]) for words in {words!r}] == [0, 0, 0, 0]\n"
        "print(sorted(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True, cwd=root)
    modules = done.stdout.splitlines()[-1]
    assert not [name for name in ("polars", "scipy", "onnxruntime", "lightgbm", "sklearn") if f"'{name}'" in modules]

"""The page of the registry: whole, true, and in need of nothing else."""

import re
from html.parser import HTMLParser

import msgspec
import pytest

from shipway.app.attestation import keep_attestation
from shipway.app.model import show_model
from shipway.app.release import open_service
from shipway.app.report.registry import collect_registry, write_registry
from shipway.app.standing import approve_version, move_alias, retire_version, tag_version
from shipway.core.attestation import Attestation
from shipway.core.latency import Latency, LatencyProfile, Machine
from shipway.kit.duration import DAY

START = 18_262 * DAY
VOID = {"meta", "input", "br"}


class Tree(HTMLParser):
    """Elements with their attributes, and every end where it belongs."""

    def __init__(self, page):
        super().__init__()
        self.open, self.found, self.text = [], [], []
        self.feed(page)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text.append(data)


@pytest.fixture
def lived(desk):
    """Return a desk that lived: three versions of which one answers, one is retired and one has no bundle."""
    with desk.workspace() as workspace:
        for place in range(3):
            desk.register(
                workspace, START - (10 - place) * DAY, bundle=place < 2, outcome="pass" if place < 2 else "hold"
            )
        open_service(workspace, "desk", 1, START)
    move_alias(desk.project, "late@champion", "late@1", by="ana", reason="the <b>first</b>")
    approve_version(desk.project, "late@1", by="ana", reason="looked & liked")
    tag_version(desk.project, "late@1", ["team=risk"], note="<script>alert(1)</script>")
    retire_version(desk.project, "late@2", reason="old", by="bo")
    return desk


def measure(desk, ref, cores):
    machine = Machine(processor="Xeon", cores=cores, system="Linux", python="3.11")
    batch = Latency(rows=1, calls=9, p50_us=30.0, p99_us=50.0, cpu_us=29.0)
    body = msgspec.to_builtins(LatencyProfile(machine=machine, batches=(batch,)))
    bundle = show_model(desk.project, ref).version.bundle
    assert bundle is not None
    with desk.workspace() as workspace:
        keep_attestation(workspace, Attestation(kind="latency", bundle=bundle, body=body))


def write(desk, folder):
    return write_registry(desk.project, folder).read_text()


def test_everything_is_told_and_every_link_leads_somewhere(lived, tmp_path):
    tree = Tree(write(lived, tmp_path / "public"))
    anchors = [attributes["id"] for _, attributes in tree.found if "id" in attributes]
    assert {"serving", "model-late", "version-late-1", "version-late-2", "version-late-3"} <= set(anchors)
    assert len(set(anchors)) == len(anchors)
    links = [attributes["href"] for name, attributes in tree.found if name == "a"]
    assert links
    assert {link.removeprefix("#") for link in links} <= set(anchors)
    text = " ".join(tree.text)
    for said in ("champion", "desk 100%", "approved by ana", "looked & liked", "team=risk", "retired", "bo", "0.8000"):
        assert said in text, said
    assert "<script>alert(1)</script>" in text
    assert "the <b>first</b>" in text


def test_it_fetches_and_runs_nothing(lived, tmp_path):
    page = write(lived, tmp_path)
    assert not re.search(r"https?://", page)
    assert not [name for name, _ in Tree(page).found if name in ("script", "link", "img", "iframe")]


def test_times_of_different_machines_are_told_apart(lived, tmp_path):
    measure(lived, "late@1", 2)
    one = " ".join(Tree(write(lived, tmp_path)).text)
    assert "on Xeon, 2 cores, Linux, Python 3.11." in one
    assert "different machines" not in one
    measure(lived, "late@2", 64)
    two = " ".join(Tree(write(lived, tmp_path)).text)
    assert "of different machines: A Xeon, 64 cores, Linux, Python 3.11; B Xeon, 2 cores, Linux, Python 3.11" in two


def test_what_serves_now_is_what_the_history_has_not_ended(lived):
    data = collect_registry(lived.project)
    assert [(model, each.service, each.number, each.weight) for model, each in data.serving] == [("late", "desk", 1, 1)]
    assert [each.version.number for each in data.models[0].versions] == [3, 2, 1]


def test_a_project_without_a_version_says_so(desk, tmp_path):
    assert "No version was made yet" in write(desk, tmp_path)


def test_the_command_writes_it(shipway, lived, tmp_path):
    said = shipway("models", "page", "--json", cwd=lived.root)
    assert said.code == 0, said.err
    assert said.document == {"page": str(lived.root / "docs" / "models" / "index.html")}

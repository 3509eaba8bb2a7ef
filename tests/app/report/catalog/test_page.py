"""The page of the catalog: whole, readable without a mouse or an eye for colour, and in need of nothing else."""

import re
import shutil
import subprocess
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser

import pytest

from shipway.app.catalog.collection import collect_catalog
from shipway.app.project import find_project
from shipway.app.report.catalog import write_catalog
from shipway.testing.refusal import expect_refusal

CHROMIUM = shutil.which("chromium")
VOID = {"meta", "input", "br"}


class Tree(HTMLParser):
    """Elements with their attributes, and every end where it belongs."""

    def __init__(self, page):
        super().__init__()
        self.open, self.found = [], []
        self.feed(page)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def all(self, tag):
        return [attributes for name, attributes in self.found if name == tag]


@pytest.fixture(scope="module")
def page(ran_shop, tmp_path_factory):
    path = write_catalog(ran_shop.project, tmp_path_factory.mktemp("page") / "public")
    assert path.name == "index.html"
    return path.read_text()


@pytest.fixture(scope="module")
def tree(page):
    return Tree(page)


def test_every_thing_is_described_and_every_link_leads_somewhere(ran_shop, tree):
    anchors = {attributes["id"] for _, attributes in tree.found if "id" in attributes}
    catalog = collect_catalog(ran_shop.project)
    expected = {f"{e.kind}-{e.name}" for e in catalog.entries if e.kind != "entity"}
    assert expected <= anchors
    links = [attributes["href"] for attributes in tree.all("a")]
    assert links
    assert {link.removeprefix("#") for link in links} <= anchors
    assert all(link.startswith("#") for link in links)


def test_it_needs_nothing_else_and_runs_its_own_script_alone(page, tree):
    assert not re.search(r"https?://", page)
    assert not tree.all("link") + tree.all("img") + tree.all("iframe")
    (policy,) = [each["content"] for each in tree.all("meta") if "http-equiv" in each]
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = b64encode(sha256(script.encode()).digest()).decode()
    assert policy.startswith("default-src 'none'")
    assert f"script-src 'sha256-{digest}'" in policy


def test_pictures_say_in_words_what_they_show(tree):
    pictures = tree.all("svg")
    assert len(pictures) == 14
    assert all(each["role"] == "img" and each["aria-label"] for each in pictures)
    assert [tag for tag, _ in tree.found if tag in ("h1", "h2", "h3")][:2] == ["h1", "h2"]
    assert tree.all("html")[0]["lang"] == "en"
    (label,) = tree.all("label")
    assert label["for"] == tree.all("input")[0]["id"]


def test_statistics_and_definitions_are_on_it(page):
    assert "98 % of the values lie from 0 to 1" in page
    assert 'w.share(orders.settled.returned, last="90d")' in page


def test_what_a_project_writes_cannot_break_it(shop):
    path = shop.root / "project.py"
    text = path.read_text()
    path.write_text(
        text.replace('entity("customer")', 'entity("customer", doc="<script>alert(1)</script> & \\"more\\"")')
    )
    page = write_catalog(find_project(shop.root), shop.root / "page").read_text()
    assert "<script>alert" not in page
    Tree(page)


def test_before_a_run_it_says_what_is_declared(fresh):
    page = write_catalog(find_project(fresh), fresh / "page").read_text()
    assert "no frame yet" in page
    assert not (fresh / ".shipway").exists()


def test_folder_that_cannot_be_made_is_refused(ran_shop, tmp_path):
    (tmp_path / "file").write_text("")
    with expect_refusal("SW-602"):
        write_catalog(ran_shop.project, tmp_path / "file" / "page")


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt-get install chromium, as .ci/run does")
def test_search_runs_in_a_browser_under_the_pages_own_policy(page, tmp_path):
    """The box is hidden until the script has run, which it does from a file too."""
    (tmp_path / "index.html").write_text(page)
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    done = subprocess.run(
        [*command, "--dump-dom", f"file://{tmp_path / 'index.html'}"],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    (box,) = re.findall(r'<div id="search"[^>]*>', done.stdout)
    assert "hidden" not in box


def test_command_writes_it_where_it_is_told(shipway, ran_shop, tmp_path):
    answer = shipway("features", "page", "--out", tmp_path / "docs", "--json", cwd=ran_shop.root)
    assert answer.document == {"page": str(tmp_path / "docs" / "index.html")}
    assert (tmp_path / "docs" / "index.html").stat().st_size > 20_000

"""Whether data and bundles are whole."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from shipway.app.project import find_project
from shipway.app.run import run_project
from shipway.app.store import verify_store
from shipway.app.workspace import Workspace
from shipway.core.table import Snapshot


def blobs(root: Path) -> list[Path]:
    """Return every file of the blob store."""
    return [path for path in (root / ".shipway" / "blobs").glob("??/*") if path.is_file()]


def read_snapshot(shop) -> Snapshot:
    """Return the data that was admitted."""
    with closing(Workspace(shop.project)) as workspace:
        return workspace.main_commit().tables["orders"]


def damage(path: Path, *, gone: bool) -> None:
    """Lose a blob, or flip its last byte."""
    content = path.read_bytes()
    path.unlink()
    if not gone:
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


def test_store_of_a_project_that_ran_is_whole(ran_shop):
    verified = verify_store(ran_shop.project)
    assert verified.damage == []
    assert 8 <= verified.blobs <= len(blobs(ran_shop.root))


def test_project_that_never_ran_has_nothing_to_lose(fresh):
    verified = verify_store(find_project(fresh))
    assert (verified.blobs, verified.damage) == (0, [])
    assert not (fresh / ".shipway").exists()


@pytest.mark.parametrize("gone", [True, False])
def test_part_and_bundle_are_each_looked_at(shop, gone):
    version = shop.run.versions[0]
    files = {path.name: path for path in blobs(shop.root)}
    snapshot = read_snapshot(shop)
    for path, said in (
        (files[version.bundle], ["bundle of returned@1"]),
        (files[snapshot.parts[0].digest], ["branch ingest", "branch main"]),
    ):
        kept = path.read_bytes()
        damage(path, gone=gone)
        found = verify_store(shop.project).damage
        assert [clause.partition(":")[0] for clause in found] == said
        assert all(path.name in clause for clause in found)
        path.unlink(missing_ok=True)
        path.write_bytes(kept)
    assert verify_store(shop.project).damage == []


@pytest.mark.parametrize(
    "change", ["DELETE FROM object WHERE digest = ?", "UPDATE object SET body = x'7b7d' WHERE digest = ?"]
)
def test_commit_is_looked_at(shipway, shop, change):
    with closing(sqlite3.connect(shop.root / ".shipway" / "catalog.db")) as catalog, catalog:
        catalog.execute(change, (shop.run.commit,))
    found = verify_store(shop.project).damage
    assert [clause.partition(":")[0] for clause in found] == ["branch ingest", "branch main"]
    assert all(shop.run.commit in clause for clause in found)
    for words in (["status"], ["run"]):
        assert shipway(*words, "--json", cwd=shop.root).error["code"] == "SW-605", words


@pytest.mark.parametrize("gone", [True, False])
def test_a_run_heals_whatever_was_lost(shipway, shop, gone):
    for path in blobs(shop.root):
        damage(path, gone=gone)
    # What is gone is made again by any run; what is damaged is refused until somebody says that it may be.
    for words in (["features", "get", "customer", "customer=c0042"], *([] if gone else [["run"]])):
        refused = shipway(*words, "--json", cwd=shop.root)
        assert refused.error["code"] == "SW-605", words
        assert "shipway run --force" in refused.error["hint"]
    doctor = shipway("doctor", "--json", cwd=shop.root)
    assert [s["what"] for s in doctor.document if s["health"] == "bad"] == ["data and bundles"]
    made = run_project(shop.project, force=not gone)
    assert (made.commit, made.versions[0].bundle) == (shop.run.commit, shop.run.versions[0].bundle)
    assert verify_store(shop.project).damage == []
    assert run_project(shop.project).made == 0


def test_lost_data_that_comes_back_otherwise_begins_a_history_of_its_own(shop):
    """The files of the source changed too, so that the lost commit can never be made again."""
    orders = shop.root / "orders.csv"
    lines = orders.read_bytes().splitlines(keepends=True)
    orders.write_bytes(b"".join(lines[:-1]))
    for path in blobs(shop.root):
        damage(path, gone=True)
    made = run_project(shop.project, force=True)
    assert made.outcome == "pass"
    assert made.commit != shop.run.commit
    assert verify_store(shop.project).damage[1:] == []
    assert run_project(shop.project).made == 0


def test_data_that_fails_does_not_take_the_place_of_what_was_lost(shop):
    orders = shop.root / "orders.csv"
    orders.write_bytes(b"".join(orders.read_bytes().splitlines(keepends=True)[:500]))
    for path in blobs(shop.root):
        damage(path, gone=True)
    made = run_project(shop.project, force=True)
    assert made.outcome == "fail"
    assert any(clause.startswith("branch main") for clause in verify_store(shop.project).damage)

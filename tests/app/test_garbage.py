"""A collection lets go of what nothing needs and of nothing else."""

import shutil
from contextlib import closing

import polars as pl
import pytest

from shipway.app.branch import commit_files, drop_branch, make_branch, make_tag, read_log
from shipway.app.garbage import collect_data
from shipway.app.merge import merge_data
from shipway.app.model import export_bundle
from shipway.app.project import find_project
from shipway.app.run import run_project
from shipway.app.store import verify_store
from shipway.app.workspace import Workspace
from shipway.core.error import ShipwayError


def blobs_of(project):
    """Return every stored digest."""
    with closing(Workspace(project)) as workspace:
        return set(workspace.blobs.digests())


def try_prices(shop, branch, price):
    """Commit other prices to a branch of their own."""
    make_branch(shop.project, branch)
    with closing(Workspace(shop.project)) as workspace:
        rows = workspace.tables.read(workspace.main_commit().tables["orders"])
    rows.with_columns(price=pl.lit(price)).write_parquet(shop.root / f"{branch}.parquet")
    return commit_files(shop.project, branch, {"orders": f"{branch}.parquet"}).commit


def test_nothing_of_a_run_goes(shop):
    found = collect_data(shop.project, grace_us=0, history_us=0)
    assert (found.commits, found.objects) == (0, 0)
    assert found.kept == len(blobs_of(shop.project)) > 10
    assert verify_store(shop.project).damage == []
    assert run_project(shop.project).made == 0
    assert export_bundle(shop.project, "returned@1", shop.root / "bundle").files


def test_a_dropped_branch_goes_with_its_files_and_a_tagged_one_stays(shop):
    try_prices(shop, "kept", 2.0)
    try_prices(shop, "lost", 3.0)
    make_tag(shop.project, "v2", at="kept")
    for branch in ("kept", "lost"):
        drop_branch(shop.project, branch)
    dry = collect_data(shop.project, grace_us=0, dry=True)
    before = blobs_of(shop.project)
    assert (dry.commits, dry.dry) == (1, True)
    found = collect_data(shop.project, grace_us=0)
    assert (found.commits, found.objects, found.blobs) == (dry.commits, dry.objects, dry.blobs)
    assert len(before) - len(blobs_of(shop.project)) == found.blobs > 0
    assert found.freed_bytes == dry.freed_bytes > 0
    assert read_log(shop.project, "v2", limit=1)[0].changed == {"orders": 24_000}
    assert verify_store(shop.project).damage == []
    again = collect_data(shop.project, grace_us=0)
    assert (again.commits, again.objects, again.blobs) == (0, 0, 0)


def test_what_is_young_stays(shop):
    try_prices(shop, "lost", 3.0)
    drop_branch(shop.project, "lost")
    before = blobs_of(shop.project)
    found = collect_data(shop.project)
    assert (found.commits, found.blobs) == (0, 0)
    assert found.young > 0
    assert blobs_of(shop.project) == before


def test_data_that_a_registered_version_learned_from_outlives_its_history(shop):
    """Main moves on and its history goes, yet what version 1 was trained on can still be read."""
    with closing(Workspace(shop.project)) as workspace:
        snapshot = workspace.main_commit().tables["orders"]
    try_prices(shop, "fix", 2.0)
    assert merge_data(shop.project, "fix").moved
    collect_data(shop.project, grace_us=0, history_us=0)
    with closing(Workspace(shop.project)) as workspace:
        assert workspace.tables.read(snapshot).height == 24_000
        workspace.tables.drop("ingest")
    collect_data(shop.project, grace_us=0, history_us=0)
    with closing(Workspace(shop.project)) as workspace:
        assert workspace.tables.read(snapshot).height == 24_000
    assert verify_store(shop.project).damage == []


def test_orphans_of_a_killed_process_go(shop):
    with closing(Workspace(shop.project)) as workspace:
        orphan = workspace.tables.write(pl.DataFrame({"x": [1, 2, 3]}))
    found = collect_data(shop.project, grace_us=0)
    assert found.blobs >= 1
    assert orphan.parts[0].digest not in blobs_of(shop.project)


def test_project_without_data_has_nothing_to_collect(fresh):
    assert collect_data(find_project(fresh), grace_us=0).blobs == 0
    assert not (fresh / ".shipway").exists()


def test_damaged_ledger_keeps_everything(shop):
    before = blobs_of(shop.project)
    shutil.copy(shop.root / "orders.csv", shop.root / ".shipway" / "ledger.db")
    with pytest.raises(ShipwayError) as caught:
        collect_data(shop.project, grace_us=0)
    assert caught.value.code == "SW-604"
    assert blobs_of(shop.project) == before

"""What is published can be read, and is kept from collection for as long as it can be."""

from contextlib import closing
from functools import partial

import polars as pl
import pytest

from shipway.adapters.iceberg.publication import IcebergPublisher
from shipway.app import publication
from shipway.app.branch import commit_files, list_refs, make_branch
from shipway.app.garbage import collect_data
from shipway.app.merge import merge_data
from shipway.app.project import find_project
from shipway.app.publication import FOLDER, publish_data
from shipway.app.workspace import Workspace
from shipway.core.error import ShipwayError
from shipway.infra.branch import PUBLICATION


def read(uri, monkeypatch):
    """Return the prices of a published table."""
    monkeypatch.setenv("POLARS_ICEBERG_PLANNER", "pyiceberg")
    return pl.scan_iceberg(uri).select("order_id", "price").sort("order_id").collect()


def change(shop, branch, price):
    """Give the first order another price, through a branch that is merged into main and dropped."""
    make_branch(shop.project, branch)
    with closing(Workspace(shop.project)) as workspace:
        rows = workspace.tables.read(workspace.main_commit().tables["orders"])
    rows.head(1).with_columns(price=pl.lit(price)).write_parquet(shop.root / "one.parquet")
    commit_files(shop.project, branch, {"orders": "one.parquet"}, way="upsert")
    assert merge_data(shop.project, branch).moved


def test_main_is_published_once_and_then_what_is_new(shop, monkeypatch):
    first = publish_data(shop.project)
    (orders,) = first.tables
    assert (first.location, first.commit) == (str(shop.root / FOLDER), shop.run.commit)
    assert (orders.table, orders.rows, orders.unchanged) == ("orders", 24_000, False)
    assert publish_data(shop.project).tables[0].unchanged
    change(shop, "fix", 9.0)
    second = publish_data(shop.project)
    assert read(second.tables[0].metadata, monkeypatch)["price"][0] == 9.0
    assert read(orders.metadata, monkeypatch).height == 24_000
    assert {line.kind for line in list_refs(shop.project)} == {"branch"}


def test_what_was_published_outlives_its_branch_and_history(shop, monkeypatch):
    make_branch(shop.project, "fix")
    change(shop, "fix2", 5.0)
    old = publish_data(shop.project, shop.run.commit, to=str(shop.root / "open")).tables[0]
    before = read(old.metadata, monkeypatch)
    for price in (7.0, 8.0):
        change(shop, f"later{price}", price)
    with closing(Workspace(shop.project)) as workspace:
        for branch in ("fix", "ingest"):
            workspace.tables.drop(branch)
    collect_data(shop.project, grace_us=0, history_us=0)
    assert read(old.metadata, monkeypatch).equals(before)


def kept(shop):
    with closing(Workspace(shop.project)) as workspace:
        return set(workspace.tables.refs.named(PUBLICATION).values())


def test_commits_that_nobody_can_read_any_more_are_kept_no_longer(shop, monkeypatch):
    commits = []
    monkeypatch.setattr(publication, "load_adapter", lambda name: partial(IcebergPublisher, keep=2, readable_us=0))
    for price in (5.0, 6.0, 7.0):
        change(shop, "fix", price)
        commits.append(publish_data(shop.project).commit)
        with closing(Workspace(shop.project)) as workspace:
            workspace.tables.drop("fix")
    assert kept(shop) == set(commits[1:])


def test_what_somebody_showed_meanwhile_stays_kept(shop):
    """Another publisher keeps its commit, is looked past, shows it, and has it let go under its feet."""
    with closing(Workspace(shop.project)) as workspace:
        refs = workspace.tables.refs
        head = refs.head("main")
        refs.show("place/orders/mine", at=head)
        answers = iter([(), (head,)])
        publication._let_go(refs, "place/orders/", lambda: next(answers))
        assert refs.named(PUBLICATION) == {"place/orders/mine": head}
        publication._let_go(refs, "place/orders/", lambda: ())
        assert refs.named(PUBLICATION) == {}


def test_unknown_names_are_answered(shop):
    for words, options in ((("mian",), {}), ((), {"table": "oders"})):
        with pytest.raises(ShipwayError) as caught:
            publish_data(shop.project, *words, **options)
        assert (caught.value.code, "did you mean" in caught.value.hint) == ("SW-209", True)


def test_project_without_data_has_nothing_to_publish(fresh):
    with pytest.raises(ShipwayError) as caught:
        publish_data(find_project(fresh))
    assert caught.value.code == "SW-209"
    assert not (fresh / ".shipway").exists()

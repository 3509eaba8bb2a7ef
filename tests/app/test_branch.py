"""Branches, tags, logs and differences of a project's data."""

from contextlib import closing

import polars as pl
import pytest

from shipway.app.branch import (
    commit_files,
    compare_data,
    drop_branch,
    drop_tag,
    list_refs,
    make_branch,
    make_tag,
    read_log,
)
from shipway.app.project import find_project
from shipway.app.workspace import Workspace
from shipway.core.error import ShipwayError


def orders_of(project):
    """Return the rows of the main branch."""
    with closing(Workspace(project)) as workspace:
        return workspace.tables.read(workspace.main_commit().tables["orders"])


def write_orders(shop, frame, name="new.parquet"):
    """Write rows where `commit_files` finds them, and return what to commit."""
    frame.write_parquet(shop.root / name)
    return {"orders": name}


def refused(call, *words, **options):
    """Return the refusal of a call."""
    with pytest.raises(ShipwayError) as caught:
        call(*words, **options)
    return caught.value


def test_refs_of_a_project_that_ran(ran_shop):
    lines = list_refs(ran_shop.project)
    assert [(line.kind, line.name) for line in lines] == [("branch", "main"), ("branch", "ingest")]
    assert {line.commit for line in lines} == {ran_shop.run.commit}
    assert lines[0].rows == {"orders": 24_000}
    assert lines[0].made_at > 0


def test_project_that_never_ran_has_no_refs_and_gets_no_files(fresh):
    project = find_project(fresh)
    assert list_refs(project) == []
    for call in (read_log, compare_data, make_branch):
        words = ("main", "main") if call is compare_data else ("main",)
        options = {"limit": 3} if call is read_log else {}
        error = refused(call, project, *words, **options)
        assert (error.code, error.hint) == ("SW-209", "shipway run ingests, checks and admits it")
    assert not (fresh / ".shipway").exists()


def test_branch_begins_where_it_is_told_and_can_be_dropped(shop):
    line = make_branch(shop.project, "fix")
    assert (line.name, line.commit) == ("fix", shop.run.commit)
    assert make_branch(shop.project, "fix/2", at=shop.run.commit[:7]).commit == shop.run.commit
    assert refused(make_branch, shop.project, "fix", at="mian").hint == "did you mean 'main'?"
    assert refused(make_branch, shop.project, "no spaces").code == "SW-106"
    drop_branch(shop.project, "fix")
    assert refused(drop_branch, shop.project, "fix").hint == "did you mean 'fix/2'?"
    assert refused(drop_branch, shop.project, "main").code == "SW-208"
    assert [line.name for line in list_refs(shop.project)] == ["main", "fix/2", "ingest"]


def test_tag_stays_where_it_is(shop):
    assert make_tag(shop.project, "v1").commit == shop.run.commit
    make_branch(shop.project, "fix")
    made = commit_files(shop.project, "fix", write_orders(shop, orders_of(shop.project).head(5)))
    assert refused(make_tag, shop.project, "v1", at="fix").code == "SW-208"
    make_tag(shop.project, "v2", at=made.commit)
    assert [line.commit for line in list_refs(shop.project) if line.kind == "tag"] == [shop.run.commit, made.commit]
    drop_tag(shop.project, "v1")
    assert refused(drop_tag, shop.project, "v1").code == "SW-209"


def test_commits_stand_in_the_log_with_what_they_changed(shop):
    make_branch(shop.project, "fix")
    rows = orders_of(shop.project)
    commit_files(shop.project, "fix", write_orders(shop, rows.head(10)), message="fewer")
    commit_files(shop.project, "fix", {"other": "new.parquet"})
    commit_files(shop.project, "fix", write_orders(shop, rows[10:12]), way="append")
    lines = read_log(shop.project, "fix", limit=9)
    assert [(line.message, line.changed) for line in lines] == [
        ("append orders", {"orders": 12}),
        ("replace other", {"other": 10}),
        ("fewer", {"orders": 10}),
        ("ingest", {"orders": 24_000}),
    ]
    assert [line.refs for line in lines] == [("fix",), (), (), ("ingest", "main")]
    assert [line.parents for line in lines] == [*((line.commit,) for line in lines[1:]), ()]
    assert [line.commit for line in read_log(shop.project, "fix", limit=2)] == [line.commit for line in lines[:2]]
    assert read_log(shop.project, lines[2].commit[:9], limit=1) == lines[2:3]


def test_main_takes_no_commit_by_hand(shop):
    files = write_orders(shop, orders_of(shop.project).head(1))
    error = refused(commit_files, shop.project, "main", files)
    assert (error.code, "shipway data merge" in error.hint) == ("SW-208", True)
    assert refused(commit_files, shop.project, "fix", files).code == "SW-209"
    assert refused(commit_files, shop.project, "fix", {"orders": "absent.csv"}).code == "SW-209"


def test_upsert_goes_by_the_key_of_the_source_or_by_one_that_is_named(shop):
    make_branch(shop.project, "fix")
    rows = orders_of(shop.project)
    files = write_orders(shop, rows.head(3).with_columns(price=pl.lit(1.0)))
    made = commit_files(shop.project, "fix", files, way="upsert")
    assert made.changed == {"orders": 24_000}
    assert commit_files(shop.project, "fix", files, way="upsert").commit == made.commit
    commit_files(shop.project, "fix", {"other": "new.parquet"})
    assert refused(commit_files, shop.project, "fix", {"other": "new.parquet"}, way="upsert").code == "SW-106"
    same = commit_files(shop.project, "fix", {"other": "new.parquet"}, way="upsert", key=["order_id"])
    assert same.changed == {"other": 3}


def test_difference_names_rows(shop):
    make_branch(shop.project, "fix")
    rows = orders_of(shop.project)
    changed = rows.with_columns(pl.when(pl.col("order_id") == 7).then(1.25).otherwise("price").alias("price"))
    fixed = pl.concat([changed[2:], rows.head(1).with_columns(order_id=pl.lit(99_999, pl.Int64))])
    commit_files(shop.project, "fix", {**write_orders(shop, fixed), "other": "new.parquet"})
    orders, other = compare_data(shop.project, "main", "fix")
    assert (orders.table, orders.added, orders.removed, orders.changed) == ("orders", 1, 2, 1)
    (was,) = rows.filter(pl.col("order_id") == 7)["price"]
    assert orders.examples["changed"] == [{"order_id": 7, "price": {"was": was, "now": 1.25}}]
    assert [row["order_id"] for row in orders.examples["removed"]] == rows["order_id"][:2].to_list()
    assert (other.table, other.added, other.columns) == ("other", fixed.height, ("the table was added",))
    (back,) = compare_data(shop.project, "fix", "main", table="orders", examples=0)
    assert (back.added, back.removed, back.changed, back.examples) == (2, 1, 1, {})
    assert compare_data(shop.project, "main", "ingest") == []
    assert refused(compare_data, shop.project, "main", "fix", table="oders").hint == "did you mean 'orders'?"


def test_difference_of_columns_is_said(shop):
    make_branch(shop.project, "fix")
    rows = orders_of(shop.project)
    commit_files(
        shop.project,
        "fix",
        write_orders(shop, rows.drop("channel").with_columns(pl.col("hour").cast(pl.Int64), gift=pl.lit(value=False))),
    )
    (found,) = compare_data(shop.project, "main", "fix")
    kind = str(rows.schema["hour"])
    expected = ("gift added", "channel removed") + ((f"hour: {kind} -> Int64",) if kind != "Int64" else ())
    assert found.columns == expected
    assert (found.added, found.removed, found.changed) == (0, 0, 0)

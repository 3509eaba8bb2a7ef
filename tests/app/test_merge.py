"""Merges and rollbacks of data: main takes only what its gates let through."""

from contextlib import closing

import polars as pl
import pytest

from shipway.app.branch import commit_files, make_branch, make_tag, read_log
from shipway.app.merge import AUDIT, merge_data, roll_back_data
from shipway.app.run import run_project
from shipway.app.workspace import Workspace
from shipway.core.body import DataMoved, read_body
from shipway.core.error import ShipwayError


def orders_of(project, branch="main"):
    """Return the rows of a branch."""
    with closing(Workspace(project)) as workspace:
        lake = workspace.tables
        return lake.read(lake.get(lake.head(branch)).tables["orders"])


def branches_of(project):
    """Return every branch with its commit."""
    with closing(Workspace(project)) as workspace:
        return workspace.tables.branches()


def moves_of(project):
    """Return where the ledger says that main went."""
    with closing(Workspace(project)) as workspace:
        bodies = [read_body(entry) for entry in workspace.ledger.read()]
    return [(body.before, body.commit) for body in bodies if isinstance(body, DataMoved)]


def change(shop, branch, *, at="main", **prices):
    """Change prices of orders on a branch that begins at another one, and return the commit."""
    make_branch(shop.project, branch, at=at)
    ids = {int(name.removeprefix("o")): price for name, price in prices.items()}
    rows = orders_of(shop.project, branch).filter(pl.col("order_id").is_in(list(ids)))
    rows = rows.with_columns(pl.col("order_id").replace_strict(ids, return_dtype=pl.Float64).alias("price"))
    rows.write_parquet(shop.root / f"{branch}.parquet")
    return commit_files(shop.project, branch, {"orders": f"{branch}.parquet"}, way="upsert").commit


def price_of(project, order, branch="main"):
    """Return the price of an order."""
    return orders_of(project, branch).filter(pl.col("order_id") == order)["price"].item()


def test_what_passes_is_merged_into_main_and_remembered(shop):
    fixed = change(shop, "fix", o1=9.0)
    dry = merge_data(shop.project, "fix", dry=True)
    assert (dry.commit, dry.moved, dry.tables, dry.outcome) == (None, False, {"orders": "taken"}, None)
    made = merge_data(shop.project, "fix")
    assert (made.commit, made.moved, made.outcome, made.reasons) == (fixed, True, "pass", ())
    assert price_of(shop.project, 1) == 9.0
    assert moves_of(shop.project)[-1] == (shop.run.commit, fixed)
    assert AUDIT not in branches_of(shop.project)
    again = merge_data(shop.project, "fix")
    assert (again.commit, again.moved, again.tables) == (fixed, True, {})


def test_what_fails_stays_on_a_branch_of_its_own(shop):
    bad = change(shop, "bad", o1=-1.0)
    made = merge_data(shop.project, "bad")
    assert (made.commit, made.moved, made.outcome) == (bad, False, "fail")
    assert "holds(orders.price > 0): 1 of 24,000 rows break it" in made.reasons[0]
    assert branches_of(shop.project) | {"main": shop.run.commit, AUDIT: bad} == branches_of(shop.project)
    assert moves_of(shop.project)[-1][1] == shop.run.commit
    merge_data(shop.project, "bad", into="ingest")
    assert branches_of(shop.project)["ingest"] == bad


def test_two_branches_are_put_together_row_by_row(shop):
    change(shop, "one", o1=9.0)
    change(shop, "two", o2=8.0)
    merge_data(shop.project, "one")
    made = merge_data(shop.project, "two")
    assert made.tables == {"orders": "rows merged"}
    assert (price_of(shop.project, 1), price_of(shop.project, 2)) == (9.0, 8.0)
    assert len(read_log(shop.project, limit=1)[0].parents) == 2


def test_rows_changed_on_both_sides_are_named_and_nothing_moves(shop):
    change(shop, "one", o1=9.0, o3=7.0)
    change(shop, "two", o1=8.0, o3=7.0)
    merge_data(shop.project, "one")
    before = branches_of(shop.project)
    (conflict,) = merge_data(shop.project, "two", dry=True).conflicts
    assert (conflict.table, conflict.rows, conflict.keys) == ("orders", 1, [{"order_id": 1}])
    with pytest.raises(ShipwayError) as caught:
        merge_data(shop.project, "two")
    assert caught.value.code == "SW-210"
    assert "order_id 1" in caught.value.fact
    assert {**branches_of(shop.project), AUDIT: ""} == {**before, AUDIT: ""}


def test_rollback_puts_earlier_data_on_top(shop):
    make_tag(shop.project, "good")
    change(shop, "fix", o1=9.0)
    fixed = merge_data(shop.project, "fix").commit
    made = roll_back_data(shop.project, "good")
    assert (made.moved, made.outcome, made.tables) == (True, "pass", {"orders": "put back"})
    assert price_of(shop.project, 1) != 9.0
    assert [line.commit for line in read_log(shop.project, limit=9)] == [made.commit, fixed, shop.run.commit]
    assert moves_of(shop.project)[-1] == (fixed, made.commit)
    # The data is that of the run, so nothing has to be judged or made again.
    assert run_project(shop.project).made == 0


def test_rollback_to_bad_data_is_refused_by_the_gates(shop):
    bad = change(shop, "bad", o1=-1.0)
    made = roll_back_data(shop.project, bad)
    assert (made.moved, made.outcome) == (False, "fail")
    assert branches_of(shop.project)["main"] == shop.run.commit
    moved = roll_back_data(shop.project, "main", "bad")
    assert (moved.moved, price_of(shop.project, 1, "bad")) == (True, price_of(shop.project, 1))


def test_unknown_names_are_answered_with_the_nearest(shop):
    for call in (
        lambda: merge_data(shop.project, "ingst"),
        lambda: merge_data(shop.project, "ingest", into="mian"),
        lambda: roll_back_data(shop.project, "ingst"),
        lambda: roll_back_data(shop.project, "ingest", "mian"),
    ):
        with pytest.raises(ShipwayError) as caught:
            call()
        assert caught.value.code == "SW-209"
        assert "did you mean" in caught.value.hint

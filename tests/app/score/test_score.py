"""Scoring in batches: to the bit what the server answers, every row once and in its place, versioned, and gated."""

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from shipway.app.feature import export_frame
from shipway.app.project import find_project
from shipway.app.score import score
from shipway.app.status import read_status
from shipway.app.workspace import Workspace
from shipway.core.error import ShipwayError

ROW = ("customer", "product", "category", "channel", "price", "discount", "weekday", "hour")


def read_scores(project, table="returned_scores", branch="main"):
    """Return a table of the lake."""
    with closing(Workspace(project)) as workspace:
        commit = workspace.tables.get(workspace.tables.head(branch))
        return workspace.tables.read(commit.tables[table])


@pytest.fixture(scope="module")
def orders(world):
    """Return the rows of the shop's table, shuffled, some of them twice and some with what training never saw."""
    with closing(Workspace(world)) as workspace:
        rows = workspace.tables.read(workspace.admitted(["orders"])["orders"])
    some = rows.filter(pl.col("placed") >= datetime(2024, 9, 1, tzinfo=UTC)).sample(300, seed=5, shuffle=True)
    odd = some.head(20).with_columns(
        customer=pl.lit("nobody"), category=pl.lit("shose"), channel=pl.lit(None, pl.String), price=pl.lit(9e9)
    )
    return pl.concat([some, odd, some.head(7)])


def test_a_prediction_is_what_the_server_answers_for_the_row_and_the_instant(world, served, orders, tmp_path):
    orders.write_parquet(tmp_path / "asked.parquet")
    made = score(world, "desk", str(tmp_path / "asked.parquet"), to=tmp_path / "scored.parquet")
    found = pl.read_parquet(tmp_path / "scored.parquet")
    assert found.columns == ["order_id", "_at", "probability", "_version", "_bundle", "_error"]
    assert found["order_id"].equals(orders["order_id"])
    assert found["_at"].equals(orders["placed"].alias("_at"))
    assert set(found["_bundle"]) == {made.bundle}
    assert set(found["_version"]) == {1}
    rows, instants = orders.select("order_id", *ROW).to_dicts(), orders["placed"].to_physical().to_list()
    answers = [
        served("POST", "/v1/predict/desk", json.dumps({"row": row, "at": at}))["p"]
        for row, at in zip(rows, instants, strict=True)
    ]
    assert found["probability"].to_list() == answers
    assert len(set(answers)) > 250
    told = {each.column: each for each in made.unseen}
    assert told["basket_category"].rows == 20
    assert "'shose', near 'shoes'" in told["basket_category"].example
    assert told["basket_price"].rows == 20


def test_rows_of_inputs_are_scored_as_the_server_scores_vectors(world, served, tmp_path):
    export_frame(world, "returned", tmp_path / "frame.parquet")
    frame = pl.read_parquet(tmp_path / "frame.parquet").sample(500, seed=2, shuffle=True)
    frame.write_parquet(tmp_path / "some.parquet")
    score(world, "returned@1", str(tmp_path / "some.parquet"), vectors=True, key=["order_id"], to=tmp_path / "by.csv")
    found = pl.read_csv(tmp_path / "by.csv")
    assert found.columns == ["order_id", "probability", "_version", "_bundle", "_error"]
    names = served("GET", "/v2/models/returned")["inputs"]
    inputs = [
        {"name": one["name"], "datatype": one["datatype"], "shape": [500], "data": frame[one["name"]].to_list()}
        for one in names
    ]
    answer = served("POST", "/v2/models/returned/infer", json.dumps({"inputs": inputs}, allow_nan=False))
    assert found["probability"].to_list() == answer["outputs"][0]["data"]
    assert found["order_id"].equals(frame["order_id"])
    score(world, "returned@1", str(tmp_path / "some.parquet"), vectors=True, to=tmp_path / "place.parquet")
    assert pl.read_parquet(tmp_path / "place.parquet")["_row"].to_list() == list(range(500))


def test_classes_are_scored_as_the_server_answers_them(fates, told, tmp_path):
    with closing(Workspace(fates)) as workspace:
        rows = workspace.tables.read(workspace.admitted(["orders"])["orders"])
    rows = rows.filter(pl.col("placed") >= datetime(2024, 9, 1, tzinfo=UTC)).sample(200, seed=5, shuffle=True)
    rows.write_parquet(tmp_path / "asked.parquet")
    made = score(fates, "desk", str(tmp_path / "asked.parquet"), to=tmp_path / "scored.parquet")
    found = pl.read_parquet(tmp_path / "scored.parquet")
    classes = ("kept", "returned early", "returned late")
    places = [f"probabilities[{name}]" for name in classes]
    assert found.columns == ["order_id", "_at", "class", *places, "_version", "_bundle", "_error"]
    assert (made.failed, found["_error"].null_count()) == (0, 200)
    asked, instants = rows.select("order_id", *ROW).to_dicts(), rows["placed"].to_physical().to_list()
    answers = [
        told("POST", "/v1/predict/desk", json.dumps({"row": row, "at": at}))
        for row, at in zip(asked, instants, strict=True)
    ]
    assert found["class"].to_list() == [answer["class"] for answer in answers]
    said = [answer.get("probabilities") or answer["outputs"]["probabilities"] for answer in answers]
    assert found.select(places).rows() == [tuple(each[name] for name in classes) for each in said]
    assert found.select(places).n_unique() > 150


def test_a_table_of_the_lake_has_the_predictions_of_its_rows_beside_it(shop):
    made = score(shop.project, "returned", "orders")
    assert (made.rows, made.failed, made.moved, made.outcome) == (24_000, 0, True, "pass")
    found = read_scores(shop.project)
    with closing(Workspace(shop.project)) as workspace:
        rows = workspace.tables.read(workspace.admitted(["orders"])["orders"])
        kept = workspace.state().scores["main:returned_scores"].score
    assert found["order_id"].equals(rows["order_id"])
    assert found["_at"].equals(rows["placed"].alias("_at"))
    assert (kept.rows_of, kept.bundle, kept.commit, kept.rows) == ("orders", made.bundle, made.commit, 24_000)
    status = read_status(shop.project)
    assert status.commit == made.commit
    assert status.waiting is None
    assert [each.score.into for each in status.scores] == ["returned_scores"]


def test_the_predictions_are_those_that_the_version_was_judged_by(world, tmp_path):
    score(world, "returned", "orders", to=tmp_path / "all.parquet")
    found = pl.read_parquet(tmp_path / "all.parquet")
    with closing(Workspace(world)) as workspace:
        state = workspace.state()
        run = next(run for run in state.runs.values() if run.task == "score returned@1")
        judged = pl.read_parquet(workspace.blobs.path(run.outputs["prediction"].digest))
    both = judged.join(found, on=["order_id", "_at"], how="left", maintain_order="left")
    # What was judged is the native form; what is served is within what its parity allows.
    assert np.abs(both["probability"].to_numpy() - both["_p"].to_numpy()).max() < 1e-4


def test_the_bundle_s_own_views_are_built_and_not_those_of_today(shop, tmp_path):
    score(shop.project, "returned", "orders", to=tmp_path / "before.parquet")
    file = shop.root / "project.py"
    file.write_text(file.read_text().replace('w.count(purchases, last="90d")', 'w.count(purchases, last="1d")'))
    made = score(find_project(shop.root), "returned", "orders", to=tmp_path / "after.parquet")
    assert made.unchanged == made.partitions
    assert pl.read_parquet(tmp_path / "after.parquet").equals(pl.read_parquet(tmp_path / "before.parquet"))


def test_a_result_on_a_branch_is_another_version_of_its_table(shop):
    first = score(shop.project, "returned", "select * from orders where channel = 'web'", branch="trial", into="web")
    again = score(shop.project, "returned", "select * from orders where channel = 'web'", branch="trial", into="web")
    assert again.commit == first.commit
    assert again.unchanged == again.partitions
    less = score(
        shop.project,
        "returned",
        "select * from orders where channel = 'web' and price > 50",
        branch="trial",
        into="web",
    )
    assert less.commit != first.commit
    assert 0 < less.rows < first.rows
    assert read_scores(shop.project, "web", "trial").height == less.rows
    with closing(Workspace(shop.project)) as workspace:
        lake = workspace.tables
        assert lake.get(first.commit).tables["web"].rows == first.rows
        assert "web" not in lake.get(lake.head("main")).tables


def test_main_takes_a_result_only_if_its_gates_let_it_through(shop):
    file = shop.root / "project.py"
    file.write_text(file.read_text().replace("sw.has_rows(orders) >= 10_000", "sw.has_rows(orders) >= 30_000"))
    made = score(find_project(shop.root), "returned", "orders")
    assert (made.moved, made.outcome) == (False, "fail")
    assert "has_rows(orders) >= 30000" in made.reasons[0]
    with closing(Workspace(shop.project)) as workspace:
        lake = workspace.tables
        assert "returned_scores" not in lake.get(lake.head("main")).tables
        assert "returned_scores" in lake.get(lake.head("audit")).tables
        assert not workspace.state().scores


def test_a_table_without_rows_has_a_result_without_rows(world, tmp_path):
    made = score(world, "returned", "select * from orders where price < 0", to=tmp_path / "none.parquet")
    assert made.rows == 0
    assert pl.read_parquet(tmp_path / "none.parquet").columns[:3] == ["order_id", "_at", "probability"]


@pytest.mark.parametrize(
    ("change", "given", "code", "said"),
    [
        (lambda rows: rows.drop("customer"), {}, "SW-202", "no column 'customer', which is read by"),
        (lambda rows: rows.drop("order_id"), {}, "SW-202", "no column 'order_id', which names a row"),
        (lambda rows: rows.drop("placed"), {}, "SW-202", "nothing says when rows of rows.parquet are asked about"),
        (lambda rows: rows, {"at": "plased"}, "SW-202", "no column 'plased'"),
        (lambda rows: rows.with_columns(price=pl.lit("dear")), {}, "SW-203", "price"),
        (lambda rows: rows.with_columns(customer=1.5), {}, "SW-203", "key 'customer' is Float64"),
        (lambda rows: blank(rows, "order_id", 3), {}, "SW-205", "3 of 9 rows of rows.parquet have no key (order_id)"),
        (lambda rows: blank(rows, "placed", 2), {}, "SW-302", "2 of 9 rows of rows.parquet have no instant"),
        (lambda rows: rows, {"key": ["probability"]}, "SW-202", "'probability', which names a row"),
        (lambda rows: rows.rename({"order_id": "_at"}), {"key": ["_at"]}, "SW-105", "'_at'"),
        (lambda rows: rows, {"into": "orders", "to": None}, "SW-106", "is made by a source"),
        (lambda rows: rows, {"since": "nowhere"}, "SW-209", "nowhere"),
    ],
)  # fmt: skip
def test_what_cannot_be_scored_is_refused_before_anything_is_put_anywhere(
    world, orders, tmp_path, change, given, code, said
):
    change(orders.head(9)).write_parquet(tmp_path / "rows.parquet")
    with closing(Workspace(world)) as workspace:
        before = workspace.tables.branches(), workspace.ledger.head()
    with pytest.raises(ShipwayError) as refused:
        score(world, "returned", str(tmp_path / "rows.parquet"), **{"to": tmp_path / "out.parquet", **given})
    assert refused.value.code == code
    assert said in refused.value.fact
    with closing(Workspace(world)) as workspace:
        assert (workspace.tables.branches(), workspace.ledger.head()) == before
    assert not (tmp_path / "out.parquet").exists()


def blank(rows, column, count):
    """Return rows of which some lack a value."""
    place = pl.int_range(rows.height)
    return rows.with_columns(pl.when(place >= rows.height - count).then(None).otherwise(pl.col(column)).alias(column))


@pytest.mark.parametrize(
    ("ref", "code", "said"),
    [
        ("retuned", "SW-104", "no model or service 'retuned'"),
        ("returned@7", "SW-104", "no version 'returned@7'"),
    ],
)
def test_a_version_that_is_not_there_is_refused(world, tmp_path, ref, code, said):
    with pytest.raises(ShipwayError) as refused:
        score(world, ref, "orders", to=tmp_path / "out.parquet")
    assert refused.value.code == code
    assert said in refused.value.fact


def test_rows_that_somebody_brings_as_text_have_the_instants_of_the_project(world, tmp_path):
    day = datetime(2024, 12, 30, 12, tzinfo=UTC)
    rows = pl.DataFrame(
        {
            "order_id": [1, 2],
            "placed": [day.isoformat(), (day + timedelta(hours=1)).replace(tzinfo=None).isoformat()],
            "customer": ["c0042", "c0043"],
            "product": ["p011", "p011"],
            "category": ["shoes", "shoes"],
            "channel": ["web", "web"],
            "price": [17.5, 20.0],
            "discount": [0.0, 0.0],
            "weekday": [1, 1],
            "hour": [12, 13],
        }
    )
    rows.write_csv(tmp_path / "rows.csv")
    score(world, "returned", str(tmp_path / "rows.csv"), to=tmp_path / "out.parquet")
    assert pl.read_parquet(tmp_path / "out.parquet")["_at"].to_list() == [day, day + timedelta(hours=1)]

"""Features as known at an instant, against the frame and against a naive count."""

import csv
import datetime as dt

import polars as pl
import pytest

from shipway.app.feature import export_frame, get_features
from shipway.app.project import find_project
from shipway.core.error import ShipwayError
from shipway.testing.refusal import expect_refusal

DAY = dt.timedelta(days=1)
RUSH = """
rush = feature_view("rush", entity("lane", "channel"), {
    "sold_2d": w.count(purchases, last="2d"),
    "dear": orders.price > 100,
    "near": w.around(purchases, orders.placed, before="1d", after="1d"),
})
"""


@pytest.fixture(scope="module")
def frame(ran_shop, tmp_path_factory):
    path = tmp_path_factory.mktemp("frame") / "frame.parquet"
    export_frame(ran_shop.project, "returned", path)
    return pl.read_parquet(path)


@pytest.fixture(scope="module")
def orders(ran_shop):
    with (ran_shop.root / "orders.csv").open() as file:
        return list(csv.DictReader(file))


def add(shop, source):
    with (shop.root / "project.py").open("a") as file:
        file.write(source)


@pytest.mark.parametrize("order", [1, 777, 12_345, 24_000])
def test_vector_of_a_row_is_its_row_of_the_frame(ran_shop, frame, order):
    features = get_features(ran_shop.project, "returned", {"order_id": str(order)})
    row = frame.row(by_predicate=pl.col("order_id") == order, named=True)
    assert features.at == int(row["_at"].timestamp() * 1e6)
    assert features.keys == {"order_id": order}
    assert features.values == {name: row[name] for name in features.values}
    assert len(features.values) == 13


@pytest.mark.parametrize("order", [500, 20_000])
def test_entity_asked_when_the_row_asks_has_the_rows_features(ran_shop, frame, orders, order):
    row = frame.row(by_predicate=pl.col("order_id") == order, named=True)
    at = int(row["_at"].timestamp() * 1e6)
    for view in ("customer", "product"):
        features = get_features(ran_shop.project, view, {view: orders[order - 1][view]}, at)
        assert features.values == {name: row[name] for name in features.values}
        assert features.needs == {}


def test_entity_counts_what_was_known_by_the_instant(ran_shop, orders):
    at = dt.datetime(2024, 10, 1, tzinfo=dt.UTC)
    customer = orders[17]["customer"]
    mine = [order for order in orders if order["customer"] == customer]
    placed = [dt.datetime.fromisoformat(order["placed"] + "+00:00") for order in mine]
    settled = [
        (dt.datetime.fromisoformat(order["settled"] + "+00:00"), order["returned"] == "1")
        for order in mine
        if order["settled"]
    ]
    recent = [returned for known, returned in settled if at - 90 * DAY < known <= at]
    values = get_features(ran_shop.project, "customer", {"customer": customer}, int(at.timestamp() * 1e6)).values
    assert values["customer_orders_90d"] == sum(at - 90 * DAY < known <= at for known in placed) > 0
    assert values["customer_returned_90d"] == pytest.approx(sum(recent) / len(recent), abs=1e-12)
    newest = max(known for known, _ in settled if known <= at)
    assert values["customer_settled_days"] == pytest.approx((at - newest) / DAY)


def test_view_of_rows_is_asked_by_the_row(ran_shop, orders):
    features = get_features(ran_shop.project, "basket", {"order_id": "42"})
    assert features.values["basket_category"] == orders[41]["category"]
    assert features.values["basket_price"] == float(orders[41]["price"])


def test_features_that_read_the_row_need_its_columns(shop, orders):
    add(shop, RUSH)
    keys = {"channel": "web"}
    features = get_features(shop.project, "rush", keys, 1_725_000_000_000_000)
    assert set(features.values) == {"rush_sold_2d"}
    assert features.needs == {"dear": ("price",), "near": ("placed",)}
    more = get_features(
        shop.project, "rush", {**keys, "price": "120", "placed": "2024-08-29T06:40"}, 1_725_000_000_000_000
    )
    assert more.needs == {}
    assert more.values == {
        "rush_sold_2d": features.values["rush_sold_2d"],
        "rush_dear": True,
        "rush_near": features.values["rush_sold_2d"],
    }


def test_present_is_the_projects(ran_shop):
    features = get_features(ran_shop.project, "product", {"product": "p001"})
    assert features.at == ran_shop.project.instant(dt.datetime(2025, 1, 1))


def test_row_is_not_shown_before_it_is_known(ran_shop):
    with expect_refusal("SW-301"):
        get_features(ran_shop.project, "returned", {"order_id": "17000"}, 0)


def test_name_of_a_view_and_a_model_is_refused(shop):
    add(shop, 'feature_view("returned", orders, {"price": orders.price})\n')
    with expect_refusal("SW-105"):
        get_features(shop.project, "returned", {"order_id": "1"})


def test_view_of_the_whole_needs_no_key(shop, orders):
    add(shop, 'feature_view("all", sw.system(), {"sold": w.count(purchases, last="400d")})\n')
    assert get_features(shop.project, "all", {}).values == {"all_sold": len(orders)}
    with expect_refusal("SW-104"):
        get_features(shop.project, "all", {"customer": "c0001"})


def test_nothing_was_admitted_yet(fresh):
    project = find_project(fresh)
    with expect_refusal("SW-401"):
        get_features(project, "customer", {"customer": "c0001"})
    with expect_refusal("SW-401"):
        export_frame(project, "returned", fresh / "frame.csv")
    assert not (fresh / ".shipway").exists()


def test_source_declared_since_the_last_run_was_not_admitted(shop):
    add(
        shop,
        '@sw.source(key="id", raw="orders", known_at={"at": ("x",)})\ndef later(orders): ...\n'
        'feature_view("new", sw.system("s"), {"n": w.count(later.event("at"), last="1d")})\n',
    )
    with expect_refusal("SW-401"):
        get_features(shop.project, "new", {})


def test_frame_has_a_row_for_each_order_and_is_the_one_trained_on(ran_shop, frame, orders):
    assert frame["order_id"].to_list() == list(range(1, len(orders) + 1))
    assert frame["_label"].sum() == sum(order["returned"] == "1" for order in orders)


def test_exported_rows_are_those_asked_about_in_the_period(ran_shop, frame, tmp_path):
    start, end = (ran_shop.project.instant(dt.datetime(2024, month, 1)) for month in (6, 7))
    made = export_frame(ran_shop.project, "returned", tmp_path / "june.csv", start=start, end=end)
    june = frame.filter(pl.col("_at").dt.month() == 6)
    assert (made.rows, made.columns) == june.shape
    assert pl.read_csv(tmp_path / "june.csv")["order_id"].to_list() == june["order_id"].to_list()


def test_export_replaces_what_was_there(ran_shop, tmp_path):
    (tmp_path / "frame.csv").write_text("old")
    export_frame(ran_shop.project, "returned", tmp_path / "frame.csv", start=2**60)
    assert (tmp_path / "frame.csv").read_text().startswith("order_id,_at,")
    assert [path.name for path in tmp_path.iterdir()] == ["frame.csv"]


def test_period_that_ends_before_it_starts_is_refused(ran_shop, tmp_path):
    with expect_refusal("SW-106"):
        export_frame(ran_shop.project, "returned", tmp_path / "frame.csv", start=2, end=1)
    assert export_frame(ran_shop.project, "returned", tmp_path / "frame.csv", start=1, end=1).rows == 0


def test_keys_that_are_not_given_are_named_in_their_number(shop):
    add(shop, 'feature_view("pair", entity("pair", "customer", "product"), {"n": w.count(purchases, last="1d")})\n')
    for keys, said in (({}, "customer and product are not given"), ({"product": "p001"}, "customer is not given")):
        with pytest.raises(ShipwayError, match=said):
            get_features(shop.project, "pair", keys)

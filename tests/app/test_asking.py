"""Features for rows that somebody brings: as known at each row's instant, every row kept in its place."""

import polars as pl
import pytest

import shipway as sw
from shipway.app.asking import ask_features, write_features
from shipway.app.feature import export_frame
from shipway.core.error import ShipwayError


@pytest.fixture(scope="module")
def frame(ran_shop, tmp_path_factory):
    path = tmp_path_factory.mktemp("frame") / "frame.parquet"
    export_frame(ran_shop.project, "returned", path)
    return pl.read_parquet(path)


@pytest.fixture(scope="module")
def rows(ran_shop, frame):
    orders = pl.read_csv(ran_shop.root / "orders.csv").select("order_id", "customer", "product")
    return frame.select("order_id", at="_at").join(orders, on="order_id", how="left", maintain_order="left")


def test_the_rows_of_a_model_have_its_features(ran_shop, frame, rows):
    views = ["customer", "product"]
    found = sw.features(rows, views=views, project=ran_shop.root)
    names = [name for name in found.columns if name not in rows.columns]
    assert names
    assert found.select(rows.columns).equals(rows)
    assert found.select(names).equals(frame.select(names))


def test_every_row_is_kept_in_its_place(ran_shop, rows):
    some = rows.sample(200, seed=3, shuffle=True)
    odd = some.head(20).with_columns(customer=pl.lit(None, pl.String), product=pl.lit("nothing of the kind"))
    asked = pl.concat([some, some, odd])
    found = ask_features(ran_shop.project, asked, views=["customer", "product"])
    once = ask_features(ran_shop.project, some, views=["customer", "product"])
    assert found.select(asked.columns).equals(asked)
    assert found.head(200).equals(once)
    assert found.slice(200, 200).equals(once)


def test_files_are_read_and_written_whole(ran_shop, rows, tmp_path):
    some = rows.head(50)
    some.write_parquet(tmp_path / "rows.parquet")
    some.with_columns(pl.col("at").dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")).write_csv(tmp_path / "rows.csv")
    made = write_features(ran_shop.project, tmp_path / "rows.parquet", tmp_path / "out.parquet", views=["customer"])
    write_features(ran_shop.project, tmp_path / "rows.csv", tmp_path / "same.parquet", views=["customer"])
    assert made.rows == 50
    whole = pl.read_parquet(tmp_path / "out.parquet")
    assert whole.equals(ask_features(ran_shop.project, some, views=["customer"]))
    assert pl.read_parquet(tmp_path / "same.parquet").equals(whole)


@pytest.mark.parametrize(
    ("change", "given", "code", "said"),
    [
        (lambda rows: rows, {"views": ["custmer"]}, "SW-104", "no view 'custmer'"),
        (lambda rows: rows, {"model": "retuned"}, "SW-104", "no model 'retuned'"),
        (lambda rows: rows, {}, "SW-104", "none is given"),
        (lambda rows: rows, {"views": ["customer"], "model": "returned"}, "SW-104", "both are given"),
        (lambda rows: rows.drop("customer"), {"views": ["customer"]}, "SW-202", "no column 'customer'"),
        (lambda rows: rows.drop("at"), {"views": ["customer"]}, "SW-202", "no column 'at'"),
        (lambda rows: rows.with_columns(customer=1.5), {"views": ["customer"]}, "SW-203", "key 'customer' is Float64"),
        (lambda rows: rows.cast({"at": pl.Datetime("us")}), {"views": ["customer"]}, "SW-203", "zone"),
        (lambda rows: rows.with_columns(at=pl.lit(None, rows["at"].dtype)), {"views": ["customer"]}, "SW-302", "null"),
        (lambda rows: rows.with_columns(_at="at"), {"views": ["customer"]}, "SW-105", "'_at'"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused(ran_shop, rows, change, given, code, said):
    with pytest.raises(ShipwayError) as refused:
        ask_features(ran_shop.project, change(rows.head(3)), **given)
    assert refused.value.code == code
    assert said in refused.value.fact


def test_a_file_of_no_known_kind_is_refused(ran_shop, tmp_path):
    with pytest.raises(ShipwayError, match="SW-104"):
        write_features(ran_shop.project, tmp_path / "rows.txt", tmp_path / "out.parquet", views=["customer"])
    with pytest.raises(ShipwayError, match="SW-201"):
        write_features(ran_shop.project, tmp_path / "rows.csv", tmp_path / "out.parquet", views=["customer"])
    assert not list(tmp_path.iterdir())

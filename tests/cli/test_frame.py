"""`shipway frame build`: the features of any rows, from one file to another."""

import datetime as dt

import polars as pl


def test_rows_of_a_file_get_their_features(ran_shop, shipway, tmp_path):
    asked = pl.DataFrame({"customer": ["nobody", None], "when": [dt.datetime(2024, 8, 1, tzinfo=dt.UTC)] * 2})
    asked.write_parquet(tmp_path / "asked.parquet")
    words = (tmp_path / "asked.parquet", tmp_path / "answered.csv", "--views", "customer", "--at", "when")
    answer = shipway("frame", "build", *words, cwd=ran_shop.root)
    assert answer.code == 0
    assert "2 rows" in answer.out
    rows = pl.read_csv(tmp_path / "answered.csv")
    assert rows.columns[:2] == ["customer", "when"]
    assert rows["customer_orders_90d"].to_list() == [0, None]


def test_a_wrong_view_is_answered_with_the_nearest(ran_shop, shipway, tmp_path):
    pl.DataFrame({"customer": ["a"]}).write_parquet(tmp_path / "asked.parquet")
    words = (tmp_path / "asked.parquet", tmp_path / "answered.csv", "--views", "custmer", "--json")
    answer = shipway("frame", "build", *words, cwd=ran_shop.root)
    assert answer.code != 0
    assert "customer" in answer.err
    assert not (tmp_path / "answered.csv").exists()

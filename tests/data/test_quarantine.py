"""Rows that break the contract are put aside with what refused them; the others come out cast, and none is lost."""

import json

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.core.contract import Contract, Field
from shipway.core.error import ShipwayError
from shipway.data.quarantine import REFUSED, Delivery, judge_share

CONTRACT = Contract({"id": Field("int"), "price": Field("float", nullable=True), "name": Field("text")})


def deliver(*, unique=True, key=("id",)):
    return Delivery(CONTRACT, key, "orders.csv", unique=unique)


def texts(*rows):
    return pl.DataFrame(rows, schema=dict.fromkeys(CONTRACT.columns, pl.String), orient="row")


def test_good_rows_are_cast_and_bad_ones_are_put_aside():
    sifted = deliver().sift(texts(("1", "2.5", "a"), ("x", "y", None), (None, None, "b"), ("2", None, "c")))
    assert sifted.good.rows() == [(1, 2.5, "a"), (2, None, "c")]
    assert dict(sifted.good.schema) == {"id": pl.Int64, "price": pl.Float64, "name": pl.String}
    assert dict(sifted.refused.schema) == REFUSED
    first, second = sifted.refused.to_dicts()
    assert first["rule"] == "id: not a whole number; price: not a number; name: value is missing"
    assert (first["piece"], first["row"]) == ("orders.csv", 2)
    assert json.loads(first["record"]) == {"id": "x", "price": "y", "name": None}
    assert (second["row"], second["rule"]) == (3, "id: key is missing")


def test_bytes_in_a_refused_row_are_put_aside_as_base64():
    contract = Contract({"id": Field("int"), "raw": Field("Binary", nullable=True)})
    rows = pl.DataFrame({"id": ["x", "1"], "raw": [b"\x00\xff", b"ok"]})
    sifted = Delivery(contract, ("id",), "orders.parquet", unique=True).sift(rows)
    assert json.loads(sifted.refused["record"][0]) == {"id": "x", "raw": "AP8="}
    assert sifted.good.rows() == [(1, b"ok")]


def test_a_key_stands_in_a_delivery_once():
    delivery = deliver()
    one = delivery.sift(texts(("1", None, "a"), ("2", None, "b"), ("1", None, "c")))
    two = delivery.sift(texts(("3", None, "d"), ("2", None, "e"), ("3", "x", "f")))
    assert [*one.good["name"], *two.good["name"]] == ["a", "b", "d"]
    assert one.refused.select("row", "rule").rows() == [(3, "id: key is repeated")]
    assert two.refused.select("row", "rule").rows() == [(5, "id: key is repeated"), (6, "price: not a number")]
    assert (delivery.rows, delivery.refused) == (6, 3)


def test_a_stream_of_changes_repeats_keys():
    sifted = deliver(unique=False).sift(texts(("1", None, "a"), ("1", None, "b")))
    assert sifted.good.height == 2


@pytest.mark.parametrize("damaged", ["caf\ufffd", "cafÃ©", "Â°C", "donâ€™t", "a\x00b", "ï»¿id", "\x85"])
def test_damaged_text_is_refused(damaged):
    sifted = deliver().sift(texts(("1", None, damaged)))
    assert sifted.refused["rule"].to_list() == ["name: text is damaged"]


@pytest.mark.parametrize("sound", ["São Paulo", "SÃO PAULO", "Âge", "a\tb\r\nc", "Zürich 事 €", "naïve", "½", ""])
def test_text_of_any_language_is_none(sound):
    assert deliver().sift(texts(("1", None, sound))).refused.height == 0


def test_of_a_deletion_only_the_key_is_looked_at():
    given = texts(("1", "x", None), (None, None, None))
    sifted = deliver(unique=False).sift(given, partial=pl.Series([True, True]))
    assert sifted.good.rows() == [(1, None, None)]
    assert sifted.refused["rule"].to_list() == ["id: key is missing"]


def test_columns_beside_the_contract_are_passed_through_and_absent_ones_are_null():
    delivery = Delivery(CONTRACT, (), "p", unique=False)
    given = pl.DataFrame({"id": [1], "name": ["a"], "_shipway_position": ["7"]})
    sifted = delivery.sift(given)
    assert sifted.good.rows(named=True) == [{"id": 1, "price": None, "name": "a", "_shipway_position": "7"}]


def test_rows_are_numbered_as_they_stood():
    sifted = deliver(unique=False).sift(texts(("x", None, "a"), ("y", None, "b")), numbers=pl.Series([7, 7]))
    assert sifted.refused["row"].to_list() == [7, 7]


CELL = st.none() | st.sampled_from(["1", "2", "3", "x", "1.5", "\ufffd"])


@given(st.lists(st.lists(st.tuples(CELL, CELL, CELL), max_size=6), max_size=4), st.booleans())
def test_every_row_comes_out_once(batches, unique):
    delivery = deliver(unique=unique)
    sifted = [delivery.sift(texts(*batch)) for batch in batches]
    good, refused = (sum(getattr(each, part).height for each in sifted) for part in ("good", "refused"))
    assert good + refused == delivery.rows == sum(map(len, batches))
    assert refused == delivery.refused
    numbers = [number for each in sifted for number in each.refused["row"]]
    assert sorted(set(numbers)) == numbers
    for each in sifted:
        assert each.good["name"].null_count() == each.good["id"].null_count() == 0
        if unique:
            assert each.good["id"].is_unique().all()


def test_a_share_decides_whether_a_delivery_passes():
    delivery = deliver()
    refused = delivery.sift(texts(("1", None, "a"), ("x", "y", "b"), ("z", None, "c"), ("2", None, "d"))).refused
    judge_share("orders", delivery, refused, most=0.5)
    with pytest.raises(ShipwayError, match="SW-223") as refusal:
        judge_share("orders", delivery, refused, most=0.49)
    assert refusal.value.fact == (
        "2 of 4 rows of orders.csv break the contract of 'orders', more than 49.00%: id: not a whole number (2), "
        'price: not a number (1); such as row 2: {"id":"x","price":"y","name":"b"}'
    )


def test_an_empty_delivery_passes():
    delivery = deliver()
    judge_share("orders", delivery, delivery.sift(texts()).refused, most=0)

"""What a contract suggests: numbers and times where every value is one, text where any is not."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.core.contract import NOTHING, Contract, Field
from shipway.core.error import ShipwayError
from shipway.data.contract import check_columns, infer_contract
from shipway.data.quarantine import Delivery


def infer(*batches):
    """Infer the one column of batches of text."""
    frames = [pl.DataFrame({"x": batch}, schema={"x": pl.String}) for batch in batches]
    return infer_contract(frames).columns["x"]


@pytest.mark.parametrize(
    ("values", "kind", "form"),
    [
        (["1", "-20", "0"], "int", ""),
        (["1", "2.5"], "float", ""),
        (["1e5", "-.5"], "float", ""),
        (["true", "False"], "bool", ""),
        (["T", "F"], "text", ""),
        (["00123", "45"], "text", ""),
        (["9223372036854775808"], "text", ""),
        (["2013-01-31"], "date", ""),
        (["2013/01/31"], "date", "%Y/%m/%d"),
        (["31/01/2013", "01/02/2013"], "date", "%d/%m/%Y"),
        (["01/31/2013", "02/01/2013"], "date", "%m/%d/%Y"),
        (["31.01.2013"], "date", "%d.%m.%Y"),
        (["13/01/2013", "01/13/2013"], "text", ""),
        (["2013-02-30"], "text", ""),
        (["2013-01-31T10:00:00Z", "2013-01-31 10:00+02:00"], "instant", ""),
        (["2013-01-31 10:00:00"], "local", ""),
        (["2013-01-31 10:00:00", "2013-01-31 10:00:00Z"], "text", ""),
        (["JFK"], "text", ""),
        (["20130131"], "int", ""),
    ],
)
def test_the_narrowest_type_that_holds_every_value(values, kind, form):
    for batches in ([values], [[value] for value in values], [[None], values, []]):
        found = infer(*batches)
        assert (found.type, found.format) == (kind, form)
        assert found.nullable == (batches[0] == [None])


def test_what_was_seen_is_said():
    assert infer(["3", None, "12"]).note == "3 to 12, 1 of 3 missing"
    assert infer([None, None]) == Field(NOTHING, nullable=True, note="no value in 2 rows")
    assert "can be read two ways" in infer(["01/02/2013"]).note
    assert "no zone" in infer(["2013-01-31 10:00"]).note
    assert infer(["x" * 40]).note == f"'{'x' * 24}...' to '{'x' * 24}...'"


def test_types_that_a_format_knows_are_taken_as_they_are():
    frame = pl.DataFrame(
        {"n": [1, 2], "f": [0.5, None], "code": ["00", "01"], "day": ["2013-01-01", None], "l": [[1], [2]]}
    )
    found = infer_contract([frame])
    assert {name: (field.type, field.nullable) for name, field in found.columns.items()} == {
        "n": ("int", False),
        "f": ("float", True),
        "code": ("text", False),
        "day": ("date", True),
        "l": ("List(Int64)", False),
    }
    assert infer_contract([frame.select("n", "code").with_columns(code=pl.lit("1"))]).columns["code"].type == "text"


LONG = [0.5, *range(15)]


@pytest.mark.parametrize(
    ("values", "dtype", "kind"),
    [
        ([LONG, LONG], pl.List(pl.Float64), "embedding[16]"),
        ([[1.0, 2.0]], pl.Array(pl.Float32, 2), "embedding[2]"),
        ([str(LONG), str(LONG)], pl.String, "embedding[16]"),
        ([LONG, LONG[1:]], pl.List(pl.Float64), "List(Float64)"),
        ([LONG[:4]], pl.List(pl.Float64), "List(Float64)"),
        ([[float(each) for each in range(16)]], pl.List(pl.Float64), "List(Float64)"),
        ([[*LONG[:15], float("nan")]], pl.List(pl.Float64), "List(Float64)"),
        ([[40.7, -73.9]], pl.Array(pl.Float64, 2), "Array(Float64, shape=(2,))"),
        ([str(LONG), str(LONG[1:])], pl.String, "text"),
        ([str([LONG, LONG])], pl.String, "text"),
    ],
)
def test_many_numbers_of_one_length_are_an_embedding(values, dtype, kind):
    column = pl.Series("x", values, dtype=dtype)
    for batches in ([column], [column[at : at + 1] for at in range(len(column))]):
        assert infer_contract([each.to_frame() for each in batches]).columns["x"].type == kind


def test_a_delivery_puts_aside_embeddings_that_are_none():
    contract = Contract({"id": Field("int"), "x": Field("embedding[2]")})
    rows = pl.DataFrame({"id": [1, 2, 3, 4], "x": [[1.0, 2.0], [1.0], [1.0, float("inf")], None]})
    check_columns(contract, rows, name="posts", sparse=False)
    sifted = Delivery(contract, ("id",), "p", unique=True).sift(rows)
    assert sifted.good.schema["x"] == pl.Array(pl.Float32, 2)
    assert sifted.good["id"].to_list() == [1]
    assert sifted.refused["rule"].to_list() == ["x: not 2 finite numbers"] * 2 + ["x: value is missing"]


def test_decimals_are_numbers():
    column = pl.Series("x", ["1.50", "2.00"]).cast(pl.Decimal(10, 2))
    assert infer_contract([column.to_frame()]).columns["x"].type == "float"
    long = pl.Series("x", ["12345678901234567.50"]).cast(pl.Decimal(20, 2))
    assert infer_contract([long.to_frame()]).columns["x"].type == "Decimal(precision=20, scale=2)"
    whole = pl.Series("x", ["1", "12345678901234567"]).cast(pl.Decimal(38, 0))
    assert infer_contract([whole.to_frame()]).columns["x"].type == "int"


def test_a_column_that_some_batches_lack_may_be_missing():
    found = infer_contract([pl.DataFrame({"a": [1]}), pl.DataFrame({"b": [2]}), pl.DataFrame({"a": [0.5], "b": [3]})])
    assert found.columns["a"] == Field("float", nullable=True, note="0.5 to 1, 1 of 3 missing")
    assert found.columns["b"] == Field("int", nullable=True, note="2 to 3, 1 of 3 missing")


CELLS = st.none() | st.text(st.sampled_from("0123456789.-+eE/: TZabtrueflsxé"), max_size=12) | st.integers().map(str)
CELLS |= st.floats().map(str) | st.datetimes().map(str) | st.dates().map(str) | st.booleans().map(str)


@given(st.lists(st.lists(CELLS, max_size=4), min_size=1, max_size=4))
def test_no_value_breaks_the_contract_that_was_inferred_from_it(batches):
    frames = [
        pl.DataFrame({"x": batch, "y": ["a"] * len(batch)}, schema={"x": pl.String, "y": pl.String})
        for batch in batches
    ]
    found = infer_contract(frames)
    rule = found.columns["x"]
    contract = Contract(
        {"x": Field("text", nullable=True) if rule.type == NOTHING else rule, "y": Field("text", nullable=True)}
    )
    delivery = Delivery(contract, (), "p", unique=False)
    for frame in frames:
        check_columns(contract, frame, name="x", sparse=False)
        assert delivery.sift(frame).refused.height == 0


@pytest.mark.parametrize(
    ("frame", "sparse", "said"),
    [
        ({"a": [1]}, False, "column 'b' is gone"),
        ({"a": [1], "b": ["x"], "c": [1]}, False, "column 'c' is new"),
        ({"a": [[1]], "b": ["x"]}, False, "column 'a' is List(Int64), not int"),
        ({"a": [True], "b": ["x"]}, False, "column 'a' is bool, not int"),
        ({"a": [1], "c": ["x"]}, True, "column 'c' is new"),
        ({}, False, "column 'a' is gone, column 'b' is gone"),
    ],
)
def test_columns_that_are_not_those_of_the_contract_are_refused(frame, sparse, said):
    contract = Contract({"a": Field("int"), "b": Field("text", nullable=True)})
    with pytest.raises(ShipwayError, match="SW-222") as refused:
        check_columns(contract, pl.DataFrame(frame), name="orders", sparse=sparse)
    assert said in refused.value.fact
    assert "shipway data contract orders --accept" in refused.value.hint


def test_columns_that_are_those_of_the_contract_pass():
    contract = Contract({"a": Field("int"), "b": Field("text", nullable=True)})
    check_columns(contract, pl.DataFrame({"b": ["x"], "a": ["1"]}), name="x", sparse=False)
    check_columns(contract, pl.DataFrame({"a": [1.0]}), name="x", sparse=True)

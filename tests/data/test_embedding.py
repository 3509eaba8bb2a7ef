"""Lists become embeddings, or are refused; nothing is padded or cut."""

import numpy as np
import polars as pl
import pytest

from shipway.core.error import ShipwayError
from shipway.core.feature import ALWAYS, Source
from shipway.data.column import series_of, vector_of
from shipway.data.embedding import (
    cast_embedding,
    is_embedding,
    may_embed,
    read_embeddings,
    split_lists,
    write_lists,
)
from shipway.data.source import make_source
from shipway.data.translation import kind_of, to_polars
from shipway.maths.evaluation import evaluate
from shipway.maths.expression import Column

ROWS = [[1.0, 2.5], None, [0.1, -0.0]]
SINGLE = pl.Array(pl.Float32, 2)


@pytest.mark.parametrize(
    "dtype", [pl.List(pl.Float64), pl.List(pl.Float32), pl.Array(pl.Float64, 2), SINGLE, pl.List(pl.Decimal(9, 3))]
)
def test_lists_and_arrays_of_numbers_become_single_precision(dtype):
    made = read_embeddings(pl.Series("v", ROWS, dtype=dtype), 2)
    assert made.dtype == SINGLE
    assert made.to_list()[:2] == ROWS[:2]
    assert made.to_list()[2] == [float(np.float32(0.1)), -0.0]


def test_whole_numbers_and_nothing_at_all_become_embeddings():
    assert read_embeddings(pl.Series("v", [[1, 2]]), 2).to_list() == [[1.0, 2.0]]
    assert read_embeddings(pl.Series("v", [None], dtype=pl.List(pl.Null)), 2).dtype == SINGLE
    assert read_embeddings(pl.Series("v", [], dtype=pl.List(pl.Float64)), 2).dtype == SINGLE


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([[1.0, 2.0], [1.0], [1.0]], "other than that in 2 rows, first 1 in row 1"),
        ([[1.0, 2.0, 3.0]], "in 1 rows, first 3 in row 0"),
        ([[]], "first 0 in row 0"),
        ([None, [1.0, None]], "no finite numbers in 1 rows, first in row 1"),
        ([[float("nan"), 1.0]], "no finite numbers"),
        ([[float("inf"), 1.0]], "no finite numbers"),
        ([[1e39, 1.0]], "no finite numbers"),
    ],
)
def test_what_is_no_embedding_of_that_length_is_refused(rows, said):
    with pytest.raises(ShipwayError, match=said) as refused:
        read_embeddings(pl.Series("v", rows, dtype=pl.List(pl.Float64)), 2)
    assert refused.value.code == "SW-203"


@pytest.mark.parametrize("dtype", [pl.Float64(), pl.List(pl.String), pl.String(), pl.Array(pl.Float64, (2, 2))])
def test_other_types_hold_none(dtype):
    assert not may_embed(dtype)
    assert not is_embedding(dtype)
    with pytest.raises(ShipwayError, match="no embedding"):
        read_embeddings(pl.Series("v", [None], dtype=dtype), 2)


def test_an_array_of_another_length_is_nothing():
    column = pl.Series("v", [[1.0, 2.0, 3.0]], dtype=pl.Array(pl.Float32, 3))
    made = column.to_frame().select(v=cast_embedding(pl.col("v"), column.dtype, 2))
    assert made["v"].to_list() == [None]


def test_a_column_is_there_and_back_again():
    column = pl.Series("v", ROWS, dtype=SINGLE)
    vector = vector_of(column)
    assert vector.values.dtype == np.dtype("V8")
    assert vector.valid.tolist() == [True, False, True]
    assert series_of("v", vector).equals(column, check_dtypes=True)
    assert vector_of(column.clear()).values.shape == (0,)


def test_a_list_that_nobody_declared_is_refused_with_what_to_write():
    with pytest.raises(ShipwayError, match="which no feature can read") as refused:
        vector_of(pl.Series("v", [[1.0]]))
    assert 'embeddings={"v": 384}' in refused.value.hint


def test_a_source_that_declares_embeddings_makes_them_of_lists():
    source = Source("posts", ("id",), (), {ALWAYS: ("v",)}, (), {"v": 2})
    made = make_source(source, lambda: pl.DataFrame({"id": [1, 2], "v": [[1.0, 2.0], None]}), [])
    assert made.schema["v"] == SINGLE
    with pytest.raises(
        ShipwayError, match=r"posts\.v holds 2 numbers in each embedding, and other than that in 1 rows"
    ):
        make_source(source, lambda: pl.DataFrame({"id": [1], "v": [[1.0]]}), [])


A, B = Column("t", "a"), Column("t", "b")


@pytest.mark.parametrize("expr", [A.dot(B), A.cosine(B), A.distance(A), A.component(1), A.fill(B), A.is_null()])
def test_polars_translates_what_the_evaluator_computes(expr):
    table = pl.DataFrame({"a": ROWS, "b": [[0.0, 0.0], [3.0, 4.0], [0.1, 7.0]]}, schema={"a": SINGLE, "b": SINGLE})
    found = table.select(found=to_polars(expr, table.schema))["found"]
    wanted = evaluate(expr, lambda node: vector_of(table[node.name]), 3)
    assert found.to_list() == series_of("wanted", wanted).to_list()
    assert kind_of(expr, table.schema) == {"f": "float", "b": "bool", "V": "embedding[2]"}[wanted.values.dtype.kind]


def test_polars_refuses_a_component_that_is_not_there():
    with pytest.raises(ShipwayError, match="components 0 to 1"):
        to_polars(A.component(2), {"a": SINGLE})


@pytest.mark.parametrize("dtype", [pl.List(pl.Float64), pl.List(pl.Float32)])
def test_lists_are_written_as_text_with_all_their_digits(dtype):
    lists = pl.Series("v", [[0.1, -0.0], [1e-30, 3.0], None, [1.0, None]], dtype=dtype)
    texts = lists.to_frame().select(write_lists(pl.col("v")).alias("v")).to_series()
    back = texts.to_frame().select(cast_embedding(split_lists(pl.col("v")), pl.List(pl.String()), 2)).to_series()
    wanted = lists.to_frame().select(cast_embedding(pl.col("v"), lists.dtype, 2)).to_series()
    assert texts[3] == "[1.0,null]"
    assert vector_of(back).values.tolist()[:2] == vector_of(wanted).values.tolist()[:2]
    assert back.is_null().to_list() == [False, False, True, True]

"""Rows for a model that comes without any."""

import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.core.bundle import InputColumn
from shipway.core.tensor import DATATYPES, fits, name_datatype
from shipway.delivery.sample import ROWS, draw_sample, read_sample
from shipway.testing.refusal import expect_refusal

INPUTS = (
    InputColumn(name="x", kind="tensor", datatype="FP32", shape=(-1, 2)),
    InputColumn(name="id", kind="tensor", datatype="INT64", shape=(-1,)),
    InputColumn(name="text", kind="tensor", datatype="BYTES", shape=(-1, 1)),
)


@given(st.sampled_from(sorted(DATATYPES)), st.lists(st.sampled_from([-1, 1, 3]), max_size=3), st.integers(0, 9))
def test_what_is_drawn_is_what_is_declared(datatype, rest, seed):
    column = InputColumn(name="a", kind="tensor", datatype=datatype, shape=(-1, *rest))
    (found,) = draw_sample([column], seed=seed).values()
    assert fits(found.shape, column.shape)
    assert len(found) == ROWS
    assert name_datatype(found.dtype) == datatype
    np.testing.assert_array_equal(found, draw_sample([column], seed=seed)["a"])


def test_fixed_number_of_rows_is_kept_for_all():
    inputs = [
        InputColumn(name="a", kind="tensor", datatype="FP32", shape=(-1, 2)),
        InputColumn(name="b", kind="tensor", datatype="FP32", shape=(4,)),
    ]
    assert {len(array) for array in draw_sample(inputs).values()} == {4}


def rows():
    return {"x": [[1.0, 2.5], [3.0, None]], "id": [7, 8], "text": ["a", "b"]}


@pytest.mark.parametrize("form", ["parquet", "json", "inputs", "request"])
def test_every_form_of_a_file_gives_the_same(tmp_path, form):
    path = tmp_path / ("rows.parquet" if form == "parquet" else "rows.json")
    given = rows()
    if form == "parquet":
        pl.DataFrame(given, schema={"x": pl.List(pl.Float64), "id": pl.Int32, "text": pl.String}).write_parquet(path)
    elif form == "request":
        tensors = [
            {"name": "x", "shape": [2, 2], "datatype": "FP32", "data": [1.0, 2.5, 3.0, None]},
            {"name": "id", "shape": [2], "datatype": "INT64", "data": [7, 8]},
            {"name": "text", "shape": [2, 1], "datatype": "BYTES", "data": ["a", "b"]},
        ]
        path.write_text(json.dumps({"inputs": tensors}))
    else:
        path.write_text(json.dumps({"inputs": given} if form == "inputs" else given))
    found = read_sample(path, INPUTS)
    np.testing.assert_array_equal(found["x"], np.array([[1, 2.5], [3, np.nan]], np.float32))
    assert found["id"].tolist() == [7, 8]
    assert found["text"].tolist() == [["a"], ["b"]]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"id": None}, "SW-202"),
        ({"id": ["one", "two"]}, "SW-203"),
        ({"x": [[1.0], [2.0]]}, "SW-203"),
        ({"x": [[1.0, 2.0]]}, "SW-203"),
        ({"x": [[1.0, 2.0], [1.0]]}, "SW-203"),
        ({"x": [], "id": [], "text": []}, "SW-203"),
    ],
)
def test_rows_that_do_not_fit_are_refused(tmp_path, change, code):
    path = tmp_path / "rows.json"
    path.write_text(json.dumps({name: value for name, value in {**rows(), **change}.items() if value is not None}))
    with expect_refusal(code):
        read_sample(path, INPUTS)


def test_no_rows_are_refused(tmp_path):
    path = tmp_path / "rows.json"
    path.write_text('{"id": []}')
    with expect_refusal("SW-204"):
        read_sample(path, INPUTS[1:2])


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b'{"inputs": [{"name": "x"}]}'])
def test_strange_files_are_refused(tmp_path, content):
    for name in ("rows.json", "rows.parquet"):
        (tmp_path / name).write_bytes(content)
        with expect_refusal("SW-201"):
            read_sample(tmp_path / name, INPUTS)

"""Tensors there and back."""

import msgspec
import numpy as np
import pytest

from shipway.client.tensor import read_tensors, write_tensors
from shipway.testing.refusal import expect_refusal

ARRAYS = {
    "float": np.asarray([[1.5, np.nan], [-0.0, 3e300]]),
    "single": np.asarray([1.1, np.nan], np.float32),
    "half": np.asarray([0.5], np.float16),
    "whole": np.asarray([2**63 - 1, -(2**63)]),
    "byte": np.asarray([0, 255], np.uint8),
    "truth": np.asarray([True, False]),
    "text": np.asarray(["ü", "", "a\x00b"], object),
    "big": np.arange(4, dtype=">i4"),
    "none": np.empty((0, 3)),
}


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("binary", [True, False])
def test_what_is_sent_is_what_is_read(name, binary):
    """The question's inputs stand where an answer's outputs do."""
    body, length = write_tensors({name: ARRAYS[name]}, request="r", outputs=(), binary=binary)
    head = msgspec.json.decode(body if length is None else body[:length])
    assert head["inputs"][0]["shape"] == list(ARRAYS[name].shape)
    renamed = msgspec.json.encode({"outputs": head["inputs"], "id": head["id"], "model_name": "m"})
    rest = b"" if length is None else body[length:]
    answer, tensors = read_tensors(renamed + rest, len(renamed) if binary else None)
    assert answer.id == "r"
    assert tensors[name].shape == ARRAYS[name].shape
    assert tensors[name].dtype.kind == ARRAYS[name].dtype.kind
    if ARRAYS[name].dtype.kind == "O":
        assert tensors[name].tolist() == ARRAYS[name].tolist()
    else:
        assert np.array_equal(tensors[name], ARRAYS[name], equal_nan=ARRAYS[name].dtype.kind == "f")


def test_binary_begins_where_it_is_worth_it_and_texts_that_are_missing_stay_json():
    _, length = write_tensors({"x": np.zeros(511)}, request="r", outputs=(), binary=None)
    assert length is None
    body, length = write_tensors({"x": np.zeros(512), "t": ["a", None]}, request="r", outputs=["p"], binary=True)
    head = msgspec.json.decode(body[:length])
    assert head["inputs"][1]["data"] == ["a", None]
    assert head["outputs"] == [{"name": "p", "parameters": {"binary_data": True}}]


def test_lists_are_taken_for_what_they_hold():
    body, _ = write_tensors({"n": [1, None], "m": [[1, 2]], "t": ["a"]}, request="r", outputs=(), binary=None)
    sent = {each["name"]: (each["datatype"], each["data"]) for each in msgspec.json.decode(body)["inputs"]}
    assert sent == {"n": ("FP64", [1.0, None]), "m": ("INT64", [1, 2]), "t": ("BYTES", ["a"])}


@pytest.mark.parametrize("values", [[1j], ["a", 1], [{}], np.asarray(["2020-01-01"], "datetime64[D]")])
def test_what_is_no_tensor_is_refused(values):
    if isinstance(values, list) and values == ["a", 1]:
        values = np.asarray(values, object)
    with expect_refusal("SW-802"):
        write_tensors({"x": values}, request="r", outputs=(), binary=None)


@pytest.mark.parametrize(
    "output",
    [
        {"datatype": "FP64", "shape": [3], "data": [1, 2]},
        {"datatype": "FP9", "shape": [1], "data": [1]},
        {"datatype": "FP64", "shape": [1], "data": ["x"]},
        {"datatype": "INT64", "shape": [1], "data": [None]},
        {"datatype": "FP64", "shape": [1], "parameters": {"binary_data_size": 9}},
        {"datatype": "FP64", "shape": [1], "parameters": {"binary_data_size": -1}},
        {"datatype": "FP64", "shape": [1], "parameters": {"binary_data_size": 4}},
        {"datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": 8}},
    ],
)
def test_an_answer_that_is_not_what_it_says_is_refused(output):
    head = msgspec.json.encode({"outputs": [{"name": "p", **output}]})
    with pytest.raises(ValueError, match="'p'"):
        read_tensors(head + b"\xff" * 8, len(head))

"""The quick way to read and answer, and the exact way: they say the same of every request that both can read."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.core.bundle import InputColumn, Manifest
from shipway.serving.ask import Ask, stack
from shipway.serving.inference import read_question, write_answer
from shipway.serving.model import LoadedBundle
from shipway.serving.refusal import RefusedError
from shipway.serving.template import make_template, write_numbers
from shipway.serving.usual import make_usual

NUMBERS = tuple(InputColumn(name=name, kind="number") for name in ("a", "b", "c"))
MIXED = (NUMBERS[0], InputColumn(name="b", kind="category", categories=("x", "y é")), NUMBERS[2])


def bundle(inputs):
    """A bundle with nothing in it that would predict."""
    manifest = Manifest(
        layout=3, model="m", version=7, format="onnx", native="n", served="s", runtime="onnx", cut=0, inputs=inputs,
        training={}, metrics={}, verdict={}, files={},
    )  # fmt: skip
    return LoadedBundle("ab" * 32, manifest, None)


number = st.one_of(
    st.none(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.sampled_from([1e300, -1e39, 1e-46])
)
odd = st.one_of(st.booleans(), st.text(max_size=3), st.just([1.0]), st.just({}))
text = st.one_of(st.none(), st.sampled_from(["x", "y é", "z", ""]))
datatypes = st.sampled_from(["FP64", "FP32", "FP64", "FP32", "INT64", "BYTES", "FP16", "FP8"])


@st.composite
def tensors(draw, inputs):
    """Inputs of a request, most of them right."""
    rows = draw(st.integers(0, 3))
    strange = draw(st.integers(0, 9)) == 0
    values = st.one_of(number, odd) if strange else number
    if draw(st.booleans()):
        count = rows * len(inputs) + (draw(st.integers(-1, 1)) if strange else 0)
        data = draw(st.lists(values, min_size=max(count, 0), max_size=max(count, 0)))
        name = draw(st.sampled_from(["x", "a", "input"])) if strange else "x"
        return [{"name": name, "shape": [rows, len(inputs)], "datatype": draw(datatypes), "data": data}]
    made = []
    for column in inputs:
        kind = text if column.kind == "category" else values
        due = "BYTES" if column.kind == "category" else "FP64"
        one = {
            "name": column.name,
            "shape": draw(st.sampled_from([[rows], [rows, 1]])),
            "datatype": draw(datatypes) if strange else due,
            "data": draw(st.lists(kind, min_size=rows, max_size=rows)),
        }
        if draw(st.integers(0, 9)) == 0:
            one["parameters"] = draw(st.sampled_from([{}, {"content_type": "np"}, 5]))
        made.append(one)
    return draw(st.permutations(made)) if strange else made


@pytest.mark.parametrize("inputs", [NUMBERS, MIXED], ids=["numbers", "mixed"])
@given(data=st.data())
def test_both_ways_read_and_answer_the_same(inputs, data):
    asked = {"inputs": data.draw(tensors(inputs))}
    if data.draw(st.booleans()):
        asked["id"] = data.draw(st.text(max_size=4))
    asked["parameters"] = data.draw(st.sampled_from([{}, {"unit": "u"}, {"binary_data_output": False}]))
    body = json.dumps(asked).encode()
    loaded = bundle(inputs)
    quick = make_usual("form", inputs).read(body)
    try:
        exact = read_question(body, {}, loaded)
    except RefusedError:
        assert quick is None
        return
    if quick is None:
        return
    assert (quick.rows, quick.id, quick.parameters) == (exact.rows, exact.id, exact.parameters)
    x = stack([Ask(None, "s", "r", {}, 0, quick, quick.rows)], len(inputs))
    assert np.array_equal(x, exact.x, equal_nan=True)
    p = np.random.default_rng(quick.rows).random(quick.rows)
    written = make_template("s", 7, loaded.digest, "probability").write(quick.id, write_numbers(p.tolist()))
    assert (written, []) == write_answer(exact, {"probability": p}, "s", loaded)


@pytest.mark.parametrize("rows", [1, 3])
def test_usual_requests_take_the_quick_way(rows):
    flat = [1, None, 2.5] * rows
    matrix = {"inputs": [{"name": "x", "shape": [rows, 3], "datatype": "FP32", "data": flat}]}
    columns = [{"name": name, "shape": [rows], "datatype": "FP64", "data": [1.5] * rows} for name in "abc"]
    usual = make_usual("form", NUMBERS)
    assert usual.read(json.dumps(matrix).encode()).numbers == flat
    assert usual.read(json.dumps({"inputs": columns, "id": "i"}).encode()).rows == rows
    columns[1] = {"name": "b", "shape": [rows], "datatype": "BYTES", "data": ["y é"] * rows}
    found = make_usual("form", MIXED).read(json.dumps({"inputs": columns}).encode())
    assert found.numbers == [1.5, 1.0, 1.5] * rows
    columns[1]["data"] = ["never seen"] * rows
    assert math.isnan(make_usual("form", MIXED).read(json.dumps({"inputs": columns}).encode()).numbers[1])


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b'{"inputs": []}'])
def test_what_is_no_request_is_left_to_the_exact_way(body):
    assert make_usual("form", NUMBERS).read(body) is None

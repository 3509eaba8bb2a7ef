"""The Open Inference Protocol on a real server: tensors in, probabilities out."""

import json
import math
import struct
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from shipway.adapters.file.blob import FileBlobs
from shipway.core.bundle import OutputColumn
from shipway.ports.model import open_runtime
from shipway.serving.inference import read_question
from shipway.serving.model import load_bundle
from shipway.serving.refusal import RefusedError

PATH = "/v2/models/fraud/versions/1/infer"
COLUMNS = {
    "row_amount": ("FP64", [1.5, 2.0, None]),
    "row_country": ("BYTES", ["FR", None, "XX"]),
    "row_express": ("BOOL", [True, False, None]),
    "row_items": ("INT64", [3, 4, 5]),
    "row_wait": ("FP32", [0.0, 0.0, 0.0]),
    "customer_n": ("UINT8", [1, 2, 3]),
    "customer_total": ("FP64", [10.0, -1e300, 2.5]),
}
VALUES = [(1.5, 2, 1, 3, 0, 1, 10), (2, 0, 0, 4, 0, 2, -math.inf), (0, 0, 0, 5, 0, 3, 2.5)]


def tensors(**changes):
    columns = {**COLUMNS, **changes}
    return [
        {"name": name, "shape": [len(data)], "datatype": datatype, "data": data}
        for name, (datatype, data) in columns.items()
        if datatype
    ]


def infer(server, inputs, path=PATH, **more):
    return server.ask("POST", path, {"inputs": inputs, **more})


def expected(by_hand, values, bias):
    return [by_hand(row, bias) if math.isfinite(row[-1]) else 1.0 for row in values]


@pytest.mark.parametrize(("path", "version", "bias"), [
    (PATH, "1", -0.5), ("/v2/models/fraud/versions/2/infer", "2", 0.25),
])  # fmt: skip
def test_columns(shared, by_hand, path, version, bias):
    answer = infer(shared, tensors(), path, id="mine")
    found = answer.document
    assert answer.status == 200
    assert (found["model_name"], found["model_version"], found["id"]) == ("fraud", version, "mine")
    (output,) = found["outputs"]
    assert (output["name"], output["datatype"], output["shape"]) == ("probability", "FP64", [3])
    assert output["data"] == pytest.approx(expected(by_hand, VALUES, bias), abs=1e-6)
    assert len(found["parameters"]["bundle"]) == 64


def test_columns_may_stand_upright(shared):
    upright = [{**each, "shape": [3, 1], "data": [[value] for value in each["data"]]} for each in tensors()]
    assert infer(shared, upright).document == infer(shared, tensors()).document


@pytest.mark.parametrize("datatype", ["FP32", "FP64"])
def test_one_tensor(shared, by_hand, datatype):
    rows = [[1.5, 2, 1, 3, 0, 1, 10], [2, None, 0, 4, 0, None, 7]]
    flat = [value for row in rows for value in row]
    for data in (rows, flat):
        tensor = {"name": "x", "shape": [2, 7], "datatype": datatype, "data": data}
        found = infer(shared, [tensor]).document["outputs"][0]
        assert found["data"] == pytest.approx([by_hand(row, -0.5) for row in rows], abs=1e-6)


@pytest.mark.parametrize("count", [0, 1, 64, 65, 3_000])
def test_any_number_of_rows(shared, by_hand, count):
    rows = [[float(row % 50), 1, 0, 2, 0, 1, 4] for row in range(count)]
    tensor = {"name": "x", "shape": [count, 7], "datatype": "FP64", "data": rows}
    found = infer(shared, [tensor]).document["outputs"][0]
    assert found["shape"] == [count]
    assert found["data"] == pytest.approx([by_hand(row, -0.5) for row in rows], abs=1e-6)


def test_outputs_by_name(shared):
    assert infer(shared, tensors(), outputs=[{"name": "probability"}]).status == 200
    answer = infer(shared, tensors(), outputs=[{"name": "probabilty"}])
    assert answer.status == 422
    assert "did you mean 'probability'?" in answer.document["hint"]


X = {"name": "x", "shape": [1, 7], "datatype": "FP64", "data": [1, 2, 3, 4, 5, 6, 7]}


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ([], "'row_amount' is missing"),
        (tensors(row_items=("", [])), "'row_items' is missing"),
        (tensors(row_itms=("INT64", [1, 2, 3])), "no column 'row_itms'"),
        (tensors(row_items=("INT64", [1, 2])), "2, 3 rows"),
        (tensors(row_country=("FP64", [1, 2, 3])), "'row_country' is FP64"),
        (tensors(row_items=("BYTES", ["1", "2", "3"])), "'row_items' is BYTES"),
        (tensors(row_items=("INT64", ["1", "2", "3"])), "holds"),
        (tensors(row_items=("INT64", [True, False, True])), "holds"),
        (tensors(row_items=("INT64", [10**400, 1, 2])), "too large"),
        (tensors(row_express=("BOOL", [1, 0, 1])), "holds"),
        (tensors(row_country=("BYTES", ["A", "B", 3])), "holds 3"),
        (tensors(row_items=("FLOAT", [1, 2, 3])), "datatype 'FLOAT'"),
        ([*tensors(), tensors()[0]], "twice"),
        ([{**X, "shape": [1, 6]}], "do not make shape"),
        ([{**X, "shape": [7, 1]}], "7 columns"),
        ([{**X, "shape": [7]}], "no column 'x'"),
        ([{**X, "shape": []}], "shape []"),
        ([{**X, "shape": [-1, -7]}], "shape"),
        ([{**X, "shape": [1, 1, 7]}], "shape"),
        ([{**X, "datatype": "INT32"}], "INT32"),
        ([{**X, "data": [[1, 2, 3], [4, 5, 6, 7]]}], "different lengths"),
        ([{**X, "data": [[1, 2, 3], 4, 5, 6, 7]}], "different lengths"),
        ([{**X, "data": [[[1]], 2, 3, 4, 5, 6, 7]}], "different lengths"),
        ([{**X, "data": None}], "no data"),
        ([{"name": "row_items", "shape": [3, 2], "datatype": "INT64", "data": [1, 2, 3, 4, 5, 6]}], "missing"),
        ([{"name": "x"}], "does not fit"),
    ],
)
def test_tensors_that_do_not_fit_are_refused(shared, inputs, said):
    answer = infer(shared, inputs)
    document = answer.document
    assert answer.status == 422, document
    assert said in document["fact"]
    assert document["error"] == f"SW-802 {document['fact']}"


@pytest.mark.parametrize("body", [b"", b"{", b'{"inputs": [{"data": ' + b"[" * 100_000])
def test_no_json_is_refused(shared, body):
    assert shared.ask("POST", PATH, body).status == 400


def pack(inputs, *parts, **more):
    head = json.dumps({"inputs": inputs, **more}).encode()
    headers = {"inference-header-content-length": str(len(head)), "content-type": "application/octet-stream"}
    return head + b"".join(parts), headers


def binary_inputs():
    """The columns above, each with its raw bytes."""
    kinds = {"FP64": "<f8", "FP32": "<f4", "INT64": "<i8", "UINT8": "u1", "BOOL": "?"}
    inputs, parts = [], []
    for name, (datatype, data) in COLUMNS.items():
        if datatype == "BYTES":
            texts = [(text or "").encode() for text in data]
            raw = b"".join(struct.pack("<I", len(text)) + text for text in texts)
        else:
            raw = np.array([0 if value is None else value for value in data], dtype=kinds[datatype]).tobytes()
        inputs.append({"name": name, "shape": [3], "datatype": datatype, "parameters": {"binary_data_size": len(raw)}})
        parts.append(raw)
    return inputs, parts


def test_binary_tensors_both_ways(shared, by_hand):
    inputs, parts = binary_inputs()
    body, headers = pack(inputs, *parts, outputs=[{"name": "probability", "parameters": {"binary_data": True}}])
    answer = shared.ask("POST", PATH, body, headers)
    size = int(answer.headers["inference-header-content-length"])
    assert json.loads(answer.body[:size])["outputs"][0]["parameters"] == {"binary_data_size": 24}
    found = np.frombuffer(answer.body[size:], dtype="<f8")
    assert found == pytest.approx(expected(by_hand, VALUES, -0.5), abs=1e-6)


@pytest.mark.parametrize("damage", ["short", "long", "lie", "text", "size", "width"])
def test_broken_binary_tensors_are_refused(shared, damage):
    inputs, parts = binary_inputs()
    if damage == "text":
        parts[1] = b"\xff" * len(parts[1])
    if damage == "width":
        inputs[0]["datatype"] = "FP32"
    if damage == "size":
        inputs[0]["parameters"]["binary_data_size"] = -1
    body, headers = pack(inputs, *parts)
    if damage == "lie":
        headers["inference-header-content-length"] = "99999"
    body = body[:-5] if damage == "short" else body + b"x" if damage == "long" else body
    assert shared.ask("POST", PATH, body, headers).status == (400 if damage in ("lie", "long") else 422)


def test_one_tensor_in_binary(shared, by_hand):
    rows = np.array([[1.5, 2, 1, 3, 0, 1, 10]], dtype="<f4")
    tensor = {"name": "x", "shape": [1, 7], "datatype": "FP32", "parameters": {"binary_data_size": 28}}
    body, headers = pack([tensor], rows.tobytes())
    assert shared.ask("POST", PATH, body, headers).document["outputs"][0]["data"] == pytest.approx(
        [by_hand(rows[0].tolist(), -0.5)], abs=1e-6
    )


def test_model_that_gives_no_probability_says_so(shop, serve):
    server = serve(shop.state)
    server.apply(shop.route(3))
    for amount, rows in ((666.0, 1), (777.0, 1), (666.0, 70), (777.0, 70)):
        tensor = {"name": "x", "shape": [rows, 7], "datatype": "FP64", "data": [[amount, 0, 0, 0, 0, 0, 0]] * rows}
        answer = infer(server, [tensor], "/v2/models/fraud/infer")
        assert (answer.status, answer.document["code"]) == (503, "SW-801")
    assert server.ask("GET", "/v2/health/ready").status == 200


@pytest.mark.parametrize(("datatype", "shape"), [
    ("UINT8", (-1, 3)), ("BOOL", (-1, 3)), ("BYTES", (-1, 3)), ("FP32", (-1,)), ("FP32", (-1, 3, 1)), ("FP32", (-1, 2)),
])  # fmt: skip
def test_what_is_no_number_for_each_class_is_not_ranked(stored_fair, datatype, shape):
    bundle = load_bundle(stored_fair.digests["share", 3], FileBlobs(stored_fair.state / "blobs"), open_runtime)
    output = OutputColumn(name="votes", datatype=datatype, shape=shape, classes=("early", "late", "lost"))
    other = replace(bundle, manifest=msgspec.structs.replace(bundle.manifest, outputs=(output,)))
    x = {"name": "x", "shape": [1, 7], "datatype": "FP64", "data": [0] * 7}
    body = {"inputs": [x], "outputs": [{"name": "votes", "parameters": {"classification": 2}}]}
    with pytest.raises(RefusedError) as refused:
        read_question(json.dumps(body).encode(), {}, other)
    assert refused.value.status == 422
    assert f"output 'votes' is {datatype} of shape {list(shape)}" in refused.value.error.fact

"""From messages to requests over HTTP and back."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.adapters.grpc.message import make_messages
from shipway.adapters.grpc.translation import HEADER, Said, read_inferred, write_inference, write_request
from shipway.core.wire import RAW, write_raw

MESSAGES = make_messages()
FIELDS = {
    "BOOL": ("bool_contents", [True, False]), "INT8": ("int_contents", [-128, 127]),
    "INT16": ("int_contents", [-(2**15), 7]), "INT32": ("int_contents", [-(2**31), 7]),
    "INT64": ("int64_contents", [-(2**63), 7]), "UINT8": ("uint_contents", [0, 255]),
    "UINT16": ("uint_contents", [0, 65535]), "UINT32": ("uint_contents", [0, 2**32 - 1]),
    "UINT64": ("uint64_contents", [0, 2**64 - 1]), "FP32": ("fp32_contents", [1.5, float("nan")]),
    "FP64": ("fp64_contents", [0.1, float("inf")]), "BYTES": ("bytes_contents", ["für".encode(), b""]),
}  # fmt: skip


def ask(datatype, field, values, **more):
    message = MESSAGES["ModelInferRequest"](model_name="m", **more)
    tensor = message.inputs.add(name="x", datatype=datatype, shape=[len(values)])
    getattr(tensor.contents, field).extend(values)
    return message


def parts(asked):
    size = int(dict(asked.headers)[HEADER])
    return json.loads(asked.body[:size]), asked.body[size:]


@pytest.mark.parametrize("datatype", FIELDS)
def test_typed_values_come_back_typed(datatype):
    field, values = FIELDS[datatype]
    head, raw = parts(write_inference(ask(datatype, field, values)))
    assert head["inputs"][0]["parameters"] == {"binary_data_size": len(raw)}
    output = {"name": "y", "datatype": datatype, "shape": [2], "parameters": {"binary_data_size": len(raw)}}
    answer = json.dumps({"model_name": "m", "model_version": "1", "outputs": [output]}).encode()
    said = Said(200, answer + raw, {HEADER: str(len(answer))})
    typed = read_inferred(said, MESSAGES, typed=True)
    np.testing.assert_array_equal(getattr(typed.outputs[0].contents, field), values)
    assert not typed.raw_output_contents
    plain = read_inferred(said, MESSAGES, typed=False)
    assert list(plain.raw_output_contents) == [raw]


@pytest.mark.parametrize("datatype", ["FP16", "BF16"])
def test_half_precision_comes_as_bytes_alone(datatype):
    with pytest.raises(ValueError, match="raw_input_contents alone"):
        write_inference(ask(datatype, "fp32_contents", [1.0]))
    raw = write_raw(datatype, np.ones(2, dtype=np.float32))
    output = {"name": "y", "datatype": datatype, "shape": [2], "parameters": {"binary_data_size": len(raw)}}
    answer = json.dumps({"model_name": "m", "model_version": "1", "outputs": [output]}).encode()
    found = read_inferred(Said(200, answer + raw, {HEADER: str(len(answer))}), MESSAGES, typed=True)
    assert list(found.raw_output_contents) == [raw]


def test_what_does_not_fit_is_said():
    with pytest.raises(ValueError, match="too large for INT8"):
        write_inference(ask("INT8", "int_contents", [128]))
    message = ask("FP32", "fp32_contents", [1.0])
    message.raw_input_contents.extend([b"", b""])
    with pytest.raises(ValueError, match="1 inputs come with 2 raw contents"):
        write_inference(message)


def test_datatype_that_is_none_is_the_servers_to_refuse():
    head, raw = parts(write_inference(ask("FP8", "fp32_contents", [1.0])))
    assert (head["inputs"][0]["datatype"], raw) == ("FP8", b"")


def test_parameters_ids_and_outputs_go_along():
    message = ask("FP32", "fp32_contents", [1.0], id="mine", model_version="2")
    message.parameters["a"].int64_param = -1
    message.parameters["b"].bool_param = True
    message.parameters["c"].string_param = "text"
    message.parameters["d"].double_param = 0.5
    message.parameters["e"].uint64_param = 2**63
    message.outputs.add(name="y").parameters["classification"].int64_param = 3
    asked = write_inference(message)
    head, _ = parts(asked)
    assert asked.path == "/v2/models/m/versions/2/infer"
    assert head["id"] == "mine"
    expected = {"a": -1, "b": True, "c": "text", "d": 0.5, "e": 2**63, "binary_data_output": True}
    assert head["parameters"] == expected
    assert head["outputs"] == [{"name": "y", "parameters": {"classification": 3, "binary_data": True}}]


@given(st.text(min_size=1))
def test_names_stay_in_their_place(name):
    """No name makes another path of it."""
    try:
        message = MESSAGES["ModelReadyRequest"](name=name, version="1")
    except UnicodeEncodeError:
        return
    asked = write_request("ModelReady", message)
    assert asked.path.split("/")[:3] == ["", "v2", "models"]
    assert asked.path.split("/")[4:] == ["versions", "1", "ready"]


def test_every_datatype_has_a_way():
    assert set(FIELDS) | {"FP16", "BF16"} == set(RAW)

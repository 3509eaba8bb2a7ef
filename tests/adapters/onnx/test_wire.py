"""A graph that reads files: the attack as it is made, and that it is refused before the engine sees it."""

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from onnx.external_data_helper import set_external_data

from shipway.adapters.onnx.runtime import OnnxRuntime
from shipway.adapters.onnx.wire import find_external
from shipway.core.error import ShipwayError


def make_graph(tensor, *, nested=False):
    """A graph that answers with a tensor of its own; nested, the tensor is in both branches of a condition."""
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 3])
    said = helper.make_tensor_value_info("said", TensorProto.FLOAT, [None, 3])
    if not nested:
        graph = helper.make_graph([helper.make_node("Add", ["x", "secret"], ["said"])], "g", [given], [said], [tensor])
    else:
        out = helper.make_tensor_value_info("said", TensorProto.FLOAT, [3])
        constant = helper.make_node("Constant", [], ["said"], value=tensor)
        branches = {name: helper.make_graph([constant], name, [], [out]) for name in ("then_branch", "else_branch")}
        nodes = [
            helper.make_node("Constant", [], ["yes"], value=numpy_helper.from_array(np.asarray(True))),
            helper.make_node("If", ["yes"], ["chosen"], **branches),
            helper.make_node("Add", ["x", "chosen"], ["said"]),
        ]
        graph = helper.make_graph(nodes, "g", [given], [said])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def make_attack(location, *, nested=False):
    tensor = numpy_helper.from_array(np.zeros(3, np.float32), "secret")
    set_external_data(tensor, location, offset=0, length=12)
    tensor.ClearField("raw_data")
    return make_graph(tensor, nested=nested).SerializeToString()


def test_the_engine_alone_reads_the_file(tmp_path, monkeypatch):
    """What is refused is no imagination: ONNX Runtime answers with what is in a file of the working folder."""
    (tmp_path / "secret.bin").write_bytes(np.asarray([41.0, 42.0, 43.0], np.float32).tobytes())
    monkeypatch.chdir(tmp_path)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(make_attack("secret.bin"), options, providers=["CPUExecutionProvider"])
    assert session.run(None, {"x": np.zeros((1, 3), np.float32)})[0].tolist() == [[41.0, 42.0, 43.0]]


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("location", ["secret.bin", "../secret.bin", "/etc/passwd"])
def test_values_in_a_file_are_refused(tmp_path, monkeypatch, location, nested):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret.bin").write_bytes(b"\0" * 12)
    data = make_attack(location, nested=nested)
    assert find_external(data) == "secret"
    with pytest.raises(ShipwayError, match="another file, which is never read") as refused:
        OnnxRuntime().load(data)
    assert refused.value.code == "SW-502"


@pytest.mark.parametrize("nested", [False, True])
def test_a_whole_graph_is_left_alone(nested):
    tensor = numpy_helper.from_array(np.ones(3, np.float32), "secret")
    model = make_graph(tensor, nested=nested)
    onnx.checker.check_model(model)
    data = model.SerializeToString()
    assert find_external(data) is None
    said = OnnxRuntime().load(data).infer({"x": np.zeros((2, 3), np.float32)})
    assert said["said"].tolist() == [[1.0] * 3] * 2


def test_a_column_may_be_called_what_the_name_of_a_file_is():
    """The word alone is no attack; a graph that has it is walked through, numbers and texts of its attributes too."""
    model = make_graph(numpy_helper.from_array(np.ones(3, np.float32), "secret"))
    model.graph.input[0].name = "location"
    model.graph.node[0].attribute.append(helper.make_attribute("modes", ["BRANCH_LEQ", "LEAF"] * 3_000))
    model.graph.node[0].attribute.append(helper.make_attribute("values", [0.5, -1.0] * 3_000))
    assert find_external(model.SerializeToString()) is None


@given(
    floats=st.lists(st.floats(width=32), max_size=8),
    ints=st.lists(st.integers(-(2**63), 2**63 - 1), max_size=8),
    texts=st.lists(st.binary(max_size=300), max_size=8),
)
def test_no_numbers_and_texts_hide_a_file(floats, ints, texts):
    """What is passed over ends where its fields do, so a tensor beside them is found whatever they are."""
    tensor = numpy_helper.from_array(np.zeros(3, np.float32), "secret")
    set_external_data(tensor, "secret.bin")
    model = make_graph(numpy_helper.from_array(np.ones(3, np.float32), "own"))
    model.graph.node[0].attribute.append(
        onnx.AttributeProto(name="a", floats=floats, ints=ints, strings=texts, tensors=[tensor])
    )
    assert find_external(model.SerializeToString()) == "secret"


@given(st.binary(max_size=200))
def test_whatever_the_bytes_it_ends(data):
    try:
        find_external(data)
    except ValueError as error:
        assert str(error)  # noqa: PT017

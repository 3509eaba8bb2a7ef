"""One number for each row in place of two."""

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

from shipway.adapters.onnx.runtime import OnnxRuntime
from shipway.adapters.onnx.single import take_true


def make_portable():
    """A portable model of two columns."""
    nodes = [helper.make_node("Softmax", ["x"], ["probability"], axis=1)]
    outputs = [helper.make_tensor_value_info("probability", TensorProto.FLOAT, [None, 2])]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 2])]
    graph = helper.make_graph(nodes, "model", inputs, outputs)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9).SerializeToString()


def test_the_one_output_is_the_probability_of_being_true():
    data = make_portable()
    single = take_true(data)
    onnx.checker.check_model(onnx.load_from_string(single), full_check=True)
    x = np.random.default_rng(1).normal(size=(50, 2)).astype(np.float32)
    session = onnxruntime.InferenceSession(single)
    (found,) = session.run(None, {"x": x})
    np.testing.assert_array_equal(found.astype(np.float64), OnnxRuntime().load(data).predict(x.astype(np.float64)))
    assert take_true(data) == single

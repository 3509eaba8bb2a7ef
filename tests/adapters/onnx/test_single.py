"""One number for each row: in place of two, or under the names that a portable model has."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from shipway.adapters.onnx.runtime import OnnxRuntime
from shipway.adapters.onnx.single import take_number, take_true


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


def make_regressor(given, said, flat, dtype=TensorProto.FLOAT):
    """A graph that chooses by a condition, in whose branches the input is seen, with tensors called as ours are."""
    inner = helper.make_tensor_value_info("chosen", dtype, None)
    branches = {
        f"{name}_branch": helper.make_graph([helper.make_node(operator, [given, "two"], ["chosen"])], name, [], [inner])
        for name, operator in (("then", "Mul"), ("else", "Add"))
    }
    own = "prediction" if said != "prediction" else "own"
    nodes = [
        helper.make_node("If", ["yes"], [own], **branches),
        helper.make_node("ReduceSum", [own, "last"], [said], keepdims=0 if flat else 1),
    ]
    constants = [
        helper.make_tensor("yes", TensorProto.BOOL, [], [True]),
        helper.make_tensor("two", dtype, [], [2.0]),
        helper.make_tensor("last", TensorProto.INT64, [1], [1]),
    ]
    inputs = [helper.make_tensor_value_info(given, dtype, ["n", 3])]
    outputs = [helper.make_tensor_value_info(said, dtype, ["n"] if flat else ["n", 1])]
    graph = helper.make_graph(nodes, "sum", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


@pytest.mark.parametrize("dtype", [TensorProto.FLOAT, TensorProto.DOUBLE], ids=["single", "double"])
@pytest.mark.parametrize("flat", [True, False])
@pytest.mark.parametrize(("given", "said"), [("X", "variable"), ("x", "y"), ("X", "prediction"), ("rows", "x")])
def test_a_number_gets_the_names_of_a_portable_model(given, said, flat, dtype):
    data = make_regressor(given, said, flat, dtype)
    portable = take_number(data)
    onnx.checker.check_model(onnx.load_from_string(portable), full_check=True)
    assert take_number(data) == portable
    x = np.random.default_rng(1).normal(size=(50, 3))
    predictor = OnnxRuntime().load(portable)
    assert predictor.predicts == "number"
    assert [(each.name, each.shape) for each in predictor.inputs] == [("x", (-1, 3))]
    assert [(each.name, each.shape) for each in predictor.outputs] == [("prediction", (-1, 1))]
    np.testing.assert_allclose(predictor.infer({"x": x})["prediction"], 2 * x.sum(axis=1), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(predictor.predict(x), OnnxRuntime().load(data).predict(x))

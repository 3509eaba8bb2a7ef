"""What a model that was made elsewhere has to say of a sample before it becomes a version."""

import numpy as np
import pytest
from onnx import TensorProto, helper

from shipway.adapters.onnx.runtime import OnnxRuntime
from shipway.core.bundle import declare_outputs
from shipway.core.error import ShipwayError
from shipway.delivery.arrival import Arrival, check_classes, rename_classes, try_sample
from shipway.delivery.bundle import Form

ROWS = {"x": np.arange(12.0).reshape(4, 3)}
SOFTMAX = helper.make_node("Softmax", ["x"], ["probabilities"], axis=1)
SOFTMAX = helper.make_node("Softmax", ["x"], ["probabilities"], axis=1)


def load(*nodes):
    """A graph of one matrix and one output `probabilities`, which is declared as wide as the matrix."""
    shape = ["n", 3]
    graph = helper.make_graph(
        list(nodes),
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, shape)],
        [helper.make_tensor("two", TensorProto.INT64, [1], [2])],
    )
    opset = [helper.make_opsetid("", 17)]
    return OnnxRuntime().load(helper.make_model(graph, opset_imports=opset, ir_version=9).SerializeToString())


def load_flat():
    """A graph that gives another shape than it declares, which shows when it runs: one number for each row."""
    return load(
        helper.make_node("Softmax", ["x"], ["shares"], axis=1),
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Shape", ["shape"], ["rank"]),
        helper.make_node("Div", ["rank", "two"], ["axis"]),
        helper.make_node("ReduceMax", ["shares"], ["most"], axes=[1], keepdims=1),
        helper.make_node("Squeeze", ["most", "axis"], ["probabilities"]),
    )


def refuse(predictor, outputs, *, drawn=True):
    with pytest.raises(ShipwayError) as caught:
        try_sample(predictor, ROWS, outputs, drawn=drawn)
    assert caught.value.code == "SW-516"
    return caught.value


def test_probabilities_of_classes_sum_to_one():
    outputs = declare_outputs("class", ("a", "b", "c"))
    try_sample(load(SOFTMAX), ROWS, outputs, drawn=True)
    refused = refuse(load(helper.make_node("Sigmoid", ["x"], ["probabilities"])), outputs)
    assert "tells 3 classes apart, and their probabilities do not sum to one" in refused.fact
    assert "make its rows sum to one" in refused.hint
    assert "called otherwise than `probabilities`" in refused.hint


def test_a_shape_is_looked_at_before_what_stands_in_it():
    refused = refuse(load_flat(), declare_outputs("class", ("a", "b", "c")))
    assert "gives 'probabilities' in shape [4] for 4 rows, and declares [-1, 3]" in refused.fact


def test_a_declared_width_is_the_one_that_is_given():
    refused = refuse(load(SOFTMAX), declare_outputs("class", ("a", "b")))
    assert "gives 'probabilities' in shape [4, 3] for 4 rows, and declares [-1, 2]" in refused.fact


def test_classes_that_cannot_be_called_so_are_refused():
    form = Form("onnx", b"", load(SOFTMAX))
    outputs = declare_outputs("class", ("0", "1", "2"))
    arrival = Arrival(kind="onnx", ending="onnx", native=form, portable=form, inputs=(), outputs=outputs)
    check_classes(arrival)
    for odd, said in (("x" * 201, "has 201 characters"), ("a\tb", "has a control character")):
        with pytest.raises(ShipwayError, match=said) as caught:
            check_classes(rename_classes(arrival, ("late", odd, "lost")))
        assert caught.value.code == "SW-516"
        assert "--class NAME" in caught.value.hint

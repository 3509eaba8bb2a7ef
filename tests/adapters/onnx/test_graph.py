import onnx
from onnx import TensorProto, helper

from shipway.adapters.onnx.graph import cut_graph


def make_model():
    nodes = [
        helper.make_node("Softmax", ["x"], ["soft"], axis=1),
        helper.make_node("Mul", ["soft", "one"], ["scaled"]),
        helper.make_node("ArgMax", ["soft"], ["label"], axis=1),
        helper.make_node("Add", ["scaled", "unused"], ["other"]),
    ]
    one = helper.make_tensor("one", TensorProto.FLOAT, [], [1.0])
    unused = helper.make_tensor("unused", TensorProto.FLOAT, [], [2.0])
    outputs = [
        helper.make_tensor_value_info("label", TensorProto.INT64, [1, 1]),
        helper.make_tensor_value_info("other", TensorProto.FLOAT, [None, 2]),
    ]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 2])]
    graph = helper.make_graph(nodes, "model", inputs, outputs, [one, unused])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def test_only_what_leads_to_the_probabilities_stays():
    cut = onnx.load_from_string(cut_graph(make_model(), "scaled"))
    onnx.checker.check_model(cut, full_check=True)
    assert [node.op_type for node in cut.graph.node] == ["Softmax", "Mul"]
    assert [tensor.name for tensor in cut.graph.initializer] == ["one"]
    assert [output.name for output in cut.graph.output] == ["probability"]


def test_a_tensor_used_twice_keeps_its_readers():
    cut = onnx.load_from_string(cut_graph(make_model(), "soft"))
    assert [list(node.output) for node in cut.graph.node] == [["probability"]]


def test_the_order_of_operator_sets_does_not_matter():
    one, other = make_model(), make_model()
    one.opset_import.append(helper.make_opsetid("ai.onnx.ml", 1))
    other.opset_import.insert(0, helper.make_opsetid("ai.onnx.ml", 1))
    assert cut_graph(one, "soft") == cut_graph(other, "soft")


def test_equal_graphs_give_equal_bytes():
    assert cut_graph(make_model(), "soft") == cut_graph(make_model(), "soft")


def test_a_number_is_called_a_prediction():
    cut = onnx.load_from_string(cut_graph(make_model(), "scaled", "number"))
    (output,) = cut.graph.output
    assert output.name == "prediction"
    assert [each.dim_value for each in output.type.tensor_type.shape.dim] == [0, 1]
    assert [list(node.output) for node in cut.graph.node] == [["soft"], ["prediction"]]

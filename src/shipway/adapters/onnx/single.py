"""Graphs for those who want one number for each row in place of two."""

from onnx import ModelProto, TensorProto, helper

from shipway.adapters.onnx.graph import OUTPUT

_BOTH = "probability_of_both"
_TRUE = "place_of_true"


def take_true(data: bytes) -> bytes:
    """Return a portable binary model whose one output is the probability that the label is true, shape (rows,).

    Args:
        data: a graph whose one output is `probability` of shape (rows, 2).
    """
    model = ModelProto.FromString(data)
    graph = model.graph
    for node in graph.node:
        for names in (node.input, node.output):
            for at, name in enumerate(names):
                if name == OUTPUT:
                    names[at] = _BOTH
    graph.initializer.append(helper.make_tensor(_TRUE, TensorProto.INT64, [], [1]))
    graph.node.append(helper.make_node("Gather", [_BOTH, _TRUE], [OUTPUT], axis=1))
    graph.ClearField("output")
    graph.output.append(helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, [None]))
    return model.SerializeToString(deterministic=True)

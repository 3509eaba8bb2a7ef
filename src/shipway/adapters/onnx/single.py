"""Graphs that give one number for each row: of a condition in place of two, of others under the name it has here."""

from collections.abc import Mapping
from typing import Final

from onnx import GraphProto, ModelProto, TensorProto, helper

from shipway.core.tensor import MATRIX, PREDICTION, PROBABILITY

_BOTH: Final = "probability_of_both"
_TRUE: Final = "place_of_true"
_SAID: Final = "prediction_as_made"
_TALL: Final = "one_number_a_row"
_INSIDE: Final = "_inside"


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
                if name == PROBABILITY:
                    names[at] = _BOTH
    graph.initializer.append(helper.make_tensor(_TRUE, TensorProto.INT64, [], [1]))
    graph.node.append(helper.make_node("Gather", [_BOTH, _TRUE], [PROBABILITY], axis=1))
    graph.ClearField("output")
    graph.output.append(helper.make_tensor_value_info(PROBABILITY, TensorProto.FLOAT, [None]))
    return model.SerializeToString(deterministic=True)


def take_number(data: bytes) -> bytes:
    """Return a graph of a matrix that gives one number for each row as a portable model: `x` in, `prediction` out.

    Args:
        data: a graph of one input, and one output of shape (rows,) or (rows, 1).
    """
    model = ModelProto.FromString(data)
    graph = model.graph
    fixed = {tensor.name for tensor in graph.initializer}
    (given,) = (each for each in graph.input if each.name not in fixed)
    (said,) = graph.output
    kept = {name: f"{name}{_INSIDE}" for name in (MATRIX, PREDICTION)}
    rename_tensors(graph, kept | {given.name: MATRIX, said.name: _SAID})
    graph.initializer.append(helper.make_tensor(_TALL, TensorProto.INT64, [2], [-1, 1]))
    graph.node.append(helper.make_node("Reshape", [_SAID, _TALL], [PREDICTION]))
    kind = said.type.tensor_type.elem_type
    for field in ("output", "value_info"):
        graph.ClearField(field)
    graph.output.append(helper.make_tensor_value_info(PREDICTION, kind, [None, 1]))
    return model.SerializeToString(deterministic=True)


def rename_tensors(graph: GraphProto, names: Mapping[str, str]) -> None:
    """Give tensors other names, in the graphs within the graph too, which see those around them."""
    for each in (*graph.input, *graph.output, *graph.initializer, *graph.value_info):
        each.name = names.get(each.name, each.name)
    for node in graph.node:
        for held in (node.input, node.output):
            for at, name in enumerate(held):
                held[at] = names.get(name, name)
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs) if attribute.HasField("g") else attribute.graphs:
                rename_tensors(inner, names)

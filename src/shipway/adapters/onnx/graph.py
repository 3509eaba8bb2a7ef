"""ONNX graphs after conversion: one output, nothing that serves no purpose, the same bytes every time."""

from collections.abc import Iterator, MutableSequence
from typing import Final

from onnx import ModelProto, NodeProto, TensorProto, helper, load_from_string

from shipway.core.error import ShipwayError
from shipway.core.label import LabelKind
from shipway.core.tensor import MATRIX, PREDICTED

INPUT: Final = MATRIX
"""Name of the one input of a portable model, float32 of shape (rows, columns)."""
_COLUMNWISE: Final = frozenset(
    {"ArrayFeatureExtractor", "Cast", "Concat", "Gather", "Identity", "Imputer", "LabelEncoder", "OneHotEncoder"}
    | {"Reshape", "Scaler", "Split"}
)
"""Operators whose every number out depends on one column in."""
_ARITHMETIC: Final = frozenset({"Add", "Sub", "Mul", "Div"})
"""Operators of which that is so where one side is fixed."""
_LINEAR: Final = (("LinearClassifier", b"LOGISTIC"), ("LinearRegressor", b""), ("LinearRegressor", b"NONE"))
"""Operators that add columns up, with the link after it."""
_WIDTH: Final[dict[LabelKind, int]] = {"condition": 2, "number": 1}
"""How many float32 the one output has for each row: the probabilities of being false and true, or the number; of
classes one for each."""


def cut_graph(model: ModelProto, keep: str, kind: LabelKind = "condition", classes: int = 0) -> bytes:
    """Return a graph reduced to one of its tensors, as bytes.

    Converters add a label output of declared shape {1}, and ONNX Runtime warns at every batch of more than one row.

    Args:
        model: the converter's graph; it is changed.
        keep: the tensor of what is predicted; it becomes the only output, `probability` of shape (rows, 2),
            `prediction` of shape (rows, 1) or `probabilities` of shape (rows, classes).
        kind: of the label that is predicted.
        classes: how many there are of a label of classes.
    """
    graph = model.graph
    output, width = PREDICTED[kind], _WIDTH.get(kind, classes)
    needed = {keep}
    kept = [node for node in reversed(graph.node) if _claim(node, needed)]
    for node in kept:
        _rename(node.output, keep, output)
        _rename(node.input, keep, output)
    initializers = [tensor for tensor in graph.initializer if tensor.name in needed]
    # Converters collect the operator sets in a Python set, whose order differs from process to process.
    operator_sets = sorted(model.opset_import, key=lambda used: used.domain)
    model.ClearField("opset_import")
    model.opset_import.extend(operator_sets)
    for field in ("node", "initializer", "output", "value_info"):
        graph.ClearField(field)
    graph.node.extend(reversed(kept))
    graph.initializer.extend(initializers)
    graph.output.append(helper.make_tensor_value_info(output, TensorProto.FLOAT, [None, width]))
    return model.SerializeToString(deterministic=True)


def is_additive(data: bytes) -> bool:
    """Tell whether a graph's log-odds, or its number, are seen to be a sum of functions of one column each.

    That is a linear classifier of two classes with a logistic link, or a linear regressor with none, before which
    nothing mixes columns.

    Args:
        data: a graph that `cut_graph` reduced.
    """
    graph = load_from_string(data).graph
    fixed = {tensor.name for tensor in graph.initializer}
    *before, last = graph.node or [NodeProto()]
    link = next((attribute.s for attribute in last.attribute if attribute.name == "post_transform"), b"")
    if (last.op_type, link) not in _LINEAR:
        return False
    return all(
        node.op_type in _COLUMNWISE or (node.op_type in _ARITHMETIC and not fixed.isdisjoint(node.input))
        for node in before
    )


def check_columns(reads: int, columns: int, what: str) -> None:
    """Refuse a graph that is a model's native form and its portable one, and does not read what the model is given.

    Args:
        reads: how many columns the graph reads.
        columns: how many the model is given.
        what: the model, as people call it.

    Raises:
        ShipwayError: SW-501 if the two differ.
    """
    if reads != columns:
        fact = f"{what} reads {reads} columns, not {columns}"
        raise ShipwayError("SW-501", fact, "train it on every column of frame.x")


def _claim(node: NodeProto, needed: set[str]) -> bool:
    """Tell whether a node makes something that is needed, and if so ask for what it reads."""
    wanted = not needed.isdisjoint(node.output)
    if wanted:
        needed.update(_list_read(node))
    return wanted


def _list_read(node: NodeProto) -> Iterator[str]:
    """Yield what a node reads, and what graphs within it do, which see the tensors around them."""
    yield from node.input
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs) if attribute.HasField("g") else attribute.graphs:
            for inner in graph.node:
                yield from _list_read(inner)


def _rename(names: MutableSequence[str], old: str, new: str) -> None:
    for at, name in enumerate(names):
        if name == old:
            names[at] = new

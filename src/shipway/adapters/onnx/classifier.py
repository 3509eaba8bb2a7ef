"""Graphs of classifiers: as converters write them, as a portable model of classes, and with one output for each class.

Converters give a label beside the probabilities, and often these as a list of maps from class to probability, which is
no tensor. What a class is called stands in several places of such a graph; it is read from where the label comes from.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from google.protobuf.message import DecodeError
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from shipway.adapters.onnx.graph import INPUT, cut_graph
from shipway.adapters.onnx.single import rename_tensors
from shipway.core.bundle import declare_outputs
from shipway.core.label import MOST_CLASSES
from shipway.core.record import name_places
from shipway.core.tensor import PROBABILITIES

_ALL: Final = "probabilities_of_all"
_PLACE: Final = "place_of_"
_INSIDE: Final = "_inside"
_SAME: Final = frozenset({"Identity", "Cast", "Reshape", "Squeeze", "Flatten"})
"""Operators that a label goes through unchanged."""
_LABELS: Final = ("classlabels_strings", "classlabels_int64s", "classlabels_ints")
"""What operators call the classes that they know; a classifier of texts has numbers as well, or the other way round."""
_FLOATS: Final = (TensorProto.FLOAT, TensorProto.DOUBLE)


def take_classes(data: bytes) -> tuple[bytes, tuple[str, ...]] | None:
    """Return a classifier of one matrix as a portable model of classes, and what its classes are called.

    That is a graph of one float matrix that gives a label and a probability of each class, as a matrix or as maps; one
    that `split_classes` wrote; or a portable model of classes, which is returned as it is.

    Args:
        data: a graph.

    Returns:
        A graph with the input `x` and the output `probabilities` of shape (rows, classes), and the name of each class;
        where nothing says it, its place. None for any other graph, and for bytes that are none.
    """
    try:
        model = ModelProto.FromString(data)
    except DecodeError:
        return None
    if _find_matrix(model.graph) is None or not model.graph.output:
        return None
    outputs = list(model.graph.output)
    if len(outputs) == 1 and outputs[0].name == PROBABILITIES:
        count = _width(outputs[0])
        return (data, _number(count)) if 1 < count <= MOST_CLASSES else None
    if all(each.name.startswith(f"{PROBABILITIES}[") for each in outputs):
        return _join(model)
    if len(outputs) != 2 or len(_sizes(outputs[0])) != 1:
        return None
    label, said = outputs
    maps = _find_producer(model.graph, said.name)
    if maps is not None and maps.op_type == "ZipMap":
        names = _read_names(maps)
        # Maps are made of single precision alone.
        return _cut(model, maps.input[0], names, TensorProto.FLOAT) if 1 < len(names) <= MOST_CLASSES else None
    count, kind = _width(said), said.type.tensor_type.elem_type
    if kind not in _FLOATS or not 1 < count <= MOST_CLASSES:
        return None
    names = _find_names(model.graph, label.name)
    return _cut(model, said.name, names if len(names) == count else _number(count), kind)


def split_classes(data: bytes, classes: Sequence[str]) -> bytes:
    """Return a portable model of classes with an output for each, such as `probabilities[late]` of shape (rows,).

    Args:
        data: a graph whose one output is `probabilities` of shape (rows, classes).
        classes: what they are called, in their order.
    """
    model = ModelProto.FromString(data)
    graph = model.graph
    (said,) = graph.output
    kind = said.type.tensor_type.elem_type
    rename_tensors(graph, {PROBABILITIES: _ALL})
    graph.ClearField("output")
    for place, name in enumerate(_name_outputs(classes)):
        graph.initializer.append(helper.make_tensor(f"{_PLACE}{place}", TensorProto.INT64, [], [place]))
        graph.node.append(helper.make_node("Gather", [_ALL, f"{_PLACE}{place}"], [name], axis=1))
        graph.output.append(helper.make_tensor_value_info(name, kind, [None]))
    return model.SerializeToString(deterministic=True)


def _join(model: ModelProto) -> tuple[bytes, tuple[str, ...]] | None:
    """Undo `split_classes`; None where another wrote it."""
    graph = model.graph
    for place, output in enumerate(graph.output):
        made = _find_producer(graph, output.name)
        if made is None or list(made.input) != [_ALL, f"{_PLACE}{place}"]:
            return None
    names = tuple(each.name.removeprefix(f"{PROBABILITIES}[").removesuffix("]") for each in graph.output)
    return _cut(model, _ALL, names, graph.output[0].type.tensor_type.elem_type)


def _cut(model: ModelProto, keep: str, names: tuple[str, ...], kind: int) -> tuple[bytes, tuple[str, ...]]:
    """Return a graph with one input and one output, called as those of portable models are.

    Args:
        model: the graph; it is changed.
        keep: the tensor with the probabilities.
        names: of the classes.
        kind: of the numbers in that tensor.
    """
    given = _find_matrix(model.graph)
    assert given is not None, "it was seen to read one"
    kept = {name: f"{name}{_INSIDE}" for name in (INPUT, PROBABILITIES)}
    rename_tensors(model.graph, kept | {given.name: INPUT, keep: PROBABILITIES})
    cut = ModelProto.FromString(cut_graph(model, PROBABILITIES, "class", len(names)))
    cut.graph.output[0].type.tensor_type.elem_type = kind
    return cut.SerializeToString(deterministic=True), names


def _find_names(graph: GraphProto, label: str) -> tuple[str, ...]:
    """Return what classes are called, by what a label is made of; nothing where that is not seen."""
    while (made := _find_producer(graph, label)) is not None:
        if made.op_type == "ArrayFeatureExtractor":
            table = next((tensor for tensor in graph.initializer if tensor.name == made.input[0]), None)
            return () if table is None else _write_names(numpy_helper.to_array(table).ravel().tolist())
        if made.op_type not in _SAME:
            return _read_names(made)
        label = made.input[0]
    return ()


def _read_names(node: NodeProto) -> tuple[str, ...]:
    """Return the classes that an operator knows; nothing where it is no classifier."""
    said = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    return _write_names(next((said[name] for name in _LABELS if said.get(name)), ()))


def _write_names(found: Iterable[Any]) -> tuple[str, ...]:
    """Return names as texts; nothing where two are alike."""
    names = tuple(name.decode() if isinstance(name, bytes) else str(name) for name in found)
    return names if len(set(names)) == len(names) else ()


def _name_outputs(classes: Sequence[str]) -> tuple[str, ...]:
    return name_places(declare_outputs("class", tuple(classes))[0], "")


def _number(count: int) -> tuple[str, ...]:
    return tuple(map(str, range(count)))


def _find_matrix(graph: GraphProto) -> ValueInfoProto | None:
    """Return the one input of a graph, where that is a matrix of numbers."""
    fixed = {tensor.name for tensor in graph.initializer}
    given = [each for each in graph.input if each.name not in fixed]
    matrix = len(given) == 1 and len(_sizes(given[0])) == 2 and _width(given[0]) > 0
    return given[0] if matrix and given[0].type.tensor_type.elem_type in _FLOATS else None


def _find_producer(graph: GraphProto, name: str) -> NodeProto | None:
    return next((node for node in graph.node if name in node.output), None)


def _sizes(value: ValueInfoProto) -> list[int]:
    """Return the shape of a tensor, 0 for a length that is not known."""
    return [axis.dim_value for axis in value.type.tensor_type.shape.dim]


def _width(value: ValueInfoProto) -> int:
    """Return how many numbers a row of a matrix has; 0 where it is none, or that is not known."""
    sizes = _sizes(value)
    return sizes[1] if len(sizes) == 2 else 0

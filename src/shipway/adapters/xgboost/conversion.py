"""XGBoost's JSON to ONNX trees.

Both compare in single precision with the same sign, so the trees are the same to the bit; what differs is the order in
which leaves are added up, by one unit in the last place (measured with onnxmltools 1.16 on ONNX Runtime 1.32: 1.2e-7 on
rows of every kind). Categorical splits are lost without a word, so they are not handed over.

Of classes the converter has only those of one tree each a round, more than two of them; two classes, and forests, come
out wrong by up to 0.8. So it is given all trees as one sum, and which class a tree votes for is said here.
"""

from typing import Any, Final

import msgspec
import onnxmltools
import xgboost
from onnx import ModelProto, helper
from onnxmltools.convert.common import data_types

from shipway.adapters.onnx.graph import INPUT, cut_graph
from shipway.adapters.xgboost.document import Document
from shipway.core.error import ShipwayError

# These libraries have no types.
_xgboost: Final[Any] = xgboost
_onnxmltools: Final[Any] = onnxmltools
_types: Final[Any] = data_types


def convert_document(data: bytes, document: Document) -> bytes:
    """Return the ONNX graph of a model of trees; equal bytes for equal models.

    Args:
        data: the document.
        document: the same, read and checked.

    Raises:
        ShipwayError: SW-501 if the model does not convert.
    """
    softmax = document.link == "softmax"
    try:
        model = _convert(_sum_up(data) if softmax else data, document.columns)
        if softmax:
            keep = _tell_apart(model, document)
        else:
            keep = model.graph.output[-1].name if document.kind == "number" else _probabilities(model)
    # The converter fails in many ways, and a tree too deep is one of them.
    except Exception as error:
        said = (str(error).splitlines() or [type(error).__name__])[0][:200]
        fact = f"the XGBoost model does not convert to ONNX ({said})"
        raise ShipwayError("SW-501", fact, "lower max_depth") from error
    return cut_graph(model, keep, document.kind, document.classes)


def _convert(data: bytes, columns: int) -> ModelProto:
    booster = _xgboost.Booster()
    booster.load_model(bytearray(data))
    types = [(INPUT, _types.FloatTensorType([None, columns]))]
    return _onnxmltools.convert_xgboost(booster, name="model", initial_types=types)


def _probabilities(model: ModelProto) -> str:
    return next(node.output[1] for node in model.graph.node if node.op_type == "TreeEnsembleClassifier")


def _sum_up(data: bytes) -> bytes:
    """Return a model of one number, which all trees of a model of classes add up to."""
    document: dict[str, Any] = msgspec.json.decode(data)
    learner = document["learner"]
    learner["objective"] = {"name": "reg:squarederror", "reg_loss_param": {"scale_pos_weight": "1"}}
    learner["learner_model_param"] |= {"num_class": "0", "base_score": "[0E0]"}
    model = learner["gradient_booster"]["model"]
    count = len(model["trees"])
    model["gbtree_model_param"]["num_parallel_tree"] = "1"
    model |= {"tree_info": [0] * count, "iteration_indptr": list(range(count + 1))}
    return msgspec.json.encode(document)


def _tell_apart(model: ModelProto, document: Document) -> str:
    """Let each tree add to the sum of its class, and return the name of the probabilities that come of the sums."""
    trees = next(node for node in model.graph.node if node.op_type == "TreeEnsembleRegressor")
    votes = document.votes
    said = {attribute.name: helper.get_attribute_value(attribute) for attribute in trees.attribute}
    changed: dict[str, Any] = {
        "n_targets": document.classes,
        "base_values": document.starts,
        "target_ids": [votes[tree] for tree in said["target_treeids"]],
    }
    kept = [attribute for attribute in trees.attribute if attribute.name not in changed]
    trees.ClearField("attribute")
    trees.attribute.extend([*kept, *(helper.make_attribute(name, value) for name, value in changed.items())])
    (raw,) = trees.output
    model.graph.node.append(helper.make_node("Softmax", [raw], [f"{raw}_told"], axis=1))
    return f"{raw}_told"

"""XGBoost's JSON to ONNX trees.

Both compare in single precision with the same sign, so the trees are the same to the bit; what differs is the order in
which leaves are added up, by one unit in the last place (measured with onnxmltools 1.16 on ONNX Runtime 1.32: 1.2e-7 on
rows of every kind). Categorical splits are lost without a word, so they are not handed over.
"""

from typing import Any, Final

import onnxmltools
import xgboost
from onnx import ModelProto
from onnxmltools.convert.common import data_types

from shipway.adapters.onnx.graph import INPUT, cut_graph
from shipway.core.error import ShipwayError
from shipway.core.label import LabelKind

# These libraries have no types.
_xgboost: Final[Any] = xgboost
_onnxmltools: Final[Any] = onnxmltools
_types: Final[Any] = data_types


def convert_document(data: bytes, columns: int, kind: LabelKind) -> bytes:
    """Return the ONNX graph of a model of trees; equal bytes for equal models.

    Args:
        data: the document.
        columns: how many it reads.
        kind: of the label that it predicts.

    Raises:
        ShipwayError: SW-501 if the model does not convert.
    """
    booster = _xgboost.Booster()
    booster.load_model(bytearray(data))
    types = [(INPUT, _types.FloatTensorType([None, columns]))]
    try:
        model: ModelProto = _onnxmltools.convert_xgboost(booster, name="model", initial_types=types)
        keep = model.graph.output[-1].name if kind == "number" else _probabilities(model)
    # The converter fails in many ways, and a tree too deep is one of them.
    except Exception as error:
        said = (str(error).splitlines() or [type(error).__name__])[0][:200]
        fact = f"the XGBoost model does not convert to ONNX ({said})"
        raise ShipwayError("SW-501", fact, "lower max_depth") from error
    return cut_graph(model, keep, kind)


def _probabilities(model: ModelProto) -> str:
    return next(node.output[1] for node in model.graph.node if node.op_type == "TreeEnsembleClassifier")

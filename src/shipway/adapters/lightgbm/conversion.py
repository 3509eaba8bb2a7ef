"""LightGBM's text to ONNX trees.

onnxmltools is given the narrowed text (`text.py`), because of what it does with others, as measured with 1.16 on ONNX
Runtime 1.32: thresholds are rounded to the nearest single-precision number, which can be on the wrong side of a tie; a
sigmoid other than 1, the averaging of a random forest, linear leaves and zeros read as missing are lost without a word.
Missing values and categories, the latter as chains of equalities, come out right. Of the objectives for numbers it does
not know all and loses the square of others, so it is given raw scores, and what is made of them is added here.
"""

from typing import Any, Final

import lightgbm
import onnxmltools
from onnx import ModelProto, helper
from onnxmltools.convert.common import data_types

from shipway.adapters.lightgbm.text import Link, count_classes, narrow_text, read_kind, read_link
from shipway.adapters.onnx.graph import INPUT, cut_graph
from shipway.core.error import ShipwayError

# The library has no types.
_onnxmltools: Final[Any] = onnxmltools
_types: Final[Any] = data_types
_TREES: Final = ("TreeEnsembleClassifier", "TreeEnsembleRegressor")


def convert_text(text: str, columns: int) -> bytes:
    """Return the ONNX graph of the text of a model that `read_link` knows; equal bytes for equal text.

    Raises:
        ShipwayError: SW-501 if the model does not convert.
    """
    booster = lightgbm.Booster(model_str=narrow_text(text))
    types = [(INPUT, _types.FloatTensorType([None, columns]))]
    try:
        model: ModelProto = _onnxmltools.convert_lightgbm(booster, name="model", initial_types=types, zipmap=False)
    except RecursionError as error:
        raise ShipwayError(
            "SW-501",
            "the LightGBM model has trees too deep for the ONNX converter",
            "lower num_leaves or max_cat_threshold, or set max_depth",
        ) from error
    link = read_link(text)
    trees = next(node for node in model.graph.node if node.op_type in _TREES)
    kind = read_kind(text)
    if kind != "number":
        return cut_graph(model, trees.output[1], kind or "condition", count_classes(text))
    return cut_graph(model, _add_link(model, trees.output[0], link), "number")


def _add_link(model: ModelProto, raw: str, link: Link | None) -> str:
    """Append what makes of raw scores what is predicted, and return the name of that."""
    said, size = f"{raw}_linked", f"{raw}_size"
    match link:
        case "exponential":
            model.graph.node.append(helper.make_node("Exp", [raw], [said]))
        case "square":
            model.graph.node.extend(
                [helper.make_node("Abs", [raw], [size]), helper.make_node("Mul", [raw, size], [said])]
            )
        case _:
            return raw
    return said

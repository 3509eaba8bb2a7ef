"""Regressors of a transformed target: what they predict is turned back inside of the graph.

A price or a delay is often learned as its logarithm. scikit-learn has `TransformedTargetRegressor` for that, of which
skl2onnx 1.20 knows nothing; the regressor inside of it is converted, and what follows is added here.
"""

from typing import Any, Final, Literal, TypeAlias

import numpy as np
from onnx import ModelProto, TensorProto, helper
from sklearn import compose, pipeline, preprocessing

# The library has no types.
_compose: Final[Any] = compose
_pipeline: Final[Any] = pipeline
_preprocessing: Final[Any] = preprocessing

Way: TypeAlias = Literal["none", "exp", "expm1", "square"] | tuple[float, float]
"""How a prediction is turned back; of two numbers, by multiplying with the first and adding the second."""
_WAYS: Final[dict[Any, Way]] = {None: "none", np.exp: "exp", np.expm1: "expm1", np.square: "square"}
TURNED: Final = "np.expm1, np.exp or np.square as inverse_func, or a StandardScaler as transformer"
"""What there is, for those who are refused."""
_ONE: Final = "target_one"
_FACTOR: Final = "target_factor"
_SHIFT: Final = "target_shift"


def find_target(estimator: Any) -> tuple[Any, Way | None]:
    """Return the regressor that a graph can be made of, and how what it predicts is turned back.

    Args:
        estimator: fitted; with a target that was transformed as the whole of it, or as the last step of a pipeline.

    Returns:
        The estimator itself and `none` where no target was transformed; None in place of a way that there is not.
    """
    piped = isinstance(estimator, _pipeline.Pipeline)
    last = estimator.steps[-1][1] if piped else estimator
    if not isinstance(last, _compose.TransformedTargetRegressor):
        return estimator, "none"
    inner: Any = last.regressor_
    whole = _pipeline.Pipeline([*estimator.steps[:-1], ("regressor", inner)]) if piped else inner
    return whole, _find_way(last.transformer_)


def turn_back(model: ModelProto, said: str, way: Way) -> str:
    """Append what turns predictions back, and return the name of what comes of it.

    Args:
        model: a graph; it is changed.
        said: the tensor of predictions.
        way: how.
    """
    graph, turned = model.graph, f"{said}_turned"
    match way:
        case "none":
            return said
        case "exp":
            graph.node.append(helper.make_node("Exp", [said], [turned]))
        case "expm1":
            graph.initializer.append(helper.make_tensor(_ONE, TensorProto.FLOAT, [], [1.0]))
            graph.node.append(helper.make_node("Exp", [said], [f"{said}_exp"]))
            graph.node.append(helper.make_node("Sub", [f"{said}_exp", _ONE], [turned]))
        case "square":
            graph.node.append(helper.make_node("Mul", [said, said], [turned]))
        case (factor, shift):
            graph.initializer.append(helper.make_tensor(_FACTOR, TensorProto.FLOAT, [], [factor]))
            graph.initializer.append(helper.make_tensor(_SHIFT, TensorProto.FLOAT, [], [shift]))
            graph.node.append(helper.make_node("Mul", [said, _FACTOR], [f"{said}_scaled"]))
            graph.node.append(helper.make_node("Add", [f"{said}_scaled", _SHIFT], [turned]))
    return turned


def _find_way(transformer: Any) -> Way | None:
    if isinstance(transformer, _preprocessing.FunctionTransformer):
        try:
            return _WAYS.get(transformer.inverse_func)
        except TypeError:  # what cannot be looked up is none of them
            return None
    if isinstance(transformer, _preprocessing.StandardScaler):
        factor = float(transformer.scale_[0]) if transformer.with_std else 1.0
        return factor, float(transformer.mean_[0]) if transformer.with_mean else 0.0
    return None

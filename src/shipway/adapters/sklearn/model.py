"""scikit-learn's binary classifiers and pipelines, kept as ONNX graphs.

A fitted scikit-learn estimator has no file format but pickle, and a pickle runs whatever code it holds when it is
read. So the native form is the portable one: the ONNX graph, in single precision. It is not the estimator to the bit,
and no later comparison of the two forms can show a wrong conversion, because they are one; therefore `dump` itself
compares the graph with the estimator, and refuses it if they disagree.
"""

from typing import Any, Final, cast

import numpy as np
import skl2onnx
from numpy.typing import NDArray
from onnx import ModelProto
from skl2onnx.common import data_types, shape_calculator
from skl2onnx.operator_converters import random_forest
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.utils import validation

from shipway.adapters.onnx.graph import INPUT, check_columns, cut_graph, is_additive
from shipway.adapters.onnx.runtime import OnnxPredictor, OnnxRuntime
from shipway.core.error import ShipwayError

# These libraries have no types.
_skl2onnx: Final[Any] = skl2onnx
_types: Final[Any] = data_types
_shapes: Final[Any] = shape_calculator
_forest: Final[Any] = random_forest
_validation: Final[Any] = validation
_OPSET: Final = {"": 18, "ai.onnx.ml": 3}
"""Operator sets of the graph, held still so that a new converter does not need a new runtime."""
_WHAT: Final = "the scikit-learn model"
_PROBES: Final = 2_000
_TOLERANCE: Final = 1e-4
_SHARE: Final = 0.99
"""Share of the probes on which graph and estimator must agree; a tie in single precision may turn a few."""


class SklearnFormat:
    """Binary scikit-learn classifiers; it answers the port `ModelFormat`, predicting alike in single precision."""

    name = "sklearn"
    ending = "sklearn.onnx"

    def __init__(self, *, threads: int = 1) -> None:
        """Keep the number of threads a prediction may use."""
        self._runtime = OnnxRuntime(threads=threads)

    def accepts(self, estimator: object) -> bool:
        """Tell whether an estimator's class is scikit-learn's own, not one that only follows its protocol."""
        return isinstance(estimator, BaseEstimator) and type(estimator).__module__.partition(".")[0] == "sklearn"

    def dump(self, estimator: object) -> bytes:
        """Return the estimator as an ONNX graph that was seen to predict what it predicts.

        Raises:
            ShipwayError: SW-501 if it is not fitted, not a binary classifier with probabilities, does not convert, or
                predicts something else once converted.
        """
        classifier, columns = _check_classifier(estimator)
        data = _convert(classifier, columns)
        _compare(classifier, self._runtime.load(data), columns)
        return data

    def load(self, data: bytes) -> OnnxPredictor:
        """Return a predictor from the graph; SW-502 if the bytes are not one."""
        predictor = self._runtime.load(data)
        predictor.additive = is_additive(data)
        return predictor

    def to_onnx(self, data: bytes, columns: int) -> bytes:
        """Return the graph, which is ONNX already.

        Raises:
            ShipwayError: SW-501 if it reads another number of columns, SW-502 if the bytes are not a graph.
        """
        check_columns(self.load(data).columns, columns, _WHAT)
        return data


class _IntegerFlags:
    """A conversion's container in which the flags of tree nodes are integers.

    skl2onnx 1.20 gives the missing-value flags of histogram trees as booleans, which onnx 1.23 refuses.
    """

    def __init__(self, container: Any) -> None:
        self._container = container

    def __getattr__(self, name: str) -> Any:
        return getattr(self._container, name)

    def add_node(self, *args: Any, **attributes: Any) -> None:
        flags = attributes["nodes_missing_value_tracks_true"]
        attributes["nodes_missing_value_tracks_true"] = [int(flag) for flag in flags]
        self._container.add_node(*args, **attributes)


def _check_classifier(estimator: object) -> tuple[Any, int]:
    classifier = cast("Any", estimator)
    name = type(estimator).__name__
    try:
        _validation.check_is_fitted(classifier)
    except (NotFittedError, TypeError) as error:
        raise _refused(f"is a {name} that is not fitted", "return the estimator after fit()") from error
    if not hasattr(classifier, "predict_proba"):
        raise _refused(f"is a {name}, which gives no probabilities", "return a classifier with predict_proba")
    if len(classifier.classes_) != 2:
        raise _refused(
            f"is a {name} of {len(classifier.classes_)} classes", "fit it on frame.y, which is true or false"
        )
    columns = getattr(classifier, "n_features_in_", None)
    if columns is None:
        raise _refused(f"is a {name} that does not say how many columns it reads", "put a transformer that does first")
    return classifier, int(columns)


def _convert(classifier: Any, columns: int) -> bytes:
    def convert_histogram(scope: Any, operator: Any, container: Any) -> None:
        _forest.convert_sklearn_random_forest_classifier(scope, operator, _IntegerFlags(container), op_version=3)

    try:
        model: ModelProto = _skl2onnx.convert_sklearn(
            classifier,
            name="model",
            initial_types=[(INPUT, _types.FloatTensorType([None, columns]))],
            options={"zipmap": False},
            target_opset=_OPSET,
            custom_conversion_functions={HistGradientBoostingClassifier: convert_histogram},
            custom_shape_calculators={
                HistGradientBoostingClassifier: _shapes.calculate_linear_classifier_output_shapes
            },
        )
    # The converter has a function for each estimator and they fail in every way there is.
    except Exception as error:
        said = str(error).splitlines() or [type(error).__name__]
        raise _refused(
            f"is a {type(classifier).__name__} that does not convert to ONNX ({said[0][:200]})",
            "use estimators that skl2onnx knows, or LightGBM",
        ) from error
    return cut_graph(model, model.graph.output[1].name)


def _compare(classifier: Any, predictor: OnnxPredictor, columns: int) -> None:
    """Refuse a graph that does not predict what the estimator predicts, with missing values where it takes them."""
    probes = _make_probes(columns, holes=True)
    try:
        expected = classifier.predict_proba(probes)[:, 1]
    except ValueError:
        probes = _make_probes(columns, holes=False)
        expected = classifier.predict_proba(probes)[:, 1]
    agree = np.abs(predictor.predict(probes) - expected) <= _TOLERANCE
    if np.mean(agree) < _SHARE:
        off = int(len(agree) - np.sum(agree))
        raise _refused(
            f"predicts something else as ONNX on {off:,} of {len(agree):,} made-up rows",
            "some estimators lose missing values or categories: put SimpleImputer or OneHotEncoder first",
        )


def _make_probes(columns: int, *, holes: bool) -> NDArray[np.float64]:
    """Return rows of whole numbers, half of them small and the others over five orders of magnitude.

    They are whole because a column may hold codes, and the ONNX encoders of codes cut off the rest where scikit-learn
    sees a category of its own.
    """
    random = np.random.default_rng(20)
    shape = (_PROBES, columns)
    small = random.integers(-1, 20, size=shape)
    wide = np.rint(random.normal(size=shape) * 10.0 ** random.integers(0, 5, size=shape))
    probes = np.where(random.random(shape) < 0.5, small, wide)
    if holes:
        probes[random.random(shape) < 0.1] = np.nan
    return probes


def _refused(fact: str, hint: str) -> ShipwayError:
    return ShipwayError("SW-501", f"{_WHAT} {fact}", hint)

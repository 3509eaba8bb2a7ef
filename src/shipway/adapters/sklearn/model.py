"""scikit-learn's classifiers, its regressors and pipelines of them, kept as ONNX graphs.

A fitted scikit-learn estimator has no file format but pickle, and a pickle runs whatever code it holds when it is
read. So the native form is the portable one: the ONNX graph, in single precision. It is not the estimator to the bit,
and no later comparison of the two forms can show a wrong conversion, because they are one; therefore `dump` itself
compares the graph with the estimator, and refuses it if they disagree.
"""

from collections.abc import Callable
from typing import Any, Final, cast

import numpy as np
import skl2onnx
from numpy.typing import NDArray
from onnx import ModelProto
from skl2onnx.common import data_types, shape_calculator
from skl2onnx.operator_converters import random_forest
from sklearn import base
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.exceptions import NotFittedError
from sklearn.utils import validation

from shipway.adapters.onnx.graph import INPUT, check_columns, cut_graph, is_additive
from shipway.adapters.onnx.runtime import OnnxPredictor, OnnxRuntime
from shipway.adapters.sklearn.target import TURNED, find_target, turn_back
from shipway.core.bundle import find_scale, measure_difference
from shipway.core.error import ShipwayError
from shipway.core.label import MOST_CLASSES, LabelKind, sums_to_one

# These libraries have no types.
_skl2onnx: Final[Any] = skl2onnx
_types: Final[Any] = data_types
_shapes: Final[Any] = shape_calculator
_forest: Final[Any] = random_forest
_validation: Final[Any] = validation
_base: Final[Any] = base
_OPSET: Final = {"": 18, "ai.onnx.ml": 3}
"""Operator sets of the graph, held still so that a new converter does not need a new runtime."""
_WHAT: Final = "the scikit-learn model"
_WRONG: Final[dict[LabelKind | None, tuple[str, str]]] = {
    "condition": ("gives no probabilities", "the label is a condition: return a classifier with predict_proba"),
    "number": ("is no regressor", "the label is a number: return a regressor"),
    "class": ("gives no probabilities", "the label is a class: return a classifier with predict_proba"),
    None: ("gives no probabilities and is no regressor", "return a classifier with predict_proba, or a regressor"),
}
_PROBES: Final = 2_000
_TOLERANCE: Final = 1e-4
_SHARE: Final = 0.99
"""Share of the probes on which graph and estimator must agree; a tie in single precision may turn a few."""


class SklearnFormat:
    """scikit-learn's classifiers and regressors, predicting alike in single precision; it answers `ModelFormat`."""

    name = "sklearn"
    ending = "sklearn.onnx"

    def __init__(self, *, threads: int = 1) -> None:
        """Keep the number of threads a prediction may use."""
        self._runtime = OnnxRuntime(threads=threads)

    def accepts(self, estimator: object) -> bool:
        """Tell whether an estimator's class is scikit-learn's own, not one that only follows its protocol."""
        return isinstance(estimator, BaseEstimator) and type(estimator).__module__.partition(".")[0] == "sklearn"

    def dump(self, estimator: object, kind: LabelKind | None = None) -> bytes:
        """Return the estimator as an ONNX graph that was seen to predict what it predicts.

        Raises:
            ShipwayError: SW-501 if it is not fitted, gives neither probabilities of classes that exclude each other nor
                one number for each row, predicts no label of that kind, does not convert, or predicts something else
                once converted.
        """
        fitted, found, columns = _check_estimator(estimator, kind)
        expected = _predict_probes(fitted, columns, found)
        data = _convert(fitted, columns, found)
        _compare(self._runtime.load(data), *expected, found)
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


class _Container:
    """A conversion's container in which the flags of tree nodes are integers, and their sum is called as it is told.

    skl2onnx 1.20 gives the missing-value flags of histogram trees as booleans, which onnx 1.23 refuses, and loses the
    exponential of the losses that have it as their link.
    """

    def __init__(self, container: Any, raw: str) -> None:
        self._container = container
        self._raw = raw

    def __getattr__(self, name: str) -> Any:
        return getattr(self._container, name)

    def add_node(self, operator: str, inputs: Any, outputs: Any, **attributes: Any) -> None:
        flags = attributes["nodes_missing_value_tracks_true"]
        attributes["nodes_missing_value_tracks_true"] = [int(flag) for flag in flags]
        self._container.add_node(operator, inputs, [self._raw] if self._raw else outputs, **attributes)


def _check_estimator(estimator: object, kind: LabelKind | None) -> tuple[Any, LabelKind, int]:
    """Return an estimator with what it predicts and how many columns it reads; SW-501 where it is none of the kind."""
    fitted = cast("Any", estimator)
    name = type(estimator).__name__
    try:
        _validation.check_is_fitted(fitted)
    except (NotFittedError, TypeError) as error:
        raise _refused(f"is a {name} that is not fitted", "return the estimator after fit()") from error
    found = _find_kind(fitted, kind)
    columns = getattr(fitted, "n_features_in_", None)
    if columns is None:
        raise _refused(f"is a {name} that does not say how many columns it reads", "put a transformer that does first")
    return fitted, found, int(columns)


def _find_kind(fitted: Any, kind: LabelKind | None) -> LabelKind:
    """Return what a fitted estimator predicts; SW-501 where that is not the kind asked for."""
    name = type(fitted).__name__
    classifies = hasattr(fitted, "predict_proba")
    if not classifies and kind in (None, "number") and _base.is_regressor(fitted):
        return "number"
    if not classifies or kind == "number":
        fact, hint = _WRONG[kind]
        raise _refused(f"is a {name}, which {fact}", hint)
    if isinstance(fitted.classes_, list):
        raise _refused(f"is a {name} of several labels", "fit it on frame.y, which is one label for each row")
    classes: list[Any] = list(fitted.classes_)
    if kind is None:
        kind = "condition" if len(classes) == 2 else "class"
    elif kind == "condition" and len(classes) != 2:
        raise _refused(f"is a {name} of {len(classes)} classes", "fit it on frame.y, which is true or false")
    elif kind == "class" and classes != list(range(len(classes))):
        said = ", ".join(map(str, classes[:4])) + (", ..." if len(classes) > 4 else "")
        hint = "fit it on all of frame.y, whose whole numbers are the places of frame.classes"
        raise _refused(f"is a {name} of the classes {said}", hint)
    if kind == "class" and len(classes) > MOST_CLASSES:
        fact = f"is a {name} that tells {len(classes)} classes apart, and a label has at most {MOST_CLASSES}"
        raise _refused(fact, "train it for fewer")
    return kind


def _convert(estimator: Any, columns: int, kind: LabelKind) -> bytes:
    inner, way = find_target(estimator)
    if way is None:
        fact = f"is a {type(estimator).__name__} whose target is turned back in a way that has no ONNX form"
        raise _refused(fact, f"give it {TURNED}")
    try:
        model: ModelProto = _skl2onnx.convert_sklearn(
            inner,
            name="model",
            initial_types=[(INPUT, _types.FloatTensorType([None, columns]))],
            options=None if kind == "number" else {"zipmap": False},
            target_opset=_OPSET,
            custom_conversion_functions={
                HistGradientBoostingClassifier: _convert_with(_forest.convert_sklearn_random_forest_classifier),
                HistGradientBoostingRegressor: _convert_with(_forest.convert_sklearn_random_forest_regressor_converter),
            },
            custom_shape_calculators={
                HistGradientBoostingClassifier: _shapes.calculate_linear_classifier_output_shapes,
                HistGradientBoostingRegressor: _shapes.calculate_linear_regressor_output_shapes,
            },
        )
    # The converter has a function for each estimator and they fail in every way there is.
    except Exception as error:
        said = str(error).splitlines() or [type(error).__name__]
        raise _refused(
            f"is a {type(estimator).__name__} that does not convert to ONNX ({said[0][:200]})",
            "use estimators that skl2onnx knows, or LightGBM",
        ) from error
    return cut_graph(model, turn_back(model, model.graph.output[-1].name, way), kind, _count_classes(estimator, kind))


def _convert_with(convert: Callable[..., None]) -> Callable[[Any, Any, Any], None]:
    """Return a conversion of histogram trees whose flags are integers and whose link is not lost."""

    def convert_histogram(scope: Any, operator: Any, container: Any) -> None:
        exponential = type(operator.raw_operator._loss.link).__name__ == "LogLink"
        raw = scope.get_unique_variable_name("raw") if exponential else ""
        convert(scope, operator, _Container(container, raw), op_version=3)
        if exponential:
            container.add_node(
                "Exp", [raw], [operator.outputs[0].full_name], name=scope.get_unique_operator_name("Exp")
            )

    return convert_histogram


def _count_classes(estimator: Any, kind: LabelKind) -> int:
    return len(estimator.classes_) if kind == "class" else 0


def _predict(estimator: Any, rows: NDArray[np.float64], kind: LabelKind) -> NDArray[np.float64]:
    if kind != "number":
        return _predict_classes(estimator, rows, kind)
    # What is beyond single precision is so in the graph as well, and here it may be beyond any.
    with np.errstate(over="ignore", under="ignore"):
        found = np.asarray(estimator.predict(rows), dtype=np.float64)
        single = found.reshape(-1).astype(np.float32).astype(np.float64)
    if found.shape not in ((len(rows),), (len(rows), 1)):
        said = f"is a {type(estimator).__name__} that gives shape {found.shape} for {len(rows)} rows"
        raise _refused(said, "fit it on frame.y, which is one number for each row")
    return single


def _predict_classes(estimator: Any, rows: NDArray[np.float64], kind: LabelKind) -> NDArray[np.float64]:
    name, found = type(estimator).__name__, estimator.predict_proba(rows)
    shape = np.shape(found)
    if shape != (len(rows), len(estimator.classes_)):
        raise _refused(
            f"is a {name} that gives shape {shape} for {len(rows)} rows", "fit it on frame.y, one label a row"
        )
    if not sums_to_one(found).all():
        hint = "a row is of one class: return one classifier of all of them, such as OneVsRestClassifier(...)"
        raise _refused(f"is a {name} that gives probabilities of a row which do not sum to one", hint)
    return found if kind == "class" else found[:, 1]


def _predict_probes(estimator: Any, columns: int, kind: LabelKind) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return rows that were made up, with missing values where it takes them, and what it predicts of them."""
    probes = _make_probes(columns, holes=True)
    try:
        return probes, _predict(estimator, probes, kind)
    except ValueError:
        probes = _make_probes(columns, holes=False)
        return probes, _predict(estimator, probes, kind)


def _compare(
    predictor: OnnxPredictor, probes: NDArray[np.float64], expected: NDArray[np.float64], kind: LabelKind
) -> None:
    """Refuse a graph that does not predict what the estimator predicts."""
    scale = find_scale(expected) if kind == "number" else 1.0
    difference = measure_difference(predictor.predict(probes), expected, scale).reshape(len(probes), -1)
    agree = difference.max(axis=1) <= _TOLERANCE
    if np.mean(agree) < _SHARE:
        off = int(len(agree) - np.sum(agree))
        raise _refused(
            f"predicts something else as ONNX on {off:,} of {len(agree):,} made-up rows",
            "some estimators lose missing values or categories, and trees the ties of what is scaled: "
            "put SimpleImputer or OneHotEncoder first, and no scaler before trees",
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

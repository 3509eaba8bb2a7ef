"""How far apart are the two forms of a model of classes, and do the converters as they come have all of them?

usage: class_forms.py

Classifiers of every library and objective that is packaged are trained on 10,000 rows with gaps and categories, for 2,
3, 10 and 40 classes, converted, and both forms asked about 10,000 other rows. Printed for each is

    forms   the largest difference of the two forms over rows and classes; of scikit-learn the estimator stands in for
            the native form, which is the served one
    beyond  rows in which it is above 1e-4: where a value lies at a tie in single precision, a tree goes another way
    sum     how far the probabilities of a row of the served form are from one together
    plain   the difference where onnxmltools or skl2onnx converts the same model as its own guide says, its last output
            taken; "none" where it refuses

A difference of two forms above 1e-4 is no bundle.
"""

import warnings
from collections.abc import Iterator
from typing import Any, Final

import lightgbm
import numpy as np
import onnxmltools
import onnxruntime
import skl2onnx
import xgboost
from numpy.typing import NDArray
from onnxmltools.convert.common import data_types as theirs
from skl2onnx.common import data_types as ours
from sklearn import ensemble, impute, linear_model, multiclass, pipeline, preprocessing

from shipway.adapters.lightgbm.model import LightgbmFormat
from shipway.adapters.onnx.runtime import OnnxRuntime
from shipway.adapters.sklearn.model import SklearnFormat
from shipway.adapters.xgboost.model import XgboostFormat
from shipway.core.bundle import TOLERANCE
from shipway.ports.model import ModelFormat
from shipway.testing.model import make_labelled

Floats = NDArray[np.float64]

# These libraries' types are partial.
_lightgbm: Final[Any] = lightgbm
_xgboost: Final[Any] = xgboost
_onnxmltools: Final[Any] = onnxmltools
_skl2onnx: Final[Any] = skl2onnx
_onnxruntime: Final[Any] = onnxruntime
_theirs: Final[Any] = theirs
_ours: Final[Any] = ours
_ensemble: Final[Any] = ensemble
_linear: Final[Any] = linear_model
_pipeline: Final[Any] = pipeline
_preprocessing: Final[Any] = preprocessing
_multiclass: Final[Any] = multiclass
_impute: Final[Any] = impute

ROWS: Final = 10_000
TREES: Final = 10
CLASSES: Final = (2, 3, 10, 40)
REFUSED: Final = (TypeError, ValueError, RuntimeError, NotImplementedError)
"""What converters raise where they do not go on."""
QUIET: Final[dict[str, Any]] = {"num_threads": 1, "deterministic": True, "force_row_wise": True, "verbosity": -1}


def main() -> None:
    """Print a line for each model."""
    print(f"{'model':34}{'classes':>8}{'forms':>10}{'beyond':>8}{'sum':>10}{'plain':>10}")
    for classes in CLASSES:
        x = make_labelled(2, "class", ROWS, classes)[0]
        for name, library, estimator in train_all(classes):
            native = library.dump(estimator, "class")
            said = predict(library, native, estimator, x)
            portable = OnnxRuntime().load(library.to_onnx(native, x.shape[1])).predict(x)
            off, total = np.abs(portable - said).max(axis=1), np.abs(portable.sum(axis=1) - 1).max()
            beyond, plain = int((off > TOLERANCE).sum()), compare_plain(library, estimator, x, said)
            print(f"{name:34}{classes:>8}{off.max():>10.1e}{beyond:>8,}{total:>10.1e}{plain:>10}", flush=True)


def train_all(classes: int) -> Iterator[tuple[str, ModelFormat, Any]]:
    """Yield each model's name, its format, and what was trained."""
    x, y = make_labelled(1, "class", ROWS, classes)
    rows = _lightgbm.Dataset(x, y, categorical_feature=[1], free_raw_data=False)
    of_classes = {"objective": "multiclass", "num_class": classes}
    for name, params in {
        "lightgbm multiclass": of_classes,
        "lightgbm multiclass, random forest": of_classes
        | {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6},
        **({"lightgbm binary": {"objective": "binary"}} if classes == 2 else {}),
    }.items():
        yield name, LightgbmFormat(), _lightgbm.train({**params, **QUIET}, rows, TREES)
    of_classes = {"objective": "multi:softprob", "num_class": classes}
    for name, params in {
        "xgboost multi:softprob": of_classes,
        "xgboost multi:softprob, forest": of_classes | {"num_parallel_tree": 3, "subsample": 0.5},
        **({"xgboost binary:logistic": {"objective": "binary:logistic"}} if classes == 2 else {}),
    }.items():
        matrix = _xgboost.QuantileDMatrix(x, y)
        yield name, XgboostFormat(), _xgboost.train({**params, "nthread": 1, "max_depth": 5}, matrix, TREES)
    for name, last in {
        "sklearn histogram trees": _ensemble.HistGradientBoostingClassifier(max_iter=TREES, random_state=0),
        "sklearn forest": _ensemble.RandomForestClassifier(TREES, max_depth=8, random_state=0, n_jobs=1),
        "sklearn linear": _linear.LogisticRegression(),
        "sklearn one against the rest": _multiclass.OneVsRestClassifier(_linear.LogisticRegression()),
    }.items():
        steps = {"sklearn histogram trees": (), "sklearn forest": (_impute.SimpleImputer(),)}
        filled = (_impute.SimpleImputer(), _preprocessing.StandardScaler())
        yield name, SklearnFormat(), _pipeline.make_pipeline(*steps.get(name, filled), last).fit(x, y)


def predict(library: ModelFormat, native: bytes, estimator: Any, x: Floats) -> Floats:
    """Return what the native form says; of scikit-learn what the estimator does, which stands in for one."""
    return estimator.predict_proba(x) if library.name == "sklearn" else library.load(native).predict(x)


def compare_plain(library: ModelFormat, estimator: Any, x: Floats, said: Floats) -> str:
    """Return how far a converter's own graph is from the native form."""
    try:
        match library.name:
            case "lightgbm":
                model = _onnxmltools.convert_lightgbm(estimator, initial_types=_type(_theirs), zipmap=False)
            case "xgboost":
                model = _onnxmltools.convert_xgboost(estimator, initial_types=_type(_theirs))
            case _:
                options = {"zipmap": False}
                model = _skl2onnx.convert_sklearn(estimator, initial_types=_type(_ours), options=options)
        quiet = _onnxruntime.SessionOptions()
        quiet.log_severity_level = 3  # a label's shape is declared as {1}, and it warns at every batch
        session = _onnxruntime.InferenceSession(model.SerializeToString(), quiet)
        found: Floats = session.run(None, {"x": x.astype(np.float32)})[-1]
    except REFUSED:
        return "none"
    return f"{np.abs(found - said).max():.1e}" if found.shape == said.shape else "none"


def _type(types: Any) -> list[tuple[str, Any]]:
    return [("x", types.FloatTensorType([None, 3]))]


if __name__ == "__main__":
    with warnings.catch_warnings():
        # Linear models of many classes are not waited for here.
        warnings.simplefilter("ignore")
        main()

"""How far apart are the two forms of a model of a number, and does a comparison of them depend on the label's unit?

usage: number_forms.py

Regressors of every objective that is packaged are trained on 20,000 rows with gaps and categories, converted, and both
forms asked about 20,000 other rows. Then one of them (least squares, LightGBM) is trained on the same label in several
units, around zero as a profit is and far from it as a price is, and its forms are compared by two rules:

    fixed   a difference is a share of what is above one, and counts as it is below; the rule for probabilities
    size    a difference is a share of the number, or of the median size of all numbers where it is smaller

each on the sound conversion, and on one that is broken: it takes missing values for zeros. A rule is right where it
passes the sound one and refuses the broken one, at a tolerance of 1e-4.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

import lightgbm
import numpy as np
import xgboost
from numpy.typing import NDArray
from sklearn import ensemble

from shipway.adapters.lightgbm.model import LightgbmFormat
from shipway.adapters.onnx.runtime import OnnxRuntime
from shipway.adapters.sklearn.model import SklearnFormat
from shipway.adapters.xgboost.model import XgboostFormat
from shipway.core.bundle import TOLERANCE, find_scale, measure_difference
from shipway.ports.model import ModelFormat, Predictor
from shipway.testing.model import make_labelled

Floats = NDArray[np.float64]
Predict = Callable[[Floats], Floats]

# These libraries' types are partial.
_lightgbm: Final[Any] = lightgbm
_ensemble: Final[Any] = ensemble
_xgboost: Final[Any] = xgboost

ROWS: Final = 20_000
TREES: Final = 100
QUIET: Final[dict[str, Any]] = {"num_threads": 1, "deterministic": True, "force_row_wise": True, "verbosity": -1}
LIGHTGBM: Final = (
    "regression", "regression_l1", "huber", "fair", "quantile", "mape", "poisson", "gamma", "tweedie",
)  # fmt: skip
XGBOOST: Final = (
    "reg:squarederror", "reg:absoluteerror", "reg:pseudohubererror", "reg:squaredlogerror", "reg:quantileerror",
    "count:poisson", "reg:gamma", "reg:tweedie",
)  # fmt: skip
SKLEARN: Final = ("squared_error", "absolute_error", "quantile", "poisson", "gamma")
UNITS: Final = (1e-9, 1e-3, 1.0, 1e3, 1e9)


def main() -> None:
    """Print both tables."""
    print(f"largest difference of the two forms, as a share, on {ROWS:,} rows")
    for name, native, portable in train_all():
        x = make_labelled(2, "number", ROWS)[0]
        said = native(x)
        print(f"  {name:30} {measure_difference(portable(x), said, find_scale(said)).max():.1e}")
    print(f"\nright of 2 (sound form passes, broken one is refused) at {TOLERANCE:g}, by unit of the label")
    print(f"  {'':14}" + "".join(f"{unit:>10g}" for unit in UNITS))
    for label, move in (("around zero", center), ("far from zero", leave)):
        for rule in ("fixed", "size"):
            print(f"  {label:14}" + "".join(f"{judge(rule, move, unit):>10}" for unit in UNITS) + f"  {rule}")


def train_all() -> Iterator[tuple[str, Predict, Predict]]:
    """Yield each model's name with what both of its forms predict; of scikit-learn the estimator is the one."""
    x, y = make_labelled(1, "number", ROWS)
    for objective in LIGHTGBM:
        rows = _lightgbm.Dataset(x, y, categorical_feature=[1])
        booster = _lightgbm.train({"objective": objective, **QUIET}, rows, TREES)
        native, portable = load(LightgbmFormat(), booster)
        yield f"lightgbm {objective}", native.predict, portable.predict
    for objective in XGBOOST:
        params: dict[str, Any] = {"objective": objective, "nthread": 1}
        if objective == "reg:quantileerror":
            params["quantile_alpha"] = 0.5
        booster = _xgboost.train(params, _xgboost.QuantileDMatrix(x, y), TREES)
        native, portable = load(XgboostFormat(), booster)
        yield f"xgboost {objective}", native.predict, portable.predict
    for loss in SKLEARN:
        model = _ensemble.HistGradientBoostingRegressor(loss=loss, quantile=0.5, max_iter=TREES, random_state=0)
        yield f"sklearn {loss}", model.fit(x, y).predict, load(SklearnFormat(), model)[1].predict


def load(library: ModelFormat, estimator: object) -> tuple[Predictor, Predictor]:
    """Return both forms of an estimator, loaded from their bytes."""
    native = library.dump(estimator, "number")
    return library.load(native), OnnxRuntime().load(library.to_onnx(native, 3))


def center(y: Floats) -> Floats:
    """Return a label around zero."""
    return y - y.mean()


def leave(y: Floats) -> Floats:
    """Return a label that is far from zero."""
    return y + 1e4


def judge(rule: str, move: Callable[[Floats], Floats], unit: float) -> int:
    """Return how many of two verdicts a rule gets right."""
    x, y = make_labelled(1, "number", ROWS)
    booster = _lightgbm.train({"objective": "regression", **QUIET}, _lightgbm.Dataset(x, move(y) * unit), TREES)
    native, portable = load(LightgbmFormat(), booster)
    probes = make_labelled(2, "number", ROWS)[0]
    said = native.predict(probes)
    scale = find_scale(said) if rule == "size" else 1.0
    sound = measure_difference(portable.predict(probes), said, scale).max() <= TOLERANCE
    broken = measure_difference(portable.predict(np.nan_to_num(probes)), said, scale).max() <= TOLERANCE
    return int(sound) + int(not broken)


if __name__ == "__main__":
    main()

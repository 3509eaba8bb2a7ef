"""XGBoost's boosters as JSON, in and out."""

from typing import Any, Final, cast

import msgspec
import numpy as np
import xgboost
from numpy.typing import NDArray
from sklearn.exceptions import NotFittedError
from xgboost.core import XGBoostError

from shipway.adapters.xgboost.document import BINARY, read_document
from shipway.core.error import ShipwayError
from shipway.core.label import LabelKind
from shipway.core.tensor import PROBABILITY, Tensors, read_matrix

_GREATEST: Final = float(np.finfo(np.float32).max)

# The library has no types for what it hands out.
_xgboost: Final[Any] = xgboost


class XgboostPredictor:
    """A loaded booster; any number of threads may call it at once."""

    def __init__(self, booster: Any, columns: int, threads: int) -> None:
        """Wrap a booster, the number of columns it reads, and how many threads it may use."""
        self._booster = booster
        self._columns = columns
        self._threads = threads
        self.predicts: Final[LabelKind | None] = "condition"
        self.single: Final = False

    def predict(self, x: NDArray[np.float64] | NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the probability that the label is true; the values are rounded to single precision first.

        Raises:
            ShipwayError: SW-202 if the rows do not have the model's columns.
        """
        single = self._read_rows(x)
        return np.asarray(self._booster.inplace_predict(single), dtype=np.float64) if len(x) else np.empty(0)

    def contribute(self, x: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Return what each column adds to the log-odds, and the baseline last; the library has single precision.

        Raises:
            ShipwayError: SW-202 if the rows do not have the model's columns.
        """
        single = self._read_rows(x)
        if not len(x):
            return np.empty((0, self._columns + 1))
        rows = _xgboost.DMatrix(single, nthread=self._threads)
        return np.asarray(self._booster.predict(rows, pred_contribs=True), dtype=np.float64)

    def infer(self, inputs: Tensors) -> dict[str, NDArray[np.float64]]:
        """Return the probability that the label is true; SW-202 for anything but rows of the model's columns."""
        return {PROBABILITY: self.predict(read_matrix(inputs))}

    def _read_rows(self, x: NDArray[Any]) -> NDArray[np.float32]:
        if x.ndim != 2 or x.shape[1] != self._columns:
            hint = "give one row for each prediction, with the columns the model was trained on in their order"
            raise ShipwayError("SW-202", f"the model reads {self._columns} columns and was given shape {x.shape}", hint)
        # The library refuses what is infinite; the greatest number is on the same side of every threshold.
        return np.clip(x, -_GREATEST, _GREATEST).astype(np.float32)


class XgboostFormat:
    """Binary XGBoost models of trees; it answers the port `ModelFormat`.

    The native form is the JSON of `Booster.save_raw` without the attributes of the run. It says what the library's
    binary form says, and unlike that it can be checked whole before the library reads it (`document.py`).
    """

    name = "xgboost"
    ending = "json"

    def __init__(self, *, threads: int = 1) -> None:
        """Keep the number of threads a prediction may use, which never changes its result."""
        self._threads = threads

    def accepts(self, estimator: object) -> bool:
        """Tell whether an estimator is a Booster or an XGBClassifier."""
        return isinstance(estimator, xgboost.Booster | xgboost.XGBClassifier)

    def dump(self, estimator: object) -> bytes:
        """Return the model as JSON; of a classifier that stopped early up to its best iteration, as it predicts itself.

        Raises:
            ShipwayError: SW-501 if it is not fitted, no booster of trees, or not a binary classifier.
        """
        booster = _booster_of(estimator)
        config: dict[str, Any] = msgspec.json.decode(booster.save_config())
        objective, kind = config["learner"]["objective"]["name"], config["learner"]["gradient_booster"]["name"]
        if objective != BINARY:
            raise _refused(f"is for {objective}, which gives no probability", f'train it with objective="{BINARY}"')
        if kind != "gbtree":
            raise _refused(f"is a {kind}, and shipway reads back trees alone", 'train it with booster="gbtree"')
        data = bytes(booster.save_raw(raw_format="json"))
        if not read_document(data).trees:
            raise _refused("has no trees", "train it for at least one round")
        return data

    def load(self, data: bytes) -> XgboostPredictor:
        """Return a predictor from the JSON; SW-502 if the bytes are not a model."""
        document = read_document(data)
        booster = _xgboost.Booster({"nthread": self._threads})
        try:
            booster.load_model(bytearray(data))
        except XGBoostError as error:
            hint = "fetch the bundle again, or make it again with --force"
            said = str(error).splitlines()[0]
            raise ShipwayError("SW-502", f"these bytes are not an XGBoost model ({said})", hint) from error
        return XgboostPredictor(booster, document.columns, self._threads)

    def to_onnx(self, data: bytes, columns: int) -> bytes:
        """Convert the trees to ONNX trees, which compare in the same single precision.

        Raises:
            ShipwayError: SW-501 if the model reads another number of columns or splits by categories, SW-502 if the
                bytes are not a model.
        """
        document = read_document(data)
        if document.columns != columns:
            raise _refused(f"reads {document.columns} columns, not {columns}", "train it on every column of frame.x")
        if any(1 in tree.split_type for tree in document.trees):
            raise _refused("splits by sets of categories, which its converter to ONNX loses", "one-hot them, or stay")
        # Predicting with the native form needs none of the libraries that convert.
        from shipway.adapters.xgboost.conversion import convert_document

        return convert_document(data, columns)


def _booster_of(estimator: object) -> Any:
    """Return a booster of one's own, without what only the run knew."""
    try:
        wrapper = cast("Any", estimator) if isinstance(estimator, xgboost.XGBClassifier) else None
        found: Any = estimator if wrapper is None else wrapper.get_booster()
    except NotFittedError as error:
        raise _refused("is not fitted", "return the estimator after fit()") from error
    if not isinstance(found, xgboost.Booster):
        raise _refused(f"is a {type(estimator).__name__}", "return a Booster or an XGBClassifier")
    best = found.attr("best_iteration")
    try:
        # A Booster predicts with all of its trees, a classifier with those up to the best round.
        booster: Any = found.copy() if wrapper is None or best is None else found[: int(best) + 1]
        if booster.num_boosted_rounds() == 0:
            raise _refused("has no trees", "train it for at least one round")
    except XGBoostError as error:
        raise _refused("is not fitted", "return the estimator after fit()") from error
    booster.set_attr(**dict.fromkeys(booster.attributes()))
    booster.feature_names = None
    return booster


def _refused(fact: str, hint: str) -> ShipwayError:
    return ShipwayError("SW-501", f"the XGBoost model {fact}", hint)

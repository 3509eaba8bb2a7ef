"""XGBoost's boosters as JSON, in and out."""

from typing import Any, Final, cast

import msgspec
import numpy as np
import xgboost
from numpy.typing import NDArray
from sklearn.exceptions import NotFittedError
from xgboost.core import XGBoostError

from shipway.adapters.xgboost.document import KINDS, LINKS, PREDICTS, read_document
from shipway.core.error import ShipwayError
from shipway.core.label import SAID, LabelKind
from shipway.core.tensor import PREDICTED, Tensors, read_matrix

_GREATEST: Final = float(np.finfo(np.float32).max)
_TRAIN: Final[dict[LabelKind | None, str]] = {
    "condition": 'the label is a condition: train it with objective="binary:logistic"',
    "number": 'the label is a number: train it with objective="reg:squarederror", or another one for numbers',
    "class": 'the label is a class: train it with objective="multi:softprob", which gives a probability of each',
    None: 'train it with objective="binary:logistic", or with "reg:squarederror" or "multi:softprob" where the label '
    "is a number or a class",
}

# The library has no types for what it hands out.
_xgboost: Final[Any] = xgboost


class XgboostPredictor:
    """A loaded booster; any number of threads may call it at once."""

    def __init__(
        self, booster: Any, columns: int, threads: int, kind: LabelKind, *, classes: int = 0, additive: bool = True
    ) -> None:
        """Wrap a booster.

        Args:
            booster: what predicts.
            columns: how many it reads.
            threads: how many it may use.
            kind: of the label that it predicts.
            classes: how many it tells apart, where it predicts one.
            additive: whether its leaves add up to the log-odds, the number or the scores of classes.
        """
        self._booster = booster
        self._additive = additive
        self._classes = classes
        self._columns = columns
        self._threads = threads
        self.predicts: Final[LabelKind | None] = kind
        self._name: Final = PREDICTED[kind]
        self.single: Final = False

    def predict(self, x: NDArray[np.float64] | NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the probability that the label is true, the number, or the probability of each class.

        Values are rounded to single precision first.

        Raises:
            ShipwayError: SW-202 if the rows do not have the model's columns.
        """
        single = self._read_rows(x)
        if not len(x):
            return np.empty((0, self._classes) if self._classes else 0)
        said = np.asarray(self._booster.inplace_predict(single), dtype=np.float64)
        # Of two classes, a model may have been trained to say one probability.
        return np.column_stack([1 - said, said]) if self._classes and said.ndim == 1 else said

    def contribute(self, x: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Return what each column adds to the log-odds, the number or the score of each class, the baseline last.

        It is in single precision, and None for a number that is the exponential of what the trees add up to.

        Raises:
            ShipwayError: SW-202 if the rows do not have the model's columns.
        """
        single = self._read_rows(x)
        if not self._additive:
            return None
        if not len(x):
            return np.empty((0, *((self._classes,) if self._classes else ()), self._columns + 1))
        rows = _xgboost.DMatrix(single, nthread=self._threads)
        added = np.asarray(self._booster.predict(rows, pred_contribs=True), dtype=np.float64)
        if not self._classes:
            return added
        scores = added if added.ndim == 3 else np.stack([-added / 2, added / 2], axis=1)
        return scores - scores.mean(axis=1, keepdims=True)

    def infer(self, inputs: Tensors) -> dict[str, NDArray[np.float64]]:
        """Return what is predicted, by its name; SW-202 for anything but rows of the model's columns."""
        return {self._name: self.predict(read_matrix(inputs))}

    def _read_rows(self, x: NDArray[Any]) -> NDArray[np.float32]:
        if x.ndim != 2 or x.shape[1] != self._columns:
            hint = "give one row for each prediction, with the columns the model was trained on in their order"
            raise ShipwayError("SW-202", f"the model reads {self._columns} columns and was given shape {x.shape}", hint)
        # The library refuses what is infinite; the greatest number is on the same side of every threshold.
        return np.clip(x, -_GREATEST, _GREATEST).astype(np.float32)


class XgboostFormat:
    """XGBoost models of trees, of a condition, a number or a class; it answers the port `ModelFormat`.

    The native form is the JSON of `Booster.save_raw` without the attributes of the run. It says what the library's
    binary form says, and unlike that it can be checked whole before the library reads it (`document.py`).
    """

    name = "xgboost"
    ending = "json"

    def __init__(self, *, threads: int = 1) -> None:
        """Keep the number of threads a prediction may use, which never changes its result."""
        self._threads = threads

    def accepts(self, estimator: object) -> bool:
        """Tell whether an estimator is a Booster, an XGBClassifier or an XGBRegressor."""
        return isinstance(estimator, xgboost.Booster) or _is_wrapper(estimator)

    def dump(self, estimator: object, kind: LabelKind | None = None) -> bytes:
        """Return the model as JSON; of a wrapper that stopped early up to its best iteration, as it predicts itself.

        Raises:
            ShipwayError: SW-501 if it is not fitted, no booster of trees, or predicts no label of that kind.
        """
        booster = _booster_of(estimator)
        config: dict[str, Any] = msgspec.json.decode(booster.save_config())
        learner = config["learner"]
        objective, form = learner["objective"]["name"], learner["gradient_booster"]["name"]
        kinds: tuple[LabelKind, ...] = KINDS[LINKS[objective]] if objective in LINKS else ()
        if not kinds or (kind or kinds[0]) not in kinds:
            said = "a probability, a number or classes" if kind is None else SAID[kind]
            raise _refused(f"is for {objective}, not {said}", _TRAIN[kind])
        if form != "gbtree":
            raise _refused(f"is a {form}, and shipway reads back trees alone", 'train it with booster="gbtree"')
        targets = learner["learner_model_param"]["num_target"]
        if targets != "1":
            raise _refused(f"gives {targets} numbers for each row", "train it on one label, and for one quantile")
        if learner["learner_train_param"]["multi_strategy"] != "one_output_per_tree":
            hint = 'train it with multi_strategy="one_output_per_tree"'
            raise _refused("has trees whose leaves are of all classes at once", hint)
        if kind is not None and kind != kinds[0]:
            booster.set_attr(**{PREDICTS: kind})
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
        additive = document.link != "exponential"
        return XgboostPredictor(
            booster, document.columns, self._threads, document.kind, classes=document.classes, additive=additive
        )

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

        return convert_document(data, document)


def _booster_of(estimator: object) -> Any:
    """Return a booster of one's own, without what only the run knew."""
    try:
        wrapper = cast("Any", estimator) if _is_wrapper(estimator) else None
        found: Any = estimator if wrapper is None else wrapper.get_booster()
    except NotFittedError as error:
        raise _refused("is not fitted", "return the estimator after fit()") from error
    if not isinstance(found, xgboost.Booster):
        raise _refused(f"is a {type(estimator).__name__}", "return a Booster, an XGBClassifier or an XGBRegressor")
    best = found.attr("best_iteration")
    try:
        # A Booster predicts with all of its trees, a wrapper with those up to the best round.
        booster: Any = found.copy() if wrapper is None or best is None else found[: int(best) + 1]
        if booster.num_boosted_rounds() == 0:
            raise _refused("has no trees", "train it for at least one round")
    except XGBoostError as error:
        raise _refused("is not fitted", "return the estimator after fit()") from error
    booster.set_attr(**dict.fromkeys(booster.attributes()))
    booster.feature_names = None
    return booster


def _is_wrapper(estimator: object) -> bool:
    return isinstance(estimator, xgboost.XGBClassifier | xgboost.XGBRegressor)


def _refused(fact: str, hint: str) -> ShipwayError:
    return ShipwayError("SW-501", f"the XGBoost model {fact}", hint)

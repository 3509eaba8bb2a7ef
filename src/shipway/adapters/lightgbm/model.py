"""LightGBM's boosters as text, in and out."""

import re
from typing import Any, Final, cast

import lightgbm
import numpy as np
from lightgbm.basic import LightGBMError
from numpy.typing import NDArray
from sklearn.exceptions import NotFittedError

from shipway.adapters.lightgbm.text import count_classes, normalise_text, read_header, read_kind, read_link, write_class
from shipway.core.error import ShipwayError
from shipway.core.label import MOST_CLASSES, SAID, LabelKind
from shipway.core.tensor import PREDICTED, Tensors, read_matrix

_LINEAR: Final = re.compile(r"^is_linear=1$", re.MULTILINE)
_TRAIN: Final[dict[LabelKind | None, str]] = {
    "condition": 'the label is a condition: train it with objective="binary"',
    "number": 'the label is a number: train it with objective="regression", or another one for numbers',
    "class": 'the label is a class: train it with objective="multiclass", whose probabilities sum to one',
    None: 'train it with objective="binary", or with "regression" where the label is a number',
}
_NO_PANDAS: Final = re.compile(r"^pandas_categorical:(null|\[\])$", re.MULTILINE)


class LightgbmPredictor:
    """A loaded booster."""

    def __init__(
        self,
        booster: lightgbm.Booster,
        threads: int,
        kind: LabelKind,
        steepness: float | None = None,
        classes: int = 0,
    ) -> None:
        """Wrap a booster.

        Args:
            booster: what predicts.
            threads: how many it may use.
            kind: of the label that it predicts.
            steepness: what a raw score is multiplied by to be log-odds, or the number; None where what columns add to
                these is not known.
            classes: how many it tells apart; 0 where its label is none.
        """
        # Its type for a prediction depends on libraries that need not be there.
        self._booster: Final[Any] = booster
        self._threads = threads
        self._steepness = steepness
        self._classes = classes
        self.predicts: Final[LabelKind | None] = kind
        self._name: Final = PREDICTED[kind]
        self.single: Final = False

    def predict(self, x: NDArray[np.float64] | NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the probability that the label is true, the number, or the probability of each class.

        Raises:
            ShipwayError: SW-202 if the rows do not have the model's columns.
        """
        self._check_columns(x)
        if not len(x):
            return np.empty((0, self._classes) if self._classes else 0)
        said = np.asarray(self._booster.predict(x, num_threads=self._threads), dtype=np.float64)
        # Two classes are learned as a condition is: what is said is the probability of the second.
        return np.column_stack([1.0 - said, said]) if self._classes and said.ndim == 1 else said

    def contribute(self, x: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Return what each column adds to the log-odds, to the number or to the score of each class, the baseline last.

        It is None for a random forest, for linear leaves, and for a number that is made of what the trees add up to, as
        the exponential of it is for counts.

        Raises:
            ShipwayError: SW-202 if the rows do not have the model's columns.
        """
        columns = self._check_columns(x)
        if self._steepness is None:
            return None
        shape = (len(x), self._classes, columns + 1) if self._classes else (len(x), columns + 1)
        if not len(x):
            return np.empty(shape)
        added = np.asarray(self._booster.predict(x, pred_contrib=True, num_threads=self._threads), dtype=np.float64)
        added *= self._steepness
        if not self._classes:
            return added
        scores = added.reshape(shape) if added.shape[1] != columns + 1 else np.stack([-added / 2, added / 2], axis=1)
        return scores - scores.mean(axis=1, keepdims=True)

    def infer(self, inputs: Tensors) -> dict[str, NDArray[np.float64]]:
        """Return what is predicted, by its name; SW-202 for anything but rows of the model's columns."""
        return {self._name: self.predict(read_matrix(inputs))}

    def _check_columns(self, x: NDArray[Any]) -> int:
        columns: int = self._booster.num_feature()
        if x.ndim != 2 or x.shape[1] != columns:
            hint = "give one row for each prediction, with the columns the model was trained on in their order"
            raise ShipwayError("SW-202", f"the model reads {columns} columns and was given shape {x.shape}", hint)
        return columns


class LightgbmFormat:
    """LightGBM models of a condition, a number or a class; it answers the port `ModelFormat`.

    The native form is the text of `Booster.model_to_string` without the parameters of the run; LightGBM reads it back
    to the bit and it runs no code. A category is its whole-number code; a code that no tree saw, and a missing one, go
    the way LightGBM sends them in both forms of the model.
    """

    name = "lightgbm"
    ending = "txt"

    def __init__(self, *, threads: int = 1) -> None:
        """Keep the number of threads a prediction may use, which never changes its result."""
        self._threads = threads

    def accepts(self, estimator: object) -> bool:
        """Tell whether an estimator is a Booster, an LGBMClassifier or an LGBMRegressor."""
        return isinstance(estimator, lightgbm.Booster) or _is_wrapper(estimator)

    def dump(self, estimator: object, kind: LabelKind | None = None) -> bytes:
        """Return the model as text; after early stopping up to its best iteration, as it predicts itself.

        Raises:
            ShipwayError: SW-501 if it is not fitted, predicts no label of that kind or one of more classes than there
                can be, or was trained on a pandas table with category columns, whose codes only pandas knows.
        """
        text = normalise_text(_booster_of(estimator).model_to_string())
        if kind == "class" and read_kind(text) == "condition":
            text = write_class(text)
        found = read_kind(text)
        if found is None or found != (kind or found):
            objective = read_header(text).get("objective", "its own objective").split(" ")[0]
            said = "a probability, a number or classes" if kind is None else SAID[kind]
            raise _refused(f"predicts {objective}, not {said}", _TRAIN[kind])
        if found == "class" and (count := count_classes(text)) > MOST_CLASSES:
            raise _refused(f"tells {count} classes apart, and a label has at most {MOST_CLASSES}", "train it for fewer")
        if _NO_PANDAS.search(text) is None:
            raise _refused(
                "was trained on a pandas table with category columns",
                "train it on frame.x with categorical_feature=frame.category_columns",
            )
        return text.encode()

    def load(self, data: bytes) -> LightgbmPredictor:
        """Return a predictor from the text; SW-502 if the bytes are not one."""
        booster, text = _read_booster(data), data.decode()
        kind = read_kind(text)
        assert kind is not None, "it was read as a model of one"
        return LightgbmPredictor(booster, self._threads, kind, _read_steepness(text), count_classes(text))

    def to_onnx(self, data: bytes, columns: int) -> bytes:
        """Convert the text to ONNX trees that decide as LightGBM does on every row of single-precision numbers.

        Raises:
            ShipwayError: SW-501 if the model reads another number of columns or has parts that ONNX cannot carry,
                SW-502 if the bytes are not a model.
        """
        booster = _read_booster(data)
        if booster.num_feature() != columns:
            raise _refused(
                f"reads {booster.num_feature()} columns, not {columns}", "train it on every column of frame.x"
            )
        # Predicting with the native form needs none of the libraries that convert.
        from shipway.adapters.lightgbm.conversion import convert_text

        return convert_text(data.decode(), columns)


def _booster_of(estimator: object) -> lightgbm.Booster:
    try:
        booster = cast("lightgbm.LGBMModel", estimator).booster_ if _is_wrapper(estimator) else estimator
    except NotFittedError as error:
        raise _refused("is not fitted", "return the estimator after fit()") from error
    if not isinstance(booster, lightgbm.Booster):
        raise _refused(f"is a {type(estimator).__name__}", "return a Booster, an LGBMClassifier or an LGBMRegressor")
    if booster.num_trees() == 0:
        raise _refused("has no trees", "train it for at least one round")
    return booster


def _is_wrapper(estimator: object) -> bool:
    return isinstance(estimator, lightgbm.LGBMClassifier | lightgbm.LGBMRegressor)


def _read_steepness(text: str) -> float | None:
    """Return what makes log-odds of a raw score, the sigmoid's parameter, or the number, which it is itself.

    A random forest averages in a scale of its own, of linear leaves LightGBM 4 knows no contributions, and with another
    link a raw score is no number of the label's.
    """
    header, link = read_header(text), read_link(text)
    if "average_output" in header or _LINEAR.search(text) is not None:
        return None
    if link != "logistic":
        return 1.0 if link in ("identity", "softmax") else None
    words = dict(word.split(":", 1) for word in header["objective"].split(" ")[1:] if ":" in word)
    return float(words.get("sigmoid", 1.0))


def _read_booster(data: bytes) -> lightgbm.Booster:
    try:
        text = data.decode()
        if not (text.startswith("tree\n") and "\n\nend of trees\n" in text and read_link(text)):
            raise ValueError("it lacks the frame of one")
        return lightgbm.Booster(model_str=normalise_text(text))
    except (ValueError, LightGBMError) as error:
        hint = "fetch the bundle again, or make it again with --force"
        raise ShipwayError("SW-502", f"these bytes are not a LightGBM model ({error})", hint) from error


def _refused(fact: str, hint: str) -> ShipwayError:
    return ShipwayError("SW-501", f"the LightGBM model {fact}", hint)

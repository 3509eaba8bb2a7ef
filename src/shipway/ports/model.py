"""The ports of model libraries: a format turns an estimator into bytes and back, a runtime runs the portable form."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Predictor(Protocol):
    """Anything that gives a probability for each row."""

    def predict(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability that the label is true.

        Args:
            x: features, shape (rows, columns); a missing value is NaN, a category is its integer code.

        Returns:
            Probabilities of shape (rows,).
        """
        ...


class ModelFormat(Protocol):
    """The native form of one library's estimators, as bytes that are safe to load.

    Contract (the conformance suite `shipway.testing.model` checks it):
        * `load(dump(e))` predicts what `e` predicts: to the bit where the native form is the library's own, within
          single precision where it is the portable graph. `dump` gives equal bytes for equal estimators.
        * `load` runs no code from the bytes: no pickle.
        * `to_onnx` gives a graph with one float32 input of shape (rows, columns); equal bytes for equal input.
    """

    name: str
    ending: str

    def accepts(self, estimator: object) -> bool:
        """Tell whether an estimator is one of this library's."""
        ...

    def dump(self, estimator: object) -> bytes:
        """Return the estimator's native form.

        Raises:
            ShipwayError: SW-501 if it is not fitted, or not a binary classifier.
        """
        ...

    def load(self, data: bytes) -> Predictor:
        """Return a predictor from the native form; SW-502 if the bytes are not one."""
        ...

    def to_onnx(self, data: bytes, columns: int) -> bytes:
        """Convert the native form to ONNX.

        Raises:
            ShipwayError: SW-501 if the model does not convert.
        """
        ...


class Runtime(Protocol):
    """An engine for portable models."""

    name: str

    def load(self, data: bytes) -> Predictor:
        """Return a predictor for an ONNX graph; SW-502 if the bytes are not one."""
        ...

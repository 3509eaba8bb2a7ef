"""One class of a model of classes as a model of a condition, for whatever explains models of conditions."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shipway.core.label import LabelKind
from shipway.core.tensor import Tensors
from shipway.ports.model import Contributing, Predictor

Floats = NDArray[np.float64]

_EDGE = 1e-9
"""Probabilities nearer to 0 than this have the logarithm of this."""


@dataclass(frozen=True, slots=True, eq=False)
class OneClass:
    """What a model of classes says of one of them; it is a `Predictor` of a condition, and `Contributing`.

    Attributes:
        whole: the model of all classes.
        code: which class, as its place among them.
    """

    whole: Predictor
    code: int

    @property
    def predicts(self) -> LabelKind:
        """Tell that `predict` says how probable a condition is: that it is the class."""
        return "condition"

    @property
    def single(self) -> bool:
        """Tell whether the model computes in single precision."""
        return self.whole.single

    def infer(self, inputs: Tensors) -> dict[str, NDArray[np.generic]]:
        """Return what the whole model says."""
        return self.whole.infer(inputs)

    def predict(self, x: NDArray[np.float64] | NDArray[np.float32]) -> Floats:
        """Return the probability of the class, shape (rows,)."""
        return np.ascontiguousarray(self.whole.predict(x)[:, self.code])

    def contribute(self, x: Floats) -> Floats | None:
        """Return what each column adds to the log-ratio of the class, and last the baseline; None where nobody knows.

        Returns:
            Shape (rows, columns + 1).
        """
        added = self.contribute_all(x)
        return None if added is None else np.ascontiguousarray(added[:, self.code])

    def contribute_all(self, x: Floats) -> Floats | None:
        """Return what `contribute` does for every class, shape (rows, classes, columns + 1); None where nobody knows.

        The softmax of the sums over the last axis is what the whole model predicts.
        """
        return self.whole.contribute(x) if isinstance(self.whole, Contributing) else None

    def centre(self, x: Floats) -> Floats:
        """Return the log-ratio of the class: the logarithm of its probability less the mean of those of all classes.

        It is the centred log-ratio of Aitchison 1986, "The Statistical Analysis of Compositional Data", section 4.6:
        what `contribute` adds up to.

        Returns:
            Shape (rows,), nats.
        """
        logs = np.log(np.maximum(self.whole.predict(x), _EDGE))
        return logs[:, self.code] - logs.mean(axis=1)

    def find_baseline(self, x: Floats) -> float:
        """Return the probability of the class in a row whose columns add nothing; `x` is any row that is not empty."""
        added = self.contribute_all(x[:1])
        assert added is not None, "only what the library knows starts from a log-ratio"
        odds = np.exp(added[0, :, -1] - added[0, :, -1].max())
        return float(odds[self.code] / odds.sum())

"""What kinds of labels there are, what a model says of each, and what it loses where something else happens."""

import sys
from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

LabelKind: TypeAlias = Literal["condition", "number"]
"""`condition`: it comes true or not, and a model says how probable that is. `number`: a model says which one."""
SAID: Final[dict[LabelKind, str]] = {"condition": "a probability", "number": "a number"}
"""What a model says of a label of each kind, as people read it."""
LOSS: Final[dict[LabelKind, str]] = {"condition": "log loss", "number": "absolute error"}
"""What one prediction of a label of each kind loses, as people read it; `maths.loss.loss_of` measures it."""
MEAN: Final[dict[LabelKind, str]] = {"condition": "rate", "number": "mean"}
"""What the mean of labels of each kind is called among facts."""
RANGE: Final[dict[LabelKind, tuple[float, float]]] = {
    "condition": (0.0, 1.0),
    "number": (-sys.float_info.max, sys.float_info.max),
}
"""The least and the greatest that a prediction of each kind can be: any finite number, and never NaN."""
NONE_SAID: Final[dict[LabelKind, str]] = {"condition": "no probability", "number": "no finite number"}
"""What is beyond that range, as people read it."""


def kind_of(labels: NDArray[Any]) -> LabelKind:
    """Return what kind of labels an array holds: Boolean ones are conditions."""
    return "condition" if labels.dtype == np.bool_ else "number"


def read_kind(training: Mapping[str, Any]) -> LabelKind:
    """Return the kind of label that a version learned; what says nothing is from when there was one kind.

    Args:
        training: what training saw, as a version's manifest keeps it.
    """
    return training.get("label", "condition")


def is_prediction(kind: LabelKind, value: float) -> bool:
    """Tell whether a number is one that can be said of a label of a kind."""
    low, high = RANGE[kind]
    return low <= value <= high


def say_mean(training: Mapping[str, Any]) -> str:
    """Return the mean of the labels that a version learned from as one clause; empty where nobody knows it.

    Args:
        training: what training saw, as a version's manifest keeps it.
    """
    if "rate" in training:
        return f"{float(training['rate']):.1%} of them true"
    return f"{float(training['mean']):.4g} on average" if "mean" in training else ""

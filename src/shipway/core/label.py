"""What kinds of labels there are, what a model says of each, and what it loses where something else happens."""

import sys
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

LabelKind: TypeAlias = Literal["condition", "number", "class"]
"""`condition`: it comes true or not, and a model says how probable that is. `number`: a model says which one. `class`:
it is one of several texts, and a model says how probable each of them is."""
SCALAR: Final[frozenset[LabelKind]] = frozenset({"condition", "number"})
"""Those of which a model says one number a row; of a class it says one for each class."""
MOST_CLASSES: Final = 64
"""More different texts than these are no classes: as many places of a prediction are logged as columns."""
LONGEST_CLASS: Final = 200
"""Characters of a text that is a class; it stands in manifests, in answers and in the names of columns."""
SAID: Final[dict[LabelKind, str]] = {
    "condition": "a probability",
    "number": "a number",
    "class": "a probability of each class",
}
"""What a model says of a label of each kind, as people read it."""
LOSS: Final[dict[LabelKind, str]] = {"condition": "log loss", "number": "absolute error", "class": "log loss"}
"""What one prediction of a label of each kind loses, as people read it; `maths.loss.loss_of` measures it."""
MEAN: Final[dict[LabelKind, str]] = {"condition": "rate", "number": "mean", "class": "shares"}
"""What the mean of labels of each kind is called among facts; of classes it is one number for each."""
RANGE: Final[dict[LabelKind, tuple[float, float]]] = {
    "condition": (0.0, 1.0),
    "number": (-sys.float_info.max, sys.float_info.max),
    "class": (0.0, 1.0),
}
"""The least and the greatest that a number of a prediction of each kind can be: any finite one, and never NaN."""
ROUNDING: Final = 1e-5
"""How far the probability of a class may lie beyond 0 and 1: they are sums in single precision."""
UNWRITTEN: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Categories of characters that are control codes, halves of characters, or the ends of lines and paragraphs."""
_SUM_TOLERANCE: Final = 1e-4
"""What a portable form may be off by: a classifier that adds up logarithms is, by half of it in single precision."""
NONE_SAID: Final[dict[LabelKind, str]] = {
    "condition": "no probability",
    "number": "no finite number",
    "class": "no probability of each class",
}
"""What is beyond that range, as people read it."""


def kind_of(labels: NDArray[Any]) -> LabelKind:
    """Return what kind of labels an array holds: Boolean ones are conditions, whole numbers the codes of classes."""
    if labels.dtype == np.bool_:
        return "condition"
    return "class" if np.issubdtype(labels.dtype, np.integer) else "number"


def read_kind(training: Mapping[str, Any]) -> LabelKind:
    """Return the kind of label that a version learned; what says nothing is from when there was one kind.

    Args:
        training: what training saw, as a version's manifest keeps it.
    """
    return training.get("label", "condition")


def read_classes(training: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the classes that a version learned, in the order of their codes; none where its label has no classes.

    Args:
        training: what training saw, as a version's manifest keeps it.
    """
    return tuple(training.get("classes", ()))


def find_unnameable(classes: Iterable[str]) -> str:
    """Return what keeps a text from being a class, as a clause; empty where nothing does.

    Args:
        classes: the texts.
    """
    for name in classes:
        if not name.strip():
            return "one of its texts is empty, and a class has a name; null is a row without an outcome"
        if len(name) > LONGEST_CLASS:
            return f"{name[:20]!r}... has {len(name):,} characters, and a class has at most {LONGEST_CLASS}"
        if any(unicodedata.category(each) in UNWRITTEN for each in name):
            return f"{name!r} has a control character, and a class is one line of text"
    return ""


def sums_to_one(p: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell of each row whether its probabilities sum to one, as far as single precision knows.

    Those of what says of each class alone how probable it is, against all others, do not.

    Args:
        p: shape (rows, classes).

    Returns:
        Shape (rows,); false where one of them is NaN.
    """
    return np.abs(p.sum(axis=1, dtype=np.float64) - 1.0) <= _SUM_TOLERANCE


def find_no_predictions(kind: LabelKind, said: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which rows have no prediction that can be said of a label of a kind.

    Args:
        kind: of the label.
        said: shape (rows,), of classes (rows, classes).
    """
    low, high = RANGE[kind]
    if kind != "class":
        return ~((said >= low) & (said <= high))
    return ~(is_probability(said).all(axis=1) & sums_to_one(said))


def is_probability(p: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell of each number whether it is the probability of a class, as far as single precision knows; NaN is none."""
    return (p >= -ROUNDING) & (p <= 1 + ROUNDING)


def say_shares(training: Mapping[str, Any]) -> str:
    """Return the classes that a version learned and the share of each, in the order of their codes; else nothing.

    Args:
        training: what training saw, as a version's manifest keeps it.
    """
    pairs = zip(read_classes(training), training.get("shares", ()), strict=False)
    return ", ".join(f"{name!r} {float(share):.1%}" for name, share in pairs)


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
    if "mean" in training:
        return f"{float(training['mean']):.4g} on average"
    if "shares" not in training:
        return ""
    classes, shares = read_classes(training), tuple(map(float, training["shares"]))
    often = max(range(len(shares)), key=shares.__getitem__)
    return f"{shares[often]:.1%} of them {classes[often]!r}, the most frequent of {len(classes)} classes"

"""LightGBM's model text: what of it is the model, and the same model with thresholds that single precision can carry.

The text is described by what writes it, `Tree::ToString` and `GBDT::SaveModelToString` of LightGBM 4; the meaning of a
decision is that of `Tree::NumericalDecision` and `Tree::CategoricalDecision` there.
"""

import re
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from shipway.core.error import ShipwayError
from shipway.core.label import LabelKind

Link: TypeAlias = Literal["logistic", "softmax", "identity", "exponential", "square"]
"""What makes of raw scores what is predicted: `square` squares one and keeps its sign."""
_LINKS: Final[dict[str, Link]] = {
    "binary": "logistic",
    "multiclass": "softmax",
    **dict.fromkeys(("regression", "regression_l1", "huber", "fair", "quantile", "mape"), "identity"),
    **dict.fromkeys(("poisson", "gamma", "tweedie"), "exponential"),
}
"""Objectives that predict a condition, a class or a number, as the text names them (`ConvertOutput` in LightGBM 4)."""
_PARAMETERS: Final = re.compile(r"^parameters:\n.*?^end of parameters\n\n?", re.MULTILINE | re.DOTALL)
_TREE_SIZES: Final = re.compile(r"^tree_sizes=.*\n", re.MULTILINE)
_OF_CLASS: Final = "label=class"
"""Field of a model of two classes, which learns as one of a condition does and says how probable each of them is."""
_CATEGORICAL: Final = 1
_DEFAULT_LEFT: Final = 2
_MISSING_ZERO: Final = 4
_MISSING_NAN: Final = 8
_MISSING: Final = 12
_ZERO: Final = np.float32(1e-35)
"""LightGBM reads a value no farther from zero than this as zero (`kZeroThreshold`, and the row reader of its C API)."""


def normalise_text(text: str) -> str:
    """Return the text without the parameters of the run that made it, and without the sizes of its trees.

    No parameter takes part in a prediction, and threads and paths differ between runs that learn the same trees. By the
    sizes LightGBM reads trees in parallel, and there a damaged tree ends the process; without them it is an error.
    """
    return _TREE_SIZES.sub("", _PARAMETERS.sub("", text))


def read_header(text: str) -> dict[str, str]:
    """Return the fields before the first tree; one without a value, such as `average_output`, stands as empty text."""
    head = text.split("\n\n", 1)[0]
    return {key: value for key, _, value in (line.partition("=") for line in head.splitlines())}


def read_link(text: str) -> Link | None:
    """Return the link of a model that predicts a condition, a class or a number; None for any other."""
    header = read_header(text)
    name, *words = header.get("objective", "").split(" ")
    link = _LINKS.get(name)
    if (header.get("num_class") == "1") == (link == "softmax"):
        return None
    return "square" if link == "identity" and "sqrt" in words else link


def read_kind(text: str) -> LabelKind | None:
    """Return which kind of label a model predicts; None where it predicts none."""
    match read_link(text):
        case None:
            return None
        case "softmax":
            return "class"
        case "logistic":
            return "class" if _OF_CLASS in text.split("\n\n", 1)[0].splitlines() else "condition"
        case _:
            return "number"


def count_classes(text: str) -> int:
    """Return how many classes a model tells apart; 0 where its label is none."""
    if read_kind(text) != "class":
        return 0
    return int(read_header(text)["num_class"]) if read_link(text) == "softmax" else 2


def write_class(text: str) -> str:
    """Return the text of a model of a condition as one of two classes; LightGBM reads past the field that says so."""
    head, rest = text.split("\n\n", 1)
    return f"{head}\n{_OF_CLASS}\n\n{rest}"


def narrow_text(text: str) -> str:
    """Rewrite a model's text so that its trees decide alike in double and in single precision.

    The model stays the same function on every row whose values are single-precision numbers or missing:

    * `x <= t` with such an x is `x <= s` with s the greatest single-precision number that is at most t;
    * a value within 1e-35 of zero is read as zero, so that a threshold in there lies at one end or beyond the other;
    * where a missing value is read as zero (`use_missing=false`), it goes the way zero goes, and is said to;
    * a sigmoid other than 1 and the average of a random forest are multiplied into the leaves;
    * a model of a number is one of its raw score, without the link.

    Args:
        text: the text as `normalise_text` gives it, of a model that `read_link` knows.

    Returns:
        The text with other thresholds, decision types and leaves, and an objective that converters know.

    Raises:
        ShipwayError: SW-501 for linear leaves and for zeros read as missing, which single-precision trees cannot say.
    """
    scale, objective = _leaf_scale(text), _name_objective(text)
    lines = [line for line in text.splitlines() if line != "average_output"]
    threshold_at = 0
    for at, line in enumerate(lines):
        key, _, value = line.partition("=")
        if key == "objective":
            lines[at] = f"objective={objective}"
        elif key == "threshold":
            threshold_at = at
        elif key == "decision_type":
            threshold, decision = _narrow_nodes(_floats(lines[threshold_at].partition("=")[2]), value)
            lines[threshold_at] = f"threshold={_join(threshold)}"
            lines[at] = f"decision_type={' '.join(str(d) for d in decision)}"
        elif key == "leaf_value" and scale != 1.0:
            lines[at] = f"leaf_value={_join(_floats(value) * scale)}"
        elif line == "is_linear=1":
            raise _unsupported("has linear models in its leaves", "train it with linear_tree=False")
    return "\n".join(lines) + "\n"


def narrow_threshold(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the thresholds that decide on single-precision numbers as these do in LightGBM, shape kept."""
    below = np.nextafter(-_ZERO, np.float32(-np.inf))
    near_zero = np.where(values >= 0.0, float(_ZERO), float(below))
    return np.where(np.abs(values) <= _ZERO, near_zero, floor_single(values))


def floor_single(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return for each number the greatest single-precision number that is at most it, shape kept."""
    with np.errstate(over="ignore"):
        near = values.astype(np.float32)
        above = near.astype(np.float64) > values
        near[above] = np.nextafter(near[above], np.float32(-np.inf))
    return near.astype(np.float64)


def _name_objective(text: str) -> str:
    match read_link(text):
        case "logistic":
            return "binary sigmoid:1"
        case "softmax":
            return f"multiclass num_class:{count_classes(text)}"
        case _:
            return "regression"


def _leaf_scale(text: str) -> float:
    header = read_header(text)
    sigmoid = re.search(r"sigmoid:(\S+)", header["objective"])
    scale = float(sigmoid[1]) if sigmoid else 1.0
    if "average_output" in header:
        scale *= int(header["num_tree_per_iteration"]) / len(re.findall(r"^Tree=", text, re.MULTILINE))
    return scale


def _narrow_nodes(threshold: NDArray[np.float64], decisions: str) -> tuple[NDArray[np.float64], list[int]]:
    decision = np.asarray(decisions.split(), dtype=np.int64)
    # A categorical node's threshold is the number of its bit set; it is missing to the right, always.
    categorical = (decision & _CATEGORICAL).astype(np.bool_)
    missing = decision & _MISSING
    if np.any(~categorical & (missing == _MISSING_ZERO)):
        raise _unsupported("reads zeros as missing", "train it with zero_as_missing=False")
    as_zero = np.where(threshold >= 0.0, _DEFAULT_LEFT, 0)
    left = np.where(missing == 0, as_zero, decision & _DEFAULT_LEFT)
    narrowed = np.where(categorical, _CATEGORICAL, left | _MISSING_NAN)
    return np.where(categorical, threshold, narrow_threshold(threshold)), [int(d) for d in narrowed]


def _floats(text: str) -> NDArray[np.float64]:
    return np.asarray(text.split(), dtype=np.float64)


def _join(values: NDArray[np.float64]) -> str:
    return " ".join(repr(float(v)) for v in values)


def _unsupported(fact: str, hint: str) -> ShipwayError:
    return ShipwayError("SW-501", f"the LightGBM model {fact}, which ONNX trees cannot carry", hint)

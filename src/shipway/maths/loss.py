"""What each prediction loses by what happened: one loss for each kind of label.

It is what averages are compared by wherever two sets of predictions of one label meet: a candidate and the version in
service, two versions of one service, labels that came early and all of them.
"""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from shipway.maths.metric import per_row_log_loss
from shipway.maths.multiclass import per_row_class_loss

Floats = NDArray[np.float64]


def loss_of(kind: Literal["condition", "number", "class"], y: NDArray[Any], p: Floats) -> Floats:
    """Return what each row's prediction loses: the log loss of a condition or a class, the absolute error of a number.

    The absolute error is in the unit of the label, and its mean is least at the median (Gneiting 2011, "Making and
    Evaluating Point Forecasts", J. Am. Statist. Assoc. 106): one label that is far out moves it by no more than its own
    distance.

    Args:
        kind: of the label.
        y: what happened: bool[n] or 0 and 1 for a condition, float64[n] for a number, int64[n] from 0 to k - 1 for a
            class.
        p: float64[n], the probability that it comes true, or the number it was said to be; for a class float64[n, k],
            the probability of each.

    Returns:
        float64[n]: nats, or the unit of the label.

    Raises:
        ValueError: for no rows, columns of different length, a label that is not of its kind, a probability outside
            [0, 1], and a number that is not finite.
    """
    if kind == "condition":
        return per_row_log_loss(y, p)
    if kind == "class":
        return per_row_class_loss(y, p)
    happened = y.astype(np.float64)
    if y.ndim != 1 or y.shape != p.shape or not y.size:
        raise ValueError(f"y {y.shape} and p {p.shape} are not two columns of one length with rows")
    if not (np.isfinite(happened).all() and np.isfinite(p).all()):
        raise ValueError("a label or a prediction is not finite")
    return np.abs(p - happened)

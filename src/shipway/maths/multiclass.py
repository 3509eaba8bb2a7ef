"""Metrics of a classifier of several classes, each with the influence of its rows.

Throughout, `y` is int64[n], the class of each row from 0 to k - 1, and `p` is float64[n, k], the probability of each
class. The predicted class is the one with the greatest probability, the first of equal ones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shipway.maths.influence import Influence, combine, influence_of_mean, influence_of_ratio, scale
from shipway.maths.interval import least_variance
from shipway.maths.metric import auc, auc_influence

Ints = NDArray[np.integer[Any]]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_CLIP = 1e-15


def accuracy(y: Ints, p: Floats) -> Influence:
    """Return the share of rows whose class was predicted."""
    _check(y, p)
    return influence_of_mean((p.argmax(axis=1) == y).astype(np.float64), share=True)


def top_accuracy(y: Ints, p: Floats, first: int) -> Influence:
    """Return the share of rows whose class is among the first most probable ones; of equal ones the earlier is first.

    Raises:
        ValueError: also if `first` is not at least 1.
    """
    _check(y, p)
    if first < 1:
        raise ValueError(f"the first {first} classes are none")
    given = p[np.arange(y.size), y]
    earlier: Bools = np.tile(np.arange(p.shape[1], dtype=np.int64), (y.size, 1)) < y[:, None]
    before: Ints = np.count_nonzero((p > given[:, None]) | ((p == given[:, None]) & earlier), axis=1)
    return influence_of_mean((before < first).astype(np.float64), share=True)


def confidence_gap(y: Ints, p: Floats) -> Influence:
    """Return the mean probability of the class that was predicted less the share of rows in which it was right."""
    right, confidence = read_chosen(y, p)
    return influence_of_mean(confidence - right)


def log_loss(y: Ints, p: Floats) -> Influence:
    """Return the mean of minus the logarithm of the probability given to the class that happened, nats.

    Probabilities of 0 count as 1e-15, as in `shipway.maths.metric`.
    """
    return influence_of_mean(per_row_class_loss(y, p))


def per_row_class_loss(y: Ints, p: Floats) -> Floats:
    """Return minus the logarithm of the probability that each row's class was given, float64[n], nats.

    Raises:
        ValueError: for no rows, columns that do not go together, a class that is none of the k, and something outside
            [0, 1].
    """
    _check(y, p)
    given: Floats = p[np.arange(y.size), y]
    return -np.log(np.maximum(given, _CLIP))


def spread_classes(p: Floats, said: Sequence[str], classes: Sequence[str]) -> Floats:
    """Return the probabilities of some classes as those of others too, of which each has none: float64[n, m].

    Args:
        p: float64[n, k].
        said: the k classes that its columns stand for.
        classes: the m classes that the returned columns stand for; all of the k are among them.
    """
    places = {name: place for place, name in enumerate(classes)}
    spread = np.zeros((len(p), len(classes)))
    spread[:, [places[name] for name in said]] = p
    return spread


def per_row_known_loss(y: Ints, p: Floats, known: Bools, elsewhere: float) -> Floats:
    """Return what a model loses at some of its classes, for rows of these, float64[n], nats.

    A model that knows a class more than another is compared at the classes that both know. By the chain rule its log
    loss is -log(p_y / s) - log s, where s is what it gives to those in a row. The first term is what the other can be
    asked too. The second is charged where it is greater on average than for a model that gave 1 - `elsewhere` in every
    row, and nothing is won where it is less: so knowing more neither costs anything nor makes up for what is worse
    elsewhere, and certainty of another class where there is none is paid for.

    Of a calibrated model the second term is never greater in expectation, whether or not labels of other classes have
    come: rows of known classes come in proportion to s, and s log(1 / s) is concave (Jensen's inequality).

    Args:
        y: classes that happened, all of them known.
        p: the probability of each class.
        known: bool[k], the classes that are compared.
        elsewhere: what the model gives to all others, on average over all rows that it was asked about.

    Raises:
        ValueError: as `accuracy`, and for a class that is not known.
    """
    whole = per_row_class_loss(y, p)
    if not known[y].all():
        raise ValueError("y holds a class that is not compared")
    left = np.where(p[:, ~known].any(axis=1), p[:, known].sum(axis=1), 1.0)
    beyond = -np.log(np.maximum(left, _CLIP))
    charged = beyond + np.log(max(1 - elsewhere, _CLIP))
    return whole - beyond + (charged if charged.mean() > 0 else 0.0)


def read_class(y: Ints, p: Floats, code: int, *, chosen: bool = False) -> tuple[Bools, Floats]:
    """Return one class against the rest, as a condition: where it happened, and how probable it was said to be.

    Args:
        y: what happened.
        p: the probability of each class.
        code: which class.
        chosen: give 1 where it is the predicted class and 0 elsewhere, in place of its probability.

    Returns:
        bool[n] and float64[n].
    """
    said = (p.argmax(axis=1) == code).astype(np.float64) if chosen else np.ascontiguousarray(p[:, code])
    return np.asarray(y == code), said


def read_chosen(y: Ints, p: Floats) -> tuple[Bools, Floats]:
    """Return the predicted class as a condition: where it was the one that happened, and how probable it was said.

    Calibration of what is decided on is that of these two (Guo, Pleiss, Sun and Weinberger 2017, "On Calibration of
    Modern Neural Networks", section 2).

    Returns:
        bool[n] and float64[n].
    """
    _check(y, p)
    return np.asarray(p.argmax(axis=1) == y), p.max(axis=1)


def brier(y: Ints, p: Floats) -> Influence:
    """Return the mean over rows of the squared differences of all classes, summed: 0 to 2 (Brier 1950)."""
    _check(y, p)
    happened = np.eye(p.shape[1], dtype=np.float64)[y]
    distance: Floats = np.square(p - happened).sum(axis=1)
    return influence_of_mean(distance)


def macro_f1(y: Ints, p: Floats) -> Influence:
    """Return the mean over classes of their F1; a class that never occurs and is never predicted is left out."""
    return _mean(dict(_f1_by_class(y, p)))


def weighted_f1(y: Ints, p: Floats) -> Influence:
    """Return the mean over classes of their F1, weighted by how often each occurs; the weights vary with the rows."""
    found = _f1_by_class(y, p)
    weights = [influence_of_mean((y == code).astype(np.float64)) for code, _ in found]
    mean = sum(weight.value * part.value for (_, part), weight in zip(found, weights, strict=True))
    parts: dict[int, Influence] = {}
    for (code, part), weight in zip(found, weights, strict=True):
        weighted = scale(part, weight.value)
        # The weights sum to 1, so a class that comes more often moves the mean by what it is better than the mean.
        parts[code] = replace(weighted, rows=weighted.rows + (part.value - mean) * weight.rows)
    return _add(parts)


def macro_auc(y: Ints, p: Floats) -> Influence:
    """Return the mean over the classes that occur of the area under the ROC curve of each against the rest.

    Raises:
        ValueError: also if one class is all that occurs.
    """
    _check(y, p)
    codes: list[int] = np.unique(y).tolist()
    # Of two classes each says of itself what the other does, and they are known no better for being two.
    return _mean({code: _area(y == code, p[:, code]) for code in (codes[1:] if p.shape[1] == 2 else codes)})


def _area(happened: Bools, said: Floats) -> Influence:
    """Return the area of a class against the rest; one of a single row has no influence on it and is hardly known."""
    rows = int(np.count_nonzero(happened))
    least = least_variance(min(rows, happened.size - rows))
    return Influence(auc(happened, said), auc_influence(happened, said), (happened, ~happened), least, reach=0.5)


def _mean(parts: Mapping[int, Influence]) -> Influence:
    return _add({code: scale(part, 1 / len(parts)) for code, part in parts.items()})


def _add(parts: Mapping[int, Influence]) -> Influence:
    """Return the sum of what classes say, which rests on the rows of each."""
    return replace(
        combine(sum(part.value for part in parts.values()), [(1.0, part) for part in parts.values()]), parts=parts
    )


def confusion(y: Ints, p: Floats) -> NDArray[np.int64]:
    """Return how many rows of each class (first place) were predicted as each class (second place), int64[k, k]."""
    _check(y, p)
    k = p.shape[1]
    return np.bincount(y * k + p.argmax(axis=1), minlength=k * k).reshape(k, k).astype(np.int64, copy=False)


def _f1_by_class(y: Ints, p: Floats) -> list[tuple[int, Influence]]:
    _check(y, p)
    said = p.argmax(axis=1)
    found: list[tuple[int, Influence]] = []
    for code in range(p.shape[1]):
        true, told = y == code, said == code
        if true.any() or told.any():
            both = 2.0 * (true & told)
            part = influence_of_ratio(both, true.astype(np.float64) + told, share=True)
            found.append((code, replace(part, reach=0.5)))
    return found


def _check(y: Ints, p: Floats) -> None:
    if y.ndim != 1 or p.ndim != 2 or len(p) != y.size:
        raise ValueError(f"y {y.shape} and p {p.shape} are not a column and a matrix of equally many rows")
    if not y.size:
        raise ValueError("there are no rows")
    if int(y.min()) < 0 or int(y.max()) >= p.shape[1]:
        raise ValueError(f"y holds something that is none of the {p.shape[1]} classes")
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError("p holds something outside [0, 1]")

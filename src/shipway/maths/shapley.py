"""Shapley values of one prediction: how far each feature moves it from what the model says of other rows.

The game is the interventional one (Janzing, Minorics and Bloebaum 2020, "Feature relevance quantification in
explainable AI"): a coalition of features is worth what the model says on average of rows whose features in the
coalition are those of the row explained, and whose others are those of background rows, each as a whole. So the values
of a row add up to what is said of it less the mean of what is said of the background.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import comb
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Value = Callable[[Floats], Floats]
"""What is explained: rows of shape (m, features) to numbers of shape (m,)."""

MOST_EXACT: Final = 8
"""Features up to which every coalition is worth asking about: there are 2 to the power of them."""
_VALUES: Final = 1 << 22
"""Numbers in the rows of one question at most, 32 MB."""


@dataclass(frozen=True, slots=True, eq=False)
class Shapley:
    """The Shapley values of one row.

    Attributes:
        values: float64[features]; they add up to `said - baseline`, but for rounding.
        errors: float64[features], the standard error of each, 0 where it is exact.
        said: what the model says of the row.
        baseline: the mean of what it says of the background.
        rounds: passes over the background whose orders were drawn; 0 where nothing was.
        settled: whether the errors came down to what was asked for.
    """

    values: Floats
    errors: Floats
    said: float
    baseline: float
    rounds: int = 0
    settled: bool = True


def enumerate_values(value: Value, row: Floats, background: Floats) -> Shapley:
    """Compute Shapley values exactly, over all coalitions (Shapley 1953, "A value for n-person games").

    Args:
        value: what is explained.
        row: float64[features], at most `MOST_EXACT`; a missing value is NaN.
        background: float64[rows, features], at least one row.

    Raises:
        ValueError: for more features, a background without rows, or one of another width.
    """
    _check(row, background)
    features = row.size
    if features > MOST_EXACT:
        raise ValueError(f"{features} features have too many coalitions to ask about each")
    coalitions = (np.arange(1 << features)[:, None] >> np.arange(features)) & 1 == 1
    worth = np.concatenate([_ask(value, row, background, part) for part in _cut(coalitions, len(background))])
    sizes = coalitions.sum(axis=1)
    values = np.empty(features)
    for feature in range(features):
        without = np.flatnonzero(~coalitions[:, feature])
        gained = worth[without + (1 << feature)] - worth[without]
        weights = np.array([1.0 / (features * comb(features - 1, size)) for size in sizes[without]])
        values[feature] = weights @ gained
    return Shapley(values, np.zeros(features), float(worth[-1]), float(worth[0]))


def add_values(value: Value, row: Floats, background: Floats) -> Shapley:
    """Compute the Shapley values of a sum of functions of one feature each, such as a linear model in its log-odds.

    The value of a feature is what it changes by itself, on average over the background (Strumbelj and Kononenko 2014,
    section 3). Where the model is no such sum the values do not add up, which whoever asks has to check.

    Args:
        value: what is explained.
        row: as for `enumerate_values`.
        background: likewise.

    Raises:
        ValueError: for a background without rows, or one of another width.
    """
    _check(row, background)
    alone = np.eye(row.size, dtype=np.bool_)
    baseline = float(value(background).mean())
    worth = np.concatenate([_ask(value, row, background, part) for part in _cut(alone, len(background))])
    return Shapley(worth - baseline, np.zeros(row.size), float(value(row[None])[0]), baseline)


def sample_values(
    value: Value,
    row: Floats,
    background: Floats,
    *,
    tolerance: float,
    most_rounds: int = 24,
    seed: int = 0,
) -> Shapley:
    """Estimate Shapley values from random orders in which a background row turns into the row explained.

    What a feature changes when its turn comes is, on average over orders, its value (Castro, Gomez and Tejada 2009,
    "Polynomial calculation of the Shapley value based on sampling"). Each order is walked forwards and backwards
    (Mitchell, Cooper, Frank and Holmes 2022, "Sampling Permutations for Shapley Value Estimation", section 4), which
    leaves no error where features interact in pairs at most. A round walks from every background row once, so that the
    values add up after each; errors are those of the drawn orders alone, by the variance between rounds within a
    background row.

    Args:
        value: what is explained; it answers alike for a row whatever stands beside it.
        row: as for `enumerate_values`.
        background: likewise.
        tolerance: it is done when the greatest error is at most this share of the greatest value.
        most_rounds: after how many rounds it is done in any case, at least 2.
        seed: where randomness starts.

    Raises:
        ValueError: for a background without rows or one of another width, or fewer than 2 rounds.
    """
    _check(row, background)
    if most_rounds < 2:
        raise ValueError("an error needs two rounds")
    random = np.random.default_rng(seed)
    total, squares = np.zeros(background.shape), np.zeros(background.shape)
    rounds, errors, settled = 0, np.zeros(row.size), False
    while rounds < most_rounds and not settled:
        moved = _walk(value, row, background, random)
        rounds += 1
        # Welford 1962: sums of squares around the mean as it is known by then.
        ahead = moved - total
        total += ahead / rounds
        squares += ahead * (moved - total)
        if rounds >= 2:
            spread = squares.sum(axis=0) / (len(background) * (rounds - 1))
            errors = np.sqrt(np.maximum(spread, 0.0) / (len(background) * rounds))
            settled = bool(errors.max() <= tolerance * np.abs(total.mean(axis=0)).max())
    said = value(np.vstack([row[None], background]))
    return Shapley(total.mean(axis=0), errors, float(said[0]), float(said[1:].mean()), rounds, settled)


def _walk(value: Value, row: Floats, background: Floats, random: np.random.Generator) -> Floats:
    """Return what each feature changed on a walk from each background row and back, of the background's shape."""
    rows, features = background.shape
    every = np.arange(features, dtype=np.int64)
    orders = random.permuted(np.tile(every, (rows, 1)), axis=1)
    moved = np.empty(background.shape)
    at_once = max(1, _VALUES // (2 * (features + 1) * features))
    for start in range(0, rows, at_once):
        part = slice(start, min(start + at_once, rows))
        moved[part] = _walk_some(value, row, background[part], orders[part])
    return moved


def _walk_some(value: Value, row: Floats, background: Floats, orders: NDArray[np.int64]) -> Floats:
    rows, features = background.shape
    place = np.argsort(orders, axis=1)
    steps = np.arange(features + 1, dtype=np.int64)
    # At a step of the way forwards the features whose place is before it are the row's; backwards, those behind it.
    ahead = place[:, None, :] < steps[None, :, None]
    behind = place[:, None, :] >= features - steps[None, :, None]
    turned = np.stack([ahead, behind], axis=1)
    asked = np.where(turned, row, background[:, None, None, :]).reshape(-1, features)
    changes = np.diff(value(asked).reshape(rows, 2, features + 1), axis=2)
    forwards = np.take_along_axis(changes[:, 0], place, axis=1)
    backwards = np.take_along_axis(changes[:, 1], features - 1 - place, axis=1)
    return (forwards + backwards) / 2


def _ask(value: Value, row: Floats, background: Floats, coalitions: NDArray[np.bool_]) -> Floats:
    """Return what each coalition is worth."""
    asked = np.where(coalitions[:, None, :], row, background[None])
    return value(asked.reshape(-1, row.size)).reshape(len(coalitions), len(background)).mean(axis=1)


def _cut(coalitions: NDArray[np.bool_], rows: int) -> Iterator[NDArray[np.bool_]]:
    """Yield coalitions in parts whose rows fit into one question."""
    at_once = max(1, _VALUES // max(1, rows * coalitions.shape[1]))
    for start in range(0, len(coalitions), at_once):
        yield coalitions[start : start + at_once]


def _check(row: Floats, background: Floats) -> None:
    if row.ndim != 1 or not row.size or background.ndim != 2 or background.shape[1] != row.size or not len(background):
        raise ValueError(f"a row of shape {row.shape} cannot be explained against a background of {background.shape}")

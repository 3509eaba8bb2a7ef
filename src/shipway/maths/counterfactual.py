"""The least change of a row for which a model would say otherwise, among values that there are.

Wachter, Mittelstadt and Russell 2017, "Counterfactual explanations without opening the black box", with the distance
that section IV.A leaves open: the share of the rows known that lies between a value and its replacement, which has no
unit and counts a step across many rows as far.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Predict = Callable[[Floats], Floats]

PAIRED: Final = 12
"""Features that are changed in pairs: those whose changes alone come nearest to the other side."""
_HALVINGS: Final = 12


@dataclass(frozen=True, slots=True, eq=False)
class Option:
    """What a feature could have been.

    Attributes:
        column: its place in the row.
        values: float64[k], ascending for a number; none of them is the row's own.
        distances: float64[k], how far each is from the row's.
        ordered: whether what lies between two values could have been as well.
        whole: whether it can be whole numbers only.
    """

    column: int
    values: Floats
    distances: Floats
    ordered: bool
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """A row on the other side.

    Attributes:
        changes: place of a column to what it would have been.
        p: what is said of the row then.
        shares: place of a column to how far that is from what it was.
    """

    changes: Mapping[int, float]
    p: float
    shares: Mapping[int, float]

    @property
    def distance(self) -> float:
        """Return the sum of the distances."""
        return sum(self.shares.values())


def find_counterfactuals(
    predict: Predict, row: Floats, options: list[Option], threshold: float, *, most: int = 3
) -> list[Found]:
    """Find the nearest rows for which a prediction is on the other side of a threshold.

    Every value of every feature is tried by itself, and every two values of the features that come nearest alone. A
    number's change is then shortened as long as the prediction stays on the other side.

    Args:
        predict: float64[m, columns] to probabilities float64[m].
        row: float64[columns].
        options: what could have been otherwise.
        threshold: a prediction above it is on one side, one up to it on the other.
        most: how many are returned at most.

    Returns:
        The nearest first, each with other features than those before it; none where no change crosses.
    """
    above = bool(predict(row[None])[0] > threshold)

    def crosses(p: Floats) -> NDArray[np.bool_]:
        return (p <= threshold) if above else (p > threshold)

    options = [each for each in options if each.values.size]
    if not options:
        return []
    said = [predict(_replace(row, {each.column: each.values})) for each in options]
    found = [
        Found({each.column: float(each.values[at])}, float(p[at]), {each.column: float(each.distances[at])})
        for each, p in zip(options, said, strict=True)
        for at in _nearest(crosses(p), each.distances)
    ]
    reach = [float(p.min() if above else -p.max()) for p in said]
    order = sorted(range(len(options)), key=lambda place: reach[place])[:PAIRED]
    for one, other in combinations(sorted(order), 2):
        found += _try_pair(predict, row, options[one], options[other], crosses)
    by_column = {each.column: each for each in options}
    chosen: list[Found] = []
    for each in sorted(found, key=lambda one: (one.distance, len(one.changes))):
        if not any(set(each.changes) >= set(other.changes) for other in chosen):
            chosen.append(each)
        if len(chosen) == most:
            break
    shortened = [_shorten(predict, row, each, by_column, crosses) for each in chosen]
    return sorted(shortened, key=lambda one: one.distance)


def _try_pair(
    predict: Predict, row: Floats, one: Option, other: Option, crosses: Callable[[Floats], NDArray[np.bool_]]
) -> list[Found]:
    first, second = (grid.ravel() for grid in np.meshgrid(one.values, other.values, indexing="ij"))
    distances = np.add.outer(one.distances, other.distances).ravel()
    p = predict(_replace(row, {one.column: first, other.column: second}))
    places = _nearest(crosses(p), distances)
    return [
        Found(
            {one.column: float(first[at]), other.column: float(second[at])},
            float(p[at]),
            {
                one.column: float(one.distances[at // other.values.size]),
                other.column: float(other.distances[at % other.values.size]),
            },
        )
        for at in places
    ]


def _nearest(there: NDArray[np.bool_], distances: Floats) -> list[int]:
    """Return the place of the nearest value that is there; nothing where none is."""
    places = np.flatnonzero(there)
    return [int(places[np.argmin(distances[places])])] if places.size else []


def _shorten(
    predict: Predict,
    row: Floats,
    found: Found,
    options: Mapping[int, Option],
    crosses: Callable[[Floats], NDArray[np.bool_]],
) -> Found:
    """Move each number back towards the row's own, as far as the prediction stays on the other side."""
    changes, p, shares = dict(found.changes), found.p, dict(found.shares)
    for column, value in found.changes.items():
        own, option = float(row[column]), options[column]
        if not option.ordered:
            continue
        near, far = own, value
        for _ in range(_HALVINGS):
            # Models read single precision, and so does whoever checks this.
            middle = float(np.rint((near + far) / 2)) if option.whole else float(np.float32((near + far) / 2))
            said = predict(
                _replace(row, {**{k: np.array([v]) for k, v in changes.items()}, column: np.array([middle])})
            )
            if middle not in (near, far) and bool(crosses(said)[0]):
                far, p = middle, float(said[0])
            else:
                near = middle
        if value != own:
            shares[column] *= abs(far - own) / abs(value - own)
        changes[column] = far
    return Found(changes, p, shares)


def _replace(row: Floats, columns: Mapping[int, Floats]) -> Floats:
    """Return copies of a row in which some columns have other values."""
    rows = np.repeat(row[None], max(len(values) for values in columns.values()), axis=0)
    for column, values in columns.items():
        rows[:, column] = values
    return rows

"""A short explanation of many overlapping slices: the few whose effects together account for the rest.

One cause shows in hundreds of slices: where flights of one carrier at night went wrong, so did the carrier, the night,
and whatever else those flights have in common. So effects are explained like a signal by few atoms: a row's mean is a
background plus the effects of the chosen slices that hold it, all effects are fitted anew whenever a slice is chosen,
and the next one is where what is left is furthest from chance (orthogonal matching pursuit: Pati, Rezaiifar and
Krishnaprasad 1993; the score is Rao's test of adding one effect to the fitted ones). What a slice shares with those
chosen is all the fit needs, so a step costs one count of that slice's rows, never a look at the others.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shipway.maths.cube import Codes, Cube, count_rows

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Line:
    """One slice of a short explanation.

    Attributes:
        cell: the slice, as a cell of the cube.
        effect: how far the mean of its rows is from the background, the other lines accounted for.
        score: that effect in standard errors.
    """

    cell: int
    effect: float
    score: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """A short explanation: the mean of rows that no line holds, and the lines, the clearest first."""

    background: float
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Effects:
    """What is explained.

    Attributes:
        n: int64[cells], rows of each slice.
        total: float64[cells], what the values of its rows add up to.
        variance: float64[cells], of one row in it; where rows of a cluster depend on each other, what a row adds to the
            variance of the sum.
        may: bool[cells], slices that may be a line.
        rows: all rows.
        overall: what the values of all rows add up to.
    """

    n: Ints
    total: Floats
    variance: Floats
    may: Bools
    rows: int
    overall: float


def explain_slices(
    cube: Cube, codes: Sequence[Codes], effects: Effects, *, most: int = 20, least: float = 4.0
) -> Explanation:
    """Choose the slices that together account for effects above the background.

    Args:
        cube: the slices.
        codes: integer[n] for each column, the level of each row.
        effects: what is known of each slice.
        most: how many lines at most.
        least: how many standard errors a line must stand out by, the others accounted for.

    Returns:
        The lines, the clearest first, and the background that they stand out from.
    """
    shared: dict[int, Ints] = {}

    def within(cell: int) -> Ints:
        if cell not in shared:
            shared[cell] = count_rows(cube, codes, _rows_of(cube, codes, cell))
        return shared[cell]

    places = np.flatnonzero(effects.may)
    chosen: list[int] = []
    while len(chosen) < most:
        score = _score(effects, chosen, places, within)
        if not score.size or score.max() < least:
            break
        chosen.append(int(places[score.argmax()]))
    # A slice that came first may have stood for others, and have nothing of its own once they are there.
    while (explained := _lines(effects, chosen, within)).lines and explained.lines[-1].score < least:
        chosen.remove(explained.lines[-1].cell)
    return explained


def _rows_of(cube: Cube, codes: Sequence[Codes], cell: int) -> Ints:
    inside = np.logical_and.reduce([codes[column] == level for column, level in cube.name(cell)])
    return np.flatnonzero(inside)


def _fit(effects: Effects, chosen: list[int], within: Callable[[int], Ints]) -> tuple[Floats, Floats]:
    """Return the background and the effects of lines by least squares, and the inverse of what they share."""
    gram = np.empty((len(chosen) + 1, len(chosen) + 1))
    gram[0, 0] = effects.rows
    gram[0, 1:] = gram[1:, 0] = effects.n[chosen]
    for at, cell in enumerate(chosen, start=1):
        gram[at, 1:] = within(cell)[chosen]
    inverse: Floats = np.linalg.pinv(gram, hermitian=True).astype(np.float64)
    return inverse @ np.concatenate([[effects.overall], effects.total[chosen]]), inverse


def _score(effects: Effects, chosen: list[int], places: Ints, within: Callable[[int], Ints]) -> Floats:
    """Return how many standard errors each slice stands out by, given the lines."""
    fitted, inverse = _fit(effects, chosen, within)
    share = np.stack([effects.n[places], *(within(cell)[places] for cell in chosen)]).astype(np.float64)
    left = effects.total[places] - fitted @ share
    # Rows of a slice that the lines account for say nothing new of it.
    new = effects.n[places] - np.einsum("is,ij,js->s", share, inverse, share)
    known = new > 1e-6 * effects.n[places]
    return np.where(known, left / np.sqrt(effects.variance[places] * np.where(known, new, 1.0)), -np.inf)


def _lines(effects: Effects, chosen: list[int], within: Callable[[int], Ints]) -> Explanation:
    fitted, inverse = _fit(effects, chosen, within)
    lines = [
        Line(cell, float(fitted[at]), float(fitted[at] / np.sqrt(effects.variance[cell] * inverse[at, at])))
        for at, cell in enumerate(chosen, start=1)
    ]
    return Explanation(float(fitted[0]), tuple(sorted(lines, key=lambda line: -line.score)))

"""Metrics as a number and how much each row moves it, so that one clustered interval serves all of them.

A smooth statistic moves, to first order, by the sum of the influence of its rows (Hampel 1974, "The Influence Curve and
Its Role in Robust Estimation", JASA 69). Here the influence of a row is what it adds to the estimate, so the influences
of all rows sum to 0, and sums per cluster, squared and summed, estimate the variance. Two models on the same rows are
compared by the difference of their influences, which is what makes the comparison a paired one.

How much is known follows from the rows that a statistic rests on, not from all there are: a recall rests on the rows
in which it happened, however many others stand beside them. So do the number of clusters and the degrees of freedom.
A mean over classes rests on each of them, and its degrees of freedom are between that of the scarcest and of all rows.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shipway.maths.code import compact
from shipway.maths.interval import Estimate, least_variance, linearise_ratio

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Codes = NDArray[np.integer[Any]]

_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Influence:
    """A statistic of some rows.

    Attributes:
        value: the statistic.
        rows: float64[n], how much each row moves it, in its unit; they sum to 0.
        over: bool[n] each, the rows it rests on, such as those of a denominator, or each of two classes that are told
            apart, of which the scarcer then decides; empty where it rests on all rows.
        least: its variance is taken to be no less: a perfect score has influences of 0 and is not perfectly known.
        reach: a standard deviation that it cannot exceed, half of what it can be; it is that of a part that lies in one
            cluster, of which nothing else is known.
        parts: what it is a sum of, by a name each, where these rest on rows of their own, such as the classes of a mean
            over them.
    """

    value: float
    rows: Floats
    over: tuple[Bools, ...] = ()
    least: float = 0.0
    reach: float = math.inf
    parts: Mapping[int, "Influence"] = field(default_factory=dict[int, "Influence"])

    @property
    def n(self) -> int:
        """How many rows it rests on."""
        return min((int(np.count_nonzero(each)) for each in self.over), default=self.rows.size)


def influence_of_mean(values: Floats, *, share: bool = False) -> Influence:
    """Return the mean of one value a row.

    Args:
        values: float64[n], finite.
        share: as of `influence_of_ratio`.

    Raises:
        ValueError: if there are no rows or a value is not finite.
    """
    return influence_of_ratio(values, np.ones_like(values), share=share)


def influence_of_ratio(numerator: Floats, denominator: Floats, *, share: bool = False) -> Influence:
    """Return the ratio of two sums; a row moves it by (numerator - ratio denominator) / sum(denominator).

    Args:
        numerator: float64[n], finite.
        denominator: float64[n], finite, such as 1 for the rows that count and 0 for the others, on which the ratio
            then does not rest.
        share: whether it is a share of the rows that count; its variance is then at least that of as many independent
            rows with one more of each kind (`shipway.maths.interval.least_variance`).

    Raises:
        ValueError: if there are no rows, the columns differ in length, a value is not finite or the denominator sums
            to 0.
    """
    value, rows = linearise_ratio(numerator, denominator)
    counts = (denominator != 0) | (numerator != 0)
    least = least_variance(int(np.count_nonzero(counts)), value) if share else 0.0
    return Influence(value, rows, () if counts.all() else (counts,), least)


def combine(value: float, parts: list[tuple[float, Influence]]) -> Influence:
    """Return a smooth function of statistics by the delta method; it rests on all rows.

    Args:
        value: the function at the statistics.
        parts: each statistic with the derivative of the function by it.
    """
    return Influence(value, np.sum([slope * part.rows for slope, part in parts], axis=0))


def subtract(a: Influence, b: Influence) -> Influence:
    """Return by how much one statistic is greater than another of the same rows.

    Where no row moves the difference of two shares, none of the rows they rest on told them apart. That is known no
    better than that a share is 0, and has the variance of one.
    """
    moved = Influence(a.value - b.value, a.rows - b.rows, a.over + b.over, reach=a.reach + b.reach)
    if a.parts or b.parts:
        return replace(moved, parts={name: _subtract_part(a, b, name) for name in sorted({*a.parts, *b.parts})})
    alike = a.least > 0 and b.least > 0 and bool((np.abs(moved.rows) * moved.n < _ROUNDING).all())
    return replace(moved, least=least_variance(moved.n)) if alike else moved


def negate(a: Influence) -> Influence:
    """Return a statistic with the other sign."""
    parts = {name: negate(part) for name, part in a.parts.items()}
    return replace(a, value=-a.value, rows=-a.rows, parts=parts)


def scale(a: Influence, weight: float) -> Influence:
    """Return a statistic times a constant."""
    return replace(a, value=weight * a.value, rows=weight * a.rows, least=weight**2 * a.least, reach=weight * a.reach)


def clustered(influence: Influence, clusters: Codes) -> Estimate:
    """Estimate a statistic with its cluster-robust standard error (CR1, as in `shipway.maths.interval`).

    Args:
        influence: the statistic.
        clusters: integer[n], the cluster of each row, 0 or more.

    Returns:
        The statistic with the rows and clusters that it rests on; its standard error is infinite if these rows lie in
        fewer than two clusters. Of a sum of parts, what the parts are known less than their influences say is added to
        the variance, and the clusters are one more than its degrees of freedom, rounded down: those of all rows, less
        what scarce parts take of them, after Satterthwaite (1946, "An Approximate Distribution of Estimates of
        Variance Components", Biometrics 2), and no fewer than those of the scarcest part.

    Raises:
        ValueError: if the columns differ in length or a cluster is negative.
    """
    if influence.rows.shape != clusters.shape:
        raise ValueError(f"columns differ in length: {influence.rows.shape}, {clusters.shape}")
    levels, index = compact(clusters)
    count = min((int(np.count_nonzero(np.bincount(index[each]))) for each in influence.over), default=levels.size)
    if count < 2:
        return Estimate(influence.value, math.inf, influence.n, count)
    variance = max(_spread(influence.rows, index, count), influence.least)
    if influence.parts:
        seen = [_see_part(part, index, levels.size) for part in influence.parts.values()]
        variance += sum(taken - shown for shown, taken, _ in seen)
        # A part that rests on every cluster adds no doubt: parts of the same clusters are no sum of independent ones.
        doubt = sum(taken * taken * (1 / freedom - 1 / (count - 1)) for _, taken, freedom in seen)
        if doubt > 0:
            square = variance * variance
            scarcest = min(freedom for *_, freedom in seen)
            count = 1 + max(scarcest, int(square / (square / (count - 1) + doubt)))
    return Estimate(influence.value, math.sqrt(variance), influence.n, count)


def _spread(rows: Floats, index: Codes, count: int) -> float:
    moved = np.bincount(index, weights=rows)
    return count / (count - 1) * float(np.sum(moved * moved))


def _see_part(part: Influence, index: Codes, clusters: int) -> tuple[float, float, int]:
    """Return the variance that influences show of a part, the one it is taken to have, and its degrees of freedom."""
    shown = _spread(part.rows, index, clusters)
    count = min((int(np.count_nonzero(np.bincount(index[each]))) for each in part.over), default=clusters)
    if count < 2:
        return shown, max(shown, part.reach**2), 1
    return shown, max(shown * (clusters - 1) / clusters * count / (count - 1), part.least), count - 1


def _subtract_part(a: Influence, b: Influence, name: int) -> Influence:
    """Return the difference of a part that either may lack; rows that told nothing apart are no proof that none do."""
    ours, theirs = a.parts.get(name), b.parts.get(name)
    if ours is None or theirs is None:
        return ours if ours is not None else negate(b.parts[name])
    return replace(subtract(ours, theirs), least=max(ours.least, theirs.least))

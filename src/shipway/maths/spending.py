"""Group-sequential tests: a test read at several looks whose errors add up to alpha (Lan and DeMets 1983).

A look at t of the largest number of units (the information fraction) may spend what a spending function allows until t;
the critical value of the look is the one at which just that is spent, given that no look before it crossed. Under "no
difference" the test statistics behave as B(t) / sqrt(t) with B a Brownian motion, so its density among the paths that
have not crossed is carried from look to look by numerical integration (Armitage, McPherson and Rowe 1969). Looks need
be neither even nor planned; the largest number of units must be fixed, and when to look must not depend on the effect
seen.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from shipway.maths.root import find_root

Floats = NDArray[np.float64]

Spending = Literal["obrien-fleming", "pocock"]
"""How fast alpha may be spent: late, so that early looks stop for large effects only; or evenly."""

_REACH: Final = 9.0
"""Standard deviations beyond which a path is not followed."""
_LEAST_NODES: Final = 48
_MOST_DRIFT: Final = 1000.0


@dataclass(frozen=True, slots=True)
class Crossing:
    """How likely each look is to be the first to cross, float64[k] each: at the upper and at the lower boundary."""

    upper: Floats
    lower: Floats


@dataclass(frozen=True, slots=True)
class Adjusted:
    """What can be said after a group-sequential test, with its looks allowed for.

    Attributes:
        p: the p-value, in the stagewise order: a path that crossed earlier is more extreme.
        drift: the median-unbiased estimate of the drift, which is the expected z at the largest number of units.
        low: lower end of the interval of the drift.
        high: upper end.
    """

    p: float
    drift: float
    low: float
    high: float


def spent(fraction: float, alpha: float, spending: Spending) -> float:
    """Return how much of one tail's alpha may have been spent when a fraction of the units is in.

    O'Brien-Fleming: 2 (1 - Phi(z_{1 - alpha/2} / sqrt t)); Pocock: alpha ln(1 + (e - 1) t) (Lan and DeMets 1983,
    "Discrete Sequential Boundaries for Clinical Trials").

    Args:
        fraction: t, above 0; all is spent at 1 and beyond.
        alpha: the error of one tail, which is half of a two-sided test's.
        spending: the spending function.

    Raises:
        ValueError: if the fraction is not above 0, alpha is not between 0 and 1, or the function is unknown.
    """
    if not fraction > 0 or not 0 < alpha < 1:
        raise ValueError(f"a fraction of {fraction} or an alpha of {alpha} is out of range")
    if fraction >= 1:
        return alpha
    if spending == "pocock":
        return alpha * math.log1p((math.e - 1) * fraction)
    if spending == "obrien-fleming":
        from scipy.special import ndtr, ndtri

        return 2 * float(ndtr(float(ndtri(alpha / 2)) / math.sqrt(fraction)))
    raise ValueError(f"{spending!r} is no spending function; there are obrien-fleming and pocock")


def critical_values(
    fractions: Floats, alpha: float, *, sides: int = 2, spending: Spending = "obrien-fleming"
) -> Floats:
    """Return the critical value of z at each look.

    Args:
        fractions: float64[k], the information fractions of the looks so far, rising; the last may be 1 or more, when
            all that is left is spent, and those of later looks need not be known yet.
        alpha: the error of the whole test.
        sides: 2, which spends half of alpha in each tail, or 1 for a test of "greater".
        spending: the spending function.

    Returns:
        float64[k]: cross where |z| (or z, with one side) is at least as great; infinite where nothing can be spent yet.

    Raises:
        ValueError: if the fractions do not rise from above 0, or an argument is out of range.
    """
    t = _check_looks(fractions, sides)
    tail = alpha / sides
    until = [spent(fraction, tail, spending) for fraction in t.tolist()]
    walk, critical, before = _Walk.start(), np.empty(t.size), 0.0
    for look, (fraction, total) in enumerate(zip(t.tolist(), until, strict=True)):
        increment = total - before
        critical[look] = walk.solve(fraction, increment) if increment > 0 else math.inf
        before = total
        walk = walk.step(fraction, critical[look], -critical[look] if sides == 2 else -math.inf)
    return critical


def crossing_probabilities(fractions: Floats, critical: Floats, drift: float = 0.0, *, sides: int = 2) -> Crossing:
    """Return how likely each look is to be the first at which a boundary is crossed.

    Args:
        fractions: float64[k], the information fractions of the looks, rising.
        critical: float64[k], the critical value of z at each.
        drift: the expected z at a fraction of 1; 0 where there is no effect, so the sums are then the error rates.
        sides: 2 for boundaries at critical and -critical, 1 for the upper alone.

    Raises:
        ValueError: if the fractions do not rise from above 0, or the arrays differ in length.
    """
    t = _check_looks(fractions, sides)
    if critical.shape != t.shape:
        raise ValueError(f"{t.size} looks and {critical.size} critical values")
    walk, upper, lower = _Walk.start(drift), np.empty(t.size), np.zeros(t.size)
    for look, (fraction, bound) in enumerate(zip(t.tolist(), critical.tolist(), strict=True)):
        upper[look] = walk.above(fraction, bound)
        if sides == 2:
            lower[look] = walk.below(fraction, -bound)
        walk = walk.step(fraction, bound, -bound if sides == 2 else -math.inf)
    return Crossing(upper, lower)


def design_drift(fractions: Floats, critical: Floats, power: float, *, sides: int = 2) -> float:
    """Return the drift at which the upper boundary is crossed at some look with the power asked for.

    Raises:
        ValueError: if the power is not between the error of the upper tail and 1.
    """
    return _find_drift(
        lambda drift: float(crossing_probabilities(fractions, critical, drift, sides=sides).upper.sum()) - power
    )


def inflation(
    fractions: Floats, alpha: float, power: float, *, sides: int = 2, spending: Spending = "obrien-fleming"
) -> float:
    """Return how many times the units of a fixed test the largest number must be for the same power.

    The square of `design_drift` over that of one look (Jennison and Turnbull 2000, "Group Sequential Methods", section
    2.2).

    Args:
        fractions: float64[k], the information fractions of the planned looks; the last is 1.
        alpha: the error of the test.
        power: the probability of finding the effect it is designed for.
        sides: 2 or 1.
        spending: the spending function.
    """
    from scipy.special import ndtri

    critical = critical_values(fractions, alpha, sides=sides, spending=spending)
    fixed = float(ndtri(power) - ndtri(alpha / sides))
    return (design_drift(fractions, critical, power, sides=sides) / fixed) ** 2


def expected_fraction(fractions: Floats, critical: Floats, drift: float, *, sides: int = 2) -> float:
    """Return the expected fraction of the largest number of units that is in when the test stops."""
    crossing = crossing_probabilities(fractions, critical, drift, sides=sides)
    stopping = crossing.upper + crossing.lower
    stopping[-1] = 1 - stopping[:-1].sum()
    return float(stopping @ fractions)


def adjust_for_looks(
    fractions: Floats, critical: Floats, z: float, *, sides: int = 2, confidence: float = 0.95
) -> Adjusted:
    """Say what a test found that stopped at the last of these looks, or is read there, by the stagewise order.

    A crossing at an earlier look is more extreme than any at a later one, and at one look the greater z is (Armitage
    1957; Fairbanks and Madsen 1982; Jennison and Turnbull 2000, section 8.4). It needs the looks so far and no others.

    Args:
        fractions: float64[k], the information fractions of the looks so far, rising.
        critical: float64[k], their critical values.
        z: the statistic at the last of them.
        sides: 2 or 1, as the test has.
        confidence: of the interval of the drift.

    Raises:
        ValueError: if an argument is out of range.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence of {confidence} is not between 0 and 1")

    def at_least(drift: float) -> float:
        return _order_probability(fractions, critical, z, drift, sides)

    def solve(probability: float) -> float:
        return _find_drift(lambda drift: at_least(drift) - probability)

    tail = (1 - confidence) / 2
    above = at_least(0.0)
    p = min(1.0, 2 * min(above, 1 - above)) if sides == 2 else above
    return Adjusted(p, solve(0.5), solve(tail), solve(1 - tail))


def _order_probability(fractions: Floats, critical: Floats, z: float, drift: float, sides: int) -> float:
    """Return how likely a path is to be at least as high in the stagewise order as one with z at the last look."""
    t = _check_looks(fractions, sides)
    walk, total = _Walk.start(drift), 0.0
    for fraction, bound in zip(t.tolist()[:-1], critical.tolist()[:-1], strict=True):
        total += walk.above(fraction, bound)
        walk = walk.step(fraction, bound, -bound if sides == 2 else -math.inf)
    return total + walk.above(float(t[-1]), z)


@dataclass(frozen=True, slots=True, eq=False)
class _Walk:
    """The sub-density of B at a look among the paths that have not crossed: weights on nodes."""

    fraction: float
    drift: float
    nodes: Floats
    weights: Floats

    @classmethod
    def start(cls, drift: float = 0.0) -> "_Walk":
        """Return the walk before any look: all of it at 0."""
        return cls(0.0, drift, np.zeros(1), np.ones(1))

    def above(self, fraction: float, z: float) -> float:
        """Return the probability of not having crossed until now and being above z at a later fraction."""
        from scipy.special import ndtr

        if z == math.inf:
            return 0.0
        span = fraction - self.fraction
        return float(self.weights @ ndtr((self.nodes + self.drift * span - z * math.sqrt(fraction)) / math.sqrt(span)))

    def below(self, fraction: float, z: float) -> float:
        """Return the probability of not having crossed until now and being below z at a later fraction."""
        return _Walk(self.fraction, -self.drift, -self.nodes, self.weights).above(fraction, -z)

    def solve(self, fraction: float, probability: float) -> float:
        """Return the z that is exceeded with a probability at a later fraction."""
        low, high = -_REACH, 40.0
        while high - low > 1e-11:
            middle = (low + high) / 2
            low, high = (middle, high) if self.above(fraction, middle) > probability else (low, middle)
        return (low + high) / 2

    def step(self, fraction: float, upper: float, lower: float) -> "_Walk":
        """Carry the paths that stay between two values of z to a later fraction.

        Gauss-Legendre nodes, close enough for the increment's normal density to be smooth between them.
        """
        deviation, span = math.sqrt(fraction), fraction - self.fraction
        middle = self.drift * fraction
        top = min(upper * deviation, middle + _REACH * deviation)
        bottom = max(lower * deviation, middle - _REACH * deviation)
        if bottom >= top:
            return _Walk(fraction, self.drift, np.zeros(1), np.zeros(1))
        at, weight = _gauss(math.ceil(2.5 * (top - bottom) / math.sqrt(span)))
        nodes = bottom + (at + 1) * (top - bottom) / 2
        away = (nodes[:, None] - self.nodes - self.drift * span) / math.sqrt(span)
        density = np.exp(-0.5 * away**2) @ self.weights / math.sqrt(2 * math.pi * span)
        return _Walk(fraction, self.drift, nodes, density * weight * (top - bottom) / 2)


def _gauss(wanted: int) -> tuple[Floats, Floats]:
    """Return at least as many nodes and weights on [-1, 1] as wanted, up to 1,024."""
    return _gauss_legendre(min(max(16 * -(-wanted // 16), _LEAST_NODES), 1024))


@lru_cache(maxsize=64)
def _gauss_legendre(count: int) -> tuple[Floats, Floats]:
    return np.polynomial.legendre.leggauss(count)


def _check_looks(fractions: Floats, sides: int) -> Floats:
    if sides not in (1, 2):
        raise ValueError(f"a test has 1 or 2 sides, not {sides}")
    if fractions.ndim != 1 or not fractions.size or not fractions[0] > 0 or not (np.diff(fractions) > 0).all():
        raise ValueError("looks are not at fractions that rise from above 0")
    return fractions


def _find_drift(function: Callable[[float], float]) -> float:
    """Return the drift at which a rising function of it is 0."""
    reach = 4.0
    while function(reach) < 0 or function(-reach) > 0:
        reach *= 2
        if reach > _MOST_DRIFT:
            raise ValueError("no drift has that probability")
    return find_root(function, -reach, reach)

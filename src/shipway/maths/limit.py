"""Limits for what comes next, from what came before: how far the next number may lie, and what was never seen.

A limit is a prediction limit (Hahn and Meeker 1991): with n earlier numbers of mean m and variance v on r degrees of
freedom, the next one lies above m + t(1 - alpha, r) * sqrt(v * (1 + 1 / n)) with probability alpha where they are
normal, on the scale that makes them so. Few numbers give a poor variance, so those of many columns are drawn together
(`moderate`). What is the greatest of many rows follows a Gumbel law and not a normal one, and its limit lies further
out.
"""

import math
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.floating[Any]]
Scale: TypeAlias = Literal["plain", "log", "log1p", "root", "arcsine", "fisher"]
_EULER: Final = 0.5772156649015329


@dataclass(frozen=True, slots=True)
class Moderated:
    """Variances drawn together.

    Attributes:
        variances: one for each that was given.
        freedoms: the degrees of freedom each rests on now.
    """

    variances: Floats
    freedoms: Floats


def moderate(variances: Floats, freedoms: Floats) -> Moderated:
    """Draw variances together, as far as they agree among each other (Smyth 2004, section 6.2).

    True variances are taken to follow a scaled inverse chi-square law, whose two numbers are estimated from the mean
    and the spread of the logarithms. Variances of zero, and fewer than three, say nothing of the others and are left.

    Args:
        variances: sample variances.
        freedoms: degrees of freedom of each, at least 1.
    """
    digamma, trigamma = _gammas()
    told = variances > 0
    if told.sum() < 3:
        return Moderated(variances, freedoms)
    half: Floats = freedoms[told] / 2
    shift: Any = digamma(half)
    logs = np.log(variances[told]) + np.log(half) - shift
    between = float(logs.var(ddof=1)) - float(trigamma(half).mean())
    whole = float(freedoms[told].sum())
    if between <= 0:
        common = math.exp(float(logs.mean()))
        return Moderated(np.full_like(variances, common), np.full_like(freedoms, whole))
    prior = 2 * _trigamma_inverse(between)
    common = math.exp(float(logs.mean()) + float(digamma(prior / 2)) - math.log(prior / 2))
    mixed = (prior * common + freedoms * variances) / (prior + freedoms)
    return Moderated(mixed, np.minimum(prior + freedoms, whole))


def limit_next(mean: float, variance: float, freedom: float, n: int, alpha: float, *, extreme: bool = False) -> float:
    """Return the number above which the next one lies with a probability.

    Args:
        mean: of the earlier ones.
        variance: of a single one.
        freedom: degrees of freedom of the variance.
        n: how many earlier ones there were.
        alpha: the probability.
        extreme: whether each is the greatest of many rows; the limit then lies further out by as much as Gumbel's
            quantile is above the normal one.
    """
    from scipy.special import ndtri, stdtrit

    reach = float(stdtrit(freedom, 1 - alpha))
    if extreme:
        gumbel = (-math.log(-math.log1p(-alpha)) - _EULER) * math.sqrt(6) / math.pi
        reach *= max(gumbel / float(ndtri(1 - alpha)), 1.0)
    return mean + reach * math.sqrt(variance * (1 + 1 / n))


def to_scale(values: Floats, scale: Scale) -> Floats:
    """Return numbers on a scale on which their variance does not hang on their size.

    Counts are taken by their root and shares by its arcsine (Anscombe 1948), correlations by Fisher's z, a hair inside
    its ends.
    """
    match scale:
        case "plain":
            return values
        case "log":
            return np.log(values)
        case "log1p":
            return np.log1p(values)
        case "root":
            return np.sqrt(values + 0.375)
        case "arcsine":
            return np.arcsin(np.sqrt(np.clip(values, 0.0, 1.0)))
        case "fisher":
            return np.arctanh(np.clip(values, -1 + 1e-9, 1 - 1e-9))


def from_scale(value: float, scale: Scale) -> float:
    """Return a number on a scale as it was."""
    match scale:
        case "plain":
            return value
        case "log":
            return math.exp(min(value, 700.0))
        case "log1p":
            return math.expm1(min(value, 700.0))
        case "root":
            return max(value, 0.0) ** 2 - 0.375
        case "arcsine":
            return math.sin(min(max(value, 0.0), math.pi / 2)) ** 2
        case "fisher":
            return math.tanh(value)


def expect_unseen(once: int, draws: int) -> float:
    """Return how many values the next draw is expected to bring that no earlier one had (Good 1953, for incidences).

    Args:
        once: how many values exactly one draw had.
        draws: how many there were.
    """
    return once / draws


def limit_count(rows: int, next_rows: int, alpha: float) -> int:
    """Return how many of the next rows may be against what none of the earlier ones was against.

    It is the least count that is passed with at most a probability: the prediction of a binomial share with Jeffreys'
    prior (Brown, Cai and DasGupta 2001), which is a beta-binomial law.

    Args:
        rows: the earlier ones.
        next_rows: how many come next.
        alpha: the probability.
    """
    from scipy import stats

    law: Any = stats.betabinom
    return int(law.isf(alpha, max(next_rows, 1), 0.5, rows + 0.5))


def most_share(rows: int, confidence: float = 0.95) -> float:
    """Return the largest share that is still likely where none of so many rows was against a rule (rule of three)."""
    return 1 - (1 - confidence) ** (1 / rows)


def round_outward(value: float, *, up: bool, digits: int = 2) -> float:
    """Return a number with few digits that is not below another, or not above it."""
    if abs(value) < 1e-200 or not math.isfinite(value):
        return value
    step = digits - 1 - math.floor(math.log10(abs(value)))
    shifted = value * 10.0**step
    # What is whole but for its last bits is not moved by one more.
    near = round(shifted)
    whole = near if math.isclose(shifted, near, rel_tol=1e-12) else math.ceil(shifted) if up else math.floor(shifted)
    rounded = round(whole / 10.0**step, max(step, 0)) if step > 0 else float(whole * 10**-step)
    if (rounded < value) if up else (rounded > value):
        return value
    return rounded


def _gammas() -> tuple[Any, Any]:
    from scipy import special

    functions: Any = special
    return functions.digamma, partial(functions.polygamma, 1)


def _trigamma_inverse(value: float) -> float:
    """Return where the trigamma function has a value, by Newton's method on its reciprocal (Smyth 2004, appendix)."""
    from scipy import special

    functions: Any = special
    if value > 1e7:
        return 1 / math.sqrt(value)
    if value < 1e-6:
        return 1 / value
    place = 0.5 + 1 / value
    for _ in range(50):
        here = float(functions.polygamma(1, place))
        step = here * (1 - here / value) / float(functions.polygamma(2, place))
        place += step
        if -step / place < 1e-8:
            break
    return place

"""The share of something among events that come in batches of time, which depend on each other, with its interval.

Requests that follow one another wait in one queue, so they are slow together: a thousand of them say less than a
thousand independent ones. How much less is measured: batches of time take the place of clusters (batch means, Law and
Carson 1979, Oper. Res. 27), neighbours among them may still go together, for which the variance is raised by (1 + r) /
(1 - r) with r the correlation of neighbours (that of the sum of a first-order autoregression), and the number of events
is divided by the design effect that results. The interval is the exact binomial one of Clopper and Pearson 1934 on that
many events, with the degrees of freedom of the batches (Korn and Graubard 1998, Survey Methodology 24, section 2): it
is honest where nothing was seen, which a normal one is not.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_MOST_CORRELATED: Final = 0.9
Counts = NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True)
class Share:
    """A share with its interval.

    Attributes:
        value: the share.
        low: lower end of the interval.
        high: upper end.
        n: events it is of.
        effect: by how many times the variance is that of independent events, 1 at least; NaN where nobody can tell.
    """

    value: float
    low: float
    high: float
    n: int
    effect: float


def batched_share(hits: Counts, n: Counts, confidence: float = 0.95) -> Share:
    """Estimate a share from batches in order of time.

    Args:
        hits: integer[batches], of each batch the events that count.
        n: integer[batches], all events of each; a batch without any is left out.
        confidence: of the two-sided interval.

    Returns:
        The share; its interval is all of [0, 1] where there are fewer than two batches.

    Raises:
        ValueError: if a batch has more hits than events, the arrays differ in length, or the confidence is not between
            0 and 1.
    """
    if hits.shape != n.shape or (hits > n).any() or (hits < 0).any():
        raise ValueError("a batch has more hits than events, or the arrays differ in length")
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence of {confidence} is not between 0 and 1")
    there = n > 0
    x, m = hits[there].astype(np.float64), n[there].astype(np.float64)
    total, batches = float(m.sum()), m.size
    if not total:
        return Share(float("nan"), 0.0, 1.0, 0, float("nan"))
    value = float(x.sum()) / total
    if batches < 2:
        return Share(value, 0.0, 1.0, int(total), float("nan"))
    effect = max(1.0, _find_effect(x - value * m, total, value))
    from scipy.special import betaincinv, stdtrit

    tail = (1 - confidence) / 2
    narrowed = float(stdtrit(max(total - 1, 1), tail) / stdtrit(batches - 1, tail)) ** 2
    effective = total / effect * narrowed
    reached = value * effective
    low = 0.0 if value == 0 else float(betaincinv(reached, effective - reached + 1, tail))
    high = 1.0 if value == 1 else float(betaincinv(reached + 1, effective - reached, 1 - tail))
    return Share(value, low, high, int(total), effect)


def _find_effect(residual: NDArray[np.float64], total: float, value: float) -> float:
    """Return by how many times the variance of a share is that of independent events."""
    single = value * (1 - value) / total
    squares = float(residual @ residual)
    if not single or not squares:
        return 1.0
    batches = residual.size
    neighbours = float(residual[:-1] @ residual[1:]) / squares
    # The mean was taken from the residuals, which makes neighbours look less alike by about 1 in so many batches.
    neighbours = min(max(neighbours + 1 / batches, 0.0), _MOST_CORRELATED)
    variance = batches / (batches - 1) * squares / total**2 * (1 + neighbours) / (1 - neighbours)
    return variance / single

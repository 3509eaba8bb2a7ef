"""How long labels take, when many have not come yet and some never will: a distribution with right censoring.

A row that was asked about has, when it is judged, either its label after a delay, or none for as long as it has been
followed. Kaplan and Meier 1958 estimate from both which share has its label within a time (the share without is their
"survival"). The share that never gets one is what the curve levels off at (Maller and Zhou 1992, "Estimating the
proportion of immunes in a censored sample", Biometrika 79), once the follow-up is long enough to see it level off.
"""

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shipway.maths.code import compact
from shipway.maths.interval import Estimate

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Codes = NDArray[np.integer[Any]]

_LATE: Final = 0.99
_AGAIN: Final = 2.0
_ENOUGH: Final = 30


@dataclass(frozen=True, slots=True, eq=False)
class DelayCurve:
    """The share of rows that have their label within a time.

    Attributes:
        took: float64[n], delay of each row with a label, and how long each other one was followed.
        seen: bool[n], whether the row has its label.
        clusters: integer[n], what rows are grouped by because they are not independent.
        times: float64[k], the distinct delays, ascending.
        at_risk: float64[k], rows without a label, and followed, just before each of them.
        events: float64[k], labels that came after just this delay.
        without: float64[k], share of rows that have no label after each of them.
    """

    took: Floats
    seen: Bools
    clusters: Codes
    times: Floats
    at_risk: Floats
    events: Floats
    without: Floats

    @property
    def level(self) -> float:
        """Return the share that the curve levels off at: rows that had no label for as long as any was followed."""
        return float(self.without[-1]) if self.without.size else 1.0


def estimate_delays(took: Floats, seen: Bools, clusters: Codes) -> DelayCurve:
    """Estimate the distribution of delays by the product limit (Kaplan and Meier 1958).

    Args:
        took: float64[n], 0 or more and finite: a row's delay, or how long it was followed without a label. A row that
            was followed for just as long as another one's delay counts as followed through it.
        seen: bool[n], whether the row has its label.
        clusters: integer[n], 0 or more; all different where rows are independent.

    Raises:
        ValueError: if the arrays differ in length or a time is negative or not finite.
    """
    if not took.shape == seen.shape == clusters.shape or took.ndim != 1:
        raise ValueError(f"columns differ in length: {took.shape}, {seen.shape}, {clusters.shape}")
    if not (np.isfinite(took) & (took >= 0)).all():
        raise ValueError("a time is negative or not finite")
    times, events = np.unique(took[seen], return_counts=True)
    at_risk = took.size - np.searchsorted(np.sort(took), times, side="left")
    without = np.cumprod(1 - events / at_risk).astype(np.float64)
    return DelayCurve(took, seen, clusters, times, at_risk.astype(np.float64), events.astype(np.float64), without)


def share_within(curve: DelayCurve, time: float, confidence: float = 0.95) -> tuple[float, float, float]:
    """Return the share of rows that have their label within a time, with its interval.

    Greenwood's variance (1926), or with clusters of several rows the sum of squares of what each moves the estimate by
    (Ying and Wei 1994, "The Kaplan-Meier Estimate for Dependent Failure Time Observations", J. Multivariate Analysis
    50); on the scale of log(-log) (Kalbfleisch and Prentice 2002, section 1.4), so that it stays inside [0, 1].

    Returns:
        `(value, low, high)`; the interval is all of [0, 1] where one cluster does not tell, and has no width where no
        row or every row has its label by then.
    """
    place = int(np.searchsorted(curve.times, time, side="right"))
    value = float(curve.without[place - 1]) if place else 1.0
    if not 0 < value < 1:
        return 1 - value, 1 - value, 1 - value
    error = _error(curve, (curve.times <= time).astype(np.float64))
    if not math.isfinite(error):
        return 1 - value, 0.0, 1.0
    width = math.exp(_quantile(curve, confidence) * error / abs(math.log(value)))
    return 1 - value, float(1 - value ** (1 / width)), float(1 - value**width)


def delay_quantile(curve: DelayCurve, share: float) -> float | None:
    """Return within what time this share of the labels that ever come has come; None where none has."""
    if not curve.times.size:
        return None
    reached = np.searchsorted(1 - curve.without, share * (1 - curve.level) - 1e-12)
    return float(curve.times[min(int(reached), curve.times.size - 1)])


def follow_up_suffices(curve: DelayCurve, followed: Floats) -> bool:
    """Tell whether rows were followed for long enough to tell labels that are late from those that never come.

    That the level of the curve is the share that never gets a label needs a follow-up beyond every delay (Maller and
    Zhou 1994, "Testing for sufficient follow-up and outliers in survival data", J. Am. Statist. Assoc. 89). Here: at
    least 30 rows were followed for twice the time within which 99 % of the labels came, so that the curve has been
    level for as long again as it rose. Labels of another kind that all take longer than anybody waited cannot be seen.

    Args:
        curve: the distribution.
        followed: float64[n], how long ago each of its rows was asked, with a label or not.
    """
    late = delay_quantile(curve, _LATE)
    return late is not None and int((followed >= _AGAIN * late).sum()) >= _ENOUGH


def expect_labels(curve: DelayCurve, followed: Floats, confidence: float = 0.95) -> tuple[float, float, float]:
    """Return how many of the rows that have no label yet will get one, with an interval for the number that comes.

    A row that has been followed for a time c without one gets one with probability 1 - level / without(c). The error is
    that of the curve, by the delta method with clusters, and that of the rows, each by itself.

    Args:
        curve: the distribution.
        followed: float64[m], how long each of these rows has been followed.
        confidence: of the interval.
    """
    if not followed.size:
        return 0.0, 0.0, 0.0
    order = np.sort(followed)
    place = np.searchsorted(curve.times, order, side="right")
    without = np.concatenate([[1.0], curve.without])[place]
    never = np.divide(curve.level, without, out=np.ones_like(without), where=without > 0)
    value = float((1 - never).sum())
    # The part of each time in the sum: all rows that had been followed for less.
    weight = np.concatenate([[0.0], np.cumsum(never)])[np.searchsorted(order, curve.times, side="left")]
    variance = _error(curve, weight) ** 2 + float((never * (1 - never)).sum())
    if not math.isfinite(variance):
        return value, 0.0, float(followed.size)
    half = _quantile(curve, confidence) * math.sqrt(variance)
    return value, max(value - half, 0.0), min(value + half, float(followed.size))


def weigh_labels(took: Floats, followed: Floats) -> Floats:
    """Return the weight of each label that has come, so that together they stand for all that ever come.

    A label with a delay d is seen only on rows that were followed for d or longer. Its weight is one over their share
    among all rows asked about (inverse probability of censoring; Robins and Rotnitzky 1992). It is right where delays
    do not depend on when a row was asked, and where some rows were followed for as long as any label takes.

    Args:
        took: float64[m], the delays of the labels that have come.
        followed: float64[n], how long ago each row was asked, with a label or not.
    """
    order = np.sort(followed)
    share = (order.size - np.searchsorted(order, took, side="left")) / max(order.size, 1)
    return np.divide(1.0, share, out=np.zeros_like(share), where=share > 0)


def early_difference(values: Floats, early: Bools, clusters: Codes) -> Estimate:
    """Estimate by how much the mean of the labels that came early differs from that of all, errors clustered.

    Args:
        values: float64[n], of rows that have been followed for long enough, each with its label.
        early: bool[n], which of the labels came early.
        clusters: integer[n], 0 or more.

    Raises:
        ValueError: if there is no row, or none that is early.
    """
    if not early.any():
        raise ValueError("no label came early")
    part, whole = float(values[early].mean()), float(values.mean())
    moved = np.where(early, (values - part) / early.sum(), 0.0) - (values - whole) / values.size
    levels, index = compact(clusters)
    sums = np.bincount(index, weights=moved)
    error = math.sqrt(levels.size / (levels.size - 1) * float(np.sum(sums * sums))) if levels.size > 1 else math.inf
    return Estimate(part - whole, error, values.size, levels.size)


def _error(curve: DelayCurve, weight: Floats) -> float:
    """Return the standard error of the weighted log of the curve, the sum of weight(t) log(1 - events / at risk).

    A row moves log(1 - d / r) at time t by -(1{its label came then} - d / r) / (r - d) while it is at risk. With one
    row a cluster and weight 1 the sum of squares is Greenwood's.
    """
    left = curve.at_risk - curve.events
    open_ = left > 0
    jump = np.divide(weight, left, out=np.zeros_like(left), where=open_)
    drift = np.concatenate([[0.0], np.cumsum(jump * curve.events / curve.at_risk)])
    moved = drift[np.searchsorted(curve.times, curve.took, side="right")]
    place = np.searchsorted(curve.times, curve.took[curve.seen])
    moved[curve.seen] -= jump[place]
    levels, index = compact(curve.clusters)
    if levels.size < 2:
        return math.inf
    sums = np.bincount(index, weights=moved)
    factor = 1.0 if levels.size == curve.took.size else levels.size / (levels.size - 1)
    return math.sqrt(factor * float(np.sum(sums * sums)))


def _quantile(curve: DelayCurve, confidence: float) -> float:
    """Return the two-sided quantile: normal for independent rows, Student's t for clusters."""
    from scipy.special import ndtri, stdtrit

    clusters = np.unique(curve.clusters).size
    if clusters == curve.took.size:
        return float(ndtri(0.5 + confidence / 2))
    return float(stdtrit(clusters - 1, 0.5 + confidence / 2))

"""Events of two arms as throws of a coin: which arm they fell to, tested exactly at several looks.

What a unit meets is drawn for it alone. So whatever makes units have an event, given which of them had one their arms
are independent throws: with a share s of the units treated and events r times as likely under the treatment, an event
is the treatment's with the probability s r / (1 - s + s r), whatever the rate (Przyborowski and Wilenski 1940,
"Homogeneity of Results in Testing Samples from Poisson Series", for one look). Nothing is normal where there are few,
so the paths that have not crossed are counted by their probabilities, from look to look (Schultz, Nichol, Elfring and
Weed 1973, "Multiple-Stage Procedures for Drug Screening"), and a look crosses where the error that was allowed until
then is not exceeded (Lan and DeMets 1983). What a look leaves of it, counts being whole, the next look has. Each tail
is counted as if the other had no boundary, so its error holds whatever is done about the other.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shipway.maths.root import find_root

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_CELLS = (32, *(8,) * 9)
"""Into how many parts the place of an end is cut, round by round: finely first, as what is rejected may have gaps."""
_NOTHING = 1e-22
"""Probabilities of throws that are not followed."""
_NEAR = 1e-12


@dataclass(frozen=True, slots=True)
class Counted:
    """What can be said of a ratio after looks at events, with the looks allowed for.

    Attributes:
        p: the two-sided p-value against the ratio that was tested, in the stagewise order.
        fall: the median-unbiased estimate of the probability that an event is the treatment's.
        low: lower end of its interval.
        high: upper end.
    """

    p: float
    fall: float
    low: float
    high: float


def fall_of(ratio: float, share: float) -> float:
    """Return the probability that an event is the treatment's, if it is that many times as likely there.

    Args:
        ratio: how many times, 0 or more.
        share: the share of the units that is treated, between 0 and 1.
    """
    return 1.0 if ratio == math.inf else share * ratio / (1 - share + share * ratio)


def ratio_of(fall: float, share: float) -> float:
    """Return how many times as likely an event is under the treatment, given how often it is the treatment's."""
    return math.inf if fall >= 1 else fall / (1 - fall) * (1 - share) / share


def too_many(events: Ints, allowed: Floats, fall: Floats) -> Ints:
    """Return from how many events of the treatment on a look says that it has more than its part.

    Args:
        events: int64[k], events of both arms at each look, not falling.
        allowed: float64[k], the error of this tail that may have been spent until each look, not falling.
        fall: float64[g], probabilities that an event is the treatment's, each tested by itself.

    Returns:
        int64[g, k]; one more than all events where no number of them says so.

    Raises:
        ValueError: if the arrays differ in length, or events or the allowed error fall.
    """
    _check_looks(events, allowed)
    paths: Floats = np.ones((fall.size, 1))
    used: Floats = np.zeros(fall.size)
    before, counts, limits = 0, events.tolist(), allowed.tolist()
    found = np.empty((fall.size, events.size), dtype=np.int64)
    for look, (total, until) in enumerate(zip(counts, limits, strict=True)):
        paths, before = _throw(paths, total - before, fall), total
        above: Floats = np.cumsum(paths[:, ::-1], axis=1)[:, ::-1]
        left: Floats = np.subtract(until, used)
        # Sums of many probabilities are not exact to the last digit, and a tail that is just allowed is allowed.
        found[:, look] = np.count_nonzero(above > left[:, None] * (1 + _NEAR), axis=1)
        crossed = np.greater_equal(np.arange(before + 1), found[:, look : look + 1])
        used = np.add(used, np.sum(paths, axis=1, where=crossed))
        paths = np.where(crossed, 0.0, paths)
    return found


def boundaries(events: Ints, allowed: Floats, fall: float) -> tuple[Ints, Ints]:
    """Return at which counts of the treatment each look crosses: from so many on too many, up to so many too few.

    Args:
        events: int64[k], as for `too_many`.
        allowed: float64[k], for each of both tails.
        fall: the probability that an event is the treatment's.

    Returns:
        int64[k] each; one more than all events, and -1, where none are.
    """
    upper = too_many(events, allowed, np.array([fall]))[0]
    return upper, events - too_many(events, allowed, np.array([1 - fall]))[0]


def crossings(events: Ints, upper: Ints, lower: Ints, fall: float) -> tuple[float, float]:
    """Return how likely looks cross the upper boundary first, and the lower one first, for a true probability."""
    above, below, _ = _follow(events, upper, lower, fall)
    return above, below


def fall_interval(events: Ints, treated: int, allowed: Floats) -> tuple[float, float]:
    """Return the probabilities that an event is the treatment's which the last of some looks does not reject.

    All that the looks until now reject of some truth is at most what is allowed, in each tail; so the intervals of all
    looks hold together (repeated confidence intervals, Jennison and Turnbull 1989, "Interim Analyses: The Repeated
    Confidence Interval Approach"). With one look it is that of Clopper and Pearson. Because counts are whole, what is
    rejected is not always one stretch; the end is the first probability from outside that is not.

    Args:
        events: int64[k], as for `too_many`, the last above 0.
        treated: events of the treatment at the last look.
        allowed: float64[k], for each of both tails.

    Raises:
        ValueError: if more events are treated than there are, or for the reasons of `too_many`.
    """
    _check_looks(events, allowed)
    total = int(events[-1])
    if not 0 <= treated <= total or not total:
        raise ValueError(f"{treated} of {total} events cannot be the treatment's")
    return _lower_end(events, treated, allowed), 1 - _lower_end(events, total - treated, allowed)


def count_looks(
    events: Ints, upper: Ints, lower: Ints, treated: int, fall: float, *, confidence: float = 0.95
) -> Counted:
    """Say what looks found that stopped at the last of them, or are read there, by the stagewise order.

    As `spending.adjust_for_looks` does for a normal statistic: crossing earlier is more extreme (Jennison and Turnbull
    2000, "Group Sequential Methods", sections 8.4 and 12.1). The ends are exact, the estimate is at mid-probability.

    Args:
        events: int64[k], events of both arms at each look.
        upper: int64[k], the upper boundary at each.
        lower: int64[k], the lower one.
        treated: events of the treatment at the last look.
        fall: the probability that is tested.
        confidence: of the interval.
    """

    def at_least(truth: float, weight: float) -> float:
        above, _, paths = _follow(events[:-1], upper[:-1], lower[:-1], truth)
        paths = _throw(paths, int(events[-1] - (events[-2] if events.size > 1 else 0)), np.array([truth]))[0]
        return above + float(paths[treated + 1 :].sum()) + weight * float(paths[treated])

    def solve(probability: float, weight: float) -> float:
        return find_root(lambda truth: at_least(truth, weight) - probability, 0.0, 1.0)

    tail = (1 - confidence) / 2
    p = min(1.0, 2 * min(at_least(fall, 1.0), 1 - at_least(fall, 0.0)))
    return Counted(p, solve(0.5, 0.5), solve(tail, 1.0), solve(1 - tail, 0.0))


def _lower_end(events: Ints, treated: int, allowed: Floats) -> float:
    """Return the least probability under which so many events of the treatment are not too many.

    It lies where a test of the last look alone that has all of the allowed error ends, or below, and not below where
    one ends that has only what the last look adds.
    """
    if not treated:
        return 0.0
    total = int(events[-1])
    added = float(allowed[-1] - (allowed[-2] if allowed.size > 1 else 0.0))
    low, high = _clopper(treated, total, added), _clopper(treated, total, float(allowed[-1]))
    for cells in _CELLS:
        if high - low <= 1e-9 * high:
            break
        grid = np.linspace(low, high, cells + 1)
        kept = np.flatnonzero(too_many(events, allowed, grid[1:-1])[:, -1] > treated)
        first = int(kept[0]) + 1 if kept.size else cells
        low, high = float(grid[first - 1]), float(grid[first])
    return low


def _clopper(treated: int, total: int, tail: float) -> float:
    """Return the probability under which at least so many events are as likely as the tail."""
    from scipy.special import betaincinv

    return float(betaincinv(treated, total - treated + 1, tail)) if tail > 0 else 0.0


def _follow(events: Ints, upper: Ints, lower: Ints, fall: float) -> tuple[float, float, Floats]:
    """Return how likely paths have crossed above, and below, and float64[1, n] of those that have not, by count."""
    paths, before, above, below = np.ones((1, 1)), 0, 0.0, 0.0
    for total, high, low in zip(events.tolist(), upper.tolist(), lower.tolist(), strict=True):
        paths, before = _throw(paths, total - before, np.array([fall])), total
        above += float(paths[0, high:].sum())
        below += float(paths[0, : low + 1].sum())
        paths[0, high:] = 0.0
        paths[0, : low + 1] = 0.0
    return above, below, paths


def _throw(paths: Floats, count: int, fall: Floats) -> Floats:
    """Return float64[g, n + count], the probabilities of each number of treated events after more of them came."""
    if not count:
        return paths.copy()
    falls = _binomial(count, fall)
    found = np.zeros((paths.shape[0], paths.shape[1] + count))
    for more in np.flatnonzero((falls > _NOTHING).any(axis=0)).tolist():
        found[:, more : more + paths.shape[1]] += paths * falls[:, more, None]
    return found


def _binomial(count: int, fall: Floats) -> Floats:
    """Return float64[g, count + 1], the probabilities of each number among so many throws."""
    from scipy.special import gammaln, xlog1py, xlogy

    hits = np.arange(count + 1, dtype=np.float64)
    ways = gammaln(count + 1) - gammaln(hits + 1) - gammaln(count - hits + 1)
    return np.exp(ways + xlogy(hits, fall[:, None]) + xlog1py(count - hits, -fall[:, None]))


def _check_looks(events: Ints, allowed: Floats) -> None:
    if events.shape != allowed.shape or not events.size:
        raise ValueError(f"{events.size} looks and {allowed.size} allowed errors")
    if events[0] < 0 or (np.diff(events) < 0).any() or (np.diff(allowed) < 0).any():
        raise ValueError("events or the allowed error fall from look to look")

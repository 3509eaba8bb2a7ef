"""Statistics that hold at every look: evidence that may be watched, and intervals that may be read at any time.

An *e-process* is a number that starts at 1 and, where nothing is wrong, has an expectation of at most 1 whenever one
stops watching; so it ever reaches 1/alpha with a probability of at most alpha (Ville 1939). A *confidence sequence* is
an interval that is made of such a process and so misses at any of all its looks with a probability of at most alpha.
"""

import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shipway.maths.interval import Estimate, interval

Floats = NDArray[np.float64]
Ints = NDArray[np.integer[Any]]

RATIOS: Final = (1.1, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0)
"""By how many times an event may be more frequent on one side, each with the same weight in the mixture."""
_BETS: Final = np.array([1.02, 1.05, 1.1, 1.2, 1.5, 2, 3, 6, 11, 21, 51, 1001])
_MOST_ANSWERS: Final = 10**9
_GRID: Final = 240


def share_log_e(canary_events: int, stable_events: int, share: float) -> float:
    """Return the logarithm of the e-value against "an event falls to the canary as often as a request does".

    Given that a request fails (or is slow), it was the canary's with the probability of the canary's share, whatever
    the rate of failures does over time, if both fail alike. For failures that are r times as frequent the likelihood
    ratio is r^c / (1 + share (r - 1))^(c + b); the e-value is its mean over `RATIOS` (a mixture as in Robbins 1970,
    "Statistical Methods Related to the Law of the Iterated Logarithm", section 3, with a discrete prior).

    Args:
        canary_events: events on the canary's side, c.
        stable_events: events on the other side, b.
        share: the canary's share of the requests, above 0 and below 1.

    Raises:
        ValueError: if a count is negative or the share is not between 0 and 1.
    """
    if not 0 < share < 1:
        raise ValueError(f"a share of {share} is not between 0 and 1")
    return stretched_log_e(np.array([canary_events]), np.array([stable_events]), np.array([share]))


def stretched_log_e(canary_events: Ints, stable_events: Ints, shares: Floats) -> float:
    """Return the logarithm of the e-value of `share_log_e` where the share differs from stretch to stretch.

    The factors of the stretches are multiplied for each ratio before the mixture is taken. Where the share of a stretch
    is the one counted in it, the events of the canary are a draw without replacement, of which the expectation of r^c
    is at most that of the binomial distribution (Hoeffding 1963, theorem 4): the e-value holds at the stretches' ends.

    Args:
        canary_events: integer[k], events on the canary's side in each stretch.
        stable_events: integer[k], events on the other side.
        shares: float64[k], the canary's share of the requests of each stretch, from 0 to 1.

    Raises:
        ValueError: if the arrays differ in length, a count is negative, a share is not within [0, 1], or an event falls
            to a side that has no requests.
    """
    if not canary_events.shape == stable_events.shape == shares.shape:
        raise ValueError(f"differing lengths: {canary_events.shape}, {stable_events.shape}, {shares.shape}")
    if (canary_events < 0).any() or (stable_events < 0).any() or not ((shares >= 0) & (shares <= 1)).all():
        raise ValueError("a count is negative, or a share is not between 0 and 1")
    if (canary_events[shares == 0] > 0).any() or (stable_events[shares == 1] > 0).any():
        raise ValueError("an event falls to a side that has no requests")
    ratios = np.array(RATIOS)
    growth = np.log1p(shares[:, None] * (ratios - 1))
    return _log_mean_exp(canary_events.sum() * np.log(ratios) - (canary_events + stable_events) @ growth)


def answers_needed(share: float, base: float, detect: float, alpha: float, power: float = 0.9) -> int:
    """Return after how many answers of a canary its excess of failures is found out.

    The number of answers at which `share_log_e` is above log(1/alpha) with the power asked for, if the stable version
    fails with probability `base` and the canary `detect` times as often; that it may have been found before is not
    counted, so the power is at least that. Both counts of failures are taken as Poisson, so their sum m is, and given
    m the canary's part is binomial; where m may be many values, an even grid of them stands for all.

    Args:
        share: the canary's share of the requests, between 0 and 1.
        base: share of the stable version's answers that fail, between 0 and 1.
        detect: by how many times as many failures are to be found out; the canary fails at most always.
        alpha: the probability of calling a canary worse that is not, between 0 and 1.
        power: the probability of finding out, between 0 and 1.

    Raises:
        ValueError: if an argument is out of range, or the excess is too small to be found out with 10^9 answers.
    """
    if not all(0 < number < 1 for number in (share, base, alpha, power)) or not detect > 1:
        raise ValueError(f"share {share}, base {base}, alpha {alpha} or power {power} is no share, or detect {detect}")
    from scipy.special import betainc, gammaln

    canary = min(1.0, detect * base)
    events = canary + base * (1 - share) / share
    part = canary / events

    def reaches(answers: int) -> bool:
        mean = answers * events
        reach = 7 * math.sqrt(mean) + 7
        first, last = max(0, math.floor(mean - reach)), math.ceil(mean + reach)
        total = np.arange(first, last + 1, max(1, (last - first) // _GRID), dtype=np.float64)
        log_weight = total * math.log(mean) - gammaln(total + 1)
        weight = np.exp(log_weight - log_weight.max())
        fewest = _fewest_events(total, share, alpha)
        # The chance of at least c of m is the incomplete beta function (Abramowitz and Stegun 1964, 26.5.24).
        found = np.where(fewest <= total, betainc(fewest, np.maximum(total - fewest, 0) + 1, part), 0.0)
        return float(weight @ found) >= power * float(weight.sum())

    most = 1
    while not reaches(most):
        most *= 2
        if most > _MOST_ANSWERS:
            raise ValueError(f"{detect} times a share of {base} is too small an excess to be found out")
    least = most // 2
    while most - least > 1:
        middle = (least + most) // 2
        least, most = (least, middle) if reaches(middle) else (middle, most)
    return most


def confidence_sequence_bounded(values: Floats, alpha: float) -> tuple[float, float]:
    """Return an interval for the mean of values in [0, 1] that holds at every look.

    For a fixed r > 1 the product of (1 + X (r - 1)) / (1 + m (r - 1)) over the values so far has expectation 1 under a
    mean m: a bet of a constant fraction (Waudby-Smith and Ramdas 2024, "Estimating means of bounded random variables by
    betting", section 4). The lower end is where the mean of it over a grid of r is 2/alpha; the upper end is that of
    1 - X. As log(1 + m (r - 1)) is concave in m, the same holds where the mean moves from value to value in whatever
    way depends on the past, for the average of the means so far. The order of the values does not matter.

    Args:
        values: float64[n], each in [0, 1].
        alpha: the probability that the interval ever misses, half of it at either end.

    Returns:
        `(low, high)`; all of [0, 1] if there are no values.

    Raises:
        ValueError: if a value is not within [0, 1] or alpha not between 0 and 1.
    """
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError("a value is not between 0 and 1")
    growth = np.log1p(np.multiply.outer(_BETS - 1, values)).sum(axis=1)
    mirrored = np.log1p(np.multiply.outer(_BETS - 1, 1 - values)).sum(axis=1)
    return _lower_end(growth, values.size, alpha), 1 - _lower_end(mirrored, values.size, alpha)


def confidence_sequence_share(successes: int, n: int, alpha: float) -> tuple[float, float]:
    """Return an interval for a share that holds at every look: `confidence_sequence_bounded` for counts.

    Raises:
        ValueError: if there are more successes than trials, either is negative, or alpha is not between 0 and 1.
    """
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} successes in {n} trials is not possible")
    bets = np.log(_BETS)
    return _lower_end(successes * bets, n, alpha), 1 - _lower_end((n - successes) * bets, n, alpha)


def confidence_sequence_distance(p: Floats, q: Floats, alpha: float) -> tuple[float, float]:
    """Return an interval that holds at every look for the Wasserstein-1 distance of paired values in [0, 1].

    The distance is at least the difference of the means, by the function x, and at most the mean absolute difference of
    the pairs, which are one way to move one distribution into the other (Villani 2009, "Optimal Transport", particular
    case 5.16 and definition 6.1). Both are means of bounded values, so `confidence_sequence_bounded` holds, half of
    alpha for each. A bound for two unpaired samples would have to allow for each sample's own error, some
    sqrt(log(2/alpha) / 2n) by the inequality of Dvoretzky, Kiefer and Wolfowitz.

    Args:
        p: float64[n], each in [0, 1].
        q: float64[n], each in [0, 1].
        alpha: the probability that the interval ever misses.

    Raises:
        ValueError: if the arrays differ in length, a value is not within [0, 1], or alpha is not between 0 and 1.
    """
    if p.shape != q.shape or not all(((a >= 0) & (a <= 1)).all() for a in (p, q)):
        raise ValueError(f"p {p.shape} and q {q.shape} are not paired values between 0 and 1")
    low, high = (2 * end - 1 for end in confidence_sequence_bounded((1 + p - q) / 2, alpha / 2))
    # Only the upper end of the mean absolute difference is used, so all of the other half of alpha is spent on it.
    return max(low, -high, 0.0), confidence_sequence_bounded(np.abs(p - q), alpha)[1]


def confidence_sequence_classes(p: Floats, q: Floats, alpha: float) -> tuple[float, float]:
    """Return an interval that holds at every look for how far the class is apart that is furthest, of paired rows.

    The distance of one class is the Wasserstein-1 distance of its probabilities, as in `confidence_sequence_distance`;
    each class has its part of alpha, so all of their intervals hold at once, and with them that of the greatest. Of two
    classes one says what the other does, and this is the distance of either.

    Args:
        p: float64[n, k], each in [0, 1].
        q: float64[n, k], each in [0, 1].
        alpha: the probability that the interval ever misses.

    Raises:
        ValueError: if the arrays differ in shape, a value is not within [0, 1], or alpha is not between 0 and 1.
    """
    if p.shape != q.shape or p.ndim != 2:
        raise ValueError(f"p {p.shape} and q {q.shape} are not paired probabilities of classes")
    told = 1 if p.shape[1] == 2 else p.shape[1]
    ends = [confidence_sequence_distance(p[:, place], q[:, place], alpha / told) for place in range(told)]
    return max(low for low, _ in ends), max(high for _, high in ends)


def confidence_sequence_mean(estimate: Estimate, alpha: float) -> tuple[float, float]:
    """Return the interval of a clustered mean that holds at every look, for clusters that arrive one after the other.

    The interval of Student's t with k - 1 degrees at each number k of clusters, with an alpha of
    (6 / pi^2) alpha / (k - 1)^2: those add up to alpha over all k from 2 on, so the chance of ever missing is at most
    alpha if that of each interval is what it says. Nothing is asked of how the looks depend on each other, so clusters
    may differ in size. The half width is 20.9 standard errors at 2 clusters, 8.5 at 4, 6.1 at 7, 5.2 at 14, 4.9 at 30.

    Chosen by `bench/canary_error_rate.py`, 60 daily looks at an alpha of .05, which is 2.5 % for each end: on normal
    days it misses at either end in .5 % of runs, and on days correlated by .35 in 2.5 %. The mixture over t that Wang
    and Ramdas 2025 give ("Anytime-valid t-tests and confidence sequences for Gaussian means with unknown variance") is
    a quarter narrower and misses in 1.5 % and 7 %; the boundary for a known variance (Waudby-Smith et al. 2024, arXiv
    2103.06476, equation 9) in 8 % and 20 %; the interval of a single look in 17 % and 33 %. Where a few rare days
    decide the mean, as storms do, no interval of few days sees them: the end away from their side then passes the truth
    in 16 % of runs, and in 25 % where days are correlated too, but in 1 % by more than two thirds of a day's standard
    deviation. So put a bound where a difference begins to matter.

    Args:
        estimate: a mean and its clustered standard error, such as from `clustered_mean`.
        alpha: the probability that the interval ever misses, for independent normal clusters.

    Returns:
        `(low, high)`; the whole line if there is one cluster, or the standard error is infinite.

    Raises:
        ValueError: if alpha is not between 0 and 1.
    """
    _check_alpha(alpha)
    if estimate.clusters < 2:
        return -math.inf, math.inf
    return interval(estimate, 1 - 6 / math.pi**2 * alpha / (estimate.clusters - 1) ** 2)


def _fewest_events(total: Floats, share: float, alpha: float) -> Floats:
    """Return how many of some events the canary must have for an e-value of 1/alpha; one more than all if none do."""
    logs, growth = np.log(RATIOS), np.log1p(share * (np.array(RATIOS) - 1))
    decay, bound = np.multiply.outer(total, growth), math.log(len(RATIOS) / alpha)

    def enough(events: Floats) -> NDArray[np.bool_]:
        exponents = np.multiply.outer(events, logs) - decay
        top = exponents.max(axis=1)
        return top + np.log(np.exp(exponents - top[:, None]).sum(axis=1)) >= bound

    none, some = np.full_like(total, -1.0), total + 1
    while (some - none > 1).any():
        middle = np.floor((none + some) / 2)
        found = enough(middle)
        some, none = np.where(found, middle, some), np.where(found, none, middle)
    return some


def _lower_end(growth: Floats, n: int, alpha: float) -> float:
    """Return the greatest m in [0, 1] at which the mean of exp(growth - n log(1 + m (r - 1))) over bets is 2/alpha."""
    _check_alpha(alpha)
    bound = math.log(2 / alpha)
    return _solve(lambda m: _log_mean_exp(growth - n * np.log1p(m * (_BETS - 1))) >= bound)


def _solve(excluded: Callable[[float], bool]) -> float:
    """Return the end of what is excluded of [0, 1], where that is the lower part; 0 where nothing is."""
    low, high = 0.0, 1.0
    if not excluded(low):
        return 0.0
    while high - low > 1e-10:
        middle = (low + high) / 2
        low, high = (middle, high) if excluded(middle) else (low, middle)
    return low


def _log_mean_exp(exponents: Floats) -> float:
    top = float(exponents.max())
    return top + math.log(float(np.exp(exponents - top).mean()))


def _check_alpha(alpha: float) -> None:
    if not 0 < alpha < 1:
        raise ValueError(f"an alpha of {alpha} is not between 0 and 1")

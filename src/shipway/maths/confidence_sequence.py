"""Boundaries that hold at every look, however many there are and whenever one stops.

A *uniform boundary* u(v) is one that a sum of deviations with intrinsic time v (its variance so far) ever reaches with
a probability of at most alpha. Most here are mixtures: a likelihood ratio against each alternative is a martingale, and
so is their mean under any prior over alternatives (Robbins 1970; Howard, Ramdas, McAuliffe and Sekhon 2021,
"Time-uniform, nonparametric, nonasymptotic confidence sequences", Ann. Statist. 49, here HRMS). `v_opt` is the
intrinsic time at which the boundary is to be tightest.
"""

import math
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shipway.maths.effect import Effect
from shipway.maths.root import find_root

Floats = NDArray[np.float64]

_STITCH_POWER: Final = 1.4
_STITCH_RATIO: Final = 2.0
_NEAR: Final = 1e-12
_GRID: Final = 65
_ZOOMS: Final = 6


def normal_rho(v_opt: float, alpha_opt: float = 0.05, *, sides: int = 2) -> float:
    """Return the precision of the normal mixture that is tightest at an intrinsic time.

    HRMS, section 3.5: v / (2 log(1/a) + log(1 + 2 log(1/a))), with a = 2 alpha at one side.
    """
    if not v_opt > 0 or not 0 < alpha_opt < 1 / (3 - sides):
        raise ValueError(f"an intrinsic time of {v_opt} or an alpha of {alpha_opt} is out of range")
    bits = -2 * math.log(alpha_opt if sides == 2 else 2 * alpha_opt)
    return v_opt / (bits + math.log1p(bits))


def normal_log_mixture(s: float, v: float, rho: float, *, sides: int = 2) -> float:
    """Return the log of the normal mixture martingale for sub-Gaussian sums (HRMS, proposition 5).

    Args:
        s: the sum of deviations.
        v: its variance so far.
        rho: the mixture's precision, as by `normal_rho`.
        sides: 2, or 1 for deviations upwards only.
    """
    mixture = 0.5 * math.log(rho / (v + rho)) + s * s / (2 * (v + rho))
    if sides == 2:
        return mixture
    from scipy.special import log_ndtr

    return mixture + math.log(2) + float(log_ndtr(s / math.sqrt(v + rho)))


def normal_mixture_bound(v: float, alpha: float, rho: float, *, sides: int = 2) -> float:
    """Return the boundary of the normal mixture: sqrt((v + rho) log((v + rho) / (rho alpha^2))) at two sides."""
    if sides == 2:
        return math.sqrt((v + rho) * math.log((v + rho) / (rho * alpha * alpha)))
    return _mixture_bound(lambda s: normal_log_mixture(s, v, rho, sides=1), v, alpha)


def gamma_exponential_log_mixture(s: float, v: float, rho: float, c: float) -> float:
    """Return the log of the gamma-exponential mixture martingale (HRMS, proposition 9).

    Args:
        s: the sum of deviations, upwards.
        v: its variance so far.
        rho: the mixture's precision, as by `normal_rho` at one side.
        c: the scale of sub-exponential deviations.
    """
    from scipy.special import gammainc, gammaln

    square = c * c
    prior, shape, rate = rho / square, (v + rho) / square, (c * s + v + rho) / square
    constant = prior * math.log(prior) - float(gammaln(prior)) - math.log(float(gammainc(prior, prior)))
    tail = float(gammaln(shape)) + math.log(float(gammainc(shape, rate))) - shape * math.log(rate)
    return constant + tail + (c * s + v) / square


def gamma_exponential_mixture_bound(v: float, alpha: float, rho: float, c: float) -> float:
    """Return the boundary of the gamma-exponential mixture."""
    return _mixture_bound(lambda s: gamma_exponential_log_mixture(s, v, rho, c), v, alpha)


def beta_binomial_r(v_opt: float, g: float, h: float, alpha_opt: float = 0.05, *, sides: int = 2) -> float:
    """Return the precision of the beta-binomial mixture that is tightest at an intrinsic time (HRMS, section 3.5)."""
    return max(normal_rho(v_opt, alpha_opt, sides=sides) - g * h, 1e-3 * g * h)


def beta_binomial_log_mixture(s: float, v: float, r: float, g: float, h: float, *, sides: int = 2) -> float:
    """Return the log of the beta-binomial mixture martingale for bounded deviations (HRMS, proposition 7).

    Args:
        s: the sum of deviations, each between -g and h.
        v: g h times the number of them.
        r: the mixture's precision, as by `beta_binomial_r`.
        g: the greatest deviation downwards.
        h: the greatest upwards.
        sides: 2, or 1 for deviations upwards only.
    """
    width = g + h
    split = h / width if sides == 1 else 1.0
    ratio = (
        v / (g * h) * math.log(width)
        - (v + h * s) / (h * width) * math.log(g)
        - (v - g * s) / (g * width) * math.log(h)
    )
    below = _log_incomplete_beta((r + v - g * s) / (g * width), (r + v + h * s) / (h * width), split)
    return ratio + below - _log_incomplete_beta(r / (g * width), r / (h * width), split)


def beta_binomial_mixture_bound(v: float, alpha: float, r: float, g: float, h: float, *, sides: int = 2) -> float:
    """Return the boundary of the beta-binomial mixture; v / g where even the greatest sum does not reach it."""
    most = v / g

    def log_mixture(s: float) -> float:
        return beta_binomial_log_mixture(s, v, r, g, h, sides=sides)

    return find_root(lambda s: log_mixture(s) + math.log(alpha), 0.0, most)


def stitched_bound(
    v: float, alpha: float, v_min: float, c: float = 0.0, *, s: float = _STITCH_POWER, eta: float = _STITCH_RATIO
) -> float:
    """Return the polynomially stitched boundary, which grows as sqrt(v log log v) (HRMS, theorem 1, equation 10).

    Args:
        v: the variance so far.
        alpha: the probability of ever crossing.
        v_min: where it starts; before, it is what it is there.
        c: the scale of sub-gamma deviations, 0 for sub-Gaussian ones.
        s: the power by which alpha is spent over epochs, above 1.
        eta: the ratio of the ends of an epoch, above 1.
    """
    from scipy.special import zetac

    time = max(v, v_min)
    cost = s * math.log(math.log(eta * time / v_min)) + math.log((1 + float(zetac(s))) / (alpha * math.log(eta) ** s))
    return _stitch(time, cost, c, eta)


def stitched_quantile_bound(
    p: float,
    t: float,
    alpha: float,
    t_min: float,
    *,
    delta: float = 0.5,
    s: float = _STITCH_POWER,
    eta: float = _STITCH_RATIO,
) -> float:
    """Return the doubly stitched boundary of counts below a quantile, for all quantiles and all times at once.

    Howard and Ramdas 2022, "Sequential estimation of quantiles with applications to A/B testing and best-arm
    identification", theorem 4: epochs of time, and within them a grid of quantiles on the logit scale.

    Args:
        p: the quantile's level.
        t: how many values.
        alpha: the probability that any count ever crosses.
        t_min: where it starts.
        delta: the grid's step.
        s: the power by which alpha is spent.
        eta: the ratio of the ends of an epoch.
    """
    from scipy.special import expit, logit, zetac

    time, level = max(t, t_min), float(logit(p))
    near = p if p >= 0.5 else min(0.5, float(expit(level + 2 * delta * math.sqrt(t_min * eta / time))))
    spread = near * (1 - near)
    place = math.sqrt(time / t_min) * abs(level) / (2 * delta) + 1
    total = 1 + float(zetac(s))
    cost = s * math.log(math.log(eta * time / t_min)) + s * math.log(place)
    cost += math.log(2 * total * (2 * total + 1) / (alpha * math.log(eta) ** s))
    return delta * math.sqrt(eta * time * spread / t_min) + _stitch(spread * time, cost, (1 - 2 * p) / 3, eta)


def empirical_process_bound(t: float, alpha: float, t_min: float, a: float = 0.85) -> float:
    """Return how far an empirical distribution function ever is from the true one, at any value and any time.

    Howard and Ramdas 2022, theorem 2: a sqrt((log(1 + log(t / t_min)) + C) / t), with the least C whose error is alpha.

    Args:
        t: how many values.
        alpha: the probability of ever being further.
        t_min: from how many values on it holds; infinite before.
        a: the constant of the rate, above 1 / sqrt(2).
    """
    if t < t_min:
        return math.inf
    constant = find_root(lambda c: alpha - _least_empirical_error(c, a), *_empirical_range(a))
    return a * math.sqrt((math.log1p(math.log(t / t_min)) + constant) / t)


def share_interval(successes: int, n: int, alpha: float, n_opt: float) -> tuple[float, float]:
    """Return an interval for a share that holds at every look, tightest near a number of trials (HRMS, section 4.3).

    Args:
        successes: how many trials succeeded.
        n: how many trials there were, at least 1.
        alpha: the probability that the interval ever misses.
        n_opt: the number of trials it is to be tightest at.

    Raises:
        ValueError: if there are no trials or more successes than trials.
    """
    if not 0 <= successes <= n or not n:
        raise ValueError(f"{successes} successes in {n} trials is not possible")
    seen, bound = min(max(successes / n, _NEAR), 1 - _NEAR), -math.log(alpha)

    def log_mixture(p: float) -> float:
        v = p * (1 - p)
        r = beta_binomial_r(v * n_opt, p, 1 - p)
        return beta_binomial_log_mixture(successes - p * n, v * n, r, p, 1 - p)

    low = 0.0 if successes == 0 else find_root(lambda p: bound - log_mixture(p), _NEAR, seen)
    high = 1.0 if successes == n else find_root(lambda p: log_mixture(p) - bound, seen, 1 - _NEAR)
    return low, high


def asymptotic_rho(n_opt: float, alpha: float) -> float:
    """Return rho^2, the variance of the mixture over standardised effects that is tightest at n_opt units.

    Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas 2024, "Time-uniform central limit theory and asymptotic confidence
    sequences", Ann. Statist. 52, appendix B.2: (-2 log a + log(1 - 2 log a)) / n.
    """
    return 1 / normal_rho(n_opt, alpha)


def asymptotic_half_width(variance: float, n: float, alpha: float, rho_squared: float) -> float:
    """Return the half width of the asymptotic confidence sequence of a mean (the same, equation 9).

    Args:
        variance: the variance of one unit.
        n: how many units there are.
        alpha: the probability of ever missing.
        rho_squared: the variance of the mixture, as by `asymptotic_rho`.
    """
    weight = n * rho_squared + 1
    return math.sqrt(variance * 2 * weight * math.log(math.sqrt(weight) / alpha) / (n * n * rho_squared))


def effect_sequence(effect: Effect, n: int, alpha: float, n_opt: float) -> tuple[float, float]:
    """Return an interval for an effect that may be read at every look: `asymptotic_half_width` around its value.

    Args:
        effect: the effect.
        n: the units of both arms together.
        alpha: the probability of ever missing, asymptotically.
        n_opt: the number of units it is to be tightest at, fixed before the data are seen.

    Returns:
        `(low, high)`; the whole line if the standard error is infinite.
    """
    if not math.isfinite(effect.standard_error):
        return -math.inf, math.inf
    half = asymptotic_half_width(effect.standard_error**2 * n, n, alpha, asymptotic_rho(n_opt, alpha))
    return effect.value - half, effect.value + half


def effect_sequence_p(effect: Effect, n: int, alpha: float, n_opt: float) -> float:
    """Return the p-value that belongs to `effect_sequence`: the alpha at which its end is 0, the mixture kept.

    That is 1 / the mixture of likelihood ratios: sqrt(w) exp(-t^2 n rho^2 / (2 w)) with w = n rho^2 + 1.
    """
    if not math.isfinite(effect.standard_error):
        return 1.0
    if effect.standard_error == 0:
        return 0.0 if effect.value else 1.0
    drawn = n * asymptotic_rho(n_opt, alpha)
    t = effect.value / effect.standard_error
    return min(1.0, math.sqrt(drawn + 1) * math.exp(-t * t * drawn / (2 * (drawn + 1))))


def mixture_p(value: float, variance: float, prior_variance: float) -> float:
    """Return the always-valid p-value of one look at an effect (mSPRT), 1 / the mixture likelihood ratio.

    Johari, Koomen, Pekelis and Walsh 2017, "Peeking at A/B Tests": sqrt(V / (V + tau^2)) exp(tau^2 d^2 / (2 V (V +
    tau^2))); the p-value of a series of looks is the least of theirs.

    Args:
        value: the effect d.
        variance: its squared standard error V.
        prior_variance: tau^2, of a normal mixture over effects.
    """
    total = variance + prior_variance
    log_ratio = 0.5 * math.log(variance / total) + prior_variance * value * value / (2 * variance * total)
    return min(1.0, math.exp(-log_ratio))


def _stitch(v: float, cost: float, c: float, eta: float) -> float:
    inner = (eta**0.25 + eta**-0.25) / math.sqrt(2)
    linear = (math.sqrt(eta) + 1) / 2 * c * cost
    return math.sqrt(inner * inner * v * cost + linear * linear) + linear


def _empirical_range(a: float) -> tuple[float, float]:
    """Return constants between which the error falls from more than 1 to nothing."""
    if not a > math.sqrt(0.5):
        raise ValueError(f"a rate of {a} is not above 1 / sqrt(2)")
    high = 8.0
    while _least_empirical_error(high, a) > 1e-300 and high < 1e5:
        high *= 2
    return 1e-3, high


def _least_empirical_error(constant: float, a: float) -> float:
    """Return the error of a constant, at the best ratio of epochs eta."""
    end = find_root(lambda eta: math.sqrt(eta / 2) + math.sqrt(2 * (eta - 1) / constant) - a, 1.0, 2 * a * a)
    low, high, least = 1.0, end, math.inf
    for _ in range(_ZOOMS):  # nearer each time to the least error, which has no other beside it
        eta = np.linspace(low, high, _GRID)[1:-1]
        gamma = 2 / eta * (a - np.sqrt(2 * (eta - 1) / constant)) ** 2
        wide = gamma > 1
        error = np.full(eta.size, 1e3)
        over = 1 + 1 / ((gamma[wide] - 1) * np.log(eta[wide]))
        error[wide] = 4 * np.exp(-gamma[wide] * constant) * over
        best, step = int(error.argmin()), (high - low) / (_GRID - 1)
        least = min(least, float(error[best]))
        low, high = float(eta[best]) - step, float(eta[best]) + step
    return least


def _log_incomplete_beta(a: float, b: float, x: float) -> float:
    from scipy.special import betainc, betaln

    whole = float(betaln(a, b))
    return whole if x == 1 else whole + math.log(float(betainc(a, b, x)))


def _mixture_bound(log_mixture: Callable[[float], float], v: float, alpha: float) -> float:
    """Return the s at which a mixture that rises with s is 1/alpha."""
    high, bound = max(v, 1.0), -math.log(alpha)
    while log_mixture(high) <= bound:
        high *= 2
    return find_root(lambda s: log_mixture(s) - bound, 0.0, high)

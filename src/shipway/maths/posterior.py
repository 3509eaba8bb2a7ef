"""Bayesian reading of an effect: a normal prior and a normal likelihood give a chance to win and a risk."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Posterior:
    """What is believed of an effect: a normal distribution.

    Attributes:
        mean: its mean.
        deviation: its standard deviation, above 0.
    """

    mean: float
    deviation: float


def posterior(
    value: float, standard_error: float, prior_mean: float = 0.0, prior_deviation: float = math.inf
) -> Posterior:
    """Return the posterior of an effect, or of a lift: precisions add up (Gelman et al. 2013, "BDA", section 2.5).

    Args:
        value: the estimate.
        standard_error: its standard error, above 0 and finite.
        prior_mean: the prior's mean.
        prior_deviation: the prior's standard deviation; infinite for a flat prior.

    Raises:
        ValueError: if the standard error or the prior's deviation is not above 0.
    """
    if not 0 < standard_error < math.inf or not prior_deviation > 0:
        raise ValueError(f"a standard error of {standard_error} or a prior of {prior_deviation} is out of range")
    data, prior = standard_error**-2, prior_deviation**-2
    return Posterior((data * value + prior * prior_mean) / (data + prior), math.sqrt(1 / (data + prior)))


def chance_to_win(belief: Posterior, threshold: float = 0.0) -> float:
    """Return the probability that the effect is above a threshold."""
    from scipy.special import ndtr

    return float(ndtr((belief.mean - threshold) / belief.deviation))


def expected_loss(belief: Posterior) -> tuple[float, float]:
    """Return what is lost on average by keeping the control, and by shipping the treatment, if that is wrong.

    The means of max(effect, 0) and of max(-effect, 0): m Phi(m/s) + s phi(m/s) and the same of -m (Stucchio 2015,
    "Bayesian A/B Testing at VWO", section 4).

    Returns:
        `(keeping, shipping)`, in the effect's unit.
    """
    from scipy.special import ndtr

    z = belief.mean / belief.deviation
    density = math.exp(-z * z / 2) / math.sqrt(2 * math.pi) * belief.deviation
    return belief.mean * float(ndtr(z)) + density, -belief.mean * float(ndtr(-z)) + density


def credible_interval(belief: Posterior, confidence: float = 0.95) -> tuple[float, float]:
    """Return the central interval that holds the effect with a probability."""
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence of {confidence} is not between 0 and 1")
    from scipy.special import ndtri

    half = float(ndtri(0.5 + confidence / 2)) * belief.deviation
    return belief.mean - half, belief.mean + half

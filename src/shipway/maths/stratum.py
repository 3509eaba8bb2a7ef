"""Effects within strata: put together into one that is sharper, and asked whether they differ.

A stratum is a part of the units by what was known before the experiment, such as the country.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shipway.maths.effect import Effect, compare
from shipway.maths.interval import Estimate


@dataclass(frozen=True, slots=True)
class Heterogeneity:
    """Whether effects differ from stratum to stratum.

    Attributes:
        q: Cochran's Q, the weighted sum of squared differences from the weighted mean.
        degrees: strata less one.
        p: the p-value of "the effect is the same in all strata", by chi-square.
        share: I^2, the share of the effects' spread that chance does not explain, from 0 to 1.
    """

    q: float
    degrees: int
    p: float
    share: float


def poststratify(strata: Sequence[tuple[Estimate, Estimate]]) -> Effect:
    """Return the effect on all units from estimates of both arms in every stratum.

    Each arm's mean is that of its strata weighted by the units of both arms together, so that arms are compared on the
    same mix (Miratrix, Sekhon and Yu 2013, "Adjusting Treatment Effect Estimates by Post-Stratification in Randomized
    Experiments", J. R. Stat. Soc. B 75).

    Args:
        strata: control and treatment of each stratum.

    Raises:
        ValueError: if there is no stratum.
    """
    if not strata:
        raise ValueError("there is no stratum")
    counts = np.array([control.n + treatment.n for control, treatment in strata], dtype=np.float64)
    weights = (counts / counts.sum()).tolist()
    return compare(*(_weigh([pair[arm] for pair in strata], weights) for arm in (0, 1)))


def heterogeneity(effects: Sequence[Effect]) -> Heterogeneity:
    """Test whether the effect differs between strata (Cochran 1954; I^2 of Higgins and Thompson 2002).

    Args:
        effects: the effect of each stratum, units being in one stratum only; those whose error is infinite or 0 are
            left out.
    """
    from scipy.special import chdtrc

    told = [effect for effect in effects if 0 < effect.standard_error < math.inf]
    if len(told) < 2:
        return Heterogeneity(0.0, 0, 1.0, 0.0)
    values = np.array([effect.value for effect in told])
    weights = 1 / np.array([effect.standard_error for effect in told]) ** 2
    q = float(weights @ (values - (weights @ values) / weights.sum()) ** 2)
    degrees = len(told) - 1
    return Heterogeneity(q, degrees, float(chdtrc(degrees, q)), max(0.0, 1 - degrees / q) if q > 0 else 0.0)


def _weigh(estimates: Sequence[Estimate], weights: Sequence[float]) -> Estimate:
    """Return a weighted mean of independent estimates, with the degrees of freedom of Satterthwaite."""
    value = math.fsum(weight * one.value for weight, one in zip(weights, estimates, strict=True))
    variances = [(weight * one.standard_error) ** 2 for weight, one in zip(weights, estimates, strict=True)]
    n, variance = sum(one.n for one in estimates), math.fsum(variances)
    if not math.isfinite(variance):
        return Estimate(value, math.inf, n, sum(one.clusters for one in estimates))
    if variance == 0:
        return Estimate(value, 0.0, n, sum(one.clusters for one in estimates))
    parts = [(part / variance) ** 2 / (one.clusters - 1) for part, one in zip(variances, estimates, strict=True)]
    return Estimate(value, math.sqrt(variance), n, max(2, round(1 / math.fsum(parts)) + 1))

"""Sample ratio mismatch: did the arms get the shares of units they were meant to have?

If they did not, units were lost or counted twice in a way that may depend on the treatment, and no effect of the
experiment can be trusted (Fabijan et al. 2019, "Diagnosing Sample Ratio Mismatch in Online Controlled Experiments").
"""

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.integer[Any]]

_CONCENTRATION: Final = 1000.0
"""How close to the plan the alternatives of `imbalance_log_e` are: as after so many units."""


def imbalance_p(counts: Counts, shares: Floats) -> float:
    """Return the p-value of "the arms have their shares", by Pearson's chi-square test; for one look only.

    Args:
        counts: integer[k], the units of each arm.
        shares: float64[k], their planned shares, above 0, adding up to 1 or to any other number.

    Returns:
        1 if there are no units.

    Raises:
        ValueError: if a count is negative, a share is not above 0 or there are fewer than two arms.
    """
    planned = _check(counts, shares)
    from scipy.special import chdtrc

    expected = planned * counts.sum()
    if not counts.sum():
        return 1.0
    return float(chdtrc(counts.size - 1, float(((counts - expected) ** 2 / expected).sum())))


def imbalance_log_e(counts: Counts, shares: Floats, concentration: float = _CONCENTRATION) -> float:
    """Return the log of the e-process against "the arms have their shares", which may be watched unit by unit.

    Lindon and Malek 2022, "Anytime-Valid Inference for Multinomial Count Data": the likelihood of the counts under a
    Dirichlet mixture of shares around the planned ones, over that under the planned ones. Where nothing is wrong it
    ever reaches 1/alpha with a probability of at most alpha.

    Args:
        counts: integer[k], the units of each arm so far.
        shares: float64[k], their planned shares, above 0, adding up to 1 or to any other number.
        concentration: of the mixture; the greater, the smaller the mismatches it is made for.

    Raises:
        ValueError: for the reasons of `imbalance_p`, or if the concentration is not above 0.
    """
    planned = _check(counts, shares)
    if not concentration > 0:
        raise ValueError(f"a concentration of {concentration} is not above 0")
    from scipy.special import gammaln

    prior, n = concentration * planned, float(counts.sum())
    mixture = float(
        gammaln(concentration) - gammaln(concentration + n) + (gammaln(prior + counts) - gammaln(prior)).sum()
    )
    return mixture - float(counts @ np.log(planned))


def imbalance_sequential_p(counts: Counts, shares: Floats, concentration: float = _CONCENTRATION) -> float:
    """Return 1 / the e-value of `imbalance_log_e`, at most 1: a p-value that holds at every look."""
    return math.exp(-max(0.0, imbalance_log_e(counts, shares, concentration)))


def _check(counts: Counts, shares: Floats) -> Floats:
    """Return the planned shares, adding up to 1."""
    if counts.shape != shares.shape or counts.ndim != 1 or counts.size < 2:
        raise ValueError(f"counts {counts.shape} and shares {shares.shape} are not those of two arms or more")
    if (counts < 0).any() or not (shares > 0).all() or not np.isfinite(shares).all():
        raise ValueError("a count is negative or a share is not above 0")
    return shares / shares.sum()

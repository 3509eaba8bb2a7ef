"""Rare events: rates compared at one look, where so few events happen that means are far from normal.

Given how many events there were in both arms, how many of them fell to the treatment is binomial with a probability
that only the ratio of rates decides (Przyborowski and Wilenski 1940, "Homogeneity of Results in Testing Samples from
Poisson Series"; Lehmann and Romano 2005, section 4.5). Events that are rare among units, at most one each, are so too.
Looks that add up are those of `shipway.maths.coin`.
"""

import math
from dataclasses import dataclass

from shipway.maths.root import find_root


@dataclass(frozen=True, slots=True)
class RateRatio:
    """How many times as often events happen under the treatment.

    Attributes:
        low: lower end of its interval.
        high: upper end; infinite without control events.
        p: the two-sided p-value of "the rates are equal".
    """

    low: float
    high: float
    p: float


def compare_rates(
    control_events: int,
    control_exposure: float,
    treatment_events: int,
    treatment_exposure: float,
    *,
    confidence: float = 0.95,
) -> RateRatio:
    """Compare two rates of events, given how many events there were in all, by mid-p.

    Half of the probability of what was seen is counted (Lancaster 1961, "Significance Tests in Discrete
    Distributions"), so the error is about what it claims to be, and not at most that.

    Args:
        control_events: events in the control arm.
        control_exposure: what they are counted against, such as units or unit-days, above 0.
        treatment_events: events in the treatment arm.
        treatment_exposure: what those are counted against.
        confidence: of the interval.

    Raises:
        ValueError: if a count is negative, an exposure is not above 0 or the confidence is not between 0 and 1.
    """
    if min(control_events, treatment_events) < 0 or not (control_exposure > 0 and treatment_exposure > 0):
        raise ValueError("a count is negative or an exposure is not above 0")
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence of {confidence} is not between 0 and 1")
    events = control_events + treatment_events
    if not events:
        return RateRatio(0.0, math.inf, 1.0)
    odds, tail = treatment_exposure / control_exposure, (1 - confidence) / 2
    share = odds / (1 + odds)
    tails = _at_least(treatment_events, events, share), _at_least(control_events, events, 1 - share)
    low = _ratio_of(_least_share(treatment_events, events, tail), odds)
    high = _ratio_of(1 - _least_share(control_events, events, tail), odds)
    return RateRatio(low, high, min(1.0, 2 * min(tails)))


def _at_least(events: int, of: int, share: float) -> float:
    """Return the binomial probability of more events, and half of that of so many."""
    from scipy.special import bdtrc

    more = float(bdtrc(events, of, share))
    return (more + (float(bdtrc(events - 1, of, share)) if events else 1.0)) / 2


def _least_share(events: int, of: int, tail: float) -> float:
    """Return the share of events under which at least so many are as likely as the tail; 0 if there are none."""
    return find_root(lambda share: _at_least(events, of, share) - tail, 0.0, 1.0) if events else 0.0


def _ratio_of(share: float, odds: float) -> float:
    return share / (1 - share) / odds if share < 1 else math.inf

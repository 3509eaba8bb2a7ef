"""Rare events: rates compared exactly at one look, where so few events happen that means are far from normal.

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
        ratio: rate of the treatment over that of the control; infinite, or not a number, without control events.
        low: lower end of its interval.
        high: upper end; infinite without control events.
        p: the two-sided p-value of "the rates are equal".
        events: events of both arms.
    """

    ratio: float
    low: float
    high: float
    p: float
    events: int


def compare_rates(
    control_events: int,
    control_exposure: float,
    treatment_events: int,
    treatment_exposure: float,
    *,
    confidence: float = 0.95,
    exact: bool = True,
) -> RateRatio:
    """Compare two rates of events, given how many events there were in all.

    Args:
        control_events: events in the control arm.
        control_exposure: what they are counted against, such as units or unit-days, above 0.
        treatment_events: events in the treatment arm.
        treatment_exposure: what those are counted against.
        confidence: of the interval.
        exact: whether the error is at most what it claims to be, always (Clopper and Pearson 1934); else half of the
            probability of what was seen is counted (mid-p, Lancaster 1961), and the error is about what it claims.

    Raises:
        ValueError: if a count is negative, an exposure is not above 0 or the confidence is not between 0 and 1.
    """
    if min(control_events, treatment_events) < 0 or not (control_exposure > 0 and treatment_exposure > 0):
        raise ValueError("a count is negative or an exposure is not above 0")
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence of {confidence} is not between 0 and 1")
    events, weight = control_events + treatment_events, 1.0 if exact else 0.5
    if not events:
        return RateRatio(math.nan, 0.0, math.inf, 1.0, 0)
    odds, tail = treatment_exposure / control_exposure, (1 - confidence) / 2
    share = odds / (1 + odds)
    p = min(
        1.0,
        2 * min(_at_least(treatment_events, events, share, weight), _at_most(treatment_events, events, share, weight)),
    )
    low = _ratio_of(_least_share(treatment_events, events, tail, weight), odds)
    high = _ratio_of(1 - _least_share(control_events, events, tail, weight), odds)
    ratio = treatment_events / control_events / odds if control_events else math.inf
    return RateRatio(ratio, low, high, p, events)


def _at_least(events: int, of: int, share: float, weight: float) -> float:
    """Return the binomial probability of more events, and a part of that of so many."""
    from scipy.special import bdtrc

    more = float(bdtrc(events, of, share))
    return more + weight * (float(bdtrc(events - 1, of, share)) - more) if events else more + weight * (1 - more)


def _at_most(events: int, of: int, share: float, weight: float) -> float:
    return _at_least(of - events, of, 1 - share, weight)


def _least_share(events: int, of: int, tail: float, weight: float) -> float:
    """Return the share of events under which at least so many are as likely as the tail; 0 if there are none."""
    return find_root(lambda share: _at_least(events, of, share, weight) - tail, 0.0, 1.0) if events else 0.0


def _ratio_of(share: float, odds: float) -> float:
    return share / (1 - share) / odds if share < 1 else math.inf

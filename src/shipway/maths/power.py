"""How many units or events an experiment needs, what it can find with those it has, and whether to go on.

Everything is computed from the variance of one unit in each arm (`effect.unit_variance`, of pilot data or of the
experiment itself): of a mean, a proportion p (1 - p), a ratio or either after covariates. With N units of which a share
s is treated, the effect's standard error is sqrt(var_c / ((1 - s) N) + var_t / (s N)).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from shipway.maths.coin import boundaries, crossings, fall_of
from shipway.maths.effect import Effect
from shipway.maths.root import find_root
from shipway.maths.spending import Spending, critical_values, crossing_probabilities, inflation, spent

MOST_EVENTS: Final = 2_000
"""Events of both arms beyond which they are not counted one by one: a rate is then as good as normal."""
_MOST_UNITS: Final = 1e15
_FAR: Final = 12.0
"""The logarithm of a ratio that is as good as infinite."""
_SAW: Final = 8
"""How many numbers of events on end must have a power before it is had: as counts are whole, it rises like a saw."""


@dataclass(frozen=True, slots=True)
class Aim:
    """What a test is to achieve.

    Attributes:
        alpha: the error of the test, between 0 and 1; divide it among metrics that may each decide.
        power: the probability of finding the effect planned for, between alpha and 1.
        sides: 2, or 1 for "greater", as in a test of non-inferiority.
        share: the part of all units that is treated, between 0 and 1.
        looks: how often the test is read, evenly, the last time at the end.
        spending: how its alpha is spent over the looks.

    Raises:
        ValueError: if a number is out of range.
    """

    alpha: float = 0.05
    power: float = 0.8
    sides: int = 2
    share: float = 0.5
    looks: int = 1
    spending: Spending = "obrien-fleming"

    def __post_init__(self) -> None:
        if not (0 < self.alpha < self.power < 1 and 0 < self.share < 1):
            raise ValueError(f"alpha {self.alpha}, power {self.power} or share {self.share} is out of range")
        if self.sides not in (1, 2) or self.looks < 1:
            raise ValueError(f"a test has 1 or 2 sides and a look or more, not {self.sides} and {self.looks}")


def units_needed(effect: float, aim: Aim, control_variance: float, treatment_variance: float | None = None) -> float:
    """Return the largest number of units, of both arms together, that finds an effect with the aim's power.

    By the normal distribution, the units of a fixed test times `spending.inflation`.

    Args:
        effect: the effect to be found, in the metric's unit and other than 0; with a non-inferiority margin, the true
            effect plus the margin.
        aim: error, power and looks.
        control_variance: the variance of a unit in the control arm.
        treatment_variance: that of a unit in the treatment arm, if it differs.

    Returns:
        Units, not rounded.

    Raises:
        ValueError: if the effect is 0 or a variance is negative.
    """
    if effect == 0 or control_variance < 0:
        raise ValueError(f"an effect of {effect} with a variance of {control_variance} cannot be planned for")
    return (_design_drift(aim) / effect) ** 2 * _per_unit(aim, control_variance, treatment_variance)


def detectable_effect(
    units: float, aim: Aim, control_variance: float, treatment_variance: float | None = None
) -> float:
    """Return the least effect found with the aim's power in so many units of both arms together."""
    if not units > 0:
        raise ValueError(f"{units} units find nothing")
    return _design_drift(aim) * math.sqrt(_per_unit(aim, control_variance, treatment_variance) / units)


def power_of(
    effect: float, units: float, aim: Aim, control_variance: float, treatment_variance: float | None = None
) -> float:
    """Return the probability of finding an effect in so many units, by its own sign; the aim's power is not read."""
    from scipy.special import ndtr

    drift = abs(effect) * math.sqrt(units / _per_unit(aim, control_variance, treatment_variance))
    if aim.looks == 1:
        return float(ndtr(drift + _tail_quantile(aim)))
    fractions = np.arange(1, aim.looks + 1) / aim.looks
    critical = critical_values(fractions, aim.alpha, sides=aim.sides, spending=aim.spending)
    return float(crossing_probabilities(fractions, critical, drift, sides=aim.sides).upper.sum())


def events_power(events: int, ratio: float, aim: Aim, null: float = 1.0) -> float:
    """Return the probability of finding a ratio of rates in so many events of both arms, by the exact test of looks.

    Args:
        events: of both arms together, at the last look; the others have even parts of them, rounded up.
        ratio: how many times as likely an event truly is under the treatment.
        aim: error, share and looks; its power is not read, and its error is that of both sides.
        null: the ratio that is tested, such as 1.5 for "not one and a half times as many".

    Returns:
        The probability that the look that is first to cross does so on the ratio's side of the null.
    """
    counts = -(-np.arange(1, aim.looks + 1) * events // aim.looks)
    allowed = np.array([spent(count / events, aim.alpha / 2, aim.spending) for count in counts.tolist()])
    upper, lower = boundaries(counts, allowed, fall_of(null, aim.share))
    above, below = crossings(counts, upper, lower, fall_of(ratio, aim.share))
    return above if ratio > null else below


def events_needed(ratio: float, aim: Aim, null: float = 1.0) -> int:
    """Return the largest number of events, of both arms together, that finds a ratio of rates with the aim's power.

    Args:
        ratio: how many times as likely an event is under the treatment, 0 or more, and other than `null`.
        aim: error, power and looks.
        null: the ratio that is tested; for a margin the ratio is 1, and this is the margin.

    Raises:
        ValueError: if the ratios are the same, or more than `MOST_EVENTS` are needed.
    """
    if ratio == null or ratio < 0 or not null > 0:
        raise ValueError(f"a ratio of {ratio} cannot be told from {null}")
    enough: dict[int, bool] = {}

    def finds(events: int) -> bool:
        if events not in enough:
            enough[events] = events_power(events, ratio, aim, null) >= aim.power
        return enough[events]

    least, most = 0, 1
    while not finds(most):
        least, most = most, 2 * most
        if least > MOST_EVENTS:
            raise ValueError(f"a ratio of {ratio:g} is told from {null:g} by more than {MOST_EVENTS:,} events only")
    while most - least > 1:
        middle = (least + most) // 2
        least, most = (least, middle) if finds(middle) else (middle, most)
    while lacking := [events for events in range(most, most + _SAW) if not finds(events)]:
        most = lacking[-1] + 1
    if most > MOST_EVENTS:
        raise ValueError(f"a ratio of {ratio:g} is told from {null:g} by more than {MOST_EVENTS:,} events only")
    return most


def expected_events(events: int, chance: float) -> float:
    """Return how many events must be expected for at least so many to come with a chance, as Poisson's come."""
    from scipy.special import gammaincinv

    return float(gammaincinv(events, chance))


def detectable_ratio(
    events: int, aim: Aim, *, up: bool = True, null: float = 1.0, margin: bool = False
) -> float | None:
    """Return the ratio of rates nearest to a tested one that so many events find with the aim's power; None for none.

    Args:
        events: of both arms together, above 0.
        aim: error, power and looks.
        up: whether it is above the tested ratio, or below.
        null: the ratio that is tested.
        margin: whether it is what is tested while the rates are the same; `null` is not read then.
    """

    def lack(log_ratio: float) -> float:
        ratio = math.exp(log_ratio if up else -log_ratio)
        found = events_power(events, 1.0, aim, ratio) if margin else events_power(events, null * ratio, aim, null)
        return found - aim.power

    if lack(_FAR) < 0:
        return None
    return (1.0 if margin else null) * math.exp(find_root(lack, 1e-3, _FAR) * (1 if up else -1))


def cluster_factor(cluster_size: float, correlation: float, variation: float = 0.0) -> float:
    """Return how many times the units that are needed if whole clusters are assigned.

    1 + ((1 + cv^2) m - 1) rho (Eldridge, Ashby and Kerry 2006, "Sample size for cluster randomized trials: effect of
    coefficient of variation of cluster size", Int. J. Epidemiol. 35).

    Args:
        cluster_size: the mean size m of a cluster.
        correlation: the correlation rho of two units of one cluster.
        variation: the coefficient of variation of the clusters' sizes.
    """
    return 1 + ((1 + variation**2) * cluster_size - 1) * correlation


def t_power(difference: float, n_control: float, n_treatment: float, *, alpha: float = 0.05, sides: int = 2) -> float:
    """Return the power of a t-test of two arms with one variance, by the noncentral t distribution.

    Args:
        difference: the effect in standard deviations.
        n_control: units in the control arm.
        n_treatment: units in the treatment arm.
        alpha: the error of the test.
        sides: 2, when a result on the wrong side counts too, or 1.
    """
    from scipy.special import nctdtr, stdtrit

    degrees = n_control + n_treatment - 2
    drift = abs(difference) / math.sqrt(1 / n_control + 1 / n_treatment)
    bound = float(stdtrit(degrees, 1 - alpha / sides))
    power = 1 - float(nctdtr(degrees, drift, bound))
    return power + float(nctdtr(degrees, drift, -bound)) if sides == 2 else power


def t_units_needed(difference: float, *, alpha: float, power: float, ratio: float = 1.0, sides: int = 2) -> float:
    """Return the units the control arm needs for a t-test of two arms with one variance, not rounded.

    Args:
        difference: the effect in standard deviations, other than 0.
        alpha: the error of the test.
        power: the probability of finding the effect.
        ratio: units of the treatment arm for each of the control arm.
        sides: 2 or 1.

    Raises:
        ValueError: if the effect is too small for 10^15 units.
    """
    least = 1 + 2 / (1 + ratio)
    return _least_units(lambda n: t_power(difference, n, n * ratio, alpha=alpha, sides=sides) - power, least)


def conditional_power(effect: Effect, more: float, assumed: float, *, alpha: float = 0.05, sides: int = 2) -> float:
    """Return how likely an effect is to be significant in the end, by what was seen and what is assumed of the rest.

    Lan and Wittes 1988, "The B-Value: A Tool for Monitoring Data": the last estimate is the mean of what was seen and
    of what comes, weighted by units; its own z-test is fixed, so divide alpha among metrics, and use no early look.

    Args:
        effect: the effect seen so far.
        more: how many times the units so far will still come, above 0.
        assumed: the effect that those will show on average.
        alpha: the error of the test.
        sides: 2 or 1.

    Raises:
        ValueError: if nothing more comes or the standard error is not above 0.
    """
    if not more > 0 or not 0 < effect.standard_error < math.inf:
        raise ValueError(f"{more} times the units after a standard error of {effect.standard_error} tell nothing")
    from scipy.special import ndtr, ndtri

    reach = -float(ndtri(alpha / sides)) * effect.standard_error * math.sqrt(1 + more)
    future = effect.standard_error / math.sqrt(more)
    upper = float(ndtr((assumed - (reach - effect.value) / more) / future))
    return upper + float(ndtr(((-reach - effect.value) / more - assumed) / future)) if sides == 2 else upper


def more_needed(effect: Effect, assumed: float, power: float, *, alpha: float = 0.05, sides: int = 2) -> float:
    """Return how many times the units so far must still come for a conditional power.

    Returns:
        0 if hardly any are needed.

    Raises:
        ValueError: if 10^15 times as many do not suffice.
    """
    return _least_units(lambda more: conditional_power(effect, more, assumed, alpha=alpha, sides=sides) - power, 1e-6)


def _design_drift(aim: Aim) -> float:
    """Return the expected z at the end that the aim's power needs."""
    from scipy.special import ndtri

    fixed = float(ndtri(aim.power)) - _tail_quantile(aim)
    if aim.looks == 1:
        return fixed
    fractions = np.arange(1, aim.looks + 1) / aim.looks
    return fixed * math.sqrt(inflation(fractions, aim.alpha, aim.power, sides=aim.sides, spending=aim.spending))


def _tail_quantile(aim: Aim) -> float:
    from scipy.special import ndtri

    return float(ndtri(aim.alpha / aim.sides))


def _per_unit(aim: Aim, control_variance: float, treatment_variance: float | None) -> float:
    """Return the squared standard error of the effect, times the units of both arms."""
    treated = control_variance if treatment_variance is None else treatment_variance
    return control_variance / (1 - aim.share) + treated / aim.share


def _least_units(lack: Callable[[float], float], least: float) -> float:
    """Return where a rising function of units is 0, or the least number if it is above there."""
    high = 2 * least
    while lack(high) < 0:
        high *= 2
        if high > _MOST_UNITS:
            raise ValueError("the effect is too small to be found")
    return find_root(lack, least, high)

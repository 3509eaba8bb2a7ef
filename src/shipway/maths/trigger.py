"""Triggered analysis: effects are measured on the units that met the change, and told for all of them.

Units that never saw a difference add noise and no effect. What the change is worth to everybody is the triggered effect
times the share of triggered units (Deng and Hu 2015, "Diluted Treatment Effect Estimation for Trigger Analysis in
Online Controlled Experiments", WSDM).
"""

import math
from dataclasses import replace

from shipway.maths.effect import Effect, compare
from shipway.maths.interval import Estimate


def dilute(control: Estimate, treatment: Estimate, rest: Estimate | None) -> Effect:
    """Return the effect on all units, of a metric that is a mean, from that on the triggered ones.

    Args:
        control: the metric among triggered units of the control arm.
        treatment: the metric among triggered units of the treatment arm.
        rest: the metric among units that did not trigger, of both arms, whom the treatment cannot have changed; none
            if all triggered.

    Returns:
        The effect: its value is rate x (treatment - control), its control the mean of all units had none been treated.
        Errors are by the delta method; the rate is that of all units, binomial and independent of the means.
    """
    triggered = compare(control, treatment)
    if rest is None or not rest.n:
        return triggered
    n = control.n + treatment.n
    rate = n / (n + rest.n)
    rate_variance = rate * (1 - rate) / (n + rest.n)
    value, base = rate * triggered.value, rate * control.value + (1 - rate) * rest.value
    variance = rate**2 * triggered.standard_error**2 + triggered.value**2 * rate_variance
    whole = replace(triggered, control=base, treatment=base + value, value=value, standard_error=math.sqrt(variance))
    if base == 0:
        return replace(whole, lift=math.nan, lift_error=math.inf, lift_degrees=math.nan)
    # How the lift rate (b - a) / (rate a + (1 - rate) u) moves with each of a, b, u and the rate.
    by_control = -rate * (base + value) / base**2
    by_treatment = rate / base
    by_rest = -value * (1 - rate) / base**2
    by_rate = triggered.value * rest.value / base**2
    parts = [
        by_control * control.standard_error,
        by_treatment * treatment.standard_error,
        by_rest * rest.standard_error,
        by_rate * math.sqrt(rate_variance),
    ]
    return replace(whole, lift=value / base, lift_error=math.hypot(*parts), lift_degrees=triggered.degrees)

"""Effects between two arms of an experiment, from their summaries: means, ratios, and both adjusted by covariates.

Every metric here is linear in the columns to first order: a mean is one column, a ratio of means moves with
numerator / d - r denominator / d (the delta method), and covariates take theta times themselves away. So one variance,
that of a weighted sum of columns, serves all of them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from shipway.maths.interval import Estimate
from shipway.maths.summary import Summary, merge

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Term:
    """What is measured in an arm: the mean of a column, or the ratio of the means of two.

    Attributes:
        numerator: the column, or that of the numerator.
        denominator: the column of the denominator; none for a mean.
    """

    numerator: int
    denominator: int | None = None


@dataclass(frozen=True, slots=True)
class Effect:
    """How much a treatment changes a metric, in its unit and relative to the control.

    Attributes:
        control: the metric in the control arm.
        treatment: the metric in the treatment arm.
        value: treatment minus control.
        standard_error: of the value; infinite where there are too few units to tell.
        degrees: degrees of freedom of the value's Student t, Welch-Satterthwaite.
        lift: value / control; not a number if the control is 0.
        lift_error: standard error of the lift, by the delta method.
        lift_degrees: degrees of freedom of the lift.
        control_error: standard error of the control.
    """

    control: float
    treatment: float
    value: float
    standard_error: float
    degrees: float
    lift: float
    lift_error: float
    lift_degrees: float
    control_error: float


def estimate_term(summary: Summary, term: Term) -> Estimate:
    """Estimate a term with its standard error, units taken as independent.

    The error of a ratio r = m / d is by the delta method: var(m)/d^2 - 2 r cov(m, d)/d^2 + r^2 var(d)/d^2, over n
    (Deng, Knoblich and Lu 2018, "Applying the Delta Method in Metric Analytics", section 3).

    Returns:
        The estimate, with as many clusters as units; its standard error is infinite with fewer than two units.

    Raises:
        ValueError: if there are no units, or the denominator's mean is 0.
    """
    return _estimate(summary, value_of(summary, term), gradient(summary, term))


def adjust(arms: Sequence[Summary], term: Term, covariates: Sequence[Term]) -> tuple[Estimate, ...]:
    """Estimate a term in each arm after what covariates explain of it is taken away (CUPED, CUPAC).

    Deng, Xu, Kohavi and Walker 2013, "Improving the Sensitivity of Online Controlled Experiments by Utilizing
    Pre-Experiment Data", section 3.2, with several covariates: theta solves the normal equations of all arms taken as
    one sample, and the arms are compared at the covariates' mean of all of them. A covariate must not be changed by the
    treatment; a model's prediction from earlier data is one (CUPAC). Ratios, as a term or as covariates, enter by their
    linearisation (Deng and Xu 2013, appendix B). Covariates that are constant or tell nothing new change nothing.

    Returns:
        An estimate for each arm. Theta is taken as known, as is usual; with q covariates and n units in all, errors are
        too small by about q / (2 n).

    Raises:
        ValueError: for the reasons of `estimate_term`.
    """
    pooled = merge(arms)
    weights = np.stack([gradient(pooled, covariate) for covariate in covariates], axis=1)
    theta = _solve_theta(weights.T @ pooled.products @ weights, weights.T @ pooled.products @ gradient(pooled, term))
    centre = np.array([value_of(pooled, covariate) for covariate in covariates])
    estimates: list[Estimate] = []
    for arm in arms:
        here = np.array([value_of(arm, covariate) for covariate in covariates])
        moved = np.stack([gradient(arm, covariate) for covariate in covariates], axis=1)
        value = value_of(arm, term) - float(theta @ (here - centre))
        estimates.append(_estimate(arm, value, gradient(arm, term) - moved @ theta))
    return tuple(estimates)


def compare(control: Estimate, treatment: Estimate) -> Effect:
    """Compare two arms whose units are independent, allowing them different variances (Welch 1947).

    The variance of the lift is var_b / a^2 + var_a b^2 / a^4, with squared standard errors var of control a and
    treatment b. Degrees of freedom are those of Satterthwaite 1946 with clusters - 1 in each arm.
    """
    a, b = control.value, treatment.value
    var_a, var_b = control.standard_error**2, treatment.standard_error**2
    error, degrees = _combine(var_a, control.clusters, var_b, treatment.clusters)
    if a == 0:
        return Effect(a, b, b - a, error, degrees, math.nan, math.inf, math.nan, control.standard_error)
    lift_error, lift_degrees = _combine(var_a * b**2 / a**4, control.clusters, var_b / a**2, treatment.clusters)
    lift = (b - a) / a
    return Effect(a, b, b - a, error, degrees, lift, lift_error, lift_degrees, control.standard_error)


def measure_effect(control: Summary, treatment: Summary, term: Term, covariates: Sequence[Term] = ()) -> Effect:
    """Measure the effect on a term, adjusted by covariates if there are any.

    Raises:
        ValueError: for the reasons of `estimate_term`.
    """
    if covariates:
        return compare(*adjust((control, treatment), term, covariates))
    return compare(estimate_term(control, term), estimate_term(treatment, term))


def margin_effect(control: Estimate, treatment: Estimate, margin: float) -> Effect:
    """Compare a treatment with a control that is worse by a share of itself: above 0 it is not inferior by that share.

    Tests treatment - (1 - margin) control, which is linear in both and so needs no delta method.

    Args:
        control: the control arm.
        treatment: the treatment arm.
        margin: the share of the control that may be lost, such as 0.01; below 0 if higher is worse, so that what is
            tested is treatment - 1.01 control, of which being below 0 is good.
    """
    scale = 1 - margin
    return compare(
        Estimate(scale * control.value, abs(scale) * control.standard_error, control.n, control.clusters), treatment
    )


def effect_interval(effect: Effect, confidence: float = 0.95) -> tuple[float, float]:
    """Return the two-sided interval of an effect's value, by Student's t; the whole line if the error is infinite."""
    return _interval(effect.value, effect.standard_error, effect.degrees, confidence)


def lift_interval(effect: Effect, confidence: float = 0.95) -> tuple[float, float]:
    """Return the two-sided interval of an effect's lift, by Student's t, as `lift_reach` does."""
    from scipy.special import stdtrit

    _check_confidence(confidence)
    if not math.isfinite(effect.standard_error):
        return -math.inf, math.inf
    return lift_reach(effect, float(stdtrit(effect.degrees, 0.5 + confidence / 2)))


def lift_reach(effect: Effect, reach: float) -> tuple[float, float]:
    """Return the lifts under which the effect is no more than some standard errors away (Fieller 1954).

    A lift of d is within reach where treatment - (1 + d) control is no further from 0 than that many of its standard
    errors, which is linear in both arms. So 0 is within reach just where it is for the value, and -m where it is for
    `margin_effect`. The delta method is symmetric around the lift, and what is skewed is not: at 5 % it called a lift
    below 0 in 5.1 % and one above in 1.0 % of experiments without any (`bench/experiment_lift.py`).

    Args:
        effect: the effect.
        reach: how many standard errors.

    Returns:
        The whole line where there is no lift, or the control cannot be told from 0.
    """
    a, b, var_a = effect.control, effect.treatment, effect.control_error**2
    var_b = effect.standard_error**2 - var_a
    square = a * a - reach * reach * var_a
    if not math.isfinite(effect.lift) or not square > 0:
        return -math.inf, math.inf
    half = math.sqrt(max((a * b) ** 2 - square * (b * b - reach * reach * var_b), 0.0))
    return (a * b - half) / square - 1, (a * b + half) / square - 1


def p_value(effect: Effect, *, null: float = 0.0, sides: int = 2) -> float:
    """Return the p-value of an effect's value against a null, by Student's t.

    Args:
        effect: the effect.
        null: the value under the null hypothesis, such as minus the margin of a test of non-inferiority.
        sides: 2, or 1 for "the effect is above the null".

    Returns:
        1 (or 0.5 at one side) where the standard error is infinite.

    Raises:
        ValueError: if sides is neither 1 nor 2.
    """
    if sides not in (1, 2):
        raise ValueError(f"a test has 1 or 2 sides, not {sides}")
    from scipy.special import stdtr

    t = _studentise(effect, null)
    if t is None:
        return 1.0 if sides == 2 else 0.5
    return float(2 * stdtr(effect.degrees, -abs(t))) if sides == 2 else float(stdtr(effect.degrees, -t))


def normal_score(effect: Effect, *, null: float = 0.0) -> float:
    """Return the standard normal quantile that is as unlikely under the null as the effect is under Student's t.

    This is what a boundary made for Brownian motion is to be compared with when the variance is estimated: the error
    rate is then that of the t-test at each look (Jennison and Turnbull 2000, "Group Sequential Methods", section 3.8).

    Returns:
        Above 0 where the effect is above the null; 0 where the standard error is infinite.
    """
    from scipy.special import ndtri, stdtr

    t = _studentise(effect, null)
    if t is None or t == 0:
        return 0.0
    return math.copysign(-float(ndtri(max(float(stdtr(effect.degrees, -abs(t))), 1e-300))), t)


def lift_score(effect: Effect, lift: float) -> float:
    """Return the standard normal quantile as unlikely under a lift as the effect is, as `lift_reach` measures it.

    Treatment - (1 + lift) control over its standard error, by Student's t; for a lift of 0 it is `normal_score`.
    """
    scale = 1 + lift
    var_a = effect.control_error**2
    var_b = max(effect.standard_error**2 - var_a, 0.0)
    error = math.sqrt(var_b + scale**2 * var_a) if math.isfinite(effect.standard_error) else math.inf
    away = effect.treatment - scale * effect.control
    return normal_score(replace(effect, value=away, standard_error=error))


def value_of(summary: Summary, term: Term) -> float:
    """Return the mean of a column, or the ratio of two.

    Raises:
        ValueError: if there are no units, or the denominator's mean is 0.
    """
    if not summary.n:
        raise ValueError("an arm has no units")
    top = float(summary.mean[term.numerator])
    if term.denominator is None:
        return top
    bottom = float(summary.mean[term.denominator])
    if bottom == 0:
        raise ValueError("the denominator of a ratio sums to 0")
    return top / bottom


def gradient(summary: Summary, term: Term) -> Floats:
    """Return float64[k], by how much a term moves with the mean of each column, at the summary's means."""
    weights = np.zeros(summary.mean.size)
    value = value_of(summary, term)
    if term.denominator is None:
        weights[term.numerator] = 1.0
        return weights
    bottom = float(summary.mean[term.denominator])
    weights[term.numerator] += 1 / bottom
    weights[term.denominator] -= value / bottom
    return weights


def explained_share(summary: Summary, term: Term, covariates: Sequence[Term]) -> float:
    """Return the share of a term's variance per unit that covariates explain: rho^2 if there is one.

    Returns:
        From 0 to 1; 0 if the term does not vary.
    """
    weights = np.stack([gradient(summary, covariate) for covariate in covariates], axis=1)
    mine = gradient(summary, term)
    common = weights.T @ summary.products @ mine
    total = float(mine @ summary.products @ mine)
    theta = _solve_theta(weights.T @ summary.products @ weights, common)
    return min(1.0, max(0.0, float(theta @ common) / total)) if total > 0 else 0.0


def unit_variance(summary: Summary, term: Term, covariates: Sequence[Term] = ()) -> float:
    """Return the variance that one unit contributes to a term: n times the squared standard error of its estimate."""
    [estimated] = adjust((summary,), term, covariates) if covariates else (estimate_term(summary, term),)
    return estimated.standard_error**2 * summary.n


def residual_weights(summary: Summary, term: Term, covariates: Sequence[Term] = ()) -> Floats:
    """Return float64[k], by which columns' deviations from their means add up to a unit's part in a term.

    What covariates explain is taken away, theta being that of the summary's units: the variance of the sum is
    `unit_variance`.
    """
    mine = gradient(summary, term)
    if not covariates:
        return mine
    weights = np.stack([gradient(summary, covariate) for covariate in covariates], axis=1)
    theta = _solve_theta(weights.T @ summary.products @ weights, weights.T @ summary.products @ mine)
    return mine - weights @ theta


def _estimate(summary: Summary, value: float, weights: Floats) -> Estimate:
    """Return a value with the standard error of a weighted sum of columns."""
    if summary.n < 2:
        return Estimate(value, math.inf, summary.n, summary.n)
    variance = float(weights @ summary.products @ weights) / (summary.n - 1) / summary.n
    # What covariates explain entirely leaves rounding behind, of either sign.
    return Estimate(value, math.sqrt(max(variance, 0.0)), summary.n, summary.n)


def _solve_theta(among: Floats, common: Floats) -> Floats:
    """Solve the normal equations, columns brought to one scale; what is constant or redundant gets the least weight."""
    scale = np.sqrt(np.maximum(np.diagonal(among), 0.0))
    varies = scale > 0
    theta = np.zeros(len(common))
    if varies.any():
        scale = scale[varies]
        matrix = among[np.ix_(varies, varies)] / np.outer(scale, scale)
        theta[varies] = np.linalg.lstsq(matrix, common[varies] / scale, rcond=1e-10)[0] / scale
    return theta


def _combine(var_a: float, clusters_a: int, var_b: float, clusters_b: int) -> tuple[float, float]:
    """Return the standard error of a difference and its Welch-Satterthwaite degrees of freedom."""
    if min(clusters_a, clusters_b) < 2 or not math.isfinite(var_a + var_b):
        return math.inf, 0.0
    total = var_a + var_b
    if total == 0:
        return 0.0, float(clusters_a + clusters_b - 2)
    # Shares first: squares of small variances would vanish.
    share_a, share_b = var_a / total, var_b / total
    return math.sqrt(total), 1 / (share_a**2 / (clusters_a - 1) + share_b**2 / (clusters_b - 1))


def _studentise(effect: Effect, null: float) -> float | None:
    """Return the t statistic; none where nothing is known, infinite where the value is certain and not the null."""
    away = effect.value - null
    if not math.isfinite(effect.standard_error):
        return None
    if effect.standard_error == 0:
        return math.copysign(math.inf, away) if away else 0.0
    return away / effect.standard_error


def _check_confidence(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence of {confidence} is not between 0 and 1")


def _interval(value: float, error: float, degrees: float, confidence: float) -> tuple[float, float]:
    _check_confidence(confidence)
    if not math.isfinite(error) or math.isnan(value):
        return -math.inf, math.inf
    from scipy.special import stdtrit

    half = float(stdtrit(degrees, 0.5 + confidence / 2)) * error
    return value - half, value + half

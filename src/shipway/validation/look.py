"""What the statistics of an experiment show: effects with intervals that hold at every look, and the split itself.

Boundaries come from the registered design. Several metrics share alpha by Holm's procedure, as a graph over
group-sequential tests (Maurer and Bretz 2013, "Multiple testing in group sequential trials using graphical
approaches"): a metric that is shown hands its share to the others, whose boundaries are then those of the greater
share.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from shipway.core.effect import Effect
from shipway.core.error import ShipwayError
from shipway.core.experiment import Spending
from shipway.maths import effect as formulas
from shipway.maths.cluster import estimate_clusters
from shipway.maths.confidence_sequence import normal_mixture_bound, normal_rho
from shipway.maths.effect import (
    Term,
    adjust,
    effect_interval,
    estimate_term,
    explained_share,
    lift_interval,
    lift_reach,
    lift_score,
    measure_effect,
    normal_score,
)
from shipway.maths.quantile import Floats, estimate_quantile, is_tied
from shipway.maths.spending import adjust_for_looks, critical_values, spent
from shipway.maths.summary import Summary, merge
from shipway.maths.trigger import dilute

LEAST_UNITS = 30
"""Units of a variant below which no effect is looked at: a mean of fewer is not normal enough."""
LEAST_CLUSTERS = 10
"""Clusters of a variant below which no effect is looked at, see `bench/experiment_cluster.py`."""
LEAST_INFORMATION = 0.02
"""Share of the planned units below which no effect is looked at."""
_NOTHING = 1e-9
"""Standard errors that are no distance."""
_FARTHEST = 30.0
"""Standard errors beyond which looks change nothing that could be told."""
_TUNED = 0.5
"""Share of the planned units at which an always-valid interval is narrowest."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One effect before its interval.

    Attributes:
        n: units of the control and of the variant.
        control: the control's value.
        estimate: the effect.
        error: its standard error; 0 where nothing tells it.
        sharpened: by which share covariates made the variance less.
        found: the effect as formulas take it.
        clusters: clusters of the control and of the variant; none where units are assigned one by one.
        diluted: the effect on all units, its error, and the share of them for which the variants differ; None for all.
    """

    n: tuple[int, int]
    control: float
    estimate: float
    error: float
    sharpened: float
    found: formulas.Effect
    clusters: tuple[int, int] | None = None
    diluted: tuple[float, float, float] | None = None

    @property
    def uncertain(self) -> bool:
        """Tell whether nothing says how far the effect may be off: in an arm nothing varies, or too much is equal."""
        arms = self.found.standard_error**2 - self.found.control_error**2
        return self.error == 0 or self.found.control_error == 0 or not arms > 0


@dataclass(frozen=True, slots=True)
class Boundary:
    """How many standard errors an interval reaches, at which alpha, and how much of it is spent."""

    z: float
    alpha: float
    spent: float


def term_of(effect: Effect, size: int | None = None) -> Term:
    """Return what a metric is among the columns of its summaries.

    Args:
        effect: what is measured.
        size: the column with the units of each cluster, where clusters are summarised; a mean is then a ratio to it.
    """
    return Term(0, size if effect.over is None else 1)


def covariates_of(effect: Effect, size: int | None = None) -> list[Term]:
    """Return the covariates among the columns: each feature, and which units have none; `size` as for `term_of`."""
    first = 1 if effect.over is None else 2
    return [Term(first + place, size) for place in range(2 * len(effect.covariates))]


def measure_clusters(name: str, effect: Effect, control: Summary, treatment: Summary) -> Measured:
    """Measure an effect on a mean or a ratio of units from summaries of their clusters, which were assigned.

    The clusters are what is independent: the error is theirs, and so are the degrees of freedom of its t. Errors as for
    `measure`.

    Args:
        name: the metric's, for a refusal.
        effect: what is measured.
        control: of the control's clusters, the last column being how many units each has.
        treatment: of the variant's.
    """
    size, arms = control.mean.size - 1, (control, treatment)
    term, covariates = term_of(effect, size), covariates_of(effect, size)
    try:
        found = formulas.compare(*estimate_clusters(arms, term, covariates, size))
    except ValueError as error:
        raise _no_size(name, str(error)) from error
    explained = explained_share(merge(arms), term, covariates) if covariates else 0.0
    units = [round(float(arm.mean[size]) * arm.n) for arm in arms]
    return replace(_measured(name, effect, found, (units[0], units[1]), explained), clusters=(control.n, treatment.n))


def measure(name: str, effect: Effect, control: Summary, treatment: Summary, strata: Sequence[Term] = ()) -> Measured:
    """Measure an effect on a mean or a ratio from merged summaries.

    Args:
        name: the metric's, for a refusal.
        effect: what is measured.
        control: of the control's units.
        treatment: of the variant's.
        strata: columns of both that say in which stratum a unit is, which are covariates too.

    Raises:
        ShipwayError: SW-403 where the control's value is 0, so that no effect is in parts of it, or nothing varies.
    """
    term, covariates = term_of(effect), [*covariates_of(effect), *strata]
    try:
        found = measure_effect(control, treatment, term, covariates)
    except ValueError as error:
        raise _no_size(name, str(error)) from error
    explained = explained_share(merge((control, treatment)), term, covariates) if covariates else 0.0
    return _measured(name, effect, found, (control.n, treatment.n), explained)


def measure_diluted(
    effect: Effect, control: Summary, treatment: Summary, rest: Summary, strata: Sequence[Term] = ()
) -> tuple[float, float, float]:
    """Return the effect of a mean on all units, from that on those for which the variants differ.

    Args:
        effect: what is measured, a mean.
        control: of the control's units for which the variants differ.
        treatment: of the variant's.
        rest: of the units of both for which they do not.
        strata: as for `measure`.

    Returns:
        The effect, its standard error, and the share of units for which the variants differ.
    """
    term, covariates = term_of(effect), [*covariates_of(effect), *strata]
    arms = (control, treatment)
    found = adjust(arms, term, covariates) if covariates else [estimate_term(arm, term) for arm in arms]
    whole = dilute(found[0], found[1], estimate_term(rest, term))
    share = (control.n + treatment.n) / (control.n + treatment.n + rest.n)
    if effect.relative:
        return whole.lift, whole.lift_error, share
    return whole.value, whole.standard_error, share


def measure_quantile(name: str, effect: Effect, control: Floats, treatment: Floats) -> Measured:
    """Measure an effect on a quantile from the units' values; errors as for `measure`.

    Its error is told as 0 where it cannot be known: with too few units for a quantile so far out, or where so many of
    them are equal that the quantile jumps from one value to the next.
    """
    arms = [(values, estimate_quantile(values, effect.share)) for values in (control, treatment)]
    found, n = formulas.compare(arms[0][1], arms[1][1]), (control.size, treatment.size)
    if not math.isfinite(found.standard_error) or any(is_tied(values, effect.share) for values, _ in arms):
        lift = found.lift if math.isfinite(found.lift) else 0.0
        return Measured(n, found.control, lift if effect.relative else found.value, 0.0, 0.0, found)
    return _measured(name, effect, found, n, 0.0)


def _measured(name: str, effect: Effect, found: formulas.Effect, n: tuple[int, int], explained: float) -> Measured:
    value, deviation = (found.lift, found.lift_error) if effect.relative else (found.value, found.standard_error)
    if not (math.isfinite(value) and math.isfinite(deviation)):
        raise _no_size(name, f"it is {found.control:g} in the control, which tells no effect's size")
    return Measured(n, found.control, value, deviation, explained, found)


def _no_size(name: str, said: str) -> ShipwayError:
    hint = "look again when more has happened, or write relative=False"
    return ShipwayError("SW-403", f"{name} cannot be measured: {said}", hint)


def interval_of(effect: Effect, measured: Measured, z: float) -> tuple[float, float]:
    """Return the interval that reaches as far as z standard errors of a normal, by Student's t for few units.

    The whole line where nothing varies among the units of a variant: that nothing happened to some is no certainty.
    """
    if measured.uncertain:
        return -math.inf, math.inf
    confidence = math.erf(z / math.sqrt(2))
    far = confidence >= 1 - 1e-9
    if far and effect.relative:
        return lift_reach(measured.found, z)
    if far:
        return measured.estimate - z * measured.error, measured.estimate + z * measured.error
    interval = lift_interval if effect.relative else effect_interval
    return interval(measured.found, confidence)


def unbias(
    effect: Effect,
    measured: Measured,
    against: float,
    fractions: Sequence[float],
    boundaries: Sequence[float],
    alpha: float,
) -> tuple[float, float, float, float] | None:
    """Return an effect as it is once its test has ended: the looks are allowed for, and so is that it ended there.

    What crossed a boundary did so in part by luck, so the plain estimate leans away from the bound. In the stagewise
    order an earlier crossing is more extreme than any later one (Jennison and Turnbull 2000, "Group Sequential
    Methods", sections 8.2 to 8.5); the estimate is the effect under which what was seen is as likely to be exceeded as
    not.

    Args:
        effect: what is measured.
        measured: at the last of the looks.
        against: the bound that the test is against, in the effect's unit.
        fractions: the share of the planned units at each look, rising.
        boundaries: how many standard errors each look's boundary was away.
        alpha: of the interval, two-sided.

    Returns:
        The estimate, the ends of its interval and the two-sided p-value; None where nothing bounds the effect.
    """
    if measured.uncertain:
        return None
    found, last = measured.found, fractions[-1]
    z = lift_score(found, against) if effect.relative else normal_score(found, null=against)
    if not abs(z) < _FARTHEST:
        return None
    adjusted = adjust_for_looks(np.array(fractions), np.array(boundaries), z, confidence=1 - alpha)

    def effect_of(drift: float) -> float:
        """Return the effect of which what was seen is that many standard errors away."""
        reach = z - drift * math.sqrt(last)
        if abs(reach) < _NOTHING:
            return measured.estimate
        low, high = interval_of(effect, measured, abs(reach))
        return low if reach > 0 else high

    return effect_of(adjusted.drift), effect_of(adjusted.low), effect_of(adjusted.high), adjusted.p


def bound(spending: Spending, fractions: Sequence[float], alpha: float) -> Boundary:
    """Return the boundary of the last of some looks.

    Args:
        spending: the design's.
        fractions: the share of the planned units at each look, rising; a group-sequential design ends at 1.
        alpha: what the whole of these looks may spend.
    """
    if spending == "always_valid":
        t = fractions[-1]
        return Boundary(normal_mixture_bound(t, alpha, normal_rho(_TUNED, alpha)) / math.sqrt(t), alpha, alpha)
    kind = "pocock" if spending == "pocock" else "obrien-fleming"
    z = critical_values(np.array(fractions), alpha, spending=kind)[-1]
    return Boundary(float(z), alpha, 2 * spent(fractions[-1], alpha / 2, kind))


def share_alpha(alpha: float, metrics: int, shown: int) -> float:
    """Return the alpha of each metric that is not shown yet, by Holm: those that are shown handed theirs on."""
    return alpha / max(metrics - shown, 1)


def choose_variants(
    merged: Mapping[tuple[str, str], Summary], variants: Sequence[str], value: str = "", least: int = LEAST_UNITS
) -> dict[str, Summary] | None:
    """Return the summary of each variant; None where one has too few units for an effect to be looked at."""
    found = {variant: merged.get((variant, value)) for variant in variants}
    enough = {name: each for name, each in found.items() if each is not None and each.n >= least}
    return enough if len(enough) == len(variants) else None


def chance_of(measured: Measured) -> float:
    """Return the two-sided p-value of an effect at one look, by the normal distribution."""
    if measured.uncertain:
        return 1.0
    # No lift is no difference, whose distribution is the less skewed.
    return math.erfc(abs(normal_score(measured.found)) / math.sqrt(2))


def as_effect(measured: Measured) -> formulas.Effect:
    """Return an effect whose value is the one that is measured, the lift where it is relative."""
    return replace(measured.found, value=measured.estimate, standard_error=measured.error)

"""What looks show of a rare event: how many times as often it happens, counted exactly, with looks that add up.

What tells anything is the events, not the units: the error is spent by how many of the planned events have come, and a
look crosses by how many of them are the variant's (`shipway.maths.coin`). Where units end before events do, the last
look has all that is left, since when units end does not depend on whose the events are.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shipway.core.experiment import Spending
from shipway.core.look import Events
from shipway.maths.coin import boundaries, count_looks, fall_interval, fall_of, ratio_of
from shipway.maths.confidence_sequence import share_interval
from shipway.maths.effect import Effect
from shipway.maths.rare import compare_rates
from shipway.maths.spending import spent
from shipway.maths.summary import Summary

_HALF = 0.5
"""What stands for no event of the control, for a ratio to have a size."""
_FAR = 1_000.0
"""How many times as often, or as seldom, is told as no bound."""
_TUNED = 0.5
"""Share of the planned events at which an always-valid interval is narrowest."""


@dataclass(frozen=True, slots=True)
class Happened:
    """A rare event in two variants.

    Attributes:
        n: units of the control and of the variant.
        control: units of the control to which it happened.
        variant: units of the variant.
        share: the share of the units of both that were to meet the variant.
        planned: events of both that are planned; a look needs them.
    """

    n: tuple[int, int]
    control: int
    variant: int
    share: float = 0.5
    planned: int = 0

    @property
    def total(self) -> int:
        """Return the events of both."""
        return self.control + self.variant

    @property
    def estimate(self) -> float:
        """Return how much more often it happens with the variant, in parts of the control's rate; 0 before any event.

        As in the interval, units are taken to have come by the declared share. Where the control has no event, half an
        event stands in its place.
        """
        if not self.total:
            return 0.0
        return self.variant / max(self.control, _HALF) * (1 - self.share) / self.share - 1


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look shows of a rare event.

    Attributes:
        low: lower end of the effect's interval, in parts of the control's rate; None where it is next to never.
        high: upper end; None where nothing bounds it within reason.
        spent: how much error has been spent.
        events: what it rests on, and where the look crosses.
    """

    low: float | None
    high: float | None
    spent: float
    events: Events


def count_events(control: Summary, variant: Summary, share: float = 0.5, planned: int = 0) -> Happened:
    """Count a rare event in both variants from their summaries, whose first column says to which units it happened."""
    counts = [round(float(arm.mean[0]) * arm.n) if arm.n else 0 for arm in (control, variant)]
    return Happened((control.n, variant.n), counts[0], counts[1], share, planned)


def bound_events(
    spending: Spending, happened: Happened, before: Sequence[int], fractions: Sequence[float], alpha: float, null: float
) -> Seen:
    """Return the interval of a rare event at the last of some looks, and from which counts on that look crosses.

    Args:
        spending: the design's.
        happened: at the last look.
        before: events of both variants at each earlier look, rising; what was withdrawn since counts at no look.
        fractions: the share of the planned events at each look, the last included.
        alpha: what all looks together may spend, half of it on each side.
        null: the bound, in parts of the control's rate.
    """
    total, tested = happened.total, fall_of(1 + null, happened.share)
    if spending == "always_valid":
        few, many, low, high = _watch(happened, alpha, tested)
        used = alpha
    else:
        counts = np.minimum([*before, total], total)
        allowed = np.array([_allow(fraction, alpha, spending) for fraction in fractions])
        upper, lower = boundaries(counts, allowed, tested)
        few, many, used = int(lower[-1]), int(upper[-1]), 2 * float(allowed[-1])
        low, high = fall_interval(counts, happened.variant, allowed) if total else (0.0, 1.0)
        # What is rejected may have gaps: a bound that the look does not reject is never outside of its interval.
        low = low if happened.variant >= many else min(low, tested)
        high = high if happened.variant <= few else max(high, tested)
    lowest, highest = ratio_of(low, happened.share), ratio_of(high, happened.share)
    return Seen(
        low=lowest - 1 if lowest > 1 / _FAR else None,
        high=highest - 1 if highest < _FAR else None,
        spent=used,
        events=Events(control=happened.control, variant=happened.variant, planned=happened.planned, few=few, many=many),
    )


def unbias_events(
    happened: Happened, looks: Sequence[Events], null: float, alpha: float
) -> tuple[float, float, float | None, float] | None:
    """Return an effect on a rare event once its test has ended, with its looks allowed for, as `look.unbias` does.

    A look at more events than the last one has, some of which were withdrawn, has no place in the order of what may be
    seen, and is passed over.

    Args:
        happened: at the last look.
        looks: what each look rested on, the last included.
        null: the bound that the test is against.
        alpha: of the interval, two-sided.

    Returns:
        The estimate, the ends of its interval and the two-sided p-value; None before any event. Where the control has
        no event the upper end may be None, and half an event stands in its place in an estimate of no size.
    """
    if not happened.total:
        return None
    ordered = [each for each in looks if each.total <= happened.total]
    found = count_looks(
        np.array([each.total for each in ordered]),
        np.array([each.many for each in ordered]),
        np.array([each.few for each in ordered]),
        happened.variant,
        fall_of(1 + null, happened.share),
        confidence=1 - alpha,
    )
    estimate, low, high = (ratio_of(fall, happened.share) - 1 for fall in (found.fall, found.low, found.high))
    estimate = estimate if math.isfinite(estimate) else happened.estimate
    return estimate, low, high if math.isfinite(high) else None, found.p


def slice_events(happened: Happened) -> tuple[float, float | None, float | None, float]:
    """Return the effect in a slice, its 95 % interval at this look alone, and the p-value of "none", by mid-p.

    The interval has no lower end where the variant has no event, and no upper one where the control has none.
    """
    found = compare_rates(happened.control, 1 - happened.share, happened.variant, happened.share)
    low, high = found.low - 1 if found.low else None, found.high - 1 if math.isfinite(found.high) else None
    return happened.estimate, low, high, found.p


def as_log_ratio(happened: Happened) -> Effect:
    """Return the logarithm of the ratio of rates as an effect with its standard error, for slices to be compared.

    Half an event is added to each variant (Gart and Zweifel 1967, "On the Bias of Various Estimators of the Logit and
    Its Variance").
    """
    counts, shares = (happened.control + _HALF, happened.variant + _HALF), (1 - happened.share, happened.share)
    logs = [math.log(count / share) for count, share in zip(counts, shares, strict=True)]
    value, error = logs[1] - logs[0], math.sqrt(1 / counts[0] + 1 / counts[1])
    return Effect(logs[0], logs[1], value, error, math.inf, math.nan, math.inf, math.nan, math.sqrt(1 / counts[0]))


def _allow(fraction: float, alpha: float, spending: Spending) -> float:
    """Return how much of one tail's error may have been spent."""
    kind = "pocock" if spending == "pocock" else "obrien-fleming"
    return spent(fraction, alpha / 2, kind) if fraction > 0 else 0.0


def _watch(happened: Happened, alpha: float, tested: float) -> tuple[int, int, float, float]:
    """Return which counts cross where one may look at any time, and the ends of what is not rejected."""
    total = happened.total
    if not total:
        return -1, 1, 0.0, 1.0
    best = max(1.0, _TUNED * happened.planned)

    def low_of(count: int, of: float) -> bool:
        return share_interval(count, total, alpha, best)[0] > of

    # Above the tested share the end rises with the count, so the first count that crosses is found by halving.
    many = bisect_left(range(total + 1), True, key=lambda count: low_of(count, tested))
    few = total - bisect_left(range(total + 1), True, key=lambda count: low_of(count, 1 - tested))
    low, high = share_interval(happened.variant, total, alpha, best)
    return few, many, low, high

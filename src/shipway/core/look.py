"""A look at an experiment as it is remembered: what is in so far, and what it shows of each metric and variant.

What follows from it is `shipway.core.conclusion`.
"""

from typing import Literal, TypeAlias

import msgspec

from shipway.core.effect import Role
from shipway.core.gate import Outcome

Shown: TypeAlias = Literal["better", "worse", "safe", "ruled out", "open"]
"""What an interval shows: better or worse than the bound, a guardrail's margin kept, an effect as great as planned
ruled out, or nothing yet."""


class Unbiased(msgspec.Struct, frozen=True, kw_only=True):
    """An effect after a group-sequential test ended, with its looks allowed for.

    Attributes:
        estimate: median-unbiased: it is too great as often as too small.
        low: lower end of an interval of 1 - alpha.
        high: upper end; None where nothing bounds it from above, as where a rare event never happened to the control.
        p: the two-sided p-value against the rule's bound.
    """

    estimate: float
    low: float
    high: float | None
    p: float


class Events(msgspec.Struct, frozen=True, kw_only=True):
    """The events that an effect on a rare event rests on, which is how many times as often it happens.

    Attributes:
        control: units of the control to which it happened.
        variant: units of the variant.
        planned: how many of both are planned.
        few: at so many of the variant, or fewer, the look says that it happens less often than the bound; -1 for none.
        many: from so many on it says that it happens more often; one above all events where from none.
    """

    control: int
    variant: int
    planned: int
    few: int
    many: int

    @property
    def total(self) -> int:
        """Return the events of both."""
        return self.control + self.variant


class Diluted(msgspec.Struct, frozen=True, kw_only=True):
    """An effect on all units of an experiment, those among them on which the variants never differ.

    Attributes:
        estimate: the effect, in parts of the control's value where it is relative.
        low: lower end of an interval that holds at every look together.
        high: upper end.
        share: share of the units on which the variants differ.
    """

    estimate: float
    low: float
    high: float
    share: float


class LookEffect(msgspec.Struct, frozen=True, kw_only=True):
    """What one look says of one metric and one variant.

    Attributes:
        name: the metric's.
        role: as planned.
        variant: which one is compared with the control.
        n: units of the control and of the variant whose time is over.
        information: share of the planned units that these are, or of the planned events of a rare one, which is 1
            once the units are all in; above 1 where more came at once than were planned.
        alpha: the error that this comparison may make over all looks, as of this look.
        spent: how much of it is spent.
        control: the control's value.
        estimate: the effect, in parts of the control's value where it is relative.
        error: its standard error; 0 where nothing tells it.
        boundary: how many standard errors the interval reaches.
        low: lower end of the interval, which holds at every look together; None where nothing bounds it from below.
        high: its upper end; None where nothing bounds it from above.
        sharpened: by which share the covariates made the variance less.
        shown: what the interval shows.
        evidence: id of the evidence.
        clusters: clusters of the control and of the variant; None where units were assigned one by one.
        diluted: the effect on all units, where the variants differ for some only; None for all, or for what is no mean.
        unbiased: the effect with its looks allowed for, as of the look at which its test ended; None before.
        events: of a rare event; None for what is no such.
    """

    name: str
    role: Role
    variant: str
    n: tuple[int, int]
    information: float
    alpha: float
    spent: float
    control: float
    estimate: float
    error: float
    boundary: float
    low: float | None
    high: float | None
    sharpened: float
    shown: Shown
    evidence: str
    clusters: tuple[int, int] | None = None
    unbiased: Unbiased | None = None
    diluted: Diluted | None = None
    events: Events | None = None

    @property
    def bounded(self) -> bool:
        """Tell whether anything bounds the effect, on one side at least."""
        return self.low is not None or self.high is not None


def write_times(effect: float) -> str:
    """Return how many times as often something happens, for an effect in parts of the control's rate."""
    return f"{_write_ratio(1 + effect)} times"


def write_span(effect: LookEffect) -> str:
    """Return the interval of an effect on a rare event as people read it: how many times as often it may happen."""
    return write_range(effect.low, effect.high)


def write_range(low: float | None, high: float | None) -> str:
    """Return both ends of an effect on a rare event as people read them; None is an end that nothing bounds."""
    if low is None or high is None:
        at_most = "nothing bounds it yet" if high is None else f"at most {write_times(high)}"
        return at_most if low is None else f"at least {write_times(low)}"
    return f"{_write_ratio(1 + low)} to {write_times(high)}"


def _write_ratio(ratio: float) -> str:
    if ratio >= 9.995:
        return f"{ratio:,.3g}" if ratio < 999.5 else f"{ratio:,.0f}"
    return f"{ratio:.2f}" if ratio >= 0.095 or not ratio else f"{ratio:.2g}"


def write_counts(effect: LookEffect) -> str:
    """Return how many units of the control and of the variant an effect rests on, in words; of rare events, which."""
    if effect.events is not None:
        return f"{effect.events.control:,} of {effect.n[0]:,} and {effect.events.variant:,} of {effect.n[1]:,}"
    units = f"{effect.n[0]:,} and {effect.n[1]:,}"
    if effect.clusters is None:
        return units
    return f"{units}, of {effect.clusters[0]:,} and {effect.clusters[1]:,} clusters"


def write_information(effect: LookEffect) -> str:
    """Return how much of what was planned is in, in words: of events where those are what is planned, else of units."""
    return f"{effect.information:.0%}{' of events' if effect.events is not None else ''}"


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """One look at a run.

    Attributes:
        number: from 1.
        at: domain time as of which was looked.
        known: up to when everything that happened was known.
        statistics: digest of the merged daily statistics that it rests on; the same again is the same look.
        units: variant to units that met it.
        ratio_p: probability of a split as uneven as this if it is as declared, which may be watched.
        effects: for each metric and variant.
        outcome: `pass` for a variant that is to be launched, `fail` for none, `hold` for not yet.
        variant: which variant is to be launched; empty for none.
        said: the outcome in words, with its reason.
        verdict: digest of the verdict.
        final: whether all planned units or events are in, so that nothing is left to spend.
    """

    number: int
    at: int
    known: int
    statistics: str
    units: dict[str, int]
    ratio_p: float
    effects: tuple[LookEffect, ...]
    outcome: Outcome
    variant: str
    said: str
    verdict: str
    final: bool

    @property
    def broken(self) -> bool:
        """Tell whether the split was found broken, so that no effect was looked at."""
        return not self.effects

"""What a metric of an experiment takes, as a plan says it."""

import msgspec

from shipway.core.effect import Role


class PlannedMetric(msgspec.Struct, frozen=True, kw_only=True):
    """What one metric takes.

    Attributes:
        name: the metric's.
        role: whether it is what the experiment is for, or a guardrail.
        text: the rule as it was written.
        value: what it was in the past.
        deviation: how far one unit's part in it is from that, a standard deviation.
        sharpened: by which share the covariates make the variance less.
        cap: what its values are set to where they are above; None where they are not.
        detect: the effect to be found, or for a guardrail its margin; 0 where nobody said.
        relative: whether effects are in parts of the control's value.
        units: units of all variants together that it takes; None where `detect` is 0.
        smallest: the smallest effect that the units of the plan find; infinite for too few clusters to tell any.
        correlation: of two units of one cluster, where clusters are assigned; else 0.
        variation: coefficient of variation of the clusters' sizes, likewise.
        events: events of the control and a variant that a rare event takes; 0 for what is no such.
        power: probability that the units of the plan show it, where the effect is as great as `detect`, or for a
            guardrail where there is none; None where `detect` is 0.
        untold: why the past does not tell how many units it takes; empty where it does, or nothing is to be found.
        unreachable: whether the clusters there are do not find the effect, however many units they have.
    """

    name: str
    role: Role
    text: str
    value: float
    deviation: float
    sharpened: float
    cap: float | None
    detect: float
    relative: bool
    units: int | None
    smallest: float
    correlation: float = 0.0
    variation: float = 0.0
    unreachable: bool = False
    power: float | None = None
    events: int = 0
    untold: str = ""

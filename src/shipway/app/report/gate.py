"""Gates as a report shows them: measured numbers, the rules they stand in, and verdicts."""

from typing import Literal, TypeAlias

import msgspec

from shipway.core.check import Operator
from shipway.core.gate import Outcome

Unit: TypeAlias = Literal["number", "count", "share", "duration", "auc", "loss", "cost"]
"""What a number is, which says how it is written: a duration is in microseconds, a loss in nats, a cost in the unit of
the project's costs."""


class Measured(msgspec.Struct, frozen=True):
    """A measured number with its 95 % interval, which has no width where everything was counted."""

    value: float
    low: float
    high: float


class RuleData(msgspec.Struct, frozen=True, kw_only=True):
    """One rule of a gate and what it came to.

    Attributes:
        text: the rule as it was written.
        outcome: what it came to.
        reason: one clause that explains it.
        unit: what the measured number is.
        measured: the number; None where nothing was measured.
        op: how it is compared; None where the project no longer declares the rule.
        bound: with what.
    """

    text: str
    outcome: Outcome
    reason: str
    unit: Unit
    measured: Measured | None
    op: Operator | None = None
    bound: float = 0.0


class GateData(msgspec.Struct, frozen=True, kw_only=True):
    """One verdict: which gate, on what, by whom, rule by rule."""

    name: str
    subject: str
    outcome: Outcome
    by: str
    rules: tuple[RuleData, ...]

"""What an experiment measures: how a variant changes a metric that every unit has, as a frozen value.

The word that builds it is `shipway.core.effect_check.effect`.
"""

from typing import Final, Literal, TypeAlias

import msgspec

from shipway.core.feature import Expr
from shipway.maths.expression import Feature

EffectKind: TypeAlias = Literal["mean", "ratio", "quantile", "rare"]
Role: TypeAlias = Literal["metric", "guardrail"]
"""Whether an effect is what an experiment is for, or what must not suffer."""
COUNTED: Final = ("count", "sum", "distinct")
"""Windows that are 0 for a unit of which nothing happened; any other has no value then, and units without one would
drop out of the comparison because of what the variant did to them."""


class Effect(msgspec.Struct, frozen=True, tag="effect"):
    """Measure how a variant changes a metric, against the control, over the units that met the experiment.

    A unit's value is what its windows hold `width_us` after it met the experiment, so they hold exactly what became
    known since. A unit of which nothing happened counts as 0.

    Attributes:
        kind: whose change is measured: the `mean` of the units' values, the `ratio` of the totals of two values, a
            `quantile` of the values, or how often a condition holds that is `rare`.
        value: a unit's value, an expression on windows of one width.
        width_us: that width.
        over: what a ratio is over, as `value`; None for the others.
        share: for a quantile: which, between 0 and 1.
        covariates: features as known when the unit met the experiment; what they foretell is taken out (CUPED).
        cap: values above this are set to it; None where they are not.
        winsorise: in place of `cap`, the share of the history's values that lie at or below it; 0 where none is said.
        relative: whether the effect is in parts of the control's value.
        detect: the smallest effect that is worth finding, in the effect's unit and without a sign; 0 where not said.
    """

    kind: EffectKind
    value: Expr
    width_us: int
    over: Expr | None = None
    share: float = 0.0
    covariates: tuple[Feature, ...] = ()
    cap: float | None = None
    winsorise: float = 0.0
    relative: bool = True
    detect: float = 0.0

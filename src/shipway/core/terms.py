"""`[services.NAME]`'s part on how a service answers, as shipway.toml spells it."""

import sys
from typing import Annotated, Literal

import msgspec

from shipway.core.service import Fallback, Rule
from shipway.kit.duration import parse_duration


class RuleSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Callers whose version is not left to chance.

    Attributes:
        header: name of a header of the request; capitals do not matter.
        value: what it has to say.
        to: `stable` or `candidate`: whose version answers.
    """

    header: Annotated[str, msgspec.Meta(min_length=1)]
    value: str
    to: Literal["stable", "candidate"]

    @property
    def rule(self) -> Rule:
        """Return the rule as a routing knows it."""
        return Rule(header=self.header.lower(), value=self.value, to=self.to)


class FallbackSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a caller gets where there is no answer: the first of these that is there.

    Attributes:
        last: how old the newest good answer for the same row may be, such as `1h`, real time.
        previous: whether the version answers that was stable before.
        score: a fixed answer: a probability where the model says one, of a model of classes the name of one or the
            share of each that has any, else any finite number.
    """

    last: str = "0s"
    previous: bool = False
    score: (
        Annotated[float, msgspec.Meta(ge=-sys.float_info.max, le=sys.float_info.max)]
        | Annotated[str, msgspec.Meta(min_length=1)]
        | dict[str, Annotated[float, msgspec.Meta(ge=0, le=1)]]
        | None
    ) = None

    @property
    def fallback(self) -> Fallback:
        """Return the fallback as a routing knows it."""
        return Fallback(last_us=parse_duration(self.last), previous=self.previous, score=self.score)

"""Services: a name that callers know, the versions behind it, and how its requests are shared between them."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Final, Literal, TypeAlias

import msgspec

from shipway.maths.assignment import place_unit

Role: TypeAlias = Literal["live", "shadow", "fallback last", "fallback previous", "fallback score"]
"""Of a row of the log: a version's answer to the caller or one in shadow, and what the caller got in place of one."""

STABLE: Final = "stable"
CANDIDATE: Final = "candidate"
LONGEST_WAIT_US: Final = 1_000_000
"""How long a request may wait for others at most."""
RESERVED: Final = "server"
"""What no service is called: under this name a server keeps its own address among the files of its routings."""
NAMES_HINT: Final = (
    f"take at most 100 of a-z, A-Z, 0-9 and _, behind the first also -, ~ and dots, and another word than {RESERVED}"
)
"""What names of services are, as people read it."""
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.~-]{0,99}")
_WHOLE: Final = 1e-6
"""How far shares that people write may be from 1 together."""


def is_servable(name: str, *, reserved: bool = True) -> bool:
    """Tell whether something can have this name in the paths and files of a server.

    Args:
        name: as `NAMES_HINT` says.
        reserved: whether the name that a server keeps for itself is refused.
    """
    return _NAME.fullmatch(name) is not None and not (reserved and name == RESERVED)


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a walk.

    Attributes:
        weight: share of the units that the candidate answers; 0 is shadow, 1 the end of the walk.
        hold_us: how long the step lasts at least, in domain time.
    """

    weight: float
    hold_us: int = 0

    @property
    def name(self) -> str:
        """Return what people call the step: `shadow`, or its percentage."""
        return "shadow" if self.weight == 0 else f"{self.weight * 100:.4g} %"


class Variant(msgspec.Struct, frozen=True, kw_only=True):
    """One version behind a service.

    Attributes:
        version: its number.
        bundle: digest of its bundle.
        online: name of the online store its features are read from.
        signature: digest of the signature of its bundle; empty where it is not signed.
    """

    version: int
    bundle: str
    online: str
    signature: str = ""


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """Callers whose version is not left to chance, such as a tenant that waits for the end of a release.

    Attributes:
        header: name of a header of the request, in lower case.
        value: what it has to say.
        to: whose version answers; the stable one where no candidate is on trial.
    """

    header: str
    value: str
    to: Literal["stable", "candidate"]


class Fallback(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller gets where the version that was to answer fails or is too late: the first of these that is there.

    Attributes:
        last_us: how old the newest good answer for the same row may be, real time; 0 for none. By vector it is the same
            row where the caller's id is the same, or without one the unit that the terms name.
        previous: whether the version answers that was stable before this one.
        score: a fixed answer, as the model says one: a probability, a number, or of classes the name of one or the
            probability of each that has any; None for none, which any model has that predicts no label.
    """

    last_us: int = 0
    previous: bool = False
    score: float | str | dict[str, float] | None = None


def spread_score(score: str | Mapping[str, float], classes: Sequence[str]) -> tuple[float, ...]:
    """Return a fixed answer of classes as the probability of each.

    Args:
        score: the name of one, or the probability of each that has any.
        classes: those that the model tells apart.

    Raises:
        ValueError: for a name that is none of them, and for what are no probabilities that make one together; the
            message is a clause.
    """
    shares = {score: 1.0} if isinstance(score, str) else dict(score)
    if unknown := [name for name in shares if name not in classes]:
        raise ValueError(f"names class {unknown[0]!r}, and there is {', '.join(map(repr, classes))}")
    values = [float(shares.get(name, 0.0)) for name in classes]
    if not all(0 <= value <= 1 for value in values) or abs(math.fsum(values) - 1) > _WHOLE:
        raise ValueError("has no probabilities from 0 to 1 that make 1 together")
    return tuple(values)


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """How a service answers, whichever versions are behind it.

    Attributes:
        unit: what is assigned to a version as a whole: a column of the row where requests come by key, a parameter of
            the request where they bring vectors. Without a name it is the row's key, or the request's id.
        rules: callers whose version is not left to chance; the first that fits decides.
        wait_us: how long a request may wait for others to be predicted with it.
        log: share of the units whose requests are logged, from 0 to 1.
        shadow: share of the units whose requests the other version predicts as well, while one is on trial. Evidence is
            gathered from these pairs; a model that costs much may be asked about fewer.
        fallback: what a caller gets where there is no answer; 503 or 504 where it is None.
    """

    unit: str = ""
    rules: tuple[Rule, ...] = ()
    wait_us: int = 0
    log: float = 1.0
    shadow: float = 1.0
    fallback: Fallback | None = None


class Routing(msgspec.Struct, frozen=True, kw_only=True):
    """How a service's requests are shared; every process derives the same share from the same request.

    Attributes:
        service: the service's name.
        model: the model's name.
        stable: the version that answers whatever the candidate does not.
        candidate: the version on trial; None where none is.
        weight: share of the units that the candidate answers, from 0 to 1; the others it predicts in shadow, and the
            stable version predicts in shadow what the candidate answers, so that every request is a pair, or as many of
            them as the terms say.
        salt: what makes this split independent of every other; the release's id.
        token: place of the decision in the ledger: a greater one is the newer.
        terms: how it answers.
    """

    service: str
    model: str
    stable: Variant
    candidate: Variant | None = None
    weight: float = 0.0
    salt: str = ""
    token: int = 0
    terms: Terms = Terms()

    def choose(self, unit: str) -> bool:
        """Tell whether the candidate answers a unit; who was in a smaller share stays in every greater one."""
        return self.candidate is not None and self.weight > 0 and place_unit(self.salt, unit) < self.weight

    def find_rule(self, headers: Mapping[str, str]) -> Rule | None:
        """Return the rule that a request's headers fit, by name in lower case; None if they fit none."""
        for rule in self.terms.rules:
            if headers.get(rule.header) == rule.value:
                return rule
        return None

    def keeps(self, unit: str) -> bool:
        """Tell whether the requests of a unit are logged; who was in a smaller share stays in every greater one."""
        share = self.terms.log
        return share >= 1 or (share > 0 and place_unit(f"{self.service} log", unit) < share)

    def shadows(self, unit: str) -> bool:
        """Tell whether both versions predict what a unit asks; who was in a smaller share stays in a greater one."""
        share = self.terms.shadow
        return share >= 1 or (share > 0 and place_unit(f"{self.service} shadow", unit) < share)

"""Services: a name that callers know, the versions behind it, and how its requests are shared between them."""

from typing import Final, Literal, TypeAlias

import msgspec

from shipway.maths.assignment import place_unit

Role: TypeAlias = Literal["live", "shadow"]

STABLE: Final = "stable"
CANDIDATE: Final = "candidate"


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


class Routing(msgspec.Struct, frozen=True, kw_only=True):
    """How a service's requests are shared; every process derives the same share from the same request.

    Attributes:
        service: the service's name.
        model: the model's name.
        stable: the version that answers whatever the candidate does not.
        candidate: the version on trial; None where none is.
        weight: share of the units that the candidate answers, from 0 to 1; the others it predicts in shadow, and the
            stable version predicts in shadow what the candidate answers, so that every request is a pair.
        salt: what makes this split independent of every other; the release's id.
        token: place of the decision in the ledger: a greater one is the newer.
    """

    service: str
    model: str
    stable: Variant
    candidate: Variant | None = None
    weight: float = 0.0
    salt: str = ""
    token: int = 0

    def choose(self, unit: str) -> bool:
        """Tell whether the candidate answers a unit; who was in a smaller share stays in every greater one."""
        return self.candidate is not None and self.weight > 0 and place_unit(self.salt, unit) < self.weight

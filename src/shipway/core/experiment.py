"""An experiment as it is declared: who is assigned to what, and which checks a decision rests on.

It is a check with two subjects, a control and a variant, and a gate with a registered design; what this file adds to
them is who meets which variant.
"""

from typing import Final, Literal, TypeAlias

import msgspec

from shipway.core.check import Rule
from shipway.core.effect import Effect
from shipway.core.feature import Entity, Event, Expr
from shipway.core.gate import Gate
from shipway.kit.canonical import digest_value

Spending: TypeAlias = Literal["obrien_fleming", "pocock", "always_valid"]
SPENDINGS: Final[tuple[Spending, ...]] = ("obrien_fleming", "pocock", "always_valid")
HELD_OUT, EVERYONE = "held_out", "everyone"
"""The variants of an experiment about all that a layer launched: who never meets any of it, and all others."""
PLACES: Final = 10_000
"""Places of a layer; a share of it is counted in them."""
RATIO_ALPHA: Final = 0.001
"""How likely a split that is as declared is taken for broken, over all looks together."""
MOST_CROSSED: Final = 0.01
"""Share of the units that may have met several variants; beyond it no effect is looked at."""
FEW_CROSSED: Final = 10
"""Units that met several variants of which nothing is concluded, however few there are in all."""


class Layer(msgspec.Struct, frozen=True):
    """Units in which experiments that must not meet share the places: a unit is in one of them at most.

    Attributes:
        name: the layer's name.
        unit: what is assigned as a whole.
        holdout: the share of units that no experiment of the layer ever touches.
    """

    name: str
    unit: Entity
    holdout: float = 0.0

    def __hash__(self) -> int:
        """Hash by name: a project has one layer of a name."""
        return hash(("layer", self.name))


class Design(msgspec.Struct, frozen=True):
    """How often one may look, and how sure one has to be.

    Attributes:
        spending: `obrien_fleming` or `pocock` for looks up to a largest number of units, `always_valid` for any looks.
        alpha: probability, over all looks and metrics, of calling any effect where there is none, on either side.
        power: probability of finding an effect as great as a metric's `detect`.
        most_us: the longest that units are taken in.
    """

    spending: Spending
    alpha: float
    power: float
    most_us: int


class _Asked(msgspec.Struct, frozen=True):
    """Which answers are meant, as experiments were defined from the first."""

    service: str
    differ: float


class Answers(msgspec.Struct, frozen=True):
    """What a service answers while a version is on trial, as the exposures of an experiment between the two versions.

    The service splits its units, and its log says who met which version; nothing is assigned beside it.

    Attributes:
        service: the service's name.
        differ: only requests count for which both versions predicted, and their predictions differ by at least this;
            0 for all requests.
        holds: whether the walk stays at its step until the experiment is decided, and then goes on or back.
    """

    service: str
    differ: float = 0.0
    holds: bool = False

    @property
    def name(self) -> str:
        """Return what people call them."""
        return f"answers of {self.service}"

    @property
    def definition(self) -> list[object]:
        """Return what may not change once an experiment has begun; what was not there before is left out."""
        return [_Asked(self.service, self.differ), *(["holds the walk"] if self.holds else [])]


class Switchback(msgspec.Struct, frozen=True):
    """Time is split: all of a unit meets one variant for a while, then the same or another one.

    Slots begin at whole multiples of their length since 1970 UTC, so that every process knows them without being told.

    Attributes:
        every_us: how long a slot lasts.
        burn_in_us: how long the variant of the slot before is still felt; what happens then is left out.
    """

    every_us: int
    burn_in_us: int = 0

    @property
    def counts_us(self) -> int:
        """Return how much of a slot counts."""
        return self.every_us - self.burn_in_us


class Experiment(msgspec.Struct, frozen=True, kw_only=True):
    """Variants of something, who meets which, and what a decision between them rests on.

    Attributes:
        name: the experiment's name.
        unit: what is assigned as a whole, and what every metric has one value of.
        exposed: the stream of units meeting what the experiment is about, of which the first such event counts; or what
            a service answers, which then assigns.
        variants: name to weight; the first is the control.
        metrics: what the variants are for; at least one must be shown better, and none worse.
        guardrails: what must not suffer: each must be shown to be on the right side of its margin.
        design: how often one may look.
        layer: the layer whose places it shares; None for one that meets all others.
        share: of the layer's units, how many meet it.
        where: a condition on the exposures that count: those on which the variants really differ.
        variant: column of the exposures that says which variant a unit met; empty where nothing says, and the
            assignment counts.
        slices: columns of the exposures by which effects are also looked at.
        strata: the column of the exposures whose groups are taken out of metrics, as covariates are; empty for none.
        against_holdout: whether it compares the holdout of its layer with everyone else, and assigns nobody.
        history: the stream that plays the exposures' part before the start, to plan with.
        cluster: what is assigned as a whole where that is more than one unit, such as a city; None for the unit.
        switchback: how time is split; None where a unit meets one variant for good.
        doc: what it is about.
    """

    name: str
    unit: Entity
    exposed: Event | Answers
    variants: dict[str, float]
    metrics: tuple[Rule, ...]
    guardrails: tuple[Rule, ...]
    design: Design
    layer: Layer | None = None
    share: float = 1.0
    where: Expr | None = None
    variant: str = ""
    slices: tuple[str, ...] = ()
    history: Event | None = None
    cluster: Entity | None = None
    switchback: Switchback | None = None
    strata: str = ""
    against_holdout: bool = False
    doc: str = ""

    @property
    def grouped(self) -> tuple[str, ...]:
        """Return the columns of the exposures by which units are summarised."""
        return tuple(dict.fromkeys((*self.slices, *([self.strata] if self.strata else []))))

    @property
    def assigned(self) -> Entity:
        """Return what is assigned as a whole."""
        return self.unit if self.cluster is None else self.cluster

    @property
    def keys(self) -> tuple[str, ...]:
        """Return the columns that say which unit met it, and in which cluster."""
        return tuple(dict.fromkeys((*self.unit.keys, *self.assigned.keys)))

    @property
    def control(self) -> str:
        """Return the variant that the others are compared with."""
        return next(iter(self.variants))

    @property
    def treatments(self) -> tuple[str, ...]:
        """Return the other variants."""
        return tuple(self.variants)[1:]

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Return what is asked, metrics first."""
        return (*self.metrics, *self.guardrails)

    @property
    def layer_name(self) -> str:
        """Return the layer's name; an experiment without one has a layer of its own."""
        return self.layer.name if self.layer is not None else f"{self.name} alone"

    @property
    def holdout(self) -> float:
        """Return the share of units that the layer keeps out."""
        return self.layer.holdout if self.layer is not None else 0.0

    @property
    def taken(self) -> float:
        """Return the share of all units that meet it."""
        return 1.0 if self.against_holdout else (1 - self.holdout) * self.share

    @property
    def gate(self) -> Gate:
        """Return what decides: the rules, and the design they are judged by."""
        return Gate(name=self.name, rules=self.rules, before=None)

    @property
    def width_us(self) -> int:
        """Return how long a unit is watched, by its slowest metric."""
        return max(effect_of(rule).width_us for rule in self.rules)

    @property
    def definition(self) -> str:
        """Return the digest of everything that may not change once the experiment has begun."""
        # What an experiment does not have is left out, so that those that began before there was such a thing go on.
        design = [each for each in (self.cluster, self.switchback) if each is not None]
        answers = self.exposed.definition if isinstance(self.exposed, Answers) else []
        strata = [f"strata {self.strata}"] if self.strata else []
        against = ["against the holdout"] if self.against_holdout else []
        return digest_value(
            [
                self.name,
                self.unit,
                self.exposed.name,
                list(self.variants.items()),
                [rule.text for rule in self.rules],
                [effect_of(rule) for rule in self.rules],
                len(self.metrics),
                self.design,
                self.layer,
                self.share,
                self.where,
                self.variant,
                self.slices,
                *design,
                *answers,
                *strata,
                *against,
            ]
        )

    def __hash__(self) -> int:
        """Hash by name: a project has one experiment of a name."""
        return hash(("experiment", self.name))


def effect_of(rule: Rule) -> Effect:
    """Return what a rule of an experiment measures."""
    measure = rule.check.measure
    assert isinstance(measure, Effect)
    return measure

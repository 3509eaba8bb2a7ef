"""What may become a proposal: rules that nothing seen is against, and checks and edges that want a bound."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from shipway.core.check import Check, Rule, natural_rule
from shipway.core.feature import Expr
from shipway.core.proposal import Omission, Proposal
from shipway.data.rehearsal import Candidate
from shipway.data.survey import View
from shipway.maths.limit import Scale


def idle_if(says_nothing: Callable[[float], bool], why: str) -> Callable[[float], str | None]:
    """Return what tells of a bound why it would say nothing, where it would."""
    return lambda bound: why if says_nothing(bound) else None


@dataclass(frozen=True, slots=True)
class Edges:
    """The least and the greatest of a number, which want bounds.

    Attributes:
        value: the number.
        lows: the least of each delivery.
        highs: the greatest of each delivery.
        low: the least of all rows.
        high: the greatest of all rows.
        unit: its standard deviation.
        scale: on which its edges are taken to be alike.
        distinct: how many different values were seen, or rows.
        whole: whether it is a whole number.
        kind: `range` of a column, `ratio` or `difference` of two.
    """

    value: Expr
    lows: Any
    highs: Any
    low: float
    high: float
    unit: float
    scale: Scale
    distinct: int
    whole: bool = False
    kind: str = "range"


@dataclass(frozen=True, slots=True)
class Never:
    """A share that no row was ever against, and that chance may bring a few against all the same.

    Attributes:
        kind: what sort of rule it makes.
        check: what is measured.
        rows: how many rows there were.
    """

    kind: str
    check: Check
    rows: int


@dataclass(slots=True)
class Draft:
    """What is found for one table, before bounds are set."""

    view: View
    rules: list[Proposal] = field(default_factory=list[Proposal])
    candidates: list[Candidate] = field(default_factory=list[Candidate])
    edges: list[Edges] = field(default_factory=list[Edges])
    never: list[Never] = field(default_factory=list[Never])
    left: list[Omission] = field(default_factory=list[Omission])

    def propose(self, kind: str, check: Check | Rule, why: str, **seen: Any) -> None:
        """Keep a rule without an estimated bound."""
        rule = check if isinstance(check, Rule) else natural_rule(check)
        self.rules.append(Proposal(table=self.view.name, kind=kind, rule=rule, why=why, seen=seen))

    def leave(self, what: str, why: str) -> None:
        """Keep what is not proposed, and why."""
        self.left.append(Omission(table=self.view.name, what=what, why=why))

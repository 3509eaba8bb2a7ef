"""Everything the page of what gates say shows, not yet rendered."""

from statistics import median
from typing import Final

import msgspec

from shipway.app.report.gate import GateData, Measured, RuleData
from shipway.app.report.override import OverrideData
from shipway.core.gate import Outcome

FEWEST: Final = 3
"""How many earlier values a usual distance to a bound takes."""


class PointData(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule came to on one version of the data.

    Attributes:
        at: when it was judged, as date and time of the project's zone.
        subject: which data.
        measured: the number.
        outcome: what the rule, with the bound it has now, says of it.
    """

    at: str
    subject: str
    measured: Measured
    outcome: Outcome


class ResultData(msgspec.Struct, frozen=True, kw_only=True):
    """What one rule came to on one version of the data, and what a person needs to know to do something about it.

    Attributes:
        gate: which gate asks it.
        table: the table it is about; empty where the project no longer declares the rule.
        rule: the rule and what was measured.
        against: how many rows, or columns, days or values, are against it; None where nothing can be.
        rows: rows measured.
        meaning: what it means that it does not pass; empty where it does.
        remedy: what to do about that.
        columns: columns of the examples, the key first.
        examples: rows against it, as text; None for a value that is missing.
        history: the same rule on earlier data and, last, on this, oldest first.
    """

    gate: str
    table: str
    rule: RuleData
    against: int | None
    rows: int
    meaning: str = ""
    remedy: str = ""
    columns: tuple[str, ...] = ()
    examples: tuple[tuple[str | None, ...], ...] = ()
    history: tuple[PointData, ...] = ()

    @property
    def room(self) -> float | None:
        """Return how much of its usual distance to the bound a rule that passes has left; None where that says nothing.

        The usual distance is the median of those of earlier data.
        """
        if self.rule.op is None or self.rule.outcome != "pass" or self.rule.measured is None:
            return None
        earlier = [_distance(point.measured.value, self.rule) for point in self.history[:-1] if point.outcome == "pass"]
        usual = median(earlier) if len(earlier) >= FEWEST else 0.0
        return _distance(self.rule.measured.value, self.rule) / usual if usual > 0 else None


class TableData(msgspec.Struct, frozen=True, kw_only=True):
    """One table of the data: its rows, and in words how it differs from what was there before."""

    name: str
    rows: int
    change: str


class JudgedData(msgspec.Struct, frozen=True, kw_only=True):
    """What gates say of one version of the data.

    Attributes:
        subject: which data, as verdicts name it.
        commit: its commit; empty for tables that lie elsewhere and were only looked at.
        branch: `main`, or the branch it waits on to be admitted; empty where there is no commit.
        at: when it was committed, as date and time of the project's zone.
        message: what was done then.
        before: what it is compared with, such as `main`; empty where nothing was there before.
        outcomes: gate to what it came to, in order.
        tables: its tables.
        results: what each rule came to, in the gates' order.
        refusals: what is against training on it.
        overrides: what people let through of it.
    """

    subject: str
    commit: str
    branch: str
    at: str
    message: str
    before: str
    outcomes: tuple[tuple[str, Outcome], ...]
    tables: tuple[TableData, ...]
    results: tuple[ResultData, ...]
    refusals: tuple[str, ...] = ()
    overrides: tuple[OverrideData, ...] = ()

    @property
    def waits(self) -> bool:
        """Tell whether the data is committed and not on the main branch yet."""
        return self.branch not in ("", "main")

    def select(self, outcome: Outcome) -> tuple[ResultData, ...]:
        """Return the rules that came out so, those of one table beside one another."""
        found = [result for result in self.results if result.rule.outcome == outcome]
        tables = list(dict.fromkeys(result.table for result in found))
        return tuple(sorted(found, key=lambda result: tables.index(result.table)))


class CheckData(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the page shows.

    Attributes:
        project: the project's name.
        owner: who answers for it.
        outcome: what all gates come to.
        now: the domain time that ages were measured at.
        judged: the data judged, what waits first.
        gates: the verdicts on versions of models.
    """

    project: str
    owner: str
    outcome: Outcome
    now: str
    judged: tuple[JudgedData, ...]
    gates: tuple[GateData, ...]


def _distance(value: float, rule: RuleData) -> float:
    return value - rule.bound if rule.op in (">=", ">") else rule.bound - value

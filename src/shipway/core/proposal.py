"""Rules that data suggests, each with what it was taken from, and the source text of the gate they make."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from shipway.core.check import Rule
from shipway.maths.expression import quote

_WIDTH: Final = 120


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that data suggests.

    Attributes:
        table: the table it is about.
        kind: what sort of rule it is.
        rule: the rule.
        why: one clause: what was seen, over how much, and how the bound was set.
        seen: the numbers behind it.
    """

    table: str
    kind: str
    rule: Rule
    why: str
    seen: dict[str, Any] = {}


class Omission(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that is not proposed, and why not.

    Attributes:
        table: the table it would be about.
        what: the rule, or the column.
        why: one clause.
    """

    table: str
    what: str
    why: str


class Survey(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a table a proposal rests on.

    Attributes:
        table: the table.
        rows: its rows.
        instant: the instant that its deliveries are told by; empty where it has none.
        days: from its first row to its newest.
        deliveries: how many past deliveries rules were tried on.
    """

    table: str
    rows: int
    instant: str
    days: int
    deliveries: int

    @property
    def said(self) -> str:
        """Return it as one clause."""
        base = f"{self.table}: {self.rows:,} rows"
        if not self.instant:
            return f"{base}, which are taken as they are: no instant says when they came"
        return f"{base} over {self.days:,} days by {self.instant}, taken as {self.deliveries} deliveries"


class Proposed(msgspec.Struct, frozen=True, kw_only=True):
    """What data suggests.

    Attributes:
        every: how long a delivery is taken to be.
        alarms: how many false alarms a year the bounds are set for, over all rules with an estimated bound.
        bounds: how many such bounds there are.
        surveys: what it rests on.
        rules: the rules.
        left: what was left out.
    """

    every: str
    alarms: float
    bounds: int
    surveys: tuple[Survey, ...]
    rules: tuple[Proposal, ...]
    left: tuple[Omission, ...]


def write_rule(rule: Rule) -> str:
    """Return a rule as it stands in a project file."""
    return f"sw.{rule.text}"


def write_gate(name: str, groups: Sequence[tuple[str, Sequence[tuple[Rule, str]]]], *, indent: str = "") -> str:
    """Return the source text of a gate before training: a rule a line, with what explains it beside it or above it.

    Args:
        name: the gate's name.
        groups: a heading, and rules with their explanations.
        indent: what every line begins with.
    """
    lines = [f"{indent}sw.gate(", f"{indent}    {quote(name)},"]
    for heading, rules in groups:
        lines.append(f"{indent}    # {_one_line(heading)}")
        for rule, why in rules:
            line, said = f"{indent}    {write_rule(rule)},", f"# {_one_line(why)}"
            if len(line) + len(said) + 2 <= _WIDTH:
                lines.append(f"{line}  {said}")
            else:
                lines += [f"{indent}    {said}", line]
    lines += [f'{indent}    before="training",', f"{indent})  # fmt: skip", ""]
    return "\n".join(lines)


def write_module(
    name: str, tables: Sequence[str], groups: Sequence[tuple[str, Sequence[tuple[Rule, str]]]], *, head: str
) -> str:
    """Return the source text of a file with one function that declares a gate on the sources it is given.

    Args:
        name: the gate's name.
        tables: the sources.
        groups: as for `write_gate`.
        head: one sentence on where the rules come from.
    """
    given = ", ".join(f"{table}: Source" for table in tables)
    return "\n".join(
        [
            f'"""{head}',
            "",
            "Read each rule and keep what is meant. In the project's file, below its sources:",
            "",
            "    import THIS_FILE",
            "",
            f"    THIS_FILE.declare({', '.join(tables)})",
            '"""',
            "",
            "import shipway as sw",
            "from shipway.core.feature import Source",
            "",
            "",
            f"def declare({given}) -> None:",
            f'    """Declare the gate {name!r}."""',
            write_gate(name, groups, indent="    "),
        ]
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())

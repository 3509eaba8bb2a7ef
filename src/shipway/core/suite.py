"""Rules that were written for other tools, in shipway's words; what has no word is kept with its reason."""

import math
from collections.abc import Callable, Sequence
from typing import Any, Final, cast

import msgspec

from shipway.core.check import Check, Rule, natural_rule
from shipway.core.data_check import holds, present, share
from shipway.core.error import ShipwayError
from shipway.core.feature import Source
from shipway.core.proposal import Omission
from shipway.maths.expression import Column, Operation

ANYTHING: Final = r"[\x00-\U0010ffff]*"
"""What may stand before and after a pattern that is searched for."""


class Foreign(msgspec.Struct, frozen=True, kw_only=True):
    """What a set of rules of another tool comes to.

    Attributes:
        origin: what it was, such as `a Pandera schema`.
        rules: each rule with what it was taken from.
        left: what has no word, and why.
    """

    origin: str
    rules: tuple[tuple[Rule, str], ...]
    left: tuple[Omission, ...]


class NoWordError(Exception):
    """Something of another tool that shipway says otherwise, or not at all; the message is one clause about it."""


class Reading:
    """Rules as they are read for one source, beside what is left."""

    def __init__(self, source: Source, origin: str) -> None:
        """Begin with nothing."""
        self.source, self.origin = source, origin
        self.rules: list[tuple[Rule, str]] = []
        self.left: list[Omission] = []

    def column(self, name: object) -> Column:
        """Return a column of the source."""
        try:
            return self.source[str(name)]
        except ShipwayError as error:
            raise NoWordError(error.fact) from error

    def read(self, what: str, make: Callable[[], Sequence[Rule | Check]]) -> None:
        """Keep the rules that something comes to, or why it comes to none."""
        try:
            made = make()
            rules = [rule if isinstance(rule, Rule) else natural_rule(rule) for rule in made]
        except NoWordError as error:
            self.leave(what, str(error))
        except ShipwayError as error:
            self.leave(what, error.fact)
        except (ValueError, TypeError, KeyError) as error:
            self.leave(what, f"it cannot be read: {error}")
        else:
            self.rules += [(rule, what) for rule in rules if all(rule != known for known, _ in self.rules)]

    def leave(self, what: str, why: str) -> None:
        """Keep what has no word."""
        self.left.append(Omission(table=self.source.name, what=what, why=why))

    def done(self) -> Foreign:
        """Return what was read."""
        return Foreign(origin=self.origin, rules=tuple(self.rules), left=tuple(self.left))


def between(value: Any, low: object, high: object, *, strict_low: bool = False, strict_high: bool = False) -> Operation:
    """Return that a number lies between two others; None is no end."""
    parts: list[Operation] = []
    if low is not None:
        parts.append(value > number(low) if strict_low else value >= number(low))
    if high is not None:
        parts.append(value < number(high) if strict_high else value <= number(high))
    if not parts:
        raise NoWordError("it has neither a least nor a greatest value")
    return parts[0] if len(parts) == 1 else parts[0] & parts[1]


def number(value: object) -> int | float:
    """Return a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise NoWordError(f"{value!r} is no number: instants and texts have no such bounds here")
    return value


def scalars(values: object) -> list[Any]:
    """Return texts, numbers or truths of one kind."""
    if not isinstance(values, list | tuple | set | frozenset):
        raise NoWordError(f"{values!r} is no list of values")
    found = list(cast("Sequence[Any]", values))
    if not found or not all(isinstance(value, str | int | float) for value in found):
        raise NoWordError("its values are no texts, numbers or truths")
    return found


def row_rule(condition: Operation, mostly: object = None) -> Check | Rule:
    """Return that a condition holds in every row where it is not null, or in most of those.

    Args:
        condition: what should hold.
        mostly: the least share of the rows where it does; None and 1 for all.
    """
    if mostly is None or mostly == 1:
        return holds(condition)
    return share(~condition) <= _rest(mostly)


def null_rule(column: Column, mostly: object = None) -> Check | Rule:
    """Return that a column is there in every row, or in most."""
    return present(column) if mostly is None or mostly == 1 else present(column) <= _rest(mostly)


def bounded(
    check: Check, low: object, high: object, *, strict_low: bool = False, strict_high: bool = False
) -> list[Rule]:
    """Return that a number of a table lies between two others."""
    rules: list[Rule] = []
    if low is not None:
        rules.append(check > number(low) if strict_low else check >= number(low))
    if high is not None:
        rules.append(check < number(high) if strict_high else check <= number(high))
    if not rules:
        raise NoWordError("it has neither a least nor a greatest value")
    return rules


def searched(pattern: str, *, head: bool = False) -> str:
    """Return a pattern of Python's `re.search` as one that matches the whole text.

    Args:
        pattern: the pattern.
        head: whether it is matched from the beginning, as `re.match` does.
    """
    if "|" in pattern and ("^" in pattern.replace("[^", "") or "$" in pattern):
        raise NoWordError("a pattern with anchors and alternatives cannot be turned to one of whole texts")
    start = pattern.startswith(("^", r"\A"))
    body = pattern.removeprefix("^").removeprefix(r"\A")
    end = (body.endswith("$") and not body.endswith(r"\$")) or body.endswith((r"\Z", r"\z"))
    body = body.removesuffix("$") if body.endswith("$") and end else body
    body = body.removesuffix(r"\Z").removesuffix(r"\z") if end else body
    body = f"({body})" if "|" in body else body
    return f"{'' if start or head else ANYTHING}{body}{'' if end else ANYTHING}"


def _rest(mostly: object) -> float:
    least = number(mostly)
    if not 0 <= least <= 1:
        raise NoWordError(f"mostly={mostly!r} is no share")
    return round(1 - least, 12)

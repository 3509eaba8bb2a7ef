"""What one check on data came to, before it is made evidence; and how numbers of rows and ages are said."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from shipway.data.question import Hunt
from shipway.kit.duration import DAY, HOUR, MINUTE, SECOND, format_duration

Reader: TypeAlias = Callable[[], "Reading"]
"""Gives what a check came to, once the scans it asked have run."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one check came to.

    Attributes:
        value: the number that a rule is compared with.
        n: rows measured.
        said: the clause that explains the value.
        facts: what else explains it.
        failing: looks for rows against the rule; None where there are none to show.
        interval: of the value where it is an estimate; None where everything was counted.
        clusters: the days an interval rests on.
    """

    value: float
    n: int
    said: str
    facts: dict[str, Any] = field(default_factory=dict[str, Any])
    failing: Hunt | None = None
    interval: tuple[float, float] | None = None
    clusters: int = 0


def say_share(against: int, rows: int, what: str) -> str:
    """Return how many rows are against a rule."""
    share = f" ({100 * against / rows:.3g} %)" if against else ""
    return f"{against:,} of {rows:,} rows {what}{share}"


def say_age(us: int) -> str:
    """Return how old something is, or how far ahead."""
    past = abs(us)
    if past >= 3 * DAY:
        text = format_duration(past - past % HOUR)
    elif past >= HOUR:
        hours, minutes = divmod(past // MINUTE, 60)
        text = f"{hours}h{minutes}m" if minutes else f"{hours}h"
    else:
        text = format_duration(past - past % SECOND)
    return f"newest is {text} old" if us >= 0 else f"newest is {text} ahead"


def say_number(value: float) -> str:
    """Return a number as people read it, to four digits."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"

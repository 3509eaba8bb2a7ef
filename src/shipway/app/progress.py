"""What long work tells whoever watches: steps that start, move, end, or need not run."""

from collections.abc import Callable
from typing import Literal, TypeAlias

import msgspec

Stage: TypeAlias = Literal["started", "moved", "done", "unchanged", "verdict", "note"]


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened in a run.

    Attributes:
        stage: what kind of thing.
        step: the step it happened in, as people read it.
        said: one clause about it.
        seconds: real time the step took, once it is done.
        done: parts done of `of`, while it moves.
        of: parts in all.
        outcome: what a gate decided.
    """

    stage: Stage
    step: str
    said: str = ""
    seconds: float = 0.0
    done: int = 0
    of: int = 0
    outcome: str = ""


Watch: TypeAlias = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Watch nothing."""
    del event

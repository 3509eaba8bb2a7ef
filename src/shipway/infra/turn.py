"""Taking turns at a branch that many move, so that whoever is slower gets there too.

Moves are safe without turns: each is a compare-and-swap. But who must merge before it can move loses again and again to
who need not. So whoever came too late some times takes the turn, and the others let it go first. A turn is a courtesy,
not a lock: one whose holder does not come forward within a while is taken away.
"""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import Final

from shipway.core.error import ShipwayError
from shipway.ports.catalog import Catalog

TURN: Final = "turn/"
"""What the ref begins with that says whose turn at a branch it is."""

_POLLS: Final = 100
"""How often a turn is looked at before it is taken for abandoned."""

_PAUSE_S: Final = 0.05
"""How long is waited between two looks."""


def await_turn(catalog: Catalog, branch: str, *, sleep: Callable[[float], None] = time.sleep) -> None:
    """Wait while it is somebody else's turn at a branch, five seconds at most for each."""
    holder = catalog.head(TURN + branch)
    while holder is not None:
        for _ in range(_POLLS):
            sleep(_PAUSE_S)
            if catalog.head(TURN + branch) != holder:
                break
        else:
            _give_up(catalog, branch, holder)
        holder = catalog.head(TURN + branch)


@contextmanager
def hold_turn(catalog: Catalog, branch: str, commit: str) -> Generator[None]:
    """Hold the turn at a branch for the time of the block, if it is nobody else's.

    Args:
        catalog: where the turn is.
        branch: the branch that many move.
        commit: the commit that is brought, which names the holder.
    """
    with suppress(ShipwayError):
        catalog.move(TURN + branch, expect=None, target=commit)
    try:
        yield
    finally:
        _give_up(catalog, branch, commit)


def _give_up(catalog: Catalog, branch: str, holder: str) -> None:
    if catalog.head(TURN + branch) == holder:
        with suppress(ShipwayError):
            catalog.move(TURN + branch, expect=holder, target=None)

"""The port of load generators: when requests are due goes in, what became of each comes out."""

from collections.abc import Iterable
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Due: TypeAlias = Iterable[NDArray[np.int64]]
"""When requests are due, nanoseconds from the begin of the load, ascending, in blocks of any length."""


class Notes(Protocol):
    """Takes down what became of requests, in whatever order they end."""

    def note(self, due: int, taken: int, sent: int, done: int, outcome: int) -> None:
        """Take down one request; every time is in nanoseconds from the begin of the load.

        Args:
            due: when it was to be sent.
            taken: when the generator came to it.
            sent: when it was sent: later than that where it waited for a connection or a worker to be free. Where it
                could not be sent, when that was known.
            done: when its answer was whole, or when it was given up.
            outcome: the status of the answer, or below 0 a key of `shipway.core.load.FAULTS`.
        """
        ...


class Generator(Protocol):
    """Puts an open load on something that answers.

    Contract (the conformance suite `shipway.testing.load` checks it):
        * Every request that is due is noted exactly once, whatever becomes of it.
        * None is sent before it is due, and none waits for the answer of another one unless all connections or workers
          are taken.
        * `run` returns when every request has its answer or was given up.
    """

    @property
    def connections(self) -> int:
        """Return how many requests may be open at a time."""
        ...

    def run(self, due: Due, notes: Notes) -> None:
        """Put a load on the target.

        Args:
            due: when requests are due.
            notes: told of each.

        Raises:
            ShipwayError: SW-442 if nothing answers before the first request is due.
        """
        ...

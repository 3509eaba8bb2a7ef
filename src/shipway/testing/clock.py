"""The conformance suites of the ports Clock and Stopwatch."""

from collections.abc import Callable
from itertools import pairwise
from typing import Final

from shipway.kit.duration import DAY
from shipway.ports.clock import Clock, Stopwatch

ClockCase = Callable[[Callable[[], Clock]], None]
StopwatchCase = Callable[[Callable[[], Stopwatch]], None]


def check_now_is_a_whole_number(make: Callable[[], Clock]) -> None:
    """An instant is an int: a float of microseconds would lose some."""
    assert type(make().now()) is int


def check_now_is_in_microseconds(make: Callable[[], Clock]) -> None:
    """An instant of our time, taken for seconds, milliseconds or nanoseconds, would lie outside these years."""
    since_1970 = make().now() // (DAY * 365)
    assert 10 <= since_1970 < 230, f"{since_1970} years since 1970"


def check_seconds_is_a_float(make: Callable[[], Stopwatch]) -> None:
    """Differences of readings are seconds with fractions."""
    assert type(make().seconds()) is float


def check_seconds_never_go_back(make: Callable[[], Stopwatch]) -> None:
    """A later reading is never smaller."""
    stopwatch = make()
    readings = [stopwatch.seconds() for _ in range(1_000)]
    assert all(earlier <= later for earlier, later in pairwise(readings))


CLOCK_CASES: Final[tuple[ClockCase, ...]] = (check_now_is_a_whole_number, check_now_is_in_microseconds)
"""The cases every Clock passes."""

STOPWATCH_CASES: Final[tuple[StopwatchCase, ...]] = (check_seconds_is_a_float, check_seconds_never_go_back)
"""The cases every Stopwatch passes."""

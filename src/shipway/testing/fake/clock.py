"""Fakes of the ports Clock and Stopwatch: time that a test moves."""

from typing import Final

from shipway.kit.duration import DAY

START: Final = 18_262 * DAY
"""2020-01-01T00:00:00Z, where a ManualClock stands unless told otherwise."""


class ManualClock:
    """Domain time that moves only when told to, forth or back."""

    def __init__(self, now: int = START) -> None:
        """Set the clock to an instant in microseconds since 1970 UTC."""
        self._now = now

    def now(self) -> int:
        """Return the present instant in microseconds since 1970 UTC."""
        return self._now

    def advance(self, us: int) -> None:
        """Move by some microseconds; a negative number turns the clock back, as a time server may."""
        self._now += us


class ManualStopwatch:
    """Real time that passes only when told to."""

    def __init__(self) -> None:
        """Start at zero."""
        self._seconds = 0.0

    def seconds(self) -> float:
        """Return seconds since the start."""
        return self._seconds

    def advance(self, seconds: float) -> None:
        """Let time pass.

        Raises:
            ValueError: if it would pass backwards.
        """
        if seconds < 0:
            raise ValueError(f"a stopwatch never goes back, not by {-seconds} s either")
        self._seconds += seconds

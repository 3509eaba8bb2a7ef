"""Time is two things: a Clock tells domain time, a Stopwatch measures real time."""

from typing import Protocol


class Clock(Protocol):
    """Domain time, for windows, TTLs, schedules and walk steps; real, or driven by a replay that owns it."""

    def now(self) -> int:
        """Return the present instant in microseconds since 1970 UTC."""
        ...


class Stopwatch(Protocol):
    """Real time, always: latency, deadlines, leases, backoff. It never goes back and has no date."""

    def seconds(self) -> float:
        """Return seconds since an arbitrary start."""
        ...

"""Time as the operating system tells it."""

import time


class SystemClock:
    """The machine's wall clock; an administrator or a time server may set it back."""

    def now(self) -> int:
        """Return the present instant in microseconds since 1970 UTC."""
        return time.time_ns() // 1_000


class SystemStopwatch:
    """The machine's monotonic clock; nobody can set it."""

    def seconds(self) -> float:
        """Return seconds since an arbitrary start."""
        return time.monotonic()

"""An alarm for an event loop that goes off within microseconds of an instant.

The timers of event loops count milliseconds, in which a load of thousands of requests a second would come in bursts.
Linux has timers that are files (timerfd_create(2)), which a loop can wait for like for a connection. Elsewhere the
loop's own timer takes their place; how late requests are is measured in any case.
"""

import asyncio
import ctypes
import os
import sys
from collections.abc import Callable
from typing import Any, Final

_MONOTONIC: Final = 1
_ABSOLUTE: Final = 1
_FLAGS: Final = os.O_NONBLOCK | os.O_CLOEXEC


class _Spec(ctypes.Structure):
    _fields_ = (
        ("interval_s", ctypes.c_long),
        ("interval_ns", ctypes.c_long),
        ("value_s", ctypes.c_long),
        ("value_ns", ctypes.c_long),
    )


class Alarm:
    """Calls back once it was set, at an instant of `time.perf_counter_ns` or as soon after as the loop is free."""

    def __init__(self, loop: asyncio.AbstractEventLoop, wake: Callable[[], None]) -> None:
        """Set nothing yet; from the thread of the loop.

        Args:
            loop: whose thread is called back.
            wake: is called.
        """
        self._loop, self._wake = loop, wake
        self._handle: asyncio.TimerHandle | None = None
        self._file = -1
        if sys.platform == "linux":
            libc: Any = ctypes.CDLL(None, use_errno=True)
            self._file = libc.timerfd_create(_MONOTONIC, _FLAGS)
            self._settime, self._spec = libc.timerfd_settime, _Spec()
            self._place = ctypes.byref(self._spec)
        if self._file >= 0:
            loop.add_reader(self._file, wake)

    def set(self, at_ns: int, now_ns: int) -> None:
        """Go off at an instant, in place of any that was set before.

        Args:
            at_ns: the instant, of `time.perf_counter_ns`.
            now_ns: what it says now.
        """
        if self._file < 0:
            if self._handle is not None:
                self._handle.cancel()
            self._handle = self._loop.call_later(max(at_ns - now_ns, 0) / 1e9, self._wake)
            return
        # Setting it also forgets that it went off, so that nothing has to be read.
        self._spec.value_s, self._spec.value_ns = divmod(max(at_ns, 1), 1_000_000_000)
        self._settime(self._file, _ABSOLUTE, self._place, None)

    def close(self) -> None:
        """Go off no more."""
        if self._handle is not None:
            self._handle.cancel()
        if self._file >= 0:
            self._loop.remove_reader(self._file)
            os.close(self._file)
            self._file = -1

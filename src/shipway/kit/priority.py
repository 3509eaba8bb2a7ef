"""Threads that give way to others of their process: on Linux each has a priority of its own."""

import ctypes
import os
import platform
import struct
import sys
import threading
from contextlib import suppress
from typing import Final

LATER: Final = 10
"""Niceness of a thread that gives way: it gets a tenth of what a usual one does, where both want one core.

It is not the most there is, because others wait for a lock that it holds for as long as it takes to be let run again.
"""
SLICE_NS: Final = 3_000_000
"""How long it runs at a time where it may: longer than what is usual, which is 2.8 ms at most.

Linux 6.12 and newer let a thread that wakes take the core from one that runs for longer at a time. Of two with equal
times, the one that runs is often left alone until the next tick of the clock, 4 ms, also where it gave way.
"""
_SET_ATTRIBUTES: Final = {"x86_64": 314, "aarch64": 274}
"""Numbers of the system call `sched_setattr`, for which Python has no name."""
_ATTRIBUTES: Final = struct.Struct("=IIQiIQQQ")
"""Size, policy, flags, niceness, priority, runtime, deadline and period: the first layout of `struct sched_attr`."""


def give_way() -> None:
    """Let the other threads of this process run first, from now on; what the thread starts gives way as well.

    Nothing happens where a thread has no priority of its own. How long it runs at a time is passed over by older
    kernels, and not said where this cannot be asked for.
    """
    if sys.platform != "linux":
        return
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LATER)
    call = _SET_ATTRIBUTES.get(platform.machine())
    if call is not None and os.sched_getscheduler(0) == os.SCHED_OTHER:
        nice = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
        wanted = _ATTRIBUTES.pack(_ATTRIBUTES.size, os.SCHED_OTHER, 0, nice, 0, SLICE_NS, 0, 0)
        # Whatever it answers, the thread runs on; it is a matter of milliseconds.
        ctypes.CDLL(None).syscall(call, 0, wanted, 0)

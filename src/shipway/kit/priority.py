"""Threads that give way to others of their process: on Linux each has a priority of its own."""

import os
import sys
import threading
from contextlib import suppress
from typing import Final

LATER: Final = 10
"""Niceness of a thread that gives way: it gets a tenth of what a usual one does, where both want one core.

It is not the most there is, because others wait for a lock that it holds for as long as it takes to be let run again.
"""


def give_way() -> None:
    """Let the other threads of this process run first, from now on; what the thread starts gives way as well.

    Nothing happens where a thread has no priority of its own.
    """
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LATER)

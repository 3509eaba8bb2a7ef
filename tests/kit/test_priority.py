"""A thread that gives way is the only one of its process that does."""

import ctypes
import os
import platform
import struct
import sys
import threading
from collections.abc import Callable
from typing import TypeVar

import pytest

from shipway.kit.priority import LATER, SLICE_NS, give_way

Found = TypeVar("Found")
GET_ATTRIBUTES = {"x86_64": 315, "aarch64": 275}

linux = pytest.mark.skipif(sys.platform != "linux", reason="threads have no priority of their own here")


def run(work: Callable[[], Found]) -> Found:
    """Return what a thread of its own comes to."""
    found = list[Found]()
    thread = threading.Thread(target=lambda: found.append(work()))
    thread.start()
    thread.join()
    return found[0]


def read() -> tuple[int, int, int]:
    """Return how the system schedules this thread: policy, niceness, and nanoseconds at a time."""
    said = ctypes.create_string_buffer(64)
    assert ctypes.CDLL(None).syscall(GET_ATTRIBUTES[platform.machine()], 0, said, len(said), 0) == 0
    _, policy, _, nice, _, slice_ns, _, _ = struct.unpack_from("=IIQiIQQQ", said.raw)
    return policy, nice, slice_ns


def give_way_and_tell() -> int:
    give_way()
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


@linux
def test_a_thread_gives_way_and_the_others_do_not() -> None:
    before = os.getpriority(os.PRIO_PROCESS, 0)
    assert run(give_way_and_tell) == max(before, LATER)
    assert os.getpriority(os.PRIO_PROCESS, 0) == before


@linux
@pytest.mark.skipif(platform.machine() not in GET_ATTRIBUTES, reason="nobody wrote down this machine's system calls")
def test_whoever_wakes_takes_its_core() -> None:
    """It runs longer at a time than the others, which is what they are put before it for; it is scheduled as before."""
    policy, nice, usual_ns = read()

    def work() -> tuple[int, int, int]:
        give_way()
        return read()

    # A kernel older than 6.12 says nothing of how long, and has no use for it.
    assert run(work) == (policy, max(nice, LATER), SLICE_NS if usual_ns else 0)
    assert usual_ns < SLICE_NS
    assert read() == (policy, nice, usual_ns)


@linux
def test_where_it_cannot_be_asked_for_the_priority_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "abacus")
    assert run(give_way_and_tell) == max(os.getpriority(os.PRIO_PROCESS, 0), LATER)

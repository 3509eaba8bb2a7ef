"""A thread that gives way is the only one of its process that does."""

import os
import sys
import threading

import pytest

from shipway.kit.priority import LATER, give_way


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no priority of their own here")
def test_a_thread_gives_way_and_the_others_do_not() -> None:
    before, found = os.getpriority(os.PRIO_PROCESS, 0), list[int]()

    def work() -> None:
        give_way()
        found.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [max(before, LATER)]
    assert os.getpriority(os.PRIO_PROCESS, 0) == before

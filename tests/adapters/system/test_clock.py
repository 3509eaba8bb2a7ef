import time

from shipway.adapters.system.clock import SystemClock, SystemStopwatch


def test_clock_agrees_with_the_machine():
    before = time.time_ns() // 1_000
    now = SystemClock().now()
    assert before <= now <= time.time_ns() // 1_000


def test_stopwatch_agrees_with_the_machine():
    before = time.monotonic()
    seconds = SystemStopwatch().seconds()
    assert before <= seconds <= time.monotonic()

"""Alarms go off once and not before their time, by a timer of Linux and by the loop's own."""

import asyncio
import time

import pytest
import uvloop

from shipway.adapters.http import alarm as module
from shipway.adapters.http.alarm import Alarm


@pytest.fixture(params=["linux", "other"])
def system(request, monkeypatch):
    monkeypatch.setattr(module.sys, "platform", request.param)


async def ring(offsets_ns):
    """Set one alarm after the other, and return how much after its instant each went off."""
    rang = asyncio.Event()
    alarm, late = Alarm(asyncio.get_running_loop(), rang.set), []
    try:
        for offset in offsets_ns:
            at = time.perf_counter_ns() + offset
            alarm.set(at, time.perf_counter_ns())
            await asyncio.wait_for(rang.wait(), 10)
            late.append(time.perf_counter_ns() - at)
            alarm.set(time.perf_counter_ns() + 10**12, time.perf_counter_ns())
            rang.clear()
    finally:
        alarm.close()
    return late


def test_alarm_rings_after_its_instant(system):
    late = uvloop.run(ring([2_000_000, 300_000, 0, -5_000_000, 1]))
    # The loop's own timer counts from when the loop last looked at the clock, and so may be early by as much.
    assert all(each >= -1_000_000 for each in late)


def test_alarm_that_is_set_anew_forgets_what_was_set_before(system):
    async def main():
        rang = []
        loop = asyncio.get_running_loop()
        alarm = Alarm(loop, lambda: rang.append(loop.time()))
        now = time.perf_counter_ns()
        alarm.set(now + 1_000_000, now)
        alarm.set(now + 10**12, now)
        await asyncio.sleep(0.05)
        alarm.close()
        alarm.close()
        return rang

    assert uvloop.run(main()) == []

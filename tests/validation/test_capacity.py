"""Decisions on rates, and searches on queues whose limit is known."""

import math

import msgspec
import numpy as np
import pytest

from shipway.core.capacity import Objective
from shipway.core.latency import Machine
from shipway.core.load import make_pattern
from shipway.maths.arrival import draw_arrivals
from shipway.validation.capacity import Tried, find_capacity, judge_rate
from shipway.validation.load import Conditions, Recorder

MACHINE = Machine(processor="test", cores=2, system="Linux", python="3.11")
MS = 1_000_000
LIMIT_MS = 20.0
OBJECTIVE = Objective(limit_ms=LIMIT_MS)


def queue(mu, chance, seconds=4.0, doubt=""):
    """Return what puts a rate on a queue with one server that works off `mu` requests a second (M/M/1)."""

    def attempt(rate, longer):
        pattern = make_pattern("steady", rate, 1 + seconds * longer, seed=int(chance.integers(1 << 30)))
        recorder = Recorder(Conditions("queue", pattern, MACHINE, True, 1, 30.0, 1.0))
        due = np.concatenate([*draw_arrivals(pattern.stretches, "poisson", pattern.seed), np.zeros(0, np.int64)])
        work = chance.exponential(1e9 / mu, due.size)
        before = np.cumsum(work) - work
        done = np.maximum.accumulate(due - before, initial=-(2**62)) if due.size == 0 else None
        done = np.maximum.accumulate(due - before) + before + work if done is None else done
        for at, end in zip(due.tolist(), done.astype(np.int64).tolist(), strict=True):
            recorder.note(at, at, at, end, 200)
        load = msgspec.structs.replace(recorder.finish(), doubt=doubt)
        return Tried(load, recorder.share_slow(LIMIT_MS), recorder.count_failed())

    return attempt


def ignore(probe):
    """Tell nobody."""


def tried(slow, failed=0, doubt=""):
    """Return a try of 20 batches of 100 requests."""
    pattern = make_pattern("steady", 100, 20)
    recorder = Recorder(Conditions("target", pattern, MACHINE, True, 1, 30.0, 0.0))
    for place in range(2_000):
        at, number = place * 10 * MS, place % 100
        recorder.note(at, at, at, at + (50 if number < slow else 1) * MS, 500 if number < failed else 200)
    load = msgspec.structs.replace(recorder.finish(), doubt=doubt)
    return Tried(load, recorder.share_slow(LIMIT_MS), recorder.count_failed())


@pytest.mark.parametrize(
    ("tries", "outcome"),
    [
        ([tried(0)], "pass"),
        ([tried(3)], "pass"),
        ([tried(5)], "hold"),
        ([tried(9)], "fail"),
        ([tried(0, failed=3)], "fail"),
        ([tried(0, failed=1)], "hold"),
        ([tried(9), tried(0), tried(0)], "hold"),
        # A generator that fell behind makes a rate look worse, so nothing fails by it and what passes does pass.
        ([tried(9, doubt="late")], "hold"),
        ([tried(0, doubt="late")], "pass"),
        ([tried(50, doubt="late"), tried(0)], "pass"),
    ],
)
def test_rate_is_judged_by_its_whole_interval(tries, outcome):
    found = judge_rate(OBJECTIVE, 100.0, tries)
    assert found.outcome == outcome
    assert found.slow_low <= found.slow <= found.slow_high
    assert found.times == len(tries)


def test_doubt_is_said_where_it_decides():
    assert "late" in judge_rate(OBJECTIVE, 100.0, [tried(9, doubt="late")]).reason
    assert "late" not in judge_rate(OBJECTIVE, 100.0, [tried(0, doubt="late")]).reason


@pytest.mark.parametrize(("mu", "start"), [(400.0, 50.0), (400.0, 2_000.0)])
def test_search_finds_the_limit_of_a_queue(mu, start):
    truth = mu - math.log(20) / (LIMIT_MS / 1e3)
    told = []
    found = find_capacity(queue(mu, np.random.default_rng(4)), OBJECTIVE, start=start, most=5_000.0, tell=told.append)
    assert found.limit == pytest.approx(truth, rel=0.12)
    assert 0.75 * truth < found.rate < 1.05 * truth
    assert found.rate <= found.limit * 1.03
    assert found.load is not None
    assert found.load.intended == pytest.approx(found.rate, rel=0.1)
    assert tuple(told) == found.probes
    assert found.probes[-1].outcome == "pass"
    assert "not shown to" in found.reason


def test_search_ends_at_the_largest_rate_that_may_be_tried():
    found = find_capacity(queue(1e5, np.random.default_rng(1), 1.0), OBJECTIVE, start=100, most=500, tell=ignore)
    assert (found.rate, found.limit) == (500.0, None)
    assert "the largest that was to be tried" in found.reason


def test_search_says_where_nothing_holds():
    found = find_capacity(queue(20.0, np.random.default_rng(1), 2.0), OBJECTIVE, start=4, most=500, tell=ignore)
    assert (found.rate, found.load) == (0.0, None)
    assert "no rate" in found.reason


def test_search_goes_past_a_rate_at_which_only_the_generator_was_late():
    quick, slow = queue(1e5, np.random.default_rng(2), 1.0), queue(50.0, np.random.default_rng(3), 1.0, "fell behind")

    def attempt(rate, longer):
        return (slow if rate == 200 else quick)(rate, longer)

    found = find_capacity(attempt, OBJECTIVE, start=100, most=800, tell=ignore)
    assert found.rate == 800


def steady(cap, *, seconds=5.0):
    """Return what answers at once up to a rate, and late above it; nothing ever fails."""
    times = 0

    def attempt(rate, longer):
        nonlocal times
        times += 1
        pattern = make_pattern("steady", rate, 1 + seconds * longer, seed=times)
        recorder = Recorder(Conditions("target", pattern, MACHINE, True, 8, 30.0, 1.0))
        for part in draw_arrivals(pattern.stretches, "poisson", pattern.seed):
            for at in part.tolist():
                recorder.note(at, at, at, at + (5 if rate <= cap else 60) * MS, 200)
        return Tried(recorder.finish(), recorder.share_slow(LIMIT_MS), recorder.count_failed())

    return attempt


def test_want_of_requests_is_no_failure():
    strict = Objective(limit_ms=LIMIT_MS, failed=0.001)
    found = find_capacity(steady(40.0), strict, start=60.0, most=80.0, tell=ignore)
    assert (found.rate, found.short) == (0.0, True)
    assert "not shown for want of requests" in found.reason
    assert "failed" in found.reason
    slow = find_capacity(steady(0.1), strict, start=60.0, most=80.0, tell=ignore)
    assert (slow.rate, slow.short) == (0.0, False)


def test_what_was_found_below_the_largest_rate_is_not_told_as_that():
    quick = steady(1e9)

    def attempt(rate, longer):
        return steady(0.0)(rate, longer) if longer > 1 and rate >= 200 else quick(rate, longer)

    found = find_capacity(attempt, OBJECTIVE, start=100, most=200, tell=ignore)
    assert 190 < found.rate < 200
    assert "largest that was to be tried" not in found.reason
    assert "at 200 requests/s it is not shown to" in found.reason


def stalled(places, attempt):
    """Return what answers as an attempt does, but for the first try of some rates, when the machine stands still."""
    rates = []

    def put(rate, longer):
        if rate in rates:
            return attempt(rate, longer)
        rates.append(rate)
        return tried(95) if len(rates) in places else attempt(rate, longer)

    return put


@pytest.mark.parametrize("still", [{2}, {3}, {2, 4}])
def test_machine_that_stood_still_is_no_limit(still):
    truth = 400.0 - math.log(20) / (LIMIT_MS / 1e3)
    attempt = stalled(still, queue(400.0, np.random.default_rng(4)))
    found = find_capacity(attempt, OBJECTIVE, start=50.0, most=5_000.0, tell=ignore)
    assert any(probe.slow > 0.9 and probe.rate < 0.9 * truth for probe in found.probes)
    assert found.limit == pytest.approx(truth, rel=0.12)
    assert 0.75 * truth < found.rate < 1.05 * truth
    assert "95.00%" not in found.reason


def test_rate_that_passes_once_by_luck_stays_above_the_limit():
    lucky = []

    def attempt(rate, longer):
        if rate <= 250:
            return tried(0)
        lucky.append(rate)
        return tried(0) if lucky.count(rate) == 2 else tried(60)

    found = find_capacity(attempt, OBJECTIVE, start=100.0, most=400.0, tell=ignore)
    assert any(lucky.count(rate) > 2 for rate in lucky)
    assert 240 < found.rate <= 250


def test_what_stood_still_at_the_largest_rate_is_tried_anew():
    attempt = stalled({3}, queue(1e5, np.random.default_rng(1)))
    found = find_capacity(attempt, OBJECTIVE, start=100, most=400, tell=ignore)
    assert (found.rate, found.limit) == (400.0, None)
    assert "the largest that was to be tried" in found.reason

"""What a load is told to have come to: against the requests themselves, and where nothing may be concluded."""

import numpy as np
import pytest

from shipway.core.latency import Machine
from shipway.core.load import CLOSED, make_pattern
from shipway.validation.load import BATCHES, MOST_WINDOWS, Conditions, Recorder

MS = 1_000_000
MACHINE = Machine(processor="test", cores=2, system="Linux", python="3.11")


def start(seconds=10.0, rate=100.0, warm_s=0.0, timeout_s=30.0):
    """Return a recorder of a steady load."""
    pattern = make_pattern("steady", rate, seconds)
    return Recorder(Conditions("target", pattern, MACHINE, True, 8, timeout_s, warm_s))


def feed(recorder, latency_ms, *, seconds=10.0, late_ms=0.0, outcome=200):
    """Take down requests that are due evenly."""
    for place, ms in enumerate(latency_ms):
        due = int(place / len(latency_ms) * seconds * 1e9)
        taken = due + int(late_ms * MS)
        recorder.note(due, taken, taken, due + int(ms * MS), outcome)


def test_quantiles_are_those_of_the_requests():
    chance = np.random.default_rng(1)
    latency = chance.gamma(2.0, 5.0, 20_000)
    recorder = start()
    feed(recorder, latency)
    load = recorder.finish()
    for each in load.quantiles:
        assert each.ms == pytest.approx(np.quantile(latency, each.share), rel=0.02)
        assert each.low_ms <= each.ms <= (each.high_ms or np.inf)
    assert (load.requests, load.failed, load.errors) == (20_000, 0, {})
    assert load.worst_ms == pytest.approx(latency.max(), rel=1e-6)
    assert load.intended == load.achieved == load.answered == 2_000
    assert sum(count for _, count in load.bins) == 20_000


def test_interval_of_a_quantile_holds_the_truth_about_as_often_as_it_says():
    chance, kept, truth = np.random.default_rng(2), 0, -np.log(0.05) * 5
    for _ in range(40):
        recorder = start(2.0)
        feed(recorder, chance.exponential(5.0, 1_000), seconds=2.0)
        found = recorder.finish().find(0.95)
        kept += found.low_ms <= truth <= found.high_ms
    assert kept >= 35


def test_stall_is_charged_with_everything_that_was_due_meanwhile():
    recorder = start()
    for place in range(1_000):
        due = place * 10 * MS
        done = max(due + MS, 6_000 * MS) if due >= 5_000 * MS else due + MS
        # The client was free to send only after the stall, so from when it was sent every answer looks quick.
        sent = max(due, 5_999 * MS) if due >= 5_000 * MS else due
        recorder.note(due, due, sent, done, 200)
    load = recorder.finish()
    assert load.find(0.95).ms > 400
    assert load.find(0.95).sent_ms < 2
    assert load.waited == 100


def test_warm_up_is_left_out():
    recorder = start(warm_s=2.0)
    feed(recorder, [500.0] * 200 + [1.0] * 800)
    load = recorder.finish()
    assert (load.warm_s, load.seconds, load.requests) == (2.0, 8.0, 800)
    assert load.worst_ms == pytest.approx(1.0, rel=0.01)
    assert load.windows[0].p50_ms == pytest.approx(500, rel=0.01)


def test_failures_are_counted_by_kind_and_are_slower_than_any_answer():
    recorder = start(timeout_s=5.0)
    for place in range(1_000):
        outcome = 503 if place % 10 == 0 else CLOSED if place % 50 == 1 else 200
        recorder.note(place * 10 * MS, place * 10 * MS, place * 10 * MS, place * 10 * MS + MS, outcome)
    load = recorder.finish()
    assert load.errors == {"connection closed": 20, "status 503": 100}
    assert load.failed_share == pytest.approx(0.12)
    assert load.find(0.95).ms == pytest.approx(1.0, rel=0.01)
    assert recorder.find_promised(0.95).ms == np.inf
    assert recorder.find_promised(0.5).ms == pytest.approx(1.0, rel=0.01)
    hits, n = recorder.share_slow(10.0)
    assert (hits.sum(), n.sum()) == (120, 1_000)
    assert load.failed_high > 0.12


def test_generator_that_falls_behind_says_so():
    recorder = start()
    feed(recorder, [4.0] * 1_000, late_ms=3.0)
    load = recorder.finish()
    assert load.timing.p99_ms == pytest.approx(3.0, rel=0.01)
    assert "fell behind" in load.doubt
    recorder = start()
    feed(recorder, [40.0] * 1_000, late_ms=3.0)
    assert recorder.finish().doubt == ""


def test_nothing_answered_has_no_quantiles():
    recorder = start()
    feed(recorder, [1.0] * 100, outcome=500)
    load = recorder.finish()
    assert load.quantiles == ()
    assert load.windows[0].p95_ms is None
    assert load.answered == 0


def test_nothing_due_may_not_be_concluded_from():
    load = start().finish()
    assert (load.requests, load.doubt) == (0, "no request was due after the warm-up")


@pytest.mark.parametrize("seconds", [0.05, 1.0, 10.0, 100_000.0])
def test_windows_are_bounded_and_cover_the_load(seconds):
    recorder = start(seconds, rate=1.0)
    recorder.note(int((seconds - 1e-6) * 1e9), 0, 0, 0, 200)
    load = recorder.finish()
    assert 1 <= len(load.windows) <= MOST_WINDOWS
    assert load.windows[-1].due > 0
    assert len(recorder.count_failed()[0]) <= BATCHES


def test_order_in_which_answers_come_does_not_matter():
    chance = np.random.default_rng(3)
    notes = [(at, at, at, at + int(ms * MS), 200) for at, ms in zip(range(0, 10**9, 10**5), chance.gamma(2, 3, 10**4),
                                                                    strict=True)]  # fmt: skip
    loads = []
    for order in (np.arange(len(notes)), chance.permutation(len(notes))):
        recorder = start(1.0)
        for place in order:
            recorder.note(*notes[place])
        loads.append(recorder.finish())
    assert loads[0].quantiles == loads[1].quantiles
    assert loads[0].windows == loads[1].windows


def test_answer_that_took_longer_than_is_waited_is_told_as_it_was():
    recorder = start(timeout_s=5.0)
    feed(recorder, [60_000.0] * 1_000)
    recorder.finish()
    assert recorder.find_promised(0.95).ms == pytest.approx(60_000, rel=0.01)

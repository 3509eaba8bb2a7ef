"""Spans' way out: nobody waits, what is too much is counted, and what waits at the end is sent."""

import threading

import pytest

from shipway.ports.span import Delivery
from shipway.serving.exporter import Exporter
from shipway.serving.sampling import Sampling
from shipway.serving.span import Door
from shipway.serving.trace import Part, Trace
from shipway.testing.fake.span import ListSpans

DOOR = Door("http", "127.0.0.1")


def make_sampling(**changes):
    return Sampling(**{"resource": {"service.name": "s"}, "delay_s": 60.0, "queue": 10, "batch": 4, **changes})


def make_trace(number, parts=1):
    trace = Trace(bytes(16), number.to_bytes(8, "big"), None, "GET", "/v2", "", {}, 10, 0, {}, answered_ns=20)
    trace.status = 200
    trace.parts += [Part("shipway.wait", 10, 11, {})] * parts
    return trace


class Gate(ListSpans):
    """Takes nothing before it is opened."""

    __slots__ = ("entered", "opened")

    def __init__(self):
        ListSpans.__init__(self)
        self.opened, self.entered = threading.Event(), threading.Event()

    def send(self, spans, resource, timeout_s):
        self.entered.set()
        assert self.opened.wait(60)
        return ListSpans.send(self, spans, resource, timeout_s)


def test_what_waits_is_sent_at_the_end():
    spans = ListSpans()
    exporter = Exporter(spans, make_sampling(batch=10), DOOR)
    for number in (1, 2):
        exporter.put(make_trace(number))
    assert exporter.state.waiting == 4
    assert exporter.stop(60)
    ((resource, sent),) = spans.sent
    assert resource == {"service.name": "s"}
    assert [span.name for span in sent] == ["GET /v2", "shipway.wait"] * 2
    assert (exporter.state.sent, exporter.state.waiting, exporter.state.error) == (4, 0, None)


def test_many_are_sent_together_and_no_request_is_split():
    spans = ListSpans()
    exporter = Exporter(spans, make_sampling(), DOOR)
    for number in (1, 2, 3):
        exporter.put(make_trace(number, parts=2))
    assert exporter.stop(60)
    assert [len(sent) for _, sent in spans.sent] == [3, 3, 3]


def test_a_full_batch_does_not_wait_for_its_time():
    spans = Gate()
    exporter = Exporter(spans, make_sampling(), DOOR)
    exporter.put(make_trace(1, parts=3))
    assert spans.entered.wait(60)
    spans.opened.set()
    assert exporter.stop(60)


def test_what_is_too_much_is_dropped_and_counted():
    spans = Gate()
    exporter = Exporter(spans, make_sampling(), DOOR)
    for number in range(1, 8):
        exporter.put(make_trace(number))
    assert spans.entered.wait(60)
    assert (exporter.state.waiting, exporter.state.dropped) == (10, 4)
    spans.opened.set()
    assert exporter.stop(60)
    assert (exporter.state.waiting, exporter.state.sent, exporter.state.dropped) == (0, 10, 4)


def test_a_collector_that_is_away_is_told_once_and_costs_nobody_anything(caplog):
    spans = ListSpans(there=False)
    exporter = Exporter(spans, make_sampling(timeout_s=0.01), DOOR)
    for number in (1, 2, 3, 4):
        exporter.put(make_trace(number))
    assert not exporter.stop(60)
    assert (exporter.state.failed, exporter.state.sent, exporter.state.error) == (8, 0, "nobody is there")
    assert [record.message for record in caplog.records] == ["spans are not taken: nobody is there"]


def test_what_was_not_taken_is_sent_again(monkeypatch, caplog):
    monkeypatch.setattr("shipway.serving.exporter._FIRST_PAUSE_S", 0.001)
    tries, taken = [], threading.Event()

    class Busy(ListSpans):
        def send(self, spans, resource, timeout_s):
            tries.append(len(spans))
            if len(tries) < 3:
                return Delivery(lost=len(spans), error="busy", again_s=0.0)
            taken.set()
            return ListSpans.send(self, spans, resource, timeout_s)

    spans = Busy()
    exporter = Exporter(spans, make_sampling(batch=2), DOOR)
    exporter.put(make_trace(1))
    assert taken.wait(60)
    assert exporter.stop(60)
    assert tries == [2, 2, 2]
    assert (exporter.state.sent, exporter.state.failed) == (2, 0)
    assert [record.message for record in caplog.records] == ["spans are not taken: busy", "spans are taken again"]


def test_the_thread_outlives_what_nobody_foresaw(caplog):
    class Broken(ListSpans):
        def send(self, spans, resource, timeout_s):
            raise KeyError("x")

    exporter = Exporter(Broken(), make_sampling(batch=10), DOOR)
    odd = make_trace(1)
    odd.parts.append(None)
    exporter.put(odd)
    exporter.put(make_trace(2))
    assert not exporter.stop(60)
    assert (exporter.state.failed, exporter.state.waiting) == (5, 0)
    assert [record.message for record in caplog.records if record.exc_info] == [
        "no spans can be made of what was noted",
        "spans cannot be sent",
    ]


@pytest.mark.parametrize("lost", [1, 2])
def test_what_the_collector_rejects_is_counted(lost):
    class Picky(ListSpans):
        def send(self, spans, resource, timeout_s):
            return Delivery(lost=lost, error="too old")

    exporter = Exporter(Picky(), make_sampling(), DOOR)
    exporter.put(make_trace(1))
    assert not exporter.stop(60)
    assert (exporter.state.failed, exporter.state.sent, exporter.state.error) == (lost, 2 - lost, "too old")
